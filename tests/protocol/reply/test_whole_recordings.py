"""Recorded Converse answers, which were not streamed: framed as a stream of the same content, they lose nothing.

And what a client sends back on the next turn is, to the byte, what Bedrock had said.
"""

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.protocol.stop_reasons import STOP_REASONS
from tests.protocol.reply.next_turn import content_sent_back
from tests.protocol.reply.wire import START, block_stop, delta, event, stop, whole

FOLDER = Path(__file__).parents[2] / "recordings" / "converse"
EACH_PAIR = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem[:80])
EACH_OF_CLAUDE = pytest.mark.parametrize(
    "path",
    [path for path in sorted(FOLDER.glob("*.json")) if "anthropic" in json.loads(path.read_text())["request"]["path"]],
    ids=lambda path: path.stem[:80],
)


def answer_of(path: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(path.read_text())["response"]["body"]
    return body


def frames(body: dict[str, Any]) -> Iterator[bytes]:
    """The events in which ConverseStream would have sent this answer."""
    yield START
    for index, block in enumerate(body["output"]["message"]["content"]):
        yield from block_frames(index, block)
        yield block_stop(index)
    yield stop(body["stopReason"])
    yield event("metadata", **{name: body[name] for name in ("usage", "metrics", "serviceTier") if name in body})


def block_frames(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    match block:
        case {"text": text}:
            yield delta(index, text=text)
        case {"toolUse": {"input": arguments, **tool_use}}:
            yield event("contentBlockStart", contentBlockIndex=index, start={"toolUse": tool_use})
            yield delta(index, toolUse={"input": json.dumps(arguments)})
        case {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}:
            yield delta(index, reasoningContent={"text": text})
            yield delta(index, reasoningContent={"signature": signature})
        case {"reasoningContent": {"redactedContent": blob}}:
            yield delta(index, reasoningContent={"redactedContent": blob})
        case _:
            raise AssertionError(f"a block that no recording had so far: {list(block)}")


def expected_block(block: dict[str, Any]) -> dict[str, Any]:
    """messages-to-converse 5.1, as plainly as it stands there."""
    match block:
        case {"text": text}:
            return {"type": "text", "text": text}
        case {"toolUse": tool_use}:
            return {
                "type": "tool_use",
                "id": tool_use["toolUseId"],
                "name": tool_use["name"],
                "input": tool_use["input"],
            }
        case {"reasoningContent": {"reasoningText": reasoning}}:
            return {"type": "thinking", "thinking": reasoning["text"], "signature": reasoning["signature"]}
        case _:
            blob = block["reasoningContent"]["redactedContent"]
            return {"type": "redacted_thinking", "data": b64decode(blob).decode("ascii")}


@EACH_PAIR
def test_a_recorded_answer_is_translated_block_by_block(path: Path) -> None:
    body = answer_of(path)
    message = whole(*frames(body))
    assert message["content"] == [expected_block(block) for block in body["output"]["message"]["content"]]
    assert message["stop_reason"] == STOP_REASONS[body["stopReason"]]


@EACH_PAIR
def test_a_recorded_bill_is_kept_to_the_token(path: Path) -> None:
    counted = answer_of(path)["usage"]
    usage = whole(*frames(answer_of(path)))["usage"]
    assert usage["input_tokens"] == counted["inputTokens"]
    assert usage["output_tokens"] == counted["outputTokens"]
    assert usage["cache_read_input_tokens"] == counted.get("cacheReadInputTokens", 0)
    assert usage["cache_creation_input_tokens"] == counted.get("cacheWriteInputTokens", 0)
    assert sum(usage["cache_creation"].values()) == usage["cache_creation_input_tokens"]
    buckets = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert sum(usage[bucket] for bucket in buckets) == counted["totalTokens"]


@EACH_OF_CLAUDE
def test_an_answer_that_is_sent_back_is_what_bedrock_had_said(path: Path) -> None:
    content = answer_of(path)["output"]["message"]["content"]
    reply = whole(*frames(answer_of(path)))
    assert content_sent_back(reply["content"]) == [without_type(block) for block in content]


def without_type(block: dict[str, Any]) -> dict[str, Any]:
    """Converse's requests do not know the `type` that its answers put on an ordinary call."""
    if "toolUse" not in block:
        return block
    return {"toolUse": {name: value for name, value in block["toolUse"].items() if name != "type"}}
