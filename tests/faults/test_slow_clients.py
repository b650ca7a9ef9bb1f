"""Clients that read slowly, send slowly, or do neither and only stay: they hold up nobody but themselves.

What is surprising: of a flood that nobody reads, Bedrock can still send some megabytes. They stand in the buffers of
four sockets, which are the kernel's; the gateway itself holds a few hundred kilobytes.
"""

import asyncio
import itertools
import json
import re
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from statistics import quantiles
from typing import Final

import pytest

from gateway.app import LINGERING_SECONDS
from gateway.protocol.eventstream import encode_event
from tests.faults.raw_bedrock import LAST_CHUNK, STREAM_HEAD
from tests.faults.raw_http import connect
from tests.faults.serve_process import (
    AT_ONCE_SECONDS,
    MIB,
    ServeProcess,
    client_of,
    request_bytes,
    request_head,
    serve_and_simulate,
    tell,
    text_of,
    until,
)

# 96 MiB in deltas of 8 KiB.
DELTAS: Final = 12_288
DELTA_BYTES: Final = 8 * 1024
SMALL_BUFFER_BYTES: Final = 4_096
WIDE_BUFFER_BYTES: Final = 4 * MIB
MOST_DRAINED_BYTES: Final = 32 * MIB
MOST_HELD_BYTES: Final = 1 * MIB
# Bedrock's side has stood still for so long: nobody takes anything any more.
STILL_SECONDS: Final = 1.0
STALLED: Final = 20
SEND_SECONDS: Final = 1.0
DEADLINE_SECONDS: Final = 1.0
DRIPPERS: Final = 100
IDLE: Final = 1_500
PAUSE_SECONDS: Final = 0.05
# Each delta is its number, a colon and filling.
NUMBER: Final = re.compile(rb'"text_delta","text":"(\d+):')


class FloodingBedrock:
    """Sends numbered deltas as fast as they are taken, and counts what was taken."""

    def __init__(self, deltas: int) -> None:
        self.deltas = deltas
        self.url = ""
        self.taken_bytes = 0
        self.open_answers = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
        self.open_answers += 1
        try:
            writer.write(STREAM_HEAD + b"connection: close\r\n\r\n")
            for frame in flood_of(self.deltas):
                writer.write(frame)
                await writer.drain()
                self.taken_bytes += len(frame)
        except ConnectionError:
            pass  # the gateway has left
        finally:
            self.open_answers -= 1
            writer.close()

    async def wait_still(self) -> None:
        """Until nothing has been taken for a while."""
        async with asyncio.timeout(30):
            taken_bytes = -1
            while taken_bytes != self.taken_bytes:
                taken_bytes = self.taken_bytes
                await asyncio.sleep(STILL_SECONDS)


def flood_of(deltas: int) -> Iterator[bytes]:
    yield event("messageStart", {"role": "assistant"})
    for number in range(deltas):
        text = f"{number}:".ljust(DELTA_BYTES, "x")
        yield event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})
    yield event("contentBlockStop", {"contentBlockIndex": 0})
    yield event("messageStop", {"stopReason": "end_turn"})
    yield event("metadata", {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}})


def event(name: str, payload: object) -> bytes:
    return encode_event(name, json.dumps(payload).encode())


@asynccontextmanager
async def flooded(deltas: int, **variables: str) -> AsyncIterator[tuple[ServeProcess, FloodingBedrock]]:
    bedrock = FloodingBedrock(deltas)
    server = await asyncio.start_server(bedrock.answer, "127.0.0.1", 0)
    bedrock.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with serve_and_simulate(
            open_files=None, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url, **variables
        ) as process:
            yield process, bedrock
    finally:
        server.close()


# --- readers


async def ask_and_stall(process: ServeProcess) -> socket.socket:
    """A client that takes the first bytes of its answer and then nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", process.port))
    await loop.sock_sendall(client, request_bytes("flood", stream=True))
    async with asyncio.timeout(10):
        assert (await loop.sock_recv(client, 64)).startswith(b"HTTP/1.1 200 OK\r\n")
    return client


async def read_on(client: socket.socket, rest: bytes = b"") -> tuple[list[int], bytes]:
    """The numbers of all deltas behind `rest` in the order in which they came, and the last event."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WIDE_BUFFER_BYTES)
    numbers: list[int] = []
    last = b""
    while not rest.endswith(LAST_CHUNK):
        piece = await asyncio.get_running_loop().sock_recv(client, MIB)
        assert piece, "the answer is cut"
        *events, rest = (rest + piece).split(b"\n\n")
        numbers += numbers_in(events)
        last = events[-1] if events else last
    return numbers, last


