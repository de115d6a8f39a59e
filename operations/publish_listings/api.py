"""The requests of publishing to the stack's APIs."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from operations.api import ATTEMPTS, FEEDS, LONGEST_PAUSE, PRODUCT_TYPES, SECONDS, Api, RefusedError
from operations.command import CommandError
from operations.publish_listings.definitions import Definition, definition
from quickstart.product_types.schemas import SchemaUnreadableError
from sp_api.documents import says_expired, store_error

_UPLOAD_SECONDS = 300.0
_PAGE = 1000
# What S3 answers for a moment. 409: another upload has not ended.
_PASSING_OF_S3 = (409, 500, 503)


class UploadExpiredError(CommandError):
    """S3 no longer takes the link."""


@dataclass(frozen=True)
class Target:
    """Whose listings are published, and where. `vendor_code` is empty for sellers."""

    seller_id: str
    region: str
    marketplace_id: str
    vendor_code: str = ""

    @property
    def body(self) -> dict[str, str]:
        """The fields of requests that say whose listings they are about."""
        vendor = {"PartyType": "VENDOR", "VendorCode": self.vendor_code} if self.vendor_code else {}
        return {"SellerId": self.seller_id, "RegionCode": self.region, **vendor}


@dataclass(frozen=True)
class StackApi(Api):
    """The requests that publishing needs."""

    def upload(self, upload: Mapping[str, Any], content: bytes, advance: Callable[[int], None]) -> None:
        """Uploads a file to the link of a feed request; calls `advance` with the bytes sent so far.

        A file that is there already is left alone: an earlier attempt succeeded. Raises UploadExpiredError and
        CommandError.
        """
        for attempt in range(1, ATTEMPTS + 1):
            source = _Counted(content, advance)
            try:
                answer = self.http.put(
                    upload["url"], data=source, headers=dict(upload["headers"]), timeout=_UPLOAD_SECONDS
                )
            except requests.RequestException as error:
                if attempt == ATTEMPTS:
                    raise CommandError(f"the upload got no answer ({type(error).__name__}). Run this again") from None
                self.pause(min(2.0**attempt, LONGEST_PAUSE))
                continue
            if answer.status_code in (200, 412):
                return
            # Not the rest of the answer: it may quote the link's signature.
            code, message = store_error(answer.content)
            if says_expired(answer.status_code, code, message):
                raise UploadExpiredError("S3 refused the upload: its link has expired. Run this again")
            if answer.status_code not in _PASSING_OF_S3 or attempt == ATTEMPTS:
                reason = ": ".join(filter(None, (f"HTTP {answer.status_code} {code}".strip(), message.rstrip("."))))
                raise CommandError(f"S3 refused the upload: {reason}. Run this again")
            self.pause(min(2.0**attempt, LONGEST_PAUSE))

    def download(self, link: str) -> bytes:
        """The document behind a link of the stack. Raises CommandError."""
        try:
            answer = self.http.get(link, timeout=SECONDS)
            answer.raise_for_status()
        except requests.RequestException as error:
            # Not the error's own text: it has the link, which anybody could use.
            raise CommandError(f"a document of the stack cannot be read ({type(error).__name__})") from None
        return answer.content

    def definition(self, target: Target, product_type: str, requirements: str) -> Definition | None:
        """The stored definition; None if it must be pulled first. Raises CommandError."""
        try:
            found = self.send(
                "GET",
                PRODUCT_TYPES,
                f"/{quote(product_type, safe='')}",
                MarketplaceId=target.marketplace_id,
                RegionCode=target.region,
                Requirements=requirements,
            )
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        body = self.download(found["links"]["schema"]["url"])
        # Another type, if the marketplace does not support the one that was asked for.
        answered = str(found.get("answeredProductType") or product_type)
        try:
            return definition(answered, requirements, str(found["checksum"]), body, found["propertyGroups"])
        except SchemaUnreadableError as error:
            raise CommandError(f"the schema of {product_type}: {error}") from None

    def pull(self, target: Target, product_types: list[str], requirements: str) -> Iterator[Mapping[str, Any]]:
        """Starts a pull, and yields its state until it is finished. Raises CommandError if it fails."""
        body = {
            "SellerId": target.seller_id,
            "RegionCode": target.region,
            "MarketplaceIds": target.marketplace_id,
            "ProductTypes": product_types,
            "Requirements": requirements,
        }
        pull_id = self.send("POST", PRODUCT_TYPES, "/pulls", body)["pullId"]
        while True:
            state = self.send("GET", PRODUCT_TYPES, f"/pulls/{pull_id}")
            yield state
            if state["status"] == "FINISHED":
                return
            if state["status"] not in ("LISTING", "FETCHING"):
                reason = f": {state['error']} {state.get('cause', '')}".rstrip() if state.get("error") else ""
                raise CommandError(f"the product types could not be fetched: the pull is {state['status']}{reason}")
            self.pause(1.0)

    def results(self, target: Target, feed_request_id: str) -> Iterator[Mapping[str, Any]]:
        """The result of each message of a feed, and the problems of the whole file. Raises CommandError."""
        token: str | None = None
        while True:
            page = self.feed(target, feed_request_id, Results="ALL", Limit=_PAGE, NextToken=token)
            yield from page.get("results", [])
            token = page.get("nextToken")
            if not token:
                return

    def feed(self, target: Target, feed_request_id: str, **query: object) -> Mapping[str, Any]:
        """The state of a feed request. Raises CommandError."""
        return self.send("GET", FEEDS, f"/{feed_request_id}", SellerId=target.seller_id, **query)


class _Counted(io.BytesIO):
    """A file that tells how much of it has been read."""

    def __init__(self, content: bytes, advance: Callable[[int], None]) -> None:
        super().__init__(content)
        self._advance = advance

    def read(self, size: int | None = None, /) -> bytes:
        piece = super().read(size)
        self._advance(self.tell())
        return piece
