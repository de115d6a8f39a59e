"""A whole file with its product types: which are asked for, which are pulled, and what is said of those that are not
there."""

import io
import json
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
from operations.publish_listings.sheets import Problem
from tests.spreadsheets import HEADINGS, csv_bytes, rows_of, suitcase
from tests.unit.operations.publish_listings.reading import FRANCE, Steps, schema_of

TARGET = Target("A1", "EU", FRANCE)
LISTING = "LISTING"


class Api:
    """A stack that has these product types, and gets others from Amazon when they are pulled."""

    def __init__(self, *stored: str, at_amazon: tuple[str, ...] = (), issues: Any = (), answers: Any = None) -> None:
        self.stored, self.at_amazon, self.issues = set(stored), at_amazon, issues
        # The product type that Amazon answers with in place of another one.
        self.answers: Mapping[str, str] = answers or {}
        self.asked: list[tuple[str, str]] = []
        self.pulled: list[tuple[list[str], str]] = []
        self.refuses = False

    def definition(self, _: Target, product_type: str, requirements: str) -> Definition | None:
        self.asked.append((product_type, requirements))
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


def catalogue(
    folder: Path,
    api: Api,
    content: bytes,
    *,
    name: str = "products.csv",
    progress: Progress | None = None,
    **choices: Any,
) -> Catalogue:
    path = folder / name
    path.write_bytes(content)
    return read_catalogue(
        read_file(path, Headings()),
        Headings(),
        Choices(**choices),
        cast("StackApi", api),
        TARGET,
        progress or Progress(io.StringIO()),
    )


def test_what_the_stack_has_is_not_pulled() -> None:
    api, stream = Api("LUGGAGE", at_amazon=("SHIRT",)), io.StringIO()
    known = loaded(api, ("LUGGAGE", LISTING), ("SHIRT", LISTING), ("SHIRT", LISTING), stream=stream)
    assert set(known.found) == {("LUGGAGE", LISTING), ("SHIRT", LISTING)}
    assert known.refused == {}
    assert api.pulled == [(["SHIRT"], LISTING)]
    assert api.asked == [("LUGGAGE", LISTING), ("SHIRT", LISTING), ("SHIRT", LISTING)]
    assert known.found["SHIRT", LISTING].product_type == "SHIRT"
    assert stream.getvalue() == "The stack fetches 1 product type from Amazon\n"


def test_what_amazon_does_not_give_is_not_asked_for_again() -> None:
    issues = [
        {"kind": "FAILED", "productType": "SARI", "message": "denied"},
        {"kind": "FAILED", "message": "of no product type"},
    ]
    api, stream = Api(at_amazon=("SARI", "SHIRT"), issues=issues), io.StringIO()
    known = loaded(api, ("SARI", LISTING), ("SHIRT", LISTING), stream=stream)
    assert known.refused == {("SARI", LISTING): "Amazon gives no schema of SARI: denied"}
    assert set(known.found) == {("SHIRT", LISTING)}
    assert api.asked == [("SARI", LISTING), ("SHIRT", LISTING), ("SHIRT", LISTING)]
    assert stream.getvalue() == "The stack fetches 2 product types from Amazon\n"


def test_a_pull_that_says_nothing_of_issues() -> None:
    class Silent(Api):
        def pull(self, _: Target, names: list[str], _requirements: str) -> Iterator[Mapping[str, Any]]:
            self.stored |= set(names)
            yield {"status": "FINISHED"}

    assert set(loaded(Silent(), ("SHIRT", LISTING)).found) == {("SHIRT", LISTING)}


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


def test_the_messages_of_json_lines(tmp_path: Path) -> None:
    """They have no row of headings: a wrong line, the first one too, keeps back no other."""
    brand = {"brand": [{"value": "x"}]}
    messages: list[dict[str, Any]] = [
        {"sku": "A", "operationType": "UPDATE"},
        {"sku": "B", "operationType": "DELETE"},
        {"sku": "C", "operationType": "PARTIAL_UPDATE", "productType": "LUGGAGE", "attributes": brand},
        {"sku": "D", "operationType": "PARTIAL_UPDATE", "productType": "SARI", "attributes": brand},
    ]
    api, steps = Api("LUGGAGE"), Steps()
    content = "\n".join(map(json.dumps, messages)).encode()
    found = catalogue(tmp_path, api, content, name="feed.jsonl", progress=steps)
    assert [message.sku for message in found.messages] == ["B", "C"]
    assert [(problem.row, problem.rule) for problem in found.errors] == [
        (1, "missing"),
        (1, "missing"),
        (4, "productType"),
    ]
    assert (found.heading_row, found.of_file) == (0, ())
    assert set(found.skus) >= {2, 3, 4}
    assert api.pulled == [(["SARI"], LISTING)]
    assert steps.shown == ["Checking 3 rows against Amazon's schema", 3, 1, 2, 3]


def test_the_problems_are_in_the_order_of_the_rows(tmp_path: Path) -> None:
    """Those of reading and those of checking. A row with an error is checked for others, and not sent."""
    rows = rows_of([suitcase(1, shell_type="Iron"), suitcase(2, sku="", shell_type="Iron"), suitcase(3, sku="..")])
    rows[3][HEADINGS.index("shell_type")] = "Iron"
    found = catalogue(tmp_path, Api("LUGGAGE"), csv_bytes(rows))
    assert found.messages == ()
    assert [(problem.row, problem.rule) for problem in found.errors] == [
        (2, "enum"),
        (3, "missing"),
        (4, "sku"),
        (4, "enum"),
    ]


def test_what_keeps_back_the_whole_file() -> None:
    of_row, of_file = Problem(2, "type", "x"), Problem(1, "unknownColumn", "x")
    warnings = Problem(1, "enum", "x", warning=True), Problem(2, "enum", "x", warning=True)
    found = Catalogue((), (of_row, *warnings, of_file), {}, 1)
    assert found.of_file == (of_file,)
    assert found.errors == (of_row, of_file)


def test_rows_of_several_product_types_and_requirements(tmp_path: Path) -> None:
    rows: list[list[object]] = [["sku", "product_type", "requirements", "brand"]]
    rows += [["A", "hair  band", "LISTING_OFFER_ONLY", "x"], ["B", "", "", "x"], ["C", "SHIRT", "", "x"]]
    api = Api()
    catalogue(tmp_path, api, csv_bytes(rows), product_type="LUGGAGE", requirements="LISTING_PRODUCT_ONLY")
    assert sorted(api.pulled) == [
        (["HAIR_BAND"], "LISTING_OFFER_ONLY"),
        (["LUGGAGE", "SHIRT"], "LISTING_PRODUCT_ONLY"),
    ]


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
