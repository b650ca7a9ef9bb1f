"""Events to the client.

The status line waits for Bedrock's first frame, so that a throttle is a 429 and not a broken 200; but not for ever,
because clients abandon a silent connection. So a timer looks at the silence: it commits to 200 when the first frame is
late, and pings in every silence. Bedrock itself sends no pings.
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from gateway.ending import Stopped, ending_of
from gateway.logs import AccessLine
from gateway.protocol import sse
from gateway.protocol.accumulate import MessageAccumulator
from gateway.protocol.disposition import disclosure
from gateway.protocol.errors import Overloaded, encode_error
from gateway.protocol.eventstream import Frame
from gateway.protocol.from_converse import StreamTranslator
from gateway.rounds import Rounds
from gateway.settings import Settings
from gateway.upstreams.stream import BedrockStream

STREAM_HEADERS: Final[Mapping[str, str]] = {
    "content-type": sse.CONTENT_TYPE,
    "cache-control": "no-cache",
    # nginx would otherwise gather the events into blocks.
    "x-accel-buffering": "no",
}
UPSTREAM_ID_HEADER: Final = "x-amzn-requestid"
LOST_LATE: Final = (
    "Bedrock refused a beta late, and without it the answer would lack what was asked for ({}). Send the request "
    "again: it will be answered without, and say so."
)

PING_ROUNDS: Final = web.AppKey("ping_rounds", Rounds)

Upstream = AbstractAsyncContextManager[BedrockStream]


class EventStream(web.StreamResponse):
    """aiohttp's. Its head goes out with the first events and its end with the last, each in one call of the system."""

    _send_headers_immediately = False
    last_events = b""

    async def write_eof(self, data: bytes = b"") -> None:
        last, self.last_events = self.last_events, b""
        await super().write_eof(last + data)


class EventWriter:
    """The client's side of one stream. The status line goes out with the first event."""

    def __init__(self, request: web.Request, headers: Mapping[str, str], line: AccessLine) -> None:
        self._request = request
        self._protocol = request.protocol
        self._response = EventStream(headers={**STREAM_HEADERS, **headers})
        self._line = line
        self._commit_lock = asyncio.Lock()
        self._sink: AbstractStreamWriter | None = None
        self._last_write = time.monotonic()
        self.whole = False
        """The end of the answer has been handed over: nothing may follow it."""

    @property
    def committed(self) -> bool:
        return self._response.prepared

    @property
    def response(self) -> web.StreamResponse:
        return self._response

    def quiet_seconds(self) -> float:
        return time.monotonic() - self._last_write

    def write(self, events: bytes) -> Coroutine[Any, Any, None]:
        """Whole events only, so that a ping never lands inside one. To be awaited at once."""
        if self._sink is None:
            return self._write_first(events)
        self._last_write = time.monotonic()
        return self._sink.write(events)

    def write_now(self, events: bytes) -> bool:
        """Not awaited, and not the first. False: the client does not keep up, or has left, and `drain` tells."""
        transport = self._protocol.transport
        if transport is None or transport.is_closing():
            return False
        self._last_write = time.monotonic()
        # The chunk as aiohttp's writer would make it, in three calls and a coroutine less.
        transport.write(b"%x\r\n%b\r\n" % (len(events), events))
        return not self._protocol.writing_paused

    def write_with_the_end(self, events: bytes) -> None:
        """The last ones. Nothing but `write_what_is_left` may follow, or the end."""
        self._response.last_events = events

    async def write_what_is_left(self) -> None:
        events, self._response.last_events = self._response.last_events, b""
        if events:
            await self.write(events)

    @property
    def takes_at_once(self) -> bool:
        """The status line has gone out, and what follows goes in chunks (to HTTP/1.0 it does not)."""
        return self._sink is not None and self._response.headers.get("transfer-encoding") == "chunked"

    async def drain(self) -> None:
        if self._sink is not None:
            await self._sink.drain()

    async def _write_first(self, events: bytes) -> None:
        self._sink = await self._commit()
        self._last_write = time.monotonic()
        await self._sink.write(events)

    def name_upstream(self, line: AccessLine) -> None:
        """What is known once Bedrock has accepted the request. Too late once the early 200 has gone out."""
        if not self.committed:
            self._response.headers.update(upstream_headers(line))

    async def _commit(self) -> AbstractStreamWriter:
        async with self._commit_lock:
            self._line.status = 200
            # Prepared once: asked again, it gives the same writer.
            sink = await self._response.prepare(self._request)
        assert sink is not None  # noqa: S101  # only for a response that has been ended, which nobody does here
        return sink


async def stream_reply(
    request: web.Request,
    upstream: Upstream,
    translator: StreamTranslator,
    headers: Mapping[str, str],
    line: AccessLine,
    settings: Settings,
) -> web.StreamResponse:
    """Relay one answer. Raises `GatewayError` as long as no byte has gone out; after that the error is an event.

    The body is left open: its end goes out when the request has been settled (`middleware.py`).
    """
    writer = EventWriter(request, headers, line)
    failure: Exception | None = None
    pings = Pings(writer, settings, request.app[PING_ROUNDS])
    try:
        await ending_of(request, line, settings).limit(_relay(upstream, translator, writer, line))
    except Stopped as stopped:
        # What is whole stays whole, even if it could not say goodbye to Bedrock.
        failure = None if writer.whole else stopped.reason
    except Exception as error:  # noqa: BLE001  # the last resort; answered below, now that the pings have ended
        failure = error
    finally:
        await pings.stop()
    if failure is not None:
        if isinstance(failure, ConnectionError) or not writer.committed:
            raise failure
        await _write_error(writer, failure, line)
    return writer.response


