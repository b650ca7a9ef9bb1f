"""One record of CloudWatch's embedded metric format (EMF) for each request, on standard output.

CloudWatch Logs reads the metrics out of the line; nobody is called. Powertools' `Metrics` keeps its values in one store
for the whole process, so that two concurrent requests become one record. `EphemeralMetrics`, one a request, does not.

Each metric costs money for each set of dimensions, so there is one dimension, and as many metrics as CloudWatch's free
tier has. Everything else of the request stands beside them as properties, for Logs Insights.
"""

import time
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import orjson
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from gateway.logs import AccessLine
from gateway.protocol.usage import Usage

NAMESPACE: Final = "chatrix"
# Each metric and its unit. The alarms and the dashboard in terraform/ read these names.
METRICS: Final[Mapping[str, MetricUnit]] = {
    "Duration": MetricUnit.Milliseconds,
    "TimeToFirstEvent": MetricUnit.Milliseconds,
    "Errors": MetricUnit.Count,
    "Throttles": MetricUnit.Count,
    "InputTokens": MetricUnit.Count,
    "OutputTokens": MetricUnit.Count,
    "CacheReadTokens": MetricUnit.Count,
    "CacheWriteTokens": MetricUnit.Count,
    "Drops": MetricUnit.Count,
    "ColdStart": MetricUnit.Count,
}
# 529 is how the Messages API says "too busy": the caller is to come again, as with a 429.
THROTTLED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, 529})
# Measured here already, or too long: the log line has them, under the same request id.
LEFT_TO_THE_LOG: Final = frozenset({"cold_start", "total_ms", "first_event_ms", "trace", "error_message"})


def metrics_line(line: AccessLine, service: str, fields: dict[str, Any]) -> str:
    """`fields` are those of the line, as the log has them."""
    return orjson.dumps(metrics_record(line, service, fields), option=orjson.OPT_APPEND_NEWLINE).decode()


def metrics_record(line: AccessLine, service: str, fields: dict[str, Any]) -> dict[str, Any]:
    measured = values(line)
    empty = empty_record(tuple(measured), service)
    record = {**fields, **empty}
    for name in LEFT_TO_THE_LOG:
        record.pop(name, None)
    record["_aws"] = {**empty["_aws"], "Timestamp": int(time.time() * 1000)}
    for name, value in measured.items():
        record[name] = [value]
    return record


@cache
def empty_record(names: tuple[str, ...], service: str) -> dict[str, Any]:
    """As Powertools makes and checks it, which takes longer than all else. There are as many as sets of names: few."""
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
    for name in names:
        metrics.add_metric(name, METRICS[name], 0)
    return dict(metrics.serialize_metric_set())


def values(line: AccessLine) -> dict[str, float]:
    """Without those that this request does not have: a mean over them would be wrong."""
    measured: dict[str, float] = {"Duration": line.elapsed_ms()}
    if line.first_event_ms is not None:
        measured["TimeToFirstEvent"] = line.first_event_ms
    return measured | {
        "Errors": float(failed(line)),
        "Throttles": float(throttled(line)),
        **tokens(line.usage),
        "Drops": float(len(line.dropped) + len(line.approximated)),
        "ColdStart": float(line.cold_start),
    }


def tokens(usage: Usage | None) -> dict[str, float]:
    if usage is None:
        return {}
    return {
        "InputTokens": usage.input,
        "OutputTokens": usage.output,
        "CacheReadTokens": usage.cache_read,
        "CacheWriteTokens": usage.cache_write,
    }


def failed(line: AccessLine) -> bool:
    """The answer is an error of ours or of Bedrock's, or it ended in an error event: nobody can use half of it."""
    if line.status == HTTPStatus.OK:
        return line.error_status != 0
    return line.status >= HTTPStatus.INTERNAL_SERVER_ERROR and line.status not in THROTTLED


def throttled(line: AccessLine) -> bool:
    """Where the status has gone out, the error event counts too."""
    return line.status in THROTTLED or line.error_status == HTTPStatus.TOO_MANY_REQUESTS
