"""`make publish-listings` on the local stack: exports of other programs go to Amazon, and their problems come back."""

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from openpyxl import load_workbook

from deployment import REPOSITORY, Deployment
from operations.publish_listings.workbooks import PROBLEMS_HEADING, STATUS_HEADING
from simulator import control
from tests.documents.guide import Terminal, clone, environment
from tests.documents.reading import CHECKOUT, blocks
from tests.end_to_end.feed_helpers import subscribe_feeds
from tests.end_to_end.host import HostProduct, Seller, new_seller
from tests.end_to_end.listing_helpers import FRANCE, scale_waits
from tests.end_to_end.operator_commands import command_of, make, operator_environment
from tests.spreadsheets import IDENTIFIER, PRICE, cells_of, csv_bytes, export, rows_of, suitcase, workbook
from tests.waiting import SECONDS

Json = dict[str, Any]
# Headings of the export that are none of Amazon's.
OWN = "cost=; supplier="
TARGET = "publish-listings"
PAGE = CHECKOUT / "docs/publish-listings.md"


@pytest.fixture(autouse=True)
def _usual_outcomes(deployment: Deployment) -> Iterator[None]:
    scale_waits(deployment, 0.05)
    yield
    scale_waits(deployment, 1)
    control(deployment.servers.simulator_endpoint, "PUT", "feed-outcomes", [])
    control(deployment.servers.simulator_endpoint, "PUT", "listing-outcomes", [])


@pytest.fixture
def known_seller(host: HostProduct, seller: Seller) -> Seller:
    """A seller of the test's own, of whose finished feeds the stack is told."""
    host.store_token(seller)
    subscribe_feeds(host, seller)
    return seller


def variables(deployment: Deployment, seller: Seller, file: Path, **more: str) -> list[str]:
    given = {"STACK": deployment.stack_name, "FILE": str(file), "SELLER": seller.seller_id, "MARKETPLACE": "FR"} | more
    return [f"{name}={value}" for name, value in given.items()]


def publish(
    deployment: Deployment, seller: Seller, file: Path, code: int = 0, **more: str
) -> subprocess.CompletedProcess[str]:
    done = make(deployment.servers, TARGET, *variables(deployment, seller, file, **more))
    assert done.returncode == code, done.stdout + done.stderr
    return done


def feeds(seller: Seller) -> list[Json]:
    """The messages of each feed of the seller at Amazon, the oldest first."""
    found = []
    for feed in seller.control("GET", "feeds")["feeds"]:
        if feed["sellerId"] == seller.seller_id:
            address = f"{seller.servers.simulator_endpoint}/simulator/feeds/{feed['feedId']}/document"
            found.append(requests.get(address, timeout=SECONDS).json())
            assert feed["marketplaceIds"] == [FRANCE]
            assert found[-1]["header"]["sellerId"] == seller.seller_id
    return [{message["sku"]: message for message in document["messages"]} for document in found]


def results(path: Path, heading_row: int = 1) -> dict[str, tuple[str, str]]:
    """Status and problems by SKU, from the copy of the spreadsheet."""
    rows = cells_of(path)
    headings = rows[heading_row - 1]
    status, problems = headings.index(STATUS_HEADING), headings.index(PROBLEMS_HEADING)
    return {
        str(row[0]): (str(row[status] or ""), str(row[problems] or ""))
        for row in rows[heading_row:]
        if row[0] is not None
    }


def rules(seller: Seller, *messages: Json, **outcome: object) -> None:
    seller.control("PUT", "feed-outcomes", {"sellerId": seller.seller_id, "messages": list(messages), **outcome})


def refused(sku: str, message: str, **issue: str) -> Json:
    return {"sku": sku, "issues": [{"code": "8541", "severity": "ERROR", "message": message, **issue}]}


