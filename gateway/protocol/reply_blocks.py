"""The content of a reply: Bedrock's content block events as Anthropic's, with one block open at a time.

What is surprising: Bedrock opens only tool-use blocks, so text and thinking open here, at their first delta; indexes
are our own and dense, because clients append at a start and address by index; and a missing contentBlockStop is made
up for. Content of a kind that Anthropic does not have is an error, never left out: the answer would lose a piece.

Where the answer is to be a call of the format tool, text is held back until it is known what it was: the answer itself,
or (Nova's `<thinking>`) what the model said to itself before the call. A client reads JSON out of every text block.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

from orjson import dumps

from gateway.protocol import sse
from gateway.protocol.citations import from_citation
from gateway.protocol.errors import UpstreamProtocolError
from gateway.protocol.payloads import block_index, decode_blob, encode_json, expect_text
from gateway.protocol.redaction import redact
from gateway.protocol.tool_use_ids import ToolUseIds

TEXT: Final = "text"
THINKING: Final = "thinking"
REDACTED: Final = "redacted_thinking"
TOOL_USE: Final = "tool_use"
# Tool input that is told as text: a tool of Bedrock's own, or an answer in a format.
AS_TEXT: Final = "tool use told as text"
AS_ANSWER: Final = "tool use told as the answer"
UNDECIDED: Final = ""

SERVER_TOOL: Final = "server_tool_use"
_NO_INDEX: Final = object()

# One record per delta, only the changing part is encoded: a stream is mostly these.
_TEXT_DELTA: Final = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%b}}\n\n'
)
_PLAIN_DELTA: Final = _TEXT_DELTA.replace(b"%b", b"%%b")
_THINKING_DELTA: Final = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":%d,"delta":{"type":"thinking_delta","thinking":%b}}\n\n'
)
_SIGNATURE_DELTA: Final = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":%d,"delta":{"type":"signature_delta","signature":%b}}\n\n'
)
_INPUT_DELTA: Final = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":%d,"delta":{"type":"input_json_delta","partial_json":%b}}\n\n'
)
_BLOCK_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'


class BlockWriter:
    """Feed it the payload of every content block event. `begin` gives the start of the message, once."""

    def __init__(
        self,
        begin: Callable[[], bytes],
        tool_names: Mapping[str, str],
        tool_use_ids: ToolUseIds,
        format_tool: str | None,
    ) -> None:
        self.unknown_events = 0
        self.used_a_tool = False
        self.used_the_format_tool = False
        self.ended = False
        self._begin = begin
        self._tool_names = tool_names
        self._tool_use_ids = tool_use_ids
        self._format_tool = format_tool
        self._next_index = 0
        self._upstream_index = -1
        self._block_open = False
        self._kind = UNDECIDED
        self._written = False
        self._plain_index: object = _NO_INDEX
        """Upstream's index of the open block while more of its text needs nothing but to be written."""
        self._plain_delta = b""
        """How: a template."""
        self._redacted: list[bytes] = []
        self._held: list[str] = []
        # Members of ContentBlockDelta, all but `image`, which no model asked through Messages may answer with.
        self._deltas: dict[str, tuple[type, Callable[[Any], bytes]]] = {
            "text": (str, self._text),
            "reasoningContent": (dict, self._reasoning),
            "toolUse": (dict, self._tool_input),
            "citation": (dict, self._citation),
            "toolResult": (list, self._server_tool_result),
        }

    # --- the events

    def start(self, payload: dict[str, Any]) -> bytes:
        closing = self._open(payload)
        start = payload.get("start") or {}
        if not isinstance(start, dict):
            raise UpstreamProtocolError("Bedrock started a content block with something that is not an object.")
        if isinstance(start.get("toolUse"), dict):
            return closing + self._tool_use(start["toolUse"])
        if isinstance(start.get("toolResult"), dict):
            self._kind = AS_TEXT
            return closing + self._tell("[Bedrock's own tool answered] ")
        if start:
            raise UpstreamProtocolError(f"Bedrock started a content block that was not asked for: {_members(start)}.")
        # Seen in published fixtures: the type follows with the first delta.
        return closing

    def delta(self, payload: dict[str, Any]) -> bytes:
        delta = payload.get("delta")
        # Most of a stream, and therefore first.
        if type(delta) is dict and payload.get("contentBlockIndex") == self._plain_index:
            text = delta.get("text")
            if type(text) is str and text:
                return self._plain_delta % dumps(text)
        closing = (
            b""
            if self._block_open and payload.get("contentBlockIndex") == self._upstream_index
            else self._open(payload)
        )
        if not isinstance(delta, dict):
            raise UpstreamProtocolError("Bedrock sent a delta without its content.")
        text = delta.get("text")
        if isinstance(text, str):
            return closing + self._text(text)
        for member, content in delta.items():
            known = self._deltas.get(member)
            if known is not None:
                kind, translate = known
                if not isinstance(content, kind):
                    raise UpstreamProtocolError("Bedrock sent a delta whose content has the wrong type.")
                return closing + translate(content)
        self._unknown_delta(delta)
        return closing

    def stop(self, payload: dict[str, Any]) -> bytes:
        index = block_index(payload)
        if index == self._upstream_index:
            # A second stop for one block says nothing new.
            return self.close()
        if index < self._upstream_index:
            raise UpstreamProtocolError(f"Bedrock ended content block {index} after a later one had begun.")
        return self._open(payload) + self.close()

    # --- content

    def _text(self, text: str) -> bytes:
        if self._kind != TEXT:
            self._expect(TEXT)
        if not text:
            return b""
        if self._format_tool is not None and not self._written:
            self._held.append(text)
            return b""
        opening = b"" if self._written else self._write_start({"type": "text", "text": ""})
        self._plain_index, self._plain_delta = self._upstream_index, _PLAIN_DELTA % self._next_index
        return opening + self._plain_delta % dumps(text)

    def _tell(self, text: str) -> bytes:
        """What is no text of the model's, as text."""
        if not text:
            return b""
        opening = b"" if self._written else self._write_start({"type": "text", "text": ""})
        return opening + _TEXT_DELTA % (self._next_index, dumps(text))

    def _citation(self, citation: dict[str, Any]) -> bytes:
        self._expect(TEXT)
        translated = from_citation(citation)
        if translated is None:
            self.unknown_events += 1
            return b""
        # The text that it belongs to comes first. It was the answer: no model says to itself where it read something.
        text, self._held = "".join(self._held), []
        opening = self._tell(text)
        opening += b"" if self._written else self._write_start({"type": "text", "text": ""})
        delta = {"type": "citations_delta", "citation": translated}
        event = {"type": "content_block_delta", "index": self._next_index, "delta": delta}
        return opening + sse.encode("content_block_delta", event)

    def _reasoning(self, reasoning: dict[str, Any]) -> bytes:
        """Without a signature (all models but Claude) the block keeps the empty one that the protocol requires."""
        if isinstance(redacted := reasoning.get("redactedContent"), str):
            self._expect(REDACTED)
            # Anthropic has no delta for it: the block goes out whole when it ends.
            self._redacted.append(decode_blob(redacted))
            return b""
        text, signature = reasoning.get("text"), reasoning.get("signature")
        if text is None and signature is None:
            self.unknown_events += 1
            return b""
        self._expect(THINKING)
        parts = []
        if (text or signature) and not self._written:
            parts.append(self._write_start({"type": "thinking", "thinking": "", "signature": ""}))
        if text:
            parts.append(_THINKING_DELTA % (self._next_index, dumps(expect_text(text))))
        if signature:
            parts.append(_SIGNATURE_DELTA % (self._next_index, dumps(expect_text(signature))))
        return b"".join(parts)

    def _tool_use(self, tool_use: dict[str, Any]) -> bytes:
        name, tool_use_id = tool_use.get("name"), tool_use.get("toolUseId")
        if not isinstance(name, str) or not isinstance(tool_use_id, str):
            raise UpstreamProtocolError("Bedrock started a tool call without its name or id.")
        if name == self._format_tool:
            self._kind = AS_ANSWER
            self.used_the_format_tool = True
            return self._release()
        if tool_use.get("type") == SERVER_TOOL:
            # Bedrock runs it by itself (Nova): a client that was given a call would try to answer it.
            self._kind = AS_TEXT
            return self._tell(f"[Bedrock's own tool {name} was called] ")
        self._kind = TOOL_USE
        self.used_a_tool = True
        client_id = self._tool_use_ids.for_client(tool_use_id)
        return self._release() + self._write_start(
            {"type": "tool_use", "id": client_id, "name": self._tool_names.get(name, name), "input": {}}
        )

    def _tool_input(self, tool_use: dict[str, Any]) -> bytes:
        fragment = expect_text(tool_use.get("input"))
        if self._kind == TOOL_USE:
            return _INPUT_DELTA % (self._next_index, dumps(fragment)) if fragment else b""
        if self._kind in (AS_TEXT, AS_ANSWER):
            return self._tell(fragment)
        raise UpstreamProtocolError("Bedrock sent tool input for a block that is not a tool call.")

    def _server_tool_result(self, pieces: list[Any]) -> bytes:
        self._expect(AS_TEXT)
        return self._tell("".join(_piece_of_result(piece) for piece in pieces))

    def _unknown_delta(self, delta: dict[str, Any]) -> None:
        """New members of a known block are passed over; but a block or an image that cannot be told would be lost."""
        if "image" in delta or (delta and self._kind == UNDECIDED):
            raise UpstreamProtocolError(f"Bedrock sent content that was not asked for: {_members(delta)}.")
        self.unknown_events += 1

    # --- bookkeeping

    def _open(self, payload: dict[str, Any]) -> bytes:
        """Begin upstream's next block. messageStart says nothing that is not known; fixtures exist without it."""
        index = block_index(payload)
        if self.ended:
            raise UpstreamProtocolError("Bedrock sent content after the end of the message.")
        if index <= self._upstream_index:
            raise UpstreamProtocolError(f"Bedrock went back to content block {index}, which had ended.")
        closing = self._begin() + self.close()
        self._upstream_index = index
        self._block_open = True
        self._kind = UNDECIDED
        return closing

    def _expect(self, kind: str) -> None:
        if self._kind == UNDECIDED:
            self._kind = kind
        elif self._kind != kind:
            raise UpstreamProtocolError(f"Bedrock mixed {self._kind} and {kind} in one content block.")

    def _write_start(self, block: dict[str, Any]) -> bytes:
        self._written = True
        event = {"type": "content_block_start", "index": self._next_index, "content_block": block}
        return sse.encode("content_block_start", event)

    def _release(self) -> bytes:
        """What was held back, as a block of its own: beside a call of the format tool it was not the answer."""
        if not self._held:
            return b""
        text, self._held = dumps("".join(self._held)), []
        index = self._next_index
        if self.used_the_format_tool:
            start = self._write_start({"type": "thinking", "thinking": "", "signature": ""})
            content = _THINKING_DELTA % (index, text)
        else:
            start = self._write_start({"type": "text", "text": ""})
            content = _TEXT_DELTA % (index, text)
        self._written = False
        self._next_index += 1
        return start + content + _BLOCK_STOP % index

    def finish(self) -> bytes:
        """End the message."""
        closing = self.close() + self._release()
        self.ended = True
        return closing

    def close(self) -> bytes:
        """End the open block, if one is. A block of empty deltas only said nothing, and uses up no index."""
        if not self._block_open:
            return b""
        self._plain_index = _NO_INDEX
        opening = self._write_redacted() if self._redacted else b""
        if self._kind == AS_ANSWER and not self._written:
            # An object without members comes as a call without input.
            opening = self._tell("{}")
        self._block_open = False
        if not self._written:
            return b""
        self._written = False
        index = self._next_index
        self._next_index += 1
        return opening + _BLOCK_STOP % index

    def _write_redacted(self) -> bytes:
        blob = b"".join(self._redacted)
        self._redacted = []
        return self._write_start({"type": "redacted_thinking", "data": _as_text(blob)})


def _members(content: Mapping[str, Any]) -> str:
    """What Bedrock calls something that nobody here knows, fit to be repeated to a caller."""
    return redact(", ".join(content))[:80]


def _as_text(blob: bytes) -> str:
    """Claude's blobs are the ASCII of Anthropic's own base64. Other bytes are of a vendor that takes none back."""
    try:
        return blob.decode()
    except UnicodeDecodeError:
        return b64encode(blob).decode()


def _piece_of_result(piece: Any) -> str:
    """The text of a server tool's result; what is not text, as JSON."""
    if isinstance(piece, dict) and isinstance(piece.get("text"), str):
        return str(piece["text"])
    return encode_json(piece.get("json", piece) if isinstance(piece, dict) else piece).decode()
