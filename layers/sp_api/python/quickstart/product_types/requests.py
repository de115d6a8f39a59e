"""POST, GET and DELETE of /product-types/pulls: starts, shows, resumes and ends pulls."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from quickstart.names import digest_of
from quickstart.paging import token
from quickstart.product_types.pulls import Counts, Pull, Pulls, PullStatus, Selection
from quickstart.refusals import Refusal
from quickstart.times import to_text
from quickstart.validation import Fields
from sp_api.product_types import DEFAULT_LOCALE, LOCALES, ParentageLevel, Requirements, RequirementsEnforced
from sp_api.regions import Region

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# Part of the tables' keys and of a URL's path. SP-API's model sets no limits.
PRODUCT_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
PRODUCT_TYPE_RULE = "a product type, such as LUGGAGE: 1 to 128 letters, digits, underscores, dots and hyphens"
_KEYWORD = re.compile(r"[^,\x00-\x1f]{1,100}")
_PULL_ID = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{16,32}-[0-9]{8}")
# The record of a pull has them all, and an item of DynamoDB has 400 KB.
_MOST_PRODUCT_TYPES = 2000
_MOST_KEYWORDS = 20
_ISSUES = 50
_MOST_ISSUES = 200
_POSITION = ("Entry",)


class PullUnknownError(Refusal):
    """The table has no such pull of this selling partner."""

    status = 404
    code = "PullUnknown"
    field = "PullId"

    def __init__(self, pull_id: str) -> None:
        super().__init__(f"no pull {pull_id} was found: its record is deleted 90 days after it was requested")


class PullTokenReusedError(Refusal):
    """The ClientToken belongs to another request."""

    status = 409
    code = "ClientTokenReused"
    field = "ClientToken"

    def __init__(self) -> None:
        super().__init__("this ClientToken was used for a pull with different fields: use a new one")


class PullRunsError(Refusal):
    """The pull cannot be resumed, because it is running or finished."""

    status = 409
    code = "PullNotInterrupted"
    field = "PullId"

    def __init__(self, pull_id: str, status: str) -> None:
        super().__init__(
            f"pull {pull_id} is {status}: only pulls with the status FAILED, TIMED_OUT, ABORTED, STOPPED or "
            "NOT_STARTED can be resumed"
        )


@dataclass(frozen=True)
class PullRequest:
    """A valid POST /product-types/pulls."""

    selection: Selection
    refresh_daily: bool
    client_token: str | None


@dataclass(frozen=True)
class Execution:
    """What Step Functions says of a pull's execution. `error` and `cause` are None unless it failed."""

    status: str
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True)
class Machine:
    """The state machine product-type-pull."""

    states: "SFNClient"
    arn: str

    def start(self, pull: Pull) -> None:
        """Starts the pull's execution, unless it was started before."""
        try:
            self.states.start_execution(
                stateMachineArn=self.arn, name=pull.execution_name, input=f'{{"PullId":"{pull.pull_id}"}}'
            )
        except self.states.exceptions.ExecutionAlreadyExists:
            return

    def execution(self, pull: Pull) -> Execution:
        """The state of the pull's latest execution; NOT_STARTED when there is none."""
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{pull.execution_name}"
        try:
            found = self.states.describe_execution(executionArn=arn)
        except self.states.exceptions.ExecutionDoesNotExist:
            return Execution("NOT_STARTED")
        return Execution(found["status"], found.get("error"), found.get("cause"))

    def stop(self, pull: Pull) -> None:
        """Stops the pull's latest execution, if it runs."""
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{pull.execution_name}"
        try:
            self.states.stop_execution(executionArn=arn, cause="DELETE /product-types/pulls/{pullId}")
        except self.states.exceptions.ExecutionDoesNotExist:
            return
        except ClientError as error:
            # AWS refuses to stop what has ended.
            if error.response["Error"]["Code"] != "ValidationException":
                raise


