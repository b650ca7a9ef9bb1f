"""A recorded answer of Bedrock's, broken at every byte: no broken answer is ever passed off as whole.

It is cut at every byte, with four kinds of end, and each of its bits is flipped, one a request, through a real gateway
process over sockets. What is whole in spite of its end is stated exactly:

- everything that Bedrock said has arrived, whatever became of the connection behind it;
- the HTTP body ends tidily right behind `messageStop`, the last word on the answer: only its token counts are missing.
  A connection that breaks at that place is an error all the same: more was announced.

Everything else is an `error` event, or an error status where nothing had been sent. What was delivered before it is a
true beginning of the recorded answer. Where no connection breaks it is all that came before the damage; a break drops
what was received and not yet read.

Quick: the smallest answer that was recorded byte for byte. Long: all recordings, and both kinds of HTTP framing.
"""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal

import pytest

from gateway.protocol.payloads import decode_blob
from gateway.simulator import LOCAL_API_KEY
from tests.faults.logged_gateway import LoggedGateway, serving
from tests.faults.raw_bedrock import RawAnswer, RawBedrock, in_chunks, open_raw_bedrock, until_close, with_length
from tests.support.anthropic_stream import read_stream, split_events
from tests.support.gateway import asking
from tests.support.recordings import Recording, recordings

CONNECTIONS: Final = 16
ANSWER_SECONDS: Final = 20.0
PIECE_BYTES: Final = 64
# Not streamed there is one answer more to look at for so many streamed ones.
NOT_STREAMED_EVERY: Final = 8
BITS: Final = 8
# Of one recording; all of them together take about an hour on two cores.
LONG_SECONDS: Final = 7200

# How the bytes end. `tidy`: the HTTP body ends there, and says so. `fin`, `rst`: the connection does, and more was
# announced. `close`: nothing was announced, and the end of the connection is all there is.
CutEnd = Literal["tidy", "fin", "rst", "close"]
CUT_ENDS: Final[tuple[CutEnd, ...]] = ("tidy", "fin", "rst", "close")
Framing = Literal["length", "chunks"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recording" in metafunc.fixturenames:
        played = recordings() if metafunc.config.getoption("--long") else [smallest()]
        metafunc.parametrize("recording", played, ids=[recording.name for recording in played])


def smallest() -> Recording:
    """Of those that hold a text."""
    return min((each for each in recordings() if each.as_recorded), key=lambda each: len(each.wire))


# --- what was recorded


def frame_ends(recording: Recording) -> list[int]:
    ends, at = [], 0
    while at < len(recording.wire):
        at += struct.unpack_from(">I", recording.wire, at)[0]
        ends.append(at)
    assert len(ends) == len(recording.frames)
    return ends


def said_by(frames: Iterable[dict[str, Any]]) -> str:
    """The content of these frames, in the order it was said, blocks and kinds kept apart."""
    said, last = "", None
    for frame in frames:
        payload = frame["payload"]
        index = payload.get("contentBlockIndex")
        for kind, text in _pieces(payload.get("start") or payload.get("delta") or {}):
            said += text if (index, kind) == last else f"\0{kind}\0{text}"
            last = (index, kind)
    return said


def _pieces(member: dict[str, Any]) -> Iterator[tuple[str, str]]:
    match member:
        case {"text": str(text)}:
            yield "text", text
        case {"toolUse": {"name": str(name)}}:
            yield "tool", name
        case {"toolUse": {"input": str(text)}}:
            yield "input", text
        case {"reasoningContent": {"text": str(text)}}:
            yield "thinking", text
        case {"reasoningContent": {"signature": str(text)}}:
            yield "signature", text
        case {"reasoningContent": {"redactedContent": str(blob)}}:
            yield "redacted", decode_blob(blob).decode()
        case {} if not member:
            return
        case _:
            raise AssertionError(f"a recording says something that this test does not know: {member}")


# --- what was delivered

DELTAS: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("input", "partial_json"),
}


