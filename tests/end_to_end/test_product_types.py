"""Pulls of product type definitions: what the host product requests, what is stored, what changes, what fails."""

import csv
import hashlib
import io
import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from deployment import Deployment, aws
from simulator import control
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    eventually,
    function_processes,
    invoke_function,
    queue_on_bus,
    table_of,
)
from tests.waiting import SECONDS

FRANCE, GERMANY, SPAIN, US = "A13V1IB3VIYZZH", "A1PA6795UKMFR9", "A1RKKUPIHCS9HS", "ATVPDKIKX0DER"
ITALY = "APJ6JRA9NG5V4"
BELGIUM = "AMEN7PMS3EDWL"
# A marketplace without product types.
EMPTY = "A2ZV50J4W1RKNI"
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _usual_product_types(deployment: Deployment) -> Iterator[None]:
    usual = {"latestVersion": 1, "generated": 0, "checksums": "base64", "refusedMarketplaceIds": []}
    yield
    control(deployment.servers.simulator_endpoint, "PUT", "product-types", usual)
    control(deployment.servers.simulator_endpoint, "DELETE", "faults", {})


@pytest.fixture(scope="module")
def events(deployment: Deployment) -> str:
    """A queue that a rule fills with the events about product types."""
    return queue_on_bus(
        deployment, "product-type-events", ["Product Type Definition Changed", "Product Type Pull Finished"]
    )


def received(deployment: Deployment, queue: str) -> list[Json]:
    """The events that have come, each once."""
    sqs = aws(deployment.servers, "sqs")
    found = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found


def pull_of(seller: Seller, **fields: object) -> Json:
    return {"SellerId": seller.seller_id, "RegionCode": "EU", "MarketplaceIds": FRANCE} | fields


def start(host: HostProduct, seller: Seller, **fields: object) -> str:
    answer = host.send("ProductTypesUrl", pull_of(seller, **fields), path="/pulls")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"pullId"}
    return str(answer.json()["pullId"])


def shown(host: HostProduct, pull_id: str, **query: object) -> Json:
    answer = host.get("ProductTypesUrl", f"/pulls/{pull_id}", **query)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def finished(host: HostProduct, pull_id: str) -> Json:
    def look() -> Json | None:
        pull = shown(host, pull_id)
        assert pull["status"] not in ("FAILED", "ABORTED", "TIMED_OUT"), pull
        return pull if pull["status"] == "FINISHED" else None

    return eventually(look, f"pull {pull_id}")


def definition(host: HostProduct, product_type: str, **query: object) -> Json:
    answer = host.get("ProductTypesUrl", f"/{product_type}", **{"MarketplaceId": FRANCE} | query)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def contents(deployment: Deployment) -> set[str]:
    s3 = aws(deployment.servers, "s3")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=deployment.outputs["ProductTypesBucketName"], Prefix="contents/"
    )
    return {found["Key"] for page in pages for found in page.get("Contents", [])}


def calls(seller: Seller, operation: str) -> list[Json]:
    log: list[Json] = seller.control("GET", f"requests?operation={operation}")["requests"]
    return log


