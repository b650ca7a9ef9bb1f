"""The gateway as Lambda runs it: real processes behind doubles of Lambda and of its web adapter."""

from collections.abc import AsyncIterator

import pytest

from gateway.simulator import Simulator, SimulatorOptions, open_simulator
from tests.doubles.function_url import FunctionUrl
from tests.on_lambda.client import function


@pytest.fixture(scope="module")
async def simulator() -> AsyncIterator[Simulator]:
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as running:
        yield running


@pytest.fixture(scope="module")
async def url(simulator: Simulator) -> AsyncIterator[FunctionUrl]:
    async with FunctionUrl(function(simulator)).serve() as serving:
        yield serving
