"""GET /product-types: what is listed, page by page, and what a definition's answer has."""

import gzip
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from product_types_storm.cloud import EventBus, Trouble
from quickstart.dynamodb import Table
from quickstart.links import Link
from quickstart.paging import read_token, token
from quickstart.product_types.catalogue import (
    ChangesRequest,
    ListRequest,
    ProductTypeUnknownError,
    list_changes,
    list_definitions,
    read_changes_request,
    read_list_request,
    read_show_request,
    show_definition,
)
from quickstart.product_types.changes import Announcements, Presence, announce_presence
from quickstart.product_types.pulls import Issue, IssueKind, Wanted
from quickstart.product_types.reading import SchemaKey, SchemaStorage, packed_groups
from quickstart.product_types.requests import read_pull_id
from quickstart.product_types.wording import type_name
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from sp_api.product_types import PropertyGroup
from sp_api.regions import Region
from tests.unit.quickstart.product_types.support import PagedDynamoDB
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

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
        self.aws = Aws(Query=self._query)
        self.table = Table(self.aws.client("dynamodb"), "table")

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

    @pytest.mark.parametrize("words", ["x", "x" * 100])
    def test_the_words_of_a_search(self, words: str) -> None:
        fields = Fields({**LIST, "Query": words})
        assert read_list_request(fields).words == words
        (rule,) = [field.rule for field in fields.described if field.name == "Query"]
        assert rule == "up to 100 characters of a product type's name or display name"

    def test_a_variant_and_a_position(self) -> None:
        given = {
            "Requirements": "LISTING_OFFER_ONLY",
            "RequirementsEnforced": "NOT_ENFORCED",
            "Locale": "fr_FR",
            "ParentageLevel": "CHILD",
            "NextToken": token({"Entry": "BAG"}),
        }
        assert read_list_request(Fields({**LIST, **given})) == ListRequest(
            SchemaKey(Region.EU, FRANCE, "", "LISTING_OFFER_ONLY", "NOT_ENFORCED", "fr_FR", "CHILD"), "", 50, "BAG"
        )

    def test_one_definition(self) -> None:
        assert read_show_request(Fields({**LIST, "ProductType": "LUGGAGE"})) == KEY
        assert read_show_request(Fields({**LIST, "RegionCode": "EU", "ProductType": "LUGGAGE"})) == KEY

    @pytest.mark.parametrize("product_type", ["", "LUGGAGE#1", "X" * 129, "_X"])
    def test_what_is_no_product_type(self, product_type: str) -> None:
        with pytest.raises(InvalidRequestError) as refused:
            read_show_request(Fields({**LIST, "ProductType": product_type}))
        assert [error.field for error in refused.value.errors] == ["ProductType"]
        if product_type:
            assert str(refused.value) == (
                "ProductType must be a product type, such as LUGGAGE: 1 to 128 letters, digits, underscores, dots and "
                "hyphens"
            )

    @pytest.mark.parametrize("of_one_type", [False, True])
    def test_changes(self, *, of_one_type: bool) -> None:
        """The position of a page has the keys of the index, or of the table."""
        position = {"Entry": "CHANGE#1"} if of_one_type else {"Collection": "c", "Entry": "e", "ChangeOrder": "o"}
        given = {**LIST, **({"ProductType": "LUGGAGE"} if of_one_type else {})}
        name = "LUGGAGE" if of_one_type else ""
        plain = read_changes_request(Fields(given), of_one_type=of_one_type)
        assert plain == ChangesRequest(FRANCE, name, 50, None)
        later = Fields({**given, "Limit": "200", "NextToken": token(position)})
        assert read_changes_request(later, of_one_type=of_one_type) == ChangesRequest(FRANCE, name, 200, position)
        with pytest.raises(InvalidRequestError, match="NextToken"):
            read_changes_request(Fields({**given, "NextToken": token({"Other": "x"})}), of_one_type=of_one_type)

    @pytest.mark.parametrize(
        "read",
        [
            read_list_request,
            lambda fields: read_changes_request(fields, of_one_type=False),
            lambda fields: read_show_request(Fields({**fields.body, "ProductType": "LUGGAGE"})),
        ],
    )
    @pytest.mark.parametrize("changed", [{"Surplus": "1"}, {"MarketplaceId": ""}])
    def test_one_error_for_each_wrong_field(self, read: Callable[[Fields], Any], changed: dict[str, Any]) -> None:
        """A marketplace that is missing is no unknown one."""
        with pytest.raises(InvalidRequestError) as refused:
            read(Fields({**LIST, **changed}))
        assert [error.field for error in refused.value.errors] == list(changed)

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

    def test_a_search_with_as_many_results_as_the_limit(self, table: Definitions) -> None:
        for name in ("BAG_1", "BAG_2"):
            table.put(item(name))
        page = list_definitions(table.table, ListRequest(KEY, "bag", 2, None))
        assert [one["productType"] for one in listed(page)] == ["BAG_1", "BAG_2"]
        assert "nextToken" not in page

    def test_a_search_reads_three_thousand_definitions_at_most(self, table: Definitions) -> None:
        """What it looks for comes behind them, and the next page finds it."""
        for number in range(3000):
            table.put(item(f"A{number:04d}"))
        table.put(item("BAG"))
        first = list_definitions(table.table, ListRequest(KEY, "bag", 50, None))
        assert first == {"productTypes": [], "nextToken": token({"Entry": "A2999"})}
        assert [given["Limit"] for _, given in table.aws.calls] == [500] * 6
        second = list_definitions(table.table, ListRequest(KEY, "bag", 50, "A2999"))
        assert [one["productType"] for one in listed(second)] == ["BAG"]
        assert "nextToken" not in second

    def test_a_search_goes_on_until_its_page_is_full(self, table: Definitions) -> None:
        for number in range(1600):
            table.put(item(f"A{number:04d}", SearchText="bag" if number in (100, 700, 1200) else "cup"))
        page = list_definitions(table.table, ListRequest(KEY, "bag", 2, None))
        assert [one["productType"] for one in listed(page)] == ["A0100", "A0700"]
        # Exactly two of the first thousand fit: the next page begins behind these.
        assert read_token(str(page["nextToken"]), ("Entry",)) == {"Entry": "A0999"}

    def test_without_a_search_a_page_is_read_at_once(self, table: Definitions) -> None:
        for name in ("BAG", "LUGGAGE", "SHOES"):
            table.put(item(name))
        list_definitions(table.table, ListRequest(KEY, "", 2, None))
        ((_, given),) = table.aws.calls
        assert given["Limit"] == 2

    def test_a_definition_that_sp_api_no_longer_lists(self, table: Definitions) -> None:
        table.put(item("LUGGAGE", RemovedTime="2026-11-27T04:00:00+00:00"))
        (found,) = listed(list_definitions(table.table, ListRequest(KEY, "", 2, None)))
        assert found["removedTime"] == "2026-11-27T04:00:00+00:00"
        assert "answeredProductType" not in found

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


