"""How an answer travels: at once, whole or as an error, with pings in silence."""

import asyncio
import json
import time

import aiohttp
import pytest

from tests.support.anthropic_stream import read_stream, split_events
from tests.support.gateway import Gateway, asking, run_both


async def streamed(gateway: Gateway, text: str, **changes: object) -> bytes:
    async with gateway.post(asking(text, stream=True, **changes)) as response:
        assert response.status == 200, await response.text()
        return await response.read()


async def test_a_streamed_answer_has_the_headers_that_keep_it_flowing(gateway: Gateway) -> None:
    async with gateway.post(asking("[[say:hello]]", stream=True)) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["request-id"].startswith("req_")
        assert response.headers["x-amzn-requestid"]
        assert "content-encoding" not in response.headers
        reply = read_stream(await response.read())
    assert reply.text == "hello"
    assert reply.whole


@pytest.mark.parametrize("stream", [False, None], ids=["false", "absent"])
async def test_without_stream_the_answer_is_one_message(gateway: Gateway, stream: bool | None) -> None:
    changes = {} if stream is None else {"stream": stream}
    async with gateway.post(asking("[[say:hello]]", **changes)) as response:
        assert response.content_type == "application/json"
        assert response.headers["x-amzn-requestid"]
        message = await response.json()
    assert message["content"] == [{"type": "text", "text": "hello"}]
    assert message["stop_reason"] == "end_turn"
    assert message["model"] == "claude-sonnet-4-5"


@pytest.mark.parametrize(
    "text",
    [
        "[[say:hello]]",
        "[[think:let me see]][[say:hello]]",
        "[[redacted:EtkE==]][[say:hello]]",
        '[[say:I run it]][[tool:Bash {"command": "ls", "n": [1, {"a": null}]}]]',
        "[[say:cut]][[stop:max_tokens]]",
        "[[say:no]][[stop:content_filtered]]",
        '[[say:a]][[usage:{"inputTokens": 7, "cacheReadInputTokens": 8, "cacheWriteInputTokens": 9}]]',
    ],
)
async def test_a_whole_answer_says_what_the_streamed_one_says(gateway: Gateway, text: str) -> None:
    tools = [{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}]
    reply = read_stream(await streamed(gateway, text, tools=tools))
    async with gateway.post(asking(text, tools=tools)) as response:
        message = await response.json()
    for block, original in zip(message["content"], reply.blocks, strict=True):
        if block["type"] == "tool_use":
            assert (block["name"], block["input"]) == (original["name"], json.loads(original["partial_json"]))
        else:
            assert block == original
    assert reply.delta is not None
    assert {name: message[name] for name in reply.delta} == reply.delta
    assert reply.usage is not None
    assert reply.usage.items() <= message["usage"].items()


async def test_events_go_out_as_they_come_in(gateway: Gateway) -> None:
    began = time.monotonic()
    async with gateway.post(asking("[[drip:5 0.1]]", stream=True)) as response:
        await response.content.readuntil(b"drip0")
        first = time.monotonic() - began
        await response.content.readuntil(b"drip4")
        last = time.monotonic() - began
        await response.read()
    assert last - first > 0.3
    assert first < last / 2


async def test_silence_is_filled_with_pings() -> None:
    async with run_both(ping_seconds=0.05) as gateway:
        reply = read_stream(await streamed(gateway, "[[say:a]][[silence:0.4]][[say:b]]"))
    assert reply.text == "ab"
    assert reply.pings >= 3


async def test_a_flowing_stream_has_no_pings() -> None:
    async with run_both(ping_seconds=0.2) as gateway:
        reply = read_stream(await streamed(gateway, "[[drip:10 0.05]]"))
    assert reply.pings == 0


async def test_a_late_first_event_commits_to_200_and_pings() -> None:
    async with run_both(commit_seconds=0.1, ping_seconds=0.05) as gateway:
        began = time.monotonic()
        async with gateway.post(asking("[[delay:0.5]][[say:late]]", stream=True)) as response:
            assert response.status == 200
            assert time.monotonic() - began < 0.45
            reply = read_stream(await response.read())
    assert reply.pings >= 2
    assert reply.text == "late"
    assert reply.whole


async def test_an_error_after_the_early_200_is_an_event() -> None:
    async with run_both(commit_seconds=0.05, ping_seconds=0.05) as gateway:
        stream = await streamed(gateway, "[[delay:0.3]][[error:ThrottlingException slow down]]")
    assert [name for name, _ in split_events(stream)][-1] == "error"
    error = read_stream(stream).error
    assert error is not None
    assert error["type"] == "rate_limit_error"


async def test_a_dead_silence_ends_in_an_error() -> None:
    async with run_both(idle_timeout_seconds=0.2) as gateway:
        reply = read_stream(await streamed(gateway, "[[say:a]][[silence:30]]"))
        assert reply.error is not None
        assert reply.error["type"] == "timeout_error"
        async with gateway.post(asking("[[hang]]", stream=True)) as response:
            assert response.status == 504


async def test_a_slow_reader_holds_bedrock_back_and_loses_nothing(gateway: Gateway) -> None:
    count, size = 4000, 4000
    connector = aiohttp.TCPConnector()
    async with (
        aiohttp.ClientSession(connector=connector, read_bufsize=2**14) as session,
        session.post(
            f"{gateway.url}/v1/messages",
            json=asking(f"[[flood:{count} {size}]]", stream=True),
            headers={"x-api-key": gateway.key},
        ) as response,
    ):
        head = await response.content.readuntil(b"content_block_start")
        await asyncio.sleep(0.5)  # buffers fill; nothing may be lost or reordered
        assert gateway.simulator.open_exchanges == 1, "Bedrock must be waiting for the reader"
        reply = read_stream(head + await response.read())
    assert reply.whole
    assert len(reply.text) >= count * size


async def test_many_streams_at_once_do_not_mix(gateway: Gateway) -> None:
    async def ask(number: int) -> None:
        text = f"answer {number} " * 20
        assert read_stream(await streamed(gateway, f"[[pace:0.001]][[say:{text}]]")).text == text

    await asyncio.gather(*(ask(number) for number in range(60)))


async def test_bedrock_connections_are_used_again(gateway: Gateway) -> None:
    assert read_stream(await streamed(gateway, "[[say:a]]")).whole
    before = gateway.simulator.connections_accepted
    for _ in range(5):
        assert read_stream(await streamed(gateway, "[[say:a]]")).whole
    assert gateway.simulator.connections_accepted == before


async def test_what_is_full_refuses_early_with_529() -> None:
    async with run_both(max_streams=1) as gateway:
        async with gateway.post(asking("[[say:a]][[silence:5]]", stream=True)) as first:
            await first.content.readuntil(b"content_block_delta")
            async with gateway.post(asking("[[say:b]]")) as second:
                assert second.status == 529
                assert second.headers["retry-after"] == "1"
                assert (await second.json())["error"]["type"] == "overloaded_error"
