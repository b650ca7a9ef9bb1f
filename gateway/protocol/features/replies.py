"""Rows: what replies hold, why they end, and which events a stream has.

Here the fate is that of Anthropic's word: `kept` says what Bedrock says, `approximated` says it in other words,
`dropped` never comes (an optional field is null), `refused` is an error in place of an answer.
Sources: the response types of the anthropic SDK 2.12, botocore's `bedrock-runtime` model.
"""

from typing import Final

from gateway.protocol.features.feature import Feature, approximated, dropped, kept, refused

_FIELD: Final = "response field"
_STOP: Final = "stop reason"
_EVENT: Final = "stream event"

_NO_SERVER_TOOLS: Final = "Never comes: Bedrock runs none of Anthropic's server tools."

_MESSAGE: Final[tuple[Feature, ...]] = (
    approximated("reply.id", _FIELD, "`msg_bdrk_` and the gateway's own request id: Bedrock's stream has none."),
    kept("reply.type", _FIELD, "`message`."),
    kept("reply.role", _FIELD, "`assistant`."),
    kept("reply.model", _FIELD, "The caller's own word for the model; the header x-chatrix-model names who answered."),
    kept("reply.content", _FIELD, "By its blocks."),
    kept("reply.stop_reason", _FIELD, "By its values."),
    kept("reply.stop_sequence", _FIELD, "As Claude tells it, or the only one that the request had."),
    kept(
        "reply.stop_details",
        _FIELD,
        "As Claude tells them.",
        "refusal",
    ),
    approximated(
        "reply.stop_details/not_told",
        _FIELD,
        "Bedrock refuses without details: the type, and an explanation which names Bedrock's reason.",
    ),
    dropped("reply.container", _FIELD, "Always null: Bedrock has no containers."),
    dropped("reply.context_management", _FIELD, "Always null: nothing of the conversation is edited."),
    dropped("reply.diagnostics", _FIELD, "Always null: Bedrock gives none."),
    dropped("reply.input_transformations", _FIELD, "Never there: Bedrock does not report any."),
)

_USAGE: Final[tuple[Feature, ...]] = (
    kept("reply.usage", _FIELD, "Bedrock's `metadata.usage`; in a stream it comes at the end."),
    approximated(
        "reply.usage/never_told",
        _FIELD,
        "Bedrock ended without `metadata`: zeros, and null where the protocol allows it.",
    ),
    kept("reply.usage.input_tokens", _FIELD, "`inputTokens`: without the cached ones in both protocols."),
    approximated(
        "reply.usage.input_tokens/at_the_start",
        _FIELD,
        "`message_start` has an estimate of the whole input, since Bedrock counts at the end; "
        "`message_delta` has the truth.",
    ),
    kept("reply.usage.output_tokens", _FIELD, "`outputTokens`, thinking among them."),
    kept("reply.usage.cache_read_input_tokens", _FIELD, "`cacheReadInputTokens`."),
    kept("reply.usage.cache_creation_input_tokens", _FIELD, "`cacheWriteInputTokens`."),
    kept(
        "reply.usage.cache_creation",
        _FIELD,
        "`cacheDetails`, or Claude's own split.",
        "ephemeral_5m_input_tokens",
        "ephemeral_1h_input_tokens",
    ),
    approximated(
        "reply.usage.cache_creation/not_told",
        _FIELD,
        "Bedrock tells no split, or one that does not add up: all counts as 5 minutes, or as an hour where the request "
        "asked for nothing else.",
    ),
    kept("reply.usage.output_tokens_details", _FIELD, "As Claude tells it; null on other models.", "thinking_tokens"),
    kept("reply.usage.service_tier", _FIELD, "`priority` as it is; `default` is Anthropic's `standard`."),
    approximated("reply.usage.service_tier/other_tiers", _FIELD, "`flex` and `reserved` are called `standard`."),
    dropped("reply.usage.server_tool_use", _FIELD, "Always null: there are no server tools."),
    dropped("reply.usage.iterations", _FIELD, "Always null: an answer is one call of one model."),
    dropped("reply.usage.inference_geo", _FIELD, "Always null: Bedrock does not say where it ran."),
    dropped("reply.usage.speed", _FIELD, "Always null: Bedrock has no fast mode for Claude."),
    dropped("reply.usage.fallback_credit", _FIELD, "Never there: it belongs to Anthropic's own billing."),
)

