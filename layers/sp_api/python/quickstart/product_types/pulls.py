"""Pulls: one request for the definitions of many product types, its progress, and what failed.

A pull is an item of the table and a list of types in the bucket. The state machine fetches the types in the list's
order, and `Cursor` is how many of them, from the first on, are finished.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from boto3.dynamodb.conditions import Attr

from quickstart.dynamodb import Item, Table, reading_item
from quickstart.product_types.reading import SchemaKey, SchemaStorage
from quickstart.times import to_text
from sp_api.regions import Region
from sp_api.wire import optional_text, text, texts

# Long enough to look up what a pull did; the definitions stay.
_KEPT = timedelta(days=90)
REFRESHES = "REFRESHES"
# Finds the pulls and daily refreshes of a selling partner.
SELLER_INDEX = "SellerIdIndex"


class PullStatus(StrEnum):
    """What a pull is doing. Whether its execution still runs is Step Functions' to say."""

    LISTING = "LISTING"
    FETCHING = "FETCHING"
    FINISHED = "FINISHED"
    STOPPED = "STOPPED"


@dataclass(frozen=True)
class Selection:
    """Which definitions, in which form. Exactly one of `product_types`, `keywords` and `every_type` is set."""

    seller_id: str
    region: Region
    marketplace_ids: tuple[str, ...]
    product_types: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    every_type: bool = False
    requirements: str = "LISTING"
    enforced: str = "ENFORCED"
    locale: str = "DEFAULT"
    parentage_level: str | None = None

    def key(self, wanted: "Wanted") -> SchemaKey:
        """The key of one of its definitions. The schema is the one that every seller gets."""
        return SchemaKey(
            region=self.region,
            marketplace_id=wanted.marketplace_id,
            product_type=wanted.product_type,
            requirements=self.requirements,
            enforced=self.enforced,
            locale=self.locale,
            parentage_level=self.parentage_level,
        )

    @property
    def digest(self) -> str:
        """The same for the same selection, whatever the order of its lists."""
        plain = asdict(self)
        for name in ("marketplace_ids", "product_types", "keywords"):
            plain[name] = sorted(plain[name])
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]

    def attributes(self) -> Item:
        """As items have it."""
        return {
            "SellerId": self.seller_id,
            "RegionCode": str(self.region),
            "MarketplaceIds": list(self.marketplace_ids),
            "ProductTypes": list(self.product_types),
            "Keywords": list(self.keywords),
            "EveryType": self.every_type,
            "Requirements": str(self.requirements),
            "RequirementsEnforced": str(self.enforced),
            "Locale": self.locale,
            "ParentageLevel": self.parentage_level,
        }

    @classmethod
    def from_item(cls, item: Item) -> "Selection":
        """Raises what `reading_item` turns into DamagedItemError."""
        return cls(
            seller_id=text(item, "SellerId"),
            region=Region(text(item, "RegionCode")),
            marketplace_ids=texts(item, "MarketplaceIds"),
            product_types=texts(item, "ProductTypes"),
            keywords=texts(item, "Keywords"),
            every_type=bool(item["EveryType"]),
            requirements=text(item, "Requirements"),
            enforced=text(item, "RequirementsEnforced"),
            locale=text(item, "Locale"),
            parentage_level=optional_text(item, "ParentageLevel"),
        )


@dataclass(frozen=True)
class Wanted:
    """One definition to fetch."""

    marketplace_id: str
    product_type: str


@dataclass(frozen=True)
class Counts:
    """How the first `cursor` definitions of the list ended. `removed` are types that the list no longer has."""

    cursor: int = 0
    stored: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    substituted: int = 0
    removed: int = 0


@dataclass(frozen=True)
class Pull:
    """A pull as recorded. `total` is None until the types are listed; `executions` counts starts of the machine."""

    pull_id: str
    selection: Selection
    status: PullStatus
    created_time: str
    counts: Counts
    total: int | None = None
    finished_time: str | None = None
    refresh_daily: bool = False
    refresh_of: str | None = None
    executions: int = 1

    @classmethod
    def from_item(cls, item: Item) -> "Pull":
        """Raises DamagedItemError."""
        with reading_item(f"{item.get('Collection')} {item.get('Entry')}"):
            return cls(
                pull_id=text(item, "PullId"),
                selection=Selection.from_item(item),
                status=PullStatus(text(item, "Status")),
                created_time=text(item, "CreatedTime"),
                counts=Counts(**{name: int(item.get(_attribute(name), 0)) for name in Counts.__dataclass_fields__}),
                total=int(item["Total"]) if "Total" in item else None,
                finished_time=optional_text(item, "FinishedTime"),
                refresh_daily=bool(item.get("RefreshDaily")),
                refresh_of=optional_text(item, "RefreshOf"),
                executions=int(item.get("Executions", 1)),
            )

    @property
    def execution_name(self) -> str:
        """The name of the latest execution of the state machine."""
        return execution_name(self.pull_id, self.executions)