class TestChanges:
    """The changes of a marketplace, or of one product type, the newest first."""

    GERMANY = "A1PA6795UKMFR9"

    @pytest.fixture
    def table(self) -> Table:
        """A change of CUP each day, and one of HAT on the second, in France; one of CUP in Germany."""
        trouble = Trouble(random.Random(1))
        events: Any = EventBus(trouble)
        table = Table(PagedDynamoDB(trouble), "table")
        storage = SchemaStorage(table, Aws().client("s3"), "bucket")
        changes = [(1, FRANCE, "CUP"), (2, FRANCE, "CUP"), (2, FRANCE, "HAT"), (3, FRANCE, "CUP")]
        for day, marketplace_id, name in [*changes, (4, self.GERMANY, "CUP")]:
            key = SchemaKey(Region.EU, marketplace_id, name)
            now = datetime(2026, 11, day, 4, tzinfo=UTC)
            announce_presence(storage, Announcements(events, "bus"), key, Presence.ADDED, {}, now.isoformat(), now)
        return table

    @staticmethod
    def pages(table: Table, product_type: str, limit: int) -> list[list[tuple[str, str]]]:
        """Day and product type of each change, page by page."""
        found = []
        after: Mapping[str, str] | None = None
        names = ("Entry",) if product_type else ("Collection", "Entry", "ChangeOrder")
        while True:
            page: Any = list_changes(table, ChangesRequest(FRANCE, product_type, limit, after))
            assert all(change["marketplaceId"] == FRANCE for change in page["changes"])
            found.append([(change["changedTime"][8:10], change["productType"]) for change in page["changes"]])
            if "nextToken" not in page:
                return found
            after = read_token(page["nextToken"], names)
            assert after is not None

    def test_of_a_marketplace(self, table: Table) -> None:
        newest_first = [("03", "CUP"), ("02", "HAT"), ("02", "CUP"), ("01", "CUP")]
        assert self.pages(table, "", 50) == [newest_first]
        assert self.pages(table, "", 3) == [newest_first[:3], newest_first[3:]]

    def test_of_one_type(self, table: Table) -> None:
        newest_first = [("03", "CUP"), ("02", "CUP"), ("01", "CUP")]
        assert self.pages(table, "CUP", 50) == [newest_first]
        assert self.pages(table, "CUP", 2) == [newest_first[:2], newest_first[2:]]


