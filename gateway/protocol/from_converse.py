"""ConverseStream frames to Anthropic server-sent events, one at a time.

What is surprising: Bedrock opens only tool-use blocks, so text and thinking open here, at their first delta; indexes
are our own and dense, because clients append at a start and address by index; `messageStop` is held until `metadata`
has brought the token counts, whichever comes first; and only `messageStop` makes an answer whole.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from gateway.protocol import sse
from gateway.protocol.bedrock_errors import from_bedrock
from gateway.protocol.citations import from_citation
from gateway.protocol.errors import ApiError, UpstreamProtocolError
from gateway.protocol.eventstream import Frame
from gateway.protocol.payloads import block_index, decode_blob, expect_text, parse_payload, readable_payload
from gateway.protocol.usage import UNKNOWN_USAGE, Usage, from_converse_usage

# Converse's stop reasons and Anthropic's; a test compares the keys with botocore's model.
STOP_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "model_context_window_exceeded": "model_context_window_exceeded",
    "content_filtered": "refusal",
    "guardrail_intervened": "refusal",
}
# The model produced something that is not an answer. On `end_turn` an agent would stop in silence; an error it retries.
MALFORMED: Final[Mapping[str, str]] = {
    "malformed_model_output": "The model's output was malformed. Try the request again.",
    "malformed_tool_use": "The model's tool call was malformed. Try the request again.",
}

CONTENT_EVENTS: Final = ("contentBlockStart", "contentBlockDelta", "contentBlockStop")

TEXT: Final = "text"
THINKING: Final = "thinking"
REDACTED: Final = "redacted_thinking"
TOOL_USE: Final = "tool_use"
UNDECIDED: Final = ""

# One record per delta, only the changing part is encoded: a stream is mostly these.
_TEXT_DELTA: Final = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%b}}\n\n'
)
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
_MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class StreamTranslator:
    """Feed it every frame of one stream, then `finish`. The bytes returned, joined, are the Anthropic stream.

    Raises `GatewayError` for an exception in the stream and `UpstreamProtocolError` for one that breaks its own rules;
    what was returned before stands. After that it must not be fed again.
    """

    def __init__(
        self,
        *,
        message_id: str,
        model_name: str,
        tool_names: Mapping[str, str] | None = None,
        stop_sequences: tuple[str, ...] = (),
        max_tokens: int | None = None,
    ) -> None:
        """`model_name` is the caller's own word for the model; `tool_names` the caller's names by those on the wire."""
        self.usage = Usage()
        self.stop_reason: str | None = None
        self.unknown_events = 0
        self.done = False
        self._message_id = message_id
        self._model_name = model_name
        self._tool_names = tool_names or {}
        self._stop_sequences = stop_sequences
        self._max_tokens = max_tokens
        self._started = False
        self._stop_sequence: str | None = None
        self._has_usage = False
        self._used_a_tool = False
        self._next_index = 0
        self._upstream_index = -1
        self._block_open = False
        self._kind = UNDECIDED
        self._written = False
        self._redacted: list[bytes] = []
        self._events: dict[str, Callable[[dict[str, Any]], bytes]] = {
            "messageStart": self._message_start,
            "contentBlockStart": self._content_block_start,
            "contentBlockDelta": self._content_block_delta,
            "contentBlockStop": self._content_block_stop,
            "messageStop": self._message_stop,
            "metadata": self._metadata,
        }
        if max_tokens == 0:
            # The caller only warms the cache. Converse generates one token at least; nobody asked for it.
            self._events |= dict.fromkeys(CONTENT_EVENTS, _nothing)

    def feed(self, frame: Frame) -> bytes:
        """The events that this frame completes; often one, sometimes none. After the end, all frames say nothing."""
        if self.done:
            return b""
        headers, raw_payload = frame
        if headers.get(":message-type") != "event":
            self._raise_for(headers, raw_payload)
        translate = self._events.get(headers.get(":event-type", ""))
        if translate is None:
            self.unknown_events += 1
            return b""
        return translate(parse_payload(raw_payload))

    def finish(self) -> bytes:
        """The body has ended. What was held back, or `UpstreamProtocolError` if the answer is not whole."""
        if self.done:
            return b""
        if self.stop_reason is None:
            raise UpstreamProtocolError("Bedrock's stream ended before completion: the answer is not whole.")
        return self._end()

    # --- one method for each event of ConverseStreamOutput

    def _message_start(self, _: dict[str, Any]) -> bytes:
        if self._started:
            raise UpstreamProtocolError("Bedrock started the message twice.")
        return self._start()

    def _start(self) -> bytes:
        self._started = True
        message: dict[str, Any] = {
            "id": self._message_id,
            "type": "message",
            "role": "assistant",
            "model": self._model_name,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": UNKNOWN_USAGE,
        }
        return sse.encode("message_start", {"type": "message_start", "message": message})

    def _content_block_start(self, payload: dict[str, Any]) -> bytes:
        closing = self._open(payload)
        start = payload.get("start") or {}
        if not isinstance(start, dict):
            raise UpstreamProtocolError("Bedrock started a content block with something that is not an object.")
        if not start:
            # Seen in published fixtures: the type follows with the first delta.
            return closing
        tool_use = start.get("toolUse")
        if not isinstance(tool_use, dict):
            raise UpstreamProtocolError(
                f"Bedrock started a content block that was not asked for: {', '.join(start)[:80]}."
            )
        name, tool_use_id = tool_use.get("name"), tool_use.get("toolUseId")
        if not isinstance(name, str) or not isinstance(tool_use_id, str):
            raise UpstreamProtocolError("Bedrock started a tool call without its name or id.")
        self._kind = TOOL_USE
        self._used_a_tool = True
        block = {"type": "tool_use", "id": tool_use_id, "name": self._tool_names.get(name, name), "input": {}}
        return closing + self._write_start(block)

    def _content_block_delta(self, payload: dict[str, Any]) -> bytes:
        closing = (
            b""
            if self._block_open and payload.get("contentBlockIndex") == self._upstream_index
            else self._open(payload)
        )
        delta = payload.get("delta")
        if not isinstance(delta, dict):
            raise UpstreamProtocolError("Bedrock sent a delta without its content.")
        text = delta.get("text")
        if isinstance(text, str):
            return closing + self._text(text)
        reasoning = delta.get("reasoningContent")
        if isinstance(reasoning, dict):
            return closing + self._reasoning(reasoning)
        tool_use = delta.get("toolUse")
        if isinstance(tool_use, dict):
            return closing + self._tool_input(tool_use)
        citation = delta.get("citation")
        if isinstance(citation, dict):
            return closing + self._citation(citation)
        if any(member in delta for member in ("text", "reasoningContent", "toolUse", "citation")):
            raise UpstreamProtocolError("Bedrock sent a delta whose content has the wrong type.")
        self.unknown_events += 1
        return closing

    def _content_block_stop(self, payload: dict[str, Any]) -> bytes:
        index = block_index(payload)
        if index == self._upstream_index:
            # A second stop for one block says nothing new.
            return self._close()
        if index < self._upstream_index:
            raise UpstreamProtocolError(f"Bedrock ended content block {index} after a later one had begun.")
        return self._open(payload) + self._close()

    def _message_stop(self, payload: dict[str, Any]) -> bytes:
        reason = payload.get("stopReason")
        if not isinstance(reason, str):
            raise UpstreamProtocolError("Bedrock ended the message without a stop reason.")
        if reason in MALFORMED:
            raise ApiError(MALFORMED[reason])
        if self.stop_reason is not None:
            raise UpstreamProtocolError("Bedrock ended the message twice.")
        closing = self._close() if self._started else self._start()
        self.stop_reason = self._anthropic_stop_reason(reason)
        if self.stop_reason == "stop_sequence":
            self._stop_sequence = self._matched_stop_sequence(payload.get("additionalModelResponseFields"))
        return closing + self._end() if self._has_usage else closing

    def _metadata(self, payload: dict[str, Any]) -> bytes:
        usage = payload.get("usage")
        if isinstance(usage, dict):
            self.usage = from_converse_usage(usage)
            self._has_usage = True
        return self._end() if self.stop_reason is not None else b""

    # --- content

    def _text(self, text: str) -> bytes:
        self._expect(TEXT)
        if not text:
            return b""
        opening = b"" if self._written else self._write_start({"type": "text", "text": ""})
        return opening + _TEXT_DELTA % (self._next_index, orjson.dumps(text))

    def _citation(self, citation: dict[str, Any]) -> bytes:
        self._expect(TEXT)
        translated = from_citation(citation)
        if translated is None:
            self.unknown_events += 1
            return b""
        opening = b"" if self._written else self._write_start({"type": "text", "text": ""})
        delta = {"type": "citations_delta", "citation": translated}
        event = {"type": "content_block_delta", "index": self._next_index, "delta": delta}
        return opening + sse.encode("content_block_delta", event)

    def _reasoning(self, reasoning: dict[str, Any]) -> bytes:
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
        if text or signature:
            parts.append(
                b"" if self._written else self._write_start({"type": "thinking", "thinking": "", "signature": ""})
            )
        if text:
            parts.append(_THINKING_DELTA % (self._next_index, orjson.dumps(expect_text(text))))
        if signature:
            parts.append(_SIGNATURE_DELTA % (self._next_index, orjson.dumps(expect_text(signature))))
        return b"".join(parts)

    def _tool_input(self, tool_use: dict[str, Any]) -> bytes:
        if self._kind != TOOL_USE:
            raise UpstreamProtocolError("Bedrock sent tool input for a block that is not a tool call.")
        fragment = expect_text(tool_use.get("input"))
        return _INPUT_DELTA % (self._next_index, orjson.dumps(fragment)) if fragment else b""

    # --- block bookkeeping: Anthropic has one block open at a time

    def _open(self, payload: dict[str, Any]) -> bytes:
        """Begin upstream's next block; a missing contentBlockStop of the one before is made up for."""
        index = block_index(payload)
        if self.stop_reason is not None:
            raise UpstreamProtocolError("Bedrock sent content after the end of the message.")
        if index <= self._upstream_index:
            raise UpstreamProtocolError(f"Bedrock went back to content block {index}, which had ended.")
        # messageStart says nothing that is not known; published fixtures exist without it.
        closing = self._close() if self._started else self._start()
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

    def _close(self) -> bytes:
        if not self._block_open:
            return b""
        opening = self._write_redacted() if self._redacted else b""
        self._block_open = False
        if not self._written:
            # A block of empty deltas only: nothing was said, and no index is used up.
            return b""
        self._written = False
        index = self._next_index
        self._next_index += 1
        return opening + _BLOCK_STOP % index

    def _write_redacted(self) -> bytes:
        blob = b"".join(self._redacted)
        self._redacted = []
        try:
            text = blob.decode()
        except UnicodeDecodeError as error:
            raise UpstreamProtocolError("Bedrock sent redacted thinking that cannot be given back as text.") from error
        return self._write_start({"type": "redacted_thinking", "data": text})

    # --- the end

    def _anthropic_stop_reason(self, reason: str) -> str:
        translated = STOP_REASONS.get(reason)
        if translated is None:
            # From the future: clients know how to treat a reason they do not know, better than we can guess.
            self.unknown_events += 1
            return reason
        # Seen on models other than Claude: a tool call that ends with end_turn. The client would not run it.
        return "tool_use" if translated == "end_turn" and self._used_a_tool else translated

    def _matched_stop_sequence(self, fields: object) -> str | None:
        """Which of the request's stop sequences ended the text: asked for by response field paths, or the only one."""
        if isinstance(fields, dict):
            delta = fields.get("delta")
            for place in (fields, delta if isinstance(delta, dict) else {}):
                if isinstance(place.get("stop_sequence"), str):
                    return str(place["stop_sequence"])
        return self._stop_sequences[0] if len(self._stop_sequences) == 1 else None

    def _end(self) -> bytes:
        self.done = True
        refused = self.stop_reason == "refusal"
        delta = {
            "stop_reason": self.stop_reason,
            "stop_sequence": self._stop_sequence,
            "stop_details": {"type": "refusal", "category": None, "explanation": None} if refused else None,
        }
        event = {"type": "message_delta", "delta": delta, "usage": self.usage.as_anthropic()}
        return sse.encode("message_delta", event) + _MESSAGE_STOP

    def _raise_for(self, headers: Mapping[str, str], raw_payload: bytes) -> None:
        if headers.get(":message-type") == "exception":
            name = headers.get(":exception-type", "")
            raise from_bedrock(name, readable_payload(raw_payload), max_tokens=self._max_tokens)
        if headers.get(":message-type") == "error":
            raise ApiError(
                f"Bedrock broke off the stream with an error ({headers.get(':error-code', 'no code')[:80]})."
            )
        raise UpstreamProtocolError("Bedrock sent a frame that is neither an event nor an error.")


def _nothing(_: dict[str, Any]) -> bytes:
    return b""
