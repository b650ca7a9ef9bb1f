"""Bedrock's own count where it can be had, an estimate otherwise: who is asked, how often, and when again."""

import asyncio
import time as real_time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from gateway.counting import ANSWER_SECONDS, CALLS_AT_ONCE, PAUSE_SECONDS, TURN_SECONDS, UNABLE_SECONDS, Count
from gateway.protocol.estimate import estimate_input_tokens, estimate_output_format
from gateway.protocol.model_fields import WithoutBetas
from gateway.upstreams.counting import COUNTED_MEMBERS
from gateway.upstreams.refused_betas import TTL_SECONDS
from tests.counting.conftest import Bench, Time, count_request, model, open_counter
from tests.support.botocore_model import shape

UNSUPPORTED = "[[count:error ValidationException The provided model doesn't support counting tokens.]]"
FORMAT: Any = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type":"object"}'}}}}


async def burst(bench: Bench, *texts: str) -> list[Count]:
    return list(await asyncio.gather(*(bench.count(text) for text in texts)))


async def test_bedrock_counts_and_is_asked_by_the_base_id_for_what_becomes_tokens(bench: Bench) -> None:
    tools: Any = {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "object"}}}}]}
    count = await bench.count(
        "[[count:4321]]", system=[{"text": "s"}], toolConfig=tools, inferenceConfig={"maxTokens": 5}
    )
    assert count == Count(4321, is_exact=True)
    assert count.headers == {"x-chatrix-count": "exact"}
    (call,) = bench.calls()
    assert call.model_id == "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert set(call.body["input"]["converse"]) == {"messages", "system", "toolConfig"}


async def test_what_is_sent_are_the_members_that_botocore_knows() -> None:
    assert set(COUNTED_MEMBERS) == set(shape("ConverseTokensRequest")["members"])


@pytest.mark.parametrize("name", ["claude-opus-4-7", "claude-opus-5-5", "claude-sonnet-5", "claude-haiku-5-5"])
async def test_a_model_that_cannot_be_counted_is_never_asked(bench: Bench, name: str) -> None:
    counts = await asyncio.gather(*(bench.count(f"hello {number}", name) for number in range(30)))
    assert {count.headers["x-chatrix-count"] for count in counts} == {"estimate"}
    assert bench.calls() == []


async def test_the_same_text_is_counted_for_each_model(bench: Bench) -> None:
    for name in ("claude-sonnet-4-5", "claude-opus-4-5", "claude-sonnet-4-5"):
        assert (await bench.count("hello", name)).is_exact
    assert [call.model_id for call in bench.calls()] == [
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-opus-4-5-20251101-v1:0",
    ]


async def test_thirty_at_once_wait_for_the_first_and_then_go_a_few_at_a_time(bench: Bench) -> None:
    counts = await burst(bench, *(f"[[count:delay 0.02]][[count:{100 + number}]]" for number in range(30)))
    assert counts == [Count(100 + number, is_exact=True) for number in range(30)]
    first, *others = sorted(bench.calls(), key=lambda call: call.started)
    assert len(others) == 29
    assert first.ended is not None
    assert all(call.started >= first.ended for call in others)
    assert most_at_once(bench) <= CALLS_AT_ONCE


def most_at_once(bench: Bench) -> int:
    calls = bench.calls()
    return max(sum(call.started <= at.started < (call.ended or 0) for call in calls) for at in calls)


