"""Events to the client: the only place with a task.

The status line waits for Bedrock's first frame, so that a throttle is a 429 and not a broken 200; but not for ever,
because clients abandon a silent connection. So one task watches the clock next to the one that relays: it commits to
200 when the first frame is late, and pings in every silence. Bedrock itself sends no pings.
"""

import asyncio
import math
import time
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from gateway.lambda_context import INVOCATION
from gateway.logs import AccessLine
from gateway.protocol import sse
from gateway.protocol.accumulate import MessageAccumulator
from gateway.protocol.disposition import disclosure
from gateway.protocol.errors import GatewayError, Overloaded, UpstreamTimeout, encode_error
from gateway.protocol.eventstream import Frame
from gateway.protocol.from_converse import StreamTranslator
from gateway.settings import Settings
from gateway.upstreams.stream import BedrockStream

STREAM_HEADERS: Final[Mapping[str, str]] = {
    "content-type": sse.CONTENT_TYPE,
    "cache-control": "no-cache",
    # nginx would otherwise gather the events into blocks.
    "x-accel-buffering": "no",
}
# Set when the process is about to end and open streams have had their time.
STOPPING: Final = web.AppKey("stopping", asyncio.Event)
UPSTREAM_ID_HEADER: Final = "x-amzn-requestid"
SHUT_DOWN: Final = "The gateway was shut down before the answer was whole. Send the request again."
OUT_OF_TIME: Final = (
    "The answer took longer than the Lambda function behind this gateway may run. Ask for a shorter one (`max_tokens`, "
    "less thinking), or raise the function's time-out (900 s is Lambda's most; a container has no such limit)."
)

TOO_LONG: Final = (
    "The answer took longer than this gateway lets one take ({:g} s, CHATRIX_TOTAL_TIMEOUT_SECONDS). What was sent of "
    "it stands; ask for a shorter one."
)
LOST_LATE: Final = (
    "Bedrock refused a beta late, and without it the answer would lack what was asked for ({}). Send the request "
    "again: it will be answered without, and say so."
)

T = TypeVar("T")

Upstream = AbstractAsyncContextManager[BedrockStream]


class Stopped(Exception):
    """The answer must end before it is whole. `reason` is what its caller is told."""

    def __init__(self, reason: GatewayError) -> None:
        super().__init__(reason.message)
        self.reason = reason


class Ending:
    """When an answer must end, whole or not: with the process, near the platform's deadline, after our own limit."""

    def __init__(self, stopping: asyncio.Event, ends: float, reason: GatewayError) -> None:
        """`ends` by `time.monotonic()`; `reason` is what the caller is told then."""
        self._stopping = stopping
        self._ends = ends
        self._reason = reason

    async def sleep(self, seconds: float = math.inf) -> None:
        """Raises `Stopped` when it is time meanwhile."""
        left = self._ends - time.monotonic()
        try:
            async with asyncio.timeout(min(seconds, left)):
                await self._stopping.wait()
        except TimeoutError:
            if left <= seconds:
                raise Stopped(self._reason) from None
        else:
            raise Stopped(Overloaded(SHUT_DOWN, fault="shutdown"))


class EventWriter:
    """The client's side of one stream. The status line goes out with the first event."""

    def __init__(self, request: web.Request, headers: Mapping[str, str], line: AccessLine) -> None:
        self._request = request
        self._response = web.StreamResponse(headers={**STREAM_HEADERS, **headers})
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
        """Whole events only, so that a ping of the other task never lands inside one. To be awaited at once."""
        if self._sink is None:
            return self._write_first(events)
        self._last_write = time.monotonic()
        return self._sink.write(events)

    def write_now(self, events: bytes) -> bool:
        """Not awaited, and not the first. False: the client does not keep up, or has left, and `drain` tells."""
        transport = self._request.transport
        if transport is None or transport.is_closing():
            return False
        self._last_write = time.monotonic()
        # The chunk as aiohttp's writer would make it, in three calls and a coroutine less.
        transport.write(b"%x\r\n%b\r\n" % (len(events), events))
        return not self._request.protocol.writing_paused

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
    pings = _fill_silence(writer, settings, ending_of(request, line, settings))
    try:
        await _beside(pings, _relay(upstream, translator, writer, line))
    except Stopped as stopped:
        # What is whole stays whole, even if it could not say goodbye to Bedrock.
        failure = None if writer.whole else stopped.reason
    except Exception as error:  # noqa: BLE001  # the last resort; answered below, now that the pings have ended
        failure = error
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
        return await _beside(ending_of(request, line, settings).sleep(), _accumulate(upstream, translator, line))
    except Stopped as stopped:
        raise stopped.reason from None


def ending_of(request: web.Request, line: AccessLine, settings: Settings) -> Ending:
    limit_seconds = settings.total_timeout_seconds
    ends = line.started + limit_seconds
    deadline = request[INVOCATION].ends
    if deadline is not None and deadline < ends:
        return Ending(request.app[STOPPING], deadline, UpstreamTimeout(OUT_OF_TIME, fault="deadline"))
    too_long = UpstreamTimeout(TOO_LONG.format(limit_seconds), fault="total_timeout")
    return Ending(request.app[STOPPING], ends, too_long)


async def _beside(companion: Coroutine[Any, Any, None], work: Coroutine[Any, Any, T]) -> T:
    """`work`, with `companion` next to it until it ends. Raises what the work raises, or `Stopped`.

    Both have tasks of their own: each event wakes the work, through all that stands above it in its task.
    """
    results: list[T] = []
    failures: list[Exception] = []
    stop: Stopped | None = None

    async def run() -> None:
        try:
            results.append(await work)
        except Exception as error:  # noqa: BLE001  # raised again below; here the group would wrap it
            failures.append(error)

    try:
        async with asyncio.TaskGroup() as tasks:
            beside = tasks.create_task(companion)
            try:
                await tasks.create_task(run())
            finally:
                beside.cancel()
    except* Stopped as group:
        stop = cast(Stopped, group.exceptions[0])
    finally:
        # Whoever leaves in the same breath as they came: the work has not begun, and Python would complain.
        work.close()
    if failures:
        raise failures[0]
    if results:
        return results[0]
    assert stop is not None  # noqa: S101  # the work was cancelled, and only the companion does that without an error
    raise stop


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
        for frame in frames:
            events.append(translator.feed(frame))  # noqa: PERF401  # what was fed before a bad frame must be kept
    except Exception as failure:  # noqa: BLE001  # raised by the caller, behind what it writes
        return b"".join(events), failure
    return b"".join(events), None


async def _fill_silence(writer: EventWriter, settings: Settings, ending: Ending) -> None:
    """Commits when Bedrock is late, and pings in silence. Raises `Stopped`, which ends the relay, when it is time."""
    try:
        while True:
            allowed_seconds = settings.ping_seconds if writer.committed else settings.commit_seconds
            wait_seconds = settings.ping_seconds if writer.whole else allowed_seconds - writer.quiet_seconds()
            if wait_seconds > 0:
                # The answer may begin meanwhile, and then be silent: look again after a ping's time at most.
                await ending.sleep(min(wait_seconds, settings.ping_seconds))
            else:
                await writer.write(sse.PING)
    except ConnectionError:
        # The client has gone; the server cancels the handler, and with it the relay.
        return


async def _write_error(writer: EventWriter, failure: Exception, line: AccessLine) -> None:
    """One `error` event, and the body then ends as it should: behind Lambda's adapter a broken body turns into text."""
    error = line.note_failure(failure)
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
