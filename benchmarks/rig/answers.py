"""What the rig's Bedrock answers: a text of so many deltas, as recorded streams have them, as a file for upstream.c."""

import struct
from pathlib import Path

import orjson

from gateway.protocol.eventstream import encode_event

# Recorded deltas of Claude hold 1 to 60 characters, and paddings of 1 to 62.
WORDS = (
    " The",
    " gateway",
    " streams",
    " every",
    " event",
    " as it comes,",
    " and nothing",
    " is ever lost:",
    "\n\n```py",
    '\n"x"',
)
PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def answer(deltas: int) -> list[bytes]:
    """The frames of one answer: message start, block start (as most models leave it out: none), deltas, and the end."""
    frames = [frame("messageStart", {"role": "assistant"}, 7)]
    for number in range(deltas):
        text = WORDS[number % len(WORDS)] + str(number)
        frames.append(frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}, number))
    frames.append(frame("contentBlockStop", {"contentBlockIndex": 0}, 11))
    frames.append(frame("messageStop", {"stopReason": "end_turn"}, 3))
    # Too few for chatrix to learn from: its estimates stay the same, and with them its replies.
    usage = {"inputTokens": 400, "outputTokens": deltas, "totalTokens": 400 + deltas}
    frames.append(frame("metadata", {"metrics": {"latencyMs": 1000}, "usage": usage}, 5))
    return frames


def frame(kind: str, payload: dict[str, object], number: int) -> bytes:
    padding = PADDING[: 1 + number * 7 % len(PADDING)]
    return encode_event(kind, orjson.dumps({**payload, "p": padding}))


def write_answer(path: Path, deltas: int) -> Path:
    path.write_bytes(b"".join(struct.pack(">I", len(each)) + each for each in answer(deltas)))
    return path
