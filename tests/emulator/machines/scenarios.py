"""Scenarios of every state machine, for every engine that executes it.

A scenario is the input and a script: each call of any function returns the script's next step, or raises the error that
the step names. A function that has a task token sends it with the value that the step names, or does not send it: then
the task's time-out ends the wait. The engines must enter the same states, make the same calls, and end alike.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests import hostile
from tests.emulator.support import REPOSITORY

Json = Any
Step = Mapping[str, Json]
FOLDER = REPOSITORY / "templates" / "statemachines"
DEFINITIONS = sorted(path.name for path in FOLDER.glob("*.asl.json"))
REPORT, SOLICITATION = "report-processor.asl.json", "solicitation.asl.json"
LISTING, PULL = "listing.asl.json", "product-type-pull.asl.json"
FEED = "listing-feed.asl.json"
_FUNCTION = re.compile(r"\$\{(\w+)Arn\}")


@dataclass(frozen=True)
class Scenario:
    """`given` is the input, besides the id. `waits` are the seconds of its Wait states and the time-outs of its waits
    for a token."""

    script: Sequence[Step]
    given: Mapping[str, Json]
    waits: Sequence[float] = ()


def input_of(machine: str, scenario: Scenario, script: str) -> dict[str, Json]:
    """The execution's input. The id that the machine gives to all of its functions names the script."""
    return {"PullId" if machine == PULL else "SellerId": script, **scenario.given}


def definition(name: str, functions: Mapping[str, str] | None = None) -> dict[str, Json]:
    """The definition as CloudFormation deploys it, with these functions instead of those of that name."""
    text = (FOLDER / name).read_text()
    loaded: dict[str, Json] = json.loads(_FUNCTION.sub(lambda found: (functions or {}).get(found[1], found[1]), text))
    return loaded


def functions_of(name: str) -> list[str]:
    return sorted(set(_FUNCTION.findall((FOLDER / name).read_text())))


def transitions(name: str) -> set[tuple[str, str]]:
    """Each state with each state that may follow it."""
    return set(_transitions(definition(name)["States"]))


