"""Bodies taken before aiohttp's parser has them: every way of cutting them gives the same answer, and one connection.

The Bedrock here writes pieces of HTTP as a test gives them, a system call each.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest
from aiobotocore.session import get_session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.errors import GatewayError, UpstreamProtocolError
from gateway.protocol.eventstream import Frame, encode_event
from gateway.protocol.request_body import RequestBody
from gateway.settings import Settings
from gateway.upstreams.bedrock import Bedrock, open_bedrock
from gateway.upstreams.stream import BedrockStream
from gateway.upstreams.tap import MAX_SIZE_LINE_BYTES, WAITING_BYTES, ChunkDecoder, ChunkError
from tests.support.gateway import aws_environment

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    b"x-amzn-requestid: an-id\r\ntransfer-encoding: chunked\r\n\r\n"
)
# Between two pieces, so that each is read by itself; with many of them now and then.
PAUSE_SECONDS = 0.002
MANY = 50
LAST = b"0\r\n\r\n"
FRAMES = [
    encode_event("messageStart", b'{"role":"assistant"}'),
    *(encode_event("contentBlockDelta", b'{"delta":{"text":"%d"}}' % number) for number in range(5)),
    encode_event("messageStop", b'{"stopReason":"end_turn"}'),
]
BODY = b"".join(FRAMES)


def chunk(content: bytes, size: bytes | None = None) -> bytes:
    return b"%b\r\n%b\r\n" % (size if size is not None else b"%x" % len(content), content)


# --- the chunks


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(0, 400), max_size=20))
def test_the_body_is_what_the_chunks_hold_wherever_they_are_cut(contents: list[bytes], cuts: list[int]) -> None:
    raw = b"".join(chunk(each) for each in contents)
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    decoder, body = ChunkDecoder(), b""
    for begin, end in pairwise(places):
        body += decoder.feed(raw[begin:end])
    assert body == b"".join(contents)
    decoder.feed(LAST[:1])
    decoder.feed(LAST[1:2])
    assert not decoder.last
    decoder.feed(LAST[2:])
    assert decoder.ended
    assert decoder.last == LAST


@pytest.mark.parametrize(
    "line",
    [b"", b" ", b"+5", b"-5", b"0x5", b"1_0", b"5 5", b"g", b";a=b", b"\xd9\xa3", b"5" * MAX_SIZE_LINE_BYTES, b"5\n"],
)
def test_a_size_that_can_be_read_in_two_ways_is_refused(line: bytes) -> None:
    with pytest.raises(ChunkError):
        ChunkDecoder().feed(line + b"\r\nhello\r\n")


@pytest.mark.parametrize("line", [b"5", b"05", b"5;a=b", b"5 ", b"5 ; a"])
def test_extensions_and_zeros_are_nothing(line: bytes) -> None:
    assert ChunkDecoder().feed(chunk(b"hello", line)) == b"hello"


@pytest.mark.parametrize("cut", range(11))
def test_a_chunk_that_does_not_end_where_it_says_is_refused(cut: int) -> None:
    raw = b"5\r\nhello!\r\n"
    decoder = ChunkDecoder()

    def feed_both() -> None:
        decoder.feed(raw[:cut])
        decoder.feed(raw[cut:])

    with pytest.raises(ChunkError):
        feed_both()


# --- over real sockets


@dataclass
class Wire:
    """A Bedrock that answers each request with the same pieces."""

    url: str = ""
    pieces: Sequence[bytes] = ()
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    answering: asyncio.StreamWriter | None = None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        while head := await read_head(reader):
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
            self.answering = writer
            for piece in self.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(PAUSE_SECONDS if len(self.pieces) < MANY else 0)


async def read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


@asynccontextmanager
async def open_wire(tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    wire = Wire()
    server = await asyncio.start_server(wire.handle, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    wire.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        for writer in wire.writers:
            writer.close()
        server.close()


@pytest.fixture(scope="module")
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as running:
        yield running


@asynccontextmanager
async def bedrock_at(url: str, idle_timeout_seconds: float = 600.0) -> AsyncIterator[Bedrock]:
    with mock.patch.dict(os.environ, aws_environment(url)):
        async with open_bedrock(get_session(), Settings(idle_timeout_seconds=idle_timeout_seconds)) as bedrock:
            yield bedrock


@pytest.fixture(scope="module")
async def bedrock(wire: Wire) -> AsyncIterator[Bedrock]:
    async with bedrock_at(wire.url) as opened:
        yield opened


class Calls:
    upstream_calls = 0
    retry_budget_empty = False


async def frames_of(stream: BedrockStream, taken_at_once: int | None = None) -> list[Frame]:
    """As the gateway reads: the first frames by `read`, the next by `push`, so many calls of it at most."""
    frames: list[Frame] = []
    left = taken_at_once

    def take(more: list[Frame]) -> bool:
        nonlocal left
        frames.extend(more)
        if left is not None:
            left -= 1
        return left is None or left > 0

    while read := await stream.read():
        frames.extend(read)
        if left is None or left > 0:
            await stream.push(take)
    return frames


async def ask(bedrock: Bedrock, taken_at_once: int | None = None) -> bytes:
    async with bedrock.converse_stream("a-model", RequestBody(b"{}"), Calls()) as stream:
        assert stream.request_id == "an-id"
        return b"".join(frame.payload for frame in await frames_of(stream, taken_at_once))


PAYLOADS = (
    b'{"role":"assistant"}'
    + b"".join(b'{"delta":{"text":"%d"}}' % n for n in range(5))
    + (b'{"stopReason":"end_turn"}')
)
CHUNKINGS = {
    "a frame a chunk": [HEAD, *map(chunk, FRAMES), LAST],
    "all in one chunk": [HEAD, chunk(BODY), LAST],
    "all at once": [HEAD + b"".join(map(chunk, FRAMES)) + LAST],
    "the last chunk with the last frame": [HEAD, *map(chunk, FRAMES[:-1]), chunk(FRAMES[-1]) + LAST],
    "a head with half a chunk": [HEAD + chunk(BODY)[:40], chunk(BODY)[40:] + LAST],
    "a head with half a size": [HEAD + b"%x" % len(BODY), chunk(BODY)[2:], LAST]
    if len(b"%x" % len(BODY)) == 2
    else [HEAD + chunk(BODY)[:1], chunk(BODY)[1:], LAST],
    "a chunk a byte": [HEAD, *(chunk(bytes([byte])) for byte in BODY), LAST],
    "frames across chunks": [HEAD, chunk(BODY[:100]), chunk(BODY[100:333]), chunk(BODY[333:]), LAST],
    "with extensions and trailers": [HEAD, *(chunk(f, b"%x;a=b" % len(f)) for f in FRAMES), b"0;x\r\na: b\r\n\r\n"],
    "the last chunk in bytes": [HEAD, *map(chunk, FRAMES), *(bytes([byte]) for byte in LAST)],
    "a head in two pieces": [HEAD[:50], HEAD[50:], *map(chunk, FRAMES), LAST],
}


@pytest.mark.parametrize("taken_at_once", [None, 0, 1, 3])
@pytest.mark.parametrize("name", CHUNKINGS)
async def test_the_answer_is_the_same_and_its_connection_is_used_again(
    wire: Wire, bedrock: Bedrock, name: str, taken_at_once: int | None
) -> None:
    wire.pieces, connections = CHUNKINGS[name], wire.connections
    for _ in range(3):
        assert await ask(bedrock, taken_at_once) == PAYLOADS
    assert wire.connections <= connections + 1


async def test_every_place_for_the_end_of_a_piece_is_as_good(wire: Wire, bedrock: Bedrock) -> None:
    raw = HEAD + b"".join(map(chunk, FRAMES)) + LAST
    connections = wire.connections
    for cut in range(1, len(raw), 3):
        wire.pieces = [raw[:cut], raw[cut : cut + 60], raw[cut + 60 :]]
        assert await ask(bedrock) == PAYLOADS, cut
    assert wire.connections <= connections + 1


@pytest.mark.parametrize("place", ["first", "later", "with the head"])
async def test_a_chunk_larger_than_all_buffers_is_read(wire: Wire, bedrock: Bedrock, place: str) -> None:
    """aiohttp's parser stops when nobody reads what it makes; it must not stop the connection."""
    large = encode_event("contentBlockDelta", b'{"delta":{"text":"' + b"x" * 2_000_000 + b'"}}')
    frames = {"first": [large, *FRAMES], "later": [*FRAMES, large], "with the head": [large, *FRAMES]}[place]
    raw = b"".join(map(chunk, frames))
    wire.pieces = [HEAD + raw + LAST] if place == "with the head" else [HEAD, raw[:50_000], raw[50_000:], LAST]
    connections = wire.connections
    for _ in range(2):
        assert len(await ask(bedrock)) == len(PAYLOADS) + 2_000_000 + len('{"delta":{"text":""}}')
    assert wire.connections <= connections + 1


