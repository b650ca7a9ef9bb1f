"""An environment's life: start, freeze and thaw, deadline, end."""

import asyncio
import json
import sys
import time

import pytest

from gateway.settings import Settings
from gateway.simulator import LOCAL_API_KEY, Simulator, SimulatorOptions, open_simulator
from tests.doubles.environment import InitFailed, open_environment
from tests.doubles.function_url import FunctionUrl, free_port
from tests.on_lambda.client import ask, function, metrics_of, read, sending
from tests.on_lambda.connections import CuttableProxy
from tests.support.anthropic_stream import read_stream
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
        assert "/health" not in environment.output.text
        assert environment.api.extensions == ["lambda-adapter"]
        assert [record["lambda_request_id"] for record in metrics_of(environment)] == [
            invocation.request_id for invocation in environment.invocations
        ]


async def test_a_setting_that_ends_the_start_is_named_in_the_log(simulator: Simulator) -> None:
    with pytest.raises(InitFailed, match="CHATRIX_PING_SECONDS is 'often'"):
        async with open_environment(function(simulator, CHATRIX_PING_SECONDS="often"), free_port()):
            pass


async def test_an_application_that_is_never_ready_fails_the_second_time_too(simulator: Simulator) -> None:
    """Whatever takes more than 10 s to start is started again, from the beginning."""
    never = function(simulator, command=("sleep", "60"), init_seconds=0.3, timeout_seconds=0.3)
    with pytest.raises(InitFailed, match="not ready"):
        async with open_environment(never, free_port()):
            pass


def test_the_adapter_is_never_the_one_who_finds_a_closed_connection() -> None:
    """It keeps them for 4 s; a frozen environment may keep them for hours."""
    assert Settings.from_env({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}).keepalive_seconds == 3600
    assert Settings.from_env({}).keepalive_seconds == 75


# --- as many environments as requests


async def test_a_request_meets_a_busy_environment_and_starts_another_one(simulator: Simulator) -> None:
    async with FunctionUrl(function(simulator), reserved_concurrency=2).serve() as url:
        both = await asyncio.gather(*(ask(url, "[[drip:4 0.2]]") for _ in range(2)))
        assert [answer.reply.whole for answer in both] == [True, True]
        assert len(url.environments) == 2
        for environment in url.environments:
            assert [record["ColdStart"] for record in metrics_of(environment)] == [[1.0]]


async def test_over_the_reserved_concurrency_lambda_answers_and_not_the_gateway(url: FunctionUrl) -> None:
    async with sending(url, asking("[[drip:10 0.1]]", stream=True)) as response:
        first = await response.content.readany()
        refused = await ask(url, "[[say:hello]]")
        rest = await response.content.read()
    assert refused.status == 429
    assert "error" not in json.loads(refused.body)
    assert read_stream(first + rest).whole


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


async def test_a_connection_that_the_network_has_forgotten_costs_nobody_a_request(simulator: Simulator) -> None:
    """Nothing tells the gateway, so the request goes out, to a reset. It is sent once more, on a new connection."""
    async with CuttableProxy(simulator.port).serve() as proxy:
        through_proxy = function(simulator, **aws_environment(proxy.url))
        async with FunctionUrl(through_proxy).serve() as url:
            assert (await ask(url, "[[say:hello]]")).reply.text == "hello"
            await url.wait_settled()
            assert proxy.forget() == 1
            assert (await ask(url, "[[say:hello]]")).reply.text == "hello"


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
    cpu_seconds, lines, connections = (
        environment.cpu_seconds(),
        len(environment.output.lines),
        simulator.connections_accepted,
    )
    environment.thaw()
    await asyncio.sleep(1.5)
    environment.freeze()
    assert environment.cpu_seconds() - cpu_seconds <= 0.02
    assert len(environment.output.lines) == lines
    assert simulator.connections_accepted == connections


