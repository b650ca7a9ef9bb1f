"""ConverseStream frames to Anthropic server-sent events, one at a time.

The content is `reply_blocks.py`'s. What is surprising here: `messageStop` is held until `metadata` has brought the
token counts, whichever comes first; and only `messageStop` makes an answer whole.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from orjson import JSONDecodeError, loads

from gateway.protocol import sse
from gateway.protocol.bedrock_errors import from_bedrock
from gateway.protocol.errors import ApiError, UpstreamProtocolError
from gateway.protocol.eventstream import Frame
from gateway.protocol.payloads import readable_payload
from gateway.protocol.redaction import redact
from gateway.protocol.reply_blocks import BlockWriter
from gateway.protocol.response_fields import ResponseFields, read_response_fields
from gateway.protocol.stop_reasons import MALFORMED, STOP_REASONS, stop_details
from gateway.protocol.tool_use_ids import ToolUseIds
from gateway.protocol.usage import UNREPORTED, Usage, from_converse_usage, is_told, usage_at_start

RESPONSE_FIELDS: Final = "additionalModelResponseFields"
_MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

# Of Bedrock's own words that nobody here knows.
MAX_CODE_CHARACTERS: Final = 80


class ExceptionInStream(Exception):
    """Why the answer ended: `summary` is Bedrock's name for it, for the log."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.summary = redact(name)[:MAX_CODE_CHARACTERS] or "no name"


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
        tool_use_ids: Collection[str] = (),
        stop_sequences: tuple[str, ...] = (),
        max_tokens: int | None = None,
        input_tokens_estimate: int = 0,
        only_1h_cache: bool = False,
        format_tool: str | None = None,
    ) -> None:
        """`model_name` is the caller's own word for the model; `tool_names` the caller's names by those on the wire;
        `tool_use_ids` those that the request brought along; `format_tool` the tool whose input is the answer's text.
        """
        self.usage: Usage | None = None
        """None until the end, and after it if Bedrock never told: then nobody may be billed by it."""
        self.stop_reason: str | None = None
        self.done = False
        self._message_id = message_id
        self._model_name = model_name
        self._stop_sequences = stop_sequences
        self._max_tokens = max_tokens
        self._input_tokens_estimate = input_tokens_estimate
        self._only_1h_cache = only_1h_cache
        self._started = False
        self._unknown_events = 0
        self._stop: dict[str, Any] = {}
        self._metadata: dict[str, Any] | None = None
        self._blocks = BlockWriter(
            self._begin, tool_names or {}, ToolUseIds(message_id, tool_use_ids), format_tool=format_tool
        )
        # The caller who asks for no tokens only warms the cache. Converse generates one at least; nobody wants it.
        content_is_wanted = max_tokens != 0
        self._events: dict[str, Callable[[dict[str, Any]], bytes]] = {
            "messageStart": self._message_start,
            "contentBlockStart": self._blocks.start if content_is_wanted else _nothing,
            "contentBlockDelta": self._blocks.delta if content_is_wanted else _nothing,
            "contentBlockStop": self._blocks.stop if content_is_wanted else _nothing,
            "messageStop": self._message_stop,
            "metadata": self._take_metadata,
        }
        self._headers: Mapping[str, str] | None = None
        self._translate: Callable[[dict[str, Any]], bytes] | None = None
        """What translates the events that have those headers; None for those that nobody knows."""

    @property
    def unknown_events(self) -> int:
        """How much of the stream said something that nobody here knows yet."""
        return self._unknown_events + self._blocks.unknown_events

    def feed(self, frame: Frame) -> bytes:
        """The events that this frame completes; often one, sometimes none. After the end, all frames say nothing."""
        events: list[bytes] = []
        self.feed_all((frame,), events)
        return b"".join(events)

    def feed_all(self, frames: Iterable[Frame], events: list[bytes]) -> None:
        """`feed` for each, into `events`: what has been appended when one of them raises stands."""
        for headers, raw_payload in frames:
            if self.done:
                return
            # Nearly all are deltas, and to the decoder equal headers are one and the same object.
            if headers is not self._headers:
                if headers.get(":message-type") != "event":
                    self._raise_for(headers, raw_payload)
                self._translate = self._events.get(headers.get(":event-type", ""))
                self._headers = headers
            if self._translate is None:
                # Its payload may be anything.
                self._unknown_events += 1
                continue
            try:
                payload = loads(raw_payload)
            except JSONDecodeError as error:
                # In an undamaged frame it is still a lost piece of the answer.
                raise UpstreamProtocolError("Bedrock sent an event that is not JSON.") from error
            if type(payload) is not dict:
                raise UpstreamProtocolError("Bedrock sent an event that is not a JSON object.")
            events.append(self._translate(payload))

    def finish(self) -> bytes:
        """The body has ended. What was held back, or `UpstreamProtocolError` if the answer is not whole."""
        if self.done:
            return b""
        if self.stop_reason is None:
            raise UpstreamProtocolError(
                "Bedrock's stream ended before completion: the answer is not whole.", fault="stream_truncated"
            )
        return self._end()

    # --- the beginning

    def _message_start(self, _: dict[str, Any]) -> bytes:
        if self._started:
            raise UpstreamProtocolError("Bedrock started the message twice.")
        return self._begin()

    def _begin(self) -> bytes:
        """message_start, if it has not gone out. With every member of the type that Bedrock can say nothing about."""
        if self._started:
            return b""
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
            "container": None,
            "context_management": None,
            "diagnostics": None,
            "usage": usage_at_start(self._input_tokens_estimate),
        }
        return sse.encode("message_start", {"type": "message_start", "message": message})

    # --- the end

    def _message_stop(self, payload: dict[str, Any]) -> bytes:
        reason = payload.get("stopReason")
        if not isinstance(reason, str):
            raise UpstreamProtocolError("Bedrock ended the message without a stop reason.")
        if reason in MALFORMED:
            raise ApiError(MALFORMED[reason], fault="stream_error")
        if self.stop_reason is not None:
            raise UpstreamProtocolError("Bedrock ended the message twice.")
        closing = self._begin() + self._blocks.finish()
        self._stop = payload
        self.stop_reason = self._anthropic_stop_reason(reason)
        return closing if self._metadata is None else closing + self._end()

    def _take_metadata(self, payload: dict[str, Any]) -> bytes:
        self._metadata = (self._metadata or {}) | payload
        return b"" if self.stop_reason is None else self._end()

    def _anthropic_stop_reason(self, reason: str) -> str:
        translated = STOP_REASONS.get(reason)
        if translated is None:
            # From the future: clients know how to treat a reason they do not know, better than we can guess.
            self._unknown_events += 1
            return redact(reason)[:MAX_CODE_CHARACTERS]
        if translated == "end_turn" and self._blocks.used_a_tool:
            # Seen on models other than Claude. The client would not run the tool.
            return "tool_use"
        if translated == "tool_use" and self._blocks.used_the_format_tool and not self._blocks.used_a_tool:
            return "end_turn"
        return translated

    def _end(self) -> bytes:
        self.done = True
        metadata = self._metadata or {}
        fields = read_response_fields(self._stop.get(RESPONSE_FIELDS), metadata.get(RESPONSE_FIELDS))
        if is_told(metadata.get("usage")):
            self.usage = from_converse_usage(
                metadata["usage"], fields, metadata.get("serviceTier"), only_1h_cache=self._only_1h_cache
            )
        delta = {
            "stop_reason": self.stop_reason,
            "stop_sequence": self._matched_stop_sequence(fields),
            "stop_details": stop_details(self._stop["stopReason"], fields.stop_details),
            "container": None,
        }
        usage = UNREPORTED if self.usage is None else self.usage.as_anthropic()
        event = {"type": "message_delta", "delta": delta, "usage": usage, "context_management": None}
        return sse.encode("message_delta", event) + _MESSAGE_STOP

    def _matched_stop_sequence(self, fields: ResponseFields) -> str | None:
        """Which of the request's stop sequences ended the text: told by the model, or the only one there is."""
        if self.stop_reason != "stop_sequence":
            return None
        if fields.stop_sequence is not None:
            return fields.stop_sequence
        return self._stop_sequences[0] if len(self._stop_sequences) == 1 else None

    def _raise_for(self, headers: Mapping[str, str], raw_payload: bytes) -> None:
        if headers.get(":message-type") == "exception":
            name = headers.get(":exception-type", "")
            error = from_bedrock(name, readable_payload(raw_payload), max_tokens=self._max_tokens)
            raise error from ExceptionInStream(name)
        if headers.get(":message-type") == "error":
            code = redact(headers.get(":error-code", "no code"))[:MAX_CODE_CHARACTERS]
            raise ApiError(f"Bedrock broke off the stream with an error ({code}).", fault="stream_error")
        raise UpstreamProtocolError("Bedrock sent a frame that is neither an event nor an error.")


def _nothing(_: dict[str, Any]) -> bytes:
    return b""
