"""What holds for the requests of every API, whichever function answers them."""

from collections.abc import Mapping

import pytest

from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields, Sent
from reference.endpoints import CHECKOUT, _load, endpoints

FUNCTIONS = sorted(
    path.parent.name for path in (CHECKOUT / "functions").glob("*/app.py") if "\nROUTES: " in path.read_text("utf-8")
)
# As the doctor sends it: some requests have only optional fields.
UNKNOWN: Mapping[str, object] = {"Doctor": "check"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_request_with_an_unknown_field_is_refused_before_anything_is_done(function: str) -> None:
    """Nothing that a route needs is set here, so whatever it does instead fails."""
    for route, action in _load(CHECKOUT / f"functions/{function}/app.py").ROUTES.items():
        sent = Sent.BODY if route.startswith(("POST ", "PATCH ")) else Sent.QUERY
        fields = Fields(UNKNOWN, sent=sent)
        with pytest.raises(InvalidRequestError) as refused:
            action(fields)
        assert ("Doctor", "UnknownField") in [(error.field, error.code) for error in refused.value.errors], route


def test_every_field_of_the_reference_has_a_rule() -> None:
    """docs/openapi.json is generated from them."""
    without = [
        (endpoint.route, field.name)
        for endpoint in endpoints()
        for field in endpoint.fields
        if not field.rule and set(field.schema) <= {"type"}
    ]
    assert without == []


def test_how_many_entries_a_page_may_have() -> None:
    """By route: how many there are by default, and at most."""
    rules = {
        endpoint.route: field.rule for endpoint in endpoints() for field in endpoint.fields if field.name == "Limit"
    }
    pages = {
        "GET /authorizations": (100, 100),
        "GET /listings": (20, 100),
        "GET /listings/feeds": (20, 100),
        "GET /listings/feeds/{feedRequestId}": (100, 1000),
        "GET /product-types": (50, 200),
        "GET /product-types/changes": (50, 200),
        "GET /product-types/pulls/{pullId}": (50, 200),
        "GET /product-types/{productType}/changes": (50, 200),
        "GET /reports": (20, 100),
    }
    assert rules == {
        route: f"a whole number from 1 to {most}; {usual} by default" for route, (usual, most) in pages.items()
    }
