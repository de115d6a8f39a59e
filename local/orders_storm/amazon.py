"""Amazon: the SP-API simulator in this process, on the simulated clock."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from urllib3.exceptions import ProtocolError

from orders_storm.simulated_time import SimulatedTime
from sp_api.caller import SellingPartnerApi, user_agent
from sp_api.lwa import ApplicationCredentials, LwaClient
from sp_api.regions import Environment
from sp_api_simulator.app import build_app, new_state
from sp_api_simulator.clock import Clock
from sp_api_simulator.faults import Fault
from sp_api_simulator.sandbox import SandboxExamples
from sp_api_simulator.state import Region, Settings, State

CLIENT_ID, CLIENT_SECRET = "amzn1.application-oa2-client.storm", "secret-of-the-storm"
ENDPOINT = "http://simulator"
ASK, SUBMIT = "getSolicitationActionsForOrder", "createProductReviewAndSellerFeedbackSolicitation"


class _SimulatedClock(Clock):
    """The simulator's clock, driven by the simulated time."""

    def __init__(self, time: SimulatedTime) -> None:
        super().__init__()
        self._time = time
        self._begun = time.now()

    def now(self) -> datetime:
        return self._time.now()

    def service_seconds(self) -> float:
        return (self._time.now() - self._begun).total_seconds()


@dataclass(frozen=True)
class OrderCall:
    """One call to the Solicitations API, as received by SP-API."""

    moment: datetime
    operation: str
    order_id: str
    status: int


@dataclass
class Answer:
    """The parts of a urllib3 response that the client uses."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    connection: None = None
    received: int = 0

    def read1(self, amount: int, decode_content: bool) -> bytes:  # noqa: ARG002
        piece, self.body = self.body[:amount], self.body[amount:]
        self.received += len(piece)
        return piece

    def tell(self) -> int:
        return self.received

    def close(self) -> None:
        pass


@dataclass
class Amazon:
    """LWA and the Solicitations API. `lost` is the share of the responses to review requests that
    never arrive, `failing` the share of calls that fail with 503."""

    time: SimulatedTime
    chance: random.Random
    lost: float = 0.0
    failing: float = 0.0
    calls: list[OrderCall] = field(default_factory=list)
    lost_answers: int = 0
    state: State = field(init=False)

    def __post_init__(self) -> None:
        settings = Settings(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, application_id="storm")
        examples = SandboxExamples(Path(), loaded=False, by_operation={})
        self.state = new_state(settings, examples, _SimulatedClock(self.time))
        self._app = build_app(self.state, {}, lambda: None)
        self._loop = asyncio.new_event_loop()

    def api(self) -> SellingPartnerApi:
        """An SP-API client that is connected to this simulator."""
        environment = Environment(ENDPOINT + "/{sandbox}{region}", ENDPOINT + "/auth/o2/token")
        credentials = ApplicationCredentials(CLIENT_ID, CLIENT_SECRET)
        http: Any = self
        lwa = LwaClient(http, environment.lwa_url, lambda *, fresh: credentials, lambda: self.time.now().timestamp())  # noqa: ARG005
        return SellingPartnerApi(environment, lwa, http, user_agent("OrdersStorm", "1"))

    def regions(self) -> frozenset[Region]:
        """The simulator's own regions."""
        return frozenset(Region)

    def outage(self, start: datetime, hours: float, operation: str, status: int) -> None:
        """All operations (or one) fail with this status for some hours."""
        fault = Fault("status", operation=operation, remaining=None, status=status)
        self.time.at(start, lambda: self.state.faults.open.append(fault))
        self.time.at(start + timedelta(hours=hours), lambda: self.state.faults.open.remove(fault))

    def statuses(self) -> Counter[tuple[str, int]]:
        return Counter((call.operation, call.status) for call in self.calls)

    # The methods of urllib3's PoolManager that the client uses.

    def clear(self) -> None:
        pass

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **_: object) -> Answer:
        path = urlsplit(url).path
        if "/solicitations/" not in path:
            return self._exchange(method, url, body, headers)
        if self.chance.random() < self.failing:
            self.state.faults.open.insert(0, Fault("status", status=503))
        answer = self._exchange(method, url, body, headers)
        operation = ASK if method == "GET" else SUBMIT
        order_id = unquote(path.split("/orders/")[1].split("/")[0])
        self.calls.append(OrderCall(self.time.now(), operation, order_id, answer.status))
        if operation == SUBMIT and self.chance.random() < self.lost:
            self.lost_answers += 1
            raise ProtocolError("the response is lost")
        return answer

    def _exchange(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "root_path": "",
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("simulator", 80),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))  # type: ignore[arg-type]
        return Answer(
            sent[0]["status"],
            _Headers({name.decode(): value.decode() for name, value in sent[0]["headers"]}),
            b"".join(message.get("body", b"") for message in sent[1:]),
        )


class _Headers(dict[str, str]):
    """Case-insensitive headers, as in urllib3."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


STATE_MACHINE = Path(__file__).resolve().parents[2] / "templates" / "statemachines" / "solicitation.asl.json"
