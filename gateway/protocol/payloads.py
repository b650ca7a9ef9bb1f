"""What stands in a frame of a ConverseStream: JSON, read and checked. All raise `UpstreamProtocolError`."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.protocol.errors import UpstreamProtocolError


def encode_json(value: object) -> bytes:
    """What Bedrock sent, written again: orjson reads 1,024 levels and writes 254."""
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise UpstreamProtocolError("Bedrock sent something that is nested too deeply to be passed on.") from error


def readable_payload(raw_payload: bytes) -> dict[str, Any]:
    """An exception's name tells what it is even where its message cannot be read."""
    try:
        payload = orjson.loads(raw_payload)
    except orjson.JSONDecodeError:
        return {}
    return payload if isinstance(payload, dict) else {}


def block_index(payload: Mapping[str, Any]) -> int:
    index = payload.get("contentBlockIndex")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise UpstreamProtocolError("Bedrock sent content without its block index.")
    return index


def as_count(value: object) -> int | None:
    """A number of tokens; None for what is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def expect_text(value: object) -> str:
    if not isinstance(value, str):
        raise UpstreamProtocolError("Bedrock sent a delta without its text.")
    return value


def decode_blob(value: str) -> bytes:
    """A blob member of the wire: base64 of the bytes, which for Claude are the ASCII of Anthropic's own base64."""
    try:
        return b64decode(value, validate=True)
    except ValueError as error:  # binascii's is one; what is not even ASCII is another
        raise UpstreamProtocolError("Bedrock sent redacted thinking that is not base64.") from error
