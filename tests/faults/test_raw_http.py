"""HTTP itself, abused: smuggling, odd and endless heads, other methods, tricks with paths, hosts and origins.

Nothing of it may reach Bedrock, be answered without a key, or come back to its sender as an echo.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
import pytest

from gateway.connections import MAX_HEAD_BYTES, PIECE_BYTES
from gateway.handlers import ROUTES
from gateway.limits import CONNECTION_BYTES
from gateway.simulator import LOCAL_API_KEY
from tests.faults.logged_gateway import serving
from tests.faults.raw_http import LAST, connect, converse, exchange, read_answers
from tests.faults.raw_requests import CANARY, GET, HIDDEN, HOST, MALFORMED, NOT_IN_STEP, OK, WELL_FORMED, post
from tests.faults.serve_process import tell
from tests.support.gateway import HELLO, Gateway, asking, run_both

# A row each, and the specification asks for 39.
LEAST_PAYLOADS: Final = 39
OPEN_PATHS: Final = ("/", "/api/hello", "/health", "/ready", "/version", "/protocol")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "PURGE")
HEADS: Final = 200


@pytest.fixture(scope="module")
async def gateway() -> AsyncIterator[Gateway]:
    """Short deadlines: some of the rows say less than they announce."""
    async with run_both(body_timeout_seconds=1.0, keepalive_seconds=2.0, log_level="CRITICAL") as running:
        yield running


def smuggled(gateway: Gateway) -> bool:
    return any(CANARY in json.dumps(exchange.body) for exchange in gateway.simulator.exchanges)


def test_there_are_enough_payloads() -> None:
    assert len(MALFORMED) >= LEAST_PAYLOADS
    assert len(set(MALFORMED.values())) == len(MALFORMED)


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(gateway: Gateway, name: str) -> None:
    conversation = await converse(gateway.url, MALFORMED[name] + HIDDEN)
    # One answer, and then the end of the connection: neither the hidden request nor the last one was read.
    (answer,) = conversation.answers
    assert answer.status in (400, 431)
    assert answer.error["type"] == "invalid_request_error"
    assert not smuggled(gateway)


@pytest.mark.parametrize("name", WELL_FORMED)
async def test_what_is_well_formed_is_read_to_where_it_ends(gateway: Gateway, name: str) -> None:
    conversation = await converse(gateway.url, WELL_FORMED[name].sent)
    assert tuple(conversation.statuses) == WELL_FORMED[name].statuses
    assert conversation.in_step == (name not in NOT_IN_STEP)
    for answer in conversation.answers:
        if answer.status >= 400:
            assert answer.error["type"] != "api_error"
    assert not smuggled(gateway)


async def test_the_hidden_request_would_be_answered_if_it_were_read(gateway: Gateway) -> None:
    """Otherwise nothing here proves anything. On a gateway of its own, which the others do not look at."""
    async with run_both() as another:
        conversation = await converse(another.url, HIDDEN + HIDDEN)
        assert conversation.statuses == [200, 200, 200]
        assert smuggled(another)
    assert not smuggled(gateway)


async def test_a_chunk_that_announces_more_than_there_is_ends_with_the_deadline(gateway: Gateway) -> None:
    conversation = await converse(gateway.url, post(b"transfer-encoding: chunked\r\n", b"f" * 16 + b"\r\n" + OK))
    assert conversation.statuses == [408]
    assert not smuggled(gateway)


async def test_a_head_in_single_bytes_is_a_request_like_any_other(gateway: Gateway) -> None:
    reader, writer = await connect(gateway.url)
    for byte in LAST:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        (answer,) = read_answers(await reader.read())
    assert answer.status == 200
    writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(GET + HOST + b"a: echo-canary" + b"b" * 40_000 + b"\r\n\r\n", id="a long header"),
        pytest.param(GET + HOST + b"echo-canary: b\r\n" * 5_000 + b"\r\n", id="many headers"),
        pytest.param(b"GET /echo-canary" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", id="a long path"),
        pytest.param(b"GET /v1/echo-canary/<script> HTTP/1.1\r\n" + HOST + b"\r\n", id="a path that leads nowhere"),
        pytest.param(b"GET /version?echo-canary HTTP/1.1\r\n" + HOST + b"\r\n", id="a query"),
        pytest.param(b"GET /version HTTP/1.1\r\nhost: echo-canary\r\norigin: http://echo-canary\r\n\r\n", id="a host"),
        pytest.param(b"ECHO-CANARY / HTTP/1.1\r\n" + HOST + b"\r\n", id="a method"),
        pytest.param(b"GET /v1/models/echo-canary HTTP/1.1\r\n" + HOST + b"\r\n", id="a model, without a key"),
        pytest.param(GET + HOST + b"x-request-id: echo-canary\r\nrequest-id: echo-canary\r\n\r\n", id="ids"),
    ],
)
async def test_nothing_of_a_request_comes_back_in_an_answer(gateway: Gateway, sent: bytes) -> None:
    raw = await exchange(gateway.url, sent + LAST)
    assert read_answers(raw)
    assert b"echo-canary" not in raw.lower()


@pytest.mark.parametrize("before", [b"", GET + HOST + b"\r\n"], ids=["first", "behind a request in the same piece"])
async def test_heads_take_little_memory_before_a_key_has_been_seen(before: bytes) -> None:
    """Whoever has no key must not be able to fill the memory: by default there may be 2,048 such connections."""
    lines = b"".join(b"a%d: %s\r\n" % (number, b"b" * 15_000) for number in range(120))
    async with serving() as gateway:
        assert (await gateway.ask("[[say:warm]]")).status == 200
        at_rest = gateway.memory_bytes()
        writers = []
        for _ in range(HEADS):
            _, writer = await connect(gateway.url)
            writers.append(writer)
            try:
                writer.write(before + GET + HOST + lines)
                await writer.drain()
            except ConnectionError:
                pass  # refused: all the better
        # Answered after all that was sent before it has been read.
        assert (await gateway.ask("[[say:still there]]")).status == 200
        grown = gateway.memory_bytes() - at_rest
        for writer in writers:
            writer.close()
    assert grown < HEADS * CONNECTION_BYTES


async def test_half_heads_take_what_the_plan_of_the_memory_has_for_them() -> None:
    """As much as is let in without a refusal, in the way that takes the most."""
    head = GET + HOST + b"".join(b"a%d: %s\r\n" % (number, b"b" * 1_000) for number in range(60))
    first = GET + HOST + b"\r\n"
    in_one_piece = PIECE_BYTES - len(first)
    async with serving() as gateway:
        assert (await gateway.ask("[[say:warm]]")).status == 200
        at_rest = gateway.memory_bytes()
        writers = []
        for _ in range(HEADS):
            reader, writer = await connect(gateway.url)
            writers.append(writer)
            writer.write(first + head[:in_one_piece])
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            writer.write(head[in_one_piece : in_one_piece + MAX_HEAD_BYTES])
            await writer.drain()
        assert (await gateway.ask("[[say:still there]]")).status == 200
        grown = gateway.memory_bytes() - at_rest
        for writer in writers:
            writer.close()
    tell("half heads without a key", f"{CONNECTION_BYTES // 1024} KiB a connection", f"{grown / HEADS / 1024:.0f} KiB")
    assert grown < HEADS * CONNECTION_BYTES


@pytest.mark.parametrize("broken", [b"ZZ\r\n", b"5\r\nhello!", b"5;\x00\r\n"], ids=["no number", "too long", "a zero"])
async def test_a_broken_chunk_behind_good_ones_is_refused_at_once(broken: bytes) -> None:
    """Not when the time for the body is over."""
    async with run_both(body_timeout_seconds=20.0, log_level="CRITICAL") as gateway:
        reader, writer = await connect(gateway.url)
        writer.write(post(b"transfer-encoding: chunked\r\n", b"5\r\nhello\r\n"))
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(broken)
        await writer.drain()
        async with asyncio.timeout(5):
            (answer,) = read_answers(await reader.read())
        assert answer.status == 400
        assert "chunk" in answer.error["message"]
        writer.close()


async def test_a_long_body_is_no_head(gateway: Gateway) -> None:
    """The connection stays: whoever sends the next request on it, as clients do, would find it closed."""
    body = json.dumps(asking("[[say:long]]" + "x" * 20 * MAX_HEAD_BYTES)).encode()
    request = post(b"content-length: %d\r\n" % len(body), body)
    reader, writer = await connect(gateway.url)
    for _ in range(3):
        # In two pieces, the second of which is read at once.
        writer.write(request[:1_000])
        await asyncio.sleep(0.1)
        writer.write(request[1_000:])
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"200 OK" in head
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    writer.close()


async def test_requests_sent_together_are_all_answered(gateway: Gateway) -> None:
    """Pipelining: more of them than are read at once, and longer than a head may be, together."""
    requests = 1_000
    assert requests * len(GET + HOST) > MAX_HEAD_BYTES
    conversation = await converse(gateway.url, (GET + HOST + b"\r\n") * requests)
    assert conversation.statuses == [200] * (requests + 1)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "file://"])
async def test_no_origin_is_allowed_in(gateway: Gateway, origin: str) -> None:
    """No page of another site may use a key that a browser holds, or read an answer."""
    preflight = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key",
    }
    async with aiohttp.ClientSession() as session:
        for path in ("/v1/messages", "/v1/models", "/", "/nowhere"):
            async with session.options(gateway.url + path, headers=preflight) as response:
                assert response.status in (404, 405)
                assert not {name for name in response.headers if name.lower().startswith("access-control-")}
        headers = {"origin": origin, "x-api-key": gateway.key, "cookie": "session=1"}
        async with session.post(f"{gateway.url}/v1/messages", json=HELLO, headers=headers) as response:
            assert response.status == 200
            assert not {name for name in response.headers if name.lower().startswith("access-control-")}
            assert "set-cookie" not in response.headers


@pytest.mark.parametrize("method", METHODS)
async def test_no_method_is_answered_without_a_key_but_what_everybody_may_see(gateway: Gateway, method: str) -> None:
    for path in (*ROUTES, "/v1/models/claude-sonnet-4-5", "/nowhere"):
        sent = f"{method} {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(OK)}\r\nconnection: close\r\n\r\n"
        raw = await exchange(gateway.url, sent.encode() + OK)
        status = int(raw.split(b" ", 2)[1])
        is_open = path in OPEN_PATHS and method in ROUTES[path]
        assert (status == 200) == is_open, (method, path)
        assert status in ((200,) if is_open else (400, 401, 404, 405))


PATHS: Final = (
    "/health/../v1/messages",
    "/health/..%2fv1/messages",
    "/health/%2e%2e/v1/messages",
    "/%76%31/messages",
    "/v1%2fmessages",
    "/v1/messages%00",
    "/v1/messages/..;/messages",
    "/v1/messages;/health",
    "/v1/messages%23/health",
    "/v1/messages?/health",
    "/v1/messages#/health",
    "//health/../v1/messages",
    "///v1///messages//",
    "/./v1/./messages",
    "/v1/v1/v1/messages",
    "/V1/MESSAGES",
    "/v1/messages/health",
    "/v1\\messages",
    "/%2576%2531/messages",
    f"/v1/messages?x-api-key={LOCAL_API_KEY}",
    f"/v1/messages?api_key={LOCAL_API_KEY}&key={LOCAL_API_KEY}&token={LOCAL_API_KEY}",
    f"/{LOCAL_API_KEY}/v1/messages",
    f"http://{LOCAL_API_KEY}@gateway/v1/messages",
    f"http://user:{LOCAL_API_KEY}@gateway/v1/messages",
)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.replace(LOCAL_API_KEY, "KEY"))
async def test_no_way_of_writing_a_path_leads_past_the_key(gateway: Gateway, path: str) -> None:
    before = len(gateway.calls())
    sent = f"POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(OK)}\r\n\r\n"
    conversation = await converse(gateway.url, sent.encode() + OK)
    assert conversation.answers[0].status in (400, 401, 404, 405)
    assert len(gateway.calls()) == before
    assert LOCAL_API_KEY.encode() not in conversation.raw


TRICKS: Final = (
    {"host": "localhost"},
    {"host": "127.0.0.1"},
    {"host": "169.254.169.254"},
    {"host": "bedrock-runtime.us-west-2.amazonaws.com"},
    {"host": ""},
    {"x-forwarded-host": "localhost", "x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1;host=localhost"},
    {"x-real-ip": "127.0.0.1", "x-client-ip": "127.0.0.1", "true-client-ip": "127.0.0.1"},
    {"x-original-url": "/health", "x-rewrite-url": "/health"},
    {"x-http-method-override": "GET", "x-method-override": "GET", "x-http-method": "GET"},
    {"x-forwarded-user": "admin", "remote-user": "admin", "x-authenticated-user": "admin"},
    {"x-amzn-lambda-context": '{"identity": {"cognito_identity_id": "1"}, "request_id": "1"}'},
    {"x-amzn-request-context": '{"authorizer": {"iam": {"accountId": "1"}}}'},
    {"cookie": f"x-api-key={LOCAL_API_KEY}"},
    {"api-key": LOCAL_API_KEY},
    {"x_api_key": LOCAL_API_KEY},
    {"proxy-authorization": f"Bearer {LOCAL_API_KEY}"},
    {"authorization": LOCAL_API_KEY},
    {"authorization": f"Basic {LOCAL_API_KEY}"},
    {"authorization": f"Bearer Bearer {LOCAL_API_KEY}"},
    {"authorization": f"Bearer {LOCAL_API_KEY}x"},
    {"authorization": f"Bearer {LOCAL_API_KEY.upper()}"},
    {"x-api-key": f'"{LOCAL_API_KEY}"'},
    {"x-api-key": f"{LOCAL_API_KEY}, {LOCAL_API_KEY}"},
    {"x-api-key": f"{LOCAL_API_KEY}\u00a0"},
    {"x-api-key": "*"},
    {"x-api-key": "' OR '1'='1"},
    {"x-api-key": LOCAL_API_KEY[:-1]},
)


@pytest.mark.parametrize(
    "headers",
    TRICKS,
    ids=lambda headers: " ".join(f"{n}={v}" for n, v in headers.items()).replace(LOCAL_API_KEY, "KEY"),
)
async def test_no_host_and_no_header_stands_for_a_key(gateway: Gateway, headers: dict[str, str]) -> None:
    before = len(gateway.calls())
    sent = {"host": "gateway", "content-length": str(len(OK))} | headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    conversation = await converse(gateway.url, f"POST /v1/messages HTTP/1.1\r\n{lines}\r\n".encode() + OK)
    assert conversation.answers[0].status == 401
    assert conversation.answers[0].error["type"] == "authentication_error"
    assert conversation.in_step
    assert len(gateway.calls()) == before
