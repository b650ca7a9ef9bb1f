"""An environment's life: start, freeze and thaw, deadline, end."""

import asyncio
import json
import time

import pytest

from gateway.simulator import LOCAL_API_KEY, Simulator, SimulatorOptions, open_simulator
from tests.doubles.environment import InitFailed, open_environment
from tests.doubles.function_url import FunctionUrl, free_port
from tests.on_lambda.client import ask, function, metrics_of, read, records, sending
from tests.on_lambda.connections import CuttableProxy
from tests.support.gateway import asking, aws_environment

TIMEOUT_SECONDS = 3.0


# --- start


async def test_the_adapter_waits_for_health_and_the_first_request_is_the_cold_one(simulator: Simulator) -> None:
    async with FunctionUrl(function(simulator)).serve() as url:
        for _ in range(2):
            assert (await ask(url, "[[say:hello]]")).status == 200
            await url.wait_settled()
        (environment,) = url.environments
        assert [record["ColdStart"] for record in metrics_of(environment)] == [[1.0], [0.0]]
        assert [record["service"] for record in metrics_of(environment)] == ["chatrix", "chatrix"]
        # Polled every 10 ms until the start, and nowhere in the log.
        assert "/health" not in environment.written()
        assert environment.api.extensions == ["lambda_adapter.py"]
        assert [record["lambda_request_id"] for record in metrics_of(environment)] == [
            invocation.request_id for invocation in environment.invocations
        ]


async def test_a_setting_that_ends_the_start_is_named_in_the_log(simulator: Simulator) -> None:
    with pytest.raises(InitFailed, match="CHATRIX_PING_SECONDS is 'often'"):
        async with open_environment(function(simulator, CHATRIX_PING_SECONDS="often"), free_port()):
            pass


# --- freeze and thaw


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_connections_that_died_in_the_freeze_cost_nobody_a_request(simulator: Simulator, how: str) -> None:
    async with CuttableProxy(simulator.port).serve() as proxy:
        through_proxy = function(simulator, **aws_environment(proxy.url))
        async with FunctionUrl(through_proxy).serve() as url:
            for _ in range(10):
                assert (await ask(url, "[[say:hello]]")).reply.text == "hello"
                await url.wait_settled()
                assert url.environments[0].frozen
                assert await proxy.cut(reset=how == "reset") >= 1, "the gateway had a pooled connection"
            assert (await ask(url, "[[say:hello]]")).reply.text == "hello"
            assert len(url.environments) == 1


async def test_keys_age_while_the_environment_is_frozen() -> None:
    """A revoked key must not outlive its TTL because nobody asked meanwhile."""
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        short = function(simulator, CHATRIX_SECRET_TTL_SECONDS="1", CHATRIX_PREVIOUS_GRACE_SECONDS="0")
        async with FunctionUrl(short).serve() as url:
            assert (await ask(url, "[[say:hello]]")).status == 200
            await url.wait_settled()
            simulator.secret_string = json.dumps({"api_key": "ck_another_key_of_this_gateway"})
            await asyncio.sleep(1.1)
            assert (await ask(url, "[[say:hello]]")).status == 401
            other = {"x-api-key": "ck_another_key_of_this_gateway"}
            assert (await ask(url, "[[say:hello]]", headers=other)).status == 200


async def test_nothing_goes_on_between_requests(url: FunctionUrl, simulator: Simulator) -> None:
    """Thawed without an invocation: no work, no line, no connection."""
    await ask(url, "[[say:hello]]")
    await url.wait_settled()
    environment = url.environments[0]
    cpu_seconds, lines, connections = environment.cpu_seconds(), len(environment.lines), simulator.connections_accepted
    environment.thaw()
    await asyncio.sleep(1.5)
    environment.freeze()
    assert environment.cpu_seconds() - cpu_seconds <= 0.02
    assert len(environment.lines) == lines
    assert simulator.connections_accepted == connections


