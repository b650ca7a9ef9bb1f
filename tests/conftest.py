"""Fixtures shared by all tests: a gateway with a simulator behind it, one for all tests of a module."""

from collections.abc import AsyncIterator

import pytest

from tests.support.gateway import Gateway, run_both


@pytest.fixture(scope="module")
async def gateway() -> AsyncIterator[Gateway]:
    async with run_both() as running:
        yield running
