"""Legal ConverseStream answers, made by Hypothesis: what a model said, and one of the ways Bedrock may put it."""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from gateway.protocol.eventstream import encode_event


@dataclass(frozen=True)
class Block:
    kind: str  # text, thinking, redacted_thinking, tool_use
    pieces: tuple[str, ...]  # text, thinking text, or tool input, as it is cut into deltas
    signature: str = ""
    tool: tuple[str, str] = ("", "")  # id, name

    @property
    def said(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Answer:
    blocks: tuple[Block, ...]
    stop_reason: str
    usage: dict[str, int]
    wire: bytes
    has_metadata: bool


PIECES = st.lists(st.text(max_size=12), max_size=5).map(tuple)
SIGNATURES = st.text(alphabet="ABCabc0189+/=", min_size=1, max_size=30)
TOOL_INPUTS = st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=8), st.integers(), st.none()), max_size=4)


@st.composite
def cut(draw: st.DrawFn, text: str) -> tuple[str, ...]:
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return tuple(text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True))


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    kind = draw(st.sampled_from(["text", "text", "thinking", "redacted_thinking", "tool_use"]))
    if kind == "text":
        return Block("text", draw(PIECES))
    if kind == "thinking":
        return Block("thinking", draw(PIECES), signature=draw(SIGNATURES))
    if kind == "redacted_thinking":
        return Block("redacted_thinking", (draw(SIGNATURES),))
    text = json.dumps(draw(TOOL_INPUTS)) if draw(st.booleans()) else ""
    tool = (f"tooluse_{draw(st.integers(0, 99))}", draw(st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)))
    return Block("tool_use", draw(cut(text)), tool=tool)


def padded(draw: st.DrawFn, payload: dict[str, Any]) -> bytes:
    return json.dumps(payload | {"p": "abcdefghij"[: draw(st.integers(0, 10))]}).encode()


def deltas(block: Block) -> list[dict[str, Any]]:
    match block.kind:
        case "text":
            return [{"text": piece} for piece in block.pieces]
        case "thinking":
            spoken = [{"reasoningContent": {"text": piece}} for piece in block.pieces]
            return [*spoken, {"reasoningContent": {"signature": block.signature}}]
        case "redacted_thinking":
            return [{"reasoningContent": {"redactedContent": b64encode(block.said.encode()).decode()}}]
        case _:
            return [{"toolUse": {"input": piece}} for piece in block.pieces]


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    said = tuple(draw(st.lists(blocks(), max_size=5)))
    frames = [encode_event("messageStart", padded(draw, {"role": "assistant"}))]
    index = 0
    for block in said:
        if block.kind == "tool_use":
            start = {
                "contentBlockIndex": index,
                "start": {"toolUse": {"toolUseId": block.tool[0], "name": block.tool[1]}},
            }
            frames.append(encode_event("contentBlockStart", padded(draw, start)))
        for delta in deltas(block):
            event = padded(draw, {"contentBlockIndex": index, "delta": delta})
            frames.append(encode_event("contentBlockDelta", event))
            if draw(st.integers(0, 9)) == 0:
                frames.append(encode_event("eventFromTheFuture", b'{"new": true}'))
        if draw(st.integers(0, 9)) > 0:
            frames.append(encode_event("contentBlockStop", padded(draw, {"contentBlockIndex": index})))
        index += draw(st.integers(1, 2))
    stop_reason = draw(st.sampled_from(["end_turn", "max_tokens", "stop_sequence", "tool_use", "content_filtered"]))
    stop = encode_event("messageStop", padded(draw, {"stopReason": stop_reason}))
    numbers = st.integers(0, 10**6)
    usage = {"inputTokens": draw(numbers), "outputTokens": draw(numbers), "cacheReadInputTokens": draw(numbers)}
    metadata = encode_event("metadata", padded(draw, {"usage": usage, "metrics": {"latencyMs": 5}}))
    has_metadata = draw(st.integers(0, 9)) > 0
    ending = [stop, metadata] if draw(st.integers(0, 4)) else [metadata, stop]
    frames += ending if has_metadata else [stop]
    return Answer(said, stop_reason, usage, b"".join(frames), has_metadata)
