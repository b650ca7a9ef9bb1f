"""Thinking and effort of Claude: what the caller asks for, in the form that the model takes.

Which forms those are is the catalog's business. Both go into Claude's own fields, since Converse has none for thinking
and its `outputConfig.effort` is unproven. Models that are no Claude: `reasoning_effort.py`.
"""

from itertools import takewhile
from typing import Any, Final, assert_never

from gateway.catalog import ALL_EFFORTS
from gateway.catalog.models import BINDING_CONTROLS, DISPLAY_UPDATES, EFFORT
from gateway.protocol.converse import Turn
from gateway.protocol.messages import (
    BlockBinding,
    MessagesRequest,
    ThinkingAdaptive,
    ThinkingBetweenTools,
    ThinkingDisabled,
    ThinkingEnabled,
)
from gateway.protocol.scope import Scope

# Anthropic's smallest budget; it must also be below max_tokens.
MIN_BUDGET_TOKENS: Final = 1024
# What an adaptive model would use of its answer is up to it; half of it leaves room for the text.
ADAPTIVE_BUDGET_DIVISOR: Final = 2
KNOWN_DISPLAYS: Final = ("omitted", "summarized")
UPDATES: Final = "updates"
MAX_EFFORT_BETWEEN_TOOLS: Final = "high"


def to_thinking(
    request: MessagesRequest, turns: list[Turn], max_tokens: int | None, scope: Scope
) -> dict[str, Any] | None:
    """Claude's `thinking`. `max_tokens` is what is really sent, None when tokens are only counted."""
    thinking = _as_accepted(request, max_tokens, scope)
    if thinking is not None and thinking["type"] == "enabled" and _began_without_thinking(turns):
        scope.note("thinking/tool_loop_without_thinking", "thinking")
        return None
    if thinking is not None and isinstance(request.thinking, ThinkingEnabled | ThinkingAdaptive):
        thinking |= _block_binding(request.thinking.block_binding, thinking["type"], scope)
    return thinking


def _began_without_thinking(turns: list[Turn]) -> bool:
    """A tool's result is waited for, and nothing was thought since the user spoke last.

    Claude then refuses an `enabled` thinking ("Expected `thinking` or `redacted_thinking`, but found `tool_use`"), and
    no client can mend its history. Once there is any thinking in this loop, leaving it out would be refused in turn, so
    it stays. Clients get here by switching thinking on, or the model, in the middle of a tool loop.
    """
    awaited = bool(turns) and _has(turns[-1], "toolResult")
    loop = takewhile(lambda turn: turn["role"] == "assistant" or _has(turn, "toolResult"), reversed(turns))
    return awaited and not any(_has(turn, "reasoningContent") for turn in loop)


def _has(turn: Turn, kind: str) -> bool:
    return any(kind in block for block in turn["content"])


def _as_accepted(request: MessagesRequest, max_tokens: int | None, scope: Scope) -> dict[str, Any] | None:
    accepted = scope.model.capabilities.thinking
    match request.thinking:
        case None:
            return None
        case ThinkingDisabled(display=display):
            _drop_display(display, scope)
            return _disabled(accepted, scope)
        case ThinkingEnabled(budget_tokens=budget_tokens, display=display):
            if "enabled" in accepted:
                return _enabled(budget_tokens, display, max_tokens, scope)
            return _nearest(display, max_tokens, scope)
        case ThinkingAdaptive(display=display):
            return _adaptive(display, scope) if "adaptive" in accepted else _nearest(display, max_tokens, scope)
        case ThinkingBetweenTools(display=display):
            if "between_tools" in accepted:
                _drop_display(display, scope)
                return {"type": "between_tools"}
            return _nearest(display, max_tokens, scope)
        case _:
            assert_never(request.thinking)


def _disabled(accepted: tuple[str, ...], scope: Scope) -> dict[str, Any] | None:
    if "disabled" in accepted:
        return {"type": "disabled"}
    if "between_tools" in accepted:
        scope.note("thinking.disabled/between_tools", "thinking")
        return {"type": "between_tools"}
    # A model without any form never thinks: that is what was asked for.
    if accepted:
        scope.note("thinking.disabled/always_on", "thinking")
    return None