async def whole_reply(
    request: web.Request, upstream: Upstream, translator: StreamTranslator, line: AccessLine, settings: Settings
) -> bytes:
    """The same stream, accumulated: the JSON of the message. Raises `GatewayError`; there is no partial answer."""
    try:
        return await ending_of(request, line, settings).limit(_accumulate(upstream, translator, line))
    except Stopped as stopped:
        raise stopped.reason from None


async def _accumulate(upstream: Upstream, translator: StreamTranslator, line: AccessLine) -> bytes:
    accumulator = MessageAccumulator()
    try:
        async with upstream as stream:
            _note_upstream(stream, line)
            while not translator.done and (frames := await stream.read()):
                line.first_event()
                for frame in frames:
                    accumulator.feed(translator.feed(frame))
        accumulator.feed(translator.finish())
    finally:
        _note(translator, line)
    return accumulator.encode()


class Pings:
    """Commits to 200 when Bedrock is late, and pings in every silence after that, until it is stopped."""

    def __init__(self, writer: EventWriter, settings: Settings, rounds: Rounds) -> None:
        self._writer = writer
        self._settings = settings
        self._rounds = rounds
        self._ping: asyncio.Task[None] | None = None
        rounds.join(self)
        if not settings.commit_seconds:
            self.look()

    def look(self) -> None:
        writer, settings = self._writer, self._settings
        allowed_seconds = settings.ping_seconds if writer.committed else settings.commit_seconds
        if writer.quiet_seconds() >= allowed_seconds and self._ping is None and not writer.whole:
            # It may have to wait for the client.
            self._ping = asyncio.get_running_loop().create_task(self._write())
            self._ping.add_done_callback(self._written)

    async def _write(self) -> None:
        # The end may have come since we looked.
        if not self._writer.whole:
            await self._writer.write(sse.PING)

    def _written(self, ping: asyncio.Task[None]) -> None:
        # One that failed was the last one: the client has gone, and whoever answers will find the same.
        if not ping.cancelled() and ping.exception() is None:
            self._ping = None

    async def stop(self) -> None:
        """Nothing comes of it any more when this has returned."""
        self._rounds.leave(self)
        if self._ping is not None and not self._ping.done():
            self._ping.cancel()
            await asyncio.wait((self._ping,))


async def _relay(upstream: Upstream, translator: StreamTranslator, writer: EventWriter, line: AccessLine) -> None:
    try:
        async with upstream as stream:
            _note_upstream(stream, line)
            if writer.committed and (stream.dropped or stream.approximated):
                # The headers that would have told have gone out. The next request is told in time.
                raise Overloaded(LOST_LATE.format(", ".join((*stream.dropped, *stream.approximated))))
            writer.name_upstream(line)
            while not translator.done and (frames := await stream.read()):
                line.first_event()
                written, failure = _translate(frames, translator)
                # The client may take minutes to take it: nothing else of what was read has to stay that long.
                del frames
                if written:
                    writer.whole = translator.done
                    await writer.write(written)
                if failure is not None:
                    raise failure
                if writer.takes_at_once and not translator.done:
                    await _relay_at_once(stream, translator, writer)
            if not stream.has_ended:
                # Whoever waits for the end of an answer need not wait for that of Bedrock's.
                await writer.write_what_is_left()
        if events := translator.finish():
            writer.whole = True
            await writer.write(events)
    finally:
        _note(translator, line)


async def _relay_at_once(stream: BedrockStream, translator: StreamTranslator, writer: EventWriter) -> None:
    """Each event goes out in the very call that brings it, until the client does not keep up, or something is amiss.

    A task would be woken for each of them, in another turn of the event loop: twice the work at one event a read.
    """
    failures: list[Exception] = []

    def take(frames: list[Frame]) -> bool:
        written, failure = _translate(frames, translator)
        if failure is not None:
            failures.append(failure)
        writer.whole = translator.done
        if translator.done and failure is None:
            writer.write_with_the_end(written)
            return False
        keeps_up = writer.write_now(written) if written else True
        return keeps_up and failure is None and not translator.done

    await stream.push(take)
    if failures:
        raise failures[0]
    await writer.drain()


def _translate(frames: list[Frame], translator: StreamTranslator) -> tuple[bytes, Exception | None]:
    """One read gives one write. What came before a broken frame is the caller's, and goes out before the error."""
    events: list[bytes] = []
    try:
        translator.feed_all(frames, events)
    except Exception as failure:  # noqa: BLE001  # raised by the caller, behind what it writes
        return b"".join(events), failure
    return b"".join(events), None


async def _write_error(writer: EventWriter, failure: Exception, line: AccessLine) -> None:
    """One `error` event, and the body then ends as it should: behind Lambda's adapter a broken body turns into text."""
    error = line.note_failure(failure)
    await writer.write_what_is_left()
    await writer.write(b"event: error\ndata: %b\n\n" % encode_error(error, line.request_id))


def upstream_headers(line: AccessLine) -> dict[str, str]:
    """Bedrock's own id of the request, which AWS asks for; and what the request lost, which may be more by now."""
    named = {UPSTREAM_ID_HEADER: line.upstream_request_id} if line.upstream_request_id else {}
    return named | disclosure(line.dropped, line.approximated)


def _note_upstream(stream: BedrockStream, line: AccessLine) -> None:
    line.upstream_request_id = stream.request_id
    line.lose(stream.dropped, stream.approximated)


def _note(translator: StreamTranslator, line: AccessLine) -> None:
    line.stop_reason = translator.stop_reason
    line.usage = translator.usage if translator.done else None
    line.unknown_events = translator.unknown_events
