"""Structured logs, in the same form for every function."""

from collections.abc import Mapping
from functools import cache

from aws_lambda_powertools import Logger

METRIC_NAMESPACE = "SellingPartnerApiQuickStart"
SECRET_DIMENSION = "ApplicationSecretArn"  # noqa: S105 - a name


@cache
def logger() -> Logger:
    """The function's logger, created when first needed; its service name and level come from POWERTOOLS_* variables."""
    return Logger()


def publish_metric(name: str, value: float, dimensions: Mapping[str, str]) -> None:
    """Publishes a metric as a log line that CloudWatch reads (EMF), with exactly these dimensions.

    CloudWatch keeps a metric for each combination of dimensions, and an alarm watches one of them. Powertools would add
    the function's service as a dimension.
    """
    # Few invocations publish one.
    from aws_lambda_powertools.metrics import MetricUnit
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

    metrics = AmazonCloudWatchEMFProvider(namespace=METRIC_NAMESPACE, service="")
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    for dimension, its_value in dimensions.items():
        metrics.add_dimension(name=dimension, value=its_value)
    metrics.flush_metrics()


def report_refused_secret(secret_arn: str) -> None:
    """LWA refuses the client secret in use: the metric that the alarm ClientSecretRefusedAlarm watches."""
    logger().error("Login with Amazon rejects the client secret in use (invalid_client)", secret_arn=secret_arn)
    publish_metric("ClientSecretRefused", 1, {SECRET_DIMENSION: secret_arn})
