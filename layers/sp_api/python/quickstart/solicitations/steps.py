"""The two steps of an order's workflow: ask SP-API whether a review can be requested, and request it."""

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

from quickstart.aws_failures import FAILED_CALLS, call_of, code_of
from quickstart.call_slots import CallSlots
from quickstart.dynamodb import Table
from quickstart.invocation import ExpectedError
from quickstart.observability import logger
from quickstart.solicitations.ledger import (
    OrderForgottenError,
    Situation,
    Solicitation,
    SolicitationLedger,
    State,
    answered,
    begun,
    claimed,
    concluded,
    ended,
    failed,
    noted,
    released,
)
from quickstart.solicitations.orders import OrderKey
from quickstart.token_vault import SellerBeingRemovedError, SellerUnknownError, StoredTokens
from sp_api import solicitations
from sp_api.caller import Caller
from sp_api.errors import (
    AccessDeniedError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermanentError,
    SellingPartnerApiError,
    SolicitationAlreadySentError,
    SolicitationWindowError,
    ThrottledError,
    TransientError,
)
from sp_api.regions import Region, region_of_marketplace

_ASK_AGAIN_AFTER = timedelta(days=1)
# It is not documented when getSolicitationActionsForOrder reflects a request.
_LOOK_AFTER_LOST_SUBMIT = timedelta(minutes=10)
_AVAILABLE = "available"
_NOT_AVAILABLE = "not available"


class UnknownMarketplaceError(ExpectedError):
    """The order's marketplace is not in the list of Amazon's marketplaces, and nothing else says which region to ask.

    The order may come from a store outside Amazon's own.
    """


class _NotClaimableError(Exception):
    """The order changed between reading and claiming it; `record` is what it is now."""

    def __init__(self, record: Solicitation) -> None:
        self.record = record
        super().__init__(record.state)


class _TakenError(Exception):
    """The order belongs to another execution; `record` is what it is now."""

    def __init__(self, record: Solicitation) -> None:
        self.record = record
        super().__init__(record.execution)


class SellerCalls(Protocol):
    """Returns a caller for a seller who has a token, in a region, at the sandbox or not."""

    def __call__(self, seller_id: str, region: Region, *, sandbox: bool) -> Caller: ...


