"""How fast the reports topic is published to.

SNS switches off an e-mail subscription to which more than ten messages go in a second, and deletes it two days later
(https://repost.aws/knowledge-center/sns-email-subscription-disabled). Publishing goes on to succeed, so nobody would
notice that mail has stopped.
"""

from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from quickstart.dynamodb import Table

# Long enough for every function's clock to be past the second.
_KEPT = timedelta(days=1)
# DynamoDB takes a thousand writes a second to one item; the thousandth attempt of a second has no turn anyway.
_THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException")


class AnnouncementsTooFastError(RuntimeError):
    """This second's announcements have been made; a later attempt gets a turn."""


def take_turn(reports: Table, per_second: int, now: datetime) -> None:
    """Counts one announcement in this second, for all functions together; raises AnnouncementsTooFastError.

    Seconds are those of the clock, and functions publish some time after they counted: three times `per_second` can
    leave within a second. The count stands in the Reports table under a key that no report has, without the attributes
    of its index.
    """
    second = now.astimezone(UTC).isoformat(timespec="seconds")
    key = {"ReportId": f"ANNOUNCEMENTS#{second}", "SellerId": "*"}
    try:
        counted = reports.count(key, "Announcements", at_most=per_second, expires_at=int((now + _KEPT).timestamp()))
    except ClientError as error:
        if error.response["Error"]["Code"] not in _THROTTLED:
            raise
        counted = False
    if not counted:
        raise AnnouncementsTooFastError(f"{per_second} announcements have been made in the second {second}")