async def test_what_is_not_read_is_left_to_bedrock(wire: Wire, bedrock: Bedrock) -> None:
    """A client that stalls holds its Bedrock up: the system's buffers fill, and ours do not."""
    frame = encode_event("contentBlockDelta", b'{"delta":{"text":"' + b"x" * 10_000 + b'"}}')
    sent = [HEAD, *[chunk(frame)] * 3_000, LAST]
    wire.pieces = sent
    async with bedrock.converse_stream("a-model", RequestBody(b"{}"), Calls()) as stream:
        first = await stream.read()
        await asyncio.sleep(0.5)
        held = await stream.read()
        assert sum(len(each.payload) for each in (*first, *held)) < 8 * WAITING_BYTES
        rest = await frames_of(stream)
    assert len(first) + len(held) + len(rest) == 3_000


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "broke in the middle"),
        (b"5\r\nhello!!\r\n", "broke in the middle"),
        (chunk(FRAMES[1][:-1] + b"?"), "damaged"),
        (chunk(FRAMES[1] + FRAMES[2][:-1] + b"?"), "damaged"),
        (chunk(FRAMES[1][:20]) + LAST, "damaged"),
    ],
    ids=["a proxy's page", "a long chunk", "a wrong byte", "a wrong byte behind a frame", "half a frame"],
)
@pytest.mark.parametrize("taken_at_once", [None, 0])
async def test_what_is_not_a_chunk_or_not_a_frame_ends_the_answer_at_once(
    wire: Wire, bedrock: Bedrock, broken: bytes, told: str, taken_at_once: int | None
) -> None:
    wire.pieces = [HEAD, chunk(FRAMES[0]), chunk(FRAMES[1]), broken]
    async with asyncio.timeout(5):
        with pytest.raises(UpstreamProtocolError, match=told):
            await ask(bedrock, taken_at_once)
        # It is not used again.
        wire.pieces = CHUNKINGS["a frame a chunk"]
        connections = wire.connections
        assert await ask(bedrock) == PAYLOADS
        # A body that has ended in order leaves its connection as good as it was.
        assert wire.connections == connections + (not broken.endswith(LAST))


