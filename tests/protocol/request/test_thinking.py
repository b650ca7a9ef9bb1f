"""Thinking and effort on models that take different forms of them."""

from collections.abc import Callable
from typing import Any

import pytest

Translate = Callable[..., Any]

OLD = "claude-sonnet-4-5"  # enabled, disabled; no effort
BOTH = "claude-opus-4-6"  # adaptive, enabled, disabled
ADAPTIVE = "claude-opus-4-8"  # adaptive, disabled
ALWAYS = "claude-opus-5-5"  # adaptive, always on
BETWEEN = "claude-sonnet-5-5"  # adaptive, between_tools
ENABLED = {"type": "enabled", "budget_tokens": 2000}


@pytest.mark.parametrize(
    ("model", "thinking", "sent", "dropped", "approximated"),
    [
        (OLD, ENABLED, ENABLED, (), ()),
        (BOTH, ENABLED, ENABLED, (), ()),
        (ADAPTIVE, ENABLED, {"type": "adaptive"}, (), ("thinking",)),
        (ALWAYS, ENABLED, {"type": "adaptive"}, (), ("thinking",)),
        (OLD, {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 4000}, (), ("thinking",)),
        (BOTH, {"type": "adaptive"}, {"type": "adaptive"}, (), ()),
        (ALWAYS, {"type": "adaptive"}, {"type": "adaptive"}, (), ()),
        (OLD, {"type": "disabled"}, {"type": "disabled"}, (), ()),
        (ADAPTIVE, {"type": "disabled"}, {"type": "disabled"}, (), ()),
        (ALWAYS, {"type": "disabled"}, None, (), ("thinking",)),
        (BETWEEN, {"type": "disabled"}, None, (), ("thinking",)),
        (BETWEEN, {"type": "between_tools"}, {"type": "between_tools"}, (), ()),
        (ALWAYS, {"type": "between_tools"}, {"type": "adaptive"}, (), ("thinking",)),
        (OLD, {"type": "between_tools"}, {"type": "enabled", "budget_tokens": 4000}, (), ("thinking",)),
        (OLD, None, None, (), ()),
        ("us.anthropic.claude-3-haiku-20240307-v1:0", ENABLED, None, ("thinking",), ("max_tokens",)),
    ],
)
def test_thinking_by_model(
    translate: Translate, model: str, thinking: Any, sent: Any, dropped: tuple[str, ...], approximated: tuple[str, ...]
) -> None:
    outcome = translate(model=model, thinking=thinking, max_tokens=8000)
    assert outcome.claude_fields.get("thinking") == sent
    assert outcome.dropped == dropped
    assert outcome.approximated == approximated


@pytest.mark.parametrize("display", ["omitted", "summarized"])
def test_a_known_display_is_kept_inside_adaptive(translate: Translate, display: str) -> None:
    outcome = translate(model=ALWAYS, thinking={"type": "adaptive", "display": display})
    assert outcome.claude_fields["thinking"] == {"type": "adaptive", "display": display}
    assert outcome.dropped == ()


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        (ALWAYS, {"type": "adaptive", "display": "updates"}),
        (BOTH, {**ENABLED, "display": "omitted"}),
        (BETWEEN, {"type": "between_tools", "display": "omitted"}),
        (OLD, {"type": "disabled", "display": "omitted"}),
    ],
)
def test_any_other_display_is_dropped_by_name(translate: Translate, model: str, thinking: dict[str, Any]) -> None:
    outcome = translate(model=model, thinking=thinking, max_tokens=8000)
    assert "display" not in outcome.claude_fields["thinking"]
    assert outcome.dropped == ("thinking.display",)


@pytest.mark.parametrize(("budget_tokens", "sent"), [(31_999, 31_999), (32_000, 31_999), (90_000, 31_999)])
def test_a_budget_stays_below_max_tokens(translate: Translate, budget_tokens: int, sent: int) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget_tokens}
    outcome = translate(model=OLD, thinking=thinking, max_tokens=32_000)
    assert outcome.claude_fields["thinking"]["budget_tokens"] == sent
    assert outcome.approximated == (() if sent == budget_tokens else ("thinking.budget_tokens",))


