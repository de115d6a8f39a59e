"""A seller's subscriptions, as recorded and as SP-API returns them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from quickstart.notifications import subscription_list
from quickstart.notifications.subscription_list import Comparison, SubscriptionList, described, list_subscriptions
from quickstart.notifications.subscription_records import SubscriptionRecord
from quickstart.notifications.types import SQS_TYPES
from sp_api.errors import AuthorizationError, PermanentError, SellingPartnerApiError, ThrottledError
from sp_api.notifications import EventFilter, ProcessingDirective, Subscription
from sp_api.regions import Region

TYPE, OTHER = "ORDER_CHANGE", "FEE_PROMOTION"
CALL = "getSubscription"
SELLER: Any = object()


def record(notification_type: str, number: int) -> SubscriptionRecord:
    return SubscriptionRecord("A1", Region.NA, notification_type, f"s-{number}", f"d-{number}", "1.0")


class SpApi:
    """What SP-API answers for each type; `asked` has the types in the order of the calls."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.versions: dict[str, list[str]] = {}
        self.answers: dict[str, tuple[Subscription, ...] | SellingPartnerApiError] = {}
        self.otherwise: SellingPartnerApiError | None = None

    def __call__(self, seller: object, notification_type: str, versions: Iterable[str]) -> tuple[Subscription, ...]:
        assert seller is SELLER
        self.asked.append(notification_type)
        self.versions[notification_type] = list(versions)
        answer = self.answers.get(notification_type, self.otherwise or ())
        if isinstance(answer, SellingPartnerApiError):
            raise answer
        return answer


@pytest.fixture
def sp_api(monkeypatch: pytest.MonkeyPatch) -> SpApi:
    made = SpApi()
    monkeypatch.setattr(subscription_list, "subscriptions_to", made)
    return made


def states(found: SubscriptionList) -> list[tuple[str, str, str]]:
    return [(each.notification_type, each.state, each.subscription_id) for each in found.subscriptions]


def test_what_is_in_both_only_recorded_and_only_at_sp_api(sp_api: SpApi) -> None:
    sp_api.answers[TYPE] = (Subscription("s-1", "d-1", "1.0", None), Subscription("s-9", "d-9", "2.0", None))
    found = list_subscriptions(SELLER, [record(TYPE, 1), record(TYPE, 2), record(OTHER, 3)], TYPE)
    assert states(found) == [(TYPE, "Subscribed", "s-1"), (TYPE, "NotRecorded", "s-9"), (TYPE, "Gone", "s-2")]
    assert (found.not_compared, sp_api.asked) == ({}, [TYPE])
    assert described(found.subscriptions[1]) == {
        "notificationType": TYPE,
        "state": "NotRecorded",
        "subscriptionId": "s-9",
        "destinationId": "d-9",
        "payloadVersion": "2.0",
    }


def test_a_subscription_is_described_with_its_directive(sp_api: SpApi) -> None:
    directive = ProcessingDirective(EventFilter(TYPE))
    sp_api.answers[TYPE] = (Subscription("s-1", "d-1", "1.0", directive),)
    assert list_subscriptions(SELLER, [record(TYPE, 1)], TYPE).described() == {
        "subscriptions": [
            {
                "notificationType": TYPE,
                "state": "Subscribed",
                "subscriptionId": "s-1",
                "destinationId": "d-1",
                "payloadVersion": "1.0",
                "processingDirective": {"eventFilter": {"eventFilterType": TYPE}},
            }
        ],
        "notCompared": [],
    }


def test_a_record_that_sp_api_does_not_have_is_described_as_it_is(sp_api: SpApi) -> None:
    recorded = replace(record("ACCOUNT_STATUS_CHANGED", 1), payload_version="3.0")
    found = list_subscriptions(SELLER, [recorded], "ACCOUNT_STATUS_CHANGED")
    assert found.subscriptions == (Comparison("ACCOUNT_STATUS_CHANGED", "Gone", "s-1", "d-1", "3.0"),)
    # Where SP-API refuses the list, it is asked for the recorded version first.
    assert sp_api.versions == {"ACCOUNT_STATUS_CHANGED": ["3.0", "1.0", "2021-01-01"]}


def test_recorded_types_are_asked_for_first_and_none_twice(sp_api: SpApi) -> None:
    list_subscriptions(SELLER, [record(OTHER, 1), record(OTHER, 2)], "")
    assert sp_api.asked[0] == OTHER
    assert sorted(sp_api.asked) == sorted({OTHER, *SQS_TYPES})


def test_after_a_throttled_call_no_other_is_made(sp_api: SpApi) -> None:
    sp_api.answers |= {TYPE: (), OTHER: ThrottledError(CALL, retry_after=1)}
    found = list_subscriptions(SELLER, [record(TYPE, 1), record(OTHER, 2)], "")
    assert sp_api.asked == [TYPE, OTHER]
    assert states(found) == [(TYPE, "Gone", "s-1"), (OTHER, "NotCompared", "s-2")]
    assert found.not_compared == {
        name: str(ThrottledError(CALL, retry_after=1)) for name in {OTHER, *SQS_TYPES} - {TYPE}
    }
    assert found.described()["notCompared"] == [
        {"notificationType": name, "reason": why} for name, why in found.not_compared.items()
    ]


def test_after_another_refusal_the_other_types_are_asked_for(sp_api: SpApi) -> None:
    sp_api.answers[TYPE] = PermanentError(CALL, status=400, message="no")
    found = list_subscriptions(SELLER, [record(TYPE, 1)], "")
    assert set(sp_api.asked) == {TYPE, *SQS_TYPES}
    assert list(found.not_compared) == [TYPE]
    assert states(found) == [(TYPE, "NotCompared", "s-1")]


@pytest.mark.parametrize("notification_type", [TYPE, ""])
def test_when_sp_api_answers_for_no_type_its_first_refusal_is_raised(sp_api: SpApi, notification_type: str) -> None:
    first = PermanentError(CALL, status=400, message="the first")
    sp_api.otherwise = PermanentError(CALL, status=400, message="another")
    sp_api.answers[TYPE] = first
    with pytest.raises(PermanentError) as refused:
        list_subscriptions(SELLER, [record(TYPE, 1)], notification_type)
    assert refused.value is first


def test_a_revoked_authorization_is_no_refusal_of_one_type(sp_api: SpApi) -> None:
    sp_api.answers[OTHER] = AuthorizationError(CALL, status=400, error="invalid_grant", message="no", action="ask")
    with pytest.raises(AuthorizationError):
        list_subscriptions(SELLER, [record(TYPE, 1), record(OTHER, 2)], "")
