"""When an answer must end, whole or not: with the process, near the platform's deadline, after our own limit.

Whoever answers is interrupted as `asyncio.timeout` does it: no task of its own looks at the clock for each stream.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from aiohttp import web

from gateway.lambda_context import INVOCATION
from gateway.logs import AccessLine
from gateway.protocol.errors import GatewayError, Overloaded, UpstreamTimeout
from gateway.settings import Settings

SHUT_DOWN: Final = "The gateway was shut down before the answer was whole. Send the request again."
OUT_OF_TIME: Final = (
    "The answer took longer than the Lambda function behind this gateway may run. Ask for a shorter one (`max_tokens`, "
    "less thinking), or raise the function's time-out (900 s is Lambda's most; a container has no such limit)."
)
TOO_LONG: Final = (
    "The answer took longer than this gateway lets one take ({:g} s, CHATRIX_TOTAL_TIMEOUT_SECONDS). What was sent of "
    "it stands; ask for a shorter one."
)

T = TypeVar("T")


class Stopped(Exception):
    """The answer must end before it is whole. `reason` is what its caller is told."""

    def __init__(self, reason: GatewayError) -> None:
        super().__init__(reason.message)
        self.reason = reason


class Stopping:
    """Set when the process is about to end and open answers have had their time: each is interrupted."""

    def __init__(self) -> None:
        self._is_set = False
        self._open: set[asyncio.Timeout] = set()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        for limit in self._open:
            interrupt(limit)

    def add(self, limit: asyncio.Timeout) -> None:
        self._open.add(limit)
        if self._is_set:
            interrupt(limit)

    def remove(self, limit: asyncio.Timeout) -> None:
        self._open.discard(limit)


STOPPING: Final = web.AppKey("stopping", Stopping)


def interrupt(limit: asyncio.Timeout) -> None:
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time())


class Ending:
    def __init__(self, stopping: Stopping, ends: float, reason: GatewayError) -> None:
        """`ends` by `time.monotonic()`; `reason` is what the caller is told then."""
        self._stopping = stopping
        self._ends = ends
        self._reason = reason

    async def limit(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. Raises what it raises, or `Stopped` when it is time."""
        limit = asyncio.timeout(self._ends - time.monotonic())
        try:
            async with limit:
                self._stopping.add(limit)
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            reason = Overloaded(SHUT_DOWN, fault="shutdown") if self._stopping.is_set() else self._reason
            raise Stopped(reason) from None
        finally:
            self._stopping.remove(limit)


def ending_of(request: web.Request, line: AccessLine, settings: Settings) -> Ending:
    limit_seconds = settings.total_timeout_seconds
    ends = line.started + limit_seconds
    deadline = request[INVOCATION].ends
    if deadline is not None and deadline < ends:
        return Ending(request.app[STOPPING], deadline, UpstreamTimeout(OUT_OF_TIME, fault="deadline"))
    too_long = UpstreamTimeout(TOO_LONG.format(limit_seconds), fault="total_timeout")
    return Ending(request.app[STOPPING], ends, too_long)
