"""What a request may not choose: where the gateway connects to, what it fetches, and what it says to AWS.

Names of models end in the path of a URL, some blocks hold URLs, and other gateways take the address of their upstream
from a request. Here a trap listens on loopback: nothing may ever connect to it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import pytest

from gateway.simulator import Exchange
from tests.faults.raw_http import converse
from tests.support.gateway import HELLO, Gateway, asking

ACCOUNT: Final = "123456789012"
BEDROCK: Final = f"arn:aws:bedrock:us-west-2:{ACCOUNT}:"
CLAUDE: Final = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

NAMES: Final = (
    "",
    " ",
    ".",
    "..",
    "...",
    "-",
    "*",
    "../..",
    "../converse",
    "..\\..",
    "a/../b",
    "/",
    "//other.example/a",
    "claude-sonnet-4-5/../../guardrail/x",
    "claude-sonnet-4-5/",
    "claude-sonnet-4-5/converse-stream",
    "claude-sonnet-4-5?a=b",
    "claude-sonnet-4-5#a",
    "claude-sonnet-4-5;a",
    "claude-sonnet-4-5%2f..",
    "claude-sonnet-4-5%00",
    "claude sonnet 4 5",
    "%2e%2e",
    "%2e%2e%2f",
    "..%2f..%2fconverse",
    "%252e%252e",
    "a\r\nhost: other.example",
    "claude-sonnet-4-5\r\nx-amz-target: a",
    "claude-sonnet-4-5\n",
    "claude-sonnet-4-5\0",
    "claude-sonnet-4-5\t",
    "\x01\x02\x1b[2J",
    "claude-sonnet-4-5\x7f",
    "\u0441laude-sonnet-4-5",  # a Cyrillic letter that looks like the first one
    "ｃｌａｕｄｅ-sonnet-4-5",  # noqa: RUF001  # full width
    "\u202eclaude-sonnet-4-5",
    "claude-sonnet-4-5\u2028",
    "x" * 80_000,
    "claude-" + "x" * 80_000,
    "arn:" + "x" * 80_000,
    "null",
    "{}",
    "${jndi:ldap://other.example/a}",
    "{{7*7}}",
    "$(id)",
    "'; DROP TABLE keys; --",
    "<script>alert(1)</script>",
    "http://other.example/",
    "file:///etc/passwd",
    "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic/claude-sonnet-4-5",
    "openai/gpt-4o",
    "gpt-4o",
    "sagemaker/endpoint",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0/../x",
    "us..claude-sonnet-4-5",
    "xx.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.",
    "anthropic.claude..x",
    "arn:aws:s3:::bucket",
    f"arn:aws:iam::{ACCOUNT}:role/admin",
    f"arn:aws:sagemaker:us-west-2:{ACCOUNT}:endpoint/a",
    f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:a",
    f"{BEDROCK}custom-model/a/b",
    f"{BEDROCK}imported-model/a",
    f"{BEDROCK}provisioned-model/a",
    f"{BEDROCK}prompt/ABCDEFGHIJ",
    f"{BEDROCK}prompt-router/a",
    f"{BEDROCK}default-prompt-router/anthropic.claude:1",
    f"{BEDROCK}agent/a",
    f"{BEDROCK}guardrail/a",
    f"{BEDROCK}inference-profile/../x",
    f"{BEDROCK}inference-profile/{CLAUDE}/../x",
    f"{BEDROCK}application-inference-profile/../../x",
    f"{BEDROCK}application-inference-profile/a?b",
    f"{BEDROCK}application-inference-profile/a\r\nb",
    f"arn:aws:bedrock:other.example:{ACCOUNT}:inference-profile/{CLAUDE}",
    f"arn:aws:bedrock:us-west-2@other.example:{ACCOUNT}:inference-profile/{CLAUDE}",
    f"arn:aws:bedrock:us-west-2:12345678901:inference-profile/{CLAUDE}",
    f"arn:evil:bedrock:us-west-2:{ACCOUNT}:inference-profile/{CLAUDE}",
    f" {BEDROCK}inference-profile/{CLAUDE}",
)

# Headers that a client may send and AWS must never see, each with a canary for its value.
CANARY: Final = "header-canary"
CLIENT_HEADERS: Final = (
    "accept",
    "accept-language",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "anthropic-organization-id",
    "anthropic-version",
    "authorization",
    "baggage",
    "cache-control",
    "cookie",
    "forwarded",
    "from",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "user-agent",
    "via",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-target",
    "x-amzn-bedrock-accept",
    "x-amzn-bedrock-save",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-app",
    "x-b3-traceid",
    "x-claude-code-session-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
    "x-request-id",
    "x-stainless-arch",
    "x-stainless-retry-count",
)
# All that AWS is sent, with or without them.
AWS_HEADERS: Final = {
    "accept",
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "x-amz-date",
    "x-amz-target",
    "x-amz-user-agent",
}

# What other gateways take an address from.
OTHERS: Final = (
    "api_base",
    "api_host",
    "api_url",
    "aws_bedrock_runtime_endpoint",
    "aws_sts_endpoint",
    "base_url",
    "callback",
    "callback_url",
    "endpoint",
    "endpoint_url",
    "file_url",
    "host",
    "http_proxy",
    "https_proxy",
    "image_url",
    "langfuse_host",
    "model_url",
    "proxy",
    "proxy_url",
    "server_url",
    "success_callback",
    "url",
    "webhook",
    "webhook_url",
)


@dataclass(slots=True)
class Trap:
    """A port that nobody has a reason to connect to."""

    port: int
    connections: int = 0

    def sprung(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture(scope="module")
async def trap() -> AsyncIterator[Trap]:
    trap = Trap(0)
    server = await asyncio.start_server(trap.sprung, "127.0.0.1", 0)
    trap.port = server.sockets[0].getsockname()[1]
    async with server:
        yield trap


async def test_the_trap_notices_who_connects(trap: Trap) -> None:
    another = Trap(trap.port)
    server = await asyncio.start_server(another.sprung, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        assert await reader.read() == b""
        writer.close()
    assert another.connections == 1


def to_bedrock(gateway: Gateway) -> list[Exchange]:
    """But for the keys, and for the list of profiles that is asked for once and names nothing of a request."""
    harmless = ("GetSecretValue", "ListInferenceProfiles")
    return [exchange for exchange in gateway.simulator.exchanges if exchange.operation not in harmless]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:40]))
async def test_no_odd_name_of_a_model_reaches_aws(gateway: Gateway, name: str) -> None:
    before = len(to_bedrock(gateway))
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        async with gateway.post({**HELLO, "model": name}, path) as response:
            answer = await response.json()
            assert response.status in (400, 404), answer
        assert answer["error"]["type"] in ("invalid_request_error", "not_found_error")
        assert len(answer["error"]["message"]) < 400
        assert ACCOUNT not in answer["error"]["message"]
    assert len(to_bedrock(gateway)) == before


# A slash at the end of a path says nothing, so these names are none there, or good ones.
IN_PATHS: Final = [name for name in NAMES if name.strip("/ ") not in ("", "claude-sonnet-4-5")]


@pytest.mark.parametrize("name", IN_PATHS, ids=lambda name: repr(name[:40]))
async def test_nor_does_one_in_the_path_of_the_models(gateway: Gateway, name: str) -> None:
    """As it stands, as far as HTTP lets it stand in a path; encoded as clients do it; and its every byte encoded."""
    before = len(to_bedrock(gateway))
    for written in (quote(name, safe="%/:@;"), quote(name, safe=""), "".join(f"%{byte:02x}" for byte in name.encode())):
        head = f"GET /v1/models/{written} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {gateway.key}\r\n\r\n"
        answer, *_ = (await converse(gateway.url, head.encode())).answers
        assert answer.status in (400, 404, 431), answer
        assert answer.error["type"] in ("invalid_request_error", "not_found_error")
        assert ACCOUNT not in answer.error["message"]
    assert len(to_bedrock(gateway)) == before


async def test_whatever_a_known_family_is_called_only_ids_of_the_catalog_reach_aws(gateway: Gateway) -> None:
    """An unknown Claude is served by its family's newest. Its name goes nowhere."""
    for name in (
        "claude-sonnet-..",
        "claude-opus-:::",
        "claude-haiku-@@@[1m]",
        "claude-sonnet-4-5@..",
        "claude-fable--v1",
    ):
        async with gateway.post({**HELLO, "model": name}) as response:
            assert response.status == 200
        called = to_bedrock(gateway)[-1].model_id
        assert called is not None
        assert called.startswith(("us.anthropic.claude-", "global.anthropic.claude-"))
        assert ".." not in called
        assert "@" not in called


