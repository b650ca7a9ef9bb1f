"""Each rule by which Bedrock refuses a request, with the words it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulator.conftest import WireClient

MODEL: Final = "The model returned the following errors: "
GPT: Final = "openai.gpt-oss-120b-1:0"
POINT: Final = {"cachePoint": {"type": "default"}}
HOUR_POINT: Final = {"cachePoint": {"type": "default", "ttl": "1h"}}
PNG: Final = {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}
BASH: Final = {"toolSpec": {"name": "Bash", "inputSchema": {"json": {"type": "object"}}}}
TOOLS: Final = {"toolConfig": {"tools": [BASH]}}
FIRST_TOOL: Final = "toolConfig.tools.1.member.toolSpec"
PATTERN: Final = "failed to satisfy constraint: Member must satisfy regular expression pattern: "


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {**user(*blocks), "role": "assistant"}


def use(tool_use_id: str = "t1", **changes: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": tool_use_id, "name": "Bash", "input": {}, **changes}}


def result(tool_use_id: str = "t1", content: Any = ({"text": "ok"},), **changes: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": tool_use_id, "content": list(content), **changes}}


def document(name: str = "notes", **source: Any) -> dict[str, Any]:
    return {"document": {"name": name, "format": "txt", "source": source or {"bytes": "YQ=="}}}


def thought(text: str = "hm", signature: str | None = "EpMC") -> dict[str, Any]:
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}


def spec(**changes: Any) -> dict[str, Any]:
    tool = {"name": "Bash", "inputSchema": {"json": {"type": "object"}}, **changes}
    return {"messages": [user("a")], "toolConfig": {"tools": [{"toolSpec": tool}]}}


def extraneous(where: str, name: str) -> str:
    return (
        f"Malformed input request: {where}: extraneous key [{name}] is not permitted, "
        "please reformat your input and try again."
    )


def asking(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"messages": list(messages), **members}


def fields(max_tokens: int = 5000, **values: Any) -> dict[str, Any]:
    return asking(user("a"), additionalModelRequestFields=values, inferenceConfig={"maxTokens": max_tokens})


THINKING: Final = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}
BROKEN_TOOL_TURN: Final = (user("a"), assistant("I look", use()), user(result()))

REFUSED: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    # Messages
    "blank text": (
        asking(user("a"), assistant("b"), user("c", " \n")),
        (
            "The text field in the ContentBlock object at messages.2.content.1 is blank. "
            "Add text to the text field, and try again."
        ),
    ),
    "blank system text": (
        asking(user("a"), system=[{"text": " "}]),
        (
            "The text field in the SystemContentBlock object at system.0 is blank. "
            "Add text to the text field, and try again."
        ),
    ),
    "empty system text": (
        asking(user("a"), system=[{"text": ""}]),
        (
            "1 validation error detected: Value '' at 'system.1.member.text' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        ),
    ),
    "empty content": (
        asking(user("a"), assistant(), user("b")),
        (
            "The content field in the Message object at messages.1 is empty. "
            "Add a ContentBlock object to the content field and try again."
        ),
    ),
    "no messages": (
        asking(),
        "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    ),
    "the assistant begins": (
        asking(assistant("a"), user("b")),
        "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    ),
    "one side twice": (
        asking(user("a"), user("b")),
        (
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        ),
    ),
    "another role": (
        asking(user("a"), {"role": "system", "content": [{"text": "b"}]}),
        (
            "1 validation error detected: Value 'system' at 'messages.2.member.role' failed to satisfy constraint: "
            "Member must satisfy enum value set: [user, assistant]"
        ),
    ),
    "no role": (
        asking({"content": [{"text": "b"}]}),
        (
            "1 validation error detected: Value null at 'messages.1.member.role' failed to satisfy constraint: "
            "Member must not be null"
        ),
    ),
    "an image from the assistant": (
        asking(user("a"), assistant(PNG), user("b")),
        MODEL + "messages.1.content: 'image' blocks are not permitted within assistant turns.",
    ),
    "a document from the assistant": (
        asking(user("a"), assistant("b", document()), user("b")),
        MODEL + "messages.1.content: 'document' blocks are not permitted within assistant turns.",
    ),
    "a tool call by the user": (
        asking(user(use()), **TOOLS),
        MODEL + "messages.0.content: 'tool_use' blocks are not permitted within user turns.",
    ),
    # Unknown members, wrong types, unions
    "an unknown member": (
        asking(user("a"), model="x"),
        extraneous("#", "model"),
    ),
    "an unknown member of a block": (
        asking(user({"text": "a", "cache_control": {}})),
        extraneous("#/messages/0/content/0", "cache_control"),
    ),
    "an unknown member deep inside": (
        asking(user("a", {"image": {"format": "png", "source": {"bytes": "YQ==", "media_type": "x"}}})),
        extraneous("#/messages/0/content/1/image/source", "media_type"),
    ),
    "an unknown member of a tool": (
        spec(cache_control={}),
        extraneous("#/toolConfig/tools/0/toolSpec", "cache_control"),
    ),
    "two kinds in one block": (
        asking(user({"text": "a", **PNG})),
        (
            "ContentBlock object at messages.0.content.0 must set one of the following keys: text, image, document, "
            "video, audio, toolUse, toolResult, guardContent, cachePoint, reasoningContent, citationsContent, "
            "searchResult, toolAddition, toolRemoval."
        ),
    ),
    "a block of no kind": (
        asking(user("a"), system=[{}]),
        "SystemContentBlock object at system.0 must set one of the following keys: text, guardContent, cachePoint.",
    ),
    "a number for a text": (asking(user({"text": 5})), "NUMBER_VALUE can not be converted to a String"),
    "a text for a list": ({"messages": "hello"}, "STRING_VALUE can not be converted to an Array"),
    "a flag for a number": (
        asking(user("a"), inferenceConfig={"maxTokens": True}),
        "TRUE_VALUE can not be converted to an Integer",
    ),
    "bytes that are not Base64": (
        asking(user({"image": {"format": "png", "source": {"bytes": "not base64!"}}})),
        (
            "Malformed input request: #/messages/0/content/0/image/source/bytes: the value is not valid Base64, "
            "please reformat your input and try again."
        ),
    ),
    # Tools
    "a tool name with other characters": (
        spec(name="a.b"),
        f"1 validation error detected: Value 'a.b' at '{FIRST_TOOL}.name' {PATTERN}[a-zA-Z0-9_-]+",
    ),
    "a tool name that is too long": (
        spec(name="n" * 65),
        (
            f"1 validation error detected: Value '{'n' * 65}' at 'toolConfig.tools.1.member.toolSpec.name' failed to "
            "satisfy constraint: Member must have length less than or equal to 64"
        ),
    ),
    "two broken rules": (
        spec(name="ä", description=""),
        (
            f"2 validation errors detected: Value 'ä' at '{FIRST_TOOL}.name' {PATTERN}[a-zA-Z0-9_-]+; "
            f"Value '' at '{FIRST_TOOL}.description' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        ),
    ),
    "an empty list of tools": (
        asking(user("a"), toolConfig={"tools": []}),
        (
            "1 validation error detected: Value '[]' at 'toolConfig.tools' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        ),
    ),
    "a schema that is no object": (
        spec(inputSchema={"json": {"type": "string"}}),
        "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object.",
    ),
    "a choice at the top of a schema": (
        spec(inputSchema={"json": {"type": "object", "anyOf": []}}),
        MODEL + "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    "two tools of one name": (
        asking(user("a"), toolConfig={"tools": [BASH, BASH]}),
        MODEL + "tools: Tool names must be unique.",
    ),
    "a choice of a tool that is not there": (
        asking(user("a"), toolConfig={"tools": [BASH], "toolChoice": {"tool": {"name": "Read"}}}),
        MODEL + "tool_choice: Tool 'Read' not found in provided tools",
    ),
    "a forced tool while thinking": (
        asking(user("a"), toolConfig={"tools": [BASH], "toolChoice": {"any": {}}}, **THINKING),
        MODEL + "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "two choices of tools": (
        asking(
            user("a"),
            toolConfig={"tools": [BASH], "toolChoice": {"auto": {}}},
            additionalModelRequestFields={"tool_choice": {"type": "auto"}},
        ),
        MODEL + "tool_choice.type: Extra inputs are not permitted",
    ),
    "tool blocks without toolConfig": (
        asking(user("a"), assistant(use()), user(result())),
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
    ),
    "a tool call without its result": (
        asking(user("a"), assistant(use("t1"), use("t2"), use("t3")), user(result("t2")), **TOOLS),
        "Expected toolResult blocks at messages.2.content for the following Ids: t1, t3",
    ),
    "a tool call at the end": (
        asking(user("a"), assistant(use("t1")), **TOOLS),
        "Expected toolResult blocks at messages.2.content for the following Ids: t1",
    ),
    "a result without its call": (
        asking(user("a"), assistant("b"), user(result()), **TOOLS),
        "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
    ),
    "a result at the beginning": (
        asking(user(result()), **TOOLS),
        "The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks of previous turn.",
    ),
    "two calls with one id": (
        asking(user("a"), assistant(use(), use()), user(result()), **TOOLS),
        "The toolUse blocks at messages.1.content contain duplicate Ids: t1",
    ),
    "two results with one id": (
        asking(user("a"), assistant(use()), user(result(), result()), **TOOLS),
        "The toolResult blocks at messages.2.content contain duplicate Ids: t1",
    ),
    "an id with other characters": (
        asking(user("a"), assistant(use("a/b")), user(result("a/b")), **TOOLS),
        (
            "2 validation errors detected: Value 'a/b' at 'messages.2.member.content.1.member.toolUse.toolUseId' "
            f"{PATTERN}[a-zA-Z0-9_.:-]+; Value 'a/b' at 'messages.3.member.content.1.member.toolResult.toolUseId' "
            f"{PATTERN}[a-zA-Z0-9_.:-]+"
        ),
    ),
    "an empty error result": (
        asking(user("a"), assistant(use()), user(result(content=[], status="error")), **TOOLS),
        "The content field at messages.2.content.0.toolResult cannot be empty when status value is error.",
    ),
    "an empty text in a result": (
        asking(user("a"), assistant(use()), user(result(content=[{"text": ""}])), **TOOLS),
        MODEL + "messages: text content blocks must be non-empty",
    ),
    "a blank text in a result": (
        asking(user("a"), assistant(use()), user(result(content=[{"text": " "}])), **TOOLS),
        MODEL + "messages: text content blocks must contain non-whitespace text",
    ),
    # Documents and images
    "a document without a text": (
        asking(user(document())),
        "A text block must be included when using documents.",
    ),
    "a document name with a dot": (
        asking(user("a", document("notes.txt"))),
        (
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
            "parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. "
            "Check that the file name conforms to these restrictions and retry your request."
        ),
    ),
    "a document name with two spaces": (
        asking(user("a", document("my  notes"))),
        (
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
            "parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. "
            "Check that the file name conforms to these restrictions and retry your request."
        ),
    ),
    "one document name twice": (
        asking(user("a", document()), assistant(use()), user(result(content=[document()])), **TOOLS),
        "Messages can't contain duplicate document names. Rename the document and retry your request.",
    ),
    "an image of another kind": (
        asking(user({"image": {**PNG["image"], "format": "jpeg"}})),
        MODEL + "messages.0.content.0.image.source.base64.data: The image was specified using the image/jpeg media "
        "type, but the image appears to be a image/png image",
    ),
    "an image in S3": (
        asking(user({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/key"}}}})),
        "This model doesn't support the s3Uri field. Remove s3Uri and try again.",
    ),
    "a video": (
        asking(user({"video": {"format": "mp4", "source": {"bytes": "YQ=="}}})),
        "This model doesn't support the video content block that you provided. Update the content block and try again.",
    ),
    # Cache points
    "five cache points": (
        asking(user("a", POINT, "b", POINT, "c", POINT, "d", POINT), system=[{"text": "s"}, POINT]),
        MODEL + "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "a cache point first in a message": (
        asking(user("a"), assistant("b"), user(POINT, "c")),
        "There is nothing available to cache.",
    ),
    "a cache point first in system": (
        asking(user("a"), system=[POINT, {"text": "s"}]),
        "There is nothing available to cache.",
    ),
    "a cache point in a result": (
        asking(user("a"), assistant(use()), user(result(content=[{"text": "b"}, POINT])), **TOOLS),
        extraneous("#/messages/2/content/0/toolResult/content/1", "cachePoint"),
    ),
    "an hour after five minutes": (
        asking(user("a", HOUR_POINT), system=[{"text": "s"}, POINT]),
        MODEL + "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
        "Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
    ),
    # Settings
    "no tokens": (
        asking(user("a"), inferenceConfig={"maxTokens": 0}),
        (
            "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1"
        ),
    ),
    "a temperature over one": (
        asking(user("a"), inferenceConfig={"temperature": 1.5}),
        (
            "1 validation error detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: "
            "Member must have value less than or equal to 1"
        ),
    ),
    "an empty stop sequence": (
        asking(user("a"), inferenceConfig={"stopSequences": ["x", ""]}),
        (
            "1 validation error detected: Value '' at 'inferenceConfig.stopSequences.2.member' failed to satisfy "
            "constraint: Member must have length greater than or equal to 1"
        ),
    ),
    "a blank stop sequence": (
        asking(user("a"), inferenceConfig={"stopSequences": ["\n"]}),
        MODEL + "stop_sequences: each stop sequence must contain non-whitespace",
    ),
    "metadata with braces": (
        asking(user("a"), requestMetadata={"user": "{}"}),
        (
            f"1 validation error detected: Value '{{}}' at 'requestMetadata.user' {PATTERN}"
            r"[a-zA-Z0-9\s:_@$#=/+,-.]{0,256}"
        ),
    ),
    "a field path that is no pointer": (
        asking(user("a"), additionalModelResponseFieldPaths=["/good", "stop_sequence"]),
        "The value at additionalModelResponseFieldPaths.1 is not a valid JSON Pointer: stop_sequence",
    ),
    # Claude
    "an unknown beta": (
        fields(anthropic_beta=["interleaved-thinking-2025-05-14", "claude-code-20250219"]),
        MODEL + "invalid beta flag",
    ),
    "an unknown field": (
        fields(context_management={}),
        MODEL + "context_management: Extra inputs are not permitted",
    ),
    "an unknown output field": (
        fields(output_config={"task_budget": 1}),
        MODEL + "output_config.task_budget: Extra inputs are not permitted",
    ),
    "an unknown effort": (
        fields(output_config={"effort": "heroic"}),
        MODEL + "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
    ),
    "an unknown kind of thinking": (
        fields(thinking={"type": "sometimes"}),
        MODEL + "thinking: Input tag 'sometimes' found using 'type' does not match any of the expected tags: "
        "'adaptive', 'between_tools', 'disabled', 'enabled'",
    ),
    "an unknown member of thinking": (
        fields(thinking={"type": "disabled", "budget_tokens": 2000}),
        MODEL + "thinking.disabled.budget_tokens: Extra inputs are not permitted",
    ),
    "thinking without a budget": (
        fields(thinking={"type": "enabled"}),
        MODEL + "thinking.enabled.budget_tokens: Field required",
    ),
    "a small budget": (
        fields(thinking={"type": "enabled", "budget_tokens": 1023}),
        MODEL + "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    "a budget as large as the answer": (
        fields(2000, thinking={"type": "enabled", "budget_tokens": 2000}),
        MODEL + "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at "
        "https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size",
    ),
    "a temperature while thinking": (
        asking(user("a"), inferenceConfig={"temperature": 0.5}, **THINKING),
        MODEL + "`temperature` may only be set to 1 when thinking is enabled.",
    ),
    "a signature that does not fit": (
        asking(user("a"), assistant(thought(signature="SIGabc"), "b"), user("c")),
        MODEL + "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "reasoning without a signature": (
        asking(user("a"), assistant(thought(signature=None), "b"), user("c")),
        MODEL + "messages.1.content.0.thinking.signature: Field required",
    ),
    "a tool turn without its thinking": (
        asking(*BROKEN_TOOL_TURN, **TOOLS, **THINKING),
        MODEL + "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. When "
        "`thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost "
        "set of `tool_use` and `tool_result` blocks).",
    ),
    "a scripted thought that was lost": (
        asking(user("[[think:hm]][[tool:Bash {}]]"), assistant(use()), user(result()), **TOOLS, **THINKING),
        MODEL + "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When "
        "`thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost "
        "set of `tool_use` and `tool_result` blocks).",
    ),
}

ACCEPTED: Final[Mapping[str, dict[str, Any]]] = {
    "results beside a text": asking(user("a"), assistant(use()), user(result(), "and now"), **TOOLS),
    "an empty result": asking(user("a"), assistant(use()), user(result(content=[])), **TOOLS),
    "ids of other models": asking(user("a"), assistant(use("functions.x:0")), user(result("functions.x:0")), **TOOLS),
    "a document in a result": asking(user("a"), assistant(use()), user(result(content=[document()])), **TOOLS),
    "a document as text": asking(user("a", document("Report [2] (a-b)", text="words"))),
    "four cache points": asking(user("a", POINT, "b", POINT, "c", POINT), system=[{"text": "s"}, HOUR_POINT]),
    "an answer begun for it": asking(user("a"), assistant("Well,")),
    "thinking that comes back": asking(user("a"), assistant(thought(), use()), user(result()), **TOOLS, **THINKING),
    "a scripted tool turn that never thought": asking(
        user("[[tool:Bash {}]]"), assistant(use()), user(result()), **TOOLS, **THINKING
    ),
    "known fields": fields(
        anthropic_beta=["interleaved-thinking-2025-05-14"], anthropic_version="bedrock-2023-05-31", top_k=5
    ),
    "null for absent": asking(user("a"), system=None, inferenceConfig={"temperature": None}),
}


@pytest.mark.parametrize("rule", REFUSED)
async def test_bedrock_refuses(wire: WireClient, rule: str) -> None:
    body, message = REFUSED[rule]
    for operation in ("converse-stream", "converse"):
        reply = await wire.send(operation, body)
        assert (reply.status, reply.message) == (400, message)


@pytest.mark.parametrize("case", ACCEPTED)
async def test_bedrock_accepts(wire: WireClient, case: str) -> None:
    reply = await wire.send("converse", ACCEPTED[case])
    assert reply.status == 200, reply.message


async def test_models_without_a_cache_refuse_its_points(wire: WireClient) -> None:
    reply = await wire.stream([user("a", POINT)], model_id=GPT)
    assert reply.message == (
        "You invoked an unsupported model or your request did not allow prompt caching. "
        "See the documentation for more information."
    )


async def test_claudes_own_rules_do_not_bind_other_models(wire: WireClient) -> None:
    reply = await wire.stream(
        [user("a"), assistant(thought(signature=None), "b"), user("[[say:fine]]")],
        model_id=GPT,
        additionalModelRequestFields={"reasoning_effort": "high"},
    )
    assert reply.text == "fine"


async def test_what_is_counted_is_checked_as_well(wire: WireClient) -> None:
    reply = await wire.count(messages=[user(" ")])
    assert reply.status == 400
    assert "is blank" in reply.message
    reply = await wire.count(messages=[user("a")], inferenceConfig={})
    assert "#/input/converse: extraneous key [inferenceConfig]" in reply.message
