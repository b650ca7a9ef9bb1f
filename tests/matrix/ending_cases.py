"""Cases: why replies end, and which events a stream has."""

from typing import Any, Final

from tests.matrix.answers import (
    SIGNATURE,
    SPAN,
    START,
    THOUGHT,
    answer,
    approximated,
    call,
    cite,
    delta,
    end,
    kept,
    metadata,
    missing,
    never,
    null,
    place,
    text,
    usage,
)
from tests.matrix.cases import NeverCase, ReplyCase
from tests.matrix.reply_cases import REPLY_CASES
from tests.support.scripted_bedrock import Event

_STOPS: Final[tuple[ReplyCase | NeverCase, ...]] = (
    kept("stop_reason.end_turn", answer(), "stop_reason", "end_turn"),
    kept("stop_reason.max_tokens", answer(ends=end("max_tokens")), "stop_reason", "max_tokens"),
    kept("stop_reason.stop_sequence", answer(ends=end("stop_sequence")), "stop_reason", "stop_sequence"),
    kept("stop_reason.tool_use", answer(*call(), ends=end("tool_use")), "stop_reason", "tool_use"),
    approximated(
        "stop_reason.tool_use/not_said", answer(*call(), ends=end("end_turn")), "stop_reason", "end_turn", "tool_use"
    ),
    kept(
        "stop_reason.model_context_window_exceeded",
        answer(ends=end("model_context_window_exceeded")),
        "stop_reason",
        "model_context_window_exceeded",
    ),
    approximated(
        "stop_reason.refusal",
        answer(ends=end("guardrail_intervened")),
        "stop_reason",
        "guardrail_intervened",
        "refusal",
    ),
    never("stop_reason.pause_turn", "pause_turn"),
    never("stop_reason.compaction", "compaction"),
    *(
        ReplyCase(
            row=f"stop_reason.{reason}", fate="refused", events=answer(ends=end(reason)), shown=("api_error", says)
        )
        for reason, says in (
            ("malformed_model_output", "The model's output was malformed."),
            ("malformed_tool_use", "The model's tool call was malformed."),
        )
    ),
    kept("stop_reason.*", answer(ends=end("from_the_future")), "stop_reason", "from_the_future"),
)


def _event(name: str, events: tuple[Event, ...], place: str, value: Any) -> ReplyCase:
    return kept(f"event.{name}", events, f"events.{place}", value, whole=False)


_EVENTS: Final[tuple[ReplyCase | NeverCase, ...]] = (
    _event("message_start", answer(), "message_start.0.message.role", "assistant"),
    _event("content_block_start", answer(*text(0), *text(1)), "content_block_start.1.index", 1),
    _event("content_block_delta", answer(*text(0), *text(1)), "content_block_delta.1.index", 1),
    _event(
        "content_block_delta.delta.text_delta",
        answer(*text(0, "Hello.")),
        "content_block_delta.0.delta",
        {"type": "text_delta", "text": "Hello."},
    ),
    _event(
        "content_block_delta.delta.input_json_delta",
        answer(*call(), ends=end("tool_use")),
        "content_block_delta.0.delta",
        {"type": "input_json_delta", "partial_json": '{"zone":"UTC"}'},
    ),
    _event(
        "content_block_delta.delta.thinking_delta",
        THOUGHT,
        "content_block_delta.0.delta",
        {"type": "thinking_delta", "thinking": "Hm."},
    ),
    missing(
        "event.content_block_delta.delta.thinking_delta.estimated_tokens",
        "events.content_block_delta.0.delta.estimated_tokens",
        THOUGHT,
        whole=False,
    ),
    _event(
        "content_block_delta.delta.signature_delta",
        THOUGHT,
        "content_block_delta.1.delta",
        {"type": "signature_delta", "signature": SIGNATURE},
    ),
    _event(
        "content_block_delta.delta.citations_delta",
        answer(*cite({"documentChar": SPAN})),
        "content_block_delta.1.delta",
        {"type": "citations_delta", "citation": place("char_location", "char_index")},
    ),
    never("event.content_block_delta.delta.compaction_delta", "compaction_delta"),
    _event("content_block_stop", answer(delta(0, text="A."), *text(1)), "content_block_stop.0.index", 0),
    _event("message_delta", (START, *text(), metadata(), end()), "message_delta.0.type", "message_delta"),
    _event("message_delta.delta", answer(ends=end("max_tokens")), "message_delta.0.delta.stop_reason", "max_tokens"),
    _event("message_delta.usage", usage(outputTokens=13), "message_delta.0.usage.output_tokens", 13),
    null("event.message_delta.context_management", "events.message_delta.0.context_management", whole=False),
    missing("event.message_delta.input_transformations", "events.message_delta.0.input_transformations", whole=False),
    _event("message_stop", answer(), "message_stop.0", {"type": "message_stop"}),
    approximated("event.ping", answer(), "events.ping.0", None, {"type": "ping"}, whole=False, silence_seconds=0.4),
    kept(
        "event.error",
        (START, *text(), ("!throttlingException", {"message": "Too many requests, please wait before trying again."})),
        "events.error.0.error",
        {
            "type": "rate_limit_error",
            "message": "Too many requests: Bedrock slows the gateway's AWS account down. Try again in a moment.",
        },
        whole=False,
    ),
)

ENDING_CASES: Final[tuple[ReplyCase | NeverCase, ...]] = (*_STOPS, *_EVENTS)
# What Bedrock can say, taken together; whatever is in no reply to it never comes.
EVERYTHING: Final = tuple(case.events for case in (*REPLY_CASES, *ENDING_CASES) if isinstance(case, ReplyCase))