_CONTENT: Final[tuple[Feature, ...]] = (
    kept("reply.content.text", _FIELD, "`text`, delta by delta. A block without any text is left out.", "text"),
    *(
        kept(f"reply.content.text.citations.{location}", _FIELD, reason, "cited_text", *fields)
        for location, reason, fields in (
            (
                "char_location",
                "`documentChar`.",
                ("document_index", "document_title", "start_char_index", "end_char_index"),
            ),
            (
                "page_location",
                "`documentPage`.",
                ("document_index", "document_title", "start_page_number", "end_page_number"),
            ),
            (
                "content_block_location",
                "`documentChunk`.",
                ("document_index", "document_title", "start_block_index", "end_block_index"),
            ),
            (
                "search_result_location",
                "`searchResultLocation`.",
                ("search_result_index", "source", "title", "start_block_index", "end_block_index"),
            ),
        )
    ),
    *(
        dropped(f"reply.content.text.citations.{location}.file_id", _FIELD, "Always null: Bedrock has no Files API.")
        for location in ("char_location", "page_location", "content_block_location")
    ),
    approximated(
        "reply.content.text.citations.web_search_result_location",
        _FIELD,
        "`web`, from models with a search of their own: `encrypted_index` is empty.",
        "cited_text",
        "encrypted_index",
        "title",
        "url",
    ),
    kept(
        "reply.content.thinking",
        _FIELD,
        "`reasoningContent`; text and signature byte for byte.",
        "thinking",
        "signature",
    ),
    approximated(
        "reply.content.thinking.signature/other_models",
        _FIELD,
        "Only Claude signs what it thinks. The protocol wants the field: it is empty.",
    ),
    kept("reply.content.redacted_thinking", _FIELD, "`redactedContent`, byte for byte.", "data"),
    kept(
        "reply.content.tool_use",
        _FIELD,
        "`toolUse`; the caller's own name is restored, the input is the model's own text.",
        "id",
        "name",
        "input",
    ),
    approximated(
        "reply.content.tool_use.id/other_models",
        _FIELD,
        "Ids with characters that Anthropic does not use, or that come again, are made anew.",
    ),
    approximated(
        "reply.content.tool_use.input/cut_short",
        _FIELD,
        "`max_tokens` ended a tool call in its middle: a stream has what there is, a reply that is not streamed what "
        "is complete of it, closed so that it is JSON. `stop_reason` tells.",
    ),
    dropped("reply.content.tool_use.caller", _FIELD, "Never there: the model itself is the only caller."),
    dropped("reply.content.tool_use.toolset_name", _FIELD, "Never there: Bedrock has no toolsets."),
    approximated(
        "reply.content.server_tool_use",
        _FIELD,
        "A tool that Bedrock itself runs (Nova), and its result, are told as text: a client would try to answer it.",
        "id",
        "name",
        "input",
        "caller",
    ),
    *(
        dropped(f"reply.content.{block}", _FIELD, reason)
        for block, reason in (
            ("web_search_tool_result", _NO_SERVER_TOOLS),
            ("web_fetch_tool_result", _NO_SERVER_TOOLS),
            ("advisor_tool_result", _NO_SERVER_TOOLS),
            ("code_execution_tool_result", _NO_SERVER_TOOLS),
            ("bash_code_execution_tool_result", _NO_SERVER_TOOLS),
            ("text_editor_code_execution_tool_result", _NO_SERVER_TOOLS),
            ("tool_search_tool_result", _NO_SERVER_TOOLS),
            ("mcp_tool_use", "Never comes: Bedrock has no MCP connector."),
            ("mcp_tool_result", "Never comes: Bedrock has no MCP connector."),
            ("mcp_tool_listing", "Never comes: Bedrock has no MCP connector."),
            ("container_upload", "Never comes: Bedrock has no containers."),
            ("compaction", "Never comes: Converse has no compaction."),
            ("fallback", "Never comes: no other model takes over."),
        )
    ),
)

