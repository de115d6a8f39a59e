"""The two steps of an order's workflow: ask SP-API whether a review can be requested, and request it."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

from quickstart.observability import logger
from quickstart.solicitation_ledger import (
    OrderForgottenError,
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
from quickstart.solicitation_orders import OrderKey
from quickstart.token_vault import SellerUnknownError
from sp_api import solicitations
from sp_api.caller import Caller
from sp_api.errors import (
    PermanentError,
    SellingPartnerApiError,
    SolicitationAlreadySentError,
    SolicitationWindowError,
    TransientError,
)
from sp_api.regions import Region, region_of_marketplace

_ASK_AGAIN_AFTER = timedelta(days=1)
# How long a request may stay unknown to getSolicitationActionsForOrder is not documented.
_LOOK_AFTER_LOST_SUBMIT = timedelta(minutes=10)
_AVAILABLE = "available"
_NOT_AVAILABLE = "not available"


class UnknownMarketplaceError(LookupError):
    """The order's marketplace is not in the published list, so that its region is unknown."""


class SellerCalls(Protocol):
    """Gives a caller for a seller in a region, at the sandbox or not."""

    def __call__(self, seller_id: str, region: Region, *, sandbox: bool) -> Caller: ...


@dataclass(frozen=True)
class Step:
    """What the workflow does next: SUBMIT, WAIT (so many seconds, then ask), or END."""

    name: str
    wait: timedelta = timedelta()
    outcome: str = ""

    def json(self) -> Mapping[str, object]:
        """As the state machine reads it. A wait has a second at least."""
        seconds = max(1, -(-self.wait // timedelta(seconds=1)))
        return (
            {"Step": self.name}
            | ({"WaitSeconds": seconds} if self.name == "WAIT" else {})
            | ({"Outcome": self.outcome} if self.outcome else {})
        )


ASK, SUBMIT = Step("ASK"), Step("SUBMIT")
_ASK_NOW = Step("WAIT")
_CLAIMABLE = (State.WAITING, State.FAILED)


def next_step(record: Solicitation, now: datetime, *, excluded: bool) -> Step:
    """What the ledger says before SP-API is asked anything; ASK when nothing stands against it.

    An END may still have to be written into the record: see `concluded` in the ledger.
    """
    if record.state.final:
        return Step("END", outcome=record.state)
    if record.state is State.SUBMITTING:
        # Only SP-API knows whether the buyer was asked. Each further loss doubles the wait.
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
    """The steps, for all orders."""

    ledger: SolicitationLedger
    seller: SellerCalls
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def ask(self, key: OrderKey, execution: str) -> Step:
        """getSolicitationActionsForOrder, unless the ledger has an answer already. `execution` is the workflow's name.

        Raises ThrottledError and TransientError, after which the same call may be repeated, and as a failure of the
        order PermanentError, SellerUnknownError and UnknownMarketplaceError.
        """
        record = self.ledger.find(key)
        if record is None:
            return _forgotten(key)
        try:
            return self._ask(record, execution)
        except OrderForgottenError:
            return _forgotten(key)

    def submit(self, key: OrderKey, execution: str) -> Step:
        """createProductReviewAndSellerFeedbackSolicitation, after claiming the order in the ledger.

        Where the outcome stays unknown the step is a WAIT, and the next `ask` finds it out. Raises as `ask` does.
        """
        record = self.ledger.find(key)
        if record is None:
            return _forgotten(key)
        try:
            return self._submit(record, execution)
        except OrderForgottenError:
            return _forgotten(key)

    def _ask(self, record: Solicitation, execution: str) -> Step:
        record = self.ledger.update(record, lambda held: begun(held, execution, self.now()))
        stop = self._stopped(record, execution)
        if stop is not None:
            return stop
        try:
            actions = solicitations.get_solicitation_actions_for_order(
                self._caller(record), record.key.amazon_order_id, record.marketplace_id
            )
        except (PermanentError, SellerUnknownError, UnknownMarketplaceError) as error:
            self._fail(record, error)
        except SellingPartnerApiError as error:
            message = str(error)
            self.ledger.update(record, lambda held: noted(held, message))
            raise
        available = solicitations.PRODUCT_REVIEW_AND_SELLER_FEEDBACK in actions
        answer = _AVAILABLE if available else _NOT_AVAILABLE
        record = self.ledger.update(record, lambda held: answered(held, answer, self.now(), available=available))
        _log("asked whether a review can be requested", record, answer)
        if record.state is State.SOLICITED:
            _log("review requested", record, "its answer was lost, and SP-API no longer offers it")
        return SUBMIT if record.state is State.WAITING and available else self._end_or_wait(record)

    def _submit(self, record: Solicitation, execution: str) -> Step:
        stop = self._stopped(record, execution)
        if stop is not None:
            return stop
        if record.state not in _CLAIMABLE:
            return _ASK_NOW
        caller = self._caller(record)
        claim = self.ledger.update(record, self._claim)
        if claim.state is not State.SUBMITTING:
            return self._end_or_wait(claim)
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
            _log("review requested, and the answer is lost", claim, message)
            return self._end_or_wait(self.ledger.update(claim, lambda held: noted(held, message)))
        except (PermanentError, SellerUnknownError) as error:
            self._fail(claim, error)
        except SellingPartnerApiError as error:
            message = str(error)
            self.ledger.update(claim, lambda held: released(held, message))
            raise
        return self._finish(claim, State.SOLICITED, "requested")

    def _claim(self, record: Solicitation) -> Solicitation:
        """The record itself where the order cannot be claimed any more."""
        return claimed(record, self.now()) if record.state in _CLAIMABLE and not record.cancelled else record

    def _stopped(self, record: Solicitation, execution: str) -> Step | None:
        """Why SP-API is not called now; None when it is to be."""
        if record.execution not in ("", execution):
            _log("order belongs to another execution", record, record.execution)
            return Step("END", outcome="DUPLICATE")
        excluded = self.ledger.excluded(record.key.seller_id)
        step = next_step(record, self.now(), excluded=excluded)
        if step is ASK:
            return None
        if step.name == "END" and not record.state.final:
            record = self.ledger.update(record, lambda held: concluded(held, State(step.outcome)))
            _log("order concluded", record, record.last_answer)
        elif excluded and step.name == "WAIT":
            self.ledger.update(record, lambda held: noted(held, "not asked: the seller, or everyone, is excluded"))
        return step

    def _end_or_wait(self, record: Solicitation) -> Step:
        """The step after an answer that leads to no request."""
        step = next_step(record, self.now(), excluded=False)
        return Step("WAIT", _ASK_AGAIN_AFTER) if step is ASK else step

    def _finish(self, record: Solicitation, state: State, answer: str) -> Step:
        record = self.ledger.update(record, lambda held: ended(held, state, answer))
        _log("review requested" if state is State.SOLICITED else "order concluded", record, answer)
        return Step("END", outcome=record.state)

    def _fail(self, record: Solicitation, error: Exception) -> NoReturn:
        """The ledger says why, and the workflow fails: a redrive goes on from here."""
        self.ledger.update(record, lambda held: failed(held, str(error)))
        _log("order failed", record, str(error))
        raise error

    def _caller(self, record: Solicitation) -> Caller:
        region = region_of_marketplace(record.marketplace_id)
        if region is None:
            raise UnknownMarketplaceError(
                f"marketplace {record.marketplace_id} of order {record.key.order_id} is not one of the published list"
            )
        return self.seller(record.key.seller_id, region, sandbox=record.key.sandbox)


def _spread(key: OrderKey) -> timedelta:
    """An order's own part of an hour: what waits for the same moment must not use up a seller's quota together.

    A schedule is spread by EventBridge; this is for a workflow that waits for a date that was moved.
    """
    return timedelta(seconds=zlib.crc32(f"{key.seller_id} {key.order_id}".encode()) % 3600)


def _forgotten(key: OrderKey) -> Step:
    logger().info("order is no longer in the ledger", amazon_order_id=key.order_id, seller_id=key.seller_id)
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