def said_in(stream: bytes) -> str:
    """The same of what a client was sent."""
    said, last = "", None
    for _, event in split_events(stream):
        pieces: list[tuple[str, str]] = []
        if event["type"] == "content_block_start":
            block = event["content_block"]
            pieces += [("tool", block["name"])] if block["type"] == "tool_use" else []
            pieces += [("redacted", block["data"])] if block["type"] == "redacted_thinking" else []
        elif event["type"] == "content_block_delta":
            kind, member = DELTAS[event["delta"]["type"]]
            pieces.append((kind, event["delta"][member]))
        for kind, text in pieces:
            said += text if (event["index"], kind) == last else f"\0{kind}\0{text}"
            last = (event["index"], kind)
    return said


# --- the cases


@dataclass(frozen=True, slots=True)
class Case:
    """`before`: what stands whole before the damage. `breaks`: the connection does, and less may be delivered."""

    name: str
    answer: RawAnswer
    before: str
    breaks: bool = False
    whole: Literal["never", "always", "perhaps"] = "never"


def cuts(recording: Recording, framings: Sequence[Framing]) -> Iterator[Case]:
    """At every byte, and behind the last one."""
    ends = frame_ends(recording)
    for position in range(len(recording.wire) + 1):
        before = said_by(recording.frames[: sum(end <= position for end in ends)])
        for end in CUT_ENDS:
            for framing in framings if end != "close" else framings[:1]:
                name = f"cut {position} {end} {framing}"
                answer = cut(recording.wire, position, end, framing)
                breaks = end in ("fin", "rst")
                yield Case(name, answer, before, breaks, wholeness(recording, position, end))


def cut(wire: bytes, position: int, end: CutEnd, framing: Framing) -> RawAnswer:
    sent = wire[:position]
    if end == "close":
        return RawAnswer(until_close(sent), "fin")
    if framing == "length":
        # One byte more than there is: the end of the connection is never the end of the body.
        announced = None if end == "tidy" else len(wire) + 1
        return RawAnswer(with_length(sent, announced), "keep" if end == "tidy" else end)
    pieces = [sent[at : at + PIECE_BYTES] for at in range(0, len(sent), PIECE_BYTES)]
    return RawAnswer(in_chunks(*pieces, ended=end == "tidy"), "keep" if end == "tidy" else end)


def wholeness(recording: Recording, position: int, end: CutEnd) -> Literal["never", "always", "perhaps"]:
    """The promise of this file."""
    announced = end in ("fin", "rst")
    if position == len(recording.wire):
        return "perhaps" if announced else "always"
    return "always" if position == behind_message_stop(recording) and not announced else "never"


def behind_message_stop(recording: Recording) -> int:
    return next(
        end
        for end, frame in zip(frame_ends(recording), recording.frames, strict=True)
        if frame["headers"][":event-type"] == "messageStop"
    )


def flips(recording: Recording) -> Iterator[Case]:
    """Every bit. Whatever it means, the frame that holds it and all behind it are worth nothing."""
    ends = frame_ends(recording)
    for position in range(len(recording.wire)):
        before = said_by(recording.frames[: sum(end <= position for end in ends)])
        for bit in range(BITS):
            yield Case(f"flip {position} {bit}", RawAnswer(with_length(flip(recording.wire, position, bit))), before)


