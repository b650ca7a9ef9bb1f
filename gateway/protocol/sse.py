"""Server-sent events as Anthropic writes them: `event: NAME`, `data: JSON`, an empty line.

The names must be there: Claude Code takes a stream without `event:` lines as void.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from gateway.protocol.payloads import encode_json

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
CONTENT_TYPE: Final = "text/event-stream; charset=utf-8"


def encode(name: str, event: dict[str, Any]) -> bytes:
    """One event; the hot path uses templates instead."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode_json(event))


def decode(stream: bytes) -> Iterator[dict[str, Any]]:
    """The JSON of each whole event in `stream`, which is one of our own making."""
    for record in stream.split(b"\n\n"):
        if record:
            yield orjson.loads(record[record.index(b"\ndata: ") + 7 :])
