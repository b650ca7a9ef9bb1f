"""A reply on its way back: what Bedrock gets as history when the client goes on with the conversation."""

from typing import Any

import orjson

from gateway.catalog import resolve
from gateway.protocol.disposition import Disposition
from gateway.protocol.parsing import parse_count
from gateway.protocol.to_converse import to_converse


def content_sent_back(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The assistant's turn in Bedrock's next request, when a client answers every call."""
    calls = [block for block in content if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "done"} for call in calls]
    request = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 2000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": call["name"], "input_schema": {"type": "object"}} for call in calls],
        "messages": [
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": content},
            {"role": "user", "content": results or "Go on."},
        ],
    }
    parsed, _ = parse_count(orjson.dumps(request))
    resolution = resolve(parsed.model, "us-west-2")
    assert resolution is not None
    translation = to_converse(parsed, resolution.model, Disposition())
    turn: dict[str, Any] = orjson.loads(orjson.dumps(translation.request["messages"][1]))
    back: list[dict[str, Any]] = turn["content"]
    return back