def test_a_budget_follows_a_clamped_max_tokens(translate: Translate) -> None:
    thinking = {"type": "enabled", "budget_tokens": 127_999}
    outcome = translate(model=OLD, thinking=thinking, max_tokens=128_000)
    assert outcome.request["inferenceConfig"]["maxTokens"] == 64_000
    assert outcome.claude_fields["thinking"]["budget_tokens"] == 63_999
    assert outcome.approximated == ("max_tokens", "thinking.budget_tokens")


def test_bedrock_itself_refuses_a_budget_that_no_limit_leaves_room_for(translate: Translate) -> None:
    assert translate(model=OLD, thinking=ENABLED, max_tokens=500).claude_fields["thinking"] == ENABLED


@pytest.mark.parametrize(("max_tokens", "budget"), [(1024, None), (1025, 1024), (3000, 1500)])
def test_adaptive_becomes_a_budget_if_there_is_room(translate: Translate, max_tokens: int, budget: int | None) -> None:
    outcome = translate(model=OLD, thinking={"type": "adaptive"}, max_tokens=max_tokens)
    if budget is None:
        assert "thinking" not in outcome.claude_fields
        assert outcome.dropped == ("thinking",)
    else:
        assert outcome.claude_fields["thinking"] == {"type": "enabled", "budget_tokens": budget}
        assert outcome.approximated == ("thinking",)


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("claude-sonnet-4-6", "high", "high"),
        ("claude-sonnet-4-6", "xhigh", "max"),
        ("claude-sonnet-4-6", "max", "max"),
        (ADAPTIVE, "xhigh", "xhigh"),
        (ADAPTIVE, "max", "xhigh"),
        (ALWAYS, "max", "max"),
        (ALWAYS, "low", "low"),
        (ALWAYS, "ludicrous", "ludicrous"),
    ],
)
def test_effort_is_clamped_to_the_models_levels(translate: Translate, model: str, effort: str, sent: str) -> None:
    outcome = translate(model=model, output_config={"effort": effort})
    assert outcome.claude_fields == {"output_config": {"effort": sent}}
    assert outcome.approximated == (() if sent == effort else ("output_config.effort",))


@pytest.mark.parametrize("model", [OLD, "claude-haiku-4-5", "claude-opus-4-5"])
def test_effort_is_dropped_where_the_model_has_none_or_needs_a_beta(translate: Translate, model: str) -> None:
    outcome = translate(model=model, output_config={"effort": "low"})
    assert outcome.claude_fields == {}
    assert outcome.dropped == ("output_config.effort",)


def test_effort_ends_at_high_when_thinking_only_between_tools(translate: Translate) -> None:
    outcome = translate(model=BETWEEN, thinking={"type": "between_tools"}, output_config={"effort": "max"})
    assert outcome.claude_fields["output_config"] == {"effort": "high"}
    assert outcome.approximated == ("output_config.effort",)


def tool_loop(*first: dict[str, Any]) -> list[dict[str, Any]]:
    """A conversation that waits for the model's reaction to a tool result; `first` comes before the tool call."""
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
    return [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [*first, call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "done"}]},
    ]


BASH = [{"name": "Bash", "input_schema": {"type": "object"}}]
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "SIG"}


def test_thinking_waits_for_the_next_turn_when_a_tool_loop_began_without_it(translate: Translate) -> None:
    outcome = translate(model=OLD, max_tokens=8000, thinking=ENABLED, messages=tool_loop(), tools=BASH)
    assert "thinking" not in outcome.claude_fields
    assert outcome.dropped == ("thinking",)


@pytest.mark.parametrize(
    ("model", "thinking", "messages"),
    [
        (OLD, ENABLED, tool_loop(THOUGHT)),
        (OLD, ENABLED, [*tool_loop(), {"role": "assistant", "content": "ok"}, {"role": "user", "content": "more"}]),
        (OLD, {"type": "disabled"}, tool_loop()),
        (ADAPTIVE, {"type": "adaptive"}, tool_loop()),
    ],
    ids=["it was thought", "the loop has ended", "off anyway", "adaptive does not mind"],
)
def test_thinking_otherwise_stays(
    translate: Translate, model: str, thinking: dict[str, Any], messages: list[dict[str, Any]]
) -> None:
    outcome = translate(model=model, max_tokens=8000, thinking=thinking, messages=messages, tools=BASH)
    assert outcome.claude_fields["thinking"] == thinking
    assert outcome.dropped == ()
