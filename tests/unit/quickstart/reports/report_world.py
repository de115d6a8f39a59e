"""POST /reports between the real SP-API simulator and a Reports table in memory: all that can go wrong, step by step.

Time passes only when a step says so.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import requests
from boto3.dynamodb.conditions import ConditionBase
from botocore.exceptions import ClientError

from quickstart.dynamodb import Item, Table
from quickstart.refusals import Refusal, refusal_of
from quickstart.reports import requests as product
from quickstart.reports.client_tokens import ClientTokens
from quickstart.reports.ledger import ReportLedger
from quickstart.reports.open_requests import Fit, OpenRequest, OpenRequests
from quickstart.reports.requests import ReportRecords, create_report, read_request
from quickstart.validation import Fields
from sp_api import reports as sp_api_reports
from sp_api.caller import Caller, SellingPartnerApi, user_agent
from sp_api.deadline import Deadline
from sp_api.errors import SellingPartnerApiError
from sp_api.lwa import ApplicationCredentials, LwaClient
from sp_api.regions import Environment, Region
from sp_api.reports import CreateReportSpecification, Report, ReportFilter
from sp_api.transport import make_http
from tests.unit.quickstart.support import always_known, holds

REPOSITORY = Path(__file__).resolve().parents[4]
SELLER_ID = "A3TH9S8BH6GOGM"
REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"


class FunctionKilledError(BaseException):
    """The function's process ends here: nothing after it runs."""


class ReportsTable(Table):
    """DynamoDB's part, with conditions. `failures` has which of the next writes fail, and whether they are carried out.

    An entry of `failures` is None (the write succeeds), "before" or "after".
    """

    def __init__(self) -> None:
        super().__init__(cast("Any", None), "reports")
        object.__setattr__(self, "items", {})
        object.__setattr__(self, "failures", [])
        object.__setattr__(self, "lock", threading.Lock())

    items: dict[tuple[str, str], dict[str, Any]]
    failures: list[str | None]
    lock: threading.Lock

    def get(self, key: Item) -> Item | None:
        item = self.items.get(_key(key))
        return None if item is None else dict(item)

    def put(self, item: Item, condition: ConditionBase | None = None) -> bool:
        return self._write(lambda: self._put(item, condition))

    def update(
        self,
        key: Item,
        values: Item,
        *,
        unless_present: Item | None = None,
        remove: Iterable[str] = (),
        condition: ConditionBase | None = None,
    ) -> bool:
        return self._write(lambda: self._update(key, values, unless_present or {}, remove, condition))

    def updated(
        self,
        key: Item,
        values: Item,
        *,
        unless_present: Item | None = None,
        remove: Iterable[str] = (),
        condition: ConditionBase | None = None,
    ) -> Item | None:
        written = self._write(lambda: self._update(key, values, unless_present or {}, remove, condition))
        return self.get(key) if written else None

    def delete(self, key: Item) -> None:
        self.items.pop(_key(key), None)

    def scan(self, condition: ConditionBase) -> Iterator[Item]:
        return iter([dict(item) for item in self.items.values() if holds(condition, item)])

    def _write(self, write: Callable[[], bool]) -> bool:
        failure = self.failures.pop(0) if self.failures else None
        with self.lock:
            done = write() if failure != "before" else False
        if failure is not None:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "no answer"}}, "UpdateItem")
        return done

    def _put(self, item: Item, condition: ConditionBase | None) -> bool:
        if not holds(condition, self.items.get(_key(item), {})):
            return False
        self.items[_key(item)] = {name: value for name, value in item.items() if value is not None}
        return True

    def _update(
        self, key: Item, values: Item, unless_present: Item, remove: Iterable[str], condition: ConditionBase | None
    ) -> bool:
        item = self.items.get(_key(key), {})
        if not holds(condition, item):
            return False
        item = {**key, **{name: value for name, value in item.items() if name not in set(remove)}}
        item |= {name: value for name, value in values.items() if value is not None}
        item = {**{name: value for name, value in unless_present.items() if value is not None}, **item}
        self.items[_key(key)] = item
        return True


def _key(item: Item) -> tuple[str, str]:
    return item["ReportId"], item["SellerId"]


@contextmanager
def running_simulator() -> Iterator[str]:
    """A simulator of its own; gives its address."""
    command = [sys.executable, "-m", "sp_api_simulator", "--port", "0", "--quiet", "--rate-limit-scale", "0"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY / "local")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(10)


@dataclass(frozen=True)
class Answer:
    """What the host product receives; `status` 0 when the function was killed."""

    status: int
    code: str = ""
    report_id: str = ""
    retry_after: float | None = None
    message: str = ""


