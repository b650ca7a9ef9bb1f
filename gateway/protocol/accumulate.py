"""A streamed reply, gathered into the whole message: a reply that is not streamed is the same stream, accumulated."""

from typing import Any, Final

import orjson

from gateway.protocol import sse
from gateway.protocol.errors import UpstreamProtocolError
from gateway.protocol.partial_json import complete_json, is_object

DELTA_MEMBERS: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
    "citations_delta": "citation",
}


class MessageAccumulator:
    """Feed it the bytes of `StreamTranslator`; `encode` gives the JSON of the message once the stream has ended."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: list[dict[str, Any]] = []
        self._fragments: list[dict[str, list[Any]]] = []
        self._whole = False

    def feed(self, stream: bytes) -> None:
        for event in sse.decode(stream):
            match event["type"]:
                case "content_block_delta":
                    delta = event["delta"]
                    member = DELTA_MEMBERS[delta["type"]]
                    self._fragments[event["index"]].setdefault(member, []).append(delta[member])
                case "content_block_start":
                    self._blocks.append(event["content_block"])
                    self._fragments.append({})
                case "message_start":
                    self._message = event["message"]
                case "message_delta":
                    self._message |= event["delta"]
                    self._message["usage"] |= event["usage"]
                case "message_stop":
                    self._whole = True

    def encode(self) -> bytes:
        if not self._whole:
            raise UpstreamProtocolError("Bedrock's stream ended before completion: the answer is not whole.")
        truncated = self._message["stop_reason"] != "tool_use"
        content = [
            _whole_block(block, fragments, truncated=truncated)
            for block, fragments in zip(self._blocks, self._fragments, strict=True)
        ]
        return orjson.dumps(self._message | {"content": content})


def _whole_block(block: dict[str, Any], fragments: dict[str, list[Any]], *, truncated: bool) -> dict[str, Any]:
    citations = fragments.pop("citation", None)
    members: dict[str, Any] = {member: "".join(pieces) for member, pieces in fragments.items()}
    if citations is not None:
        members["citations"] = citations
    if "partial_json" in members:
        members["input"] = _tool_input(members.pop("partial_json"), truncated=truncated)
    return block | members


def _tool_input(text: str, *, truncated: bool) -> orjson.Fragment:
    """The model's own bytes, not parsed and written again: an integer beyond 64 bits would not survive that."""
    if not is_object(text):
        if not truncated:
            raise UpstreamProtocolError("The model's tool call is not valid JSON. Try the request again.")
        # max_tokens cut the call short, and stop_reason says so. What is there is kept, as SDKs do with a stream.
        text = complete_json(text)
    return orjson.Fragment(text)
