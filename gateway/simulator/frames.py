"""Events as frames, padded as Bedrock pads them, and frames that are broken on purpose."""

import random
import struct
from base64 import b64encode
from string import ascii_letters, digits
from typing import Any, Final
from zlib import crc32

import orjson

from gateway.protocol.eventstream import (
    FRAME_OVERHEAD_BYTES,
    PRELUDE_BYTES,
    encode_event,
    encode_exception,
    encode_frame,
    encode_headers,
)
from gateway.simulator.contents import JsonObject
from gateway.simulator.plan import Damage
from gateway.simulator.refusals import Refusal

# Recorded paddings are a beginning of `abc...zABC...Z0123...`, of any length.
PADDING: Final = ascii_letters + digits
DELTA: Final = "contentBlockDelta"
LOST_DELTA: Final = {"contentBlockIndex": 0, "delta": {"text": "This must never be delivered."}}
_EVENT_HEADERS: Final = {":event-type": DELTA, ":content-type": "application/json", ":message-type": "event"}


def event_frame(kind: str, payload: JsonObject) -> bytes:
    """Members stand in the order of the alphabet, the padding `p` among them."""
    padding = PADDING[: random.randint(1, len(PADDING))]  # noqa: S311 - a size, not a secret
    return encode_event(kind, orjson.dumps({**payload, "p": padding}, default=_blob, option=orjson.OPT_SORT_KEYS))


def failure_frame(refusal: Refusal) -> bytes:
    return encode_exception(refusal.name_in_stream, orjson.dumps({"message": refusal.message}))


def error_message_frame(refusal: Refusal) -> bytes:
    """The third kind of message, for errors outside the model; it has no payload."""
    headers = {":error-code": refusal.name, ":error-message": refusal.message, ":message-type": "error"}
    return encode_frame(headers, b"")


def half_frame() -> bytes:
    frame = event_frame(DELTA, LOST_DELTA)
    return frame[: len(frame) // 2]


def damaged_frame(damage: Damage) -> bytes:
    match damage.kind:
        case "crc":
            return _flip(event_frame(DELTA, LOST_DELTA), -1)
        case "crc:prelude":
            return _flip(event_frame(DELTA, LOST_DELTA), PRELUDE_BYTES - 1)
        case "crc:headers":
            return _frame_with_broken_headers()
        case "badjson":
            return encode_event(DELTA, b'{"contentBlockIndex":0,"delta":{"text":"This must nev')
        case "garbage":
            return random.randbytes(damage.size)  # noqa: S311 - noise
        case "hugeframe":
            return _beginning_of_frame(damage.size)


def _flip(frame: bytes, at: int) -> bytes:
    changed = bytearray(frame)
    changed[at] ^= 0xFF
    return bytes(changed)


def _frame_with_broken_headers() -> bytes:
    """The last header value claims more bytes than the headers have; both checksums are right."""
    headers = bytearray(encode_headers(_EVENT_HEADERS))
    headers[-len("event") - 1] = 0xFF
    payload = orjson.dumps(LOST_DELTA)
    message = _prelude(len(headers) + len(payload) + FRAME_OVERHEAD_BYTES, len(headers)) + bytes(headers) + payload
    return message + struct.pack(">I", crc32(message))


def _beginning_of_frame(total_bytes: int) -> bytes:
    headers = encode_headers(_EVENT_HEADERS)
    return _prelude(max(total_bytes, len(headers) + FRAME_OVERHEAD_BYTES), len(headers)) + headers


def _prelude(total_bytes: int, headers_bytes: int) -> bytes:
    lengths = struct.pack(">II", min(total_bytes, 0xFFFF_FFFF), headers_bytes)
    return lengths + struct.pack(">I", crc32(lengths))


def _blob(value: Any) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError
