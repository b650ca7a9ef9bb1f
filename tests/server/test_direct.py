"""The short way to Bedrock: what it sends is what aiobotocore would have sent, signed as botocore signs."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from unittest import mock

import botocore.auth
import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import get_session
from aiohttp import web
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.eventstream import encode_event
from gateway.protocol.request_body import RequestBody
from gateway.settings import Settings
from gateway.upstreams.bedrock import Bedrock, open_bedrock
from gateway.upstreams.signing import Signer
from tests.support.bedrock_stream import all_frames
from tests.support.gateway import aws_environment

MODEL = "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
WORDS = st.text("ABCxyz0129+/=", min_size=1, max_size=60)


def signed_by_botocore(
    credentials: ReadOnlyCredentials, url: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> dict[str, str]:
    request = AWSRequest("POST", url, headers=dict(headers), data=body)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        botocore.auth.SigV4Auth(credentials, "bedrock", "us-west-2").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(WORDS, WORDS, st.none() | WORDS, st.text("abc%:./-_~", max_size=30), st.binary(max_size=200), st.integers(0, 3))
def test_the_signature_is_botocores(
    access_key: str, secret_key: str, token: str | None, model: str, body: bytes, days: int
) -> None:
    now = NOW + timedelta(days=days)
    path = "/model/" + model.replace("/", "%2F").replace("..", "") + "x/converse-stream"
    headers = {"content-type": "application/json", "host": "bedrock.test:81", "amz-sdk-request": "attempt=1"}
    credentials = ReadOnlyCredentials(access_key, secret_key, token)
    ours = Signer("bedrock", "us-west-2").sign(credentials, path, headers, body, now)
    assert headers | ours == signed_by_botocore(credentials, f"http://bedrock.test:81{path}", headers, body, now)


def test_the_derived_key_is_the_one_of_its_day_and_its_secret() -> None:
    signer = Signer("bedrock", "us-west-2")
    headers = {"host": "bedrock.test"}
    for secret_key, days in (("one", 0), ("one", 1), ("two", 1), ("one", 0)):
        credentials = ReadOnlyCredentials("id", secret_key, None)
        now = NOW + timedelta(days=days)
        expected = signed_by_botocore(credentials, "http://bedrock.test/x", headers, b"", now)
        assert headers | signer.sign(credentials, "/x", headers, b"", now) == expected


@dataclass
class Listener:
    """A Bedrock that remembers what it was sent."""

    url: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.raw_path, headers, await request.read()))
        body = encode_event("messageStop", b'{"stopReason":"end_turn"}')
        return web.Response(body=body, content_type="application/vnd.amazon.eventstream")


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/{path:.*}", listener.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield listener
    await runner.cleanup()


@asynccontextmanager
async def bedrock_at(url: str, **variables: str) -> AsyncIterator[Bedrock]:
    environment = {**aws_environment(url), "AWS_SESSION_TOKEN": "a-token", **variables}
    with mock.patch.dict(os.environ, environment):
        async with open_bedrock(get_session(), Settings()) as bedrock:
            yield bedrock


class Calls:
    upstream_calls = 0
    retry_budget_empty = False


async def call(bedrock: Bedrock, body: bytes) -> None:
    async with bedrock.converse_stream(MODEL, RequestBody(body), Calls()) as stream:
        assert await all_frames(stream)


async def test_nobody_is_called_before_the_first_request(listener: Listener) -> None:
    async with bedrock_at(listener.url):
        await asyncio.sleep(0)
    assert listener.requests == []


@pytest.mark.parametrize("body", [b'{"messages":[]}', b'{"x":"' + b"y" * 2**21 + b'"}'], ids=["short", "long"])
async def test_what_is_sent_is_what_aiobotocore_would_send(listener: Listener, body: bytes) -> None:
    async with bedrock_at(listener.url) as bedrock:
        await call(bedrock, body)
        # The way of the client itself, for comparison.
        result = await bedrock.client.converse_stream(modelId=MODEL, chatrixBody=body)
        result["raw"].close()
    (path, ours, our_body), (their_path, theirs, their_body) = listener.requests
    assert path == their_path
    assert our_body == their_body == body
    assert ours.keys() == theirs.keys()
    own = {"amz-sdk-invocation-id", "authorization", "x-amz-date", "user-agent"}
    assert {name: value for name, value in ours.items() if name not in own} == {
        name: value for name, value in theirs.items() if name not in own
    }
    assert ours["user-agent"].split()[:2] == theirs["user-agent"].split()[:2]
    check_signature(listener.url + path, ours, our_body)


async def test_behind_a_proxy_it_is_the_proxy_that_is_asked(listener: Listener) -> None:
    variables = {"http_proxy": listener.url, "no_proxy": "", "NO_PROXY": ""}
    async with bedrock_at("http://bedrock.test", **variables) as bedrock:
        for _ in range(2):
            await call(bedrock, b"{}")
    for target, headers, body in listener.requests:
        assert target.startswith("http://bedrock.test/model/")
        assert headers["host"] == "bedrock.test"
        assert body == b"{}"
        check_signature(target, headers, body)
    assert len(listener.requests) == 2


def check_signature(url: str, headers: Mapping[str, str], body: bytes) -> None:
    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "x-amz-date", "x-amz-security-token", "content-type"} <= set(names)
    made = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    credentials = ReadOnlyCredentials("test", "test", "a-token")
    plain = {name: headers[name] for name in names if name not in ("x-amz-date", "x-amz-security-token")}
    assert signed_by_botocore(credentials, url, plain, body, made)["authorization"] == headers["authorization"]


async def test_credentials_that_are_renewed_sign_the_next_request(listener: Listener) -> None:
    renewals: list[None] = []

    async def renew() -> dict[str, str]:
        renewals.append(None)
        # So soon that they are renewed before each request.
        expires = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        number = len(renewals)
        return {"access_key": f"ID{number}", "secret_key": "x", "token": f"token-{number}", "expiry_time": expires}

    session = get_session()
    with mock.patch.dict(os.environ, aws_environment(listener.url)):
        soon = datetime.now(UTC) + timedelta(minutes=5)
        session._credentials = AioRefreshableCredentials("ID0", "x", "token-0", soon, renew, "test")
        async with open_bedrock(session, Settings()) as bedrock:
            for _ in range(2):
                await call(bedrock, b"{}")
                _, headers, _ = listener.requests[-1]
                assert headers["x-amz-security-token"] == f"token-{len(renewals)}"
                assert f"Credential=ID{len(renewals)}/" in headers["authorization"]
    tokens = [headers["x-amz-security-token"] for _, headers, _ in listener.requests]
    assert len(set(tokens)) == 2


async def test_without_credentials_it_starts_and_says_so_at_the_first_request(listener: Listener) -> None:
    gone = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
    async with bedrock_at(listener.url, **gone) as bedrock:
        with pytest.raises(Exception, match="credentials"):
            await call(bedrock, b"{}")
    assert listener.requests == []


async def test_the_client_still_has_its_session_where_it_is_looked_for(listener: Listener) -> None:
    async with bedrock_at(listener.url) as bedrock:
        assert isinstance(bedrock.client._endpoint.http_session, AIOHTTPSession)
