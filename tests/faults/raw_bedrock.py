"""A Bedrock that answers with exact bytes and ends as it is told: for what no marker of the simulator can say.

Every answer is chosen by the prompt, so one double serves many requests at once over kept connections.

What is surprising: a reset overtakes bytes that the gateway has received and not yet read. So cuts wait a moment behind
what they follow. No test relies on that moment; it only lets more of the answer be there to be broken.
"""

import asyncio
import json
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

# `keep`: the next request may come. `fin`, `rst`: the connection ends so. `hold`: nothing until the gateway leaves.
End = Literal["keep", "fin", "rst", "hold"]

STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
PAUSE_SECONDS: Final = 0.004
LAST_CHUNK: Final = b"0\r\n\r\n"
_CONTENT_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
# On, and no seconds: close() sends RST and forgets what was unsent.
_LINGER_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What goes over the wire, status line and all; `end` is what becomes of the connection.

    `late` follows `sent` after a moment, in time to be read on its own.
    """

    sent: bytes
    end: End = "keep"
    late: bytes = b""


AnswerTo = Callable[[str], RawAnswer]


def with_length(body: bytes, announced: int | None = None) -> bytes:
    """A stream of a stated length, which may be another one than it has."""
    return b"%bcontent-length: %d\r\n\r\n%b" % (STREAM_HEAD, len(body) if announced is None else announced, body)


def in_chunks(*pieces: bytes, ended: bool = True) -> bytes:
    """A stream in HTTP chunks, as Bedrock sends it; not `ended`: the last chunk, which is the end, is missing."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return STREAM_HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks + (LAST_CHUNK if ended else b"")


def until_close(body: bytes) -> bytes:
    """A stream that has no other end than that of its connection."""
    return STREAM_HEAD + b"connection: close\r\n\r\n" + body


class RawBedrock:
    """`calls` counts requests that came whole; `connections` those that were ever accepted."""

    def __init__(self, answer_to: AnswerTo) -> None:
        self.answer_to = answer_to
        self.port = 0
        self.calls = 0
        self.connections = 0
        self._open: set[asyncio.Transport] = set()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._open)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Looks again whenever a connection or a call has come or gone."""
        while not condition():
            await self._changed.wait()

    def take(self, prompt: str) -> RawAnswer:
        self.calls += 1
        self._notify()
        return self.answer_to(prompt)

    def opened(self, transport: asyncio.Transport) -> None:
        self.connections += 1
        self._open.add(transport)
        self._notify()

    def closed(self, transport: asyncio.Transport) -> None:
        self._open.discard(transport)
        self._notify()

    async def hang_up(self) -> None:
        """All that is still open, as a host does that goes away."""
        for transport in self._open:
            transport.abort()
        await self.wait_until(lambda: not self._open)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class _Connection(asyncio.Protocol):
    """One connection of the gateway. It sends one request at a time and waits for the answer."""

    def __init__(self, bedrock: RawBedrock) -> None:
        self._bedrock = bedrock
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._bedrock.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        assert self._transport is not None
        self._bedrock.closed(self._transport)

    def data_received(self, received: bytes) -> None:
        self._received += received
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _CONTENT_LENGTH.search(head + b"\r\n")
        if not found or length is None or len(body) < int(length[1]):
            return
        self._received = b""
        self._answer(self._bedrock.take(prompt_of(body)))

    def _answer(self, answer: RawAnswer) -> None:
        assert self._transport is not None
        self._transport.write(answer.sent)
        loop = asyncio.get_running_loop()
        if answer.late:
            loop.call_later(PAUSE_SECONDS, self._transport.write, answer.late)
        if answer.end in ("fin", "rst"):
            loop.call_later(PAUSE_SECONDS, self._cut, answer.end)

    def _cut(self, end: End) -> None:
        assert self._transport is not None
        if end == "fin":
            self._transport.close()
            return
        opened: socket.socket | None = self._transport.get_extra_info("socket")
        if opened is not None and not self._transport.is_closing():
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self._transport.abort()


def prompt_of(body: bytes) -> str:
    """The text of the last message of a Converse request."""
    text = json.loads(body)["messages"][-1]["content"][0]["text"]
    assert isinstance(text, str)
    return text


@asynccontextmanager
async def open_raw_bedrock(
    answer_to: AnswerTo, port: int = 0, certificate: ssl.SSLContext | None = None
) -> AsyncIterator[RawBedrock]:
    """`port` 0 takes a free one; a given one is for a Bedrock that comes back. Plain HTTP without a certificate."""
    bedrock = RawBedrock(answer_to)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(bedrock), "127.0.0.1", port, ssl=certificate)
    bedrock.port = server.sockets[0].getsockname()[1]
    try:
        yield bedrock
    finally:
        server.close()
        await bedrock.hang_up()
