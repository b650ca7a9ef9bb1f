"""The other families: what they refuse, and how they answer differently from Claude."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from gateway.catalog import MODELS
from tests.simulator.conftest import GPT_OSS, MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulator.conftest import WireClient

NOVA: Final = "us.amazon.nova-pro-v1:0"
NOVA_MICRO: Final = "us.amazon.nova-micro-v1:0"
NOVA_2: Final = "us.amazon.nova-2-lite-v1:0"
GPT: Final = "global.openai.gpt-6-sol"
DEEPSEEK_R1: Final = "us.deepseek.r1-v1:0"
CODER: Final = "qwen.qwen3-coder-480b-a35b-v1:0"
KIMI: Final = "moonshot.kimi-k2-thinking"
MINIMAX: Final = "minimax.minimax-m2"
MISTRAL: Final = "mistral.mistral-large-3-675b-instruct"
LLAMA: Final = "us.meta.llama3-3-70b-instruct-v1:0"

BASH: Final = {"toolSpec": {"name": "Bash", "inputSchema": {"json": {"type": "object"}}}}
TOOLS: Final = {"toolConfig": {"tools": [BASH]}}
PNG: Final = {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}
PDF: Final = {"document": {"format": "pdf", "name": "Paper", "source": {"bytes": "JVBERi0="}}}
POINT: Final = {"cachePoint": {"type": "default"}}
USE: Final = {"toolUse": {"toolUseId": "t1", "name": "Bash", "input": {}}}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {**user(*blocks), "role": "assistant"}


def asking(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [user("hi")], **members}


def fields(**values: Any) -> dict[str, Any]:
    return asking(additionalModelRequestFields=values)


def result(*content: Any, **members: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": "t1", "content": list(content) or [{"text": "ok"}], **members}}


def returning(*blocks: Any) -> dict[str, Any]:
    return asking(user("a"), assistant(USE), user(*blocks), **TOOLS)


def thought(**members: Any) -> dict[str, Any]:
    reasoning = members or {"reasoningText": {"text": "hm"}}
    return asking(user("a"), assistant({"reasoningContent": reasoning}, "b"), user("c"))


def without(name: str) -> str:
    return f"This model doesn't support the {name} field. Remove {name} and try again."


def no_block(name: str) -> str:
    return (
        f"This model doesn't support the {name} content block that you provided. "
        "Update the content block and try again."
    )


def unknown_key(name: str) -> str:
    return (
        f"{MODEL}Malformed input request: #: extraneous key [{name}] is not permitted, "
        "please reformat your input and try again."
    )


NO_CACHE: Final = (
    "You invoked an unsupported model or your request did not allow prompt caching. "
    "See the documentation for more information."
)
NO_REASONING: Final = (
    "User messages cannot contain reasoning content. Please remove the reasoning content and try again."
)
SIGNED: Final = {"reasoningText": {"text": "hm", "signature": "EpMC"}}

REFUSED: Final[Mapping[str, tuple[str, dict[str, Any], str]]] = {
    "an image": (NOVA_MICRO, asking(user("a", PNG)), no_block("image")),
    "an image in a result": (GPT, returning(result(PNG)), no_block("toolResult.content.image")),
    "a document": (GPT_OSS, asking(user("a", PDF)), no_block("document")),
    "a result beside a text": (
        MISTRAL,
        returning(result(), "and now"),
        "messages.2.content: Conversation blocks and tool result blocks cannot be provided in the same turn.",
    ),
    "the status of a result": (GPT_OSS, returning(result(status="success")), without("toolResult.status")),
    "reasoning": (CODER, thought(), NO_REASONING),
    "reasoning, even its own": (NOVA, thought(), NO_REASONING),
    "reasoning with a signature": (
        GPT_OSS,
        thought(**SIGNED),
        without("reasoningContent.reasoningText.signature"),
    ),
    "redacted reasoning": (
        GPT_OSS,
        thought(redactedContent="YQ=="),
        without("reasoningContent.redactedContent"),
    ),
    "a stop sequence": (GPT, asking(inferenceConfig={"stopSequences": ["x"]}), without("stopSequences")),
    "very few tokens": (
        GPT_OSS,
        asking(inferenceConfig={"maxTokens": 15}),
        MODEL + "max_tokens: Input should be greater than or equal to 16",
    ),
    "a choice": (
        MINIMAX,
        asking(toolConfig={"tools": [BASH], "toolChoice": {"auto": {}}}),
        without("toolConfig.toolChoice.auto"),
    ),
    "a forced choice": (
        LLAMA,
        asking(toolConfig={"tools": [BASH], "toolChoice": {"any": {}}}),
        without("toolConfig.toolChoice.any"),
    ),
    "a cache point": (GPT_OSS, asking(user("a", POINT)), NO_CACHE),
    "a cache point among tools": (NOVA, asking(toolConfig={"tools": [BASH, POINT]}), NO_CACHE),
    "betas": (NOVA, fields(anthropic_beta=["context-1m-2025-08-07"]), unknown_key("anthropic_beta")),
    "Claude's thinking": (GPT_OSS, fields(thinking={"type": "adaptive"}), unknown_key("thinking")),
    "Claude's effort": (KIMI, fields(output_config={"effort": "low"}), unknown_key("output_config")),
    "Claude's choice": (GPT_OSS, fields(tool_choice={"type": "none"}), unknown_key("tool_choice")),
    "a top_k in Claude's place": (NOVA, fields(top_k=5), unknown_key("top_k")),
    "another family's effort": (GPT, fields(reasoning_effort="low"), unknown_key("reasoning_effort")),
    "a temperature": (GPT, asking(inferenceConfig={"temperature": 1}), without("temperature")),
    "field paths": (
        NOVA,
        asking(additionalModelResponseFieldPaths=["/stop_sequence"]),
        without("additionalModelResponseFieldPaths"),
    ),
    "tools at all": (DEEPSEEK_R1, asking(**TOOLS), "This model doesn't support tool use."),
    "tools in a stream": (LLAMA, asking(**TOOLS), "This model doesn't support tool use in streaming mode."),
    "a strict tool": (
        GPT_OSS,
        asking(toolConfig={"tools": [{"toolSpec": {**BASH["toolSpec"], "strict": True}}]}),
        MODEL + "tools.0.custom.strict: Extra inputs are not permitted",
    ),
    "a schema for the answer": (
        NOVA,
        asking(outputConfig={"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}}),
        without("outputConfig.textFormat"),
    ),
    "an answer begun for it": (
        LLAMA,
        asking(user("a"), assistant("Well,")),
        (
            "The model that you are using requires the last turn in the conversation to be a user message. "
            "Add a user message to the conversation and try again."
        ),
    ),
}

ACCEPTED: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "a cache point in system": (NOVA, asking(system=[{"text": "s"}, POINT])),
    "Nova's top_k": (NOVA, fields(inferenceConfig={"topK": 5})),
    "Nova's effort": (NOVA_2, fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "low"})),
    "gpt-oss's effort": (GPT_OSS, fields(reasoning_effort="low")),
    "GPT's effort": (GPT, fields(reasoning={"effort": "low"})),
    "unsigned reasoning": (GPT_OSS, thought()),
    "a result by itself": (MISTRAL, returning(result())),
    "a result beside a text": (NOVA, returning(result(status="error"), "and now")),
    "a video": (NOVA, asking(user("a", {"video": {"format": "mp4", "source": {"bytes": "YQ=="}}}))),
}


@pytest.mark.parametrize("rule", REFUSED)
async def test_the_model_refuses(wire: WireClient, rule: str) -> None:
    model_id, body, message = REFUSED[rule]
    reply = await wire.send("converse-stream", body, model_id)
    assert (reply.status, reply.message) == (400, message)


@pytest.mark.parametrize("case", ACCEPTED)
async def test_the_model_accepts(wire: WireClient, case: str) -> None:
    model_id, body = ACCEPTED[case]
    reply = await wire.send("converse-stream", body, model_id)
    assert reply.status == 200, reply.message


async def test_gpt_oss_begins_with_nothing_then_reasons_then_speaks(wire: WireClient) -> None:
    reply = await wire.stream("Hello?", GPT_OSS)
    blocks = [(payload["contentBlockIndex"], payload["delta"]) for name, payload in reply.events if "Delta" in name]
    assert blocks[0] == (0, {"text": ""})
    assert {index for index, delta in blocks if "reasoningContent" in delta} == {1}
    assert {index for index, delta in blocks if delta.get("text")} == {2}
    assert not any("signature" in delta.get("reasoningContent", {}) for _, delta in blocks)
    assert reply.kinds[:3] == ["messageStart", "contentBlockDelta", "contentBlockStop"]


async def test_its_whole_answer_has_no_empty_text(wire: WireClient) -> None:
    content = (await wire.whole("Hello?", GPT_OSS)).body["output"]["message"]["content"]
    assert [next(iter(block)) for block in content] == ["reasoningContent", "text"]
    assert list(content[0]["reasoningContent"]["reasoningText"]) == ["text"]


async def test_scripted_thoughts_are_unsigned_too(wire: WireClient) -> None:
    reply = await wire.stream("[[think:hm]][[say:a]]", KIMI)
    assert [delta["reasoningContent"] for delta in reply.deltas if "reasoningContent" in delta] == [
        {"text": "h"},
        {"text": "m"},
    ]


async def test_nova_thinks_aloud_and_names_the_type_of_its_calls(wire: WireClient, bash: dict[str, Any]) -> None:
    reply = await wire.stream("run: ls", NOVA, toolConfig=bash)
    assert reply.text.startswith("<thinking> ")
    assert reply.text.endswith(" </thinking>\n\n")
    assert reply.payload("contentBlockStart")["start"]["toolUse"]["type"] == "tool_use"
    said = await wire.stream("[[think:hm]][[say:a]]", NOVA)
    assert said.text == "<thinking> hm </thinking>\n\na"
    assert {payload["contentBlockIndex"] for name, payload in said.events if "Delta" in name} == {0}


async def test_kimi_numbers_its_calls_from_nought_in_every_answer(wire: WireClient, bash: dict[str, Any]) -> None:
    for _ in range(2):
        reply = await wire.stream("[[tool:Bash {}]][[tool:Bash {}]]", KIMI, toolConfig=bash)
        starts = [payload["start"]["toolUse"] for name, payload in reply.events if name == "contentBlockStart"]
        assert [start["toolUseId"] for start in starts] == ["functions.Bash:0", "functions.Bash:1"]
    assert (await wire.stream("Hello?", KIMI)).text.startswith(" <think> ")


async def test_a_call_may_come_with_the_wrong_stop_reason(wire: WireClient, bash: dict[str, Any]) -> None:
    reply = await wire.stream("[[tool:Bash {}]][[stop:end_turn]]", KIMI, toolConfig=bash)
    assert "contentBlockStart" in reply.kinds
    assert reply.stop_reason == "end_turn"


OTHERS = [row for row in MODELS if not row.is_claude and row.is_active]


@pytest.mark.parametrize("row", OTHERS, ids=[row.name for row in OTHERS])
async def test_every_other_model_talks_and_uses_tools_if_it_can(
    wire: WireClient, bash: dict[str, Any], row: Any
) -> None:
    model_id = f"{row.profiles[0]}.{row.model_id}" if row.profiles else row.model_id
    assert (await wire.stream("Hello?", model_id, inferenceConfig={"maxTokens": 500})).text
    if row.capabilities.tools and row.capabilities.tools_in_streams:
        reply = await wire.stream("run: ls", model_id, toolConfig=bash)
        assert json.loads(reply.tool_input) == {"command": "ls"}
        assert reply.stop_reason == "tool_use"
