"""Bedrock fails inside its answer: every row of the fault matrix, streamed and not, at a real process.

A stream that had begun ends with what was said so far, one `error` event and the proper end of the HTTP body; never
with `message_stop`. The same fault in an answer that is not streamed is an error status: there is no half of a message.
In both Bedrock is asked once, and its connection is closed.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest

from gateway.protocol.eventstream import encode_event
from tests.faults.failures import FORBIDDEN, STREAMED, TELLTALE, beginning_of, serving_raw
from tests.faults.logged_gateway import Answer, LoggedGateway, serving
from tests.faults.raw_bedrock import RawAnswer, in_chunks
from tests.support.anthropic_stream import read_stream

MIB: Final = 2**20
SAID: Final = 5
NUMBERS: Final = f"[[seq:{SAID}]]"
# What comes behind the fault and must never be seen. It is slow, so that its end is never there in time.
REST: Final = "[[say:NEVER SEEN]][[silence:30]][[say:NEVER SEEN]]"


@dataclass(frozen=True, slots=True)
class Row:
    """`status` and `type` are those of the error; a stream that had begun keeps its 200."""

    name: str
    script: str
    fault: str
    type: str = "api_error"
    status: int = 500

    def __str__(self) -> str:
        return self.name


def exception(name: str, kind: str, status: int) -> Row:
    return Row(name, f"[[exc:{name} {TELLTALE}]]", "stream_error", kind, status)


EXCEPTIONS: Final = (
    exception("internalServerException", "api_error", 500),
    exception("modelStreamErrorException", "api_error", 500),
    exception("validationException", "invalid_request_error", 400),
    exception("throttlingException", "rate_limit_error", 429),
    exception("serviceUnavailableException", "overloaded_error", 529),
    # From the future, and of message-type `error`.
    exception("somethingNewException", "api_error", 500),
    Row("message-type error", f"[[errormsg:InternalServerException {TELLTALE}]]", "stream_error"),
)
CUTS: Final = (
    Row("FIN inside a frame", "[[cut:fin]]", "stream_cut"),
    Row("RST inside a frame", "[[cut:rst]]", "stream_cut"),
    Row("tidy end inside a frame", "[[cut:clean]]", "stream_truncated"),
    Row("tidy end between frames", "[[cut:boundary]]", "stream_truncated"),
    Row("all but messageStop", "[[nostop]]", "stream_truncated"),
    Row("neither messageStop nor metadata", "[[nostop]][[nometa]]", "stream_truncated"),
)
DAMAGES: Final = (
    Row("message CRC", "[[crc]]", "stream_corrupt"),
    Row("prelude CRC", "[[crc:prelude]]", "stream_corrupt"),
    Row("broken headers", "[[crc:headers]]", "stream_corrupt"),
    Row("random bytes", "[[garbage:64]]", "stream_corrupt"),
    Row("broken JSON", "[[badjson]]", "stream_corrupt"),
    Row("frame of 1 GiB", f"[[hugeframe:{2**30}]]", "frame_too_big"),
    Row("frame of 4 GiB", f"[[hugeframe:{2**32 - 1}]]", "frame_too_big"),
)


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[LoggedGateway]:
    async with serving() as gateway:
        assert (await gateway.ask("[[say:ok]]")).status == 200
        yield gateway


def check_failure(answer: Answer, row: Row, *, stream: bool, said: str) -> None:
    assert answer.error["type"] == row.type, answer.error
    assert not FORBIDDEN.search(answer.error["message"]), answer.error
    assert answer.line["fault"] == row.fault
    assert answer.line["upstream_calls"] == 1
    assert "stop_reason" not in answer.line or row.fault != "stream_truncated"
    if not stream:
        assert answer.status == answer.line["status"] == row.status
        assert answer.headers["content-type"] == "application/json"
        return
    assert answer.status == 200
    reply = read_stream(answer.body)
    assert reply.text == said
    assert not reply.whole
    assert reply.delta is None
    assert b"NEVER SEEN" not in answer.body


def numbers(count: int) -> str:
    return "".join(f"{number} " for number in range(count))


@STREAMED
@pytest.mark.parametrize("row", [*EXCEPTIONS, *CUTS], ids=str)
async def test_an_answer_that_breaks_off_is_what_was_said_and_an_error(
    served: LoggedGateway, row: Row, stream: bool
) -> None:
    began = served.now()
    answer = await served.ask(NUMBERS + row.script, stream=stream)
    check_failure(answer, row, stream=stream, said=numbers(SAID))
    await served.simulator.wait_until_idle()
    assert len(served.calls(began)) == 1


@STREAMED
@pytest.mark.parametrize("row", DAMAGES, ids=str)
async def test_nothing_behind_damage_is_delivered_and_its_connection_is_closed_at_once(
    served: LoggedGateway, row: Row, stream: bool
) -> None:
    """Bedrock has more to say, and would go on for half a minute."""
    accepted, began = served.simulator.connections_accepted, served.now()
    async with asyncio.timeout(10):
        answer = await served.ask(NUMBERS + row.script + REST, stream=stream)
        await served.simulator.wait_until_idle()
    check_failure(answer, row, stream=stream, said=numbers(SAID))
    (exchange,) = served.calls(began)
    assert exchange.outcome == "client_gone"
    # Nobody uses that connection again: the next request makes one.
    assert (await served.ask("[[say:ok]]")).status == 200
    assert served.simulator.connections_accepted == accepted + 1


@STREAMED
@pytest.mark.parametrize("row", EXCEPTIONS[:5], ids=str)
async def test_an_exception_as_the_first_frame_is_an_error_status(
    served: LoggedGateway, row: Row, stream: bool
) -> None:
    began = served.now()
    answer = await served.ask(f"[[firstexc:{row.name} {TELLTALE}]]", stream=stream)
    assert (answer.status, answer.error["type"]) == (row.status, row.type)
    assert answer.headers["content-type"] == "application/json"
    assert not FORBIDDEN.search(answer.error["message"])
    assert (answer.line["fault"], answer.line["upstream_calls"]) == (row.fault, 1)
    assert len(served.calls(began)) == 1


async def test_thinking_and_a_tool_call_that_break_off_are_never_whole(served: LoggedGateway) -> None:
    """A client would run a tool whose arguments happen to be JSON already."""
    tools = [{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}]
    for script in ("[[think:deep]]", '[[tool:Bash {"command": "ls"}]]'):
        for fault in ("[[cut:rst]]", "[[cut:boundary]]", "[[crc]]", "[[exc:throttlingException]]"):
            reply = read_stream((await served.ask(script + fault, tools=tools, stream=True)).body)
            assert reply.error is not None
            assert not reply.whole
            assert reply.delta is None
            assert (await served.ask(script + fault, tools=tools)).status in (429, 500)


# --- what is odd, and no fault

WHOLE: Final = {
    "unknown events": ("[[say:a]][[unknown]][[say:b]]", "ab"),
    "empty deltas": ("[[say:a]][[emptydelta]][[emptydelta]]", "a"),
    "no metadata": ("[[say:a]][[nometa]]", "a"),
    "no contentBlockStop": ("[[say:a]][[noblockstop]]", "a"),
    "pieces of one byte": ("[[split:1]][[seq:40]]", numbers(40)),
    "pieces of any size": ("[[split:random]][[seq:400]]", numbers(400)),
    "deltas of one character": ("[[chunk:1]][[say:häßlich 😀]]", "häßlich 😀"),
}


@STREAMED
@pytest.mark.parametrize("oddity", WHOLE)
async def test_what_is_odd_and_no_fault_leaves_the_answer_whole(
    served: LoggedGateway, oddity: str, stream: bool
) -> None:
    script, text = WHOLE[oddity]
    answer = await served.ask(script, stream=stream)
    assert answer.status == 200
    assert "fault" not in answer.line
    assert ("unknown_events" in answer.line) == (oddity == "unknown events")
    if stream:
        reply = read_stream(answer.body)
        assert reply.whole
        assert reply.text == text
    else:
        message = json.loads(answer.body)
        assert "".join(block["text"] for block in message["content"]) == text
        assert message["stop_reason"] == "end_turn"


async def test_a_tool_call_cut_by_the_token_limit_says_so(served: LoggedGateway) -> None:
    tools = [{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}]
    reply = read_stream((await served.ask("[[toolshort]]", tools=tools, stream=True)).body)
    assert reply.whole
    assert reply.delta is not None
    assert reply.delta["stop_reason"] == "max_tokens"
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.blocks[0]["partial_json"])


async def test_silence_in_an_answer_is_filled_with_pings_and_silence_for_good_ends_it() -> None:
    async with serving(CHATRIX_PING_SECONDS="0.1", CHATRIX_IDLE_TIMEOUT_SECONDS="1") as gateway:
        reply = read_stream((await gateway.ask(f"{NUMBERS}[[silence:0.6]][[say:b]]", stream=True)).body)
        assert reply.whole
        assert reply.pings >= 3
        assert reply.text == numbers(SAID) + "b"
        for stream in (True, False):
            answer = await gateway.ask(f"{NUMBERS}[[silence:30]]", stream=stream)
            check_failure(answer, Row("", "", "stream_idle", "timeout_error", 504), stream=stream, said=numbers(SAID))
            async with asyncio.timeout(5):
                await gateway.simulator.wait_until_idle()


async def test_an_answer_that_never_ends_is_ended() -> None:
    """Each delta is in time, and there is no last one."""
    async with serving(CHATRIX_TOTAL_TIMEOUT_SECONDS="1") as gateway:
        for stream in (True, False):
            answer = await gateway.ask("[[pace:0.05]][[seq:1000]]", stream=stream)
            assert answer.error["type"] == "timeout_error"
            assert answer.line["fault"] == "total_timeout"
            assert answer.status == (200 if stream else 504)
            assert answer.line["total_ms"] < 5000
            async with asyncio.timeout(5):
                await gateway.simulator.wait_until_idle()


HUGE_FRAMES: Final = 24


async def test_frames_that_announce_gigabytes_take_no_memory() -> None:
    async with serving() as gateway:
        # What it takes to be at work at all: buffers, caches.
        for _ in range(HUGE_FRAMES):
            assert (await gateway.ask("[[flood:50 4000]]", stream=True)).status == 200
        before = gateway.memory_bytes()
        scripts = [f"{NUMBERS}[[hugeframe:{size}]][[flood:300 4000]]" for size in (2**30, 2**32 - 1)]
        answers = await asyncio.gather(*(gateway.ask(script, stream=True) for script in scripts * (HUGE_FRAMES // 2)))
        grown = gateway.memory_bytes() - before
    assert {answer.line["fault"] for answer in answers} == {"frame_too_big"}
    assert grown < 8 * MIB


# In place of the next chunk: what a proxy writes into an answer when it loses its own upstream, and plain nonsense.
BROKEN_HTTP: Final = {
    "another answer": b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
    "no size": b"zz\r\n",
    "a chunk longer than its size": b"1\r\nabcdef\r\n0\r\n\r\n",
}


@STREAMED
@pytest.mark.parametrize("nonsense", BROKEN_HTTP)
async def test_http_that_breaks_inside_the_answer_ends_it_at_once(nonsense: str, stream: bool) -> None:
    """aiohttp closes such a connection, and leaves whoever reads the body waiting, without a timer."""
    broken = RawAnswer(in_chunks(beginning_of("so far"), ended=False), "hold", late=BROKEN_HTTP[nonsense])
    async with serving_raw(lambda _: broken) as (gateway, bedrock):
        async with asyncio.timeout(5):
            answer = await gateway.ask("x", stream=stream)
            await bedrock.wait_until(lambda: bedrock.open_connections == 0)
    if stream:
        reply = read_stream(answer.body)
        assert not reply.whole
        assert reply.text == "so far"
    assert answer.error["type"] == "api_error"
    assert answer.status == (200 if stream else 500)
    assert answer.line["fault"] in ("stream_cut", "stream_corrupt")


async def test_a_damaged_length_is_an_error_at_once_and_not_after_a_silence() -> None:
    """A frame that seems longer than it is would be waited for: only the checksum of its prelude tells in time."""
    longer = bytearray(encode_event("contentBlockStop", b'{"contentBlockIndex":0}'))
    longer[1] ^= 1
    damaged = RawAnswer(in_chunks(beginning_of("so far"), bytes(longer), ended=False), "hold")
    async with serving_raw(lambda _: damaged) as (gateway, _):
        async with asyncio.timeout(5):
            answer = await gateway.ask("x", stream=True)
    check_failure(answer, Row("", "", "stream_corrupt"), stream=True, said="so far")
