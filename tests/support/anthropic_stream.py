"""Reads a stream of server-sent events as a strict Anthropic client would: every rule of the protocol is checked."""

import json
from dataclasses import dataclass, field
from typing import Any

DELTAS_OF_BLOCK = {
    "text": {"text_delta": "text"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
    "redacted_thinking": {},
}


@dataclass
class Reply:
    """What a client makes of a stream. `whole` only after message_stop; `error` is the error event's JSON."""

    message: dict[str, Any] | None = None
    blocks: list[dict[str, Any]] = field(default_factory=list)
    delta: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    whole: bool = False
    pings: int = 0

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.blocks if block["type"] == "text")

    @property
    def thinking(self) -> str:
        return "".join(block["thinking"] for block in self.blocks if block["type"] == "thinking")


def split_events(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Name and JSON of each event; every record must have exactly the two lines Anthropic sends."""
    assert stream == b"" or stream.endswith(b"\n\n"), stream[-80:]
    events = []
    for record in stream.decode().split("\n\n")[:-1]:
        name_line, data_line = record.split("\n")
        assert name_line.startswith("event: ")
        assert data_line.startswith("data: ")
        event = json.loads(data_line[6:])
        assert event["type"] == name_line[7:]
        events.append((name_line[7:], event))
    return events


def read_stream(stream: bytes) -> Reply:
    """Fails when the stream breaks a rule; a stream that merely stops is legal, and `whole` is false."""
    reply = Reply()
    open_block: dict[str, Any] | None = None
    for name, event in split_events(stream):
        assert not reply.whole, f"{name} after message_stop"
        assert reply.error is None, f"{name} after an error"
        match name:
            case "ping":
                reply.pings += 1
            case "message_start":
                assert reply.message is None
                reply.message = event["message"]
                assert reply.message["content"] == []
                assert reply.message["role"] == "assistant"
            case "content_block_start":
                assert reply.message is not None
                assert open_block is None
                assert reply.delta is None
                assert event["index"] == len(reply.blocks), "indexes are dense"
                open_block = dict(event["content_block"])
                assert open_block["type"] in DELTAS_OF_BLOCK
                if open_block["type"] == "tool_use":
                    assert open_block["input"] == {}
                    open_block["partial_json"] = ""
                reply.blocks.append(open_block)
            case "content_block_delta":
                assert open_block is not None
                assert event["index"] == len(reply.blocks) - 1
                if event["delta"]["type"] == "citations_delta":
                    assert open_block["type"] == "text"
                    open_block.setdefault("citations", []).append(event["delta"]["citation"])
                    continue
                member = DELTAS_OF_BLOCK[open_block["type"]][event["delta"]["type"]]
                open_block[member] += event["delta"][member]
            case "content_block_stop":
                assert open_block is not None
                assert event["index"] == len(reply.blocks) - 1
                open_block = None
            case "message_delta":
                assert reply.message is not None
                assert open_block is None
                assert reply.delta is None
                reply.delta, reply.usage = event["delta"], event["usage"]
            case "message_stop":
                assert reply.delta is not None
                reply.whole = True
            case "error":
                assert set(event) == {"type", "error", "request_id"}
                reply.error = event["error"]
            case _:
                raise AssertionError(f"an event that Anthropic does not have: {name}")
    return reply
