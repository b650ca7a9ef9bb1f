"""A token counter on a real client, in front of a simulator, with clocks that tests can set."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from aiobotocore.session import get_session

from gateway.catalog import Model, Resolution, resolve
from gateway.clocks import Clocks
from gateway.counting import Count, TokenCounter
from gateway.protocol.calibration import Calibration
from gateway.protocol.estimate import estimate_input
from gateway.protocol.to_converse import Translation
from gateway.settings import Settings
from gateway.simulator import Exchange, Simulator, SimulatorOptions, open_simulator
from gateway.upstreams.bedrock import open_bedrock
from gateway.upstreams.counting import TokenCounting
from tests.support.gateway import aws_environment

COUNTABLE = "claude-sonnet-4-5"


def resolved(name: str = COUNTABLE) -> Resolution:
    resolution = resolve(name, "us-west-2")
    assert resolution is not None
    return resolution


def model(name: str = COUNTABLE) -> Model:
    return resolved(name).model


@dataclass
class Time:
    """Both clocks; Lambda stops the monotonic one while it freezes the process."""

    wall: float = 1_800_000_000.0
    monotonic: float = 1_000.0

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.monotonic)


async def count_request(
    counter: TokenCounter, request: Any, name: str = COUNTABLE, *, is_long: bool = False, **fields: Any
) -> Count:
    """`request` is a Converse request; `fields` are what else its translation says."""
    translation = Translation(request, {}, (), **fields)
    return await counter.count(translation, resolved(name), estimate_input(request, model(name)), is_long=is_long)


@dataclass
class Bench:
    """`counter` as the app has it, and what it sent."""

    counter: TokenCounter
    simulator: Simulator
    time: Time = field(default_factory=Time)

    async def count(self, text: str, name: str = COUNTABLE, **fields: Any) -> Count:
        request: Any = {"messages": [{"role": "user", "content": [{"text": text}]}], **fields}
        return await self.count_request(request, name)

    async def count_request(self, request: Any, name: str = COUNTABLE, *, is_long: bool = False) -> Count:
        return await count_request(self.counter, request, name, is_long=is_long)

    def calls(self) -> list[Exchange]:
        return [exchange for exchange in self.simulator.exchanges if exchange.operation == "CountTokens"]


@asynccontextmanager
async def open_counter(url: str, time: Time) -> AsyncIterator[TokenCounter]:
    with mock.patch.dict(os.environ, aws_environment(url)):
        async with open_bedrock(get_session(), Settings()) as bedrock:
            yield TokenCounter(TokenCounting(bedrock.client, bedrock.credentials), Calibration(), time.clocks())


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    time = Time()
    async with (
        open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator,
        open_counter(simulator.url, time) as counter,
    ):
        yield Bench(counter, simulator, time)
