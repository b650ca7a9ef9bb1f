"""The connection under one answer: HTTP pieces of a chosen size, and the ways a connection can end badly.

aiohttp cancels the handler from `connection_lost` (`handler_cancellation`), so a client that leaves is noticed in the
same turn of the loop, whatever the handler waits for. Where the simulator itself ends the connection it waits for
exactly that cancellation.
"""

import asyncio
import random
import socket
import struct
from typing import Final, NoReturn

from aiohttp import web

from gateway.simulator.exchanges import Exchange
from gateway.simulator.plan import RANDOM_SPLIT

# A reset overtakes what the client has received and not yet read: give it time to read what stood before.
PAUSE_BEFORE_END_SECONDS: Final = 0.05
MAX_RANDOM_PIECE_BYTES: Final = 200
# So that a long answer sent at full speed cannot keep the loop from noticing that the client has gone.
WRITES_BETWEEN_YIELDS: Final = 16
# On, and no seconds: close() sends RST and forgets what was unsent.
_LINGER_RESET: Final = struct.pack("ii", 1, 0)


class BodyWriter:
    """Writes an HTTP body, one HTTP chunk for each `write` or, when split, for each piece."""

    def __init__(self, response: web.StreamResponse, split_bytes: int = 0) -> None:
        self._response = response
        self._split_bytes = split_bytes
        # The same sizes in every run.
        self._sizes = random.Random(split_bytes)  # noqa: S311 - sizes, not secrets
        self._pending = b""
        self._writes = 0

    async def write(self, data: bytes) -> None:
        """Pieces run across the boundaries of frames; what is too short for a piece waits for more, or for `flush`."""
        if not self._split_bytes:
            await self._send(data)
            return
        self._pending += data
        size = self._next_size()
        at = 0
        while len(self._pending) - at >= size:
            await self._send(self._pending[at : at + size])
            at += size
            size = self._next_size()
        self._pending = self._pending[at:]

    async def flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, b""
            await self._send(pending)

    async def end(self) -> None:
        await self.flush()
        await self._response.write_eof()

    async def _send(self, piece: bytes) -> None:
        await self._response.write(piece)
        self._writes += 1
        if self._split_bytes or self._writes % WRITES_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)

    def _next_size(self) -> int:
        if self._split_bytes == RANDOM_SPLIT:
            return self._sizes.randint(1, MAX_RANDOM_PIECE_BYTES)
        return self._split_bytes


async def reset(request: web.Request, exchange: Exchange) -> NoReturn:
    """RST."""
    exchange.ended_by_simulator = True
    transport = request.transport
    if transport is not None:
        opened: socket.socket | None = transport.get_extra_info("socket")
        if opened is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        transport.abort()
    await until_connection_lost()


async def hang_up(request: web.Request, exchange: Exchange) -> NoReturn:
    """FIN, after what has been written; the HTTP body stays unfinished."""
    exchange.ended_by_simulator = True
    if request.transport is not None:
        request.transport.close()
    await until_connection_lost()


async def until_connection_lost() -> NoReturn:
    """Left by cancellation only."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody completes this future")