async def test_thirty_equal_requests_are_one_call_and_later_ones_none(bench: Bench) -> None:
    counts = await burst(bench, *["[[count:777]]"] * 30)
    assert counts == [Count(777, is_exact=True)] * 30
    assert await bench.count("[[count:777]]") == Count(777, is_exact=True)
    assert len(bench.calls()) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        UNSUPPORTED,
        "[[count:error AccessDeniedException User: arn:aws:sts::123456789012:assumed-role/x is not authorized]]",
        "[[count:error ResourceNotFoundException Could not resolve the foundation model]]",
        "[[count:error ValidationException The provided model identifier is invalid.]]",
        "[[count:error ValidationException Invocation of model ID x with on-demand throughput isn't supported.]]",
    ],
)
async def test_a_model_that_refuses_to_be_counted_is_asked_once_and_again_much_later(
    bench: Bench, refusal: str
) -> None:
    counts = await burst(bench, *(f"{refusal} {number}" for number in range(30)))
    assert not any(count.is_exact for count in counts)
    assert all(count.tokens > 0 for count in counts)
    assert len(bench.calls()) == 1
    bench.time.monotonic += UNABLE_SECONDS - 1
    assert not (await bench.count("[[count:5]]")).is_exact
    assert len(bench.calls()) == 1
    bench.time.wall += UNABLE_SECONDS + 1  # the monotonic clock may have stood still
    assert await bench.count("[[count:5]]") == Count(5, is_exact=True)


async def test_one_model_that_cannot_be_counted_says_nothing_about_another(bench: Bench) -> None:
    assert not (await bench.count(UNSUPPORTED, "claude-opus-4-5")).is_exact
    assert (await bench.count("hello", "claude-sonnet-4-6")).is_exact


@pytest.mark.parametrize(
    "trouble",
    [
        "[[count:error ThrottlingException Too many requests, please wait before trying again.]]",
        "[[count:error ServiceUnavailableException ]]",
        "[[count:error InternalServerException ]]",
        "[[count:error ExpiredTokenException The security token included in the request is expired]]",
    ],
)
async def test_after_a_trouble_of_the_moment_bedrock_is_left_alone_for_a_moment(bench: Bench, trouble: str) -> None:
    counts = await burst(bench, *(f"{trouble} {number}" for number in range(30)))
    assert not any(count.is_exact for count in counts)
    assert len(bench.calls()) == 1
    bench.time.monotonic += PAUSE_SECONDS + 0.1
    assert (await bench.count("hello")).is_exact


async def test_a_throttle_in_the_middle_stops_the_burst(bench: Bench) -> None:
    assert (await bench.count("hello")).is_exact
    refusal = "[[count:delay 0.02]][[count:error ThrottlingException ]]"
    counts = await burst(bench, *(f"{refusal} {number}" for number in range(30)))
    assert not any(count.is_exact for count in counts)
    assert len(bench.calls()) <= 1 + CALLS_AT_ONCE


async def test_bedrock_that_hangs_keeps_nobody_waiting_for_long(bench: Bench) -> None:
    began = real_time.monotonic()
    counts = await burst(bench, *(f"[[count:hang]] {number}" for number in range(30)))
    assert real_time.monotonic() - began < TURN_SECONDS + ANSWER_SECONDS
    assert not any(count.is_exact for count in counts)
    assert len(bench.calls()) == 1
    began = real_time.monotonic()
    assert not (await bench.count("hello")).is_exact
    assert real_time.monotonic() - began < TURN_SECONDS
    await bench.simulator.wait_until_idle()


async def test_when_the_one_who_asks_hangs_up_the_next_in_line_asks(bench: Bench) -> None:
    first = asyncio.create_task(bench.count("[[count:hang]]"))
    await bench.simulator.wait_until(lambda: len(bench.calls()) == 1)
    second = asyncio.create_task(bench.count("[[count:12]]"))
    await asyncio.sleep(TURN_SECONDS / 10)
    first.cancel()
    assert await second == Count(12, is_exact=True)
    await bench.simulator.wait_until_idle()


async def test_a_refusal_of_one_request_is_about_that_request(bench: Bench) -> None:
    assert not (await bench.count("[[count:error ValidationException messages.0: too odd]]")).is_exact
    assert (await bench.count("hello")).is_exact
    assert len(bench.calls()) == 2


async def test_a_request_too_long_to_arrive_in_time_is_not_sent(bench: Bench) -> None:
    count = await bench.count("x" * 5_000_000)
    assert not count.is_exact
    assert count.tokens > 1_000_000
    assert bench.calls() == []