def test_the_check_names_row_column_and_rule_and_sends_nothing(
    deployment: Deployment, known_seller: Seller, tmp_path: Path
) -> None:
    file = tmp_path / "produits.csv"
    products = [
        suitcase(1),
        suitcase(2, **{f"{IDENTIFIER}.value": "4,00638E+12"}),
        suitcase(3, sku="VALISE-0001"),
        suitcase(4, shell_type="Iron", **{PRICE: "1.234"}),
        suitcase(5, product_type="HAT_OF_NOBODY"),
    ]
    file.write_bytes(csv_bytes(rows_of(products), "cp1252", ";"))
    done = publish(deployment, known_seller, file, code=1, CHECK="1")
    assert "Read as CSV: Windows-1252" in done.stdout
    found = results(tmp_path / "produits.result.xlsx")
    assert found["VALISE-0001"][0] == found["VALISE-0004"][0] == "NOT_SENT"
    assert found["VALISE-0002"][1].startswith(f"K ({IDENTIFIER}.value): 4,00638E+12 is a number that a spreadsheet")
    assert "[enum]" in found["VALISE-0004"][1]
    assert "[ambiguousNumber]" in found["VALISE-0004"][1]
    assert "HAT_OF_NOBODY" in found["VALISE-0005"][1]
    for part in ("5 rows:", "also in row 4 [duplicateSku]", "set DECIMAL=comma or DECIMAL=point", "because of CHECK=1"):
        assert part in " ".join(done.stdout.split()), done.stdout
    assert feeds(known_seller) == []
    assert not (tmp_path / "published-listings").exists()


def test_headings_that_are_not_known_stop_everything(
    deployment: Deployment, known_seller: Seller, tmp_path: Path
) -> None:
    file = tmp_path / "products.xlsx"
    file.write_bytes(export(3))
    done = publish(deployment, known_seller, file, code=1, SKIP_BAD="1")
    assert "row 4: Q (cost): is no attribute of LUGGAGE" in done.stdout
    assert "Nothing was sent, because the headings have errors." in done.stdout
    assert feeds(known_seller) == []