def numbers_in(events: Iterable[bytes]) -> list[int]:
    return [int(found[1]) for event in events for found in NUMBER.finditer(event)]


async def test_a_stalled_reader_holds_bedrock_back_and_then_loses_nothing() -> None:
    async with flooded(DELTAS) as (process, bedrock):
        with await ask_and_stall(process) as warm:
            numbers, _ = await read_on(warm)
        assert numbers == list(range(DELTAS))
        before, bedrock.taken_bytes = process.memory_bytes(), 0
        with await ask_and_stall(process) as client:
            await bedrock.wait_still()
            grown, taken = process.memory_bytes() - before, bedrock.taken_bytes
            async with asyncio.timeout(60):
                numbers, end = await read_on(client)
    tell(
        "a reader that stalls while 96 MiB are waiting for it",
        "gateway's memory < 1 MiB, taken from Bedrock < 32 MiB, nothing lost",
        f"memory {grown / MIB:+.2f} MiB, taken {taken / MIB:.1f} MiB, {len(numbers):,} of {DELTAS:,} deltas in order",
    )
    assert grown < MOST_HELD_BYTES
    assert 0 < taken < MOST_DRAINED_BYTES
    assert numbers == list(range(DELTAS))
    assert b"event: message_stop" in end


async def test_stalled_readers_cost_little_memory_each_and_hold_up_nobody() -> None:
    async with flooded(DELTAS) as (process, bedrock), client_of(process) as other:
        with await ask_and_stall(process) as warm:
            await read_on(warm)
        before = process.memory_bytes()
        clients = [await ask_and_stall(process) for _ in range(STALLED)]
        await bedrock.wait_still()
        grown = (process.memory_bytes() - before) / STALLED
        async with other.get("/version") as response:
            assert response.status == 200
        spent = process.cpu_seconds()
        await asyncio.sleep(STILL_SECONDS)
        spent = process.cpu_seconds() - spent
        for client in clients:
            client.close()
        await until(lambda: bedrock.open_answers == 0)
    tell(f"memory of each of {STALLED} stalled streams", "< 1 MiB", f"{grown / MIB:.2f} MiB, {spent:.0%} of a core")
    assert grown < MOST_HELD_BYTES
    assert spent < 0.2, "waiting costs nothing"


async def test_a_reader_that_takes_nothing_for_too_long_is_reset_and_named_in_the_log() -> None:
    async with flooded(DELTAS, CHATRIX_SEND_TIMEOUT_SECONDS=str(SEND_SECONDS)) as (process, bedrock):
        base = process.descriptors()
        began = asyncio.get_running_loop().time()
        with await ask_and_stall(process) as client:
            await process.wait_until(lambda: bool(process.requests(fault="slow_client")), seconds=20)
            took = asyncio.get_running_loop().time() - began
            await until(lambda: bedrock.open_answers == 0)
            with pytest.raises(ConnectionResetError):
                await read_on(client)
        (line,) = process.requests(fault="slow_client")
        assert (line["status"], line["phase"]) == (499, "answer")
        await until(lambda: process.descriptors() <= base + 2)
    tell("a reader that takes nothing", f"reset after {SEND_SECONDS:g} s (setting)", f"reset after {took:.1f} s")
    assert SEND_SECONDS * 0.9 <= took < SEND_SECONDS * 4


async def test_a_reader_that_is_slow_and_steady_is_not_cut_off() -> None:
    """For three times as long as it may take nothing."""
    deltas = 600
    async with flooded(deltas, CHATRIX_SEND_TIMEOUT_SECONDS=str(SEND_SECONDS)) as (process, _):
        with await ask_and_stall(process) as client:
            loop = asyncio.get_running_loop()
            ends = loop.time() + 3 * SEND_SECONDS
            received = b""
            while loop.time() < ends:
                received += await loop.sock_recv(client, SMALL_BUFFER_BYTES)
                await asyncio.sleep(PAUSE_SECONDS)
            *events, rest = received.split(b"\n\n")
            async with asyncio.timeout(30):
                numbers, end = await read_on(client, rest)
        assert numbers_in(events) + numbers == list(range(deltas))
        assert b"event: message_stop" in end
        assert not process.requests(fault="slow_client")


# --- senders


