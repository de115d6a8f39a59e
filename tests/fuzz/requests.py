"""Signed requests to the deployed stack: those that schemathesis derives from docs/openapi.json, and hostile bodies."""

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deployment import Deployment, aws
from quickstart.invocation import EXPECTED
from simulator import CLIENT_SECRET
from tests import hostile
from tests.emulator.support import REPOSITORY
from tests.end_to_end.host import HostProduct, Seller, new_seller
from tests.fuzz.tally import Tally, echoed
from tests.waiting import SECONDS

Case = schemathesis.Case[Any]
Operation = schemathesis.APIOperation[Any, Any, Any, Any]
OPENAPI = REPOSITORY / "docs" / "openapi.json"
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# The stack's parameters with which it has all APIs.
AUTHORIZATION = {
    "AuthorizationEnabled": "Yes",
    "ApplicationId": "amzn1.sp.solution.simulator",
    "AuthorizationLoginPage": "https://host.example/login",
    "AuthorizationAddress": "https://stack.example",
}
_GATEWAY_REFUSALS = ("signature", "Missing Authentication Token", "scoped to")


def _names(classes: Iterable[type[BaseException]]) -> Iterator[str]:
    for one in classes:
        yield one.__name__
        yield from _names(one.__subclasses__())


# What Lambda logs of an exception that leaves a function. The state machines handle the expected ones by their names.
_RAISED = re.compile(r"^\[ERROR\] (?:\w+\.)*(\w+)")
_FORESEEN = frozenset(_names(EXPECTED))


@dataclass
class Door:
    """The stack's APIs, and how a host product signs requests to them. `secrets` must never come back."""

    host: HostProduct
    seller: Seller
    secrets: Sequence[str]
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def deployment(self) -> Deployment:
        return self.host.deployment

    def send(self, base: str, case: Case, *, signed: bool) -> requests.Response:
        """Sends the case as schemathesis would, signed for execute-api with the host product's credentials."""
        given = case.as_transport_kwargs(base_url=base)
        given.pop("timeout", None)
        prepared = self.session.prepare_request(requests.Request(**_of_a_request(given)))
        # AWS's signature knows a space as %20 only.
        prepared.url = str(prepared.url).replace("+", "%20")
        if signed:
            self._sign(prepared)
        return self.session.send(prepared, timeout=SECONDS)

    def _sign(self, prepared: requests.PreparedRequest) -> None:
        keys = self.host.credentials
        credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        request = AWSRequest(prepared.method, prepared.url, data=prepared.body or b"")
        SigV4Auth(credentials, "execute-api", self.deployment.servers.region).add_auth(request)
        prepared.headers.update(dict(request.headers))


def door_of(host: HostProduct, seller_id: str) -> Door:
    """With a seller whose token is stored."""
    seller = new_seller(host.deployment.servers, seller_id)
    host.store_token(seller)
    return Door(host, seller, (seller.refresh_token, CLIENT_SECRET, host.credentials["SecretAccessKey"]))


def _of_a_request(given: Mapping[str, Any]) -> dict[str, Any]:
    names = ("method", "url", "headers", "files", "data", "params", "auth", "cookies", "json")
    return {name: value for name, value in given.items() if name in names}


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for result in schemathesis.openapi.from_dict(dict(document)).get_all_operations():
        operation: Any = result
        yield operation.ok()


def fuzz_requests(door: Door, tally: Tally, cases: int, first_seed: int, every: int = 1) -> None:
    """Sends so many cases, spread over every operation, or every second, third and so on.

    Every second case is of the seller whose token is stored.
    """
    document = json.loads(OPENAPI.read_text("utf-8"))
    found = list(operations(document))[::every]
    for number, operation in enumerate(found):
        share = cases // len(found) + (number < cases % len(found))
        _fuzz(door, tally, operation, document["paths"][operation.path], share, first_seed + 1000 * number)
        # DELETE /tokens/{sellerId} and POST /tokens with another token.
        door.host.store_token(door.seller)


