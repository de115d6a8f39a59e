"""Amazon: the SP-API simulator in this process, on the simulated clock, with faults."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from urllib3.exceptions import ProtocolError

from orders_storm import amazon
from sp_api_simulator.faults import Fault

DEFINITION, DOCUMENT = "getDefinitionsProductType", "downloadSchema"


@dataclass
class _Broken(amazon.Answer):
    """An answer whose connection breaks before its end."""

    def read1(self, amount: int, decode_content: bool) -> bytes:
        piece = super().read1(amount, decode_content)
        if not piece:
            raise ProtocolError("the connection broke")
        return piece


@dataclass
class Amazon(amazon.Amazon):
    """LWA and the Product Type Definitions API.

    Of the calls, the share `throttled` is answered with 429 although the quota allows them, and the share `failing`
    with 500 or not at all. Of the documents, the share `broken` ends early, and the link of as many has expired.
    """

    throttled: float = 0.0
    broken: float = 0.0
    # How often each definition and each document was served.
    served: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **_: object
    ) -> amazon.Answer:
        path = url.partition("?")[0]
        operation = DEFINITION if "/productTypes/" in path else DOCUMENT if "/product-type-schemas/" in path else ""
        lost = operation == DEFINITION and self._plan_fault(operation)
        if operation == DOCUMENT:
            self._plan_expiry()
        answer = self._exchange(method, url, body, headers)
        self.answers[operation, answer.status] += 1
        if lost:
            raise ProtocolError("the response is lost")
        if operation == DOCUMENT and self.chance.random() < self.broken:
            return _Broken(answer.status, answer.headers, answer.body[:100])
        if answer.status == 200:
            self.served[url if operation == DEFINITION else path] += 1
        return answer

    def _plan_fault(self, operation: str) -> bool:
        """Whether the answer gets lost."""
        if self.chance.random() < self.throttled:
            self.state.faults.open.append(Fault("status", operation=operation, status=429))
            return False
        if self.chance.random() >= self.failing:
            return False
        if self.chance.random() < 0.5:
            self.state.faults.open.append(Fault("status", operation=operation, status=500))
            return False
        return True

    def _plan_expiry(self) -> None:
        if self.chance.random() < self.broken:
            self.state.faults.open.append(Fault("expire", operation=DOCUMENT))