def read_pull_request(fields: Fields) -> PullRequest:
    """Raises InvalidRequestError listing every invalid field."""
    seller_id, region = fields.seller_id(), fields.region()
    marketplace_ids = fields.marketplace_ids(region)
    product_types = fields.entries("ProductTypes", PRODUCT_TYPE, _MOST_PRODUCT_TYPES, "product types, such as LUGGAGE")
    keywords = fields.entries("Keywords", _KEYWORD, _MOST_KEYWORDS, "keywords of at most 100 characters")
    every_type = fields.flag("All", "true for every product type of the marketplaces; false by default")
    selection = Selection(
        seller_id=seller_id,
        region=region,
        marketplace_ids=marketplace_ids,
        product_types=product_types,
        keywords=keywords,
        every_type=every_type,
        **read_variant(fields),
    )
    given = [
        name for name in ("ProductTypes", "Keywords", "All") if fields.body.get(name) not in (None, False, "false")
    ]
    if len(given) != 1:
        code, message = ("Missing", "is missing: give") if not given else ("InvalidValue", "cannot be combined: give")
        fields.wrong(
            given[0] if given else "ProductTypes",
            code,
            f"{' and '.join(given) or 'ProductTypes'} {message} exactly one of ProductTypes, Keywords and All",
        )
    refresh_daily = fields.flag("RefreshDaily", "true to fetch the same definitions again every day; false by default")
    request = PullRequest(selection, refresh_daily, fields.client_token())
    fields.finish()
    return request


def read_variant(fields: Fields) -> Mapping[str, Any]:
    """Requirements, RequirementsEnforced, Locale and ParentageLevel, with SP-API's defaults."""
    return {
        "requirements": fields.choice("Requirements", tuple(Requirements), required=False) or str(Requirements.LISTING),
        "enforced": fields.choice("RequirementsEnforced", tuple(RequirementsEnforced), required=False)
        or str(RequirementsEnforced.ENFORCED),
        "locale": fields.choice("Locale", LOCALES, required=False) or DEFAULT_LOCALE,
        "parentage_level": fields.choice("ParentageLevel", tuple(ParentageLevel), required=False) or None,
    }


def start_pull(
    pulls: Pulls, machine: Machine, request: PullRequest, require_seller: Callable[[str, Region], None], now: datetime
) -> Mapping[str, object]:
    """{"pullId"}: records the pull and starts its execution.

    A repeat with the same ClientToken and fields returns the first one's pull. Raises SellerUnknownError,
    PullTokenReusedError.
    """
    selection = request.selection
    require_seller(selection.seller_id, selection.region)
    pull_id = (
        uuid.uuid4().hex
        if request.client_token is None
        else digest_of("pull", selection.seller_id, selection.region, request.client_token)
    )
    pull = Pull(
        pull_id=pull_id,
        selection=selection,
        status=PullStatus.LISTING,
        created_time=to_text(now),
        counts=Counts(),
        refresh_daily=request.refresh_daily,
    )
    if not pulls.create(pull):
        recorded = pulls.find(pull_id)
        asked = (selection.digest, request.refresh_daily)
        if recorded is None or (recorded.selection.digest, recorded.refresh_daily) != asked:
            raise PullTokenReusedError
        pull = recorded
    if request.refresh_daily:
        pulls.keep_fresh(pull)
    # A repeat may find an execution that was resumed meanwhile.
    if pull.executions == 1:
        machine.start(pull)
    return {"pullId": pull.pull_id}


def read_pull_id(fields: Fields) -> str:
    """The pull of a request that has no other field. Raises InvalidRequestError."""
    pull_id = _pull_id(fields)
    fields.finish()
    return pull_id


def read_show_request(fields: Fields) -> tuple[str, int, str | None]:
    """Pull id, number of issues and where their page begins. Raises InvalidRequestError."""
    pull_id, limit, position = _pull_id(fields), fields.limit(_ISSUES, _MOST_ISSUES), fields.next_token(_POSITION)
    fields.finish()
    return pull_id, limit, None if position is None else position["Entry"]


