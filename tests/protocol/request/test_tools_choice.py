"""The tool choice on models that do not take every form of it: never silently another one."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import MODELS, resolve
from gateway.protocol.errors import InvalidRequest
from tests.protocol.request.conftest import Outcome, translate_request

Translate = Callable[..., Any]

CLAUDE = "claude-sonnet-4-5"
UNFORCED = "claude-opus-5-5"  # refuses a forced choice
OTHER = "kimi-k2.5"  # auto and any; nothing of Claude's own
SILENT = "minimax-m2"  # no toolChoice at all
HISTORY = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "a", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "ok"}]},
]


def tools(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


def sent(outcome: Outcome) -> tuple[Any, Any]:
    """Converse's choice and Claude's own."""
    return outcome.request["toolConfig"].get("toolChoice"), outcome.claude_fields.get("tool_choice")


@pytest.mark.parametrize(
    ("model", "choice", "names", "converse", "approximated"),
    [
        (UNFORCED, {"type": "auto"}, "ab", {"auto": {}}, ()),
        (UNFORCED, {"type": "any"}, "ab", {"auto": {}}, ("tool_choice",)),
        (UNFORCED, {"type": "tool", "name": "a"}, "a", {"auto": {}}, ("tool_choice",)),
        (OTHER, {"type": "any"}, "ab", {"any": {}}, ()),
        (OTHER, {"type": "tool", "name": "a"}, "ab", {"any": {}}, ("tool_choice",)),
        (OTHER, {"type": "tool", "name": "a"}, "a", {"any": {}}, ()),
        (SILENT, {"type": "auto"}, "ab", None, ()),
        (SILENT, {"type": "any"}, "ab", None, ("tool_choice",)),
        (SILENT, {"type": "tool", "name": "a"}, "a", None, ("tool_choice",)),
    ],
)
def test_a_forced_choice_that_the_model_refuses_becomes_the_nearest_and_is_disclosed(
    translate: Translate, model: str, choice: Any, names: str, converse: Any, approximated: tuple[str, ...]
) -> None:
    outcome = translate(model=model, tools=tools(*names), tool_choice=choice)
    assert sent(outcome) == (converse, None)
    assert outcome.approximated == approximated


@pytest.mark.parametrize("model", [CLAUDE, UNFORCED, OTHER, SILENT])
def test_a_demanded_tool_that_is_not_offered_is_refused_on_every_model(translate: Translate, model: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^tool_choice\.name: `tools` offers no 'b'"):
        translate(model=model, tools=tools("a"), tool_choice={"type": "tool", "name": "b"})


def test_parallel_calls_stay_forbidden_when_the_choice_is_not_forced(translate: Translate) -> None:
    choice = {"type": "any", "disable_parallel_tool_use": True}
    outcome = translate(model=UNFORCED, tools=tools("a"), tool_choice=choice)
    assert sent(outcome) == (None, {"type": "auto", "disable_parallel_tool_use": True})
    assert outcome.approximated == ("tool_choice",)


@pytest.mark.parametrize(("model", "converse"), [(OTHER, {"auto": {}}), (SILENT, None)])
def test_parallel_calls_cannot_be_forbidden_elsewhere_and_that_is_disclosed(
    translate: Translate, model: str, converse: Any
) -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    outcome = translate(model=model, tools=tools("a"), tool_choice=choice)
    assert sent(outcome) == (converse, None)
    assert outcome.dropped == ("tool_choice.disable_parallel_tool_use",)


def test_none_with_history_cannot_be_said_elsewhere_and_that_is_disclosed(translate: Translate) -> None:
    outcome = translate(HISTORY, model=OTHER, tools=tools("a"), tool_choice={"type": "none"})
    assert sent(outcome) == (None, None)
    assert outcome.approximated == ("tool_choice.none",)


def test_none_without_history_leaves_the_tools_out_elsewhere_too(translate: Translate) -> None:
    outcome = translate(model=OTHER, tools=tools("a"), tool_choice={"type": "none"})
    assert "toolConfig" not in outcome.request


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "a", "disable_parallel_tool_use": True}])
def test_a_forced_choice_while_thinking_is_refused_in_claudes_own_words(
    translate: Translate, choice: dict[str, Any]
) -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    with pytest.raises(InvalidRequest, match="Thinking may not be enabled when tool_choice forces tool use"):
        translate(model=CLAUDE, tools=tools("a"), tool_choice=choice, thinking=thinking, max_tokens=8000)


def test_a_choice_that_is_not_forced_in_the_end_may_think(translate: Translate) -> None:
    outcome = translate(model=UNFORCED, tools=tools("a"), tool_choice={"type": "any"}, thinking={"type": "adaptive"})
    assert outcome.claude_fields["thinking"] == {"type": "adaptive"}


def test_a_forced_choice_with_thinking_off_is_sent(translate: Translate) -> None:
    choice = {"type": "tool", "name": "a"}
    outcome = translate(model=CLAUDE, tools=tools("a"), tool_choice=choice, thinking={"type": "disabled"})
    assert sent(outcome) == ({"tool": {"name": "a"}}, None)


NAMES = ("a", "b.c", "d" * 80)
SERVED = [
    model.name
    for model in MODELS
    if model.is_active and model.capabilities.tools_in_streams and resolve(model.name, "us-west-2")
]
CHOICES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["auto", "any"]), "disable_parallel_tool_use": st.booleans()}),
    st.fixed_dictionaries(
        {"type": st.just("tool"), "name": st.sampled_from(NAMES), "disable_parallel_tool_use": st.booleans()}
    ),
    st.just({"type": "none"}),
)


@given(
    model=st.sampled_from(SERVED),
    choice=CHOICES,
    offered=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    history=st.booleans(),
)
def test_a_choice_is_sent_as_it_is_or_the_change_is_disclosed(
    model: str, choice: dict[str, Any], offered: list[str], history: bool
) -> None:
    if choice.get("name", offered[0]) not in offered:
        offered = [*offered, choice["name"]]
    messages = HISTORY if history else HISTORY[:1]
    request = {"model": model, "max_tokens": 2000, "messages": messages, "tool_choice": choice}
    outcome = translate_request({**request, "tools": tools(*offered)})
    disclosed = [name for name in (*outcome.approximated, *outcome.dropped) if name.startswith("tool_choice")]
    assert disclosed or what_is_sent(outcome, offered) == meaning(choice, offered)


def what_is_sent(outcome: Outcome, offered: list[str]) -> tuple[Any, ...]:
    """What Bedrock is told, in the caller's words."""
    converse, native = sent(outcome)
    if native is None:
        [kind] = converse or ["auto"]
        native = {"type": kind, **(converse or {}).get(kind, {})}
    back = outcome.translation.tool_names
    name = native.get("name")
    return meaning({**native, "name": back.get(name, name)}, offered)


def meaning(choice: dict[str, Any], offered: list[str]) -> tuple[Any, ...]:
    """Kind, name, one at a time. To demand any one of a single tool is to demand that tool."""
    name, one_at_a_time = choice.get("name"), choice.get("disable_parallel_tool_use", False)
    if choice["type"] == "any" and len(offered) == 1:
        return "tool", offered[0], one_at_a_time
    return choice["type"], name, one_at_a_time
