"""Cases: the fields of a request that are not blocks, tools or thinking, and headers."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.matrix.building_blocks import DEEPSEEK, GPT, MISTRAL, NO_EFFORT, NO_SAMPLING, USER, holds
from tests.matrix.cases import ABSENT, RequestCase, approximated, dropped, kept, refused

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}

FORMAT: Final[Mapping[str, Any]] = {"type": "json_schema", "schema": SCHEMA}

SENT_SCHEMA: Final = "outputConfig.textFormat.structure.jsonSchema.schema"

# Fields that say nothing to Bedrock: they are taken out, and named.
LEFT_OUT: Final[Mapping[str, tuple[Any, bool]]] = {
    "metadata": ({"user_id": "someone"}, True),
    "service_tier": ("standard_only", True),
    "context_management": ({"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}, True),
    "compaction": ({"type": "auto"}, False),
    "diagnostics": ({"previous_message_id": None, "level": "full"}, True),
    "billing_policy": ({"type": "strict"}, True),
    "fallbacks": ([{"model": "claude-opus-4-6"}], False),
    "fallback_credit_token": ("token", True),
    "speed": ("fast", False),
    "user_profile_id": ("profile", True),
    "workspace_id": ("workspace", True),
    "safeguards": ([{"type": "dangerous_tool_use"}], False),
}

_WHOLE: Final[tuple[RequestCase, ...]] = (
    kept(
        "model",
        sent={"messages.0.role": "user"},
        to_model="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    approximated(
        "model/substituted",
        {"model": "claude-3-7-sonnet-20250219"},
        sent={"messages.0.content.0.text": "[[say:ok]]"},
        to_model="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    kept(
        "messages",
        {"messages": [USER, {"role": "user", "content": "And this."}]},
        sent={"messages": [{"role": "user", "content": [{"text": "[[say:ok]]"}, {"text": "And this."}]}]},
    ),
    kept("max_tokens", {"max_tokens": 123}, sent={"inferenceConfig.maxTokens": 123}),
    approximated(
        "max_tokens/outside_the_limits", {"max_tokens": 10_000_000}, sent={"inferenceConfig.maxTokens": 64_000}
    ),
    kept("stream", {"stream": True}, sent={"stream": ABSENT}),
    kept("system", {"system": "Be brief."}, sent={"system": [{"text": "Be brief."}]}),
    dropped(
        "system/blank",
        {"system": [{"type": "text", "text": " \n"}, {"type": "text", "text": "Be brief."}]},
        sent={"system": [{"text": "Be brief."}]},
        silent=True,
    ),
    dropped(
        "system/attribution",
        {
            "system": [
                {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli;"},
                {"type": "text", "text": "Be brief."},
            ]
        },
        sent={"system": [{"text": "Be brief."}]},
        silent=True,
    ),
    approximated(
        "system/operator",
        {"system": "Be brief."},
        gateway="operated",
        sent={"system": [{"text": "Be brief."}, {"text": "The operator's own words."}]},
        harmless=True,
    ),
    kept(
        "inference_geo",
        {"inference_geo": "eu"},
        sent={"inferenceConfig.maxTokens": 4000},
        to_model="eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    refused("container", {"container": "container_1"}, says="Bedrock has no containers and no skills."),
    refused("thread", {"thread": "thread_1"}, says="Bedrock keeps no conversations"),
    refused(
        "mcp_servers", {"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}, says="no MCP connector"
    ),
    dropped("*", {"from_the_future": {"a": 1}}, name="from_the_future", sent={"from_the_future": ABSENT}),
    *(
        dropped(field, {field: value}, harmless=harmless, sent={field: ABSENT, "additionalModelRequestFields": ABSENT})
        for field, (value, harmless) in LEFT_OUT.items()
    ),
)

_SAMPLING: Final[tuple[RequestCase, ...]] = (
    kept("temperature", {"temperature": 0.3}, sent={"inferenceConfig.temperature": 0.3}),
    dropped(
        "temperature/default_without_sampling",
        {"model": NO_SAMPLING, "temperature": 1},
        sent={"inferenceConfig": {"maxTokens": 4000}},
        harmless=True,
    ),
    dropped(
        "temperature/default_with_top_p",
        {"temperature": 1, "top_p": 0.5},
        sent={"inferenceConfig": {"maxTokens": 4000, "topP": 0.5}},
        harmless=True,
    ),
    kept("top_p", {"top_p": 0.3}, sent={"inferenceConfig.topP": 0.3}),
    dropped(
        "top_p/default_without_sampling",
        {"model": NO_SAMPLING, "top_p": 1},
        sent={"inferenceConfig": {"maxTokens": 4000}},
        harmless=True,
    ),
    dropped(
        "top_p/default_with_temperature",
        {"temperature": 0.5, "top_p": 1},
        sent={"inferenceConfig": {"maxTokens": 4000, "temperature": 0.5}},
        harmless=True,
    ),
    kept("top_k", {"top_k": 5}, sent={"additionalModelRequestFields": {"top_k": 5}}),
    dropped("top_k/not_on_this_model", {"model": MISTRAL, "top_k": 5}, sent={"additionalModelRequestFields": ABSENT}),
    kept(
        "stop_sequences",
        {"stop_sequences": ["END", "STOP"]},
        sent={"inferenceConfig.stopSequences": ["END", "STOP"]},
    ),
    dropped(
        "stop_sequences/empty",
        {"stop_sequences": ["", "END"]},
        sent={"inferenceConfig.stopSequences": ["END"]},
        silent=True,
    ),
    dropped(
        "stop_sequences/not_on_this_model",
        {"model": GPT, "stop_sequences": ["END"]},
        sent={"inferenceConfig.stopSequences": ABSENT},
    ),
)

_OUTPUT: Final[tuple[RequestCase, ...]] = (
    kept(
        "output_config",
        {"model": "claude-opus-4-6", "output_config": {"effort": "low"}},
        sent={"additionalModelRequestFields.output_config": {"effort": "low"}},
    ),
    kept(
        "output_config.effort",
        {"model": "claude-opus-4-6", "output_config": {"effort": "high"}},
        sent={"additionalModelRequestFields.output_config": {"effort": "high"}},
    ),
    approximated(
        "output_config.effort/level",
        {"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}},
        sent={"additionalModelRequestFields.output_config": {"effort": "max"}},
    ),
    dropped(
        "output_config.effort/not_on_this_model",
        {"model": NO_EFFORT, "output_config": {"effort": "high"}},
        sent={"additionalModelRequestFields": ABSENT},
    ),
    approximated(
        "output_config.effort/own_field",
        {"model": DEEPSEEK, "output_config": {"effort": "medium"}},
        sent={"additionalModelRequestFields": {"reasoning_effort": "medium"}},
    ),
    kept(
        "output_config.format",
        {"output_config": {"format": FORMAT}},
        sent={SENT_SCHEMA: lambda found: json.loads(found) == SCHEMA, "toolConfig": ABSENT},
    ),
    approximated(
        "output_config.format/by_tool",
        {"model": NO_SAMPLING, "output_config": {"format": FORMAT}},
        sent={
            "outputConfig": ABSENT,
            "toolConfig.tools.0.toolSpec.inputSchema.json": SCHEMA,
            "toolConfig.toolChoice": {"tool": {"name": "answer"}},
        },
    ),
    approximated(
        "output_config.format/by_prompt",
        {"model": "claude-opus-5-5", "output_config": {"format": FORMAT}},
        sent={"outputConfig": ABSENT, "toolConfig": ABSENT, "system.0.text": holds('"additionalProperties":false')},
    ),
    dropped(
        "output_config.task_budget",
        {"output_config": {"task_budget": {"type": "tokens", "total": 10_000}}},
        sent={"outputConfig": ABSENT, "additionalModelRequestFields": ABSENT},
    ),
    kept(
        "output_format",
        {"output_format": FORMAT},
        sent={SENT_SCHEMA: lambda found: json.loads(found) == SCHEMA, "toolConfig": ABSENT},
    ),
)

GUARDRAIL: Final[Mapping[str, str]] = {
    "x-amzn-bedrock-guardrailidentifier": "abc123",
    "x-amzn-bedrock-guardrailversion": "1",
}

_HEADERS: Final[tuple[RequestCase, ...]] = (
    kept(
        "header:anthropic-version",
        headers={"anthropic-version": "2026-10-21"},
        sent={"inferenceConfig.maxTokens": 4000},
    ),
    kept("header:x-chatrix-strict", headers={"x-chatrix-strict": "1"}, sent={"inferenceConfig.maxTokens": 4000}),
    kept(
        "header:x-amzn-bedrock-guardrailidentifier",
        headers=GUARDRAIL,
        sent={"guardrailConfig": {"guardrailIdentifier": "abc123", "guardrailVersion": "1"}},
    ),
    dropped(
        "header:x-amzn-bedrock-guardrailidentifier/operators",
        headers=GUARDRAIL,
        gateway="operated",
        sent={"guardrailConfig": {"guardrailIdentifier": "operators", "guardrailVersion": "DRAFT"}},
        at="x-amzn-bedrock-guardrailidentifier",
    ),
    kept(
        "header:x-amzn-bedrock-trace",
        headers={**GUARDRAIL, "x-amzn-bedrock-trace": "ENABLED_FULL"},
        sent={"guardrailConfig.trace": "enabled_full"},
    ),
    dropped(
        "header:x-amzn-bedrock-trace/without_guardrail",
        headers={"x-amzn-bedrock-trace": "ENABLED"},
        sent={"guardrailConfig": ABSENT},
        harmless=True,
    ),
    kept(
        "header:x-amzn-bedrock-service-tier",
        headers={"x-amzn-bedrock-service-tier": "flex"},
        sent={"serviceTier": {"type": "flex"}},
    ),
    dropped(
        "header:x-amzn-bedrock-performanceconfig-latency",
        headers={"x-amzn-bedrock-performanceconfig-latency": "optimized"},
        sent={"performanceConfig": ABSENT},
        at="x-amzn-bedrock-performanceconfig-latency",
    ),
    dropped(
        "header:anthropic-user-profile-id",
        headers={"anthropic-user-profile-id": "profile"},
        sent={"inferenceConfig.maxTokens": 4000},
        harmless=True,
    ),
    dropped(
        "header:anthropic-workspace-id",
        headers={"anthropic-workspace-id": "workspace"},
        sent={"inferenceConfig.maxTokens": 4000},
        harmless=True,
    ),
    kept(
        "header:x-claude-code-session-id",
        headers={"x-claude-code-session-id": "5c1b"},
        sent={"inferenceConfig.maxTokens": 4000},
    ),
)

FIELD_CASES: Final = (*_WHOLE, *_SAMPLING, *_OUTPUT, *_HEADERS)
