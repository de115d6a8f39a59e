"""What DynamoDB refuses while many announcements want a turn, which no emulator does."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from quickstart.announcement_pace import AnnouncementsTooFastError, take_turn
from quickstart.dynamodb import Table

NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("ConditionalCheckFailedException", AnnouncementsTooFastError),
        ("ThrottlingException", AnnouncementsTooFastError),
        ("ProvisionedThroughputExceededException", AnnouncementsTooFastError),
        ("AccessDeniedException", ClientError),
    ],
)
def test_an_attempt_that_dynamodb_refuses_has_no_turn(code: str, raised: type[Exception]) -> None:
    make: Callable[..., Any] = boto3.client
    client = make("dynamodb", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        stub.add_client_error("update_item", code)
        with pytest.raises(raised):
            take_turn(Table(client, "reports"), 3, NOW)
