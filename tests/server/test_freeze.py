"""A process that stood still: its pooled connections may be dead without a sign, so they are not used again.

These tests guard the private members of aiohttp that `http_session.py` uses, too.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from unittest import mock

import pytest
from aiobotocore.session import get_session

from gateway.clocks import JUMP_SECONDS, Clocks, FreezeDetector
from gateway.protocol.request_body import RequestBody
from gateway.settings import Settings
from gateway.simulator import Simulator, SimulatorOptions, open_simulator
from gateway.upstreams.bedrock import Bedrock, open_bedrock
from tests.support.bedrock_stream import all_frames
from tests.support.gateway import aws_environment

BODY = RequestBody(b'{"messages": [{"role": "user", "content": [{"text": "[[say:ok]]"}]}]}')
LONG_BODY = RequestBody(b'{"messages": [{"role": "user", "content": [{"text": "[[pace:0.02]][[seq:20]]"}]}]}')
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


@dataclass
class Frozen:
    """Both clocks, moved by hand: what a freeze does to them differs from platform to platform."""

    wall: float = 1_800_000_000.0
    monotonic: float = 1_000.0

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.monotonic)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def freeze(self, seconds: float) -> None:
        self.wall += seconds


@dataclass
class Calls:
    upstream_calls: int = 0
    retry_budget_empty: bool = False


@pytest.fixture
def time() -> Frozen:
    return Frozen()


@asynccontextmanager
async def run(time: Frozen) -> AsyncIterator[tuple[Bedrock, Simulator]]:
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        with mock.patch.dict(os.environ, aws_environment(simulator.url)):
            async with open_bedrock(get_session(), Settings(), time.clocks()) as bedrock:
                yield bedrock, simulator


async def ask(bedrock: Bedrock) -> None:
    async with bedrock.converse_stream(MODEL, BODY, Calls()) as stream:
        assert await all_frames(stream)


async def test_after_a_freeze_no_old_connection_is_used(time: Frozen) -> None:
    async with run(time) as (bedrock, simulator):
        await ask(bedrock)
        time.freeze(60)
        await ask(bedrock)
        assert simulator.connections_accepted == 2
        await ask(bedrock)
        assert simulator.connections_accepted == 2


async def test_without_a_freeze_connections_are_kept_however_long_it_takes(time: Frozen) -> None:
    async with run(time) as (bedrock, simulator):
        for seconds in (0.0, 1.0, 3_600.0):
            time.pass_by(seconds)
            await ask(bedrock)
        assert simulator.connections_accepted == 1


async def test_a_stream_that_was_open_during_the_freeze_goes_on(time: Frozen) -> None:
    async with run(time) as (bedrock, _), bedrock.converse_stream(MODEL, LONG_BODY, Calls()) as stream:
        frames = await stream.read()
        time.freeze(60)
        await ask(bedrock)
        frames += await all_frames(stream)
        names = [frame.headers[":event-type"] for frame in frames]
        assert names.count("contentBlockDelta") == 20
        assert names[-1] == "metadata"


@pytest.mark.parametrize(("wall", "monotonic"), [(60.0, 0.0), (3_600.0, 12.0), (-60.0, 1.0), (0.0, JUMP_SECONDS + 0.1)])
def test_a_freeze_is_two_clocks_that_disagree(time: Frozen, wall: float, monotonic: float) -> None:
    detector = FreezeDetector(time.clocks())
    time.wall += wall
    time.monotonic += monotonic
    assert detector.thawed()
    assert not detector.thawed()
