"""The chunks of an answer, taken from the connection before aiohttp's parser has them.

That parser calls into Python three times for each HTTP chunk, and its reader wakes a task for it, in another turn of
the event loop. With one event a read that costs more than all that is done with the event. So a `Tap` stands between
the transport and aiohttp's protocol. It passes the head of an answer on, and holds what comes behind that of a stream
until those who wait for the head have been woken: then somebody has taken the body, or aiohttp gets it. The chunks of
a body that was taken are decoded here, and can be given on in the very call that brought them.

aiohttp goes on to own the connection: of such a body its parser gets the last chunk alone, so that it sees an end and
puts the connection back into the pool. Its protocol hears of everything else as before.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from gateway.protocol.eventstream import Frame, FrameDecoder, FrameError

# aiohttp itself takes less.
MAX_HEAD_BYTES: Final = 2**16
# Of a chunk's size with its extensions, which nobody sends.
MAX_SIZE_LINE_BYTES: Final = 256
# Of what came with the head of an answer the chunks up to here are its first events: they go out before the rest is
# looked at. Bedrock sends an event a chunk, of some 150 to 250 bytes; a message's start, then its first delta.
FIRST_BYTES: Final = 300
# Frames that wait to be read: beyond it nothing more is taken from the system.
WAITING_BYTES: Final = 2**16
HEAD_END: Final = b"\r\n\r\n"
# In lower case, and as everybody writes it. What is written in another way aiohttp reads.
OK: Final = b"http/1.1 200"
CHUNKED: Final = b"\r\ntransfer-encoding: chunked\r\n"
LINE_END: Final = b"\r\n"
HEX_DIGITS: Final = b"0123456789abcdefABCDEF"
NO_SIZE: Final = "A chunk of the body has no size."

Sink = Callable[[list[Frame]], bool]


class ChunkError(Exception):
    """What came is not a chunk."""


class Tap(asyncio.Protocol):
    """One for each connection, for as long as it lives."""

    def __init__(self, protocol: ResponseHandler) -> None:
        self._protocol = protocol
        self._head: bytes | None = None
        """What has come of the head of an answer."""
        self._held: bytes | None = None
        """What came behind a head, while nobody has said yet who reads it."""
        self._body: FrameBody | None = None

    def keep(self) -> None:
        """What comes from now on belongs to the answer to a new request."""
        self._head, self._held, self._body = b"", None, None

    def take_body(self, response: aiohttp.ClientResponse) -> "FrameBody | None":
        """The body of this answer, of which aiohttp has had the head alone. None: aiohttp reads it."""
        transport = None if response.connection is None else response.connection.transport
        if self._held is None or transport is None:
            return None
        held, self._held = self._held, None
        self._body = FrameBody(transport, self._protocol, response.content)
        self._body.begin(held)
        return self._body

    def data_received(self, data: bytes) -> None:
        if self._body is not None:
            self._body.feed(data)
        elif self._held is not None:
            self._held += data
        elif self._head is None:
            self._protocol.data_received(data)
        else:
            self._take_head(self._head, data)

    def _take_head(self, begun: bytes, data: bytes) -> None:
        head, found, _ = (begun + data).partition(HEAD_END)
        if not found:
            self._head = head if len(head) <= MAX_HEAD_BYTES else None
            self._protocol.data_received(data)
            return
        self._head = None
        if not is_stream(head):
            self._protocol.data_received(data)
            return
        end = len(head) + len(found) - len(begun)
        self._held = data[end:]
        self._protocol.data_received(data[:end])
        # Whoever waits for the head has been woken before, and takes the body then or never.
        asyncio.get_running_loop().call_soon(self._let_go)

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held:
            self._protocol.data_received(held)
        elif self._body is not None:
            self._body.catch_up()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        self._protocol.connection_lost(exc)
        if self._body is not None:
            self._body.set_exception(aiohttp.ClientPayloadError("The connection was closed inside the body."))

    def eof_received(self) -> None:
        self._let_go()
        self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def is_stream(head: bytes) -> bool:
    head = head.lower()
    return head.startswith(OK) and CHUNKED in head + LINE_END


def tap(connection: aiohttp.connector.Connection) -> None:
    """To be called with the connection of each new request."""
    transport, protocol = connection.transport, connection.protocol
    if transport is None or protocol is None:
        return
    listener = transport.get_protocol()
    if not isinstance(listener, Tap):
        listener = Tap(protocol)
        transport.set_protocol(listener)
    listener.keep()


def tapped_body(response: aiohttp.ClientResponse) -> "FrameBody | None":
    connection = response.connection
    listener = None if connection is None or connection.transport is None else connection.transport.get_protocol()
    return listener.take_body(response) if isinstance(listener, Tap) else None


class FrameBody:
    """The frames of one body in chunks. Read one batch after the other, or `push`ed as they come.

    `total_bytes` and `set_exception` are what aiohttp's reader has, for who watches over silence.
    """

    def __init__(self, transport: asyncio.Transport, protocol: ResponseHandler, content: aiohttp.StreamReader) -> None:
        self.total_bytes = 0
        self._transport = transport
        self._protocol = protocol
        self._content = content
        self._chunks = ChunkDecoder()
        self._frames = FrameDecoder()
        self._rest = b""
        """Of what came with the head, not looked at yet."""
        self._last = b""
        """What has come of the last chunk, to which trailers belong."""
        self._waiting: list[Frame] = []
        self._waiting_bytes = 0
        self._failure: Exception | None = None
        self._sink: Sink | None = None
        self._reader: asyncio.Future[None] | None = None

    def begin(self, data: bytes) -> None:
        """What came with the head. Where the whole answer has come at once, its first events need not wait for it."""
        # Most likely the end of a chunk. Any place would do.
        line_end = data.find(LINE_END, FIRST_BYTES)
        if line_end >= 0:
            end = line_end + len(LINE_END)
            data, self._rest = data[:end], data[end:]
        self._feed(data)
        if self._chunks.ended or not self._waiting:
            self.catch_up()

    def catch_up(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            self._feed(rest)

    def feed(self, data: bytes) -> None:
        self.catch_up()
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        if self._failure is not None:
            return  # the connection is about to be closed
        if self._chunks.ended:
            self._end(data)
            return
        self.total_bytes += len(data)
        try:
            payload = self._chunks.feed(data)
            frames = self._frames.feed(payload) if payload else []
        except ChunkError as error:
            self.set_exception(aiohttp.ClientPayloadError(str(error)))
            return
        except FrameError as damage:
            self.set_exception(damage)
            return
        if frames:
            self._give(frames, len(payload))
            # Behind good frames may have been a bad one: whoever waits for more bytes may wait for ever.
            if self._frames.damage is not None:
                self.set_exception(self._frames.damage)
        if last := self._chunks.last:
            self._end(last)

    def _end(self, data: bytes) -> None:
        """For aiohttp's parser, to which the body consists of its last chunk."""
        if self._content.is_eof():
            # An answer that nobody has asked for: to the next request it would look like its own.
            self._transport.abort()
            return
        before = len(self._last)
        self._last += data
        end = end_of_last_chunk(self._last)
        if end is not None and end < len(self._last):
            self._protocol.force_close()
        self._protocol.data_received(data if end is None else data[: end - before])
        if self.has_come:
            self._wake()

    def _give(self, frames: list[Frame], size_bytes: int) -> None:
        if self._sink is not None:
            if not self._sink(frames):
                self._sink = None
                self._wake()
            return
        self._waiting += frames
        self._waiting_bytes += size_bytes
        if self._waiting_bytes > WAITING_BYTES:
            self._transport.pause_reading()
        self._wake()

    def set_exception(self, error: Exception) -> None:
        """What has come before is still read."""
        if self._failure is None and not self.has_come:
            self._failure = error
            self._wake()

    @property
    def is_ready(self) -> bool:
        return bool(self._waiting) or self.has_come

    @property
    def has_come(self) -> bool:
        """The end of the body too, and nothing behind it is left to look at."""
        return self._chunks.ended and self._content.is_eof() and not self._rest

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def read(self) -> list[Frame]:
        """The frames that came together, or none at the end. Raises FrameError, aiohttp's errors, and what was set."""
        while not self._waiting:
            if self._rest:
                self.catch_up()
                continue
            if self._failure is not None:
                raise self._failure
            if self.has_come:
                self._frames.finish()
                return []
            await self._wait()
        frames, self._waiting = self._waiting, []
        if self._waiting_bytes > WAITING_BYTES:
            self._transport.resume_reading()
        self._waiting_bytes = 0
        return frames

    async def skip(self) -> bool:
        return bool(await self.read())

    def give_to(self, sink: Sink) -> bool:
        """Gives frames to `sink` in the call that brings them, until it says False, to an end or a failure: `read` on.

        What it has said False to it has taken all the same. True: there will be more, while `given` is awaited.
        """
        if self._waiting:
            return False
        self._sink = sink
        self.catch_up()
        return self._gives

    async def given(self) -> None:
        while self._gives:
            await self._wait()

    def keep(self) -> None:
        """Frames are for `read` again."""
        self._sink = None

    @property
    def _gives(self) -> bool:
        return self._sink is not None and self._failure is None and not self.has_come

    async def _wait(self) -> None:
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None


