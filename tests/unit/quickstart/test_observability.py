"""Metrics are log lines that CloudWatch reads."""

import json

import pytest

from quickstart.observability import report_refused_secret

SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:application"


def test_a_refused_secret_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    report_refused_secret(SECRET)
    (metric,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert metric["ClientSecretRefused"] == [1.0]
    (described,) = metric["_aws"]["CloudWatchMetrics"]
    assert described["Metrics"] == [{"Name": "ClientSecretRefused", "Unit": "Count"}]
    (names,) = described["Dimensions"]
    assert [metric[name] for name in names] == [SECRET]
