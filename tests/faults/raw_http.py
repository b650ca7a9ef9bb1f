"""Bytes as nobody's HTTP library would send them, and all that comes back until the connection ends.

A library repairs what it is given; whoever abuses a server writes to the socket. Surprising about it: to know that a
gateway says nothing more, `converse` never waits for silence. It sends one harmless last request behind the others that
asks for the connection to be closed. Either that one is answered, and so the bytes before it were read to where their
sender thinks they end, or the gateway has closed the connection before.
"""

import asyncio
import json
from collections.abc import AsyncIterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

# The last request, and how its answer is recognised: nothing else of the gateway answers so.
LAST: Final = b"GET /version HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n"
SECONDS: Final = 15.0
READ_BYTES: Final = 2**16


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """`headers` has lower-case names; of a repeated one the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """Of an answer that must be an error in Anthropic's shape, with the id that its header has."""
        answer = json.loads(self.body)
        assert sorted(answer) == ["error", "request_id", "type"], self.body
        assert answer["type"] == "error"
        assert sorted(answer["error"]) == ["message", "type"]
        assert answer["request_id"] == self.headers["request-id"]
        error: dict[str, Any] = answer["error"]
        return error


@dataclass(frozen=True, slots=True)
class Conversation:
    """All answers on one connection, which the gateway has closed. `raw`: their bytes."""

    answers: list[RawAnswer]
    raw: bytes

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]

    @property
    def in_step(self) -> bool:
        """The last request was read as one, and answered at its place."""
        return bool(self.answers) and self.answers[-1].body.startswith(b'{"version":')


async def converse(url: str, sent: bytes) -> Conversation:
    """Everything that the gateway answers to these bytes, and to the last request behind them."""
    raw = await exchange(url, sent + LAST)
    return Conversation(read_answers(raw), raw)


async def exchange(url: str, sent: bytes) -> bytes:
    """What comes back until the gateway closes the connection, which it must within `SECONDS`."""
    reader, writer = await connect(url)
    received = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            writer.write(sent)
            # Whoever closes with unread bytes before it resets the connection; what it said first still arrives.
            with suppress(ConnectionError):
                while piece := await reader.read(READ_BYTES):
                    received += piece
    finally:
        writer.close()
    return bytes(received)


async def upload(url: str, head: bytes, pieces: AsyncIterable[bytes]) -> tuple[bytes, int]:
    """The answer to a body that is sent piece by piece, and how many bytes of it the gateway let us send."""
    reader, writer = await connect(url)
    answering = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
    sent_bytes = 0
    try:
        async with asyncio.timeout(SECONDS):
            writer.write(head)
            # The answer may come while the body still goes, and ends the sending as it would a client's.
            with suppress(ConnectionError):
                async for piece in pieces:
                    if answering.done():
                        break
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)  # while everything is taken, `drain` lets nothing else run
                    sent_bytes += len(piece)
            return await answering, sent_bytes
    finally:
        answering.cancel()
        writer.close()


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


def read_answers(raw: bytes) -> list[RawAnswer]:
    """Fails for anything but whole answers, one behind the other."""
    answers: list[RawAnswer] = []
    rest = raw
    while rest:
        head, separator, rest = rest.partition(b"\r\n\r\n")
        assert separator, f"not a whole answer: {head[:200]!r}"
        status_line, *lines = head.decode("latin-1").split("\r\n")
        assert status_line.startswith(("HTTP/1.1 ", "HTTP/1.0 ")), status_line
        status = int(status_line.split(" ")[1])
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if status == 100:
            continue
        assert "content-length" in headers, head
        length = int(headers["content-length"])
        assert len(rest) >= length, "the answer is cut"
        answers.append(RawAnswer(status, headers, rest[:length]))
        rest = rest[length:]
    return answers
