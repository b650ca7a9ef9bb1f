"""What stays of a request on standard output: one log line, one record of metrics. Of real processes."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.metrics import METRICS, NAMESPACE
from gateway.simulator import SimulatorOptions, open_simulator
from tests.server.test_serve import process
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import asking, aws_environment

CALLERS: Final = 8
ROUNDS: Final = 5


def key_of(caller: int) -> str:
    return f"ck_a_key_of_caller_{caller}"


KEYS: Final = {"api_keys": [{"name": f"caller-{caller}", "key": key_of(caller)} for caller in range(CALLERS)]}
# Fast enough for a test, slow enough for answers to overlap.
USAGE: Final = {"inputTokens": 10, "outputTokens": 20, "cacheReadInputTokens": 30, "cacheWriteInputTokens": 40}
OPTIONS: Final = SimulatorOptions(tokens_per_second=400, secret_string=json.dumps(KEYS))

Record = dict[str, Any]


def counting(input_tokens: int, output_tokens: int) -> str:
    """A prompt whose answer takes a tenth of a second, and says that it cost this."""
    usage = {"inputTokens": input_tokens, "outputTokens": output_tokens}
    return f"[[usage:{json.dumps(usage)}]][[say:{'word ' * 40}]]"


class Served:
    """One running gateway: its URL, and what it wrote."""

    def __init__(self, url: str, running: asyncio.subprocess.Process) -> None:
        self.url = url
        self._running = running

    async def ask(self, text: str, caller: int = 0, **changes: Any) -> tuple[int, str, bytes]:
        """Status, request id and body."""
        headers = {"x-api-key": key_of(caller)}
        async with aiohttp.ClientSession() as session:
            async with session.post(
                f"{self.url}/v1/messages", json=asking(text, **changes), headers=headers
            ) as response:
                return response.status, response.headers["request-id"], await response.read()

    def stop_reading(self) -> None:
        """As a reader that ends: every further write of the gateway fails."""
        transport = self._running._transport.get_pipe_transport(1)  # type: ignore[attr-defined]  # no public name
        transport.close()

    async def raw_lines(self) -> list[bytes]:
        """What was written about requests until the process ended, which this does."""
        self._running.terminate()
        output, _ = await self._running.communicate()
        return [line for line in output.splitlines() if b'"request_id"' in line]

    async def written(self) -> list[Record]:
        return [json.loads(line) for line in await self.raw_lines()]


@asynccontextmanager
async def serve(**variables: str) -> AsyncIterator[Served]:
    async with open_simulator(OPTIONS) as simulator:
        settings = {"CHATRIX_METRICS": "1", **aws_environment(simulator.url), **variables}
        async with process("serve", **settings) as (running, url, _):
            yield Served(url, running)


def lines(written: Sequence[Record]) -> dict[str, Record]:
    return {record["request_id"]: record for record in written if "_aws" not in record and "request_id" in record}


def records(written: Sequence[Record]) -> dict[str, Record]:
    return {record["request_id"]: record for record in written if "_aws" in record}


def metric_values(record: Record) -> dict[str, float]:
    """The one value of each metric, by the record's own account of what its metrics are."""
    directive = record["_aws"]["CloudWatchMetrics"][0]
    values = {metric["Name"]: record[metric["Name"]] for metric in directive["Metrics"]}
    assert all(len(value) == 1 for value in values.values()), "one request, one value"
    return {name: value[0] for name, value in values.items()}


async def test_a_request_leaves_one_line_and_one_record() -> None:
    async with serve(CHATRIX_SERVICE="team-gateway", LOG_LEVEL="INFO") as served:
        status, request_id, _ = await served.ask(
            "[[usage:" + json.dumps(USAGE) + "]][[say:hello]]", stream=True, top_k=3
        )
        written = await served.written()
    assert status == 200
    line, record = lines(written)[request_id], records(written)[request_id]
    assert record["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": NAMESPACE,
            "Dimensions": [["service"]],
            "Metrics": [{"Name": name, "Unit": unit.value} for name, unit in METRICS.items()],
        }
    ]
    assert record["service"] == "team-gateway"
    values = metric_values(record)
    buckets = ("input", "output", "cache_read", "cache_write")
    assert [line[f"{bucket}_tokens"] for bucket in buckets] == [10, 20, 30, 40]
    assert [values[name] for name in METRICS if name.endswith("Tokens")] == [10, 20, 30, 40]
    assert values["TimeToFirstEvent"] == line["first_event_ms"]
    assert values["Duration"] == pytest.approx(line["total_ms"], abs=50)
    assert (values["Errors"], values["Throttles"], values["Drops"]) == (0, 0, 0)
    assert (record["status"], record["stop_reason"], record["caller"]) == (200, "end_turn", "caller-0")
    assert (line["cold_start"], values["ColdStart"]) == (True, 1)