def flip(wire: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(wire)
    changed[position] ^= 1 << bit
    return bytes(changed)


# --- playing them


class Client:
    """One kept connection to the gateway. Reads answers byte by byte, so that their proper end is seen."""

    def __init__(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, prompt: str, *, stream: bool) -> tuple[int, bytes]:
        """Status and body."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        body = json.dumps(asking(prompt, stream=stream)).encode()
        self._writer.write(
            b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (LOCAL_API_KEY.encode(), len(body), body)
        )
        async with asyncio.timeout(ANSWER_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            status = int(head.split(b" ", 2)[1])
            answer = await self._body(self._reader, head)
        if b"\r\nconnection: close\r\n" in head:
            await self.aclose()
        return status, answer

    @staticmethod
    async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
        _, stated, rest = head.partition(b"\r\ncontent-length: ")
        if stated:
            return await reader.readexactly(int(rest.partition(b"\r\n")[0]))
        assert b"\r\ntransfer-encoding: chunked\r\n" in head, head
        pieces = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            pieces.append((await reader.readexactly(size + 2))[:size])
        assert await reader.readexactly(2) == b"\r\n"
        return b"".join(pieces)

    async def aclose(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
            await writer.wait_closed()


class Stage:
    """The gateway, the Bedrock behind it, and the cases being played, by their names, which are the prompts."""

    def __init__(self, gateway: LoggedGateway, bedrock: RawBedrock) -> None:
        self._gateway = gateway
        self._bedrock = bedrock
        self._playing: dict[str, Case] = {}
        bedrock.answer_to = lambda prompt: self._playing[prompt].answer

    async def play(self, cases: Iterable[Case]) -> int:
        """Each streamed, some of them not. How many requests that took."""
        before = self._bedrock.calls
        waiting = enumerate(cases)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._play_some(waiting)) for _ in range(CONNECTIONS)]
        played = sum(task.result() for task in tasks)
        # Nothing was asked twice: an event had come, or an answer had begun.
        assert self._bedrock.calls - before == played
        return played

    async def _play_some(self, waiting: Iterator[tuple[int, Case]]) -> int:
        played = 0
        async with aclosing(Client(self._gateway.url)) as client:
            for number, case in waiting:
                self._playing[case.name] = case
                check_stream(case, *await client.ask(case.name, stream=True))
                played += 1
                if number % NOT_STREAMED_EVERY == 0:
                    check_message(case, *await client.ask(case.name, stream=False))
                    played += 1
                del self._playing[case.name]
        return played


def check_stream(case: Case, status: int, body: bytes) -> None:
    if status != 200:
        check_error(case, status, body)
        assert case.breaks or not case.before, f"{case.name}: what came before the damage was not delivered"
        return
    reply, said = read_stream(body), said_in(body)
    assert case.before.startswith(said), f"{case.name}: {said!r} is no beginning of {case.before!r}"
    if not case.breaks:
        assert said == case.before, f"{case.name}: {said!r} is not all of {case.before!r}"
    if reply.whole:
        assert case.whole != "never", f"{case.name}: a broken answer was passed off as whole"
        assert said == case.before
    else:
        assert case.whole != "always", f"{case.name}: {reply.error}"
        assert reply.error is not None, f"{case.name}: neither whole nor an error"


def check_message(case: Case, status: int, body: bytes) -> None:
    if status != 200:
        check_error(case, status, body)
        return
    assert case.whole != "never", f"{case.name}: a broken answer was passed off as whole"
    assert json.loads(body)["stop_reason"]


def check_error(case: Case, status: int, body: bytes) -> None:
    assert case.whole != "always", f"{case.name}: {body!r}"
    assert 400 <= status < 600, case.name
    assert json.loads(body)["type"] == "error", case.name


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with (
        open_raw_bedrock(lambda _: RawAnswer(b"")) as bedrock,
        serving(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url, LOG_LEVEL="ERROR") as gateway,
    ):
        yield Stage(gateway, bedrock)


async def test_an_unbroken_recording_is_delivered_whole(stage: Stage, recording: Recording) -> None:
    """Without this the others would prove nothing."""
    said = said_by(recording.frames)
    assert len(said) > 20
    answers = (RawAnswer(with_length(recording.wire)), RawAnswer(in_chunks(recording.wire)))
    assert await stage.play(Case(f"{number}", answer, said, whole="always") for number, answer in enumerate(answers))


@pytest.mark.timeout(LONG_SECONDS)
async def test_an_answer_cut_at_any_byte_is_an_error_behind_a_true_beginning(
    stage: Stage, recording: Recording, long_mode: bool
) -> None:
    framings: Sequence[Framing] = ("chunks", "length") if long_mode else ("chunks",)
    played = await stage.play(cuts(recording, framings))
    assert played >= (len(recording.wire) + 1) * len(CUT_ENDS)


@pytest.mark.timeout(LONG_SECONDS)
async def test_no_flipped_bit_is_ever_delivered(stage: Stage, recording: Recording) -> None:
    played = await stage.play(flips(recording))
    assert played >= len(recording.wire) * BITS
