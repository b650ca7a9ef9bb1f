"""A caller's own field names, however they look, are unknown fields: dropped, named, and never taken for a row."""

import pytest

from tests.support.gateway import HELLO, Gateway


@pytest.mark.parametrize(
    "name",
    [
        "reply.id",
        "content.image",
        "tools/not_on_this_model",
        "header:x-chatrix-strict",
        "stop_reason.malformed_tool_use",
        "beta:*",
    ],
)
async def test_a_field_that_is_called_like_a_row_is_dropped_and_named(gateway: Gateway, name: str) -> None:
    async with gateway.post({**HELLO, name: 1}) as response:
        assert response.status == 200, await response.text()
        assert response.headers["x-chatrix-dropped"]
        assert "x-chatrix-approximated" not in response.headers