def test_a_distributor_pulls_the_product_structure_of_france(
    deployment: Deployment, host: HostProduct, seller: Seller, events: str
) -> None:
    host.store_token(seller)
    received(deployment, events)
    # Tests of listings on the same stack may have stored some.
    known = len(host.get("ProductTypesUrl", MarketplaceId=FRANCE, Limit=100).json()["productTypes"])
    pull_id = start(host, seller, All=True)
    pull = finished(host, pull_id)
    total = pull["progress"]["total"]
    assert total - known >= 5
    assert pull["progress"] == {
        "finished": total,
        "total": total,
        "stored": total - known,
        "changed": 0,
        "unchanged": known,
        "substituted": 0,
        "failed": 0,
        "removed": 0,
    }
    assert pull["issues"] == []

    page = host.get("ProductTypesUrl", MarketplaceId=FRANCE, Limit=5).json()
    names = [entry["productType"] for entry in page["productTypes"]]
    while "nextToken" in page:
        page = host.get("ProductTypesUrl", MarketplaceId=FRANCE, Limit=5, NextToken=page["nextToken"]).json()
        names += [entry["productType"] for entry in page["productTypes"]]
    assert len(names) == len(set(names)) == total
    assert names == sorted(names)
    (found,) = host.get("ProductTypesUrl", MarketplaceId=FRANCE, Query="hairba").json()["productTypes"]
    assert found["productType"] == "HAIRBAND"

    hairband = definition(host, "HAIRBAND")
    assert hairband["latest"] is True
    assert {"offer", "product_identity"} <= set(hairband["propertyGroups"])
    assert hairband["warnings"] == []
    schema = requests.get(hairband["links"]["schema"]["url"], timeout=SECONDS)
    assert schema.headers["content-type"] == "application/json"
    assert hashlib.md5(schema.content).hexdigest() == hairband["checksum"]  # noqa: S324 - Amazon's checksum
    assert "HAIRBAND" in schema.json()["$id"]
    resolved = requests.get(hairband["links"]["resolvedSchema"]["url"], timeout=SECONDS).json()
    assert "$ref" not in json.dumps(resolved)
    table = requests.get(hairband["links"]["attributesCsv"]["url"], timeout=SECONDS)
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert any(row["name"].startswith("item_name") and row["required"].lower() == "true" for row in rows)
    listed = requests.get(hairband["links"]["attributesJson"]["url"], timeout=SECONDS).json()
    assert len(listed) == len(rows)
    assert "meta-schema" in requests.get(hairband["links"]["metaSchema"]["url"], timeout=SECONDS).text

    # Empty lists of codes are stored as they came, and repaired for whoever reads the schema.
    broken = definition(host, "BAKEWARE")
    assert broken["warnings"]
    assert b'"enum":[]' in requests.get(broken["links"]["schema"]["url"], timeout=SECONDS).content.replace(b" ", b"")

    # A schema of a megabyte, read and made into a table within the time of a request.
    large = definition(host, "PERSONAL_COMPUTER")
    assert len(requests.get(large["links"]["schema"]["url"], timeout=SECONDS).content) > 1_000_000
    assert len(requests.get(large["links"]["attributesJson"]["url"], timeout=SECONDS).json()) > 500

    (event,) = [each for each in received(deployment, events) if each["detail"].get("pullId") == pull_id]
    assert event["detail-type"] == "Product Type Pull Finished"
    assert event["detail"]["stored"] == total - known


def test_a_refresh_stores_only_what_changed_and_says_what(
    deployment: Deployment, host: HostProduct, seller: Seller, events: str
) -> None:
    """With version 1, SHIRT and one generated type in a hundred are other than with version 0."""
    host.store_token(seller)
    control(deployment.servers.simulator_endpoint, "PUT", "product-types", {"generated": 100, "latestVersion": 0})
    first = finished(host, start(host, seller, All=True, MarketplaceIds=GERMANY, RefreshDaily=True))
    assert first["refreshedDaily"] is True
    before, total = contents(deployment), first["progress"]["total"]
    received(deployment, events)

    control(deployment.servers.simulator_endpoint, "PUT", "product-types", {"latestVersion": 1, "checksums": "hex"})
    assert invoke_function(deployment, "SPAPIProductTypeRefresh", {})["started"] >= 1
    assert invoke_function(deployment, "SPAPIProductTypeRefresh", {})["started"] >= 1, "a repeat starts no second one"
    second = finished(host, f"{first['pullId']}-{datetime.now(UTC):%Y%m%d}")

    changed = second["progress"]["changed"]
    assert 0 < changed <= 3
    assert second["progress"]["unchanged"] == total - changed
    assert second["refreshOf"] == first["pullId"]
    assert len(contents(deployment) - before) == changed
    changes = host.get("ProductTypesUrl", "/changes", MarketplaceId=GERMANY).json()["changes"]
    assert len(changes) == changed
    about = {change["productType"]: change for change in changes}
    shirt = about["SHIRT"]
    assert (
        shirt["previousChecksum"] != shirt["checksum"] == definition(host, "SHIRT", MarketplaceId=GERMANY)["checksum"]
    )
    assert (shirt["attributesAdded"], shirt["attributesRemoved"]) == (["stretch_level"], ["collar_style"])
    assert shirt["newlyRequired"] == ["care_instructions"]
    assert shirt["enumValuesRemoved"] == [{"attribute": "fabric_type.value", "value": "acetate"}]
    of_shirt = host.get("ProductTypesUrl", "/SHIRT/changes", MarketplaceId=GERMANY).json()["changes"]
    assert of_shirt == [shirt]
    told = [event["detail"] for event in received(deployment, events) if "Changed" in event["detail-type"]]
    assert sorted(told, key=lambda one: str(one["productType"])) == sorted(
        changes, key=lambda one: str(one["productType"])
    )

    ended = host.delete("ProductTypesUrl", f"/pulls/{first['pullId']}")
    assert ended.json() == {"pullId": first["pullId"], "status": "SUCCESS"}
    assert shown(host, first["pullId"])["refreshedDaily"] is False


