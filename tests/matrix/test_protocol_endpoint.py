"""`GET /protocol`: the feature table as JSON, for whoever wants to know before they ask."""

from typing import Any

import aiohttp

from gateway.protocol.features import FATES, FEATURES
from tests.support.gateway import Gateway


async def fetch(gateway: Gateway, method: str = "GET") -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, f"{gateway.url}/protocol") as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


async def test_the_endpoint_gives_every_row_of_the_table_without_a_key(gateway: Gateway) -> None:
    status, table = await fetch(gateway)
    assert status == 200
    assert [row["name"] for row in table["features"]] == list(FEATURES)


async def test_a_row_has_all_that_the_table_says_of_it(gateway: Gateway) -> None:
    _, table = await fetch(gateway)
    rows = {row["name"]: row for row in table["features"]}
    assert rows["metadata"] == {
        "name": "metadata",
        "kind": "request field",
        "fate": "dropped",
        "reason": "Bedrock has no field for an end user's id. It changes nothing of the answer.",
        "members": ["user_id"],
        "harmless": True,
        "silent": False,
    }
    assert {row["fate"] for row in rows.values()} == set(FATES)
    assert all(row["reason"].endswith((".", "`")) for row in rows.values())


async def test_the_table_can_only_be_read(gateway: Gateway) -> None:
    status, answer = await fetch(gateway, "POST")
    assert status == 405
    assert answer["error"]["type"] == "invalid_request_error"
