"""Thinking and effort of models that are no Claude: one level, in the model's own field.

The levels mean the same in name only, so both are disclosed. Forms: OpenAI's open models and DeepSeek have
`reasoning_effort`, its other models `reasoning.effort`; Nova 2 has `reasoningConfig`
(https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html).
"""

from typing import Any, Final, Literal, assert_never

from gateway.catalog.capabilities import LOW_TO_HIGH
from gateway.protocol.messages import (
    MessagesRequest,
    Thinking,
    ThinkingAdaptive,
    ThinkingBetweenTools,
    ThinkingDisabled,
    ThinkingEnabled,
)
from gateway.protocol.scope import Scope
from gateway.protocol.thinking import nearest_effort

# A budget below which the level is meant. Claude Code's own words for it used to mean 4,000, 10,000 and 31,999 tokens.
BUDGETS: Final = ((4_096, "low"), (16_384, "medium"))
HIGHEST: Final = "high"
# Nova refuses it together with maxTokens, which every request has (UKGovernmentBEIS/inspect_ai#3767).
NOT_WITH_MAX_TOKENS: Final = "high"
# What a model does that is told nothing but to think.
USUAL: Final = "medium"

Field = Literal["reasoning_effort", "reasoning.effort", "reasoningConfig"]


def to_reasoning_effort(request: MessagesRequest, scope: Scope) -> dict[str, Any]:
    """The field with its value; empty where the model has none, or nothing was asked for."""
    field = scope.model.capabilities.reasoning_effort
    effort = request.output_config.effort if request.output_config is not None else None
    _drop_details(request.thinking, scope)
    if field == "no":
        _drop_both(request, effort, scope)
        return {}
    if isinstance(request.thinking, ThinkingDisabled):
        return _switched_off(field, effort, scope)
    by_thinking = _by_thinking(request, scope)
    level = by_thinking if effort is None else _by_effort(effort, scope)
    return {} if level is None else _written(field, level)


def _drop_details(thinking: Thinking | None, scope: Scope) -> None:
    """How thinking is shown, and what it is bound to, are Claude's own."""
    if thinking is not None and thinking.display is not None:
        scope.note("thinking.display/not_taken", "thinking.display")
    if isinstance(thinking, ThinkingEnabled | ThinkingAdaptive) and thinking.block_binding is not None:
        scope.note("thinking.block_binding/not_on_this_model", "thinking.block_binding")


def _drop_both(request: MessagesRequest, effort: str | None, scope: Scope) -> None:
    if effort is not None:
        scope.note("output_config.effort/not_on_this_model", "output_config.effort")
    if isinstance(request.thinking, ThinkingDisabled):
        if scope.model.capabilities.always_reasons:
            scope.note("thinking.disabled/always_on", "thinking")
    elif request.thinking is not None:
        scope.note("thinking/not_on_this_model", "thinking")


def _switched_off(field: Field, effort: str | None, scope: Scope) -> dict[str, Any]:
    if field == "reasoningConfig":
        if effort is not None:
            scope.note("output_config.effort/not_on_this_model", "output_config.effort")
        return {"reasoningConfig": {"type": "disabled"}}
    scope.note("thinking.disabled/always_on", "thinking")
    return {} if effort is None else _written(field, _by_effort(effort, scope))


def _by_effort(effort: str, scope: Scope) -> str:
    scope.note("output_config.effort/own_field", "output_config.effort")
    return nearest_effort(effort, _levels(scope), scope)


def _by_thinking(request: MessagesRequest, scope: Scope) -> str | None:
    match request.thinking:
        case None | ThinkingDisabled():
            return None
        case ThinkingEnabled(budget_tokens=budget_tokens):
            level = next((level for most, level in BUDGETS if budget_tokens < most), HIGHEST)
        case ThinkingAdaptive():
            level = USUAL
        case ThinkingBetweenTools():
            level = LOW_TO_HIGH[0]
        case _:
            assert_never(request.thinking)
    scope.note("thinking/as_effort", "thinking")
    levels = _levels(scope)
    return level if level in levels else levels[-1]


def _levels(scope: Scope) -> tuple[str, ...]:
    levels = scope.model.capabilities.effort or LOW_TO_HIGH
    if scope.model.capabilities.reasoning_effort != "reasoningConfig":
        return levels
    return tuple(level for level in levels if level != NOT_WITH_MAX_TOKENS)


def _written(field: Field, level: str) -> dict[str, Any]:
    match field:
        case "reasoning_effort":
            return {"reasoning_effort": level}
        case "reasoning.effort":
            return {"reasoning": {"effort": level}}
        case "reasoningConfig":
            return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}