async def test_what_bedrock_does_not_count_is_added_and_makes_it_an_estimate(bench: Bench) -> None:
    request: Any = {"messages": [{"role": "user", "content": [{"text": "[[count:1000]]"}]}], "outputConfig": FORMAT}
    count = await bench.count_request(request)
    assert count == Count(1000 + estimate_output_format(request), is_exact=False)
    assert "outputConfig" not in bench.calls()[0].body["input"]["converse"]


async def test_exact_counts_correct_the_estimates_that_come_after_them(bench: Bench) -> None:
    text = "x" * 7000
    request: Any = {"messages": [{"role": "user", "content": [{"text": text}]}]}
    plain = estimate_input_tokens(request, model())
    for number in range(5):
        await bench.count(f"[[count:{2 * plain}]]{text}{number}")
    await bench.count(UNSUPPORTED)
    assert (await bench.count(text)).tokens > 1.5 * plain


async def test_a_request_is_read_in_a_thread_when_it_is_long(bench: Bench) -> None:
    request: Any = {"messages": [{"role": "user", "content": [{"text": "[[count:6]]"}]}]}
    assert await bench.count_request(request, is_long=True) == Count(6, is_exact=True)


@asynccontextmanager
async def served(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Something else than the simulator, at the address of Bedrock."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_region_that_refuses_the_betas_counts_without_them_and_is_not_asked_with_them_again() -> None:
    asked: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        fields = (await request.json())["input"]["converse"].get("additionalModelRequestFields")
        asked.append(fields)
        if "anthropic_beta" in (fields or {}):
            refusal = {"message": "The model returned the following errors: invalid beta flag"}
            return web.json_response(refusal, status=400, headers={"x-amzn-errortype": "ValidationException"})
        return web.json_response({"inputTokens": 70 + len(asked)})

    def request(text: str) -> Any:
        fields = {"top_k": 3, "anthropic_beta": ["context-1m-2025-08-07"]}
        return {"messages": [{"role": "user", "content": [{"text": text}]}], "additionalModelRequestFields": fields}

    time = Time()
    without_betas = WithoutBetas({"top_k": 3}, (), ())
    async with served(answer) as url, open_counter(url, time) as counter:
        for tokens, text in ((72, "first"), (73, "second")):
            count = await count_request(counter, request(text), without_betas=without_betas)
            assert count == Count(tokens, is_exact=True)
        assert ["anthropic_beta" in fields for fields in asked] == [True, False, False]
        time.wall += TTL_SECONDS + 1
        await count_request(counter, request("later"), without_betas=WithoutBetas({}, (), ()))
        assert asked[3:] == [request("later")["additionalModelRequestFields"], None]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>proxy</html>"),
        (200, b"[]"),
        (200, b'{"inputTokens": "7"}'),
        (200, b'{"inputTokens": -1}'),
        (200, b'{"inputTokens": true}'),
        (200, b"{}"),
        (302, b""),
        (400, b"not json"),
        (404, b"<html>"),
        (502, b""),
    ],
)
async def test_an_answer_that_is_no_count_gives_an_estimate(status: int, body: bytes) -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, body=body, headers={"location": "/elsewhere"} if status == 302 else {})

    request: Any = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
    async with served(answer) as url, open_counter(url, Time()) as counter:
        count = await count_request(counter, request)
    assert count == Count(estimate_input_tokens(request, model()), is_exact=False)


async def test_bedrock_out_of_reach_gives_an_estimate() -> None:
    async with open_counter("http://127.0.0.1:9", Time()) as counter:
        request: Any = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
        assert not (await count_request(counter, request)).is_exact


async def test_memory_of_counts_is_bounded(bench: Bench) -> None:
    """By number; what is kept of a request is a hash."""
    secret = "a-word-that-nobody-else-says"
    await bench.count(f"[[count:9]] {secret}")
    assert secret.encode() not in repr(vars(bench.counter)).encode()
    assert orjson.dumps([len(key) for key in bench.counter._known]) == b"[32]"
