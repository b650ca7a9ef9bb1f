"""The gateway under test: our app under `AppRunner` with the arguments `serve` uses, in front of a simulator."""

import io
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest import mock

import aiohttp
from aiohttp import web
from msgspec.structs import replace

from gateway.app import build_app, make_runner, stop
from gateway.connections import Runner
from gateway.settings import Settings
from gateway.simulator import LOCAL_API_KEY, Exchange, Simulator, SimulatorOptions, open_simulator

HELLO: Final[Mapping[str, Any]] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "[[say:hello]]"}],
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway; `simulator` is the Bedrock behind it."""

    url: str
    simulator: Simulator
    runner: Runner
    key: str = LOCAL_API_KEY

    def calls(self) -> list[Exchange]:
        """What has reached Bedrock's ConverseStream so far."""
        return [exchange for exchange in self.simulator.exchanges if exchange.operation == "ConverseStream"]

    @asynccontextmanager
    async def post(
        self, body: Mapping[str, Any] | bytes, path: str = "/v1/messages", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        sent = {"x-api-key": self.key, "anthropic-version": "2023-06-01", **(headers or {})}
        content: dict[str, Any] = {"data": io.BytesIO(body)} if isinstance(body, bytes) else {"json": body}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url + path, headers=sent, **content) as response,
        ):
            yield response


def aws_environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_BEDROCK": url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }


@asynccontextmanager
async def run_gateway(simulator: Simulator, **changes: Any) -> AsyncIterator[Gateway]:
    """`changes` in upper case are variables of AWS's libraries (None: unset), the others fields of Settings."""
    settings: dict[str, Any] = {"log_level": "ERROR"}
    settings |= {name: value for name, value in changes.items() if name.islower()}
    variables = aws_environment(simulator.url) | {name: value for name, value in changes.items() if name.isupper()}
    # botocore reads its variables when a client is made: in `setup`, and the control plane's at the first unknown name.
    with mock.patch.dict(os.environ, {name: value for name, value in variables.items() if value is not None}):
        for name in [name for name, value in variables.items() if value is None]:
            os.environ.pop(name, None)
        app = build_app(replace(Settings.from_env({}), **settings))
        runner = make_runner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield Gateway(f"http://127.0.0.1:{runner.addresses[0][1]}", simulator, runner)
        finally:
            await stop(runner, grace_seconds=0)


@asynccontextmanager
async def run_both(**settings: Any) -> AsyncIterator[Gateway]:
    async with (
        open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator,
        run_gateway(simulator, **settings) as gateway,
    ):
        yield gateway


def asking(text: str, **changes: Any) -> dict[str, Any]:
    """A small request whose only user message is `text`, which may hold simulator markers."""
    return {**HELLO, "messages": [{"role": "user", "content": text}], **changes}