async def test_all_is_written_when_the_environment_freezes(url: FunctionUrl) -> None:
    """The environment stays frozen: what is read of it was written before."""
    answer = await ask(url, "[[say:hello]]")
    await url.wait_settled()
    environment = url.environments[0]
    assert environment.frozen
    await asyncio.sleep(0.05)
    written = [record for record in records(environment) if record["request_id"] == answer.headers["request-id"]]
    line, metrics = written
    assert line["stop_reason"] == "end_turn"
    assert metrics["OutputTokens"] == [line["output_tokens"]]


# --- deadline


@pytest.fixture(scope="module")
async def short_url(simulator: Simulator) -> object:
    async with FunctionUrl(function(simulator, timeout_seconds=TIMEOUT_SECONDS)).serve() as serving:
        yield serving


async def test_a_stream_ends_with_an_error_event_before_lambda_cuts_it_off(short_url: FunctionUrl) -> None:
    answer = await ask(short_url, "[[drip:100 0.1]]")
    await short_url.wait_settled()
    assert answer.reply.error is not None
    assert answer.reply.error["type"] == "timeout_error"
    assert not answer.broken
    invocation = short_url.environments[0].invocations[-1]
    assert invocation.failure is None
    assert invocation.ended_at is not None
    assert invocation.ended_at - invocation.started_at < TIMEOUT_SECONDS - 0.5


@pytest.mark.parametrize(
    ("text", "stream"),
    [("[[delay:10]][[say:hello]]", True), ("[[delay:10]][[say:hello]]", False), ("[[drip:100 0.1]]", False)],
    ids=["no first event", "no first event, whole", "whole"],
)
async def test_without_a_byte_sent_the_deadline_is_a_504(short_url: FunctionUrl, text: str, stream: bool) -> None:
    answer = await ask(short_url, text, stream=stream)
    assert answer.status == 504
    assert answer.error["type"] == "timeout_error"
    assert "time-out" in answer.error["message"]


async def test_the_next_request_is_served_by_the_same_environment(short_url: FunctionUrl) -> None:
    await ask(short_url, "[[drip:100 0.1]]")
    assert (await ask(short_url, "[[say:hello]]")).reply.text == "hello"
    assert len(short_url.environments) == 1


async def test_the_double_cuts_off_what_does_not_end_by_itself(simulator: Simulator) -> None:
    """A control: an application that does not believe the adapter runs into Lambda's time-out."""
    variables = {"CHATRIX_DEADLINE_MARGIN_SECONDS": "0"}
    stubborn = function(simulator, timeout_seconds=1.5, AWS_LAMBDA_RUNTIME_API="", **variables)
    with pytest.raises(InitFailed):
        async with open_environment(stubborn, free_port()):
            pass


# --- end


async def test_an_idle_environment_ends_at_once(simulator: Simulator) -> None:
    async with FunctionUrl(function(simulator)).serve() as url:
        await ask(url, "[[say:hello]]")
        await url.wait_settled()
        shutdown = await url.environments[0].shut_down()
    assert shutdown.exit_code == 0
    assert shutdown.seconds < 1.0


async def test_an_open_stream_gets_an_error_event_before_the_kill(simulator: Simulator) -> None:
    async with FunctionUrl(function(simulator)).serve() as url:
        async with sending(url, asking("[[drip:100 0.1]]", stream=True)) as response:
            first = await response.content.readany()
            began = time.monotonic()
            ending = asyncio.create_task(url.environments[0].shut_down())
            answer = await read(response)
        shutdown = await ending
    answer.arrivals.insert(0, (0.0, first))
    assert answer.reply.error is not None
    assert answer.reply.error["type"] == "overloaded_error"
    assert not answer.broken
    assert answer.arrivals[-1][0] - began < 2.0
    assert shutdown.exit_code == 0
    assert shutdown.seconds < 2.0
    assert LOCAL_API_KEY not in url.environments[0].written()
