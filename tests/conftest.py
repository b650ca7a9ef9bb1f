"""Fixtures shared by all tests: a gateway with a simulator behind it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.gateway import Gateway, run_both


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with run_both() as running:
        yield running