@dataclass
class World:
    """One seller, one stack, SP-API. `made` has the reports that the requests with each token created."""

    url: str
    session: requests.Session
    table: ReportsTable = field(default_factory=ReportsTable)
    made: dict[str, list[str]] = field(default_factory=dict)
    ahead: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.control("POST", "/reset")
        refresh_token = self.control("POST", "/sellers", {"sellerId": SELLER_ID})["refreshToken"]
        self.ledger = ReportLedger(self.table, timedelta(days=90), always_known, self.now)
        self.open_requests = OpenRequests(self.table, self.now, self.pass_time)
        self.records = ReportRecords(
            self.ledger, ClientTokens(self.table, self.now), self.open_requests, pause=self.pass_time
        )
        environment = Environment(self.url + "/{sandbox}{region}", self.url + "/auth/o2/token")
        http = make_http()
        application = ApplicationCredentials("amzn1.application-oa2-client.simulator", "simulator-client-secret")
        self.api = SellingPartnerApi(
            environment,
            LwaClient(http, environment.lwa_url, lambda **_: application),
            http,
            user_agent("Test", "1.0"),
        )
        self.refresh_token = refresh_token

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_time(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        self.control("PUT", "/clock", {"advanceSeconds": seconds})

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.session.request(method, f"{self.url}/simulator{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def caller(self) -> Caller:
        return self.api.for_seller(SELLER_ID, Region.NA, lambda **_: self.refresh_token, Deadline.after(20))

    def listed(self) -> list[str]:
        """The ids of all reports at SP-API."""
        return [report["reportId"] for report in self.control("GET", "/reports")["reports"]]

    def made_by_another_program(self, **fields: object) -> str:
        body = {"sellerId": SELLER_ID, "region": "NA", "reportType": REPORT_TYPE, "marketplaceIds": ["ATVPDKIKX0DER"]}
        return str(self.control("POST", "/reports", body | fields)["reportId"])

    def order(self, fault: str, **fields: object) -> None:
        self.control("POST", "/faults", {"fault": fault, "operation": "createReport", **fields})

    def post(
        self,
        token: str | None,
        body: Mapping[str, object],
        *,
        fault: Mapping[str, object] | None = None,
        killed: str = "",
        failures: Iterable[str | None] = (),
        early: Iterable[str | None] = (),
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
        listing: Callable[[], object] = lambda: None,
    ) -> Answer:
        """POST /reports.

        `fault` is SP-API's, of createReport; `killed` ends the function "before" or "after" createReport, or when the
        token is "claimed" and nothing else is written; `early` are the failures of the first writes, `failures` those
        of the writes after createReport; `before` and `after` happen just before and after it, `listing` just before
        getReports.
        """

        def create(caller: Caller, specification: CreateReportSpecification) -> str:
            before()
            if killed == "before":
                raise FunctionKilledError
            earlier = set(self.listed())
            if fault is not None:
                self.order(**fault)
            try:
                return sp_api_reports.create_report(caller, specification)
            finally:
                self.control("DELETE", "/faults")
                self.made.setdefault(token or "", []).extend(set(self.listed()) - earlier)
                after()
                self.table.failures[:] = failures
                if killed == "after":
                    raise FunctionKilledError

        fields = {"SellerId": SELLER_ID, "RegionCode": "NA", "ReportType": REPORT_TYPE, **body}
        if token is not None:
            fields["ClientToken"] = token
        request = read_request(Fields(fields))
        names = vars(product)
        real = names["reports"]
        names["reports"] = _Reports(create, listing)
        self.table.failures[:] = early
        opening = _Killed(self.table) if killed == "claimed" else self.open_requests
        try:
            report_id = create_report(self.caller(), request, replace(self.records, open_requests=opening))
            return Answer(200, report_id=report_id)
        except FunctionKilledError:
            return Answer(0)
        except ClientError as error:
            return Answer(503, message=str(error))
        except SellingPartnerApiError as error:
            return _refused(refusal_of(error))
        except Refusal as refusal:
            return _refused(refusal)
        finally:
            names["reports"] = real
            self.table.failures.clear()

    def unrecognized(self) -> set[str]:
        """The reports that this stack requested, and that it would take for another program's."""
        opened = self.open_requests.of(SELLER_ID, Region.NA, REPORT_TYPE)
        caller = self.caller()
        return {
            report_id
            for made in self.made.values()
            for report_id in made
            if self.ledger.find(SELLER_ID, report_id) is None
            and all(found.fit(sp_api_reports.get_report(caller, report_id)) is Fit.NO for found in opened)
        }


class _Reports:
    """`sp_api.reports` for one request, with another create_report, and with what happens just before getReports."""

    def __init__(
        self, create: Callable[[Caller, CreateReportSpecification], str], listing: Callable[[], object]
    ) -> None:
        self.create_report = create
        self.listing = listing

    def list_reports(self, caller: Caller, report_filter: ReportFilter) -> Iterator[Report]:
        self.listing()
        return sp_api_reports.list_reports(caller, report_filter)


class _Killed(OpenRequests):
    """The function ends when it opens a request."""

    def add(self, *_: object) -> OpenRequest | None:
        raise FunctionKilledError


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, refusal.errors[0].code, retry_after=refusal.retry_after, message=str(refusal))
