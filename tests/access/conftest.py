"""Two Secrets Managers on loopback: moto's server for what AWS does, and a stand-in that counts and can fail.

Clocks start at the true time, because moto dates its versions by it, and move only when a test moves them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import pytest
from aiobotocore.session import AioSession, get_session
from aiohttp import web
from moto.server import ThreadedMotoServer

from gateway.access import Gatekeeper, gatekeeper_for
from gateway.clocks import Clocks
from gateway.secret_store import open_secrets_reader
from gateway.settings import Settings

HANG: Final = "hang"

Connect = Callable[[str, Settings], Awaitable[Gatekeeper]]


@dataclass
class TestClock:
    __test__ = False

    wall_now: float = field(default_factory=time.time)
    monotonic_now: float = 1000.0

    def clocks(self) -> Clocks:
        return Clocks(wall=lambda: self.wall_now, monotonic=lambda: self.monotonic_now)

    def pass_seconds(self, seconds: float) -> None:
        self.wall_now += seconds
        self.monotonic_now += seconds

    def freeze(self, seconds: float) -> None:
        """As Lambda does: time goes on, the monotonic clock does not."""
        self.wall_now += seconds

    def turn_back(self, seconds: float) -> None:
        self.wall_now -= seconds
        self.monotonic_now += 0.01

    def pass_with_wall_stopped(self, seconds: float) -> None:
        self.monotonic_now += seconds


@dataclass
class SecretsManagerStandIn:
    """Answers GetSecretValue from `stages`, or with `answer`: HANG, or a status and a body."""

    stages: dict[str, dict[str, str | float]] = field(default_factory=dict)
    answer: str | tuple[int, bytes] | None = None
    answer_by_stage: dict[str, str | tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self, text: str) -> None:
        """A rotation, as AWS does it: the current version becomes the previous one."""
        if "AWSCURRENT" in self.stages:
            self.stages["AWSPREVIOUS"] = self.stages["AWSCURRENT"]
        self.stages["AWSCURRENT"] = {"Name": "key", "SecretString": text, "CreatedDate": time.time()}

    @property
    def reads(self) -> int:
        return self.asked.count("AWSCURRENT")

    def refuse(self, code: str, message: str = "no", status: int = 400) -> None:
        self.answer = (status, b'{"__type": "%s", "message": "%s"}' % (code.encode(), message.encode()))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        stage = (await request.json())["VersionStage"]
        self.asked.append(stage)
        answer = self.answer or self.answer_by_stage.get(stage)
        if answer == HANG:
            self.hanging.set()
            await self.released.wait()
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], body=answer[1])
        if stage not in self.stages:
            return web.json_response({"__type": "ResourceNotFoundException"}, status=400)
        return web.json_response(self.stages[stage])


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def stand_in() -> SecretsManagerStandIn:
    return SecretsManagerStandIn()


@pytest.fixture
async def stand_in_url(stand_in: SecretsManagerStandIn) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", stand_in.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    stand_in.released.set()
    await runner.cleanup()


@pytest.fixture(scope="session")
def session() -> AioSession:
    """One for all tests: it keeps the service model, which takes longer to load than most tests run."""
    session = get_session()
    session.set_credentials("made-up", "made-up")
    return session


@pytest.fixture
async def connect(session: AioSession, clock: TestClock) -> AsyncIterator[Connect]:
    """A gatekeeper in front of the Secrets Manager at a URL, with the test's clock."""
    async with AsyncExitStack() as stack:

        async def connect_to(url: str, settings: Settings) -> Gatekeeper:
            reader = await stack.enter_async_context(open_secrets_reader(session, settings, endpoint_url=url))
            return gatekeeper_for(reader, settings, clock.clocks())

        yield connect_to


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
async def gatekeeper(stand_in_url: str, connect: Connect) -> Gatekeeper:
    """Over the stand-in. Patient: what a busy machine takes its time for is not what a test is about."""
    return await connect(stand_in_url, Settings(secret_timeout_seconds=20))


@pytest.fixture
def settings() -> Settings:
    """Short patience, because a test of a hanging server waits for its whole length."""
    return Settings(secret_timeout_seconds=0.5)


@pytest.fixture
async def hasty_gatekeeper(stand_in_url: str, connect: Connect, settings: Settings) -> Gatekeeper:
    return await connect(stand_in_url, settings)


_SECRET_NUMBERS: Final = count(1)


@dataclass
class MotoSecret:
    """A secret of its own in moto: a writer's client for the test, and a gatekeeper that reads it."""

    client: Any
    name: str
    gatekeeper: Gatekeeper

    async def create(self, text: str) -> None:
        await self.client.create_secret(Name=self.name, SecretString=text)

    async def rotate(self, text: str) -> None:
        await self.client.put_secret_value(SecretId=self.name, SecretString=text)

    async def delete(self) -> None:
        await self.client.delete_secret(SecretId=self.name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
async def moto_secret(moto_url: str, session: AioSession, connect: Connect) -> AsyncIterator[MotoSecret]:
    settings = Settings(secret_name=f"test/key-{next(_SECRET_NUMBERS)}")
    async with session.create_client("secretsmanager", region_name=settings.region, endpoint_url=moto_url) as client:
        yield MotoSecret(client, settings.secret_name, await connect(moto_url, settings))