async def test_only_the_first_request_is_a_cold_start_and_health_is_none() -> None:
    async with serve() as served:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{served.url}/health") as response:
                assert response.status == 200
        for _ in range(3):
            await served.ask("[[say:hello]]")
        written = await served.written()
    assert [metric_values(record)["ColdStart"] for record in records(written).values()] == [1, 0, 0]
    assert [line.get("cold_start") for line in lines(written).values()] == [True, None, None]


@pytest.mark.parametrize(
    ("text", "stream", "status", "errors", "throttles"),
    [
        ("[[throttle:1]]", True, 429, 0, 1),
        ("[[say:hello]][[cut]]", False, 500, 1, 0),
        ("[[say:hello]][[cut]]", True, 200, 1, 0),
        ("[[say:hello]]", True, 200, 0, 0),
    ],
)
async def test_errors_and_throttles_are_counted_whatever_position_they_have(
    text: str, stream: bool, status: int, errors: int, throttles: int
) -> None:
    async with serve() as served:
        answered, request_id, _ = await served.ask(text, stream=stream)
        written = await served.written()
    values = metric_values(records(written)[request_id])
    assert (values["Errors"], values["Throttles"]) == (errors, throttles)
    assert answered == status


async def test_what_a_request_lost_is_counted() -> None:
    async with serve() as served:
        _, request_id, _ = await served.ask("[[say:hello]]", context_management={"edits": []}, no_such_field=1)
        written = await served.written()
    line = lines(written)[request_id]
    assert metric_values(records(written)[request_id])["Drops"] == len(line["dropped"]) == 2


async def test_concurrent_requests_never_mix_their_fields() -> None:
    """Each asks for another number of tokens, under another key: what belongs together is known afterwards."""
    async with serve() as served:
        asked = [(caller, caller * 100 + turn) for turn in range(ROUNDS) for caller in range(CALLERS)]
        answers = await asyncio.gather(
            *(served.ask(counting(1000 + number, number), caller, stream=number % 2 == 0) for caller, number in asked)
        )
        written = await served.written()
    log, metrics = lines(written), records(written)
    assert len(log) == len(metrics) == len(asked)
    for (caller, number), (status, request_id, _) in zip(asked, answers, strict=True):
        assert status == 200
        for record in (log[request_id], metrics[request_id]):
            assert record["caller"] == f"caller-{caller}"
            assert record["streamed"] == (number % 2 == 0)
            assert (record["input_tokens"], record["output_tokens"]) == (1000 + number, number)
        values = metric_values(metrics[request_id])
        assert (values["InputTokens"], values["OutputTokens"]) == (1000 + number, number)


async def test_bytes_that_are_no_text_cost_neither_the_answer_nor_the_record() -> None:
    """aiohttp reads such a byte of a header as half a character, which JSON in UTF-8 cannot hold."""
    body = json.dumps(asking("[[say:hello]]")).encode()
    head = (
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-claude-code-session-id: a\xffb\r\n"
        b"x-api-key: %b\r\ncontent-length: %d\r\n\r\n" % (key_of(0).encode(), len(body))
    )
    async with serve() as served:
        assert (await answer_to(served.url, head + body)).startswith(b"HTTP/1.1 200 ")
        written = await served.written()
    assert [record["session_id"] for record in records(written).values()] == ["a?b"]
    assert len(lines(written)) == 1


async def answer_to(url: str, sent: bytes) -> bytes:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(sent)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("stream", [True, False])
async def test_an_output_that_nobody_reads_any_more_costs_no_answer(stream: bool) -> None:
    """`chatrix serve | head`, or a full disk: what cannot be written of a request must not end the request."""
    async with serve() as served:
        served.stop_reading()
        for _ in range(2):
            status, _, body = await served.ask("[[say:hello]]", stream=stream)
            assert status == 200
            if stream:
                assert read_stream(body).whole
            else:
                assert json.loads(body)["content"] == [{"type": "text", "text": "hello"}]


async def test_without_the_switch_there_are_no_records() -> None:
    async with serve(CHATRIX_METRICS="0") as served:
        await served.ask("[[say:hello]]")
        written = await served.written()
    assert len(lines(written)) == 1
    assert records(written) == {}