_STOPS: Final[tuple[Feature, ...]] = (
    kept("stop_reason.end_turn", _STOP, "`end_turn`."),
    kept("stop_reason.max_tokens", _STOP, "`max_tokens`. A tool call may be cut short then."),
    kept("stop_reason.stop_sequence", _STOP, "`stop_sequence`."),
    kept("stop_reason.tool_use", _STOP, "`tool_use`."),
    approximated(
        "stop_reason.tool_use/not_said",
        _STOP,
        "Some models say `end_turn` behind a tool call: a client would not run it.",
    ),
    kept("stop_reason.model_context_window_exceeded", _STOP, "`model_context_window_exceeded`."),
    approximated(
        "stop_reason.refusal",
        _STOP,
        "`content_filtered` and `guardrail_intervened`; `stop_details.explanation` tells which.",
    ),
    dropped("stop_reason.pause_turn", _STOP, _NO_SERVER_TOOLS),
    dropped("stop_reason.compaction", _STOP, "Never comes: Converse has no compaction."),
    refused(
        "stop_reason.malformed_model_output",
        _STOP,
        "The model's output was malformed. Try the request again.",
    ),
    refused(
        "stop_reason.malformed_tool_use",
        _STOP,
        "The model's tool call was malformed. Try the request again.",
    ),
    kept("stop_reason.*", _STOP, "A reason that nobody here knows yet is passed on as it is."),
)

_EVENTS: Final[tuple[Feature, ...]] = (
    kept("event.message_start", _EVENT, "At Bedrock's `messageStart`.", "message"),
    kept("event.content_block_start", _EVENT, "Indexes are dense, from 0.", "index", "content_block"),
    kept("event.content_block_delta", _EVENT, "By the kind of its delta.", "index"),
    kept("event.content_block_delta.delta.text_delta", _EVENT, "As it comes.", "text"),
    kept("event.content_block_delta.delta.input_json_delta", _EVENT, "As it comes.", "partial_json"),
    kept("event.content_block_delta.delta.thinking_delta", _EVENT, "As it comes.", "thinking"),
    dropped(
        "event.content_block_delta.delta.thinking_delta.estimated_tokens",
        _EVENT,
        "Never there: Bedrock gives no such estimate.",
    ),
    kept("event.content_block_delta.delta.signature_delta", _EVENT, "As it comes.", "signature"),
    kept("event.content_block_delta.delta.citations_delta", _EVENT, "As it comes.", "citation"),
    dropped("event.content_block_delta.delta.compaction_delta", _EVENT, "Never comes: Converse has no compaction."),
    kept("event.content_block_stop", _EVENT, "Made up for where Bedrock leaves it out.", "index"),
    kept("event.message_delta", _EVENT, "Held until the token counts are known."),
    kept(
        "event.message_delta.delta",
        _EVENT,
        "The fields of the same names.",
        "stop_reason",
        "stop_sequence",
        "stop_details",
        "container",
    ),
    kept(
        "event.message_delta.usage",
        _EVENT,
        "The fields of the same names, cumulative.",
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens_details",
        "server_tool_use",
        "iterations",
        "fallback_credit",
    ),
    dropped("event.message_delta.context_management", _EVENT, "Always null: nothing of the conversation is edited."),
    dropped("event.message_delta.input_transformations", _EVENT, "Never there: Bedrock does not report any."),
    kept("event.message_stop", _EVENT, "Only behind Bedrock's own `messageStop`."),
    approximated("event.ping", _EVENT, "The gateway's own, after 10 s of silence: Bedrock sends none."),
    kept("event.error", _EVENT, "An exception inside Bedrock's stream, or a stream that breaks off."),
)

REPLIES: Final[tuple[Feature, ...]] = (*_MESSAGE, *_USAGE, *_CONTENT, *_STOPS, *_EVENTS)