def _transitions(states: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for state, fields in states.items():
        for rule in (fields, *fields.get("Choices", []), *fields.get("Catch", [])):
            if "Next" in rule:
                yield state, rule["Next"]
        if "Default" in fields:
            yield state, fields["Default"]


def error(name: str, count: int = 1) -> list[Step]:
    return [{"Error": name}] * count


def _later(seconds: int) -> Step:
    """What SPAPIReportPresignedUrlGenerator raises."""
    return {"Error": "AnnouncementsTooFastError", "Message": f"{seconds} seconds until this e-mail may be sent"}


def _report(url: bool = True, **fields: Json) -> Step:
    """What SPAPIReportDocumentRetrieval returns. Lists of one and of no element are what JSONata may change."""
    report = {
        "ReportType": "GET_X",
        "ReportStatus": "DONE",
        "CreatedTime": "2026-01-01T00:00:00Z",
        "MarketplaceIds": ["ATVPDKIKX0DER"],
        "None": [],
        "Nothing": None,
        **fields,
    }
    return {"Report": report, **({"ReportDocumentUrl": "https://host/document"} if url else {})}


_ASKED = {"RegionCode": "NA", "ReportId": "7", "AskedForHere": True}
_STORED = {"ObjectKey": "key", "SizeBytes": 17, "Sha256": "ab", "CompressionAlgorithm": "GZIP"}
_MAILED = {"NotificationMessageId": "m"}
_EXPLAINED = _report(url=False, ExplanationDocumentId="d", ReportStatus="FATAL")
_EXPIRED = [_report(), *error("DocumentUrlExpiredError")]
_AT_REPORT = {"WaitSeconds": 1, "Slot": {"Operation": "getReport"}}
_AT_DOCUMENT = {
    "WaitSeconds": 3600,
    "Slot": {"Operation": "getReportDocument", "DocumentId": "d", "Report": _report()["Report"]},
    "Report": _report()["Report"],
}
_AT_EXPLANATION = {"WaitSeconds": 60, "Slot": {"Operation": "getReportDocument"}}
_HOSTILE = {
    # A state's data may have 256 KiB.
    "Texts": [
        *(text for text in hostile.ODD_TEXTS if len(text) < 10_000),
        *hostile.END_TIMES,
        "\"'\\/",
        "$states",
        "{% $states.input %}",
        "\u2028",
    ],
    "Numbers": [0, -1, 2**53 - 1, 1e308, 0.1, 1e-7],
    "Nested": hostile.nested("x", 60),
    "": "",
    "$": {"%}": ["{%"]},
}

_REPORT_SCENARIOS = {
    "stored": Scenario([_report(), _STORED, _MAILED], _ASKED),
    "no document": Scenario([_report(url=False, ReportStatus="CANCELLED"), _MAILED], _ASKED),
    "explained": Scenario([_EXPLAINED, {"Explanation": "why"}, _MAILED], _ASKED),
    "explanation refused": Scenario([_EXPLAINED, *error("AccessDeniedError"), _MAILED], _ASKED),
    "explanation throttled": Scenario([_EXPLAINED, *error("ThrottledError", 11), _MAILED], _ASKED),
    "explanation expired": Scenario([_EXPLAINED, *error("DocumentUrlExpiredError", 6), _MAILED], _ASKED),
    "explanation late": Scenario(
        [_EXPLAINED, *error("TransientError", 6), *error("KeyError", 8), {"Explanation": "why"}, _MAILED], _ASKED
    ),
    "made elsewhere": Scenario(error("ReportMadeElsewhereError", 2), _ASKED),
    "seller removed before retrieval": Scenario(error("ReportForgottenError"), _ASKED),
    "seller is being removed": Scenario(
        [*error("SellerBeingRemovedError", 20), *error("ReportForgottenError")], _ASKED
    ),
    "removal ended early": Scenario(error("SellerBeingRemovedError", 21), _ASKED),
    "seller removed before storage": Scenario([_report(), *error("ReportForgottenError")], _ASKED),
    "seller removed before the e-mail": Scenario([_report(), _STORED, *error("ReportForgottenError")], _ASKED),
    "recorded late": Scenario([*error("ReportMadeElsewhereError"), _report(), _STORED, _MAILED], _ASKED),
    "URL expired once": Scenario([*_EXPIRED, _report(), _STORED, _MAILED], _ASKED, [60]),
    "URLs expire": Scenario(
        [*_EXPIRED * 6, *error("DocumentUrlKeepsExpiringError")], _ASKED, [60, 120, 240, 480, 600, 600]
    ),
    "throttled": Scenario([*error("ThrottledError", 100), _report(), _STORED, _MAILED], _ASKED),
    "throttled without end": Scenario(error("ThrottledError", 101), _ASKED),
    "outage": Scenario(
        [*error("TransientError", 20), _report(), *error("DocumentTruncatedError", 20), _STORED, _MAILED], _ASKED
    ),
    "outage without end": Scenario(error("TransientError", 21), _ASKED),
    "retriers that share a count": Scenario([*error("TransientError", 20), *error("DeadlineExceeded")], _ASKED),
    "retriers that count for themselves": Scenario(
        [
            *error("TransientError", 20),
            *error("ThrottledError", 3),
            *error("Lambda.TooManyRequestsException", 30),
            *error("Runtime.ExitError", 8),
            *error("ClientSecretExpiredError", 16),
            *error("KeyError", 8),
            _report(),
            _STORED,
            _MAILED,
        ],
        _ASKED,
    ),
    "counts begin again in the next state": Scenario(
        [*error("KeyError", 8), _report(), *error("KeyError", 8), _STORED, *error("KeyError", 8), _MAILED], _ASKED
    ),
    "revoked": Scenario(error("AuthorizationError"), _ASKED),
    "document refused": Scenario([_report(), *error("AccessDeniedError")], _ASKED),
    "slots of both calls": Scenario([_AT_REPORT, _AT_DOCUMENT, _report(), _STORED, _MAILED], _ASKED, [1, 3600]),
    "no slot for a long time": Scenario([*[_AT_DOCUMENT] * 9, _report(), _STORED, _MAILED], _ASKED, [3600] * 9),
    "URL expired after a slot": Scenario(
        [_AT_DOCUMENT, *_EXPIRED, _AT_DOCUMENT, *_EXPIRED, _report(), _STORED, _MAILED], _ASKED, [3600, 60, 3600, 120]
    ),
    "slot of the explanation": Scenario([_EXPLAINED, _AT_EXPLANATION, {"Explanation": "why"}, _MAILED], _ASKED, [60]),
    "no slot for the explanation": Scenario(
        [_EXPLAINED, _AT_EXPLANATION, {"ExplanationError": "ThrottledError"}, _MAILED], _ASKED, [60]
    ),
    "too fast": Scenario(
        [_report(), _STORED, _later(1), _later(3000), *error("AnnouncementInProgressError"), _MAILED],
        _ASKED,
        [1, 3000],
    ),
    "never mailed": Scenario([_report(), _STORED, *error("KeyError", 9)], _ASKED),
    "hostile data": Scenario([_report(**_HOSTILE), _STORED, _MAILED], {**_ASKED, "Other": _HOSTILE}),
    "a field is missing": Scenario([], {"RegionCode": "NA", "ReportId": "7"}),
    "a result without a report": Scenario([{"Other": 1}, _MAILED], _ASKED),
    "a report without a type": Scenario([{"Report": {}, "ReportDocumentUrl": "https://host/document"}], _ASKED),
}

_WAIT, _GO = {"Step": "WAIT", "WaitSeconds": 5}, {"Step": "SUBMIT"}
_SLOT = {**_WAIT, "WaitSeconds": 7, "HasSlot": True}
_SOLICITED, _NONE = {"Step": "END", "Outcome": "SOLICITED"}, {"Step": "END", "Outcome": "CANCELLED"}
_ORDER = {"AmazonOrderId": "order"}
_DAY = 86400

_SOLICITATION_SCENARIOS = {
    "requested at once": Scenario([_GO, _SOLICITED], _ORDER),
    "third check": Scenario([_WAIT, _WAIT, _GO, _SOLICITED], _ORDER, [5, 5]),
    "no outcome named": Scenario([{"Step": "END"}], _ORDER),
    "cancelled": Scenario([_WAIT, _NONE], _ORDER, [5]),
    "throttled": Scenario([*error("ThrottledError", 4), _GO, *error("ThrottledError", 3), _SOLICITED], _ORDER),
    "throttled without end": Scenario([*error("ThrottledError", 31), _GO, _SOLICITED], _ORDER, [_DAY]),
    "outage without end": Scenario([_GO, *error("TransientError", 6), _GO, _SOLICITED], _ORDER, [_DAY]),
    "removal ended early": Scenario(error("SellerBeingRemovedError", 6), _ORDER),
    "separate counts per retrier": Scenario(
        [
            *error("TransientError", 5),
            *error("ThrottledError", 8),
            *error("KeyError", 8),
            _GO,
            _SOLICITED,
        ],
        _ORDER,
    ),
    "lost response": Scenario([_GO, _WAIT, _SOLICITED], _ORDER, [5]),
    "slots": Scenario([_SLOT, _SLOT, _WAIT, _SLOT, _GO, _SOLICITED], _ORDER, [7, 7, 5, 7]),
    "revoked": Scenario(error("AuthorizationError"), _ORDER),
    "lost permission": Scenario([_GO, *error("AccessDeniedError")], _ORDER),
    "broken function": Scenario(error("KeyError", 9), _ORDER),
}


def _follow(*waits: int) -> Step:
    """What SPAPIListingSender returns for a submission that Amazon accepted."""
    return {"Step": "FOLLOW", "Waits": list(waits)}


def _sent(step: str) -> Step:
    """The token of SPAPIListingFollower's call is sent: by the function, or by a notice."""
    return {"TokenOutput": {"Step": step}}


_UNANSWERED: Step = {}
_NOTICE, _KNOWN = _sent("CHECK"), _sent("END")
_REFUSED = {"Step": "END", "Waits": [60, 240]}
_SUBMISSION = {"SubmissionId": "submission"}

_LISTING_SCENARIOS = {
    "refused": Scenario([_REFUSED], _SUBMISSION),
    "known before the first wait": Scenario([_follow(60, 240), _KNOWN], _SUBMISSION, [60]),
    "known at the first reading": Scenario([_follow(60, 240), _UNANSWERED, _KNOWN], _SUBMISSION, [60, 240]),
    "known at the last reading": Scenario(
        [_follow(60, 240, 600), *[_UNANSWERED] * 3, _KNOWN], _SUBMISSION, [60, 240, 600, 60]
    ),
    # JSONata makes no difference between a value and a list of it.
    "one reading": Scenario([_follow(3600), _UNANSWERED, _KNOWN], _SUBMISSION, [3600, 60]),
    "more readings than waits": Scenario([_follow(60), *[_UNANSWERED] * 3, _KNOWN], _SUBMISSION, [60, 60, 60, 60]),
    "no waits": Scenario([_follow(), _UNANSWERED, _KNOWN], _SUBMISSION, [60, 60]),
    "notice": Scenario([_follow(300, 240), _NOTICE, _KNOWN], _SUBMISSION, [300, 60]),
    # The wait after a notice is another one than that before the next reading: it does not count.
    "notice without an outcome": Scenario(
        [_follow(300, 240), _NOTICE, _UNANSWERED, _UNANSWERED, _KNOWN], _SUBMISSION, [300, 60, 300, 240]
    ),
    "notices in a row": Scenario(
        [_follow(300, 240), _UNANSWERED, _NOTICE, _NOTICE, _UNANSWERED, _KNOWN], _SUBMISSION, [300, 240, 60, 60, 240]
    ),
    "step of another name": Scenario([_follow(300), _sent("OTHER"), _KNOWN], _SUBMISSION, [300, 60]),
    "throttled": Scenario(
        [*error("ThrottledError", 60), _follow(60), *error("ThrottledError", 60), _KNOWN], _SUBMISSION, [60]
    ),
    "throttled without end": Scenario(error("ThrottledError", 61), _SUBMISSION),
    "reading throttled without end": Scenario([_follow(60), *error("ThrottledError", 61)], _SUBMISSION),
    "outage": Scenario(
        [*error("TransientError", 30), _follow(60), *error("DeadlineExceeded", 30), _KNOWN], _SUBMISSION, [60]
    ),
    "outage without end": Scenario(error("TransientError", 31), _SUBMISSION),
    "separate counts per retrier": Scenario(
        [
            _follow(60),
            *error("ClientSecretExpiredError", 30),
            *error("ThrottledError", 3),
            *error("KeyError", 20),
            _KNOWN,
        ],
        _SUBMISSION,
        [60],
    ),
    "counts begin again at the next reading": Scenario(
        [_follow(60, 240), *error("KeyError", 20), _UNANSWERED, *error("KeyError", 20), _KNOWN], _SUBMISSION, [60, 240]
    ),
    "broken sender": Scenario(error("KeyError", 21), _SUBMISSION),
    "broken follower": Scenario([_follow(60), _UNANSWERED, *error("KeyError", 21)], _SUBMISSION, [60]),
    "hostile data": Scenario([_follow(60), _KNOWN], {"SubmissionId": _HOSTILE}, [60]),
    "a field is missing": Scenario([], {}),
}

_DONE, _AT_ONCE = {"Done": True, "WaitSeconds": 0}, {"Done": False, "WaitSeconds": 0}
_LISTED: Step = {}
# Errors that no retry helps.
_ENDING = (
    "AccessDeniedError",
    "AuthorizationError",
    "ConflictError",
    "InvalidInputError",
    "NotFoundError",
    "PermanentError",
    "PullUnknownError",
    "SellerUnknownError",
)

_PULL_SCENARIOS = {
    "one call": Scenario([_LISTED, _DONE], {}),
    "three calls": Scenario([_LISTED, _AT_ONCE, _AT_ONCE, _DONE], {}),
    "quota used by others": Scenario(
        [_LISTED, {"Done": False, "WaitSeconds": 1}, _AT_ONCE, {"Done": False, "WaitSeconds": 600}, _DONE], {}, [1, 600]
    ),
    "done before the quota is there": Scenario([_LISTED, {"Done": True, "WaitSeconds": 30}], {}),
    "throttled": Scenario([*error("ThrottledError", 100), _LISTED, *error("ThrottledError", 100), _DONE], {}),
    "throttled without end": Scenario(error("ThrottledError", 101), {}),
    "fetching throttled without end": Scenario([_LISTED, *error("ThrottledError", 101)], {}),
    "outage": Scenario([*error("TransientError", 100), _LISTED, *error("DeadlineExceeded", 100), _DONE], {}),
    "outage without end": Scenario([_LISTED, *error("TransientError", 60), *error("DeadlineExceeded", 41)], {}),
    "separate counts per retrier": Scenario(
        [
            _LISTED,
            *error("ThrottledError", 3),
            *error("ClientSecretExpiredError", 16),
            *error("Lambda.TooManyRequestsException", 30),
            *error("Runtime.ExitError", 10),
            *error("Sandbox.Timedout", 10),
            *error("TransientError", 3),
            *error("KeyError", 8),
            _DONE,
        ],
        {},
    ),
    "counts begin again at the next call": Scenario(
        [_LISTED, *error("KeyError", 8), _AT_ONCE, *error("KeyError", 8), _DONE], {}
    ),
    "stopped while it lists": Scenario(error("PullStoppedError"), {}),
    "deleted before it lists": Scenario(error("PullUnknownError"), {}),
    "stopped while it fetches": Scenario([_LISTED, _AT_ONCE, *error("PullStoppedError")], {}),
    "stopped between retries": Scenario([_LISTED, *error("TransientError", 2), *error("PullStoppedError")], {}),
    **{f"ended by {name}": Scenario([_LISTED, *error(name)], {}) for name in _ENDING},
    "broken list": Scenario(error("KeyError", 9), {}),
    "broken fetcher": Scenario([_LISTED, *error("KeyError", 9)], {}),
    "hostile data": Scenario([_HOSTILE, {**_HOSTILE, **_DONE}], {"Other": _HOSTILE}),
}


def _next(step: str, wait: int = 0, *, news: bool = False, **slot: Json) -> Step:
    """What SPAPIListingFeedWorker returns: its next step, and the wait before, which news can end."""
    return {"Step": step, "WaitSeconds": wait, "ForNews": news, "Slot": slot}


_FILE = {"FeedRequestId": "feed", "Step": "CHECK", "Reason": ""}
_NEWS: Step = {"TokenOutput": {}}
_ACKNOWLEDGED = [_next("ACKNOWLEDGE"), _next("END")]
_WAY = [_next("ENTER"), _next("TURN"), _next("SEND"), _next("POLL"), _next("COLLECT"), *_ACKNOWLEDGED]

_FEED_SCENARIOS = {
    "sent": Scenario(_WAY, _FILE),
    "refused file": Scenario(_ACKNOWLEDGED, _FILE),
    "continued where it ended": Scenario(_WAY[3:], {**_FILE, "Step": "SEND"}),
    "given up": Scenario(_ACKNOWLEDGED, {**_FILE, "Step": "GIVE_UP", "Reason": "somebody stopped the execution"}),
    "unknown step": Scenario([], {**_FILE, "Step": "OTHER"}),
    "quota used by others": Scenario([_next("SEND", 300, at=1), _next("SEND", 1, at=[2]), *_WAY[3:]], _FILE, [300, 1]),
    "news": Scenario([*_WAY[:3], _next("POLL", 600, news=True), _NEWS, *_WAY[4:]], _FILE, [600]),
    "news that never comes": Scenario([*_WAY[:3], _next("POLL", 600, news=True), _UNANSWERED, *_WAY[4:]], _FILE, [600]),
    "several waits": Scenario(
        [
            _next("ENTER", 60, news=True),
            _NEWS,
            _next("ENTER", 120, news=True),
            _UNANSWERED,
            _next("TURN", 5),
            *_WAY[2:],
        ],
        _FILE,
        [60, 120, 5],
    ),
    "throttled": Scenario([*error("ThrottledError", 60), *_WAY], _FILE),
    "throttled without end": Scenario(error("ThrottledError", 61), _FILE),
    "outage": Scenario([*_WAY[:4], *error("TransientError", 15), *error("DeadlineExceeded", 15), *_WAY[4:]], _FILE),
    "outage without end": Scenario([*_WAY[:4], *error("TransientError", 31)], _FILE),
    "separate counts per retrier": Scenario(
        [*error("ThrottledError", 3), *error("DocumentTruncatedError", 30), *error("KeyError", 20), *_WAY], _FILE
    ),
    "broken worker": Scenario(error("KeyError", 21), _FILE),
    "broken wait": Scenario([_next("TURN", 60, news=True), *error("KeyError", 21)], _FILE),
    "hostile data": Scenario(_WAY, {**_FILE, "FeedRequestId": _HOSTILE, "Reason": _HOSTILE}),
    "a field is missing": Scenario([], {}),
}

SCENARIOS: Mapping[str, Mapping[str, Scenario]] = {
    FEED: _FEED_SCENARIOS,
    LISTING: _LISTING_SCENARIOS,
    PULL: _PULL_SCENARIOS,
    REPORT: _REPORT_SCENARIOS,
    SOLICITATION: _SOLICITATION_SCENARIOS,
}