class Links:
    def presign_all(self, keys: tuple[str, ...], name: str) -> list[Link]:
        assert name == "schema-LUGGAGE"
        return [Link(f"https://bucket/{key}", datetime(2026, 11, 26, tzinfo=UTC)) for key in keys]


def has_a_time(compressed: bytes) -> bool:
    """Whether the same content would have other bytes at another time (RFC 1952, MTIME)."""
    return compressed[4:8] != bytes(4)


class Body:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self) -> bytes:
        return self.content


class TestShow:
    def world(self, body: bytes, **changed: Any) -> tuple[SchemaStorage, Aws, MemoryTable]:
        aws = Aws(GetObject=lambda _: {"Body": Body(gzip.compress(body))}, PutObject=lambda _: {})
        table = MemoryTable(aws, "Collection", "Entry")
        groups = {"offer": PropertyGroup("Offre", "Prix", ("list_price",))}
        table.items = [item("LUGGAGE", MetaSchemaChecksum="m", PropertyGroups=packed_groups(groups)) | changed]
        return SchemaStorage(table.table, aws.client("s3"), "bucket"), aws, table

    @staticmethod
    def written(aws: Aws) -> list[Mapping[str, Any]]:
        return [given for name, given in aws.calls if name == "PutObject"]

    def test_a_definition_with_links_to_its_documents(self, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        schema = {"properties": {"brand": {"title": "Marque é", "$ref": "#/$defs/text"}}, "$defs": {"text": {}}}
        storage, aws, _ = self.world(json.dumps(schema).encode())
        links: Any = Links()
        answer: Any = show_definition(storage, links, KEY)
        folder = answer["links"]["attributesCsv"]["url"].removeprefix("https://bucket/").removesuffix("/attributes.csv")
        assert re.fullmatch("documents/1/c/[0-9a-f]{16}", folder)
        names = {
            "schema": "contents/c.json.gz",
            "metaSchema": "contents/m.json.gz",
            "resolvedSchema": f"{folder}/schema.resolved.json",
            "attributesCsv": f"{folder}/attributes.csv",
            "attributesJson": f"{folder}/attributes.json",
        }
        assert answer == {
            "productType": "LUGGAGE",
            "displayName": "The LUGGAGE",
            "version": "v1",
            "latest": True,
            "releaseCandidate": False,
            "checksum": "c",
            "storedTime": "2026-11-26T04:00:00+00:00",
            "checkedTime": "2026-11-26T05:00:00+00:00",
            "marketplaceId": FRANCE,
            "requirements": "LISTING",
            "requirementsEnforced": "ENFORCED",
            "locale": "DEFAULT",
            "propertyGroups": {"offer": {"title": "Offre", "description": "Prix", "propertyNames": ["list_price"]}},
            "warnings": [],
            "links": {
                name: {"url": f"https://bucket/{key}", "expires": "2026-11-26T00:00:00+00:00"}
                for name, key in names.items()
            },
        }
        written = self.written(aws)
        assert [(one["Key"], one["ContentDisposition"], one["ContentType"]) for one in written] == [
            (names["resolvedSchema"], 'attachment; filename="schema.resolved.json"', "application/json"),
            (names["attributesCsv"], 'attachment; filename="attributes.csv"', "text/csv; charset=utf-8"),
            (names["attributesJson"], 'attachment; filename="attributes.json"', "application/json"),
        ]
        assert {(one["Bucket"], one["ContentEncoding"]) for one in written} == {("bucket", "gzip")}
        bodies = [one["Body"].getvalue() for one in written]
        assert not any(map(has_a_time, bodies))
        resolved, table, rows = (gzip.decompress(body).decode() for body in bodies)
        assert resolved == '{"properties":{"brand":{"title":"Marque é"}}}'
        assert table.splitlines()[1].startswith("brand,Marque é,")
        assert [row["title"] for row in json.loads(rows)] == ["Marque é"]
        (line,) = log_lines()
        assert (line["message"], line["checksum"], line["attributes"]) == ("documents of a schema made", "c", 1)
        assert show_definition(storage, links, KEY) == answer
        assert len(self.written(aws)) == 3

    def test_other_groups_are_other_documents(self) -> None:
        """The table of attributes has the groups' titles."""
        links: Any = Links()
        folders = set()
        for title in ("Offre", "Offer"):
            packed = packed_groups({"offer": PropertyGroup(title, "é", ())})
            assert not has_a_time(packed)
            assert "é" in gzip.decompress(packed).decode()
            storage, aws, _ = self.world(b"{}", PropertyGroups=packed)
            show_definition(storage, links, KEY)
            folders.add(self.written(aws)[0]["Key"])
        assert len(folders) == 2

    def test_documents_that_were_not_stored_are_made_again(self) -> None:
        storage, aws, _ = self.world(b"{}")
        links: Any = Links()

        def refuse(given: Mapping[str, Any]) -> Mapping[str, Any]:
            if given["Key"].endswith(".csv"):
                raise AwsError("InternalError")
            return {}

        aws.answers["PutObject"] = refuse
        with pytest.raises(Exception, match="InternalError"):
            show_definition(storage, links, KEY)
        aws.answers["PutObject"] = lambda _: {}
        aws.calls.clear()
        show_definition(storage, links, KEY)
        assert len(self.written(aws)) == 3

    def test_another_form_of_a_definition_that_is_gone(self) -> None:
        """SP-API answered with another type, which is why the answer names it."""
        key = replace(KEY, parentage_level="CHILD")
        storage, aws, _ = self.world(
            b"{}", **key.item, ProductType="PRODUCT", RemovedTime="2026-11-27T04:00:00+00:00", MetaSchemaChecksum=""
        )
        links: Any = Links()
        answer: Any = show_definition(storage, links, key)
        shown = {name: answer[name] for name in ("parentageLevel", "removedTime", "answeredProductType")}
        assert shown == {
            "parentageLevel": "CHILD",
            "removedTime": "2026-11-27T04:00:00+00:00",
            "answeredProductType": "PRODUCT",
        }
        assert list(answer["links"]) == ["schema", "resolvedSchema", "attributesCsv", "attributesJson"]
        assert len(self.written(aws)) == 3

    def test_what_was_left_out_of_the_schema_is_a_warning(self) -> None:
        schema = {"properties": {"a": {"enum": []}}, "required": "a"}
        storage, _, _ = self.world(json.dumps(schema).encode())
        links: Any = Links()
        assert show_definition(storage, links, KEY)["warnings"] == [
            {"pointer": "/required", "message": "The rule required in Amazon's schema is not a list of names"},
            {
                "pointer": "/properties/a/enum",
                "message": "The rule enum of a in Amazon's schema is empty",
                "attributeName": "a",
            },
        ]

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
        with pytest.raises(ProductTypeUnknownError) as unknown:
            show_definition(storage, links, replace(KEY, parentage_level="CHILD"))
        assert str(unknown.value) == (
            f"the definition of LUGGAGE in marketplace {FRANCE} is not stored with Requirements LISTING, "
            "RequirementsEnforced ENFORCED, Locale DEFAULT and ParentageLevel CHILD: pull it with POST "
            "/product-types/pulls"
        )

    def test_one_whose_document_somebody_deleted_is_forgotten(self) -> None:
        """So that the next pull stores it again, with its meta-schema."""
        storage, aws, table = self.world(b"{}")
        stored = [{"Collection": f"CONTENT#{name}", "Entry": "CONTENT"} for name in ("c", "m", "other")]
        table.items += stored

        def missing(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("NoSuchKey", 404)

        aws.answers["GetObject"] = missing
        links: Any = Links()
        with pytest.raises(ProductTypeUnknownError):
            show_definition(storage, links, KEY)
        assert table.items == stored[2:]


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
