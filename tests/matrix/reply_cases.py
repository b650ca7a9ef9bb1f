"""Cases: what replies hold."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from tests.matrix.answers import (
    REDACTED,
    SIGNATURE,
    SPAN,
    START,
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
    stop_block,
    text,
    usage,
)
from tests.matrix.cases import MODEL, NeverCase, ReplyCase
from tests.matrix.message_cases import PLACES

DETAILS: Final[Mapping[str, Any]] = {
    "type": "refusal",
    "category": "cyber",
    "explanation": "It asks for malware.",
    "fallback_credit_token": None,
}

SPLIT: Final[Mapping[str, Any]] = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70}

_MESSAGE: Final = (
    approximated("reply.id", answer(), "id", None, lambda found: found.startswith("msg_bdrk_")),
    kept("reply.type", answer(), "type", "message"),
    kept("reply.role", answer(), "role", "assistant"),
    kept("reply.model", answer(), "model", MODEL),
    kept("reply.content", answer(*text(0, "A."), *text(1, "B.")), "content.1.text", "B."),
    kept("reply.stop_reason", answer(ends=end("max_tokens")), "stop_reason", "max_tokens"),
    kept(
        "reply.stop_sequence",
        answer(ends=end("stop_sequence", {"delta": {"stop_sequence": "STOP"}})),
        "stop_sequence",
        "STOP",
        body={"stop_sequences": ["END", "STOP"]},
    ),
    kept(
        "reply.stop_details",
        answer(ends=end("content_filtered", {"delta": {"stop_details": DETAILS}})),
        "stop_details",
        DETAILS,
    ),
    approximated(
        "reply.stop_details/not_told",
        answer(ends=end("content_filtered")),
        "stop_details",
        None,
        {
            "type": "refusal",
            "category": None,
            "explanation": "Bedrock reports that the answer was stopped because of its content.",
        },
    ),
    null("reply.container", "container"),
    null("reply.context_management", "context_management"),
    null("reply.diagnostics", "diagnostics"),
    missing("reply.input_transformations", "input_transformations"),
)

_USAGE: Final = (
    kept("reply.usage", answer(), "usage.output_tokens", 7),
    approximated("reply.usage/never_told", (START, *text(), end()), "usage.input_tokens", None, 0),
    kept("reply.usage.input_tokens", usage(inputTokens=12), "usage.input_tokens", 12),
    approximated(
        "reply.usage.input_tokens/at_the_start",
        answer(),
        "events.message_start.0.message.usage.input_tokens",
        11,
        lambda found: 400 < found < 1000,
        body={"system": "word " * 500},
        whole=False,
    ),
    kept("reply.usage.output_tokens", usage(outputTokens=13), "usage.output_tokens", 13),
    kept(
        "reply.usage.cache_read_input_tokens",
        usage(cacheReadInputTokens=14),
        "usage.cache_read_input_tokens",
        14,
    ),
    kept(
        "reply.usage.cache_creation_input_tokens",
        usage(cacheWriteInputTokens=15),
        "usage.cache_creation_input_tokens",
        15,
    ),
    kept(
        "reply.usage.cache_creation",
        usage(
            cacheWriteInputTokens=100,
            cacheDetails=[{"ttl": "1h", "inputTokens": 70}, {"ttl": "5m", "inputTokens": 30}],
        ),
        "usage.cache_creation",
        SPLIT,
    ),
    approximated(
        "reply.usage.cache_creation/not_told",
        usage(cacheWriteInputTokens=100),
        "usage.cache_creation",
        None,
        {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
    ),
    kept(
        "reply.usage.output_tokens_details",
        answer(ends=end("end_turn", {"usage": {"output_tokens_details": {"thinking_tokens": 5}}})),
        "usage.output_tokens_details",
        {"thinking_tokens": 5},
    ),
    kept(
        "reply.usage.service_tier",
        answer(says=metadata(serviceTier={"type": "priority"})),
        "usage.service_tier",
        "priority",
    ),
    approximated(
        "reply.usage.service_tier/other_tiers",
        answer(says=metadata(serviceTier={"type": "flex"})),
        "usage.service_tier",
        "flex",
        "standard",
    ),
    null("reply.usage.server_tool_use", "usage.server_tool_use"),
    null("reply.usage.iterations", "usage.iterations"),
    null("reply.usage.inference_geo", "usage.inference_geo"),
    null("reply.usage.speed", "usage.speed"),
    missing("reply.usage.fallback_credit", "usage.fallback_credit"),
)

_CITATION: Final = "content.0.citations.0"

_CONTENT: Final[tuple[ReplyCase | NeverCase, ...]] = (
    kept("reply.content.text", answer(*text(0, "Hello.")), "content.0", {"type": "text", "text": "Hello."}),
    *(
        kept(
            f"reply.content.text.citations.{kind}",
            answer(*cite({location: SPAN})),
            _CITATION,
            place(kind, unit),
        )
        for kind, unit, location in PLACES
    ),
    *(
        null(f"reply.content.text.citations.{kind}.file_id", f"{_CITATION}.file_id", answer(*cite({location: SPAN})))
        for kind, _, location in PLACES
    ),
    kept(
        "reply.content.text.citations.search_result_location",
        answer(*cite({"searchResultLocation": {"searchResultIndex": 0, "start": 1, "end": 2}}, source="https://x")),
        _CITATION,
        {
            "type": "search_result_location",
            "cited_text": "Alpha.",
            "search_result_index": 0,
            "start_block_index": 1,
            "end_block_index": 2,
            "source": "https://x",
            "title": "Notes",
        },
    ),
    approximated(
        "reply.content.text.citations.web_search_result_location",
        answer(*cite({"web": {"url": "https://x", "domain": "x"}})),
        _CITATION,
        {"url": "https://x", "domain": "x"},
        {
            "type": "web_search_result_location",
            "cited_text": "Alpha.",
            "encrypted_index": "",
            "title": "Notes",
            "url": "https://x",
        },
    ),
    kept(
        "reply.content.thinking",
        answer(
            delta(0, reasoningContent={"text": "Hm."}),
            delta(0, reasoningContent={"signature": SIGNATURE}),
            stop_block(0),
        ),
        "content.0",
        {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE},
    ),
    approximated(
        "reply.content.thinking.signature/other_models",
        answer(delta(0, reasoningContent={"text": "Hm."}), stop_block(0)),
        "content.0.signature",
        None,
        "",
    ),
    kept(
        "reply.content.redacted_thinking",
        answer(delta(0, reasoningContent={"redactedContent": b64encode(REDACTED.encode()).decode()}), stop_block(0)),
        "content.0",
        {"type": "redacted_thinking", "data": REDACTED},
    ),
    kept(
        "reply.content.tool_use",
        answer(*call(), ends=end("tool_use")),
        "content.0",
        {"type": "tool_use", "id": "tooluse_abc", "name": "clock", "input": {"zone": "UTC"}},
    ),
    approximated(
        "reply.content.tool_use.id/other_models",
        answer(*call(tool_use_id="functions.clock:0"), ends=end("tool_use")),
        "content.0.id",
        "functions.clock:0",
        lambda found: found.startswith("functions_clock_0_"),
    ),
    approximated(
        "reply.content.tool_use.input/cut_short",
        answer(*call(fragment='{"zone":"UTC","day":"Mo'), ends=end("max_tokens")),
        "content.0.input",
        '{"zone":"UTC","day":"Mo',
        {"zone": "UTC"},
        streamed=False,
    ),
    missing("reply.content.tool_use.caller", "content.0.caller", answer(*call(), ends=end("tool_use"))),
    missing("reply.content.tool_use.toolset_name", "content.0.toolset_name", answer(*call(), ends=end("tool_use"))),
    approximated(
        "reply.content.server_tool_use",
        answer(*call(type="server_tool_use")),
        "content.0",
        {"type": "server_tool_use", "id": "tooluse_abc", "name": "clock", "input": {"zone": "UTC"}},
        {"type": "text", "text": '[Bedrock\'s own tool clock was called] {"zone":"UTC"}'},
    ),
    *(
        never(f"reply.content.{block}", block)
        for block in (
            "web_search_tool_result",
            "web_fetch_tool_result",
            "advisor_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "mcp_tool_use",
            "mcp_tool_result",
            "mcp_tool_listing",
            "container_upload",
            "compaction",
            "fallback",
        )
    ),
)

REPLY_CASES: Final[tuple[ReplyCase | NeverCase, ...]] = (*_MESSAGE, *_USAGE, *_CONTENT)
