"""Claude's own tools, and the kinds that Bedrock has not."""

from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from anthropic.types.beta import BetaToolUnionParam

from gateway.protocol.errors import InvalidRequest
from gateway.protocol.features import FEATURES

Translate = Callable[..., Any]
BASH = {"type": "bash_20250124", "name": "bash"}
EDITOR = {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 10_000}
COMPUTER = {
    "type": "computer_20251124",
    "name": "computer",
    "display_width_px": 1024,
    "display_height_px": 768,
    "display_number": 1,
    "enable_zoom": True,
}
OLD_COMPUTER = {"type": "computer_20250124", "name": "computer", "display_width_px": 1, "display_height_px": 2}
CUSTOM = {"name": "a", "input_schema": {"type": "object"}}
STAND_IN = "chatrix_no_tool"


def kinds() -> Iterator[str]:
    """Each `type` that the SDK's union of tools knows."""
    for member in get_args(
        get_args(BetaToolUnionParam)[0] if get_origin(BetaToolUnionParam) is None else BetaToolUnionParam
    ):
        yield from (literal for literal in literals(get_type_hints(member)["type"]))


def literals(hint: Any) -> Iterator[str]:
    for argument in get_args(hint):
        if isinstance(argument, str):
            yield argument
        else:
            yield from literals(argument)


def specs(outcome: Any) -> list[str]:
    return [entry["toolSpec"]["name"] for entry in outcome.request["toolConfig"]["tools"] if "toolSpec" in entry]


def history(name: str) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": name, "input": {"command": "ls"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "ok"}]},
    ]


@pytest.mark.parametrize("kind", sorted(set(kinds())))
def test_every_kind_of_tool_in_the_sdk_has_a_row(kind: str) -> None:
    assert f"tools.{kind}" in FEATURES


def test_the_sdk_has_about_thirty_kinds() -> None:
    assert len(set(kinds())) >= 30


@pytest.mark.parametrize(
    "native",
    [
        BASH,
        {"type": "text_editor_20250124", "name": "str_replace_editor"},
        {"type": "text_editor_20250429", "name": "str_replace_based_edit_tool"},
        EDITOR,
        {"type": "memory_20250818", "name": "memory"},
    ],
)
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5-5"])
def test_a_tool_that_claude_knows_goes_into_its_own_field(
    translate: Translate, model: str, native: dict[str, Any]
) -> None:
    outcome = translate(tools=[CUSTOM, native], model=model)
    assert outcome.claude_fields == {"tools": [native]}
    assert specs(outcome) == ["a"]
    assert (outcome.dropped, outcome.approximated) == ((), ())


@pytest.mark.parametrize(
    ("model", "native", "beta"),
    [
        ("claude-sonnet-4-5", OLD_COMPUTER, "computer-use-2025-01-24"),
        ("claude-opus-5-5", COMPUTER, "computer-use-2025-11-24"),
    ],
)
def test_a_computer_tool_brings_the_beta_that_it_needs(
    translate: Translate, model: str, native: dict[str, Any], beta: str
) -> None:
    outcome = translate(tools=[CUSTOM, native], model=model)
    assert outcome.claude_fields == {"tools": [native], "anthropic_beta": [beta]}
    assert outcome.translation.without_betas is None, "without the beta the tool would be lost"


@pytest.mark.parametrize(
    ("model", "native"),
    [("claude-sonnet-4-5", COMPUTER), ("claude-opus-5-5", OLD_COMPUTER), ("kimi-k2.5", BASH), ("nova-pro", EDITOR)],
)
def test_a_tool_that_the_model_does_not_know_is_refused_with_advice(
    translate: Translate, model: str, native: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match=r"^tools\.1: the model does not know this tool .* with an input_schema"):
        translate(tools=[CUSTOM, native], model=model)


def test_beside_native_tools_alone_stands_one_that_does_nothing_on_every_turn(translate: Translate) -> None:
    first, second = translate(tools=[BASH]), translate(history("bash"), tools=[BASH])
    assert specs(first) == specs(second) == [STAND_IN]
    assert first.request["toolConfig"] == second.request["toolConfig"]
    assert first.approximated == second.approximated == ("tools",)


@pytest.mark.parametrize(
    ("choice", "converse", "native"),
    [
        ({"type": "tool", "name": "bash"}, None, {"type": "tool", "name": "bash"}),
        ({"type": "tool", "name": "a"}, {"tool": {"name": "a"}}, None),
        ({"type": "any"}, {"any": {}}, None),
    ],
)
def test_the_choice_of_a_native_tool_is_claudes_own(
    translate: Translate, choice: Any, converse: Any, native: Any
) -> None:
    outcome = translate(tools=[CUSTOM, BASH], tool_choice=choice)
    assert outcome.request["toolConfig"].get("toolChoice") == converse
    assert outcome.claude_fields.get("tool_choice") == native


def test_a_deferred_native_tool_waits_like_any_other(translate: Translate) -> None:
    outcome = translate(tools=[CUSTOM, {**BASH, "defer_loading": True}])
    assert outcome.claude_fields == {}
    assert outcome.approximated == ("tools.custom.defer_loading",)


def test_a_mark_on_a_native_tool_moves_to_the_end_of_the_others(translate: Translate) -> None:
    outcome = translate(tools=[CUSTOM, {**BASH, "cache_control": {"type": "ephemeral"}}])
    assert outcome.claude_fields == {"tools": [BASH]}
    assert outcome.request["toolConfig"]["tools"][1:] == [{"cachePoint": {"type": "default"}}]
    assert outcome.approximated == ("tools.cache_control",)


@pytest.mark.parametrize("field", ["strict", "input_examples", "allowed_callers"])
def test_a_field_that_native_tools_do_not_have_is_dropped_by_name(translate: Translate, field: str) -> None:
    outcome = translate(tools=[CUSTOM, {**BASH, field: [{}] if field != "strict" else True}])
    assert outcome.claude_fields == {"tools": [BASH]}
    assert outcome.dropped == (f"tools.bash_20250124.{field}",)


def test_a_native_tool_has_its_own_name_only(translate: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^tools\.0\.name: "):
        translate(tools=[{**BASH, "name": "shell"}])


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("web_search_20250305", "connect an MCP server"),
        ("web_fetch_20260318", "connect an MCP server"),
        ("code_execution_20250825", "on the client's side"),
        ("advisor_20260301", "in a request of its own"),
        ("tool_search_tool_bm25_20251119", "without defer_loading"),
        ("tool_search_tool_regex", "without defer_loading"),
        ("mcp_toolset", "on the client's side"),
        ("computer_toolset_20260801", "computer_20251124"),
        ("computer_20241022", "computer_20251124"),
        ("web_search_20991231", "a tool of your own"),
    ],
)
def test_a_tool_that_bedrock_has_not_is_refused_by_name_with_advice(
    translate: Translate, kind: str, advice: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        translate(tools=[{"type": kind, "name": "the_name"}])
    assert str(refusal.value).startswith("tools.0.type: ")
    assert all(word in str(refusal.value) for word in (kind, "the_name", advice))
