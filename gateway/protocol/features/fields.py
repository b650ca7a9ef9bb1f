"""Rows: the fields of a request that are not blocks, tools or thinking.

Sources: https://docs.claude.com/en/api/messages, the request types of the anthropic SDK 2.12, botocore's
`bedrock-runtime` model.
"""

from typing import Final

from gateway.protocol.features.feature import Feature, approximated, dropped, kept, refused

_FIELD: Final = "request field"

FIELDS: Final[tuple[Feature, ...]] = (
    kept("model", _FIELD, "Resolved to a Bedrock model id by the catalog; the reply repeats the client's own word."),
    approximated(
        "model/substituted",
        _FIELD,
        "The model is retired or unknown: its successor, or the newest of its family, answers. "
        "The header x-chatrix-model names it.",
    ),
    kept("messages", _FIELD, "Turns of one role are merged, as Anthropic's own API does.", "role", "content"),
    kept("max_tokens", _FIELD, "`inferenceConfig.maxTokens`."),
    approximated(
        "max_tokens/outside_the_limits",
        _FIELD,
        "More than the model can write is cut to its limit, which Bedrock would refuse; 0, which only warms the cache, "
        "is sent as 1 and the one token is kept back.",
    ),
    kept("stream", _FIELD, "Bedrock is always asked for a stream; a reply that is not streamed is the same, gathered."),
    kept("system", _FIELD, "`system`, block by block."),
    dropped(
        "system/blank",
        _FIELD,
        "Blank text: Bedrock refuses it, and no model reads anything in it.",
        silent=True,
    ),
    dropped(
        "system/attribution",
        _FIELD,
        "Claude Code's line `x-anthropic-billing-header:`. Only api.anthropic.com reads it, and it changes with the "
        "conversation, which would defeat prompt caching.",
        silent=True,
    ),
    approximated(
        "system/operator",
        _FIELD,
        "The operator of this gateway has added a text of their own (CHATRIX_SYSTEM_PROMPT_FILE) as the last block.",
        harmless=True,
    ),
    kept("temperature", _FIELD, "`inferenceConfig.temperature`."),
    dropped(
        "temperature/default_without_sampling",
        _FIELD,
        "The model takes no sampling parameters. 1 is what it does anyway.",
        harmless=True,
    ),
    kept("top_p", _FIELD, "`inferenceConfig.topP`."),
    dropped(
        "top_p/default_without_sampling",
        _FIELD,
        "The model takes no sampling parameters. 1 is what it does anyway.",
        harmless=True,
    ),
    dropped(
        "top_p/default_with_temperature",
        _FIELD,
        "The model refuses temperature and top_p together. A top_p of 1 cuts nothing off.",
        harmless=True,
    ),
    dropped(
        "temperature/default_with_top_p",
        _FIELD,
        "The model refuses temperature and top_p together. A temperature of 1 is what it does anyway.",
        harmless=True,
    ),
    kept("top_k", _FIELD, "Claude's own `top_k`; `inferenceConfig.topK` for Nova."),
    dropped("top_k/not_on_this_model", _FIELD, "The model has no such parameter: it samples from all tokens."),
    kept("stop_sequences", _FIELD, "`inferenceConfig.stopSequences`; which one was hit is asked for with it."),
    dropped(
        "stop_sequences/empty",
        _FIELD,
        "Empty ones: Bedrock refuses them, and nothing can stop at them.",
        silent=True,
    ),
    dropped("stop_sequences/not_on_this_model", _FIELD, "The model takes none on Bedrock and will write past them."),
    kept("cache_control", _FIELD, "One cache point at the end of the conversation."),
    dropped("cache_control/no_point_left", _FIELD, "All four cache points of the request are taken."),
    dropped("cache_control/not_on_this_model", _FIELD, "The model has no prompt caching on Bedrock.", harmless=True),
    kept("cache_control.ttl", _FIELD, "`5m` and `1h` as they are."),
    approximated("cache_control.ttl/not_on_this_model", _FIELD, "The model keeps its cache for 5 minutes only."),
    dropped(
        "cache_control.scope",
        _FIELD,
        "Bedrock's cache belongs to the account; there is nothing to choose.",
        harmless=True,
    ),
    kept("output_config", _FIELD, "By its members."),
    kept("output_config.effort", _FIELD, "Claude's own `output_config.effort`."),
    approximated(
        "output_config.effort/level", _FIELD, "The model lacks this level: the next higher one, or its highest."
    ),
    dropped("output_config.effort/not_on_this_model", _FIELD, "The model has no effort levels."),
    kept("output_config.format", _FIELD, "`outputConfig.textFormat`, with the schema as a string.", "json_schema"),
    approximated(
        "output_config.format/by_tool",
        _FIELD,
        "The model has no structured output on Bedrock: the schema is a tool that it must call, and the tool's input "
        "is given back as the text.",
    ),
    approximated(
        "output_config.format/by_prompt",
        _FIELD,
        "The model has no structured output on Bedrock, and the model or the request (other tools, thinking, a schema "
        "that is no object) leaves no room for a forced tool: the system prompt asks for JSON of this schema, and "
        "nothing enforces it.",
    ),
    dropped("output_config.task_budget", _FIELD, "Not documented for Bedrock: the model is not told its budget."),
    kept("output_format", _FIELD, "The older name of `output_config.format`, with the same meaning.", "json_schema"),
    kept("tools", _FIELD, "By their kinds."),
    kept("tool_choice", _FIELD, "By its kinds."),
    kept("thinking", _FIELD, "By its kinds."),
    kept(
        "inference_geo",
        _FIELD,
        "Selects the inference profile of this geography. Where the model has none, or CHATRIX_INFERENCE_GEOS forbids "
        "it, the answer is a 404: where a conversation is processed is a promise, not a preference.",
    ),
    dropped(
        "metadata",
        _FIELD,
        "Bedrock has no field for an end user's id. It changes nothing of the answer.",
        "user_id",
        harmless=True,
    ),
    dropped(
        "service_tier",
        _FIELD,
        "Bedrock's tiers are others (header X-Amzn-Bedrock-Service-Tier, or CHATRIX_SERVICE_TIER).",
        harmless=True,
    ),
    dropped(
        "context_management",
        _FIELD,
        "Converse has no context editing. The conversation is sent as it came, whole: it costs tokens, it loses none.",
        harmless=True,
    ),
    dropped("compaction", _FIELD, "Converse has no compaction: the conversation is sent as it came, whole."),
    refused(
        "container",
        _FIELD,
        "Bedrock has no containers and no skills. Run the code on the client's side, as a tool of your own.",
    ),
    dropped("diagnostics", _FIELD, "Bedrock gives no such diagnostics. The answer is the same.", harmless=True),
    dropped("billing_policy", _FIELD, "The AWS account of the gateway pays.", harmless=True),
    dropped("fallbacks", _FIELD, "There is no fallback to another model: an error stays an error."),
    dropped("fallback_credit_token", _FIELD, "It belongs to Anthropic's own billing.", harmless=True),
    dropped("speed", _FIELD, "Bedrock has no fast mode for Claude."),
    dropped("user_profile_id", _FIELD, "It belongs to Anthropic's own platform.", harmless=True),
    dropped("workspace_id", _FIELD, "It belongs to Anthropic's own platform.", harmless=True),
    dropped(
        "safeguards",
        _FIELD,
        "Bedrock gives no verdicts on tool calls. Claude Code's auto mode can ask for them itself "
        "(docs/claude-code.md).",
    ),
    refused("thread", _FIELD, "Bedrock keeps no conversations; send the whole conversation in `messages`."),
    refused("mcp_servers", _FIELD, "Bedrock has no MCP connector; run the MCP server on the client's side."),
    approximated(
        "messages.role.system",
        _FIELD,
        # Claude Code knows these words: it then sends the note as such text itself.
        "The role 'system' inside the conversation is not supported by Bedrock's models. The operator's note stays in "
        "its place, as marked text in the user's turn: hoisting it would void the cache.",
    ),
    dropped("messages.clear_at", _FIELD, "The note stays for good: Converse cannot take it back."),
    dropped(
        "messages.output_config",
        _FIELD,
        "Converse takes one effort for the whole request. Claude Code says the same one in both places.",
        "effort",
        harmless=True,
    ),
    dropped(
        "messages.output_config/another_effort",
        _FIELD,
        "Converse takes one effort for the whole request: that of `output_config`, which is another one.",
    ),
    approximated(
        "messages.order",
        _FIELD,
        "Text that stood behind a tool call of the same turn stands before it: Bedrock wants calls last.",
    ),
    approximated(
        "messages.turns",
        _FIELD,
        "The model refuses tool results and other content in one turn: a short turn of the assistant stands between.",
    ),
    dropped("*", _FIELD, "A field that nobody here knows yet. Updated clients must not break."),
)
