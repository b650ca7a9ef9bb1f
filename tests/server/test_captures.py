"""Requests that the real Claude Code sent, replayed against the strict simulator."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.anthropic_stream import read_stream
from tests.support.gateway import Gateway

FOLDER = Path(__file__).parents[1] / "captures"
CAPTURES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
UNSENT = {"host", "connection", "accept-encoding", "x-api-key", "content-length"}


@pytest.mark.parametrize("name", CAPTURES)
async def test_a_captured_request_gets_a_well_formed_answer(gateway: Gateway, name: str) -> None:
    capture = CAPTURES[name]
    headers = {key: value for key, value in capture["headers"].items() if key.lower() not in UNSENT}
    url = f"{gateway.url}{capture['path']}?{capture['query']}"
    async with (
        aiohttp.ClientSession(headers={"x-api-key": gateway.key}) as session,
        session.request(capture["method"], url, json=capture["body"], headers=headers) as response,
    ):
        raw = await response.read()
        if name == "websearch_side_call":
            # Bedrock has no web search; an invented answer would be worse than a refusal that says so.
            assert response.status == 400
            assert "web_search" in json.loads(raw)["error"]["message"]
            return
        assert response.status == 200, raw[:500]
        assert_well_formed(raw, capture["body"])


def assert_well_formed(raw: bytes, body: dict[str, Any] | None) -> None:
    if not body or not raw:
        return
    if body.get("stream"):
        reply = read_stream(raw)
        assert reply.whole
        assert reply.message is not None
        assert reply.message["model"] == body["model"]
        assert reply.usage is not None
        assert reply.usage["output_tokens"] > 0
        return
    answer = json.loads(raw)
    assert "input_tokens" in answer or answer["content"]
