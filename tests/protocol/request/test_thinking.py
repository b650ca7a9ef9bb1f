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
        (ALWAYS, {"type": "disabled"}, None, (), ("thinking.disabled",)),
        (BETWEEN, {"type": "disabled"}, {"type": "between_tools"}, (), ("thinking.disabled",)),
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
        (ALWAYS, {"type": "adaptive", "display": "sideways"}),
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
    assert outcome.approximated == (() if sent == budget_tokens else ("thinking.enabled.budget_tokens",))


def test_a_budget_follows_a_clamped_max_tokens(translate: Translate) -> None:
    thinking = {"type": "enabled", "budget_tokens": 127_999}
    outcome = translate(model=OLD, thinking=thinking, max_tokens=128_000)
    assert outcome.request["inferenceConfig"]["maxTokens"] == 64_000
    assert outcome.claude_fields["thinking"]["budget_tokens"] == 63_999
    assert outcome.approximated == ("max_tokens", "thinking.enabled.budget_tokens")


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


@pytest.mark.parametrize("model", [OLD, "claude-haiku-4-5", "claude-opus-4-1"])
def test_effort_is_dropped_where_the_model_has_none(translate: Translate, model: str) -> None:
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


def test_thinking_of_an_earlier_loop_does_not_help(translate: Translate) -> None:
    """Another model has made the call, and its thinking has no signature."""
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    messages = [*tool_loop(THOUGHT), {"role": "assistant", "content": "ok"}, *tool_loop(unsigned)]
    outcome = translate(model=OLD, max_tokens=8000, thinking=ENABLED, messages=messages, tools=BASH)
    assert "thinking" not in outcome.claude_fields
    assert "thinking" in outcome.dropped


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


def test_opus_4_5_takes_effort_with_the_beta_for_it(translate: Translate) -> None:
    outcome = translate(model="claude-opus-4-5", output_config={"effort": "max"})
    assert outcome.claude_fields == {"output_config": {"effort": "high"}, "anthropic_beta": ["effort-2025-11-24"]}
    assert outcome.approximated == ("output_config.effort",)


def test_between_tools_takes_effort_up_to_high(translate: Translate) -> None:
    fields = {"thinking": {"type": "between_tools"}, "output_config": {"effort": "max"}}
    outcome = translate(model=BETWEEN, **fields)
    assert outcome.claude_fields == {"thinking": {"type": "between_tools"}, "output_config": {"effort": "high"}}


def test_updates_go_with_the_beta_for_them(translate: Translate) -> None:
    thinking = {"type": "adaptive", "display": "updates"}
    outcome = translate(model=ALWAYS, thinking=thinking)
    assert outcome.claude_fields == {"thinking": thinking, "anthropic_beta": ["thinking-display-updates-2026-08-18"]}
    assert (outcome.dropped, outcome.approximated) == ((), ())


def test_updates_become_a_summary_where_the_model_has_none(translate: Translate) -> None:
    outcome = translate(model=ADAPTIVE, thinking={"type": "adaptive", "display": "updates"})
    assert outcome.claude_fields == {"thinking": {"type": "adaptive", "display": "summarized"}}
    assert outcome.approximated == ("thinking.display",)


BINDING = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}}


def test_block_binding_goes_with_the_beta_for_it(translate: Translate) -> None:
    outcome = translate(model=ALWAYS, thinking={"type": "adaptive", **BINDING})
    assert outcome.claude_fields["thinking"] == {"type": "adaptive", **BINDING}
    assert outcome.claude_fields["anthropic_beta"] == ["thinking-binding-controls-2026-08-01"]
    assert outcome.dropped == ()


@pytest.mark.parametrize(
    ("model", "thinking"), [(ADAPTIVE, {"type": "adaptive", **BINDING}), (OLD, {**ENABLED, **BINDING})]
)
def test_block_binding_is_dropped_by_name_elsewhere(translate: Translate, model: str, thinking: dict[str, Any]) -> None:
    outcome = translate(model=model, thinking=thinking, max_tokens=8000)
    assert "block_binding" not in outcome.claude_fields["thinking"]
    assert "anthropic_beta" not in outcome.claude_fields
    assert outcome.dropped == ("thinking.block_binding",)