def addresses(port: int) -> tuple[str, ...]:
    """One place, as many ways of writing it as filters forget; and schemes that need no host."""
    return (
        f"http://127.0.0.1:{port}/a.png",
        f"http://localhost:{port}/a.png",
        f"http://2130706433:{port}/",
        f"http://0x7f000001:{port}/",
        f"http://0x7f.0.0.1:{port}/",
        f"http://0177.0.0.1:{port}/",
        f"http://127.1:{port}/",
        f"http://0:{port}/",
        f"http://[::ffff:127.0.0.1]:{port}/",
        f"http://user@127.0.0.1:{port}/",
        f"http://other.example@127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}#@other.example/",
        f"//127.0.0.1:{port}/",
        f"https://127.0.0.1:{port}/",
        f"ftp://127.0.0.1:{port}/",
        f"gopher://127.0.0.1:{port}/_GET",
        f"http:127.0.0.1:{port}",
        f" http://127.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "data:text/plain,hello",
        "s3://bucket/key",
        "",
    )


def places(url: str) -> dict[str, list[dict[str, Any]]]:
    """Conversations with the URL in each place that has one, by the path that a refusal must begin with."""
    source = {"type": "url", "url": url}
    image, document = {"type": "image", "source": source}, {"type": "document", "source": source}
    inside = {"type": "document", "source": {"type": "content", "content": [image]}}
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "a", "input": {}}]}
    return {
        "messages.0.content.0.source": [{"role": "user", "content": [image]}],
        "messages.0.content.1.source": [{"role": "user", "content": [{"type": "text", "text": "a"}, document]}],
        "messages.0.content.0.source.content": [{"role": "user", "content": [inside]}],
        "messages.2.content.0.content.0.source": [
            {"role": "user", "content": "a"},
            call,
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [image]}]},
        ],
    }