def test_types_that_amazon_removes_and_adds_are_changes(
    deployment: Deployment, host: HostProduct, seller: Seller, events: str
) -> None:
    host.store_token(seller)

    def listed(generated: int) -> None:
        control(deployment.servers.simulator_endpoint, "PUT", "product-types", {"generated": generated})

    def pulled(**fields: object) -> Json:
        return finished(host, start(host, seller, MarketplaceIds=ITALY, **fields))

    def refreshed(pull: Json) -> Json:
        invoke_function(deployment, "SPAPIProductTypeRefresh", {})
        return finished(host, f"{pull['pullId']}-{datetime.now(UTC):%Y%m%d}")

    def changes() -> dict[str, Json]:
        told = [event["detail"] for event in received(deployment, events) if "Changed" in event["detail-type"]]
        recorded = host.get("ProductTypesUrl", "/changes", MarketplaceId=ITALY).json()["changes"]
        assert all(change in recorded for change in told)
        assert len({change["productType"] for change in told}) == len(told)
        return {change["productType"]: change for change in told}

    listed(3)
    first = pulled(All=True, RefreshDaily=True)
    # It was never in a list, so it cannot be missing from one.
    pulled(ProductTypes="SARI")
    assert changes() == {}

    listed(1)
    assert refreshed(first)["progress"]["removed"] == 2
    gone = changes()
    assert set(gone) == {"GENERATED_0002", "GENERATED_0003"}
    assert all(change["productTypeRemoved"] and change["previousChecksum"] for change in gone.values())
    assert "removedTime" in definition(host, "GENERATED_0002", MarketplaceId=ITALY)

    second = pulled(All=True, RefreshDaily=True)
    assert (second["progress"]["removed"], changes()) == (0, {}), "it is said once"
    listed(4)
    assert refreshed(second)["progress"]["removed"] == 0
    come = changes()
    assert set(come) == {"GENERATED_0002", "GENERATED_0003", "GENERATED_0004"}
    assert all(change["productTypeAdded"] and change["checksum"] for change in come.values())
    assert "removedTime" not in definition(host, "GENERATED_0002", MarketplaceId=ITALY)
    host.delete("ProductTypesUrl", f"/pulls/{second['pullId']}")


def test_a_type_of_a_selection_that_amazon_removes_is_a_change(
    deployment: Deployment, host: HostProduct, seller: Seller, events: str
) -> None:
    host.store_token(seller)
    names = {"ProductTypes": "COFFEE", "MarketplaceIds": ITALY, "ParentageLevel": "NONE"}
    first = start(host, seller, RefreshDaily=True, **names)
    finished(host, first)
    received(deployment, events)
    fault = {"fault": "status", "status": 404, "operation": "getDefinitionsProductType", "code": "NOT_FOUND"}
    control(deployment.servers.simulator_endpoint, "POST", "faults", fault | {"sellerId": seller.seller_id})
    invoke_function(deployment, "SPAPIProductTypeRefresh", {})
    refreshed = finished(host, f"{first}-{datetime.now(UTC):%Y%m%d}")
    assert refreshed["issues"][0]["code"] == "NOT_FOUND"
    told = [event["detail"] for event in received(deployment, events) if "Changed" in event["detail-type"]]
    assert [(detail["productType"], detail["productTypeRemoved"]) for detail in told] == [("COFFEE", True)]
    host.delete("ProductTypesUrl", f"/pulls/{first}")


