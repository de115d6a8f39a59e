"""GET /product-types: what is listed, page by page, and what a definition's answer has."""

import gzip
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from quickstart.dynamodb import Table
from quickstart.links import Link
from quickstart.paging import read_token
from quickstart.product_types.catalogue import (
    ListRequest,
    ProductTypeUnknownError,
    list_definitions,
    read_changes_request,
    read_list_request,
    read_show_request,
    show_definition,
)
from quickstart.product_types.pulls import Issue, IssueKind, Wanted
from quickstart.product_types.reading import SchemaKey, SchemaStorage, packed_groups
from quickstart.product_types.requests import read_pull_id
from quickstart.product_types.wording import type_name
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from sp_api.regions import Region
from tests.unit.quickstart.product_types.support import schema_of
from tests.unit.quickstart.support import Aws, MemoryTable

FRANCE = "A13V1IB3VIYZZH"
KEY = SchemaKey(Region.EU, FRANCE, "LUGGAGE")
LIST: dict[str, Any] = {"MarketplaceId": FRANCE}


def item(name: str, **changed: Any) -> dict[str, Any]:
    return {
        **KEY.item,
        "Entry": name,
        "ProductType": name,
        "DisplayName": f"The {name}",
        "Version": "v1",
        "Latest": True,
        "ReleaseCandidate": False,
        "Checksum": "c",
        "StoredTime": "2026-11-26T04:00:00+00:00",
        "CheckedTime": "2026-11-26T05:00:00+00:00",
        "PropertyGroups": packed_groups({}),
        "SearchText": name.casefold(),
        **changed,
    }


