"""Names, ids and inputs of tools: whatever they are, they arrive, and come back."""

import json
import re
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.errors import InvalidRequest
from gateway.protocol.parsing import parse
from gateway.protocol.wire_names import wire_tool_use_id
from tests.protocol.request.conftest import translate_request

LEGAL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LEGAL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
# What UTF-8 can hold; JSON bodies are UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=150)
LIKE_MCP = st.from_regex(r"mcp__[a-z.-]{1,40}__[a-zA-Z_ /]{1,80}", fullmatch=True)
NAMES = st.lists(st.one_of(TEXT, LIKE_MCP), min_size=1, max_size=6, unique=True)
INTEGERS = st.integers(-(2**70), 2**70)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False, allow_infinity=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=4)


def conversation(names: list[str], arguments: dict[str, Any]) -> list[dict[str, Any]]:
    calls = [
        {"type": "tool_use", "id": f"{index}:{name}", "name": name, "input": arguments}
        for index, name in enumerate(names)
    ]
    results = [
        {"type": "tool_result", "tool_use_id": call["id"], "content": [{"type": "tool_reference", "tool_name": name}]}
        for call, name in zip(calls, names, strict=True)
    ]
    return [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": calls},
        {"role": "user", "content": results},
    ]


def request(names: list[str], arguments: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": conversation(names, arguments),
        "tools": [{"name": name, "input_schema": {**schema, "type": "object"}} for name in names],
        "tool_choice": {"type": "tool", "name": names[-1]},
    }


@given(NAMES)
def test_every_tool_name_survives_the_round_trip(names: list[str]) -> None:
    outcome = translate_request(request(names, {}, {}))
    on_wire = [entry["toolSpec"]["name"] for entry in outcome.request["toolConfig"]["tools"]]
    assert all(LEGAL_NAME.fullmatch(name) for name in on_wire)
    back = outcome.translation.tool_names
    assert [back.get(name, name) for name in on_wire] == names
    assert [block["toolUse"]["name"] for block in outcome.turns[1]["content"]] == on_wire
    assert outcome.request["toolConfig"]["toolChoice"] == {"tool": {"name": on_wire[-1]}}
    for block, name in zip(outcome.turns[2]["content"], on_wire, strict=True):
        assert name in block["toolResult"]["content"][0]["text"]


@given(NAMES)
def test_a_call_and_its_result_keep_one_legal_id(names: list[str]) -> None:
    outcome = translate_request(request(names, {}, {}))
    calls = [block["toolUse"]["toolUseId"] for block in outcome.turns[1]["content"]]
    assert calls == [block["toolResult"]["toolUseId"] for block in outcome.turns[2]["content"]]
    assert len(set(calls)) == len(calls)
    assert all(LEGAL_ID.fullmatch(call) for call in calls)


@given(TEXT)
def test_an_id_that_bedrock_takes_stays(tool_use_id: str) -> None:
    wire = wire_tool_use_id(tool_use_id)
    assert LEGAL_ID.fullmatch(wire)
    assert wire == tool_use_id or not LEGAL_ID.fullmatch(tool_use_id)
    assert wire_tool_use_id(wire) == wire


def exact(value: Any) -> Any:
    """Equality that tells 1 from 1.0 and from true."""
    match value:
        case dict():
            return {key: exact(below) for key, below in value.items()}
        case list():
            return [exact(below) for below in value]
        case _:
            return type(value).__name__, value


def has_lost_integer(value: Any) -> bool:
    match value:
        case dict():
            return any(has_lost_integer(below) for below in value.values())
        case list():
            return any(has_lost_integer(below) for below in value)
        case bool():
            return False
        case int():
            return not -(2**63) <= value < 2**64
        case _:
            return False


@given(OBJECTS, OBJECTS)
def test_every_input_and_schema_arrives_value_for_value_or_is_refused(
    arguments: dict[str, Any], schema: dict[str, Any]
) -> None:
    wanted = {**schema, "type": "object"}
    body = request(["a"], arguments, schema)
    if has_lost_integer(arguments) or has_lost_integer(wanted):
        # orjson writes no such integer either: the standard library does.
        assert refusal(body).startswith(("messages.1.content.0.input", "tools.0.input_schema"))
        return
    outcome = translate_request(body)
    assert exact(outcome.turns[1]["content"][0]["toolUse"]["input"]) == exact(arguments)
    assert exact(outcome.request["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]) == exact(wanted)


def refusal(body: dict[str, Any]) -> str:
    try:
        parse(json.dumps(body).encode())
    except InvalidRequest as error:
        return str(error)
    return "was not refused"


def test_a_schema_keeps_the_order_of_its_keys() -> None:
    schema = {"z": 1, "type": "object", "a": {"y": 1, "b": 2}}
    outcome = translate_request(request(["a"], {}, schema))
    assert orjson.dumps(schema) in outcome.body