@pytest.mark.parametrize("selection", [{"All": True}, {"Keywords": "zeppelin"}])
def test_models_1646_a_marketplace_with_a_short_list(host: HostProduct, seller: Seller, selection: Json) -> None:
    """Amazon lists nothing there, or nothing for the words: the pull says so instead of ending without a word."""
    host.store_token(seller)
    pull = finished(host, start(host, seller, RegionCode="NA", MarketplaceIds=[EMPTY, US], **selection))
    (issue,) = [one for one in pull["issues"] if one["marketplaceId"] == EMPTY]
    assert (issue["kind"], "productType" in issue) == ("NOTHING_LISTED", False)
    assert "no definitions were fetched" in issue["message"]
    assert ("zeppelin" in issue["message"]) == ("Keywords" in selection)
    assert (pull["progress"]["total"] > 0) == ("All" in selection)


def test_what_amazon_substitutes_and_refuses_is_reported(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller)
    control(deployment.servers.simulator_endpoint, "PUT", "product-types", {"refusedMarketplaceIds": [SPAIN]})
    pull_id = start(host, seller, MarketplaceIds=[FRANCE, SPAIN], ProductTypes=["SARI", "HAIRBAND", "NO_SUCH_TYPE"])
    pull = finished(host, pull_id)
    issues = {(issue["marketplaceId"], issue.get("productType")): issue for issue in pull["issues"]}
    sari = issues[FRANCE, "SARI"]
    assert (sari["kind"], sari["answeredProductType"]) == ("SUBSTITUTED", "CLOTHING")
    assert issues[FRANCE, "NO_SUCH_TYPE"]["kind"] == "FAILED"
    assert issues[FRANCE, "NO_SUCH_TYPE"]["code"] == "NOT_FOUND"
    assert {issues[SPAIN, name]["code"] for name in ("SARI", "HAIRBAND", "NO_SUCH_TYPE")} == {"Unauthorized"}
    assert pull["progress"]["failed"] == 4
    assert definition(host, "SARI")["answeredProductType"] == "CLOTHING"

    everything = finished(host, start(host, seller, MarketplaceIds=[SPAIN], Keywords="hair"))
    (refused,) = everything["issues"]
    assert (refused["marketplaceId"], refused["code"], "productType" in refused) == (SPAIN, "Unauthorized", False)
    assert everything["progress"]["total"] == 0


@pytest.mark.parametrize("fault", ["expire", "truncate", "reset"])
def test_a_document_that_cannot_be_read_is_fetched_again(
    deployment: Deployment, host: HostProduct, seller: Seller, fault: str
) -> None:
    host.store_token(seller)
    endpoint = deployment.servers.simulator_endpoint
    control(endpoint, "POST", "faults", {"fault": fault, "operation": "downloadSchema", "afterBytes": 100, "count": 3})
    control(endpoint, "POST", "faults", {"fault": "status", "status": 429, "operation": "getDefinitionsProductType"})
    names = {"expire": "NONE", "truncate": "CHILD", "reset": "PARENT"}
    pull = finished(host, start(host, seller, ProductTypes="LUGGAGE,COFFEE", ParentageLevel=names[fault]))
    assert (pull["progress"]["stored"], pull["progress"]["failed"]) == (2, 0)
    shirt = definition(host, "LUGGAGE", ParentageLevel=names[fault])
    assert requests.get(shirt["links"]["schema"]["url"], timeout=SECONDS).status_code == 200


def fetched_by(seller: Seller) -> list[str]:
    """The product types that SP-API returned to this seller, in the order of the calls."""
    answered = [call for call in calls(seller, "getDefinitionsProductType") if call["status"] == 200]
    return [
        call["path"].partition("?")[0].rsplit("/", 1)[1] for call in answered if call["sellerId"] == seller.seller_id
    ]