def show_pull(pulls: Pulls, machine: Machine, pull_id: str, limit: int, after: str | None) -> Mapping[str, object]:
    """A pull's progress, and a page of what failed or was substituted. Raises PullUnknownError."""
    pull = _find(pulls, pull_id)
    issues, last = pulls.issue_page(pull_id, limit, after)
    execution = None if pull.status is PullStatus.FINISHED else machine.execution(pull)
    selection, counts = pull.selection, pull.counts
    answer: dict[str, object] = {
        "pullId": pull.pull_id,
        "status": _status(pull, execution),
        "sellerId": selection.seller_id,
        "regionCode": str(selection.region),
        "marketplaceIds": list(selection.marketplace_ids),
        "requirements": str(selection.requirements),
        "requirementsEnforced": str(selection.enforced),
        "locale": selection.locale,
        "createdTime": pull.created_time,
        "refreshedDaily": pulls.is_refreshed(selection),
        "progress": {
            "finished": counts.cursor,
            "stored": counts.stored,
            "changed": counts.changed,
            "unchanged": counts.unchanged,
            "substituted": counts.substituted,
            "failed": counts.failed,
            "removed": counts.removed,
            **({} if pull.total is None else {"total": pull.total}),
        },
        "issues": [issue.described() for issue in issues],
    }
    optional = {
        "parentageLevel": selection.parentage_level,
        "finishedTime": pull.finished_time,
        "refreshOf": pull.refresh_of,
        "error": None if execution is None else execution.error,
        "cause": None if execution is None else execution.cause,
        "nextToken": None if last is None else token({"Entry": last}),
    }
    return {**answer, **{name: value for name, value in optional.items() if value is not None}}


def resume_pull(pulls: Pulls, machine: Machine, pull_id: str) -> Mapping[str, object]:
    """{"pullId"}: starts an interrupted pull again, where it ended. Raises PullUnknownError, PullRunsError."""
    pull = _find(pulls, pull_id)
    status = str(pull.status) if pull.status is PullStatus.FINISHED else machine.execution(pull).status
    if status in (PullStatus.FINISHED, "RUNNING", "PENDING_REDRIVE"):
        raise PullRunsError(pull_id, status)
    # A stopped pull must be marked as running again, also if it never started.
    as_it_is = status == "NOT_STARTED" and pull.status is not PullStatus.STOPPED
    resumed = pull if as_it_is else pulls.restarted(pull)
    if resumed is None:
        raise PullRunsError(pull_id, "RUNNING")
    machine.start(resumed)
    return {"pullId": pull_id}


def end_pull(pulls: Pulls, machine: Machine, pull_id: str) -> Mapping[str, object]:
    """{"pullId", "status"}: stops the pull and its daily refresh. What was stored stays. Raises PullUnknownError."""
    pull = _find(pulls, pull_id)
    pulls.stop_refreshing(pull.selection)
    pulls.stop(pull)
    machine.stop(pull)
    return {"pullId": pull_id, "status": "SUCCESS"}


def _find(pulls: Pulls, pull_id: str) -> Pull:
    pull = pulls.find(pull_id)
    if pull is None:
        raise PullUnknownError(pull_id)
    return pull


def _pull_id(fields: Fields) -> str:
    return fields.matching("PullId", _PULL_ID, "the pullId from the response of POST /product-types/pulls")


def _status(pull: Pull, execution: Execution | None) -> str:
    """The pull's own status while its execution runs, otherwise how the execution ended."""
    if execution is None or pull.status is PullStatus.STOPPED:
        return str(pull.status)
    if execution.status in ("RUNNING", "SUCCEEDED", "PENDING_REDRIVE"):
        return str(pull.status)
    return execution.status
