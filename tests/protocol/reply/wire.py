"""Frames of a ConverseStream by hand, and what a client makes of them."""

import json
from typing import Any, Final

from gateway.protocol.eventstream import encode_event
from tests.support.anthropic_stream import Reply, read_stream
from tests.support.translation import accumulate, make_translator, translate


def event(name: str, **payload: Any) -> bytes:
    return encode_event(name, json.dumps(payload).encode())


def delta(index: int, **content: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=content)


def tool_start(index: int, name: str = "Bash", tool_use_id: str = "tooluse_1", **members: str) -> bytes:
    start = {"toolUse": {"toolUseId": tool_use_id, "name": name, **members}}
    return event("contentBlockStart", contentBlockIndex=index, start=start)


def block_stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def stop(reason: str, **fields: Any) -> bytes:
    """`fields` are what the model itself says at the end, as it comes when asked for by field paths."""
    members = {"additionalModelResponseFields": fields} if fields else {}
    return event("messageStop", stopReason=reason, **members)


START: Final = event("messageStart", role="assistant")
STOP: Final = stop("end_turn")
METADATA: Final = event("metadata", usage={"inputTokens": 3, "outputTokens": 4, "totalTokens": 7})


def stream_of(*frames: bytes, **arguments: Any) -> bytes:
    """The Anthropic stream of a whole answer."""
    stream, error = translate([b"".join(frames)], make_translator(**arguments))
    assert error is None, error
    return stream


def read(*frames: bytes, **arguments: Any) -> Reply:
    return read_stream(stream_of(*frames, **arguments))


def ended(reply: Reply) -> dict[str, Any]:
    """The `delta` of message_delta."""
    assert reply.delta is not None
    return reply.delta


def counted(reply: Reply) -> dict[str, Any]:
    """The `usage` of message_delta."""
    assert reply.usage is not None
    return reply.usage


def whole(*frames: bytes, **arguments: Any) -> dict[str, Any]:
    """The message of a reply that is not streamed."""
    message: dict[str, Any] = json.loads(accumulate(stream_of(*frames, **arguments)))
    return message


def failure(*frames: bytes, **arguments: Any) -> tuple[Reply, str]:
    stream, error = translate([b"".join(frames)], make_translator(**arguments))
    assert error is not None
    reply = read_stream(stream)
    assert not reply.whole
    return reply, error.message
