"""A warm function lives for hours and may see thousands of sellers: whatever it remembers has a bound."""

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quickstart.notifications.subscription_records import KnownSubscriptions
from sp_api import caller, lwa
from sp_api.caller import SellingPartnerApi
from sp_api.deadline import Deadline
from sp_api.least_recently_used import MOST_ENTRIES
from sp_api.lwa import ApplicationCredentials, LwaClient
from sp_api.regions import Environment, Region
from sp_api.solicitations import get_solicitation_actions_for_order
from sp_api.transport import HttpAnswer, make_http
from tests.unit.quickstart.support import Aws, MemoryTable

ROOT = Path(__file__).resolve().parents[3]
SELLERS = MOST_ENTRIES + 50
# Functions whose results are kept for each argument, of which there are two or three.
FEW_ARGUMENTS = {("selling_partner_api", "sandbox"), ("forwarder", "dead_letter_queue_setting")}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for folder in ("layers/sp_api/python/sp_api", "layers/sp_api/python/quickstart", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def test_no_function_remembers_a_result_for_each_of_many_arguments() -> None:
    found = {
        (node.name, argument.arg)
        for _, module in sources()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(ast.unparse(each).rpartition(".")[2].startswith(("cache", "lru_cache")) for each in node.decorator_list)
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if argument.arg != "self"
    }
    assert found == FEW_ARGUMENTS


def test_no_module_has_a_collection_that_grows() -> None:
    """An empty one that is made when the module is loaded has no other use."""
    growing = [
        f"{path.relative_to(ROOT)}: {ast.unparse(statement)}"
        for path, module in sources()
        for statement in module.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _is_empty(statement.value)
    ]
    assert growing == []


def _is_empty(value: ast.expr | None) -> bool:
    match value:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            return True
        case ast.Call(args=[], keywords=[]):
            return ast.unparse(value.func) in ("dict", "list", "set", "OrderedDict", "Counter", "deque")
        case ast.Call():
            return ast.unparse(value.func) in ("defaultdict", "deque")
    return False


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """LWA and SP-API, without a network."""

    def exchange(_: object, operation: str, *__: object, **___: Any) -> HttpAnswer:
        token = {"access_token": "Atza|token", "expires_in": 3600}
        body = token if operation.startswith("LWA") else {"_links": {"actions": []}}
        return HttpAnswer(200, {"x-amzn-RateLimit-Limit": "1.0"}, json.dumps(body).encode())

    monkeypatch.setattr(lwa, "exchange", exchange)
    monkeypatch.setattr(caller, "exchange", exchange)


@pytest.mark.usefixtures("answers")
def test_tokens_and_rates_of_sellers_are_bounded() -> None:
    credentials = ApplicationCredentials("a", "s")
    client = LwaClient(make_http(), "https://lwa", lambda *, fresh: credentials)  # noqa: ARG005
    api = SellingPartnerApi(Environment(), client, make_http(), "Test/1")
    for number in range(SELLERS):
        seller = api.for_seller(f"A{number}", Region.EU, lambda *, fresh: "Atzr|1", Deadline.after(30))  # noqa: ARG005
        assert get_solicitation_actions_for_order(seller, "1", "A13V1IB3VIYZZH") == ()
    assert [len(cache) for cache in (client._tokens, client._locks, api._rate_limits)] == [MOST_ENTRIES] * 3


def test_known_subscriptions_are_bounded(aws: Aws) -> None:
    """Each is found by its id, as if it was in the table's index."""
    memory = MemoryTable(aws, "SellerId", "Item")

    def found(given: Mapping[str, Any]) -> Mapping[str, Any]:
        subscription_id = given["ExpressionAttributeValues"][":hash"]["S"]
        texts = {
            "SellerId": "A1",
            "Item": "SUBSCRIPTION#NA",
            "RegionCode": "NA",
            "NotificationType": "ANY_OFFER_CHANGED",
            "SubscriptionId": subscription_id,
            "DestinationId": "d",
            "PayloadVersion": "1.0",
        }
        return {"Items": [{name: {"S": text} for name, text in texts.items()}]}

    aws.answers["Query"] = found
    known = KnownSubscriptions(memory.table)
    for number in range(SELLERS):
        record = known.find(f"s-{number}")
        assert record is not None
        assert record.subscription_id == f"s-{number}"
    assert len(known._found) == MOST_ENTRIES
