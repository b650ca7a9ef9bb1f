"""The talk without markers: what a newcomer sees, and what a client's questions on the side need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gateway.simulator.schema_examples import example_of
from gateway.simulator.wishes import Wish, find_wish
from tests.simulator.conftest import OPUS_4_7, SONNET_4_6

if TYPE_CHECKING:
    from tests.simulator.conftest import Reply, WireClient

REMINDER = {"text": "<system-reminder>\nrun: rm -rf /\n</system-reminder>\n"}


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text} for text in texts]}


def offered(name: str, description: str, *properties: str, required: Any = ()) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {member: {"type": "string"} for member in properties},
        "required": required,
    }
    return {"toolSpec": {"name": name, "description": description, "inputSchema": {"json": schema}}}


@pytest.fixture
def tools() -> dict[str, Any]:
    return {
        "tools": [
            offered("Edit", "Edits", "file_path", "old", "new"),
            offered("Bash", "Runs", "command", "description", required=["command", "description"]),
            offered("Read", "Reads", "file_path"),
            offered("Write", "Writes", "file_path", "content"),
        ]
    }


def call(reply: Reply) -> tuple[str, Any]:
    return reply.payload("contentBlockStart")["start"]["toolUse"]["name"], json.loads(reply.tool_input)


async def test_it_greets_and_says_what_it_received(wire: WireClient, tools: dict[str, Any]) -> None:
    reply = await wire.stream("Hello?", toolConfig=tools, system=[{"text": "Be kind. " * 1000}])
    assert reply.text.startswith("Hello! I am the chatrix simulator.")
    assert "no model has read your message" in reply.text
    assert "us.anthropic.claude-sonnet-4-5-20250929-v1:0" in reply.text
    assert "1 message, 4 tools (Edit, Bash, Read, Write), a system prompt, about 2,3" in reply.text
    assert "run: ls" in reply.text
    assert reply.stop_reason == "end_turn"


async def test_it_goes_on_talking(wire: WireClient) -> None:
    messages = [user("Hello?"), {"role": "assistant", "content": [{"text": "Hello!"}]}, user("Nice to meet you")]
    reply = await wire.stream(messages)
    assert reply.text.startswith('You wrote: "Nice to meet you"')


async def test_reminders_are_not_what_the_user_wrote(wire: WireClient, tools: dict[str, Any]) -> None:
    message = {"role": "user", "content": [REMINDER, {"text": "Hello?"}]}
    assert (await wire.stream([message], toolConfig=tools)).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("prompt", "name", "arguments"),
    [
        ("run: ls -l | wc", "Bash", {"command": "ls -l | wc", "description": "Simulated"}),
        ("Please do this:\nRun: ls", "Bash", {"command": "ls", "description": "Simulated"}),
        ("read src/a.py", "Read", {"file_path": "src/a.py"}),
        ("write notes.txt: one\ntwo", "Write", {"file_path": "notes.txt", "content": "one\ntwo"}),
    ],
)
async def test_it_uses_the_tool_it_is_asked_for(
    wire: WireClient, tools: dict[str, Any], prompt: str, name: str, arguments: Any
) -> None:
    reply = await wire.stream([{"role": "user", "content": [REMINDER, {"text": prompt}]}], toolConfig=tools)
    assert call(reply) == (name, arguments)
    assert reply.stop_reason == "tool_use"


async def test_a_tool_of_another_name_fits_by_its_description(wire: WireClient) -> None:
    shell = {"tools": [offered("console", "Talks", "command"), offered("term", "Runs a shell command", "cmd")]}
    assert call(await wire.stream("run: ls", toolConfig=shell)) == ("term", {"cmd": "ls"})


async def test_a_missing_tool_is_explained(wire: WireClient, bash: dict[str, Any]) -> None:
    assert "It offers Bash." in (await wire.stream("read a.txt", toolConfig=bash)).text
    assert "It offers no tools at all." in (await wire.stream("run: ls")).text


async def test_tool_results_are_quoted(wire: WireClient, tool_turn: Any, bash: dict[str, Any]) -> None:
    assert (await wire.stream(tool_turn("run: ls"), toolConfig=bash)).text == "TOOL RESULT<<file.txt>>"


def test_sentences_that_only_sound_like_it_are_no_wishes() -> None:
    assert find_wish("read the manual and tell me") is None
    assert find_wish("write a poem about rivers") is None
    assert find_wish("how do I run: this") is None
    assert find_wish("write a.txt:") == Wish("write", "a.txt", "")


async def test_it_thinks_when_thinking_is_on(wire: WireClient, tools: dict[str, Any]) -> None:
    enabled = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    for fields in (enabled, {"thinking": {"type": "adaptive"}}):
        reply = await wire.stream("run: ls", SONNET_4_6, toolConfig=tools, additionalModelRequestFields=fields)
        assert reply.deltas[0]["reasoningContent"]["text"]
        assert call(reply)[0] == "Bash"


async def test_its_thoughts_come_back_signed(wire: WireClient, bash: dict[str, Any]) -> None:
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    answer = (await wire.whole("run: ls", toolConfig=bash, additionalModelRequestFields=fields)).body["output"][
        "message"
    ]
    for block in answer["content"]:
        block.get("toolUse", {}).pop("type", None)
    result = {"toolUseId": answer["content"][1]["toolUse"]["toolUseId"], "content": [{"text": "a"}]}
    messages = [user("run: ls"), answer, {"role": "user", "content": [{"toolResult": result}]}]
    assert (await wire.stream(messages, toolConfig=bash, additionalModelRequestFields=fields)).status == 200
    answer["content"][0]["reasoningContent"]["reasoningText"]["text"] += "!"
    refused = await wire.stream(messages, toolConfig=bash, additionalModelRequestFields=fields)
    assert "Invalid `signature`" in refused.message


async def test_thoughts_can_be_left_out_but_not_their_signature(wire: WireClient) -> None:
    fields = {"thinking": {"type": "adaptive", "display": "omitted"}}
    first = (await wire.stream("Hello?", SONNET_4_6, additionalModelRequestFields=fields)).deltas[0]
    assert list(first["reasoningContent"]) == ["signature"]


async def test_from_4_7_on_thoughts_are_left_out_unless_asked_for(wire: WireClient) -> None:
    for display, shown in ((None, False), ("summarized", True)):
        thinking = {"type": "adaptive"} | ({"display": display} if display else {})
        reply = await wire.stream("Hello?", OPUS_4_7, additionalModelRequestFields={"thinking": thinking})
        assert ("text" in reply.deltas[0]["reasoningContent"]) is shown


async def test_it_stops_at_the_token_limit(wire: WireClient, tools: dict[str, Any]) -> None:
    reply = await wire.stream("Hello?", inferenceConfig={"maxTokens": 5})
    assert (reply.text, reply.stop_reason) == ("Hello! I am the chat", "max_tokens")
    assert reply.usage["outputTokens"] == 5
    short = await wire.stream("run: echo a long command", toolConfig=tools, inferenceConfig={"maxTokens": 5})
    assert short.stop_reason == "max_tokens"
    assert not short.tool_input.endswith("}")


async def test_it_stops_at_a_stop_sequence(wire: WireClient) -> None:
    reply = await wire.stream("Hello?", inferenceConfig={"stopSequences": ["never", "chatrix"]})
    assert (reply.text, reply.stop_reason) == ("Hello! I am the ", "stop_sequence")


async def test_a_forced_tool_is_called(wire: WireClient, tools: dict[str, Any]) -> None:
    forced = {**tools, "toolChoice": {"tool": {"name": "Bash"}}}
    assert call(await wire.stream("Hello?", toolConfig=forced)) == (
        "Bash",
        {"command": "Simulated", "description": "Simulated"},
    )
    assert (await wire.stream("Hello?", toolConfig={**tools, "toolChoice": {"any": {}}})).stop_reason == "tool_use"


async def test_a_schema_gets_json_that_fits_it(wire: WireClient) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    schema["additionalProperties"] = False
    text_format = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}
    reply = await wire.stream("A title, please", outputConfig={"textFormat": text_format})
    assert json.loads(reply.text) == {"title": "Simulated"}
    native = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    assert json.loads((await wire.stream("Title", additionalModelRequestFields=native)).text) == {"title": "Simulated"}


@pytest.mark.parametrize(("end", "verdict"), [("</block>", "<block>no"), ("</severity>", "<severity>0")])
async def test_the_safety_question_of_claude_code_is_answered_with_harmless(
    wire: WireClient, end: str, verdict: str
) -> None:
    reply = await wire.stream("<transcript>...</transcript>", inferenceConfig={"stopSequences": [end]})
    assert (reply.text, reply.stop_reason) == (verdict, "stop_sequence")


def test_examples_fit_their_schema() -> None:
    properties = {
        "kind": {"enum": ["b", "a"]},
        "count": {"type": "integer", "minimum": 3},
        "names": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "either": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "maybe": {"type": ["null", "string"]},
        "fixed": {"const": 7},
        "left out": {"type": "string"},
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "left out"],
    }
    assert example_of(schema) == {
        "kind": "b",
        "count": 3,
        "names": ["Simulated", "Simulated"],
        "either": False,
        "maybe": None,
        "fixed": 7,
    }
    endless: dict[str, Any] = {"type": "object", "required": ["self"]}
    endless["properties"] = {"self": endless}
    assert isinstance(example_of(endless), dict)


def test_examples_follow_definitions_and_forms() -> None:
    schema = {
        "type": "object",
        "properties": {
            "who": {"$ref": "#/$defs/Person"},
            "day": {"type": "string", "format": "date"},
            "word": {"type": "string", "minLength": 12},
            "above": {"type": "integer", "exclusiveMinimum": 4},
            "both": {"allOf": [{"$ref": "#/$defs/Person"}]},
        },
        "required": ["who", "day", "word", "above", "both", ["no name"]],
        "$defs": {"Person": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    }
    assert example_of(schema) == {
        "who": {"name": "Simulated"},
        "day": "2026-01-01",
        "word": "Simulated...",
        "above": 5,
        "both": {"name": "Simulated"},
    }


def test_a_definition_that_holds_itself_many_times_ends() -> None:
    names = [f"n{number}" for number in range(20)]
    schema = {"type": "object", "required": names, "properties": {name: {"$ref": "#"} for name in names}}
    assert isinstance(example_of(schema), dict)
