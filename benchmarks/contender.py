"""One program under measurement: how it is started, when it is ready, and which request makes it stream.

Every contender is started with an environment made from nothing: what the shell of the person at the bench has set must
not change a number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

JSON_BODY = {"content-type": "application/json"}


@dataclass(frozen=True)
class Contender:
    """`argv` and `environment` start it; `path`, `headers` and `body` make the POST that it answers with a stream.

    `event` is a text that each event of its stream holds once, as the load generator counts them, and `first` one that
    is complete when the first token has arrived.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    ready_path: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    event: str = "event: content_block_delta"
    first: str = "text_delta"
    folder: Path | None = None

    def request(self, host: str = "127.0.0.1") -> bytes:
        """The bytes of the whole HTTP request, as the load generator sends them."""
        head = [f"POST {self.path} HTTP/1.1", f"host: {host}", f"content-length: {len(self.body)}"]
        head += [f"{name}: {value}" for name, value in {**JSON_BODY, **self.headers}.items()]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + self.body


def messages_body(model: str, text: str, **fields: object) -> bytes:
    """A streaming request of the Messages API with one user turn."""
    turn = {"role": "user", "content": text}
    return json.dumps({"model": model, "max_tokens": 1024, "stream": True, "messages": [turn], **fields}).encode()
