"""docs/limits.md tells what this stack does at each limit; here are the numbers of its own that it names."""

import json
from typing import Any

from tests.templates.reading import CHECKOUT, TEMPLATES, Template

DOCUMENT = (CHECKOUT / "docs" / "limits.md").read_text()


def of_type(templates: dict[str, Template], kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for template in templates.values()
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def retries(machine: str, state: str, error: str) -> dict[str, Any]:
    definition = json.loads((TEMPLATES / "statemachines" / f"{machine}.asl.json").read_text())
    (found,) = [retry for retry in definition["States"][state]["Retry"] if error in retry["ErrorEquals"]]
    return dict(found)


def longest(retry: dict[str, Any]) -> float:
    """The sum of the delays in seconds. Full jitter makes each of them shorter."""
    delays = (retry["IntervalSeconds"] * retry["BackoffRate"] ** number for number in range(retry["MaxAttempts"]))
    return float(sum(min(delay, retry.get("MaxDelaySeconds", delay)) for delay in delays))


def test_the_queues_take_what_the_page_says(templates: dict[str, Template]) -> None:
    mappings = of_type(templates, "AWS::Lambda::EventSourceMapping").values()
    # The queue for new client secrets gets two messages a year; a stream has no concurrency of its own.
    sources = [
        source
        for source in mappings
        if source["EventSourceArn"] != {"Fn::GetAtt": ["SecretQueue", "Arn"]} and "StartingPosition" not in source
    ]
    assert sorted(source["ScalingConfig"]["MaximumConcurrency"] for source in sources) == [2, 2, 2, 2, 5]
    # The digest of listings collects outcomes.
    assert {source["BatchSize"] for source in sources} == {10, 1000}
    assert "at most 5 concurrent executions, and the function of each other queue at most 2" in DOCUMENT
    queues = {name: queue for name, queue in of_type(templates, "AWS::SQS::Queue").items() if name != "SecretQueue"}
    days = {name: queue["MessageRetentionPeriod"] / 86400 for name, queue in queues.items()}
    assert {days[name] for name in days if name.endswith("DeadLetterQueue")} == {14}
    assert {days[name] for name in days if not name.endswith("DeadLetterQueue")} == {4}
    redriven = [queue for queue in queues.values() if "RedrivePolicy" in queue]
    waits = {queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"] for queue in redriven}
    assert waits == {900, 5 * queues["ListingDigestQueue"]["VisibilityTimeout"]}
    assert "five times within a quarter of an hour" in DOCUMENT


def test_the_public_paths_are_throttled_as_the_page_says(templates: dict[str, Template]) -> None:
    stages = of_type(templates, "AWS::ApiGateway::Stage").values()
    settings = [setting for stage in stages for setting in stage.get("MethodSettings", [])]
    public = [setting for setting in settings if "authorize" in setting.get("ResourcePath", "")]
    assert len(public) == 2
    assert {(one["ThrottlingRateLimit"], one["ThrottlingBurstLimit"]) for one in public} == {(20, 40)}
    assert "| 20 a second, burst 40 |" in DOCUMENT


def test_retries_are_as_many_as_the_page_says() -> None:
    throttled = retries("report-processor", "RetrieveDocument", "ThrottledError")
    assert (throttled["MaxAttempts"], throttled["MaxDelaySeconds"]) == (100, 600)
    assert "up to 100 retries, at most 10 minutes apart" in (CHECKOUT / "docs" / "reports.md").read_text()
    for state in ("RetrieveDocument", "StoreDocument", "PresignAndNotify"):
        refused = retries("report-processor", state, "Lambda.TooManyRequestsException")
        assert refused["MaxAttempts"] == 30
        assert longest(refused) <= 30 * 60
    assert "retries up to 30 times within 30 minutes, and the execution of an order 8 times within 45" in DOCUMENT
    assert retries("report-processor", "StoreDocument", "DeadlineExceeded")["MaxAttempts"] == 20
    for state in ("GetSolicitationActions", "SubmitSolicitation"):
        asked = retries("solicitation", state, "ThrottledError")
        assert (asked["MaxAttempts"], asked["MaxDelaySeconds"]) == (30, 1800)
        failed = retries("solicitation", state, "States.ALL")
        assert failed["MaxAttempts"] == 8
        assert longest(failed) <= 45 * 60
    assert "retried up to 30 times, at most half an hour apart" in DOCUMENT
    assert "eight retries within 45 minutes" in (CHECKOUT / "docs" / "solicitations.md").read_text()


def test_every_template_is_far_below_cloudformations_limits(templates: dict[str, Template]) -> None:
    sizes = [path.stat().st_size for path in TEMPLATES.glob("*.yaml")]
    resources = [len(template["Resources"]) for template in templates.values()]
    parameters = [len(template.get("Parameters", {})) for template in templates.values()]
    assert max(sizes) < 1_000_000 / 10
    assert max(resources) < 500 / 4
    # The page says: at most a quarter.
    assert max(parameters) < 200 / 4
