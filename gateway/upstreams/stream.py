"""The frames of one answer of Bedrock's, until it ends, breaks or falls silent."""

import asyncio
from typing import Final, Protocol

import aiohttp

from gateway.protocol.errors import GatewayError, UpstreamProtocolError, UpstreamTimeout
from gateway.protocol.eventstream import Frame, FrameCut, FrameDecoder, FrameError, FrameTooBig
from gateway.rounds import LOOKS_A_LIMIT, Rounds
from gateway.upstreams.tap import Sink, tapped_body

# After the last event only the end of the HTTP body is missing; reading it gives the connection back to the pool.
DRAIN_SECONDS: Final = 0.25
# A client that stalls keeps what was read for it: in the socket's buffer, as frames, as events.
READ_BYTES: Final = 2**16
FRAME_FAULTS: Final = {FrameTooBig: "frame_too_big", FrameCut: "stream_truncated"}
TOO_LATE: Final = "Bedrock did not begin to answer in time."
# FrameError, and what aiohttp and the system say of a connection.
FAILURES: Final = (FrameError, TimeoutError, aiohttp.ClientError, OSError)


class BedrockStream:
    """The frames of one response. `request_id` is Bedrock's own.

    `dropped` and `approximated` are what the caller must be told besides: the request went without its betas, in a
    second call.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        dropped: tuple[str, ...] = (),
        approximated: tuple[str, ...] = (),
        *,
        first_event_by: float,
        silence: Rounds,
    ) -> None:
        self.request_id = response.headers.get("x-amzn-requestid", "")
        self.dropped = dropped
        self.approximated = approximated
        self._response = response
        # What has come already makes no haste, and is in aiohttp's hands.
        tapped = tapped_body(response)
        self._tapped = tapped
        self._body: FrameSource = AiohttpBody(response.content) if tapped is None else tapped
        self._silence = SilenceWatch(response, response.content if tapped is None else tapped, silence)
        self._first_event_by: float | None = first_event_by

    @property
    def has_ended(self) -> bool:
        """All of the body has come, its end too."""
        return self._body.has_come

    async def read(self) -> list[Frame]:
        """The frames that came together, or none at the end.

        Raises `UpstreamProtocolError` for damage or a cut, `UpstreamTimeout` for silence.
        """
        try:
            if self._first_event_by is not None:
                return await self._first_frames(self._first_event_by)
            self._silence.begin()
            return await self._body.read()
        except FAILURES as failure:
            raise broken(failure) from failure
        finally:
            self._silence.waits = False

    async def push(self, sink: Sink) -> None:
        """Gives frames to `sink` as they come, for as long as it says True; `read` again then. May do nothing.

        Raises nothing of Bedrock's: the next `read` does.
        """
        if self._tapped is None:
            return
        try:
            if self._tapped.give_to(sink):
                self._silence.begin()
                await self._tapped.given()
        finally:
            self._tapped.keep()
            self._silence.waits = False

    async def _first_frames(self, first_event_by: float) -> list[Frame]:
        self._first_event_by = None
        if self._body.is_ready:
            return await self._body.read()
        before_first = asyncio.timeout_at(first_event_by)
        try:
            async with before_first:
                return await self.read()
        except TimeoutError as error:
            raise UpstreamTimeout(TOO_LATE, fault="first_event_timeout") from error

    def close(self) -> None:
        """Closes the connection, unless the body has ended: then it is back in the pool already."""
        self._silence.stop()
        if not self._body.has_come:
            self._response.close()

    async def drain(self) -> None:
        """Waits a moment for the end of the body, which gives the connection back to the pool."""
        if self._body.has_come:
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while await self._body.skip():
                    pass
        except FAILURES:
            # The answer is whole; what is lost is one pooled connection.
            return


class FrameSource(Protocol):
    @property
    def is_ready(self) -> bool:
        """What is read next has come: nothing has to be waited for."""

    @property
    def has_come(self) -> bool:
        """All of the body is here: nothing has to be waited for, and the connection is in the pool."""

    async def read(self) -> list[Frame]:
        """The frames that came together, or none at the end. Raises FAILURES."""

    async def skip(self) -> bool:
        """Waits for more, and forgets it. False at the end. Raises FAILURES."""


class AiohttpBody:
    """A body that aiohttp reads."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._decoder = FrameDecoder()

    @property
    def is_ready(self) -> bool:
        return self.has_come

    @property
    def has_come(self) -> bool:
        return self._content.is_eof()

    async def read(self) -> list[Frame]:
        # Behind good frames may have been a bad one: whoever waits for more bytes may wait for ever.
        self._decoder.check()
        while chunk := await self._content.read(READ_BYTES):
            if frames := self._decoder.feed(chunk):
                return frames
        self._decoder.finish()
        return []

    async def skip(self) -> bool:
        return bool(await self._content.readany())


def broken(failure: Exception) -> GatewayError:
    if isinstance(failure, FrameError):
        return UpstreamProtocolError(f"Bedrock's stream is damaged: {failure}.", fault=FRAME_FAULTS.get(type(failure)))
    if isinstance(failure, TimeoutError):
        return UpstreamTimeout("Bedrock was silent for too long in the middle of its answer.", fault="stream_idle")
    return UpstreamProtocolError("The connection to Bedrock broke in the middle of its answer.", fault="stream_cut")


class SilenceWatch:
    """Ends a wait for Bedrock's bytes that has become too long: by up to a tenth more than the limit of its rounds.

    It looks every now and then whether bytes have come. aiohttp's own timer, which ends here, is made anew for every
    piece: at one event a read that costs as much as decoding the event.
    """

    def __init__(self, response: aiohttp.ClientResponse, body: "Watched", rounds: Rounds) -> None:
        self.waits = False
        """For Bedrock. While what was read is being handled, perhaps by a slow client, silence is not Bedrock's."""
        self._body = body
        self._rounds = rounds
        self._seen_bytes = 0
        self._silent_looks = 0
        # Without a connection the whole body is there.
        protocol = None if response.connection is None else response.connection.protocol
        if protocol is not None:
            protocol.read_timeout = None

    def begin(self) -> None:
        """Now it is Bedrock that is waited for."""
        self.waits = True
        self._rounds.join(self)

    def stop(self) -> None:
        self._rounds.leave(self)

    def look(self) -> None:
        silent = self.waits and self._body.total_bytes == self._seen_bytes
        self._seen_bytes = self._body.total_bytes
        self._silent_looks = self._silent_looks + 1 if silent else 0
        if self._silent_looks >= LOOKS_A_LIMIT:
            self.stop()
            self._body.set_exception(aiohttp.SocketTimeoutError())


class Watched(Protocol):
    total_bytes: int

    def set_exception(self, exc: Exception, /) -> None:
        """For whoever reads."""
