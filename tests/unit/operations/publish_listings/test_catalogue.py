"""A whole file with its product types: which are asked for, which are pulled, and what is said of those that are not
there."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from operations.api import RefusedError
from operations.command import CommandError
from operations.publish_listings.api import StackApi, Target
from operations.publish_listings.catalogue import Catalogue, load_definitions, read_catalogue
from operations.publish_listings.columns import Headings
from operations.publish_listings.definitions import Definition
from operations.publish_listings.files import read_file
from operations.publish_listings.messages import Choices
from operations.publish_listings.progress import Progress
from tests.spreadsheets import HEADINGS, csv_bytes, rows_of, suitcase
from tests.unit.operations.publish_listings.reading import FRANCE, schema_of

TARGET = Target("A1", "EU", FRANCE)
LISTING = "LISTING"


class Api:
    """A stack that has these product types, and gets others from Amazon when they are pulled."""

    def __init__(self, *stored: str, at_amazon: tuple[str, ...] = (), issues: Any = (), answers: Any = None) -> None:
        self.stored, self.at_amazon, self.issues = set(stored), at_amazon, issues
        # The product type that Amazon answers with in place of another one.
        self.answers: Mapping[str, str] = answers or {}
        self.pulled: list[tuple[list[str], str]] = []
        self.refuses = False

    def definition(self, _: Target, product_type: str, requirements: str) -> Definition | None:
        name = self.answers.get(product_type, product_type)
        return schema_of(name, requirements) if product_type in self.stored else None

    def pull(self, _: Target, names: list[str], requirements: str) -> Iterator[Mapping[str, Any]]:
        if self.refuses:
            raise RefusedError("POST /pulls", 409, {"message": "busy"})
        self.pulled.append((names, requirements))
        yield {"status": "FETCHING"}
        self.stored |= set(self.at_amazon)
        yield {"status": "FINISHED", "issues": list(self.issues)}


def loaded(api: Api, *keys: tuple[str, str], stream: io.StringIO | None = None) -> Any:
    return load_definitions(cast("StackApi", api), TARGET, keys, Progress(stream or io.StringIO()))


def catalogue(folder: Path, api: Api, content: bytes, **choices: Any) -> Catalogue:
    path = folder / "products.csv"
    path.write_bytes(content)
    return read_catalogue(
        read_file(path, Headings()),
        Headings(),
        Choices(**choices),
        cast("StackApi", api),
        TARGET,
        Progress(io.StringIO()),
    )


def test_what_the_stack_has_is_not_pulled() -> None:
    api, stream = Api("LUGGAGE", at_amazon=("SHIRT",)), io.StringIO()
    known = loaded(api, ("LUGGAGE", LISTING), ("SHIRT", LISTING), ("SHIRT", LISTING), stream=stream)
    assert set(known.found) == {("LUGGAGE", LISTING), ("SHIRT", LISTING)}
    assert known.refused == {}
    assert api.pulled == [(["SHIRT"], LISTING)]
    assert stream.getvalue() == "The stack fetches 1 product type from Amazon\n"


def test_each_requirements_are_a_pull() -> None:
    api = Api(at_amazon=("LUGGAGE", "SHIRT"))
    loaded(api, ("SHIRT", LISTING), ("LUGGAGE", LISTING), ("LUGGAGE", "LISTING_OFFER_ONLY"))
    assert sorted(api.pulled) == [(["LUGGAGE"], "LISTING_OFFER_ONLY"), (["LUGGAGE", "SHIRT"], LISTING)]


@pytest.mark.parametrize(
    ("api", "name", "reason"),
    [
        (Api(), "A B/", "A B/ is no product type"),
        (Api(), "SARI", "Amazon has no product type SARI"),
        (
            Api(issues=[{"kind": "FAILED", "productType": "SARI", "message": "denied"}]),
            "SARI",
            "Amazon gives no schema of SARI: denied",
        ),
        (
            Api(at_amazon=("SARI",), issues=[{"issue": "FAILED", "productType": "SARI"}]),
            "SARI",
            "Amazon gives no schema of SARI: ",
        ),
        (
            Api("SARI", answers={"SARI": "SHIRT"}),
            "SARI",
            "this marketplace does not support the product type SARI; Amazon answered with the one of SHIRT",
        ),
    ],
)
def test_a_product_type_that_cannot_be_used_says_why(api: Api, name: str, reason: str) -> None:
    known = loaded(api, (name, LISTING))
    assert (known.found, known.refused) == ({}, {(name, LISTING): reason})


def test_another_type_in_place_of_the_one_asked_for_is_enough_for_an_offer() -> None:
    api = Api(at_amazon=("SARI",), issues=[{"kind": "SUBSTITUTED", "productType": "SARI"}], answers={"SARI": "SHIRT"})
    assert set(loaded(api, ("SARI", "LISTING_OFFER_ONLY")).found) == {("SARI", "LISTING_OFFER_ONLY")}


@pytest.mark.parametrize("key", [("", LISTING), ("SARI", "EVERYTHING")])
def test_what_the_rows_say_wrongly_is_not_asked_for(key: tuple[str, str]) -> None:
    api = Api()
    known = loaded(api, key)
    assert (known.found, known.refused, api.pulled) == ({}, {}, [])


def test_a_pull_that_the_stack_refuses() -> None:
    api = Api()
    api.refuses = True
    with pytest.raises(CommandError) as refused:
        loaded(api, ("SARI", LISTING))
    assert str(refused.value) == "the product types could not be fetched: POST /pulls: HTTP 409: busy"


def test_the_messages_of_a_file(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1), suitcase(2, sku="")])
    found = catalogue(tmp_path, Api("LUGGAGE"), csv_bytes(rows))
    assert [message.sku for message in found.messages] == ["VALISE-0001"]
    assert [(problem.row, problem.rule) for problem in found.errors] == [(3, "missing")]
    assert (found.heading_row, found.of_file, found.skus) == (1, (), {2: "VALISE-0001"})


def test_a_wrong_heading_is_a_problem_of_the_file(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1, Lagerort="B7")], [*HEADINGS, "Lagerort"])
    found = catalogue(tmp_path, Api("LUGGAGE"), csv_bytes(rows))
    assert [(problem.row, problem.rule) for problem in found.of_file] == [(1, "unknownColumn")]


def test_without_a_product_type_no_heading_is_wrong(tmp_path: Path) -> None:
    """That there is none is said for each row."""
    found = catalogue(tmp_path, Api(), csv_bytes([["sku", "item_name"], ["A", "x"]]))
    assert found.of_file == ()
    assert [(problem.row, problem.rule) for problem in found.errors] == [(2, "missing")]


def test_the_product_type_and_requirements_of_the_command_are_asked_for(tmp_path: Path) -> None:
    api = Api(at_amazon=("SPACE_HEATER",))
    with_type = csv_bytes([["sku", "merchant_suggested_asin"], ["A", "B000000001"]])
    catalogue(tmp_path, api, with_type, product_type="Space heater", requirements="LISTING_OFFER_ONLY")
    assert api.pulled == [(["SPACE_HEATER"], "LISTING_OFFER_ONLY")]