@pytest.fixture(scope="module")
async def hasty() -> AsyncIterator[ServeProcess]:
    """Short deadlines."""
    async with (
        serve_and_simulate(
            CHATRIX_KEEPALIVE_SECONDS=str(DEADLINE_SECONDS), CHATRIX_BODY_TIMEOUT_SECONDS=str(DEADLINE_SECONDS)
        ) as process,
        client_of(process) as client,
    ):
        assert await text_of(client, "[[say:warm]]") == "warm"
        yield process


async def drip(process: ServeProcess, head: bytes, slow: bytes) -> tuple[float, bytes]:
    """Sends `head` at once and then single bytes. Seconds until the gateway closed, and what it said."""
    reader, writer = await connect(process.url)
    loop = asyncio.get_running_loop()
    began = loop.time()
    writer.write(head)
    said = asyncio.ensure_future(reader.read())
    async with asyncio.timeout(DEADLINE_SECONDS + 10):
        for byte in itertools.cycle(slow):
            writer.write(bytes([byte]))
            if (await asyncio.wait([said], timeout=PAUSE_SECONDS))[0]:
                break
    took = loop.time() - began
    writer.close()
    try:
        return took, said.result()
    except ConnectionError:  # a byte met the closed connection
        return took, b""


HEADERS_THAT_NEVER_END: Final = b"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nx-slow: "


@pytest.mark.parametrize("what", ["headers", "bodies"])
async def test_single_bytes_do_not_put_off_the_deadline_and_hold_up_nobody(hasty: ServeProcess, what: str) -> None:
    head = HEADERS_THAT_NEVER_END if what == "headers" else request_head(1_000_000)
    base = hasty.descriptors()
    # Each request on a connection of its own: an idle one ends after a second, which may be when it is used again.
    async with client_of(hasty, keeps_connections=False) as client:
        dripping = asyncio.gather(*(drip(hasty, head, b"x") for _ in range(DRIPPERS)))
        loop = asyncio.get_running_loop()
        waits: list[float] = []
        while not dripping.done():
            began = loop.time()
            assert await text_of(client, "[[say:on time]]") == "on time"
            waits.append(loop.time() - began)
        endings = await dripping
    worst = max(took for took, _ in endings)
    p99 = quantiles(waits, n=100, method="inclusive")[98]
    tell(
        f"{DRIPPERS} clients that send their {what} byte by byte",
        f"closed after {DEADLINE_SECONDS:g} s (setting), others unaffected",
        f"closed after {worst:.1f} s at the latest; {len(waits)} requests meanwhile, p99 {p99 * 1000:.0f} ms",
    )
    # Who is refused in the middle of a body may see the answer before the connection ends.
    assert worst < DEADLINE_SECONDS + (LINGERING_SECONDS if what == "bodies" else 0) + 1.0
    assert min(took for took, _ in endings) > DEADLINE_SECONDS * 0.5
    assert p99 < AT_ONCE_SECONDS
    if what == "bodies":
        statuses = {said.partition(b"\r\n")[0] for _, said in endings}
        assert statuses <= {b"HTTP/1.1 408 Request Timeout", b""}
        assert b"HTTP/1.1 408 Request Timeout" in statuses
        await hasty.wait_until(lambda: len(hasty.requests(fault="body_timeout", status=408)) == DRIPPERS)
    await until(lambda: hasty.descriptors() <= base + 2)


async def test_a_connection_that_says_nothing_is_closed_and_so_is_one_between_two_requests(
    hasty: ServeProcess,
) -> None:
    for said in (b"", b"GET /version HTTP/1.1\r\nhost: gateway\r\n\r\n"):
        reader, writer = await connect(hasty.url)
        began = asyncio.get_running_loop().time()
        writer.write(said)
        async with asyncio.timeout(DEADLINE_SECONDS + 3):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 OK" if said else b"")
        assert asyncio.get_running_loop().time() - began > DEADLINE_SECONDS * 0.5
        writer.close()


async def test_fifteen_hundred_idle_connections_hold_up_nobody() -> None:
    async with serve_and_simulate() as process, client_of(process) as client:
        base = process.descriptors()
        connections = [await connect(process.url) for _ in range(IDLE)]
        await until(lambda: process.descriptors() >= base + IDLE, seconds=30)
        began = asyncio.get_running_loop().time()
        assert await text_of(client, "[[say:newcomer]]") == "newcomer"
        took = asyncio.get_running_loop().time() - began
        for _, writer in connections:
            writer.close()
        await until(lambda: process.descriptors() <= base + 2, seconds=30)
    tell(f"a newcomer beside {IDLE:,} idle connections", "served at once", f"whole answer after {took * 1000:.0f} ms")
    assert took < AT_ONCE_SECONDS
