"""The alarms and the dashboard read the metrics that the gateway writes, and no others: a name that is off by a letter
would be an alarm that never rings."""

import re
from typing import Any, Final

import pytest

from gateway.logs import AccessLine
from gateway.metrics import METRICS, NAMESPACE, metrics_record
from tests.infra.evidence import NAME, Evidence, decoded, planned

LAMBDAS_OWN: Final = {"Errors", "Throttles", "ConcurrentExecutions"}
BUILT_IN: Final = {"timestamp"}


@pytest.fixture(scope="module")
def plan(evidence: Evidence) -> dict[str, Any]:
    return evidence.plan


@pytest.fixture(scope="module")
def widgets(plan: dict[str, Any]) -> list[dict[str, Any]]:
    (dashboard,) = planned(plan, "aws_cloudwatch_dashboard")
    return list(decoded(dashboard["dashboard_body"])["widgets"])


def shown(widgets: list[dict[str, Any]]) -> list[list[Any]]:
    return [line for widget in widgets if widget["type"] == "metric" for line in widget["properties"]["metrics"]]


def test_every_alarm_watches_a_metric_that_is_written(plan: dict[str, Any]) -> None:
    for alarm in planned(plan, "aws_cloudwatch_metric_alarm"):
        if alarm["namespace"] == "AWS/Lambda":
            assert alarm["metric_name"] in LAMBDAS_OWN
            assert alarm["dimensions"] == {"FunctionName": NAME}
        else:
            assert alarm["namespace"] == NAMESPACE
            assert alarm["metric_name"] in METRICS
            assert alarm["dimensions"] == {"service": NAME}
        assert alarm["treat_missing_data"] == "notBreaching"


def test_the_slowness_alarm_is_a_p95_in_the_metrics_unit(plan: dict[str, Any]) -> None:
    (alarm,) = [a for a in planned(plan, "aws_cloudwatch_metric_alarm") if a["metric_name"] == "TimeToFirstEvent"]
    assert alarm["extended_statistic"] == "p95"
    assert alarm["threshold"] == 20_000
    assert METRICS["TimeToFirstEvent"].value == "Milliseconds"


def test_the_record_has_the_namespace_and_the_one_dimension_that_terraform_reads() -> None:
    line = AccessLine("req_1", "POST", "/v1/messages")
    record = metrics_record(line, NAME, line.fields())
    (declared,) = record["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == NAMESPACE
    assert declared["Dimensions"] == [["service"]]
    assert record["service"] == NAME


def test_the_dashboard_shows_every_metric_that_is_written_and_no_other(widgets: list[dict[str, Any]]) -> None:
    ours = [line for line in shown(widgets) if line[0] != "AWS/Lambda"]
    assert {line[0] for line in ours} == {NAMESPACE}
    assert {line[1] for line in ours} == set(METRICS)
    assert {tuple(line[2:4]) for line in ours} == {("service", NAME)}


def test_the_dashboard_shows_lambdas_own_view(widgets: list[dict[str, Any]]) -> None:
    lambdas = [line for line in shown(widgets) if line[0] == "AWS/Lambda"]
    assert {line[1] for line in lambdas} == LAMBDAS_OWN
    assert {tuple(line[2:4]) for line in lambdas} == {("FunctionName", NAME)}


def test_no_two_widgets_overlap(widgets: list[dict[str, Any]]) -> None:
    cells = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_query_asks_for_fields_that_log_lines_have(widgets: list[dict[str, Any]]) -> None:
    (query,) = [widget["properties"]["query"] for widget in widgets if widget["type"] == "log"]
    assert f"SOURCE '/aws/lambda/{NAME}'" in query
    line = AccessLine("req_1", "POST", "/v1/messages", caller="ci", model="claude", lambda_request_id="id")
    line.error_type, line.error_message, line.status = "api_error", "failed", 500
    asked = re.findall(
        r"[a-z_]+", re.sub(r"SOURCE.*|'[^']*'|\[.*?\]|(fields|filter|ispresent|and|in|sort|desc|limit)\b", "", query)
    )
    assert set(asked) - BUILT_IN <= set(line.fields()), query
    assert "error_message" in asked