def _nearest(display: str | None, max_tokens: int | None, scope: Scope) -> dict[str, Any] | None:
    """The model thinks, but not in the way that was asked for."""
    if "adaptive" in scope.model.capabilities.thinking:
        scope.note("thinking/nearest_form", "thinking")
        return _adaptive(display, scope)
    limit = scope.model.max_output_tokens if max_tokens is None else max_tokens
    if "enabled" not in scope.model.capabilities.thinking or limit <= MIN_BUDGET_TOKENS:
        scope.note("thinking/not_on_this_model", "thinking")
        return None
    scope.note("thinking/nearest_form", "thinking")
    return _enabled(max(MIN_BUDGET_TOKENS, limit // ADAPTIVE_BUDGET_DIVISOR), display, max_tokens, scope)


def _adaptive(display: str | None, scope: Scope) -> dict[str, Any]:
    if display in KNOWN_DISPLAYS or (display == UPDATES and DISPLAY_UPDATES in scope.model.capabilities.betas):
        scope.note("thinking.display", "thinking.display")
        return {"type": "adaptive", "display": display}
    if display == UPDATES:
        # Left out it would mean `omitted` on newer models, and minutes without a sign of life.
        scope.note("thinking.display/updates_as_summary", "thinking.display")
        return {"type": "adaptive", "display": "summarized"}
    _drop_display(display, scope)
    return {"type": "adaptive"}


def _enabled(budget_tokens: int, display: str | None, max_tokens: int | None, scope: Scope) -> dict[str, Any]:
    _drop_display(display, scope)
    # A limit too small for any budget stays wrong as it is, and Bedrock's own message says so.
    if max_tokens is not None and budget_tokens >= max_tokens > MIN_BUDGET_TOKENS:
        budget_tokens = max_tokens - 1
        scope.note("thinking.enabled.budget_tokens/too_large", "thinking.budget_tokens")
    return {"type": "enabled", "budget_tokens": budget_tokens}


def _drop_display(display: str | None, scope: Scope) -> None:
    if display is not None:
        scope.note("thinking.display/not_taken", "thinking.display")


def _block_binding(binding: BlockBinding | None, sent_type: str, scope: Scope) -> dict[str, Any]:
    """What Claude does with earlier thinking that belongs to another conversation."""
    if binding is None or binding.prefix_mismatch_behavior is None:
        return {}
    if BINDING_CONTROLS not in scope.model.capabilities.betas or sent_type not in ("adaptive", "enabled"):
        scope.note("thinking.block_binding/not_on_this_model", "thinking.block_binding")
        return {}
    scope.note("thinking.block_binding", "thinking.block_binding")
    return {"block_binding": {"prefix_mismatch_behavior": binding.prefix_mismatch_behavior}}


def note_other_efforts(request: MessagesRequest, scope: Scope) -> None:
    """An operator's message may ask for an effort of its own, from there on."""
    effort = request.output_config.effort if request.output_config is not None else None
    for index, message in enumerate(request.messages):
        if message.output_config is not None and message.output_config.effort not in (None, effort):
            scope.note("messages.output_config/another_effort", f"messages.{index}.output_config.effort")


def to_effort(request: MessagesRequest, thinking: dict[str, Any] | None, scope: Scope) -> str | None:
    """`output_config.effort`, at a level that the model has. A level that nobody knows yet is passed on."""
    effort = request.output_config.effort if request.output_config is not None else None
    if effort is None:
        return None
    capabilities = scope.model.capabilities
    if not capabilities.effort or (capabilities.effort_needs_beta and EFFORT not in capabilities.betas):
        scope.note("output_config.effort/not_on_this_model", "output_config.effort")
        return None
    return nearest_effort(effort, _levels(capabilities.effort, thinking), scope)


def _levels(levels: tuple[str, ...], thinking: dict[str, Any] | None) -> tuple[str, ...]:
    if thinking is None or thinking["type"] != "between_tools":
        return levels
    return levels[: levels.index(MAX_EFFORT_BETWEEN_TOOLS) + 1]


def nearest_effort(effort: str, levels: tuple[str, ...], scope: Scope) -> str:
    """The same level, or the next higher one, or the highest there is. An unknown one stays what it is."""
    if effort not in ALL_EFFORTS:
        return effort
    wanted = ALL_EFFORTS.index(effort)
    level = next((level for level in levels if ALL_EFFORTS.index(level) >= wanted), levels[-1])
    if level != effort:
        scope.note("output_config.effort/level", "output_config.effort")
    return level
