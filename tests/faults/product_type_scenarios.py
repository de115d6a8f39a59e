"""Scenarios of the functions that fetch and show product type definitions."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from quickstart import callers
from quickstart.product_types import wiring as product_types
from quickstart.product_types.changes import changes_of
from quickstart.product_types.pulls import Counts, Issue, IssueKind, Pull, PullStatus, Selection, Wanted
from quickstart.product_types.store import fetch_and_store
from quickstart.times import to_text
from sp_api.deadline import Deadline
from sp_api.regions import Region
from tests.faults.scenario import MARKETPLACE, Kind, Scenario, request, seller_fields
from tests.faults.world import Invocation, World

_SHIRT = "SHIRT"
# The marketplace has it not, and SP-API answers with another type.
_SARI = "SARI"


def _selection(world: World, **more: Any) -> Selection:
    return Selection(world.seller_id, Region.NA, (MARKETPLACE,), **({"product_types": (_SHIRT,)} | more))


def recorded_pull(world: World, **more: Any) -> Pull:
    """A pull that is recorded and not started."""
    pull = Pull(
        pull_id=uuid.uuid4().hex,
        selection=_selection(world, **more),
        status=PullStatus.LISTING,
        created_time=to_text(datetime.now(UTC)),
        counts=Counts(),
    )
    assert product_types.pulls().create(pull)
    return pull


def _listed(world: World, product_type: str) -> Pull:
    """A pull whose list of definitions is stored."""
    pull = recorded_pull(world, product_types=(product_type,))
    product_types.pulls().listed(pull, [Wanted(MARKETPLACE, product_type)])
    return pull


def stored_schema(world: World, product_type: str, **more: Any) -> None:
    """Fetches and stores a definition as the functions do."""
    key = _selection(world, **more).key(Wanted(MARKETPLACE, product_type))
    caller = callers.seller(world.seller_id, Region.NA, Deadline.after(20))
    fetch_and_store(product_types.schema_storage(), caller, key)


# The API.


def _start(world: World) -> dict[str, Any]:
    fields = {"MarketplaceIds": MARKETPLACE, "ProductTypes": [_SHIRT], "RefreshDaily": True, "ClientToken": "token-1"}
    return request("POST", "/product-types/pulls", seller_fields(world, **fields))


def _of_pull(pull: Pull, method: str, more: str = "") -> dict[str, Any]:
    body: dict[str, object] | None = {} if method == "POST" else None
    return request(method, f"/product-types/pulls/{{pullId}}{more}", body, path={"pullId": pull.pull_id})


def _show_pull(world: World) -> dict[str, Any]:
    return _of_pull(_listed(world, _SHIRT), "GET")


def _resume(world: World) -> dict[str, Any]:
    """A pull whose execution was stopped."""
    world.use_waiting_machine()
    pull = _listed(world, _SHIRT)
    product_types.machine().start(pull)
    product_types.machine().stop(pull)
    return _of_pull(pull, "POST", "/resume")


def _end(world: World) -> dict[str, Any]:
    world.use_waiting_machine()
    pull = _listed(world, _SHIRT)
    product_types.pulls().keep_fresh(pull)
    product_types.machine().start(pull)
    return _of_pull(pull, "DELETE")


def _list(world: World) -> dict[str, Any]:
    stored_schema(world, _SHIRT)
    return request("GET", "/product-types", query={"MarketplaceId": MARKETPLACE})


def _show(world: World) -> dict[str, Any]:
    stored_schema(world, _SHIRT)
    path = {"productType": _SHIRT}
    return request("GET", "/product-types/{productType}", query={"MarketplaceId": MARKETPLACE}, path=path)


def _change() -> None:
    now = to_text(datetime.now(UTC))
    product_types.product_types_table().put(
        {
            "Collection": changes_of(MARKETPLACE, _SHIRT),
            "Entry": "CHANGE#1",
            "ProductType": _SHIRT,
            "MarketplaceId": MARKETPLACE,
            "ChangedTime": now,
            "ChangeOrder": f"{now}#{_SHIRT}",
            "Difference": "{}",
        }
    )


def _changes(_: World) -> dict[str, Any]:
    _change()
    return request("GET", "/product-types/changes", query={"MarketplaceId": MARKETPLACE})


def _changes_of_type(_: World) -> dict[str, Any]:
    _change()
    path = {"productType": _SHIRT}
    return request("GET", "/product-types/{productType}/changes", query={"MarketplaceId": MARKETPLACE}, path=path)


# The workflow and the daily event.


def _step(pull: Pull) -> dict[str, Any]:
    return {"PullId": pull.pull_id, "Execution": "execution-1"}


def _search(world: World) -> dict[str, Any]:
    return _step(recorded_pull(world, product_types=(), keywords=("shirt",)))


def _fetch(world: World) -> dict[str, Any]:
    """A definition that is not stored yet, and for which SP-API answers with another one."""
    return _step(_listed(world, _SARI))


def _fetch_changed(world: World) -> dict[str, Any]:
    """A definition that has changed since it was stored; an earlier attempt of this pull failed."""
    world.control("PUT", "/product-types", {"latestVersion": 0})
    stored_schema(world, _SHIRT)
    world.control("PUT", "/product-types", {"latestVersion": 1})
    pull = _listed(world, _SHIRT)
    product_types.pulls().add_issue(pull, Issue(IssueKind.FAILED, Wanted(MARKETPLACE, _SHIRT), "code", "message"))
    return _step(pull)


def _refresh(world: World) -> dict[str, Any]:
    product_types.pulls().keep_fresh(recorded_pull(world))
    return {}


def _goes_on(done: Invocation) -> bool:
    return not done.result["Done"]


def _issue(world: World) -> str:
    """What a pull says of the definition that failed, or that its meta-schema is missing until the next pull."""
    for _, item in world.stored():
        if item.get("Kind", {}).get("S") == IssueKind.FAILED:
            return str(item["Message"]["S"])
        if item.get("Collection", {}).get("S", "").startswith("DEFINITIONS#") and "MetaSchemaChecksum" not in item:
            return "the meta-schema is not stored"
    return ""


def _scenarios() -> Iterator[Scenario]:
    pulls, catalogue = "product_type_pulls", "product_type_catalogue"
    yield Scenario("POST /product-types/pulls", pulls, Kind.API, _start)
    yield Scenario("GET /product-types/pulls/{pullId}", pulls, Kind.API, _show_pull)
    yield Scenario("POST /product-types/pulls/{pullId}/resume", pulls, Kind.API, _resume, ends=(409,))
    yield Scenario("DELETE /product-types/pulls/{pullId}", pulls, Kind.API, _end)
    yield Scenario("GET /product-types", catalogue, Kind.API, _list)
    yield Scenario("GET /product-types/{productType}", catalogue, Kind.API, _show)
    yield Scenario("GET /product-types/changes", catalogue, Kind.API, _changes)
    yield Scenario("GET /product-types/{productType}/changes", catalogue, Kind.API, _changes_of_type)
    yield Scenario("search", "product_type_search", Kind.STEP, _search, "ListTypes", recorded=_issue)
    fetcher = "product_type_fetcher"
    for name, prepare in (("fetch", _fetch), ("fetch what has changed", _fetch_changed)):
        yield Scenario(name, fetcher, Kind.STEP, prepare, "FetchDefinitions", unfinished=_goes_on, recorded=_issue)
    yield Scenario("daily refresh", "product_type_refresh", Kind.EVENT, _refresh)


SCENARIOS = tuple(_scenarios())