async def test_damage_inside_a_long_chunk_that_aiohttp_has_begun_is_told_at_once(wire: Wire, bedrock: Bedrock) -> None:
    raw = b"%x\r\n" % 200_000 + FRAMES[0] + b"?" * 200_000
    wire.pieces = [HEAD + raw[:300], raw[300:90_000], raw[90_000:150_000], raw[150_000:]]
    async with asyncio.timeout(5):
        with pytest.raises(UpstreamProtocolError, match="damaged"):
            await ask(bedrock)


async def test_a_refusal_whose_chunks_break_off_is_told_at_once(wire: Wire, bedrock: Bedrock) -> None:
    """aiohttp reads that one, and would wait for the rest of it until the limit of the first event."""
    head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    wire.pieces = [head, chunk(b'{"message":'), b"HTTP/1.1 502 Bad Gateway\r\n\r\n"]
    async with asyncio.timeout(5):
        with pytest.raises(GatewayError, match="closed"):
            await ask(bedrock)


@pytest.mark.parametrize("first", ["at once", "a frame a chunk"])
@pytest.mark.parametrize("trailer", [b"", b"a: b\r\n"])
@pytest.mark.parametrize("together", [True, False])
async def test_an_answer_behind_an_answer_is_nobodys(
    wire: Wire, bedrock: Bedrock, first: str, trailer: bytes, together: bool
) -> None:
    """Neither with the end of the first one nor later, when its connection waits in the pool."""
    last = b"0\r\n" + trailer + b"\r\n"
    other = HEAD + chunk(encode_event("messageStart", b'"somebody else\'s"')) + LAST
    pieces = [HEAD, *map(chunk, FRAMES)] if first == "a frame a chunk" else [HEAD + chunk(BODY)]
    begun = [*pieces[:-1], pieces[-1] + last + other] if together else [*pieces, last, other]
    for _ in range(3):
        wire.pieces = begun
        assert await ask(bedrock) == PAYLOADS
        await asyncio.sleep(10 * PAUSE_SECONDS)
        wire.pieces, connections = CHUNKINGS["all at once"], wire.connections
        assert await ask(bedrock) == PAYLOADS
        # Whoever sent that may send the rest of it.
        assert wire.connections == connections + 1


