"""A proxy between the gateway and its Bedrock whose connections can go deaf: what a frozen machine finds at its thaw.

Nobody closes or resets a deaf connection. It takes what is sent, and nothing ever comes back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

PIECE_BYTES: Final = 2**16


class DeafProxy:
    def __init__(self, port: int) -> None:
        self.url = ""
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()
        self._deaf: set[asyncio.StreamWriter] = set()

    def deafen(self) -> int:
        """Every connection there is, and how many there were that could hear."""
        hearing = self._open - self._deaf
        self._deaf |= hearing
        return len(hearing)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        bedrock_reader, bedrock_writer = await asyncio.open_connection("127.0.0.1", self._port)
        down = asyncio.create_task(self._down(bedrock_reader, writer))
        try:
            with suppress(ConnectionError):
                while piece := await reader.read(PIECE_BYTES):
                    if writer not in self._deaf:
                        bedrock_writer.write(piece)
                        await bedrock_writer.drain()
        finally:
            bedrock_writer.close()
            await asyncio.wait([down])
            writer.close()
            self._open.discard(writer)
            self._deaf.discard(writer)

    async def _down(self, bedrock_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await bedrock_reader.read(PIECE_BYTES):
                writer.write(piece)
                await writer.drain()

    async def hang_up(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        async with asyncio.timeout(5):
            while self._open:  # noqa: ASYNC110  # the relays end in the next turns of the loop
                await asyncio.sleep(0)


@asynccontextmanager
async def open_deaf_proxy(port: int) -> AsyncIterator[DeafProxy]:
    """In front of the server at this port."""
    proxy = DeafProxy(port)
    server = await asyncio.start_server(proxy.relay, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.hang_up()