def test_a_stopped_pull_is_resumed_where_it_ended(deployment: Deployment, host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    control(deployment.servers.simulator_endpoint, "PUT", "product-types", {"generated": 60})
    # A marketplace of its own, so that everything is new.
    pull_id = start(host, seller, MarketplaceIds="A1F83G8C2ARO7P", Keywords="generated")
    eventually(lambda: shown(host, pull_id)["progress"]["finished"] >= 10 or None, "ten definitions")
    assert host.delete("ProductTypesUrl", f"/pulls/{pull_id}").status_code == 200
    assert shown(host, pull_id)["status"] == "STOPPED"

    def at_rest() -> int | None:
        before = len(fetched_by(seller))
        time.sleep(3)
        return before if len(fetched_by(seller)) == before else None

    fetched = eventually(at_rest, "the end of the function that was running")
    assert fetched < 60, "it was stopped in the middle"
    resumed = host.send("ProductTypesUrl", {}, path=f"/pulls/{pull_id}/resume")
    assert resumed.json() == {"pullId": pull_id}
    pull = finished(host, pull_id)
    assert (pull["progress"]["total"], pull["progress"]["stored"]) == (60, 60)
    again = host.send("ProductTypesUrl", {}, path=f"/pulls/{pull_id}/resume")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "PullNotInterrupted")
    assert sorted(fetched_by(seller)) == sorted(set(fetched_by(seller))), "none was fetched twice"


def test_a_killed_function_goes_on_where_it_was(deployment: Deployment, host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    control(deployment.servers.simulator_endpoint, "PUT", "product-types", {"generated": 60})
    pull_id = start(host, seller, MarketplaceIds="A1C3SOZRARQ6R3", Keywords="generated")
    eventually(lambda: shown(host, pull_id)["progress"]["finished"] >= 10 or None, "ten definitions")
    running = function_processes(deployment, "SPAPIProductTypeFetcher")
    assert running
    for process in running:
        os.kill(process, signal.SIGKILL)
    pull = finished(host, pull_id)
    assert (pull["progress"]["total"], pull["progress"]["stored"], pull["progress"]["failed"]) == (60, 60, 0)
    # What was under way when the process died may be fetched again.
    assert 60 <= len(fetched_by(seller)) <= 72
    definitions = host.get("ProductTypesUrl", MarketplaceId="A1C3SOZRARQ6R3", Limit=100).json()["productTypes"]
    assert len(definitions) == 60


def test_a_repeat_with_the_same_client_token_starts_nothing(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    fields = {"ProductTypes": "LUGGAGE", "ClientToken": "nightly-1"}
    assert start(host, seller, **fields) == start(host, seller, **fields)
    other = host.send("ProductTypesUrl", pull_of(seller, **fields | {"ProductTypes": "SHIRT"}), path="/pulls")
    assert other.status_code == 409
    assert other.json()["errors"][0]["code"] == "ClientTokenReused"


def test_bad_requests_name_the_field(host: HostProduct, seller: Seller) -> None:
    for fields, field, code in (
        ({}, "ProductTypes", "Missing"),
        ({"All": True, "Keywords": "x"}, "Keywords", "InvalidValue"),
        ({"ProductTypes": ["../x"]}, "ProductTypes", "InvalidValue"),
        ({"All": True, "Requirements": "EVERYTHING"}, "Requirements", "InvalidValue"),
        ({"All": True, "MarketplaceIds": US}, "MarketplaceIds", "InvalidValue"),
        ({"All": "yes"}, "All", "InvalidType"),
    ):
        answer = host.send("ProductTypesUrl", pull_of(seller, **fields), path="/pulls")
        assert answer.status_code == 400, answer.text
        assert (field, code) in {(error.get("field"), error["code"]) for error in answer.json()["errors"]}, answer.text
    unknown = host.send("ProductTypesUrl", pull_of(seller, All=True), path="/pulls")
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, "SellerUnknown")
    for path, code in (("/pulls/" + "0" * 32, "PullUnknown"), ("/NOT_PULLED", "ProductTypeUnknown")):
        query = {} if "pulls" in path else {"MarketplaceId": FRANCE}
        answer = host.get("ProductTypesUrl", path, **query)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, code)


