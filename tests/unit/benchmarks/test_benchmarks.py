"""What the benchmarks print, and the documents that they copy."""

import gzip
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import calls, stores, wall
from benchmarks.cold_start import CLIENTS, functions
from benchmarks.ingestion import run
from benchmarks.measuring import alternated, medians
from benchmarks.results import Result, bars, lines, number
from benchmarks.transfer import running_stores
from quickstart import clients


def test_contestants_take_turns_and_have_the_median_of_their_rounds() -> None:
    order: list[str] = []
    figures = {"first": iter([3.0, 1.0, 2.0]), "second": iter([5.0, 9.0, 7.0])}

    def contestant(name: str) -> dict[str, float]:
        order.append(name)
        return {"seconds": next(figures[name])}

    found = alternated({name: partial(contestant, name) for name in figures}, 3, lambda _: None)
    assert found == {"first": {"seconds": 2.0}, "second": {"seconds": 7.0}}
    assert order == ["first", "second", "second", "first", "first", "second"]
    assert medians([{"a": 1, "b": 4}, {"a": 3, "b": 2}]) == {"a": 2, "b": 3}


def test_a_table_has_a_column_for_each_figure() -> None:
    result = Result("name", "Title", {"one": {"MiB": 512, "seconds": 1.234}, "two": {"MiB": 64}}, ("A note.",))
    assert result.markdown() == (
        "| | MiB | seconds |\n|---|---:|---:|\n| one | 512 | 1.23 |\n| two | 64 |  |\n\nA note."
    )
    assert [number(value) for value in (0, 1234567, 123.4, 12.34, 1.234, 0.01234, 0.000875)] == [
        "0",
        "1,234,567",
        "123",
        "12.3",
        "1.23",
        "0.0123",
        "0.0009",
    ]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: bars("A < B", {"this stack": 1.0, "another & one": 0.0}, "CPU seconds"),
        lambda: lines("A < B", {"one & two": {1: 0.5, 1000: 0.4}, "flat": {10: 2.0}}, "number", "ms"),
    ],
)
def test_a_plot_is_an_image(draw: Callable[[], str]) -> None:
    image = ET.fromstring(draw())  # noqa: S314 - our own
    assert image.tag.endswith("svg")
    assert image.get("aria-label") == "A < B"


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_a_document_has_its_length_and_is_whole(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "TEXT_BYTES", 100_000)
    for cached in (stores.text, stores.block, stores.gzip_document):
        cached.cache_clear()
    pieces, length = stores.document(250_000, kind)
    body = b"".join(bytes(piece) for piece in pieces)
    assert len(body) == length
    text = gzip.decompress(body) if kind == "gzip" else body
    assert (stores.text() * 9).startswith(text)
    assert len(text) >= 250_000
    for cached in (stores.text, stores.block, stores.gzip_document):
        cached.cache_clear()


def test_every_function_has_the_clients_of_its_role() -> None:
    found = functions()
    assert found["token_storage"] == ("dynamodb", "kms", "secretsmanager")
    assert len(found) >= 33
    assert all(hasattr(clients, factory) for _, factory in CLIENTS.values())


def test_nothing_is_lost_and_the_quota_is_used() -> None:
    """The counts that need no clock."""
    waits, retries = wall.results(quick=True, told=lambda _: None)
    for name, row in waits.table.items():
        assert row["lost"] == 0
        assert row.get("ratio", 1) < 1.02
        assert "," in name.partition("reports at once")[2] or row.get("throttled calls per report or order", 0) < 0.1
    for row in retries.table.values():
        assert row["ratio of the costs"] < 1 / 3
    assert retries.table["500 reports at once"]["lost with retries"] > 0


def test_an_order_takes_at_most_13_calls_to_aws_when_functions_are_warm() -> None:
    """As counted on the local stack. tests/unit/quickstart/solicitations counts those of each step."""
    counted, order = calls.results(quick=True, told=lambda _: None)
    assert counted.table["order"]["SP-API calls"] >= 3
    assert counted.table["order"]["AWS calls, warm"] == sum(row["calls"] for row in order.table.values()) <= 13
    assert counted.table["listing"]["AWS calls, warm"] <= 34
    assert counted.table["report of 1 MB"]["AWS calls, warm"] <= 24


PROGRAMS = (
    ("notifications.py", (20, 10, 5), "notification_processor"),
    ("removal.py", (1_500,), "seller_removal"),
    ("review.py", (2_000,), "connection_review"),
    ("calls_of_sellers.py", (5, 3), "get_solicitation_actions"),
)


def test_the_programs_run() -> None:
    """They check their results themselves."""
    with running_stores() as running:
        for program, arguments, function in PROGRAMS:
            figures = run(running, Path(sys.executable), program, arguments, function)
            assert figures["ms each"] > 0, program


def test_the_page_has_the_place_of_the_figures() -> None:
    page = bench.PAGE.read_text()
    assert page.index(bench.BEGIN) < page.index(bench.END)