async def test_all_is_written_when_the_environment_freezes(url: FunctionUrl) -> None:
    """The environment stays frozen: what is read of it was written before."""
    answer = await ask(url, "[[say:hello]]")
    await url.wait_settled()
    environment = url.environments[0]
    assert environment.frozen
    await asyncio.sleep(0.05)
    line, metrics = (json.loads(line) for _, line in environment.report(environment.invocations[-1]).lines)
    assert line["request_id"] == metrics["request_id"] == answer.headers["request-id"]
    assert line["stop_reason"] == "end_turn"
    assert metrics["OutputTokens"] == [line["output_tokens"]]


@pytest.mark.parametrize("stream", [True, False])
async def test_the_last_byte_waits_until_both_records_are_written(
    url: FunctionUrl, simulator: Simulator, stream: bool
) -> None:
    """A gateway that cannot write a record cannot end its answer: so it had written them whenever it has ended one."""
    await ask(url, "[[say:hello]]", stream=stream)
    await url.wait_settled()
    environment = url.environments[0]
    line_bytes, metrics_bytes = (len(line) for _, line in environment.report(environment.invocations[-1]).lines)
    # First the line finds no room in the pipe, then the metrics behind it do not.
    for room_bytes in (0, line_bytes + metrics_bytes // 2):
        with environment.output.held_back(room_bytes=room_bytes):
            calls = len(simulator.exchanges)
            asking_once_more = asyncio.create_task(ask(url, "[[say:hello]]", stream=stream))
            await simulator.wait_until(lambda: len(simulator.exchanges) > calls)  # noqa: B023  # awaited at once
            await simulator.wait_until(lambda: simulator.exchanges[-1].outcome == "complete")
            await asyncio.wait((asking_once_more,), timeout=0.5)
            invocation = environment.invocations[-1]
            assert (b"message_start" in invocation.answer) is stream
            assert invocation.ended_at is None
            assert not asking_once_more.done()
        assert (await asking_once_more).status == 200
        await url.wait_settled()
        assert len(environment.report(invocation).lines) == 2


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


async def test_when_the_client_has_left_the_deadline_still_ends_the_invocation(
    short_url: FunctionUrl, simulator: Simulator
) -> None:
    async with sending(short_url, asking("[[drip:100 0.1]]", stream=True)) as response:
        await response.content.readany()
        response.close()
    await short_url.wait_settled()
    environment = short_url.environments[0]
    report = environment.report(environment.invocations[-1])
    assert report.error is None
    assert report.seconds < TIMEOUT_SECONDS - 0.5
    exchange = simulator.exchanges[-1]
    await simulator.wait_until(lambda: exchange.outcome != "open")
    assert exchange.outcome == "client_gone", "Bedrock was told"


# An application in an environment that is not Lambda's, as far as it can see; the adapter beside it is there.
UNAWARE = ("env", "-u", "AWS_LAMBDA_RUNTIME_API", sys.executable, "-m", "gateway", "serve")


async def test_elsewhere_the_header_means_nothing_and_lambda_would_cut_the_answer_off(simulator: Simulator) -> None:
    """A control of the tests above; and whoever is not behind the adapter gets such headers from anybody."""
    async with FunctionUrl(function(simulator, timeout_seconds=1.5, command=UNAWARE)).serve() as url:
        answer = await ask(url, "[[drip:100 0.1]]")
        await url.wait_settled()
        (environment,) = url.environments
        report = environment.report(environment.invocations[0])
        assert answer.broken
        assert answer.reply.error is None
        assert not answer.reply.whole
        assert report.error == "Task timed out after 1.50 seconds"
        assert report.seconds == pytest.approx(1.5, abs=0.3)
        assert not environment.alive
        # What was under way is lost with the environment; the function goes on in another one.
        assert (await ask(url, "[[say:hello]]")).reply.text == "hello"
        assert len(url.environments) == 2


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
    assert LOCAL_API_KEY not in url.environments[0].output.text