def test_an_object_that_somebody_deleted_is_stored_again(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    """The records of the definition and of its content say that it is stored."""
    host.store_token(seller)
    control(deployment.servers.simulator_endpoint, "PUT", "product-types", {"generated": 1})
    asked = {"ProductTypes": "GENERATED_0001", "MarketplaceIds": BELGIUM}
    finished(host, start(host, seller, **asked))
    checksum = definition(host, "GENERATED_0001", MarketplaceId=BELGIUM)["checksum"]
    s3, bucket = aws(deployment.servers, "s3"), deployment.outputs["ProductTypesBucketName"]
    s3.delete_object(Bucket=bucket, Key=f"contents/{checksum}.json.gz")
    missing = host.get("ProductTypesUrl", "/GENERATED_0001", MarketplaceId=BELGIUM)
    assert (missing.status_code, missing.json()["errors"][0]["code"]) == (404, "ProductTypeUnknown")

    assert finished(host, start(host, seller, **asked))["progress"]["stored"] == 1
    found = definition(host, "GENERATED_0001", MarketplaceId=BELGIUM)
    assert requests.get(found["links"]["schema"]["url"], timeout=SECONDS).status_code == 200

    # The content before a change is missing: nothing can be compared with it, and the change is announced all the same.
    table_of(deployment, "ProductTypesTableName").update_item(
        Key={"Collection": f"DEFINITIONS#EU#{BELGIUM}#LISTING#ENFORCED#DEFAULT#-#-", "Entry": "GENERATED_0001"},
        UpdateExpression="SET Checksum = :other",
        ExpressionAttributeValues={":other": "0" * 32},
    )
    assert finished(host, start(host, seller, **asked))["progress"]["changed"] == 1
    (change,) = host.get("ProductTypesUrl", "/GENERATED_0001/changes", MarketplaceId=BELGIUM).json()["changes"]
    assert change["notCompared"]


def test_a_daily_refresh_of_a_seller_without_a_token_ends(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    """The record of a refresh that was written while the seller left."""
    host.store_token(seller)
    finished(host, start(host, seller, ProductTypes="COFFEE", MarketplaceIds=BELGIUM, RefreshDaily=True))
    table = table_of(deployment, "ProductTypesTableName")
    (refresh,) = [
        item
        for item in table.scan()["Items"]
        if item.get("SellerId") == seller.seller_id and item["Collection"] == "REFRESHES"
    ]
    host.delete("TokenStorageUrl", f"/{seller.seller_id}")
    table.put_item(Item=refresh)
    assert invoke_function(deployment, "SPAPIProductTypeRefresh", {})["ended"] == 1
    assert "Item" not in table.get_item(Key={"Collection": refresh["Collection"], "Entry": refresh["Entry"]})


def test_leaving_deletes_pulls_and_daily_refreshes(deployment: Deployment, host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    pull_id = start(host, seller, ProductTypes="LUGGAGE", RefreshDaily=True)
    finished(host, pull_id)
    left = host.delete("TokenStorageUrl", f"/{seller.seller_id}")
    assert left.json()["pullsDeleted"] == 2, left.text
    assert host.get("ProductTypesUrl", f"/pulls/{pull_id}").status_code == 404
    items = table_of(deployment, "ProductTypesTableName").scan()["Items"]
    assert not [item for item in items if item.get("SellerId") == seller.seller_id]


def test_no_token_and_no_link_is_in_the_history(deployment: Deployment, host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    pull_id = start(host, seller, ProductTypes="LUGGAGE")
    finished(host, pull_id)
    states = aws(deployment.servers, "stepfunctions")
    machine = deployment.outputs["ProductTypePullStateMachineArn"]
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{pull_id}"
    history = json.dumps(states.get_execution_history(executionArn=execution), default=str)
    assert len(history) < 20_000
    assert not [word for word in ("Atza|", "Atzr|", "X-Amz-Signature", "http://") if word in history]
