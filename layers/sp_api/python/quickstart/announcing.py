"""What the stack itself sends: events on its bus, and e-mails. Texts are cut where AWS would refuse the whole."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from quickstart.invocation import ExpectedError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

SOURCE = "selling-partner-api-quick-start"
# SNS accepts 256 KB (API reference, Publish), and so does EventBridge in the regions without the increase of January
# 2026. Both count more than the text.
MOST_BYTES = 250_000
# The lengths of texts and lists that are tried, one after the other. No id of Amazon or of this stack has more
# characters than the shortest text.
_LENGTHS = (MOST_BYTES, 100_000, 10_000, 1_000, 100, 30, 10, 3)
_SHORTEST_TEXT = 100
# SNS rejects subjects of 100 characters or more, and characters other than ASCII.
_LONGEST_SUBJECT = 99
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class EventNotPutError(ExpectedError):
    """EventBridge did not accept an event; a retry may succeed."""


def put_event(events: "EventBridgeClient", bus_name: str, detail_type: str, detail: Mapping[str, object]) -> None:
    """Puts an event of this stack on its bus. Raises EventNotPutError."""
    answer = events.put_events(
        Entries=[
            {
                "EventBusName": bus_name,
                "Source": SOURCE,
                "DetailType": detail_type,
                "Detail": fitting(lambda longest: json.dumps(cut(detail, longest), ensure_ascii=False)),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        failed = answer["Entries"][0]
        raise EventNotPutError(f"EventBridge: {failed.get('ErrorCode', '')}: {failed.get('ErrorMessage', '')}")


def send_email(sns: "SNSClient", topic_arn: str, subject: str, body: str) -> str:
    """Publishes a message for e-mail subscribers; returns SNS's message id."""
    text = fitting(lambda longest: str(cut(body, longest)))
    return sns.publish(TopicArn=topic_arn, Subject=subject_line(subject), Message=text)["MessageId"]


def subject_line(text: str) -> str:
    """The text as SNS accepts it as a subject: ASCII without control characters, at most 99 characters."""
    ascii_text = " ".join(_CONTROL.sub(" ", text).split()).encode("ascii", "replace").decode()
    return ascii_text if len(ascii_text) <= _LONGEST_SUBJECT else ascii_text[: _LONGEST_SUBJECT - 3] + "..."


def fitting(written: Callable[[int], str]) -> str:
    """What `written` returns for the greatest length of texts and lists with which SNS and EventBridge accept it.

    Halves of surrogate pairs, which an item that somebody changed by hand may have, become "?".
    """
    for longest in _LENGTHS:
        text = written(longest).encode(errors="replace")
        if len(text) <= MOST_BYTES:
            break
    return text.decode()


def cut(value: Any, longest: int) -> Any:
    """A copy in which every text and every list has at most so many characters or entries. Texts keep the first 100."""
    if isinstance(value, str):
        most = max(longest, _SHORTEST_TEXT)
        return value if len(value) <= most else value[: most - 3] + "..."
    if isinstance(value, Mapping):
        return {name: cut(entry, longest) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [cut(entry, longest) for entry in value[:longest]]
    return value
