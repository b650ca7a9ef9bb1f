"""The HTTP surface: endpoints, and what bad input gets. Never a 500, a hang or a lost byte."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway import __version__
from gateway.handlers import ADMISSION
from gateway.simulator import SimulatorOptions, open_simulator
from tests.support.gateway import HELLO, Gateway, asking, run_both, run_gateway

OPEN_PATHS = ["/", "/api/hello", "/health", "/ready"]


async def get(gateway: Gateway, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, gateway.url + path, headers=headers, allow_redirects=False) as response,
    ):
        body = await response.read()
        return response.status, json.loads(body) if body else None, response.headers


async def post_error(
    gateway: Gateway, body: Any, path: str = "/v1/messages", **headers: str
) -> tuple[int, dict[str, Any]]:
    async with gateway.post(body, path, headers) as response:
        answer = await response.json()
        assert answer["type"] == "error"
        assert answer["request_id"] == response.headers["request-id"]
        return response.status, answer["error"]


@pytest.mark.parametrize("path", OPEN_PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_clients_and_load_balancers_knock_at_needs_no_key(gateway: Gateway, path: str, method: str) -> None:
    status, _, headers = await get(gateway, path, method)
    assert status == 200
    assert headers["request-id"].startswith("req_")


async def test_the_version_is_told(gateway: Gateway) -> None:
    assert (await get(gateway, "/version"))[1] == {"version": __version__}


@pytest.mark.parametrize("path", ["/v1/messages", "//v1/messages", "/v1//messages", "/v1/v1/messages", "/v1/messages/"])
async def test_what_base_urls_get_wrong_is_forgiven(gateway: Gateway, path: str) -> None:
    async with gateway.post(HELLO, f"{path}?beta=true") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "path", ["/v2/messages", "/v1/message", "/admin", "/api/event_logging/batch", "/v1/messages/x"]
)
async def test_another_path_is_a_404(gateway: Gateway, path: str) -> None:
    status, error = await post_error(gateway, HELLO, path)
    assert (status, error["type"]) == (404, "not_found_error")


async def test_another_method_is_a_405_that_names_the_right_one(gateway: Gateway) -> None:
    status, answer, headers = await get(gateway, "/v1/messages")
    assert (status, headers["allow"]) == (405, "POST")
    assert answer["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    "headers", [{}, {"x-api-key": "wrong-key-of-good-length"}, {"authorization": "Bearer wrong-key-of-good-length"}]
)
async def test_without_a_good_key_nothing_is_answered(gateway: Gateway, path: str, headers: dict[str, str]) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(gateway.url + path, json=HELLO, headers=headers) as response:
            assert response.status == 401
            assert (await response.json())["error"]["type"] == "authentication_error"


async def test_the_key_may_come_in_either_header_and_one_good_one_is_enough(gateway: Gateway) -> None:
    for headers in (
        {"authorization": f"Bearer {gateway.key}", "x-api-key": "some-other-credential"},
        {"authorization": "Bearer some-other-credential", "x-api-key": gateway.key},
        {"authorization": f"Bearer {gateway.key}"},
    ):
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{gateway.url}/v1/messages", json=HELLO, headers=headers) as response:
                assert response.status == 200


async def test_a_wrong_key_is_refused_before_the_body_has_come(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: wrong\r\ncontent-length: 30000000\r\n\r\n")
    async with asyncio.timeout(2):
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    writer.close()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"not json", "JSON"),
        (b'{"a": NaN}', "JSON"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        (json.dumps(HELLO).encode() + b"x", "JSON"),
        (b"[]", "object"),
        (b"[" * 100_000, ""),
        (b'{"messages": "' + b"\\ud800" + b'"}', ""),
    ],
)
async def test_what_is_not_a_json_object_is_a_400(gateway: Gateway, body: bytes, says: str) -> None:
    status, error = await post_error(gateway, body)
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert says in error["message"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"model": 5}, "model"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, "messages.0.content.0"),
        ({"system": 5}, "system"),
        ({"tools": [{"name": 5}]}, "tools.0.name"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "warm"}, "temperature"),
        ({"stop_sequences": "x"}, "stop_sequences"),
    ],
)
async def test_a_wrong_type_is_a_400_with_its_path(gateway: Gateway, changes: dict[str, Any], path: str) -> None:
    status, error = await post_error(gateway, {**HELLO, **changes})
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith(path)


@pytest.mark.parametrize("missing", ["model", "messages", "max_tokens"])
async def test_a_missing_field_is_a_400_that_names_it(gateway: Gateway, missing: str) -> None:
    status, error = await post_error(gateway, {name: value for name, value in HELLO.items() if name != missing})
    assert status == 400
    assert missing in error["message"]


@pytest.mark.parametrize(
    "model", ["gpt-4o", "no-such-model", "..", "../x", "claude", "arn:aws:s3:::bucket", "x" * 100_000]
)
async def test_an_unknown_model_is_a_404_and_never_reaches_bedrock(gateway: Gateway, model: str) -> None:
    before = len(gateway.calls())
    status, error = await post_error(gateway, {**HELLO, "model": model})
    assert (status, error["type"]) == (404, "not_found_error")
    assert len(error["message"]) < 300
    assert len(gateway.calls()) == before


async def test_a_body_over_the_limit_is_a_413_declared_or_not() -> None:
    async with run_both(max_body_bytes=10_000) as gateway:
        big = json.dumps(asking("x" * 20_000)).encode()
        assert (await post_error(gateway, big))[0] == 413

        async def chunks() -> Any:
            for at in range(0, len(big), 1000):
                yield big[at : at + 1000]

        async with aiohttp.ClientSession() as session:
            headers = {"x-api-key": gateway.key}
            async with session.post(f"{gateway.url}/v1/messages", data=chunks(), headers=headers) as response:
                assert response.status == 413
                assert (await response.json())["error"]["type"] == "request_too_large"


async def test_a_body_that_does_not_come_is_a_408() -> None:
    async with run_both(body_timeout_seconds=0.1) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
        head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {gateway.key}\r\ncontent-length: 99\r\n\r\n{{"
        writer.write(head.encode())
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_a_compressed_body_is_a_415(gateway: Gateway, encoding: str) -> None:
    status, error = await post_error(gateway, b"\x1f\x8b\x08", **{"content-encoding": encoding})
    assert status == 415
    assert "compressed" in error["message"]


async def test_count_tokens_gives_an_estimate_that_is_marked_as_one(gateway: Gateway) -> None:
    body = {name: value for name, value in HELLO.items() if name != "max_tokens"} | {"model": "claude-opus-5-5"}
    async with gateway.post(body, "/v1/messages/count_tokens?beta=true") as response:
        assert response.status == 200
        assert response.headers["x-chatrix-count"] == "estimate"
        few = (await response.json())["input_tokens"]
    body["messages"] = [{"role": "user", "content": "word " * 1000}]
    async with gateway.post(body, "/v1/messages/count_tokens") as response:
        assert (await response.json())["input_tokens"] > few + 900


async def test_models_are_listed_for_a_key(gateway: Gateway) -> None:
    assert (await get(gateway, "/v1/models"))[0] == 401
    status, answer, _ = await get(gateway, "/v1/models?limit=1000", **{"x-api-key": gateway.key})
    assert status == 200
    names = [entry["id"] for entry in answer["data"]]
    assert "claude-opus-5-5" in names
    assert (answer["first_id"], answer["last_id"], answer["has_more"]) == (names[0], names[-1], False)
    assert all(entry["type"] == "model" and entry["display_name"] for entry in answer["data"])


async def test_what_was_dropped_and_what_model_answered_is_told(gateway: Gateway) -> None:
    body = {**HELLO, "context_management": {"edits": []}, "from_the_future": 1}
    async with gateway.post(body, headers={"anthropic-beta": "claude-code-20250219,other-2026-01-01"}) as response:
        assert response.status == 200
        dropped = response.headers["x-chatrix-dropped"].split(", ")
        assert response.headers["x-chatrix-model"] == "claude-sonnet-4-5"
    assert {"context_management", "from_the_future", "beta:claude-code-20250219"} <= set(dropped)


async def test_a_retired_name_is_served_by_its_successor_and_disclosed(gateway: Gateway) -> None:
    async with gateway.post({**HELLO, "model": "claude-3-7-sonnet-20250219"}) as response:
        assert response.status == 200
        assert "model" in response.headers["x-chatrix-approximated"].split(", ")
        assert response.headers["x-chatrix-model"] != "claude-3-7-sonnet-20250219"
        assert (await response.json())["model"] == "claude-3-7-sonnet-20250219"


async def test_an_unknown_claude_is_served_by_the_newest_of_its_family(gateway: Gateway) -> None:
    async with gateway.post({**HELLO, "model": "claude-opus-9-20290101"}) as response:
        assert response.status == 200
        assert response.headers["x-chatrix-model"] == "claude-opus-5-5"
        assert "model" in response.headers["x-chatrix-approximated"]


async def test_no_header_of_the_client_reaches_aws(gateway: Gateway) -> None:
    sent = {
        "cookie": "a=canary",
        "x-amz-security-token": "canary",
        "x-forwarded-for": "canary",
        "anthropic-beta": "canary",
    }
    async with gateway.post(HELLO, headers=sent) as response:
        assert response.status == 200
    for exchange in gateway.simulator.exchanges:
        assert "canary" not in str(exchange.headers)
        assert gateway.key not in str(exchange.headers)


async def test_a_body_of_many_megabytes_arrives_whole(gateway: Gateway) -> None:
    text = "lorem ipsum " * 700_000 + "[[has:dolor sit amet]]" + "dolor sit amet"
    async with gateway.post(json.dumps(asking(text)).encode()) as response:
        assert response.status == 200, await response.text()
        assert (await response.json())["content"][0]["text"] == "HAS dolor sit amet yes"


async def raw_exchange(gateway: Gateway, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to any bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(sent)
    async with asyncio.timeout(5):
        status_line, *header_lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = dict(line.lower().split(": ", 1) for line in header_lines)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    writer.close()
    return int(status_line.split()[1]), headers, body


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-api-key: ck_canary\x01\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-api-key ck_canary\r\n\r\n", 400),
        (b"GET /?key=ck_canary HTTP/9.1\r\nhost: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-api-key: " + b"c" * 40_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_not_http_is_told_in_our_words(gateway: Gateway, sent: bytes, status: int) -> None:
    answered, headers, body = await raw_exchange(gateway, sent)
    assert answered == status
    answer = json.loads(body)
    assert answer["error"]["type"] == "invalid_request_error"
    assert answer["request_id"] == headers["request-id"]
    assert "canary" not in body.decode()


async def test_the_private_names_of_aiohttp_that_our_connections_use_still_exist() -> None:
    server = web.Server(lambda _: web.Response())  # type: ignore[arg-type, return-value]  # never called
    assert hasattr(server, "_loop")
    assert hasattr(server, "_kwargs")
    assert asyncio.iscoroutinefunction(web.AppRunner._make_server)


async def test_the_body_is_asked_for_only_after_the_key_has_been_checked(gateway: Gateway) -> None:
    def head(key: str, length: int) -> bytes:
        lines = f"host: x\r\nx-api-key: {key}\r\ncontent-length: {length}\r\nexpect: 100-continue"
        return f"POST /v1/messages HTTP/1.1\r\n{lines}\r\n\r\n".encode()

    assert (await raw_exchange(gateway, head("a-wrong-key-of-length", 99)))[0] == 401
    assert (await raw_exchange(gateway, head(gateway.key, 10**9)))[0] == 413
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    body = json.dumps(HELLO).encode()
    writer.write(head(gateway.key, len(body)))
    async with asyncio.timeout(5):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_too_many_messages_are_refused(gateway: Gateway) -> None:
    body = {**HELLO, "messages": [{"role": "user", "content": "a"}] * 100_001}
    status, error = await post_error(gateway, json.dumps(body).encode())
    assert status == 400
    assert error["message"].startswith("messages: ")


async def test_a_long_request_does_not_hold_up_the_others(gateway: Gateway) -> None:
    """Compared in one run: the others wait for a fraction of the time that understanding the long one takes."""
    body = json.dumps({**HELLO, "messages": [{"role": "user", "content": "a"}] * 90_000}).encode()
    loop = asyncio.get_running_loop()

    async def count() -> float:
        began = loop.time()
        async with gateway.post(body, "/v1/messages/count_tokens") as response:
            assert response.status == 200
        return loop.time() - began

    # Once before: the simulator, whose loop is the same here, looks at all of it when it is first asked to count.
    await count()
    counting = asyncio.create_task(count())
    waits = []
    while not counting.done():
        began = loop.time()
        assert (await get(gateway, "/health"))[0] == 200
        waits.append(loop.time() - began)
    assert max(waits) < await counting / 2


async def test_a_key_for_some_models_may_not_use_others_under_any_name() -> None:
    headers = {"x-api-key": "ck_only_for_sonnet_models"}
    secret = {"api_keys": [{"name": "ci", "key": headers["x-api-key"], "models": ["claude-sonnet-*"]}]}
    options = SimulatorOptions(tokens_per_second=0, secret_string=json.dumps(secret))
    async with open_simulator(options) as simulator, run_gateway(simulator) as gateway:
        async with gateway.post({**HELLO, "model": "sonnet"}, headers=headers) as response:
            assert response.status == 200
        for model in ("opus", "claude-opus-4-8", "us.anthropic.claude-mythos-6", "global.anthropic.claude-opus-6"):
            async with gateway.post({**HELLO, "model": model}, headers=headers) as response:
                assert response.status == 403
                assert (await response.json())["error"]["type"] == "permission_error"
        _, listed, _ = await get(gateway, "/v1/models", **headers)
        assert all(entry["id"].startswith("claude-sonnet-") for entry in listed["data"])


async def test_a_crowd_of_large_bodies_is_refused_before_it_takes_the_memory() -> None:
    """The one that waits for its answer is not counted any more: Bedrock has it."""
    large = asking("[[slow:20]]" + "x" * 60_000, stream=True)
    async with run_both(max_bodies_bytes=100_000) as gateway:
        port = int(gateway.url.rpartition(":")[2])
        async with gateway.post(large) as first:
            assert first.status == 200
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {gateway.key}\r\n"
            writer.write(f"{head}content-length: 60000\r\n\r\n".encode() + b"x" * 1000)
            await until_held(gateway, 60_000)
            for chunked in (False, True):
                body: Any = as_stream(json.dumps(large).encode()) if chunked else json.dumps(large).encode()
                async with (
                    aiohttp.ClientSession() as session,
                    session.post(f"{gateway.url}/v1/messages", data=body, headers={"x-api-key": gateway.key}) as second,
                ):
                    assert second.status == 529
                    assert second.headers["retry-after"] == "1"
                    assert "memory" in (await second.json())["error"]["message"]
            writer.close()
            await until_held(gateway, 0)
        async with gateway.post(asking("[[say:ok]]" + "x" * 60_000)) as third:
            assert third.status == 200


async def until_held(gateway: Gateway, body_bytes: int) -> None:
    async with asyncio.timeout(5):
        while gateway.runner.app[ADMISSION].held_bytes != body_bytes:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)


async def as_stream(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]