class ChunkDecoder:
    """The bytes of a body in HTTP chunks, in pieces of any size. Strict: what is odd is `ChunkError`."""

    def __init__(self) -> None:
        self.ended = False
        """The last chunk has begun."""
        self.last = b""
        """All of it that came with the piece that began it."""
        self._line = b""
        """What has come of a chunk's size."""
        self._left = 0
        """Of the open chunk."""
        self._line_end_left = 0
        """Of what ends it."""

    def feed(self, data: bytes) -> bytes:
        """What these bytes bring of the body."""
        if self._line:
            data, self._line = self._line + data, b""
        parts: list[bytes] = []
        at, size = self._go_on(data, parts) if self._left or self._line_end_left else 0, len(data)
        while at < size:
            line_end = data.find(LINE_END, at, at + MAX_SIZE_LINE_BYTES)
            if line_end < 0:
                self._line = open_line(data[at:])
                break
            begin, length = line_end + 2, size_of_chunk(data[at:line_end])
            end = begin + length
            if length and data.startswith(LINE_END, end):  # nearly always
                parts.append(data[begin:end])
                at = end + 2
            elif length:
                self._left, self._line_end_left = length, len(LINE_END)
                at = begin + self._go_on(data[begin:], parts)
            else:
                self.ended, self.last = True, data[at:]
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _go_on(self, data: bytes, parts: list[bytes]) -> int:
        """How many of these bytes belong to the open chunk: all of them, unless it ends here."""
        content = data[: self._left]
        if content:
            self._left -= len(content)
            parts.append(content)
        line_end = data[len(content) : len(content) + self._line_end_left]
        if not LINE_END[-self._line_end_left :].startswith(line_end):
            raise ChunkError("A chunk of the body is longer than it says.")
        self._line_end_left -= len(line_end)
        return len(content) + len(line_end)


def open_line(line: bytes) -> bytes:
    if len(line) >= MAX_SIZE_LINE_BYTES:
        raise ChunkError(NO_SIZE)
    return line


def end_of_last_chunk(raw: bytes) -> int | None:
    """Where the body ends that ends with it: behind an empty line, which may be the first after its size."""
    end = raw.find(HEAD_END)
    return end + len(HEAD_END) if end >= 0 else None


@lru_cache(maxsize=512)
def size_of_chunk(line: bytes) -> int:
    digits = line.partition(b";")[0].rstrip(b" \t")
    # Python's own reading takes signs, underscores and a prefix.
    if not digits or digits.strip(HEX_DIGITS):
        raise ChunkError(NO_SIZE)
    return int(digits, 16)
