"""The fixture that runs cases."""

from collections.abc import AsyncIterator

import pytest

from tests.matrix.prove import Matrix, open_matrix


@pytest.fixture(scope="module")
async def matrix() -> AsyncIterator[Matrix]:
    async with open_matrix() as running:
        yield running
