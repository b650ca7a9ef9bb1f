"""A proxy between the gateway and its Bedrock whose connections can be cut while nobody looks."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

# SO_LINGER of zero seconds: close() sends a reset.
RESET = struct.pack("ii", 1, 0)


class CuttableProxy:
    def __init__(self, port: int) -> None:
        self.url = ""
        self._port = port
        self._clients: set[asyncio.StreamWriter] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["CuttableProxy"]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            await self.cut(reset=True)

    async def cut(self, *, reset: bool) -> int:
        """Ends every connection, and says how many there were."""
        clients, self._clients = self._clients, set()
        for client in clients:
            if reset:
                _reset(client)
            client.close()
        for client in clients:
            with suppress(ConnectionError):
                await client.wait_closed()
        return len(clients)

    def forget(self) -> int:
        """As a NAT gateway does after 350 s of silence: nobody is told, and whoever sends something gets a reset."""
        self._forgotten |= self._clients
        return len(self._clients)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._clients.add(writer)
        up = asyncio.create_task(self._pump_up(reader, writer, upstream_writer))
        await _pump(upstream_reader, writer)
        upstream_writer.close()
        await up
        self._clients.discard(writer)

    async def _pump_up(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, upstream: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while (piece := await reader.read(65_536)) and client not in self._forgotten:
                upstream.write(piece)
                await upstream.drain()
        if client in self._forgotten:
            _reset(client)
        upstream.close()


def _reset(client: asyncio.StreamWriter) -> None:
    client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side ends; then the other one is ended too."""
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
