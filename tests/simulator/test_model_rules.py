"""What one Claude takes and another refuses, in the words each refusal has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from gateway.catalog import MODELS
from tests.simulator.conftest import CLAUDE, MODEL, OPUS_4_7, OPUS_5_5, SONNET_4_6

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.simulator import Simulator
    from tests.simulator.conftest import WireClient

OPUS_4_1: Final = "us.anthropic.claude-opus-4-1-20250805-v1:0"
OPUS_4_5: Final = "us.anthropic.claude-opus-4-5-20251101-v1:0"
SONNET_5_5: Final = "us.anthropic.claude-sonnet-5-5"
HAIKU_5_5: Final = "us.anthropic.claude-haiku-5-5"
BASH: Final = {"toolSpec": {"name": "Bash", "inputSchema": {"json": {"type": "object"}}}}
TOOLS: Final = {"toolConfig": {"tools": [BASH]}}
HOUR: Final = {"cachePoint": {"type": "default", "ttl": "1h"}}
EFFORT_BETA: Final = "effort-2025-11-24"


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {**user(*blocks), "role": "assistant"}


def asking(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [user("hi")], **members}


def fields(**values: Any) -> dict[str, Any]:
    return asking(additionalModelRequestFields=values)


def sampling(**values: Any) -> dict[str, Any]:
    return asking(inferenceConfig=values)


def thinking(kind: str, **members: Any) -> dict[str, Any]:
    return {"additionalModelRequestFields": {"thinking": {"type": kind, **members}}}


def choosing(choice: Any, **values: Any) -> dict[str, Any]:
    return asking(toolConfig={"tools": [BASH], "toolChoice": choice}, additionalModelRequestFields=values)


def choosing_natively(choice: Any, **members: Any) -> dict[str, Any]:
    return asking(**TOOLS, **members, additionalModelRequestFields={"tool_choice": choice})


def formatted(schema: Any, *, as_text: bool = True) -> dict[str, Any]:
    text = json.dumps(schema) if as_text else schema
    text_format = {"type": "json_schema", "structure": {"jsonSchema": {"schema": text}}}
    return asking(outputConfig={"textFormat": text_format})


def native(kind: str, name: str, *betas: str) -> dict[str, Any]:
    return fields(tools=[{"type": kind, "name": name}], **({"anthropic_beta": list(betas)} if betas else {}))


USE: Final = {"toolUse": {"toolUseId": "t1", "name": "Bash", "input": {}}}
RESULT: Final = {"toolResult": {"toolUseId": "t1", "content": [{"text": "ok"}]}}
THOUGHT: Final = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "EpMC"}}}
OBJECT: Final[dict[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": False}
USE_ADAPTIVE: Final = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
NO_PREFILL: Final = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)
NO_FORCING: Final = 'tool_choice: type "tool" and "any" are not supported for this model.'
NO_SCHEMA: Final = "output_config.format: Extra inputs are not permitted"
TAGS: Final = "'bash_20250124', 'custom', 'memory_20250818', 'text_editor_20250124', 'text_editor_20250429', "

REFUSED: Final[Mapping[str, tuple[str, dict[str, Any], str]]] = {
    # Betas
    "a beta of another model": (OPUS_4_7, fields(anthropic_beta=["context-1m-2025-08-07"]), "invalid beta flag"),
    "a beta that no model knows": (CLAUDE, fields(anthropic_beta=["oauth-2025-04-20"]), "invalid beta flag"),
    "a beta that is no list": (CLAUDE, fields(anthropic_beta="context-1m-2025-08-07"), "invalid beta flag"),
    # Sampling
    "a temperature": (OPUS_4_7, sampling(temperature=1), "`temperature` is deprecated for this model."),
    "a top_p": (HAIKU_5_5, sampling(topP=0.9), "`top_p` is deprecated for this model."),
    "a top_k": (OPUS_5_5, fields(top_k=5), "`top_k` is deprecated for this model."),
    "two ways of sampling": (
        CLAUDE,
        sampling(temperature=1, topP=1),
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    ),
    # Choices of tools
    "a forced tool": (OPUS_5_5, choosing({"any": {}}), NO_FORCING),
    "a named tool": (SONNET_5_5, choosing({"tool": {"name": "Bash"}}), NO_FORCING),
    "a tool forced in Claude's own way": (OPUS_5_5, choosing_natively({"type": "any"}), NO_FORCING),
    "a tool forced in Claude's own way while thinking": (
        SONNET_4_6,
        asking(
            **TOOLS, additionalModelRequestFields={"tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}}
        ),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "two choices": (
        CLAUDE,
        choosing({"auto": {}}, tool_choice={"type": "none"}),
        "tool_choice.type: Extra inputs are not permitted",
    ),
    "a choice of no type": (
        CLAUDE,
        choosing_natively({"disable_parallel_tool_use": True}),
        "tool_choice: Unable to extract tag using discriminator 'type'",
    ),
    "a choice of an unknown type": (
        CLAUDE,
        choosing_natively({"type": "all"}),
        "tool_choice: Unable to extract tag using discriminator 'type'",
    ),
    "none, but not in parallel": (
        CLAUDE,
        choosing_natively({"type": "none", "disable_parallel_tool_use": True}),
        "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted",
    ),
    "a choice without tools": (
        CLAUDE,
        fields(tool_choice={"type": "none"}),
        "tool_choice may only be specified while providing tools",
    ),
    "a choice of a tool that is not there": (
        CLAUDE,
        choosing_natively({"type": "tool", "name": "Read"}),
        "tool_choice: Tool 'Read' not found in provided tools",
    ),
    # The end of the conversation
    "an answer begun for it": (SONNET_4_6, asking(user("a"), assistant("Well,")), NO_PREFILL),
    "a text behind a call": (
        OPUS_4_7,
        asking(user("a"), assistant(USE, "done"), user(RESULT), **TOOLS),
        NO_PREFILL,
    ),
    "a turn that only thought": (OPUS_5_5, asking(user("a"), assistant(THOUGHT), user("b")), NO_PREFILL),
    # Strict tools and schemas
    "a strict tool": (
        OPUS_4_7,
        asking(toolConfig={"tools": [{"toolSpec": {**BASH["toolSpec"], "strict": True}}]}),
        "tools.0.custom.strict: Extra inputs are not permitted",
    ),
    "a schema for the answer": (OPUS_5_5, formatted(OBJECT), NO_SCHEMA),
    "a schema in Claude's own field": (
        OPUS_4_7,
        fields(output_config={"format": {"type": "json_schema", "schema": OBJECT}}),
        NO_SCHEMA,
    ),
    "an open object": (
        CLAUDE,
        formatted({"type": "object", "properties": {}}),
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    "an open object inside": (
        CLAUDE,
        formatted(OBJECT | {"$defs": {"A": {"type": "array", "items": {"type": "object"}}}}),
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    "a constraint that cannot be kept": (
        CLAUDE,
        formatted(OBJECT | {"properties": {"a": {"type": "array", "maxItems": 3}}}),
        "output_config.format.schema: For 'array' type, property 'maxItems' is not supported",
    ),
    "a schema that is a list": (CLAUDE, formatted([]), "output_config.format.schema: Input should be an object"),
    # Thinking
    "a budget": (
        OPUS_4_7,
        asking(**thinking("enabled", budget_tokens=2000)),
        f'"thinking.type.enabled" is not supported for this model. {USE_ADAPTIVE}',
    ),
    "no thinking": (
        OPUS_5_5,
        asking(**thinking("disabled")),
        f'"thinking.type.disabled" is not supported for this model. {USE_ADAPTIVE}',
    ),
    "adaptive thinking": (
        CLAUDE,
        asking(**thinking("adaptive")),
        "adaptive thinking is not supported on this model",
    ),
    "thinking between tools": (
        OPUS_5_5,
        asking(**thinking("between_tools")),
        f'"thinking.type.between_tools" is not supported for this model. {USE_ADAPTIVE}',
    ),
    # Effort
    "effort": (
        CLAUDE,
        fields(output_config={"effort": "low"}),
        "This model does not support the effort parameter.",
    ),
    "a level of effort": (
        SONNET_4_6,
        fields(output_config={"effort": "xhigh"}),
        "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
    ),
    "effort without its beta": (
        OPUS_4_5,
        fields(output_config={"effort": "low"}),
        "output_config: Extra inputs are not permitted",
    ),
    # Claude's own tools
    "a computer without its beta": (
        CLAUDE,
        native("computer_20250124", "computer"),
        (
            "tools.0: Input tag 'computer_20250124' found using 'type' does not match any of the expected tags: "
            f"{TAGS}'text_editor_20250728'"
        ),
    ),
    "a computer with another's beta": (
        CLAUDE,
        native("computer_20251124", "computer", "computer-use-2025-01-24"),
        (
            "tools.0: Input tag 'computer_20251124' found using 'type' does not match any of the expected tags: "
            "'bash_20250124', 'computer_20250124', 'custom', 'memory_20250818', 'text_editor_20250124', "
            "'text_editor_20250429', 'text_editor_20250728'"
        ),
    ),
    "a tool of the server": (
        CLAUDE,
        native("web_search_20250305", "web_search"),
        (
            "tools.0: Input tag 'web_search_20250305' found using 'type' does not match any of the expected tags: "
            f"{TAGS}'text_editor_20250728'"
        ),
    ),
    "a tool of Claude's by another name": (
        CLAUDE,
        native("bash_20250124", "shell"),
        "tools.0.bash_20250124.name: Input should be 'bash'",
    ),
    "a tool in both places": (
        CLAUDE,
        asking(
            toolConfig={"tools": [{"toolSpec": {**BASH["toolSpec"], "name": "bash"}}]},
            additionalModelRequestFields={"tools": [{"type": "bash_20250124", "name": "bash"}]},
        ),
        "tools: Tool names must be unique.",
    ),
    # Caching
    "an hour of cache": (
        OPUS_4_1,
        asking(system=[{"text": "s"}, HOUR]),
        "cache_control.ephemeral.ttl: Extra inputs are not permitted",
    ),
}

# In Bedrock's own voice, without the model's beginning.
REFUSED_BY_BEDROCK: Final[Mapping[str, tuple[str, dict[str, Any], str]]] = {
    "more tokens than the model writes": (
        CLAUDE,
        sampling(maxTokens=64_001),
        (
            "The maximum tokens you requested exceeds the model limit of 64000. "
            "Try again with a maximum tokens value that is lower than 64000."
        ),
    ),
    "a schema that is no JSON": (
        CLAUDE,
        formatted("{", as_text=False),
        "The schema at outputConfig.textFormat.structure.jsonSchema.schema is not valid JSON.",
    ),
    "a tool of Bedrock's": (
        CLAUDE,
        asking(toolConfig={"tools": [{"systemTool": {"name": "nova_grounding"}}]}),
        (
            "This model doesn't support the toolConfig.tools.systemTool field. "
            "Remove toolConfig.tools.systemTool and try again."
        ),
    ),
    "a call to the server": (
        CLAUDE,
        asking(
            user("a"),
            assistant({"toolUse": {**USE["toolUse"], "type": "server_tool_use"}}),
            user("b"),
            **TOOLS,
        ),
        "This model doesn't support the toolUse.type field. Remove toolUse.type and try again.",
    ),
    "a tool that is added later": (
        CLAUDE,
        asking(user("a", {"toolAddition": {"tool": {"name": "x"}}})),
        (
            "This model doesn't support the toolAddition content block that you provided. "
            "Update the content block and try again."
        ),
    ),
    "a base id that only profiles serve": (
        CLAUDE.removeprefix("us."),
        asking(),
        (
            "Invocation of model ID anthropic.claude-sonnet-4-5-20250929-v1:0 with on-demand throughput isn\u2019t "
            "supported. Retry your request with the ID or ARN of an inference profile that contains this model."
        ),
    ),
    "a geography without the model": (
        CLAUDE.replace("us.", "apac."),
        asking(),
        "The provided model identifier is invalid.",
    ),
    "an old model": ("us.anthropic.claude-3-opus-20240229-v1:0", asking(), "The provided model identifier is invalid."),
}

ACCEPTED: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "one way of sampling": (CLAUDE, sampling(temperature=0.3)),
    "a model from the future": ("us.anthropic.claude-opus-6", asking()),
    "a million tokens of context": (CLAUDE, fields(anthropic_beta=["context-1m-2025-08-07"])),
    "a forced tool": (CLAUDE, choosing({"any": {}})),
    "a forced tool on the smallest of the newest": (HAIKU_5_5, choosing({"any": {}})),
    "no tool": (OPUS_5_5, choosing_natively({"type": "none"})),
    "one tool at a time": (CLAUDE, choosing({"auto": {}}, tool_choice={"disable_parallel_tool_use": True})),
    "one tool at a time, whole": (CLAUDE, choosing_natively({"type": "any", "disable_parallel_tool_use": True})),
    "a strict tool": (CLAUDE, asking(toolConfig={"tools": [{"toolSpec": {**BASH["toolSpec"], "strict": True}}]})),
    "an effort with its beta": (OPUS_4_5, fields(output_config={"effort": "low"}, anthropic_beta=[EFFORT_BETA])),
    "the highest effort": (OPUS_5_5, fields(output_config={"effort": "max"})),
    "thinking between tools": (SONNET_5_5, asking(**thinking("between_tools"))),
    "no thinking": (HAIKU_5_5, asking(**thinking("disabled"))),
    "Claude's bash": (CLAUDE, native("bash_20250124", "bash")),
    "Claude's editor": (CLAUDE, native("text_editor_20250728", "str_replace_based_edit_tool")),
    "a computer": (CLAUDE, native("computer_20250124", "computer", "computer-use-2025-01-24")),
    "a newer computer": (OPUS_4_7, native("computer_20251124", "computer", "computer-use-2025-11-24")),
    "a text behind a call on an older model": (
        SONNET_4_6,
        asking(user("a"), assistant(USE, "done"), user(RESULT), **TOOLS),
    ),
    "an hour of cache": (CLAUDE, asking(system=[{"text": "s"}, HOUR])),
    "as many tokens as the model writes": (CLAUDE, sampling(maxTokens=64_000)),
    "a newer base id": ("anthropic.claude-opus-5", asking()),
    "a profile that nobody knows": (
        "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/unknown",
        asking(**thinking("adaptive")),
    ),
}


@pytest.mark.parametrize("rule", REFUSED)
async def test_the_model_refuses(wire: WireClient, rule: str) -> None:
    model_id, body, message = REFUSED[rule]
    reply = await wire.send("converse-stream", body, model_id)
    assert (reply.status, reply.message) == (400, MODEL + message)


@pytest.mark.parametrize("rule", REFUSED_BY_BEDROCK)
async def test_bedrock_refuses_for_the_model(wire: WireClient, rule: str) -> None:
    model_id, body, message = REFUSED_BY_BEDROCK[rule]
    reply = await wire.send("converse-stream", body, model_id)
    assert (reply.status, reply.message) == (400, message)


@pytest.mark.parametrize("case", ACCEPTED)
async def test_the_model_accepts(wire: WireClient, case: str) -> None:
    model_id, body = ACCEPTED[case]
    reply = await wire.send("converse", body, model_id)
    assert reply.status == 200, reply.message


async def test_a_model_at_the_end_of_its_life_says_so(wire: WireClient) -> None:
    reply = await wire.stream("hi", "us.anthropic.claude-sonnet-4-20250514-v1:0")
    assert (reply.status, reply.headers["x-amzn-errortype"].partition(":")[0]) == (404, "ResourceNotFoundException")
    assert reply.message.startswith("This model version has reached the end of its life.")


async def test_a_region_can_refuse_a_beta_that_the_model_takes(simulator: Simulator, wire: WireClient) -> None:
    body = fields(anthropic_beta=["context-1m-2025-08-07"])
    simulator.refused_betas.add("context-1m-2025-08-07")
    assert (await wire.send("converse-stream", body)).message == MODEL + "invalid beta flag"
    simulator.refused_betas.clear()
    assert (await wire.send("converse-stream", body)).status == 200


async def test_a_marker_refuses_betas_once_they_come(wire: WireClient) -> None:
    prompt = "[[nobeta]][[say:fine]]"
    beta: dict[str, Any] = {"additionalModelRequestFields": {"anthropic_beta": ["context-1m-2025-08-07"]}}
    assert (await wire.stream(prompt, **beta)).message == MODEL + "invalid beta flag"
    assert (await wire.stream(prompt)).text == "fine"


async def test_a_tool_of_claudes_own_can_be_scripted(wire: WireClient) -> None:
    tools: dict[str, Any] = {"additionalModelRequestFields": {"tools": [{"type": "bash_20250124", "name": "bash"}]}}
    reply = await wire.stream('[[tool:bash {"command": "ls"}]]', **tools)
    assert reply.payload("contentBlockStart")["start"]["toolUse"]["name"] == "bash"


async def test_no_tool_is_used_when_none_may_be(wire: WireClient, bash: dict[str, Any]) -> None:
    choice: dict[str, Any] = {"additionalModelRequestFields": {"tool_choice": {"type": "none"}}}
    assert (await wire.stream("run: ls", toolConfig=bash, **choice)).stop_reason == "end_turn"
    forced: dict[str, Any] = {"additionalModelRequestFields": {"tool_choice": {"type": "any"}}}
    assert (await wire.stream("hi", toolConfig=bash, **forced)).stop_reason == "tool_use"


CLAUDES = [row for row in MODELS if row.is_claude and row.is_active and row.profiles]


@pytest.mark.parametrize("model_id", [f"{row.profiles[0]}.{row.model_id}" for row in CLAUDES])
async def test_every_claude_talks_and_uses_tools(wire: WireClient, bash: dict[str, Any], model_id: str) -> None:
    reply = await wire.stream("run: ls", model_id, toolConfig=bash, inferenceConfig={"maxTokens": 1000})
    assert json.loads(reply.tool_input) == {"command": "ls"}
