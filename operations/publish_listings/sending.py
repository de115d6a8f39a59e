"""Sends messages as a feed, follows it to its end, and keeps the journal. An interrupted run continues."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from operations.api import FEEDS, RefusedError
from operations.command import CommandError, counted
from operations.publish_listings.api import StackApi, Target, UploadExpiredError
from operations.publish_listings.journal import Journal, Pending, Published, Record, fingerprint
from operations.publish_listings.messages import Message
from operations.publish_listings.outcomes import NOT_SENT, TAKEN, UNCHANGED, UNKNOWN, Outcome, of_result
from operations.publish_listings.progress import Progress
from quickstart.listings.feed_documents import MOST_MESSAGES, message_body

_AWAITING_UPLOAD = "AWAITING_UPLOAD"
# Certainly nothing of the file is at Amazon.
_NOTHING_SENT = ("REFUSED", "EXPIRED")
# Amazon needs minutes. The first seconds show what the stack's check finds.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0
_STATES = {
    _AWAITING_UPLOAD: "The stack takes over the file",
    "CHECKING": "The stack checks the file",
    "QUEUED": "Queued: the stack sends the feeds of a seller one after the other",
    "SENDING": "The stack sends the feed to Amazon",
    "PROCESSING": "Amazon processes the feed; this can take hours. You can interrupt this, and run it again later",
}


@dataclass(frozen=True)
class Ended:
    """The end of a feed request: its outcomes by SKU, and what is said of the whole file."""

    status: str
    outcomes: Mapping[str, Outcome]
    whole: tuple[str, ...]
    fingerprints: Mapping[str, str]

    def has_sent(self, message: Message) -> bool:
        """Whether the request has sent this message as it is."""
        known = self.fingerprints.get(message.sku)
        return known == fingerprint(message.content) and self.outcomes[message.sku].status != NOT_SENT


@dataclass(frozen=True)
class Sending:
    """Sends to one target. `clock` gives the seconds since 1970."""

    api: StackApi
    target: Target
    journal: Journal
    progress: Progress
    skip_bad: bool = False
    clock: Callable[[], float] = time.time

    def continued(self, by_sku: Mapping[str, Message]) -> Ended | None:
        """The end of the request that an earlier run has not followed to its end; None if there is none.

        A request whose upload never began is dropped: the stack lets it expire.
        """
        record = self.journal.read()
        pending = record.pending
        if pending is None:
            return None
        if not pending.uploading:
            self.journal.write(replace(record, pending=None))
            return None
        return self._followed(record, pending, by_sku)

    def changed(self, messages: Sequence[Message], *, everything: bool) -> tuple[list[Message], list[Outcome]]:
        """The messages to send, and an outcome for each one that Amazon has taken as it is."""
        published = self.journal.read().published
        to_send: list[Message] = []
        same: list[Outcome] = []
        for message in messages:
            known = published.get(message.sku)
            if everything or known is None or known.fingerprint != fingerprint(message.content):
                to_send.append(message)
            else:
                said = f"{known.status} {known.time[:10]}"
                same.append(Outcome(message.row, message.sku, UNCHANGED, (said, *known.problems)))
        return to_send, same

    def sent(self, messages: Sequence[Message]) -> Iterator[Ended]:
        """Sends the messages, at most 25,000 in a request, one request after the other."""
        for first in range(0, len(messages), MOST_MESSAGES):
            yield self._sent(messages[first : first + MOST_MESSAGES])

    def _sent(self, messages: Sequence[Message]) -> Ended:
        record = self.journal.read()
        body = b"".join(message_body(message.row, message.content) + b"\n" for message in messages)
        pending = Pending(
            client_token=str(uuid.uuid4()),
            request={
                **self.target.body,
                "MarketplaceIds": [self.target.marketplace_id],
                "OnBadMessages": "SKIP" if self.skip_bad else "REFUSE",
                "MessageCount": len(messages),
            },
            fingerprints={message.sku: fingerprint(message.content) for message in messages},
        )
        self.journal.write_body(body)
        self.journal.write(replace(record, pending=pending))
        return self._followed(record, pending, {message.sku: message for message in messages})

    def _followed(self, record: Record, pending: Pending, by_sku: Mapping[str, Message]) -> Ended:
        """Completes what an interruption left open, and waits for the end."""
        answer = self._requested(pending)
        pending = replace(pending, feed_request_id=str(answer["feedRequestId"]), uploading=True)
        self.journal.write(replace(record, pending=pending))
        if "upload" in answer:
            self._upload(pending, answer["upload"])
        state = self._final(pending.feed_request_id)
        results = list(self.api.results(self.target, pending.feed_request_id))
        ended = _ended(state, results, pending, by_sku)
        now = datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")
        self.journal.write(Record(_published(record.published, pending, ended, now)))
        return ended

    def _requested(self, pending: Pending) -> Mapping[str, Any]:
        """The feed request; the same one for the same ClientToken. Raises CommandError."""
        if pending.feed_request_id:
            try:
                state = self.api.feed(self.target, pending.feed_request_id, Limit=1)
            except RefusedError as error:
                if error.status != 404:
                    raise
                raise CommandError(
                    f"the stack does not know the feed request {pending.feed_request_id} of the interrupted run. If "
                    f"you delete {self.journal.path}, the next run sends every row"
                ) from None
            if state["status"] != _AWAITING_UPLOAD:
                return state
        return self.api.send("POST", FEEDS, "", {**pending.request, "ClientToken": pending.client_token})

    def _upload(self, pending: Pending, upload: Mapping[str, Any]) -> None:
        packed = self.journal.read_body()
        count = counted(len(pending.fingerprints), "message")
        with self.progress.bar(f"Uploading {count}, {max(1, len(packed) // 1024):,} KB", len(packed)) as show:
            try:
                self.api.upload(upload, packed, show)
            except UploadExpiredError:
                fresh = self.api.send("POST", FEEDS, "", {**pending.request, "ClientToken": pending.client_token})
                if "upload" in fresh:
                    self.api.upload(fresh["upload"], packed, show)

    def _final(self, feed_request_id: str) -> Mapping[str, Any]:
        pause = _FIRST_PAUSE
        with self.progress.waiting() as show:
            while True:
                state = self.api.feed(self.target, feed_request_id, Limit=1)
                if state["final"]:
                    return state
                show(f"{_STATES.get(str(state['status']), state['status'])} [{feed_request_id}]")
                self.api.pause(pause)
                pause = min(pause * 1.3, _LONGEST_PAUSE)


def _ended(
    state: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    pending: Pending,
    by_sku: Mapping[str, Message],
) -> Ended:
    outcomes: dict[str, Outcome] = {}
    whole: list[str] = []
    for result in results:
        sku = str(result.get("sku") or "")
        outcome = of_result(result, by_sku.get(sku))
        if sku:
            outcomes[sku] = outcome
        else:
            whole.extend(outcome.problems)
    missing = NOT_SENT if state["status"] in _NOTHING_SENT else UNKNOWN
    for sku in pending.fingerprints:
        if sku not in outcomes:
            message = by_sku.get(sku)
            outcomes[sku] = Outcome(message.row if message else 0, sku, missing, (str(state["message"]),))
    if state["status"] != "DONE":
        whole.insert(0, f"{state['status']}: {state['message']}")
    return Ended(str(state["status"]), outcomes, tuple(dict.fromkeys(whole)), pending.fingerprints)


def _published(known: Mapping[str, Published], pending: Pending, ended: Ended, now: str) -> Mapping[str, Published]:
    """The journal's entries after a request. What became of a message for certain decides: one that was not sent
    changes nothing, and what Amazon has not taken is sent again next time."""
    entries = dict(known)
    for sku, outcome in ended.outcomes.items():
        if sku not in pending.fingerprints or outcome.status == NOT_SENT:
            continue
        entries.pop(sku, None)
        if outcome.status in TAKEN:
            entries[sku] = Published(pending.fingerprints[sku], outcome.status, now, outcome.problems)
    return entries