@pytest.mark.parametrize("binding", [{}, {"prefix_mismatch_behavior": None}])
def test_a_block_binding_that_says_nothing_is_not_worth_a_word(translate: Translate, binding: dict[str, Any]) -> None:
    outcome = translate(model=ADAPTIVE, thinking={"type": "adaptive", "block_binding": binding})
    assert outcome.claude_fields["thinking"] == {"type": "adaptive"}
    assert outcome.dropped == ()


NOVA, OPEN, GPT, NONE = "nova-2-lite", "gpt-oss-120b", "gpt-5.6-sol", "kimi-k2.5"


@pytest.mark.parametrize(
    ("model", "fields", "sent", "approximated"),
    [
        (OPEN, {"thinking": {**ENABLED, "budget_tokens": 4000}}, {"reasoning_effort": "low"}, ("thinking",)),
        (OPEN, {"thinking": {**ENABLED, "budget_tokens": 10_000}}, {"reasoning_effort": "medium"}, ("thinking",)),
        (OPEN, {"thinking": {**ENABLED, "budget_tokens": 31_999}}, {"reasoning_effort": "high"}, ("thinking",)),
        (OPEN, {"thinking": {"type": "adaptive"}}, {"reasoning_effort": "medium"}, ("thinking",)),
        (OPEN, {"thinking": {"type": "between_tools"}}, {"reasoning_effort": "low"}, ("thinking",)),
        (OPEN, {"thinking": {"type": "disabled"}}, {}, ("thinking.disabled",)),
        (OPEN, {"output_config": {"effort": "low"}}, {"reasoning_effort": "low"}, ("output_config.effort",)),
        (OPEN, {"output_config": {"effort": "max"}}, {"reasoning_effort": "high"}, ("output_config.effort",)),
        (GPT, {"output_config": {"effort": "max"}}, {"reasoning": {"effort": "max"}}, ("output_config.effort",)),
        (GPT, {"thinking": {"type": "adaptive"}}, {"reasoning": {"effort": "medium"}}, ("thinking",)),
        (NOVA, {"thinking": {"type": "disabled"}}, {"reasoningConfig": {"type": "disabled"}}, ()),
        (
            NOVA,
            {"thinking": {"type": "adaptive"}},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
            ("thinking",),
        ),
        (
            NOVA,
            {"output_config": {"effort": "high"}},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
            ("output_config.effort",),
        ),
        (NONE, {"thinking": {"type": "disabled"}}, {}, ()),
    ],
)
def test_models_that_are_no_claude_have_one_level(
    translate: Translate, model: str, fields: dict[str, Any], sent: dict[str, Any], approximated: tuple[str, ...]
) -> None:
    outcome = translate(model=model, max_tokens=8000, **fields)
    assert outcome.claude_fields == sent
    assert (outcome.dropped, outcome.approximated) == ((), approximated)


def test_effort_outranks_thinking_where_there_is_one_field_for_both(translate: Translate) -> None:
    outcome = translate(model=OPEN, thinking={"type": "adaptive"}, output_config={"effort": "low"})
    assert outcome.claude_fields == {"reasoning_effort": "low"}
    assert outcome.approximated == ("thinking", "output_config.effort")


@pytest.mark.parametrize("model", [NOVA, OPEN, NONE])
def test_how_thinking_is_shown_and_bound_is_dropped_by_name_elsewhere(translate: Translate, model: str) -> None:
    thinking = {"type": "adaptive", "display": "omitted", **BINDING}
    outcome = translate(model=model, thinking=thinking)
    assert {"thinking.display", "thinking.block_binding"} <= set(outcome.dropped)


def test_thinking_and_effort_are_dropped_by_name_where_there_is_no_field(translate: Translate) -> None:
    outcome = translate(model=NONE, thinking={"type": "adaptive"}, output_config={"effort": "low"})
    assert outcome.claude_fields == {}
    assert outcome.dropped == ("output_config.effort", "thinking")