class IssueKind(StrEnum):
    """Why a definition of a pull is listed."""

    FAILED = "FAILED"
    SUBSTITUTED = "SUBSTITUTED"
    NOTHING_LISTED = "NOTHING_LISTED"


@dataclass(frozen=True)
class Issue:
    """A definition that failed, or for which SP-API answered with another product type.

    `product_type` is empty when a whole marketplace failed, or SP-API listed nothing for it.
    """

    kind: IssueKind
    wanted: Wanted
    code: str
    message: str
    answered_product_type: str | None = None

    def described(self) -> Mapping[str, object]:
        """As answers have it."""
        answer: dict[str, object] = {
            "kind": str(self.kind),
            "marketplaceId": self.wanted.marketplace_id,
            "code": self.code,
            "message": self.message,
        }
        if self.wanted.product_type:
            answer["productType"] = self.wanted.product_type
        if self.answered_product_type:
            answer["answeredProductType"] = self.answered_product_type
        return answer


@dataclass(frozen=True)
class Pulls:
    """The records of pulls."""

    storage: SchemaStorage

    @property
    def table(self) -> Table:
        return self.storage.table

    def create(self, pull: Pull) -> bool:
        """Records a new pull; False when there is one with this id."""
        expires = datetime.now(UTC) + _KEPT
        return self.table.put(
            {
                **_pull_key(pull.pull_id),
                "PullId": pull.pull_id,
                **pull.selection.attributes(),
                "SelectionDigest": pull.selection.digest,
                "Status": str(pull.status),
                "CreatedTime": pull.created_time,
                "RefreshDaily": pull.refresh_daily,
                "RefreshOf": pull.refresh_of,
                "Executions": pull.executions,
                "ExpiresAt": int(expires.timestamp()),
            },
            Attr("Collection").not_exists(),
        )

    def find(self, pull_id: str) -> Pull | None:
        """The pull; None when there is none. Raises DamagedItemError."""
        item = self.table.get(_pull_key(pull_id))
        return None if item is None else Pull.from_item(item)

    def restarted(self, pull: Pull) -> Pull | None:
        """Counts one more execution; None when another request did so first."""
        status = PullStatus.LISTING if pull.total is None else PullStatus.FETCHING
        values = {"Executions": pull.executions + 1, "Status": str(status)}
        taken = self.table.update(_pull_key(pull.pull_id), values, condition=Attr("Executions").eq(pull.executions))
        return replace(pull, executions=pull.executions + 1, status=status) if taken else None

    def stop(self, pull: Pull) -> None:
        """Records that the pull was stopped, unless it is finished. A function that still runs ends when it sees it."""
        self.table.update(
            _pull_key(pull.pull_id),
            {"Status": str(PullStatus.STOPPED)},
            condition=Attr("Status").is_in([str(PullStatus.LISTING), str(PullStatus.FETCHING)]),
        )

    def listed(self, pull: Pull, wanted: Sequence[Wanted]) -> None:
        """Stores the list of what is to be fetched, and that fetching begins."""
        rows = [[entry.marketplace_id, entry.product_type] for entry in wanted]
        self.storage.s3.put_object(
            Bucket=self.storage.bucket,
            Key=_list_key(pull.pull_id),
            Body=gzip.compress(json.dumps(rows).encode(), mtime=0),
            ContentType="application/json",
            ContentEncoding="gzip",
        )
        self._update(pull, {"Status": str(PullStatus.FETCHING), "Total": len(rows)}, PullStatus.LISTING)

    def wanted(self, pull: Pull) -> list[Wanted]:
        """The list that `listed` stored."""
        answer = self.storage.s3.get_object(Bucket=self.storage.bucket, Key=_list_key(pull.pull_id))
        rows = json.loads(gzip.decompress(answer["Body"].read()))
        return [Wanted(marketplace_id, product_type) for marketplace_id, product_type in rows]

    def progress(self, pull: Pull, counts: Counts) -> bool:
        """Records how far the pull is; False when it was stopped or deleted."""
        return self._update(pull, _counted(counts), PullStatus.FETCHING)

    def finish(self, pull: Pull, counts: Counts, now: datetime) -> None:
        """Records that everything was fetched."""
        values = {**_counted(counts), "Status": str(PullStatus.FINISHED), "FinishedTime": to_text(now)}
        self._update(pull, values, PullStatus.FETCHING)

    def add_issue(self, pull: Pull, issue: Issue) -> None:
        """Records an issue in place of an earlier one of the same definition."""
        self.table.put(
            {
                **_issue_key(pull.pull_id, issue.wanted),
                "Kind": str(issue.kind),
                "MarketplaceId": issue.wanted.marketplace_id,
                "ProductType": issue.wanted.product_type,
                "Code": issue.code,
                "Message": issue.message,
                "AnsweredProductType": issue.answered_product_type,
                "ExpiresAt": int((datetime.now(UTC) + _KEPT).timestamp()),
            }
        )

    def remove_issue(self, pull: Pull, wanted: Wanted) -> None:
        """Forgets the issue of a definition that a later attempt fetched."""
        self.table.delete(_issue_key(pull.pull_id, wanted))

    def issues(self, pull_id: str) -> list[Issue]:
        """All issues. Raises DamagedItemError."""
        return [_issue(item) for item in self.table.query("Collection", f"ISSUES#{pull_id}")]

    def issue_page(self, pull_id: str, limit: int, after: str | None) -> tuple[list[Issue], str | None]:
        """At most `limit` issues, and where the next page begins; None on the last. Raises DamagedItemError."""
        collection = f"ISSUES#{pull_id}"
        start = None if after is None else {"Collection": collection, "Entry": after}
        items, last = self.table.sorted_page("Collection", collection, limit=limit, after=start)
        return [_issue(item) for item in items], None if last is None else str(last["Entry"])

    def keep_fresh(self, pull: Pull) -> None:
        """Has the selection pulled again every day; an earlier request for the same selection is replaced."""
        self.table.put(
            {
                "Collection": REFRESHES,
                "Entry": pull.selection.digest,
                **pull.selection.attributes(),
                "PullId": pull.pull_id,
                "CreatedTime": pull.created_time,
            }
        )

    def stop_refreshing(self, selection: Selection) -> None:
        """Ends the daily refresh of this selection, if there is one."""
        self.table.delete({"Collection": REFRESHES, "Entry": selection.digest})

    def is_refreshed(self, selection: Selection) -> bool:
        """Whether the selection is pulled again every day."""
        return self.table.get({"Collection": REFRESHES, "Entry": selection.digest}) is not None

    def refreshes(self) -> list[Item]:
        """Every selection that is pulled again every day, as items."""
        return self.table.query("Collection", REFRESHES)

    def _update(self, pull: Pull, values: Item, status: PullStatus) -> bool:
        """Changes the pull while it has this status: an invocation that ends late changes nothing."""
        return self.table.update(_pull_key(pull.pull_id), values, condition=Attr("Status").eq(str(status)))


def execution_name(pull_id: str, number: int) -> str:
    """The name of a pull's first execution is its id."""
    return pull_id if number == 1 else f"{pull_id}-{number}"


def _pull_key(pull_id: str) -> Item:
    return {"Collection": f"PULL#{pull_id}", "Entry": "PULL"}


def _issue_key(pull_id: str, wanted: Wanted) -> Item:
    return {"Collection": f"ISSUES#{pull_id}", "Entry": f"{wanted.marketplace_id}#{wanted.product_type}"}


def _list_key(pull_id: str) -> str:
    return f"pulls/{pull_id}.json.gz"


def _issue(item: Item) -> Issue:
    with reading_item(f"{item.get('Collection')} {item.get('Entry')}"):
        return Issue(
            kind=IssueKind(text(item, "Kind")),
            wanted=Wanted(text(item, "MarketplaceId"), optional_text(item, "ProductType") or ""),
            code=text(item, "Code"),
            message=text(item, "Message"),
            answered_product_type=optional_text(item, "AnsweredProductType"),
        )


def _attribute(name: str) -> str:
    return name.capitalize()


def _counted(counts: Counts) -> Mapping[str, Any]:
    return {_attribute(name): value for name, value in asdict(counts).items()}