@dataclass(frozen=True)
class Step:
    """What the workflow does next: SUBMIT, WAIT (for some seconds, then ask), or END.

    `has_slot` is whether the call after the wait has a time slot of the seller's quota.
    """

    name: str
    wait: timedelta = timedelta()
    outcome: str = ""
    has_slot: bool = False

    def json(self) -> Mapping[str, object]:
        """As the state machine reads it. A wait is at least one second."""
        seconds = max(1, -(-self.wait // timedelta(seconds=1)))
        return (
            {"Step": self.name}
            | ({"WaitSeconds": seconds} if self.name == "WAIT" else {})
            | ({"HasSlot": True} if self.has_slot else {})
            | ({"Outcome": self.outcome} if self.outcome else {})
        )


ASK, SUBMIT = Step("ASK"), Step("SUBMIT")
_ASK_NOW = Step("WAIT")
_CLAIMABLE = (State.WAITING, State.FAILED)


def next_step(record: Solicitation, now: datetime, *, excluded: bool) -> Step:
    """The next step according to the ledger, before any call to SP-API; ASK when SP-API may be called.

    An END may still have to be written to the record: see `concluded` in the ledger.
    """
    if record.state.final:
        return Step("END", outcome=record.state)
    if record.state is State.SUBMITTING:
        # Only SP-API knows whether the buyer received the request. Each further lost answer doubles the wait.
        look = (record.submitted or now) + min(
            _LOOK_AFTER_LOST_SUBMIT * 2 ** min(max(record.submits - 1, 0), 10), _ASK_AGAIN_AFTER
        )
        if now > record.deadline:
            return Step("END", outcome=State.OUTCOME_UNKNOWN)
        return ASK if now >= look else Step("WAIT", look - now)
    if record.cancelled:
        return Step("END", outcome=State.CANCELLED)
    if now > record.deadline:
        return Step("END", outcome=State.FINISHED_WITHOUT_SOLICITATION)
    if now < record.due:
        return Step("WAIT", record.due - now + _spread(record.key))
    return Step("WAIT", _ASK_AGAIN_AFTER) if excluded else ASK


@dataclass(frozen=True)
class SolicitationSteps:
    """The steps, for all orders.

    `selling_partners` is the table with the sellers' tokens. `slots` gives those of a seller's calls of
    getSolicitationActionsForOrder. The requests follow these calls, so their own quota, which is the same, needs none.
    About a marketplace that is not in the list, because Amazon may have opened it later, SP-API is asked in the region
    of the seller's only token.
    """

    ledger: SolicitationLedger
    selling_partners: Table
    seller: SellerCalls
    slots: Callable[[str, Region], CallSlots]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def ask(self, key: OrderKey, execution: str, *, has_slot: bool | None) -> Step:
        """Calls getSolicitationActionsForOrder, unless the ledger already decides. `execution` is the execution's name.

        The step is a WAIT when the seller's other orders use up the quota. `has_slot` is whether the call comes after
        such a WAIT; it is None in executions that began before there were slots, which call at once.

        Raises ThrottledError and TransientError, after which the call may be retried, and AccessDeniedError,
        AuthorizationError, PermanentError and SellerUnknownError, after which the order has failed. An order for which
        no call can succeed ends as NOT_AVAILABLE.
        """
        return self._step(key, lambda situation: self._ask(situation, execution, has_slot))

    def submit(self, key: OrderKey, execution: str) -> Step:
        """Calls createProductReviewAndSellerFeedbackSolicitation, after claiming the order in the ledger.

        When the outcome is unknown, the step is a WAIT, and the next `ask` finds out. Raises as `ask` does.
        """
        return self._step(key, lambda situation: self._submit(situation, execution))

    def _step(self, key: OrderKey, take: Callable[[Situation], Step]) -> Step:
        situation = self.ledger.look_up(key, self.selling_partners)
        if situation is None:
            return _forgotten(key)
        try:
            return take(situation)
        except SellerUnknownError:
            if situation.tokens.region_codes:
                raise
            raise SellerBeingRemovedError(key.seller_id) from None
        except OrderForgottenError:
            return _forgotten(key)
        except _TakenError as error:
            _log("order belongs to another execution", error.record, error.record.execution)
            return Step("END", outcome="DUPLICATE")

    def _ask(self, situation: Situation, execution: str, has_slot: bool | None) -> Step:
        record = situation.record
        if next_step(record, self.now(), excluded=situation.excluded) is not ASK:
            record = self._begin(record, execution)
        stop = self._stopped(record, execution, excluded=situation.excluded)
        if stop is not None:
            return stop
        try:
            caller = self._caller(record, situation.tokens)
            wait = self.slots(record.key.seller_id, caller.region).take() if has_slot is False else 0.0
            if wait > 0:
                self._begin(record, execution)
                return Step("WAIT", timedelta(seconds=wait), has_slot=True)
            try:
                actions = solicitations.get_solicitation_actions_for_order(
                    caller, record.key.amazon_order_id, record.marketplace_id
                )
            except ThrottledError as error:
                if has_slot is None or error.operation != solicitations.GET_ACTIONS:
                    raise
                self._begin(record, execution)
                wait = self.slots(record.key.seller_id, caller.region).refused(error.retry_after)
                logger().warning("SP-API throttles the call", reason=str(error), wait_seconds=math.ceil(wait))
                return Step("WAIT", timedelta(seconds=wait), has_slot=True)
        except (PermanentError, SellerUnknownError, UnknownMarketplaceError) as error:
            record = self._begin(record, execution)
            if not _never_succeeds(error, record):
                self._fail(record, error)
            if record.state is State.SUBMITTING:
                return self._finish(record, State.OUTCOME_UNKNOWN, str(error))
            return self._not_available(record, error)
        except SellingPartnerApiError as error:
            message = str(error)
            self.ledger.update(self._begin(record, execution), lambda held: noted(held, message))
            raise
        available = solicitations.PRODUCT_REVIEW_AND_SELLER_FEEDBACK in actions
        answer = _AVAILABLE if available else _NOT_AVAILABLE

        # One write for both.
        def begun_and_answered(held: Solicitation) -> Solicitation:
            return answered(self._begun(held, execution), answer, self.now(), available=available)

        record = self.ledger.update(record, begun_and_answered)
        _log("asked whether a review can be requested", record, answer)
        if record.state is State.SOLICITED:
            _log("review requested", record, "the answer was lost, and SP-API no longer offers the request")
        return SUBMIT if record.state is State.WAITING and available else self._end_or_wait(record)

    def _submit(self, situation: Situation, execution: str) -> Step:
        record = situation.record
        stop = self._stopped(record, execution, excluded=situation.excluded)
        if stop is not None:
            return stop
        if record.state not in _CLAIMABLE:
            _log("order is checked again", record, record.last_answer)
            return _ASK_NOW
        try:
            caller = self._caller(record, situation.tokens)
        except UnknownMarketplaceError as error:
            return self._not_available(record, error)
        try:
            claim = self.ledger.update(record, lambda held: self._claim(held, execution))
        except _NotClaimableError as error:
            _log("order changed before its review was requested", error.record, error.record.last_answer)
            return self._end_or_wait(error.record)
        try:
            solicitations.create_product_review_and_seller_feedback_solicitation(
                caller, claim.key.amazon_order_id, claim.marketplace_id
            )
        except SolicitationAlreadySentError as error:
            return self._finish(claim, State.ALREADY_SOLICITED, str(error))
        except SolicitationWindowError as error:
            return self._finish(claim, State.OUTSIDE_WINDOW, str(error))
        except TransientError as error:
            message = str(error)
            if not error.outcome_unknown:
                self.ledger.update(claim, lambda held: released(held, message))
                raise
            _log("review requested, but the answer was lost", claim, message)
            return self._end_or_wait(self.ledger.update(claim, lambda held: noted(held, message)))
        except (PermanentError, SellerUnknownError) as error:
            if not _never_succeeds(error, claim):
                self._fail(claim, error)
            return self._not_available(claim, error)
        except SellingPartnerApiError as error:
            message = str(error)
            self.ledger.update(claim, lambda held: released(held, message))
            raise
        except FAILED_CALLS as error:
            # The credentials for the call could not be read.
            message = f"{call_of(error)} failed: {code_of(error)}"
            self.ledger.update(claim, lambda held: released(held, message))
            raise
        return self._finish(claim, State.SOLICITED, "requested")

    def _begin(self, record: Solicitation, execution: str) -> Solicitation:
        """Records that the execution has begun. Raises _TakenError."""
        return self.ledger.update(record, lambda held: self._begun(held, execution))

    def _begun(self, record: Solicitation, execution: str) -> Solicitation:
        """Raises _TakenError where another execution has begun, also one that did while this one asked SP-API."""
        changed = begun(record, execution, self.now())
        if changed.execution != execution:
            raise _TakenError(record)
        return changed

    def _claim(self, record: Solicitation, execution: str) -> Solicitation:
        """Claims the order. Raises _NotClaimableError, also when another invocation has claimed it meanwhile."""
        if record.state not in _CLAIMABLE or record.cancelled or record.execution not in ("", execution):
            raise _NotClaimableError(record)
        return claimed(record, execution, self.now())

    def _stopped(self, record: Solicitation, execution: str, *, excluded: bool) -> Step | None:
        """The step to take without calling SP-API; None when SP-API is to be called. Raises _TakenError."""
        if record.execution not in ("", execution):
            raise _TakenError(record)
        step = next_step(record, self.now(), excluded=excluded)
        if step is ASK:
            return None
        if step.name == "END" and not record.state.final:
            record = self.ledger.update(record, lambda held: concluded(held, State(step.outcome)))
            _log("order concluded", record, record.last_answer)
            return step
        if excluded and step.name == "WAIT":
            record = self.ledger.update(
                record, lambda held: noted(held, "not requested: the seller, or everyone, is excluded")
            )
        _log("order waits" if step.name == "WAIT" else "order had ended before", record, record.last_answer)
        return step

    def _end_or_wait(self, record: Solicitation) -> Step:
        """The step after an answer that does not lead to a request."""
        step = next_step(record, self.now(), excluded=False)
        return Step("WAIT", _ASK_AGAIN_AFTER) if step is ASK else step

    def _finish(self, record: Solicitation, state: State, answer: str) -> Step:
        record = self.ledger.update(record, lambda held: ended(held, state, answer))
        _log("review requested" if state is State.SOLICITED else "order concluded", record, answer)
        return Step("END", outcome=record.state)

    def _not_available(self, record: Solicitation, error: Exception) -> Step:
        """Ends the order: nothing that a person does makes such a call succeed, so there is no failure to resolve."""
        logger().warning("no review can be requested for this order", reason=str(error))
        return self._finish(record, State.NOT_AVAILABLE, str(error))

    def _fail(self, record: Solicitation, error: Exception) -> NoReturn:
        """Records the reason and fails the workflow; a redrive resumes from here."""
        self.ledger.update(record, lambda held: failed(held, str(error)))
        raise error

    def _caller(self, record: Solicitation, tokens: StoredTokens) -> Caller:
        """Raises UnknownMarketplaceError and SellerUnknownError."""
        region = region_of_marketplace(record.marketplace_id) or tokens.only_region
        if region is None:
            raise UnknownMarketplaceError(
                f"marketplace {record.marketplace_id} of order {record.key.order_id} is not in Amazon's published "
                f"list, and the region cannot be derived from the tokens of seller {record.key.seller_id}"
            )
        tokens.require(region)
        return self.seller(record.key.seller_id, region, sandbox=record.key.sandbox)


def _never_succeeds(error: Exception, record: Solicitation) -> bool:
    """Whether SP-API has no such order, or refuses its id or marketplace, which SP-API sent itself.

    A refused access is a failure that a person can resolve, unless its words are about the marketplace, or the
    marketplace is not in the list of Amazon's.
    """
    if isinstance(error, AccessDeniedError):
        unlisted = region_of_marketplace(record.marketplace_id) is None
        return unlisted or "marketplace" in f"{error.message} {error.details}".lower()
    return isinstance(error, UnknownMarketplaceError | InvalidInputError | NotFoundError | ConflictError)


def _spread(key: OrderKey) -> timedelta:
    """A fixed offset within an hour for each order, so that orders due together do not use up a seller's quota.

    EventBridge spreads schedules; this is for a workflow that waits for a date that was moved.
    """
    return timedelta(seconds=zlib.crc32(f"{key.seller_id} {key.order_id}".encode()) % 3600)


def _forgotten(key: OrderKey) -> Step:
    logger().info(
        "order is no longer in the solicitations table", amazon_order_id=key.order_id, seller_id=key.seller_id
    )
    return Step("END", outcome="FORGOTTEN")


def _log(message: str, record: Solicitation, answer: str) -> None:
    logger().info(
        message,
        amazon_order_id=record.key.order_id,
        seller_id=record.key.seller_id,
        state=record.state,
        answer=answer,
        asks=record.asks,
        submits=record.submits,
    )