async def test_no_url_is_fetched_and_each_is_refused_by_its_place(gateway: Gateway, trap: Trap) -> None:
    before = len(to_bedrock(gateway))
    for url in addresses(trap.port):
        for path, messages in places(url).items():
            async with gateway.post({**HELLO, "messages": messages}) as response:
                answer = await response.json()
                assert response.status == 400, (url, path)
            assert answer["error"]["message"].startswith(path), (url, path, answer)
    assert trap.connections == 0
    assert len(to_bedrock(gateway)) == before


def settings_of_others(port: int) -> dict[str, Any]:
    """What other gateways, and clients of theirs, take from a request."""
    url = f"http://127.0.0.1:{port}/"
    return dict.fromkeys(OTHERS, url) | {
        "api_key": "a",
        "api_version": "a",
        "custom_llm_provider": "openai",
        "aws_region_name": "us-east-1",
        "aws_access_key_id": "a",
        "aws_secret_access_key": "a",
        "aws_session_token": "a",
        "aws_role_name": f"arn:aws:iam::{ACCOUNT}:role/a",
        "aws_web_identity_token": url,
        "extra_headers": {"x-amz-target": "a"},
        "extra_body": {"modelId": ".."},
        "modelId": "..",
        "additionalModelRequestFields": {"a": url},
        "guardrailConfig": {"guardrailIdentifier": "a", "guardrailVersion": "1"},
        "inferenceConfig": {"maxTokens": 1},
        "fallbacks": [{"model": "gpt-4o", "api_base": url}],
        "user_config": {"model_list": [{"litellm_params": {"api_base": url}}]},
        "metadata": {"user_id": url, "endpoint": url},
    }


