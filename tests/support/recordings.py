"""The recorded Bedrock streams in `tests/recordings`."""

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.protocol.eventstream import encode_event

FOLDER: Final = Path(__file__).parents[1] / "recordings" / "converse_stream"


@dataclass(frozen=True, slots=True)
class Recording:
    """`wire` are the bytes of the body: as recorded, or framed by us where only events were published."""

    name: str
    wire: bytes
    as_recorded: bool
    frames: list[dict[str, Any]]


def recordings() -> list[Recording]:
    return [_read(path) for path in sorted(FOLDER.glob("*.json"))]


def _read(path: Path) -> Recording:
    document = json.loads(path.read_text())
    response = document.get("response", {})
    if "raw_base64" in response:
        return Recording(path.stem, b64decode(response["raw_base64"]), True, response["events"])
    frames = list(_framed(document["events"]))
    wire = b"".join(
        encode_event(frame["headers"][":event-type"], json.dumps(frame["payload"]).encode()) for frame in frames
    )
    return Recording(path.stem, wire, False, frames)


def _framed(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for event in events:
        ((name, payload),) = event.items()
        headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
        yield {"headers": headers, "payload": payload}