def test_without_a_good_row_nothing_is_sent(deployment: Deployment, known_seller: Seller, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(csv_bytes(rows_of([suitcase(1, shell_type="Iron")]), "utf-8", ";"))
    done = publish(deployment, known_seller, file, code=1, SKIP_BAD="1")
    assert done.stdout.splitlines()[-2:-1] == ["Every row has an error, so nothing was sent."], done.stdout
    assert feeds(known_seller) == []


def test_amazon_previews_the_rows_and_nothing_is_published(
    deployment: Deployment, known_seller: Seller, tmp_path: Path
) -> None:
    file = tmp_path / "products.xlsx"
    rows = rows_of([suitcase(1, sku="VALISE/1 é"), suitcase(2), suitcase(3)], [*suitcase(1), "operation"])
    rows[2][-1], rows[3][-1] = "PARTIAL_UPDATE", "DELETE"
    file.write_bytes(workbook(rows))
    assert "3 rows:" in publish(deployment, known_seller, file, PREVIEW="1").stdout
    assert results(tmp_path / "products.result.xlsx") == {
        "VALISE/1 é": ("VALID", ""),
        "VALISE-0002": ("VALID", ""),
        "VALISE-0003": ("READY", "Amazon has no preview of the operation DELETE"),
    }
    issue = {"code": "90000900", "message": "Unbekannt.", "severity": "ERROR", "attributeNames": ["shell_type"]}
    outcome = {"sellerId": known_seller.seller_id, "invalid": [issue]}
    control(deployment.servers.simulator_endpoint, "PUT", "listing-outcomes", outcome)
    publish(deployment, known_seller, file, code=1, PREVIEW="1")
    found = results(tmp_path / "products.result-2.xlsx")
    assert found["VALISE/1 é"] == ("INVALID", "I (shell_type): Unbekannt. [90000900]")
    listings = control(deployment.servers.simulator_endpoint, "GET", "listings")
    assert known_seller.seller_id not in json.dumps(listings)
    assert feeds(known_seller) == []


@pytest.mark.proof
def test_an_export_of_500_products_and_its_corrected_copy(
    deployment: Deployment, known_seller: Seller, tmp_path: Path
) -> None:
    book = tmp_path / "products.xlsx"
    wrong = {"J7": "12345678905", "H8": "Iron", "K9": "viel", "A10": "VALISE-0001"}
    book.write_bytes(export(500, wrong))
    rules(
        known_seller,
        refused("VALISE-0100", "Contradicts the catalogue.", attributeName="item_name"),
        refused("VALISE-0200", "Contradicts the catalogue."),
    )
    done = publish(deployment, known_seller, book, code=1, HEADINGS=OWN, SKIP_BAD="1")
    assert "500 rows:" in done.stdout
    assert "Read the sheet Export." in done.stdout
    (first,) = feeds(known_seller)
    bad = {"VALISE-0001", "VALISE-0003", "VALISE-0004", "VALISE-0005", "VALISE-0006"}
    assert set(first) == {f"VALISE-{number:04}" for number in range(1, 501)} - bad
    _as_exported(first)
    copy = tmp_path / "products.result.xlsx"
    found = results(copy, heading_row=4)
    assert found["VALISE-0100"][0] == found["VALISE-0200"][0] == "INVALID"
    assert found["VALISE-0100"][1] == "D (item_name): Contradicts the catalogue. [8541]"
    assert "With zeros before it, 012345678905 is one" in found["VALISE-0003"][1]
    assert {status for sku, (status, _) in found.items() if sku not in {*bad, "VALISE-0100", "VALISE-0200"}} <= {
        "PUBLISHED",
        "ACCEPTED",
    }
    rules(known_seller)
    corrected = tmp_path / "corrected.xlsx"
    corrected.write_bytes(export(500, {"D104": "Valise n° 100", "M20": 77}))
    publish(deployment, known_seller, corrected, HEADINGS=OWN)
    _, second = feeds(known_seller)
    assert set(second) == {*bad, "VALISE-0016", "VALISE-0100", "VALISE-0200"}
    assert second["VALISE-0016"]["attributes"]["fulfillment_availability"][0]["quantity"] == 77
    done = publish(deployment, known_seller, corrected, HEADINGS=OWN)
    assert "Nothing has changed since the last run, so nothing was sent." in done.stdout
    assert len(feeds(known_seller)) == 2
    publish(deployment, known_seller, corrected, HEADINGS=OWN, ALL="1")
    assert len(feeds(known_seller)[2]) == 500


def _as_exported(messages: Json) -> None:
    """Nothing of the cells is lost or changed."""
    seventh = messages["VALISE-0007"]["attributes"]
    assert seventh[IDENTIFIER][0]["value"] == "0000000000079", "a number with a format of zeros"
    assert messages["VALISE-0008"]["attributes"][IDENTIFIER][0]["value"] == "0000000000086", "a text"
    assert seventh["item_name"][0] == {"value": "Valise légère n° 7", "marketplace_id": FRANCE, "language_tag": "fr_FR"}
    assert [point["value"] for point in seventh["bullet_point"]] == ["Légère"]
    eighth = messages["VALISE-0008"]["attributes"]
    assert [point["value"] for point in eighth["bullet_point"]] == ["Légère", "Solide"]
    assert eighth["purchasable_offer"][0]["our_price"][0]["schedule"][0]["value_with_tax"] == 49.9, "a formula"
    assert messages["VALISE-0010"]["attributes"]["fulfillment_availability"] == [
        {"fulfillment_channel_code": "DEFAULT", "quantity": 0, "restock_date": "2027-03-04"}
    ]
    assert "restock_date" not in seventh["fulfillment_availability"][0]
    assert all(message["requirements"] == "LISTING" for message in messages.values())


def _change(path: Path, cells: Json) -> None:
    """Changes cells of a workbook, as a person does in a spreadsheet program."""
    book = load_workbook(path)
    sheet: Any = book.active
    for place, value in cells.items():
        sheet[place].value = value
    book.save(path)


def test_windows_1252_with_decimal_commas(deployment: Deployment, known_seller: Seller, tmp_path: Path) -> None:
    file = tmp_path / "produits de l'été.csv"
    headings = [*suitcase(1), "item_weight", "fulfillment_availability.fulfillment_channel_code"]
    headings += ["fulfillment_availability.restock_date"]
    more = {"item_weight": "2,5 kilograms", headings[-2]: "DEFAULT", headings[-1]: "04.03.2027", PRICE: "1 049,90"}
    products = [suitcase(number, item_name=f"Valise « Été » n° {number}", **more) for number in range(1, 501)]
    file.write_bytes(csv_bytes(rows_of(products, headings), "cp1252", ";"))
    publish(deployment, known_seller, file)
    (messages,) = feeds(known_seller)
    assert len(messages) == 500
    attributes = messages["VALISE-0500"]["attributes"]
    assert attributes["item_name"][0]["value"] == "Valise « Été » n° 500"
    assert attributes["purchasable_offer"][0]["our_price"][0]["schedule"][0]["value_with_tax"] == 1049.9
    assert (attributes["item_weight"][0]["value"], attributes["item_weight"][0]["unit"]) == (2.5, "kilograms")
    assert attributes["fulfillment_availability"][0]["restock_date"] == "2027-03-04"
    found = results(tmp_path / "produits de l'été.result.xlsx")
    assert {status for status, _ in found.values()} <= {"PUBLISHED", "ACCEPTED"}


def test_a_correction_in_the_copy_itself_is_sent(deployment: Deployment, known_seller: Seller, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(csv_bytes(rows_of([suitcase(1), suitcase(2, shell_type="Iron")])))
    done = publish(deployment, known_seller, file, code=1)
    assert "Nothing was sent, because rows have errors." in done.stdout
    assert feeds(known_seller) == []
    copy = tmp_path / "products.result.xlsx"
    assert results(copy)["VALISE-0001"] == ("READY", "")
    _change(copy, {"I3": "Soft shell"})
    publish(deployment, known_seller, copy)
    (messages,) = feeds(known_seller)
    assert messages["VALISE-0002"]["attributes"]["shell_type"][0]["value"] == "soft_shell"
    assert results(tmp_path / "products.result-2.xlsx").keys() == messages.keys()


def test_json_lines_with_a_deletion(deployment: Deployment, known_seller: Seller, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps(suitcase(number)) for number in (1, 2)))
    publish(deployment, known_seller, rows)
    messages = tmp_path / "messages.jsonl"
    price = [{"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 19.9}]}]}]
    change: Json = {"sku": "VALISE-0001", "operationType": "PARTIAL_UPDATE", "productType": "LUGGAGE"}
    change["attributes"] = {"purchasable_offer": price}
    delete = {"sku": "VALISE-0002", "operationType": "DELETE"}
    unknown = {**change, "sku": "VALISE-0003", "productType": "HAT_OF_NOBODY"}
    messages.write_text(f"{json.dumps(change)}\n{json.dumps(unknown)}\n")
    assert "HAT_OF_NOBODY" in publish(deployment, known_seller, messages, code=1).stdout
    messages.write_text(f"{json.dumps(change)}\n{json.dumps(delete)}\n")
    publish(deployment, known_seller, messages)
    _, second = feeds(known_seller)
    assert second["VALISE-0002"]["operationType"] == "DELETE"
    assert second["VALISE-0001"]["attributes"]["purchasable_offer"][0]["marketplace_id"] == FRANCE
    assert results(tmp_path / "messages.result-2.xlsx")["VALISE-0002"][0] == "DELETED"


@pytest.mark.parametrize("moment", ["Uploading 2 messages", "Amazon processes the feed"])
def test_an_interrupted_run_continues_with_the_same_feed(
    deployment: Deployment, known_seller: Seller, tmp_path: Path, moment: str
) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(csv_bytes(rows_of([suitcase(1), suitcase(2)])))
    rules(known_seller, refused("VALISE-0002", "No."), queueSeconds=5, processingSeconds=5)
    command, set_by_make = command_of(TARGET, *variables(deployment, known_seller, file))
    environment = operator_environment(deployment.servers) | set_by_make | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets programs in its background ignore the signal, and these tests may be one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line)
            if moment in line:
                break
        running.send_signal(signal.SIGINT)
        assert running.wait(SECONDS) == 130, said
    file.write_bytes(csv_bytes(rows_of([suitcase(1), suitcase(2), suitcase(3)])))
    done = publish(deployment, known_seller, file, code=1)
    assert "The feed of the interrupted run has ended: DONE." in done.stdout
    first, second = feeds(known_seller)
    assert set(first) == {"VALISE-0001", "VALISE-0002"}
    assert set(second) == {"VALISE-0003"}, "nothing is sent twice"
    found = results(tmp_path / "products.result.xlsx")
    assert found["VALISE-0002"] == ("INVALID", "No. [8541]")
    assert found["VALISE-0001"][0] in ("PUBLISHED", "ACCEPTED")


def test_a_feed_that_amazon_gives_up(deployment: Deployment, known_seller: Seller, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(csv_bytes(rows_of([suitcase(1)])))
    rules(known_seller, status="FATAL")
    done = publish(deployment, known_seller, file, code=1)
    assert "FATAL: " in done.stdout
    rules(known_seller)
    publish(deployment, known_seller, file)
    assert len(feeds(known_seller)) == 2, "what Amazon has not taken is sent again"


def test_the_page_is_followed_as_it_is_written(deployment: Deployment, known_seller: Seller, tmp_path: Path) -> None:
    servers = deployment.servers
    checkout = clone(tmp_path / "checkout")
    local = {name: value for name, value in operator_environment(servers).items() if name.startswith("AWS_")}
    terminal = Terminal(checkout, environment(tmp_path, **local))
    terminal.values |= {"<stack>": deployment.stack_name, "<region>": servers.region}
    terminal.values["<seller id>"] = known_seller.seller_id
    (file,) = blocks(PAGE, "csv")
    (checkout / "products.csv").write_text(file.text)
    check, publishing = blocks(PAGE, "sh")
    said = terminal.run(replace(check, text=f"! {check.text}"))
    assert "shell_type" in said
    assert results(checkout / "products.result.xlsx")["VALISE-11"][0] == "NOT_SENT"
    assert "2  published" in terminal.run(publishing)
    (messages,) = feeds(known_seller)
    assert set(messages) == {"VALISE-10", "VALISE-11"}
    assert messages["VALISE-10"]["attributes"][IDENTIFIER][0]["value"] == "0012345678905"


def test_what_is_missing_is_said(deployment: Deployment, known_seller: Seller, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(csv_bytes(rows_of([suitcase(1)])))
    assert "Name the marketplace: MARKETPLACE=FR" in publish(deployment, known_seller, file, 1, MARKETPLACE="").stderr
    assert "MARKETPLACE=XX is not in" in publish(deployment, known_seller, file, 1, MARKETPLACE="XX").stderr
    assert "cannot be read: No such file" in publish(deployment, known_seller, tmp_path / "none.csv", 1).stderr
    assert (
        "choose one of CHECK=1 and PREVIEW=1"
        in publish(deployment, known_seller, file, 2, CHECK="1", PREVIEW="1").stderr
    )
    assert "name the file: make publish-listings FILE=" in publish(deployment, known_seller, Path(), 2, FILE="").stderr
    stranger = new_seller(deployment.servers, "A0STRANGER0001")
    assert stranger.seller_id in publish(deployment, stranger, file, 1).stderr
    assert feeds(known_seller) == feeds(stranger) == []