class Definitions:
    """A table of definitions, whose queries end after `limit` items as DynamoDB's do."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.table = Table(Aws(Query=self._query).client("dynamodb"), "table")

    def put(self, added: dict[str, Any]) -> None:
        self.items.append(added)

    def _query(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        start = given.get("ExclusiveStartKey", {"Entry": {"S": ""}})["Entry"]["S"]
        rest = [one for one in sorted(self.items, key=lambda one: str(one["Entry"])) if one["Entry"] > start]
        read = rest[: given["Limit"]]
        words = given["ExpressionAttributeValues"].get(":v0", {"S": ""})["S"]
        found = {"Items": [typed(one) for one in read if words in one["SearchText"]]}
        last = {"LastEvaluatedKey": typed({"Collection": "c", "Entry": read[-1]["Entry"]})} if rest[len(read) :] else {}
        return {**found, **last}


def typed(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in plain.items()}


@pytest.fixture
def table() -> Definitions:
    return Definitions()


class TestReading:
    def test_a_list_request(self) -> None:
        request = read_list_request(Fields({**LIST, "Query": "bag", "Limit": "7"}))
        assert (request.key.region, request.key.marketplace_id, request.key.product_type) == (Region.EU, FRANCE, "")
        assert (request.words, request.limit, request.after) == ("bag", 7, None)
        plain = read_list_request(Fields(LIST))
        assert (plain.words, plain.limit) == ("", 50)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"Query": "x" * 101}, "Query must have at most 100 characters, without control characters"),
            ({"Query": "a\nb"}, "Query must have at most 100 characters, without control characters"),
            (
                {"MarketplaceId": "A0UNKNOWN00000"},
                "RegionCode is missing, and the region of this marketplace is not known",
            ),
        ],
    )
    def test_what_is_wrong(self, changed: dict[str, Any], message: str) -> None:
        with pytest.raises(InvalidRequestError) as refused:
            read_list_request(Fields({**LIST, **changed}))
        assert str(refused.value) == message

    def test_a_marketplace_of_another_region(self) -> None:
        with pytest.raises(InvalidRequestError) as refused:
            read_list_request(Fields({**LIST, "RegionCode": "NA"}))
        assert [error.field for error in refused.value.errors] == ["MarketplaceId"]

    def test_a_marketplace_that_is_not_known_may_name_its_region(self) -> None:
        fields = Fields({"MarketplaceId": "A0UNKNOWN00000", "RegionCode": "FE", "ProductType": "LUGGAGE"})
        assert read_show_request(fields).region is Region.FE

    @pytest.mark.parametrize(("limit", "accepted"), [(200, True), (201, False), (0, False)])
    @pytest.mark.parametrize(
        "read", [read_list_request, lambda fields: read_changes_request(fields, of_one_type=False)]
    )
    def test_the_largest_page(self, read: Callable[[Fields], Any], limit: int, *, accepted: bool) -> None:
        fields = Fields({**LIST, "Limit": str(limit)})
        if accepted:
            assert read(fields).limit == limit
        else:
            with pytest.raises(InvalidRequestError, match="Limit"):
                read(fields)

    def test_the_id_of_a_pull(self) -> None:
        with pytest.raises(InvalidRequestError) as refused:
            read_pull_id(Fields({"PullId": "x/y"}))
        assert str(refused.value) == "PullId must be the pullId from the response of POST /product-types/pulls"


class TestList:
    def test_page_by_page_in_the_order_of_the_names(self, table: Definitions) -> None:
        for name in ("BAG", "LUGGAGE", "SHOES"):
            table.put(item(name))
        first = list_definitions(table.table, ListRequest(KEY, "", 2, None))
        assert [one["productType"] for one in listed(first)] == ["BAG", "LUGGAGE"]
        position = read_token(str(first["nextToken"]), ("Entry",))
        assert position == {"Entry": "LUGGAGE"}
        second = list_definitions(table.table, ListRequest(KEY, "", 2, position["Entry"]))
        assert [one["productType"] for one in listed(second)] == ["SHOES"]
        assert "nextToken" not in second

    def test_a_search_stops_at_the_limit_and_continues_there(self, table: Definitions) -> None:
        for number in range(5):
            table.put(item(f"BAG_{number}"))
        table.put(item("SHOES"))
        page = list_definitions(table.table, ListRequest(KEY, "BAG", 2, None))
        assert [one["productType"] for one in listed(page)] == ["BAG_0", "BAG_1"]
        assert read_token(str(page["nextToken"]), ("Entry",)) == {"Entry": "BAG_1"}
        rest = list_definitions(table.table, ListRequest(KEY, "bag", 50, "BAG_1"))
        assert [one["productType"] for one in listed(rest)] == ["BAG_2", "BAG_3", "BAG_4"]

    def test_a_definition_as_it_is_listed(self, table: Definitions) -> None:
        table.put(item("LUGGAGE", ProductType="PRODUCT"))
        (found,) = listed(list_definitions(table.table, ListRequest(KEY, "", 2, None)))
        assert found == {
            "productType": "LUGGAGE",
            "displayName": "The LUGGAGE",
            "version": "v1",
            "latest": True,
            "releaseCandidate": False,
            "checksum": "c",
            "storedTime": "2026-11-26T04:00:00+00:00",
            "checkedTime": "2026-11-26T05:00:00+00:00",
            "answeredProductType": "PRODUCT",
        }


def listed(page: Any) -> list[Any]:
    return list(page["productTypes"])


class Links:
    def presign_all(self, keys: tuple[str, ...], name: str) -> list[Link]:
        assert name == "schema-LUGGAGE"
        return [Link(f"https://bucket/{key}", datetime(2026, 11, 26, tzinfo=UTC)) for key in keys]


class Body:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self) -> bytes:
        return self.content


class TestShow:
    def world(self, body: bytes) -> tuple[SchemaStorage, Aws, MemoryTable]:
        aws = Aws(GetObject=lambda _: {"Body": Body(gzip.compress(body))}, PutObject=lambda _: {})
        table = MemoryTable(aws, "Collection", "Entry")
        table.items = [item("LUGGAGE", MetaSchemaChecksum="m")]
        return SchemaStorage(table.table, aws.client("s3"), "bucket"), aws, table

    def test_a_definition_with_links_to_its_documents(self) -> None:
        storage, aws, _ = self.world(json.dumps(schema_of("LUGGAGE")).encode())
        links: Any = Links()
        answer = show_definition(storage, links, KEY)
        assert {name: answer[name] for name in ("marketplaceId", "requirements", "requirementsEnforced", "locale")} == {
            "marketplaceId": FRANCE,
            "requirements": "LISTING",
            "requirementsEnforced": "ENFORCED",
            "locale": "DEFAULT",
        }
        shown: Any = answer["links"]
        files = {name: link["url"].rpartition("/")[2] for name, link in shown.items()}
        assert files == {
            "schema": "c.json.gz",
            "metaSchema": "m.json.gz",
            "resolvedSchema": "schema.resolved.json",
            "attributesCsv": "attributes.csv",
            "attributesJson": "attributes.json",
        }
        written = [given for name, given in aws.calls if name == "PutObject"]
        assert [(one["ContentDisposition"], one["ContentType"]) for one in written] == [
            ('attachment; filename="schema.resolved.json"', "application/json"),
            ('attachment; filename="attributes.csv"', "text/csv; charset=utf-8"),
            ('attachment; filename="attributes.json"', "application/json"),
        ]
        show_definition(storage, links, KEY)
        assert len([name for name, _ in aws.calls if name == "PutObject"]) == 3

    def test_a_schema_that_cannot_be_read_has_a_warning(self) -> None:
        storage, _, _ = self.world(b"[]")
        links: Any = Links()
        answer = show_definition(storage, links, KEY)
        assert answer["warnings"] == [{"message": "The schema is not a JSON object"}]
        shown: Any = answer["links"]
        assert set(shown) == {"schema", "metaSchema"}

    def test_one_that_was_never_pulled(self) -> None:
        storage, _, table = self.world(b"{}")
        table.items = []
        links: Any = Links()
        with pytest.raises(ProductTypeUnknownError):
            show_definition(storage, links, KEY)


@pytest.mark.parametrize(
    ("issue", "described"),
    [
        (
            Issue(IssueKind.FAILED, Wanted(FRANCE, "LUGGAGE"), "NotFound", "m"),
            {"kind": "FAILED", "marketplaceId": FRANCE, "code": "NotFound", "message": "m", "productType": "LUGGAGE"},
        ),
        (
            Issue(IssueKind.SUBSTITUTED, Wanted(FRANCE, ""), "Substituted", "m", "PRODUCT"),
            {
                "kind": "SUBSTITUTED",
                "marketplaceId": FRANCE,
                "code": "Substituted",
                "message": "m",
                "answeredProductType": "PRODUCT",
            },
        ),
    ],
)
def test_an_issue_of_a_pull(issue: Issue, described: dict[str, Any]) -> None:
    assert issue.described() == described


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("array", "a list"),
        ("boolean", "true or false"),
        ("integer", "a whole number"),
        ("null", "null"),
        ("number", "a number"),
        ("object", "an object"),
        ("string", "a text"),
        (["string", "number"], "a text or a number"),
        ("other", "other"),
    ],
)
def test_the_words_for_a_type(names: object, words: str) -> None:
    assert type_name(names) == words
