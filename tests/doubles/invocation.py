"""One invocation of a function as Lambda keeps it: the event, the answer as it came, and what is reported of it."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

# The 8 NULs that end the JSON before a streamed body.
PRELUDE_END: Final = b"\0" * 8
# Pieces on their way to the client. Few, so that a slow client slows the function down, as in Lambda.
PIECES_UNDER_WAY: Final = 4


@dataclass(frozen=True, slots=True)
class Head:
    """What comes before the body of an HTTP answer."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...] = ()


class InvocationFailed(Exception):
    """The function gave no answer: it reported an error, ended, or ran out of time."""


@dataclass(slots=True)
class Invocation:
    """Times are `time.monotonic()`. `pieces` are those of the body after the prelude, which is `prelude`."""

    event: bytes
    deadline_ms: int
    function_arn: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    prelude: bytes = b""
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    failure: str | None = None
    _head: "asyncio.Future[Head]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _under_way: "asyncio.Queue[bytes | None]" = field(default_factory=lambda: asyncio.Queue(PIECES_UNDER_WAY))
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _client_gone: bool = False

    # --- what the function does

    async def take_stream(self, pieces: AsyncIterator[bytes]) -> None:
        """A streamed answer: JSON, 8 NULs, and the body as it comes."""
        before = b""
        async for piece in pieces:
            if self._head.done():
                await self._pass_on(piece)
                continue
            before += piece
            prelude, found, body = before.partition(PRELUDE_END)
            if found:
                self.prelude = prelude + found
                self._head.set_result(_head_of(json.loads(prelude)))
                await self._pass_on(body)
        await self._end()

    async def take_whole(self, answer: dict[str, Any], body: bytes) -> None:
        """A buffered answer."""
        self._head.set_result(_head_of(answer))
        await self._pass_on(body)
        await self._end()

    def fail(self, reason: str) -> None:
        """No answer, or no end of it. What has arrived at the client stays there; what is under way is lost."""
        if self._ended.is_set():
            return
        self.failure = reason
        if not self._head.done():
            self._head.set_exception(InvocationFailed(reason))
            self._head.exception()  # whoever invoked may have gone: then nobody asks for it
        self.ended_at = time.monotonic()
        self._ended.set()
        self._forget_pieces()
        self._under_way.put_nowait(None)

    async def _pass_on(self, piece: bytes) -> None:
        if not piece or self._ended.is_set():
            return
        self.pieces.append((time.monotonic(), piece))
        if not self._client_gone:
            await self._under_way.put(piece)

    async def _end(self) -> None:
        if self._ended.is_set():
            return
        self.ended_at = time.monotonic()
        self._ended.set()
        if not self._client_gone:
            await self._under_way.put(None)

    def _forget_pieces(self) -> None:
        while not self._under_way.empty():
            self._under_way.get_nowait()

    # --- what the caller does

    async def head(self) -> Head:
        """Raises InvocationFailed."""
        return await asyncio.shield(self._head)

    async def body(self) -> AsyncIterator[bytes]:
        """Raises InvocationFailed when the answer broke off."""
        while (piece := await self._under_way.get()) is not None:
            yield piece
        if self.failure is not None:
            raise InvocationFailed(self.failure)

    def leave(self) -> None:
        """The client has gone. The function is not told, and goes on to its end."""
        self._client_gone = True
        self._forget_pieces()

    async def wait_ended(self) -> None:
        await self._ended.wait()

    @property
    def answer(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)


def _head_of(answer: dict[str, Any]) -> Head:
    return Head(answer["statusCode"], answer.get("headers", {}), tuple(answer.get("cookies", ())))