async def test_no_field_header_or_query_chooses_another_upstream(gateway: Gateway, trap: Trap) -> None:
    others = settings_of_others(trap.port)
    headers = {name.replace("_", "-"): value for name, value in others.items() if isinstance(value, str)}
    headers |= {f"x-{name}": value for name, value in headers.items()} | {"x-amz-endpoint": headers["endpoint"]}
    del headers["host"], headers["x-api-key"]
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in others.items() if isinstance(value, str))
    async with gateway.post({**HELLO, **others}, f"/v1/messages?{query}", headers) as response:
        assert response.status == 200, await response.text()
        dropped = response.headers["x-chatrix-dropped"].split(", ")
    assert "api_base" in dropped
    assert trap.connections == 0
    sent = to_bedrock(gateway)[-1]
    assert str(trap.port) not in json.dumps(sent.body)
    assert set(sent.body) <= {"messages", "inferenceConfig", "additionalModelResponseFieldPaths"}
    assert sent.body["inferenceConfig"] == {"maxTokens": HELLO["max_tokens"]}


@pytest.mark.parametrize("name", list(settings_of_others(1)))
async def test_each_of_them_is_told_as_dropped_or_refused(gateway: Gateway, trap: Trap, name: str) -> None:
    async with gateway.post({**HELLO, name: settings_of_others(trap.port)[name]}) as response:
        if response.status == 200:
            assert name in response.headers["x-chatrix-dropped"].split(", ")
        else:
            assert response.status == 400
            assert (await response.json())["error"]["message"].startswith(name)
    assert trap.connections == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"mcp_servers": [{"type": "url", "name": "a", "url": "http://127.0.0.1:{port}/"}]},
        {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch", "allowed_domains": ["127.0.0.1:{port}"]}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
        {"tools": [{"type": "mcp_toolset", "mcp_server_name": "a"}]},
        {"container": "http://127.0.0.1:{port}/"},
        {"tools": [{"name": "a", "input_schema": {"$ref": "http://127.0.0.1:{port}/schema.json"}}]},
        {"output_config": {"format": {"type": "json_schema", "schema": {"$ref": "file:///etc/passwd"}}}},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
async def test_nothing_that_others_would_fetch_is_fetched(
    gateway: Gateway, trap: Trap, changes: dict[str, Any]
) -> None:
    body = json.loads(json.dumps({**HELLO, **changes}).replace("{port}", str(trap.port)))
    async with gateway.post(body) as response:
        assert response.status in (200, 400)
        if response.status == 400:
            answer = await response.json()
            assert answer["error"]["message"].startswith(next(iter(changes)))
    assert trap.connections == 0


async def test_of_a_clients_headers_aws_sees_none(gateway: Gateway) -> None:
    for name in CLIENT_HEADERS:
        before = len(gateway.simulator.exchanges)
        async with gateway.post(asking("[[say:hello]]"), headers={name: f"{CANARY}-{name}"}) as response:
            # A canary is neither a guardrail nor any other setting.
            assert response.status == 200, name
        for exchange in list(gateway.simulator.exchanges)[before:]:
            assert CANARY not in json.dumps(exchange.headers), name
            assert CANARY not in json.dumps(exchange.body), name
            assert CANARY not in json.dumps(exchange.query), name
            assert gateway.key not in json.dumps([exchange.headers, exchange.body, exchange.query])
            assert set(exchange.headers) <= AWS_HEADERS