def _fuzz(door: Door, tally: Tally, operation: Operation, path: Mapping[str, Any], cases: int, first_seed: int) -> None:
    described = path[operation.method.lower()]
    base, signed = _base(door.deployment, path), bool(described.get("security", True))
    kind = f"{operation.method.upper()} {operation.path}"
    chance = random.Random(f"{first_seed} {kind}")

    def run(case: Case) -> None:
        given = {"path": case.path_parameters, "query": case.query, "body": case.body}
        try:
            response = door.send(base, case, signed=signed)
        except (UnicodeError, ValueError, requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as error:
            tally.add(kind, f"not sent ({type(error).__name__})")
            return
        tally.add(kind, str(response.status_code), _faults(door, case, response), given)

    strategy = _strategy(operation, _good(described, door.seller), door.seller.refresh_token, chance)
    hostile.each(strategy, run, cases, first_seed)


def _base(deployment: Deployment, path: Mapping[str, Any]) -> str:
    """Where the emulator serves the API of this path: its id is in the output that the server's variable names."""
    (server,) = path["servers"]
    output = server["variables"]["apiId"]["description"].rstrip(".").rpartition(" ")[2]
    stage = urlsplit(server["url"]).path
    return f"{deployment.servers.aws_endpoint}/_aws/execute-api/{deployment.outputs[output]}{stage}"


def _good(described: Mapping[str, Any], seller: Seller) -> dict[str, object]:
    """Values with which a request gets past the first checks: those of the examples, of the seller that is stored."""
    content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    parameters = {one["name"]: one["example"] for one in described.get("parameters", []) if "example" in one}
    good = {**content.get("example", {}), **parameters}
    own = {"SellerId": seller.seller_id, "sellerId": seller.seller_id, "RefreshToken": seller.refresh_token}
    return {name: own.get(name, value) for name, value in good.items()}


def _strategy(
    operation: Operation, good: Mapping[str, object], token: str, chance: random.Random
) -> st.SearchStrategy[Case]:
    """A third of schemathesis' cases fits the schema, a third does not, and a third has a hostile body or query."""
    positive = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    kinds = [positive]
    if operation.body or operation.query or operation.path_parameters:
        kinds.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    names = [name for body in operation.body for name in body.definition["schema"].get("properties", {})]
    if names:
        document = {name: good.get(name, "x") for name in names}
        # A token as a value or a name, at any level.
        misplaced = st.sampled_from([token, quote(token), f"Bearer {token}", {token: token}])
        bodies = hostile.weighted(
            (1, hostile.bodies(*names)),
            (2, hostile.altered(document).map(hostile.written)),
            (1, hostile.altered(document, misplaced).map(hostile.written)),
            (1, st.just(hostile.written({**document, token: "x"}))),
        )
        kinds.append(st.builds(_with_body, positive, bodies))
    queries = [parameter.name for parameter in operation.query]
    if queries:
        query = st.fixed_dictionaries({}, optional=dict.fromkeys(queries, hostile.short_texts))
        kinds.append(st.builds(_with_query, positive, query))
    return st.one_of(kinds).map(lambda case: _mixed(case, good, chance))


def _with_body(case: Case, body: bytes) -> Case:
    case.body, case.media_type = body, "application/json"
    return case


def _with_query(case: Case, query: dict[str, str]) -> Case:
    case.query = {**(case.query or {}), **query}
    return case


def _mixed(case: Case, good: Mapping[str, object], chance: random.Random) -> Case:
    """The case, of which every second field has a good value; the others stay what they are."""

    def mix(fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {name: good[name] if name in good and chance.random() < 0.5 else value for name, value in fields.items()}

    if isinstance(case.body, dict):
        case.body = mix(case.body)
    case.query = mix(case.query)
    case.path_parameters = mix(case.path_parameters)
    return case


def _faults(door: Door, case: Case, response: requests.Response) -> Iterator[str]:
    yield from echoed(door.secrets, response.text + json.dumps(dict(response.headers)))
    if response.status_code == 403 and any(text in response.text for text in _GATEWAY_REFUSALS):
        yield f"the gateway refuses the request: {response.text[:300]}"
        return
    try:
        case.validate_response(response, checks=_CHECKS)
    except BaseExceptionGroup as failures:
        for failure in failures.exceptions:
            yield f"{response.status_code}, {type(failure).__name__}: {str(failure)[:300]} {response.text[:300]}"


def fuzz_logs(deployment: Deployment, tally: Tally, secrets: Sequence[str]) -> None:
    """Every log line of every function: no secret, and no exception that nobody foresaw."""
    logs = aws(deployment.servers, "logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            for events in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                for event in events["events"]:
                    tally.check("log line", _log_faults(event["message"], secrets), (name, event["message"]))


def _log_faults(line: str, secrets: Sequence[str]) -> Iterator[str]:
    yield from echoed(secrets, line)
    raised = _RAISED.search(line)
    if '"exception_name"' in line or (raised and raised[1] not in _FORESEEN):
        yield "an exception that nobody foresaw"