async def test_a_body_that_nobody_takes_is_aiohttps(wire: Wire, bedrock: Bedrock) -> None:
    """An answer in chunks that is no stream, cut in every way: what came behind its head is not lost."""
    body = chunk(b'{"input') + chunk(b'Tokens": 7}')
    raw = HEAD.replace(b"application/vnd.amazon.eventstream", b"application/json") + body + LAST
    connections = wire.connections
    for cut in (*range(1, len(raw), 7), len(raw)):
        wire.pieces = [raw[:cut], raw[cut:]]
        async with asyncio.timeout(5):
            counted = await bedrock.client.count_tokens(modelId="a-model", input={"converse": {"messages": []}})
        assert counted["inputTokens"] == 7, cut
    assert wire.connections <= connections + 1


@pytest.mark.parametrize("taken_at_once", [None, 0])
async def test_silence_ends_an_answer(wire: Wire, taken_at_once: int | None) -> None:
    wire.pieces = [HEAD, chunk(FRAMES[0]), chunk(FRAMES[1])]
    async with bedrock_at(wire.url, idle_timeout_seconds=0.3) as bedrock, asyncio.timeout(5):
        with pytest.raises(GatewayError, match="silent"):
            await ask(bedrock, taken_at_once)


async def test_what_came_before_a_cut_is_given_on_before_it_is_told(wire: Wire, bedrock: Bedrock) -> None:
    wire.pieces = [HEAD, *map(chunk, FRAMES)]
    async with asyncio.timeout(5):
        async with bedrock.converse_stream("a-model", RequestBody(b"{}"), Calls()) as stream:
            await stream.read()
            await asyncio.sleep(0.2)
            assert wire.answering is not None
            wire.answering.close()
            await asyncio.sleep(0.1)
            frames = await stream.read()
            assert len(frames) == len(FRAMES) - 1
            with pytest.raises(UpstreamProtocolError, match="broke in the middle"):
                await stream.read()


def certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bedrock.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize("name", ["a frame a chunk", "a head with half a chunk", "all at once"])
async def test_over_tls_it_is_the_same(tmp_path: Path, name: str) -> None:
    async with open_wire(certificate(tmp_path)) as wire:
        wire.pieces = CHUNKINGS[name]
        with mock.patch.dict(os.environ, {"AWS_CA_BUNDLE": str(tmp_path / "cert.pem")}):
            async with bedrock_at(wire.url) as bedrock:
                for _ in range(3):
                    assert await ask(bedrock) == PAYLOADS
        assert wire.connections == 1


async def test_the_frames_do_come_by_push(wire: Wire, bedrock: Bedrock) -> None:
    """Otherwise all of this would pass without it: aiohttp's own names may have gone."""
    wire.pieces = CHUNKINGS["a frame a chunk"]
    pushed: list[Frame] = []

    def take(frames: list[Frame]) -> bool:
        pushed.extend(frames)
        return True

    async with bedrock.converse_stream("a-model", RequestBody(b"{}"), Calls()) as stream:
        first = await stream.read()
        await stream.push(take)
        assert await stream.read() == []
    assert len(first) + len(pushed) == len(FRAMES)
    assert len(pushed) > 2


async def test_of_an_answer_that_came_at_once_the_first_events_are_read_first(wire: Wire, bedrock: Bedrock) -> None:
    wire.pieces = CHUNKINGS["all at once"]
    async with bedrock.converse_stream("a-model", RequestBody(b"{}"), Calls()) as stream:
        first = await stream.read()
        # What a client waits for. The rest is decoded and translated while these are on their way.
        assert 0 < len(first) <= len(FRAMES) / 2
        assert b"".join(each.payload for each in (*first, *await frames_of(stream))) == PAYLOADS


async def test_the_first_events_do_not_wait_to_learn_that_the_rest_is_broken(wire: Wire, bedrock: Bedrock) -> None:
    wire.pieces = [HEAD + b"".join(map(chunk, FRAMES[:-1])) + chunk(FRAMES[-1][:-1] + b"?") + LAST]
    async with bedrock.converse_stream("a-model", RequestBody(b"{}"), Calls()) as stream:
        assert (await stream.read())[0].payload == b'{"role":"assistant"}'
        with pytest.raises(UpstreamProtocolError, match="damaged"):
            await frames_of(stream)
