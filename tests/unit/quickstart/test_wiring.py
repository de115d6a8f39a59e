"""What the functions build from their settings: each part gets the client, the table and the setting that it names."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest

import quickstart
from quickstart import clients, settings
from quickstart.application_secret import ApplicationSecret
from quickstart.dynamodb import Table
from quickstart.notifications import wiring as notifications_wiring
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.regions import Region
from tests.unit.quickstart.listings.test_feed_lanes import record
from tests.unit.quickstart.support import Context

CLIENTS = {
    "DynamoDBClient": "dynamodb",
    "EventBridgeClient": "events",
    "EventBridgeSchedulerClient": "scheduler",
    "KMSClient": "kms",
    "S3Client": "s3",
    "SFNClient": "states",
    "SNSClient": "sns",
    "SQSClient": "sqs",
    "STSClient": "sts",
    "SecretsManagerClient": "secretsmanager",
}
# A part may be any object that has what these ask for.
PROTOCOLS = {"StoredValue"}
GIVEN: dict[str, object] = {
    "machine_arn": "<machine>",
    "deadline": Deadline.after(10),
    "dead_letter_queue_setting": "DEAD_LETTERS",
    # Of the worker of feeds.
    "record": record("one"),
    "slot": {"Operation": "createFeed"},
    "listing_machine_arn": "<machine>",
    "context": Context(),
}
# The setting of each text in a part.
TEXTS = {
    ("Announcer", "bus_name"): "EVENT_BUS_NAME",
    ("Announcements", "bus_name"): "EVENT_BUS_NAME",
    ("ConnectionEvents", "bus_name"): "EVENT_BUS_NAME",
    ("Application", "application_id"): "APPLICATION_ID",
    ("ReportTopic", "arn"): "REPORT_TOPIC_ARN",
    ("FeedAnnouncer", "bus_name"): "EVENT_BUS_NAME",
    ("FeedAnnouncer", "topic_arn"): "LISTING_FEED_TOPIC_ARN",
    ("FeedAnnouncer", "feeds_url"): "LISTING_FEEDS_URL",
    ("FeedFiles", "bucket"): "LISTING_FEEDS_BUCKET",
    ("FeedEvents", "bucket"): "LISTING_FEEDS_BUCKET",
    ("FeedMachine", "arn"): "STATE_MACHINE_ARN",
}


def service(name: str) -> SimpleNamespace:
    return SimpleNamespace(service=name, meta=SimpleNamespace(region_name="eu-west-1"))


def functions() -> list[FunctionType]:
    found = []
    for module in pkgutil.walk_packages(quickstart.__path__, "quickstart."):
        if module.name.endswith("wiring"):
            loaded = importlib.import_module(module.name)
            found += [one for one in vars(loaded).values() if getattr(one, "__module__", "") == module.name]
    return [one for one in found if callable(one) and set(inspect.signature(one).parameters) <= GIVEN.keys()]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def clear() -> None:
        for module in pkgutil.walk_packages(quickstart.__path__, "quickstart."):
            for one in vars(importlib.import_module(module.name)).values():
                if hasattr(one, "cache_clear"):
                    one.cache_clear()

    def given(name: str) -> str:
        return "EU" if name == "ROTATION_REGION" else f"<{name}>"

    clear()
    monkeypatch.setattr(settings, "required", given)
    monkeypatch.setattr(settings, "optional", given)
    monkeypatch.setattr(settings, "whole_number", lambda _: 30)
    for name in set(CLIENTS.values()):
        monkeypatch.setattr(clients, name, lambda name=name: service(name))
    for name in ("s3_documents", "s3_unsigned"):
        monkeypatch.setattr(clients, name, lambda: service("s3"))
    monkeypatch.setattr(ApplicationSecret, "in_use", lambda _: SimpleNamespace(client_id="client"))
    yield
    clear()


def parts(part: object) -> Iterator[tuple[str, dataclasses.Field[Any], object]]:
    """The fields of a part, and of the parts in it."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            yield type(part).__name__, field, value
            yield from parts(value)


@pytest.mark.parametrize("build", functions(), ids=lambda one: f"{one.__module__.split('.')[1]}.{one.__name__}")
def test_each_part_gets_what_it_names(build: Callable[..., object]) -> None:
    needed = inspect.signature(build)
    built = build(**{name: GIVEN[name] for name in needed.parameters})
    assert built is not None
    annotation = str(needed.return_annotation).strip("\"'")
    if dataclasses.is_dataclass(built):
        assert type(built).__name__ in annotation or issubclass(type(built), Table)
    for owner, field, value in parts(built):
        where = f"{owner}.{field.name}"
        kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
        kind = kind.strip("\"'")
        if kind in CLIENTS:
            assert getattr(value, "service", None) == CLIENTS[kind], where
        elif dataclasses.is_dataclass(value):
            assert type(value).__name__ in kind or kind in PROTOCOLS, where
        elif kind == "str":
            assert isinstance(value, str), where
        elif kind == "int":
            assert isinstance(value, int), where
        elif kind.endswith("PoolManager"):
            assert type(value).__name__ == "PoolManager", where
        elif kind == "Path":
            assert isinstance(value, Path), where
        elif kind.startswith("Mapping"):
            assert isinstance(value, Mapping), where
        elif kind.startswith("Callable"):
            assert callable(value), where
        if (owner, field.name) in TEXTS:
            assert value == f"<{TEXTS[owner, field.name]}>", where


def test_a_subscriber_has_its_callers_and_the_queue_of_its_type() -> None:
    none: Any = None
    seller, application = (Caller(none, scope, Region.NA, Deadline.after(10), none) for scope in ("seller", "app"))
    for notification_type, setting in (("ORDER_CHANGE", "ORDERS_QUEUE_ARN"), ("X", "NOTIFICATIONS_QUEUE_ARN")):
        made = notifications_wiring.subscriber(seller, application, notification_type)
        assert (made.seller, made.application, made.queue_arn) == (seller, application, f"<{setting}>")


def test_every_capability_has_parts() -> None:
    assert {one.__module__.split(".")[1] for one in functions()} == {
        "authorization",
        "listings",
        "notifications",
        "product_types",
        "reports",
        "secret_rotation",
        "solicitations",
    }
