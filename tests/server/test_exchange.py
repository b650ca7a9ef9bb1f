"""A POST on the shortest way: what it writes, and how it ends where `ClientSession` would have looked after it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import (
    ClientConnectionError,
    ClientConnectionResetError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
    TCPConnector,
)
from yarl import URL

from gateway.http_exchange import Exchange, encode_head
from tests.support.gateway import Gateway, asking, run_both

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HEADERS: Mapping[str, str] = {"host": "bedrock.test", "content-length": "4"}
# More than the system takes at once.
LONG_BYTES = 2**25


@dataclass
class Server:
    """Answers each request with the same bytes, once it has read so many bytes of it."""

    url: URL = field(default_factory=URL)
    answer: bytes = ANSWER
    closes: bool = False
    reads_no_more: bool = False
    reads: bytes = b"body"
    received: list[bytes] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    handlers: list[asyncio.Task[None] | None] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        self.handlers.append(asyncio.current_task())
        try:
            while True:
                self.received.append(await reader.readuntil(self.reads))
                writer.write(self.answer)
                await writer.drain()
                if self.closes:
                    break
                if self.reads_no_more:
                    await writer.wait_closed()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def open_server() -> AsyncIterator[tuple[Server, ClientSession]]:
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = URL(
        f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/model/a%3Ab/converse-stream", encoded=True
    )
    async with ClientSession(connector=TCPConnector()) as session:
        yield server, session
    listening.close()
    for writer in server.writers:
        writer.transport.abort()
    async with asyncio.timeout(5):
        await asyncio.gather(*filter(None, server.handlers), return_exceptions=True)


def exchange_of(server: Server, session: ClientSession) -> Exchange:
    return Exchange(session, server.url.origin(), ClientTimeout(connect=5))


async def test_the_bytes_are_the_head_and_the_body_and_one_connection_serves_all() -> None:
    async with open_server() as (server, session):
        exchange = exchange_of(server, session)
        for _ in range(3):
            answer = await exchange.post(server.url, HEADERS, b"body")
            assert answer.status == 200
            assert await answer.read() == b"ok"
    written = b"POST /model/a%3Ab/converse-stream HTTP/1.1\r\nhost: bedrock.test\r\ncontent-length: 4\r\n\r\nbody"
    assert server.received == [written] * 3
    assert server.connections == 1


@pytest.mark.parametrize("headers", [{"a": "b\r\nc: d"}, {"a": "b\n"}, {"a\r": "b"}, {"a": "\r\n\r\nGET /"}])
async def test_a_line_break_in_a_header_is_never_written(headers: Mapping[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode_head("/", headers)
    async with open_server() as (server, session):
        with pytest.raises(ValueError, match="line break"):
            await exchange_of(server, session).post(server.url, {**HEADERS, **headers}, b"body")
    assert server.connections == 0


async def test_a_connection_that_is_lost_before_the_request_is_written_is_told() -> None:
    async with open_server() as (server, session):
        connector = session.connector
        assert connector is not None
        connect = connector.connect

        async def connect_and_lose(*args: object, **kwargs: object) -> object:
            connection = await connect(*args, **kwargs)  # type: ignore[arg-type]
            assert connection.transport is not None
            connection.transport.abort()
            return connection

        connector.connect = connect_and_lose  # type: ignore[assignment, method-assign]
        with pytest.raises(ClientConnectionResetError):
            await exchange_of(server, session).post(server.url, HEADERS, b"body")
    assert server.received == []


async def test_a_server_that_closes_instead_of_answering_is_told() -> None:
    async with open_server() as (server, session):
        server.answer, server.closes = b"", True
        with pytest.raises(ServerDisconnectedError):
            await exchange_of(server, session).post(server.url, HEADERS, b"body")


async def test_what_is_not_http_is_told_and_its_connection_is_closed() -> None:
    async with open_server() as (server, session):
        server.answer = b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
        with pytest.raises(ClientResponseError):
            await exchange_of(server, session).post(server.url, HEADERS, b"body")
        server.answer = ANSWER
        answer = await exchange_of(server, session).post(server.url, HEADERS, b"body")
        assert await answer.read() == b"ok"
        assert server.connections == 2


async def test_after_the_session_is_closed_nothing_is_sent() -> None:
    async with open_server() as (server, session):
        exchange = exchange_of(server, session)
        await session.close()
        with pytest.raises(ClientConnectionError):
            await exchange.post(server.url, HEADERS, b"body")
    assert server.connections == 0


async def test_who_stops_waiting_for_the_head_closes_the_connection() -> None:
    async with open_server() as (server, session):
        server.answer = b""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await exchange_of(server, session).post(server.url, HEADERS, b"body")
        async with asyncio.timeout(5):
            await server.left.wait()


async def test_an_answer_that_comes_before_all_of_the_body_is_read_is_the_last_of_its_connection() -> None:
    """Who refuses a long body may never read the rest of it: the next request would wait behind that."""
    async with open_server() as (server, session):
        server.reads, server.reads_no_more = b"\r\n\r\n", True
        exchange = exchange_of(server, session)
        headers = {**HEADERS, "content-length": str(LONG_BYTES)}
        answer = await exchange.post(server.url, headers, b"x" * LONG_BYTES)
        assert await answer.read() == b"ok"
        server.reads_no_more = False
        answer = await exchange.post(server.url, HEADERS, b"body")
        assert await answer.read() == b"ok"
    assert server.connections == 2
    assert server.received[1].startswith(b"POST ")


async def test_the_head_and_the_first_events_reach_the_client_in_one_piece() -> None:
    """By a name of aiohttp's that is private: without it they go out one after the other, which is slower only."""
    async with run_both() as gateway:
        piece = await first_piece(gateway)
    assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"event: message_start" in piece


async def first_piece(gateway: Gateway) -> bytes:
    host, _, port = gateway.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(asking("[[say:hello]]", stream=True)).encode()
    lines = ("POST /v1/messages HTTP/1.1", "host: x", f"x-api-key: {gateway.key}", f"content-length: {len(body)}")
    writer.write("\r\n".join((*lines, "", "")).encode() + body)
    piece = await reader.read(65_536)
    writer.close()
    return piece
