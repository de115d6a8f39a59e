"""Solicitations API v1: requests a product review and seller feedback from a buyer."""

from sp_api.caller import Caller, Operation
from sp_api.errors import AccessDeniedError, SolicitationAlreadySentError, SolicitationWindowError
from sp_api.wire import JsonObject, child, children, nothing, text

_HAL = "application/hal+json"
GET_ACTIONS = "getSolicitationActionsForOrder"
_GET_ACTIONS = Operation(GET_ACTIONS, "GET", "/solicitations/v1/orders/{amazonOrderId}", 1, _HAL)
_CREATE_SOLICITATION = Operation(
    "createProductReviewAndSellerFeedbackSolicitation",
    "POST",
    "/solicitations/v1/orders/{amazonOrderId}/solicitations/productReviewAndSellerFeedback",
    1,
    _HAL,
)
PRODUCT_REVIEW_AND_SELLER_FEEDBACK = "productReviewAndSellerFeedback"


def get_solicitation_actions_for_order(caller: Caller, amazon_order_id: str, marketplace_id: str) -> tuple[str, ...]:
    """getSolicitationActionsForOrder: the names of the actions available for this order now; often there are none."""
    return caller.call(
        _GET_ACTIONS, _actions, path={"amazonOrderId": amazon_order_id}, query={"marketplaceIds": [marketplace_id]}
    )


def create_product_review_and_seller_feedback_solicitation(
    caller: Caller, amazon_order_id: str, marketplace_id: str
) -> None:
    """createProductReviewAndSellerFeedbackSolicitation: sends the request to the buyer. Never sent twice.

    SP-API returns three refusals with the same status and code (selling-partner-api-models issue 19,
    selling-partner-api-docs issue 121); they are distinguished by their messages: SolicitationAlreadySentError,
    SolicitationWindowError, and AccessDeniedError for a missing role or authorization.
    """
    try:
        caller.call(
            _CREATE_SOLICITATION,
            nothing,
            path={"amazonOrderId": amazon_order_id},
            query={"marketplaceIds": [marketplace_id]},
        )
    except AccessDeniedError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from None


def _refusal(error: AccessDeniedError) -> SolicitationAlreadySentError | SolicitationWindowError | None:
    words = f"{error.message} {error.details}".lower()
    kind: type[SolicitationAlreadySentError] | type[SolicitationWindowError]
    if "solicitation is not available" in words:
        kind = SolicitationAlreadySentError
    elif "day range" in words and "outside" in words:
        kind = SolicitationWindowError
    else:
        return None
    return kind(
        error.operation,
        status=error.status,
        code=error.code,
        message=error.message,
        details=error.details,
        request_id=error.request_id,
    )


def _actions(document: JsonObject) -> tuple[str, ...]:
    return children(child(document, "_links"), "actions", lambda link: text(link, "name"))
