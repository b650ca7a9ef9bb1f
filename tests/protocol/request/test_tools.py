"""Tools: definitions, names, deferred ones, choice, and histories without definitions."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.errors import InvalidRequest

Translate = Callable[..., Any]
MARK: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
SCHEMA = {"type": "object", "properties": {"camelCase": {"type": "string"}}, "$schema": "x"}
LONG = "mcp__a-server-with-a-long-name__" + "and_a_tool_with_a_long_name_too_" * 2
HISTORY = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Bash", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "ok"}]},
]


def tool(name: str = "Bash", **fields: Any) -> dict[str, Any]:
    return {"name": name, "description": f"The tool {name}.", "input_schema": SCHEMA, **fields}


def loaded(*names: str) -> list[dict[str, Any]]:
    references = [{"type": "tool_reference", "tool_name": name} for name in names]
    return [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "ToolSearch", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": references}]},
    ]


def offered(outcome: Any) -> list[str]:
    config = outcome.request.get("toolConfig", {"tools": []})
    return [entry["toolSpec"]["name"] for entry in config["tools"] if "toolSpec" in entry]


def test_a_tool_keeps_its_schema(translate: Translate) -> None:
    spec = {"name": "Bash", "inputSchema": {"json": SCHEMA}, "description": "The tool Bash."}
    assert translate(tools=[tool()]).request["toolConfig"] == {"tools": [{"toolSpec": spec}]}


@pytest.mark.parametrize("description", [None, "", " \n"])
def test_a_blank_description_is_left_out(translate: Translate, description: str | None) -> None:
    [entry] = translate(tools=[tool(description=description)]).request["toolConfig"]["tools"]
    assert "description" not in entry["toolSpec"]


@pytest.mark.parametrize("tools", [None, []])
def test_no_tools_is_no_tool_config(translate: Translate, tools: Any) -> None:
    assert "toolConfig" not in translate(tools=tools).request


def test_a_mark_on_a_tool_is_a_point_behind_it(translate: Translate) -> None:
    tools = translate(tools=[tool("a", **MARK), tool("b")]).request["toolConfig"]["tools"]
    assert [next(iter(entry)) for entry in tools] == ["toolSpec", "cachePoint", "toolSpec"]


@pytest.mark.parametrize("name", ["a" * 65, LONG, "with.dot", "with space", "\u00e4", "a/b"])
def test_an_odd_name_is_shortened_everywhere_and_given_back(translate: Translate, name: str) -> None:
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": name, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "ok"}]},
    ]
    outcome = translate(messages, tools=[tool(name)], tool_choice={"type": "tool", "name": name})
    [wire] = offered(outcome)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", wire)
    assert re.search(r"_[0-9a-f]{10}$", wire)
    assert outcome.turns[1]["content"][0]["toolUse"]["name"] == wire
    assert outcome.request["toolConfig"]["toolChoice"] == {"tool": {"name": wire}}
    assert dict(outcome.translation.tool_names) == {wire: name}


@pytest.mark.parametrize("name", ["a", "a" * 64, "mcp__x__y-z_9"])
def test_a_legal_name_stays(translate: Translate, name: str) -> None:
    outcome = translate(tools=[tool(name)])
    assert offered(outcome) == [name]
    assert dict(outcome.translation.tool_names) == {}


def test_two_names_that_would_become_one_are_refused(translate: Translate) -> None:
    [wire] = offered(translate(tools=[tool(LONG)]))
    with pytest.raises(InvalidRequest, match=r"^tools\.1\.name: the tool names"):
        translate(tools=[tool(LONG), tool(wire)])


def test_deferred_tools_are_held_back_and_disclosed(translate: Translate) -> None:
    outcome = translate(tools=[tool("a"), tool("b", defer_loading=True), tool("c", defer_loading=False)])
    assert offered(outcome) == ["a", "c"]
    assert outcome.approximated == ("tools.custom.defer_loading",)


def test_a_loaded_tool_is_offered(translate: Translate) -> None:
    tools = [tool("a"), tool("b", defer_loading=True), tool("c", defer_loading=True)]
    outcome = translate(loaded("b", "c"), tools=tools)
    assert offered(outcome) == ["a", "b", "c"]
    assert outcome.approximated == ()


def test_a_tool_that_anthropics_own_search_has_found_is_offered(translate: Translate) -> None:
    found = {
        "type": "tool_search_tool_search_result",
        "tool_references": [{"type": "tool_reference", "tool_name": "b"}],
    }
    search = {"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_1", "content": found}
    messages = [{"role": "user", "content": "go"}, {"role": "assistant", "content": [search]}]
    outcome = translate(
        [*messages, {"role": "user", "content": "on"}], tools=[tool("a"), tool("b", defer_loading=True)]
    )
    assert offered(outcome) == ["a", "b"]
    assert "tools.custom.defer_loading" not in outcome.approximated


def test_a_deferred_tool_that_was_used_is_offered(translate: Translate) -> None:
    outcome = translate(HISTORY, tools=[tool("Bash", defer_loading=True), tool("Read")])
    assert offered(outcome) == ["Bash", "Read"]
    assert outcome.approximated == ()


def test_a_deferred_tool_that_is_demanded_is_offered(translate: Translate) -> None:
    choice = {"type": "tool", "name": "Bash"}
    assert offered(translate(tools=[tool("Bash", defer_loading=True)], tool_choice=choice)) == ["Bash"]


def test_the_placeholder_is_never_offered_and_not_worth_a_word(translate: Translate) -> None:
    placeholder = tool("DeferredToolPlaceholder", defer_loading=True)
    outcome = translate(loaded("DeferredToolPlaceholder"), tools=[tool("a"), placeholder])
    assert offered(outcome) == ["a"]
    assert outcome.approximated == ()


def test_a_callers_own_tool_of_the_placeholders_name_is_offered(translate: Translate) -> None:
    outcome = translate(tools=[tool("DeferredToolPlaceholder")])
    assert offered(outcome) == ["DeferredToolPlaceholder"]


@pytest.mark.parametrize(
    ("choice", "converse", "native"),
    [
        (None, None, None),
        ({"type": "auto"}, {"auto": {}}, None),
        ({"type": "any"}, {"any": {}}, None),
        ({"type": "tool", "name": "Bash"}, {"tool": {"name": "Bash"}}, None),
        ({"type": "auto", "disable_parallel_tool_use": False}, {"auto": {}}, None),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            None,
            {"type": "auto", "disable_parallel_tool_use": True},
        ),
        ({"type": "any", "disable_parallel_tool_use": True}, None, {"type": "any", "disable_parallel_tool_use": True}),
        (
            {"type": "tool", "name": "Bash", "disable_parallel_tool_use": True},
            None,
            {"type": "tool", "name": "Bash", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_the_tool_choice_names_its_type_in_one_place(
    translate: Translate, choice: Any, converse: Any, native: Any
) -> None:
    outcome = translate(tools=[tool()], tool_choice=choice)
    assert outcome.request["toolConfig"].get("toolChoice") == converse
    assert outcome.claude_fields.get("tool_choice") == native


def test_choosing_none_without_tool_history_offers_no_tools(translate: Translate) -> None:
    outcome = translate(tools=[tool(**MARK)], tool_choice={"type": "none"})
    assert "toolConfig" not in outcome.request
    assert outcome.claude_fields == {}
    assert outcome.approximated == ("tool_choice.none",)
    assert outcome.dropped == ("tools.cache_control",)


def test_choosing_none_with_tool_history_keeps_the_tools(translate: Translate) -> None:
    outcome = translate(HISTORY, tools=[tool()], tool_choice={"type": "none"})
    assert offered(outcome) == ["Bash"]
    assert outcome.claude_fields == {"tool_choice": {"type": "none"}}
    assert outcome.approximated == ()


def test_a_result_alone_is_tool_history_too(translate: Translate) -> None:
    outcome = translate(HISTORY[2:], tools=[tool()], tool_choice={"type": "none"})
    assert offered(outcome) == ["Bash"]


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "Bash"}])
def test_a_tool_cannot_be_demanded_without_tools(translate: Translate, choice: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=r"^tool_choice: "):
        translate(tools=[], tool_choice=choice)


@pytest.mark.parametrize("choice", [{"type": "auto"}, {"type": "none"}])
def test_a_choice_without_tools_says_nothing(translate: Translate, choice: dict[str, Any]) -> None:
    outcome = translate(tool_choice=choice)
    assert "toolConfig" not in outcome.request
    assert outcome.claude_fields == {}


@pytest.mark.parametrize("tools", [None, [], [tool("DeferredToolPlaceholder", defer_loading=True)]])
def test_tool_history_without_tools_gets_definitions_that_may_not_be_called(translate: Translate, tools: Any) -> None:
    outcome = translate(HISTORY, tools=tools)
    spec = {"name": "Bash", "inputSchema": {"json": {"type": "object"}}}
    assert outcome.request["toolConfig"] == {"tools": [{"toolSpec": spec}]}
    assert outcome.claude_fields == {"tool_choice": {"type": "none"}}
    assert outcome.approximated == ("tools",)


def test_strict_is_kept_where_the_model_has_it(translate: Translate) -> None:
    outcome = translate(tools=[tool(strict=True)], model="claude-sonnet-4-5")
    assert outcome.request["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
    assert outcome.dropped == ()


def test_strict_is_dropped_by_name_elsewhere(translate: Translate) -> None:
    outcome = translate(tools=[tool(strict=True)], model="claude-opus-5-5")
    assert "strict" not in outcome.request["toolConfig"]["tools"][0]["toolSpec"]
    assert outcome.dropped == ("tools.custom.strict",)


@pytest.mark.parametrize("schema", [{}, {"properties": {"a": {}}}, {"type": "custom", "properties": {}}])
def test_a_schema_without_the_only_type_it_can_have_gets_it(translate: Translate, schema: dict[str, Any]) -> None:
    outcome = translate(tools=[{"name": "a", "input_schema": schema}])
    [entry] = outcome.request["toolConfig"]["tools"]
    assert entry["toolSpec"]["inputSchema"]["json"] == {**schema, "type": "object"}
    assert outcome.approximated == ("tools.custom.input_schema",)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array"},
        {"type": ["object", "null"]},
        {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"type": "object", "properties": {"type": {"type": "custom"}}},
    ],
)
def test_any_other_schema_is_left_to_bedrock(translate: Translate, schema: dict[str, Any]) -> None:
    outcome = translate(tools=[{"name": "a", "input_schema": schema}])
    assert outcome.request["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == schema
    assert outcome.approximated == ()


def test_examples_are_dropped_by_name(translate: Translate) -> None:
    assert translate(tools=[tool(input_examples=[{"camelCase": "a"}])]).dropped == ("tools.custom.input_examples",)


@pytest.mark.parametrize(
    ("callers", "dropped"),
    [
        (["direct"], ()),
        (["direct", "code_execution_20260120"], ("tools.custom.allowed_callers",)),
        (["code_execution_20250825"], ("tools.custom.allowed_callers",)),
    ],
)
def test_callers_that_bedrock_does_not_have_are_dropped_by_name(
    translate: Translate, callers: list[str], dropped: tuple[str, ...]
) -> None:
    assert translate(tools=[tool(allowed_callers=callers)]).dropped == dropped


def test_eager_streaming_asks_for_the_beta_that_does_it(translate: Translate) -> None:
    outcome = translate(tools=[tool(eager_input_streaming=True)])
    assert outcome.claude_fields == {"anthropic_beta": ["fine-grained-tool-streaming-2025-05-14"]}
    assert outcome.dropped == ()


@pytest.mark.parametrize("model", ["kimi-k2.5", "us.anthropic.claude-3-haiku-20240307-v1:0"])
def test_eager_streaming_is_dropped_by_name_where_the_beta_is_not_taken(translate: Translate, model: str) -> None:
    outcome = translate(tools=[tool(eager_input_streaming=True)], model=model)
    assert outcome.claude_fields == {}
    assert outcome.dropped == ("tools.custom.eager_input_streaming",)


def test_lazy_streaming_asks_for_nothing(translate: Translate) -> None:
    assert translate(tools=[tool(eager_input_streaming=False)]).claude_fields == {}


def test_a_model_without_tools_is_refused_by_name(translate: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^tools: the model has no tool use on Bedrock"):
        translate(tools=[tool()], model="deepseek-r1")
    with pytest.raises(InvalidRequest, match=r"^tools: the model has no tool use on Bedrock"):
        translate(HISTORY, model="deepseek-r1")


def test_a_model_without_tools_answers_what_has_none(translate: Translate) -> None:
    assert "toolConfig" not in translate(tools=[tool()], tool_choice={"type": "none"}, model="deepseek-r1").request


def test_a_model_that_cannot_stream_tools_is_refused_by_name(translate: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^tools: the model has no tool use in streams on Bedrock"):
        translate(tools=[tool()], model="llama3.3-70b")


def test_history_alone_on_a_model_without_none_says_that_tools_may_be_called(translate: Translate) -> None:
    outcome = translate(HISTORY, model="kimi-k2.5")
    assert offered(outcome) == ["Bash"]
    assert outcome.claude_fields == {}
    assert outcome.approximated == ("tools", "tool_choice.none")
