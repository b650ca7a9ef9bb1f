"""The gateway's own credentials, where a service gives them out: STS, asked with the token of a pod or a workflow.

The STS is ours. What it grants lasts five minutes, which for botocore is so little that each request asks again.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from aiohttp import web

from gateway.simulator import Simulator, SimulatorOptions, open_simulator
from tests.faults.serve_process import ServeProcess, client_of, serve, text_of
from tests.support.gateway import asking

ACCOUNT: Final = "123456789012"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/gateway"
NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"
GRANTED: Final = (
    '<AssumeRoleWithWebIdentityResponse xmlns="{namespace}"><AssumeRoleWithWebIdentityResult><Credentials>'
    "<AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    "<Expiration>{expires}</Expiration>"
    "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
)
REFUSED: Final = (
    '<ErrorResponse xmlns="{namespace}"><Error><Type>Sender</Type><Code>ExpiredTokenException</Code>'
    "<Message>Token expired for {role}</Message></Error></ErrorResponse>"
)


class TokenService:
    url = ""
    grants = True
    lifetime = timedelta(minutes=5)

    async def handle(self, _: web.Request) -> web.Response:
        if not self.grants:
            return web.Response(
                status=400, text=REFUSED.format(namespace=NAMESPACE, role=ROLE), content_type="text/xml"
            )
        expires = (datetime.now(UTC) + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.Response(text=GRANTED.format(namespace=NAMESPACE, expires=expires), content_type="text/xml")


@pytest.fixture
async def token_service() -> AsyncIterator[TokenService]:
    service = TokenService()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as running:
        yield running


@asynccontextmanager
async def serve_with_role(simulator: Simulator, url: str, folder: Path) -> AsyncIterator[ServeProcess]:
    (folder / "token").write_text("a.b.c")
    async with serve(
        simulator,
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
        AWS_ROLE_ARN=ROLE,
        AWS_WEB_IDENTITY_TOKEN_FILE=str(folder / "token"),
        AWS_ENDPOINT_URL_STS=url,
        AWS_REGION="us-east-1",
    ) as process:
        yield process
        for line in process.other_lines:
            told = json.loads(line)  # each is one, whoever wrote it
            assert ACCOUNT not in line and "arn:aws" not in line, told  # noqa: PT018


async def refusal(client: aiohttp.ClientSession) -> str:
    async with client.post("/v1/messages", json=asking("[[say:hello]]")) as response:
        told = await response.json()
        assert (response.status, told["error"]["type"]) == (500, "api_error")
    message: str = told["error"]["message"]
    assert ACCOUNT not in message
    return message


async def test_a_role_that_is_refused_later_is_a_fault_of_credentials(
    simulator: Simulator, token_service: TokenService, tmp_path: Path
) -> None:
    async with serve_with_role(simulator, token_service.url, tmp_path) as process, client_of(process) as client:
        assert await text_of(client, "[[say:hello]]") == "hello"
        token_service.grants = False
        calls = len(simulator.exchanges)
        assert "ExpiredTokenException" in await refusal(client)
        async with client.post("/v1/messages/count_tokens", json=asking("hello")) as response:
            assert response.status == 200  # counted by ourselves
        await process.wait_until(lambda: bool(process.requests(fault="credentials")))
        assert len(simulator.exchanges) == calls
        (line,) = process.requests(fault="credentials")
        assert "upstream_calls" not in line
        assert line["upstream_message"].endswith("Token expired for (ARN)")
        token_service.grants = True
        assert await text_of(client, "[[say:again]]") == "again"
    warnings = [json.loads(line) for line in process.other_lines if "botocore.credentials" in line]
    assert {warning["level"] for warning in warnings} == {"WARNING"}
    assert {warning["error_cause"] for warning in warnings} == {"ExpiredTokenException"}


async def test_a_role_that_was_never_granted_is_not_blamed_on_the_secret(
    simulator: Simulator, token_service: TokenService, tmp_path: Path
) -> None:
    token_service.grants = False
    async with serve_with_role(simulator, token_service.url, tmp_path) as process, client_of(process) as client:
        message = await refusal(client)
        assert "renew its credentials" in message
        assert "GetSecretValue" not in message
        await process.wait_until(lambda: bool(process.requests(fault="credentials")))


async def test_a_token_service_that_nobody_reaches_is_not_bedrock_out_of_reach(
    simulator: Simulator, token_service: TokenService, tmp_path: Path
) -> None:
    async with serve_with_role(simulator, "http://127.0.0.1:9", tmp_path) as process, client_of(process) as client:
        await refusal(client)
        await process.wait_until(lambda: bool(process.requests(fault="credentials")))


async def test_credentials_that_have_expired_when_they_come_are_a_fault_of_credentials(
    simulator: Simulator, token_service: TokenService, tmp_path: Path
) -> None:
    async with serve_with_role(simulator, token_service.url, tmp_path) as process, client_of(process) as client:
        assert await text_of(client, "[[say:hello]]") == "hello"
        token_service.lifetime = timedelta(minutes=-5)
        await refusal(client)
        await process.wait_until(lambda: bool(process.requests(fault="credentials")))
