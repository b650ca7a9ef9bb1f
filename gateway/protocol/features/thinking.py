"""Rows: forms of `thinking`, and effort where it stands in for thinking."""

from typing import Final

from gateway.protocol.features.feature import Feature, approximated, dropped, kept

_THINKING: Final = "thinking"

THINKING: Final[tuple[Feature, ...]] = (
    kept(
        "thinking.enabled",
        _THINKING,
        "As it is, where the model takes it.",
        "type",
        "budget_tokens",
        "display",
        "block_binding",
    ),
    kept("thinking.adaptive", _THINKING, "As it is, where the model takes it.", "type", "display", "block_binding"),
    kept("thinking.disabled", _THINKING, "As it is, where the model takes it.", "type", "display"),
    kept("thinking.between_tools", _THINKING, "As it is, where the model takes it.", "type", "display"),
    approximated(
        "thinking.disabled/between_tools",
        _THINKING,
        "The model always thinks; thinking between tool calls only is the least it can do.",
    ),
    approximated(
        "thinking.disabled/always_on",
        _THINKING,
        "The model has no switch for it: it thinks as much as it does by itself.",
    ),
    approximated("thinking/nearest_form", _THINKING, "The model thinks, but not in this form: the nearest it has."),
    approximated(
        "thinking/as_effort",
        _THINKING,
        "The model is no Claude: how much it may think becomes the level of its own effort.",
    ),
    dropped(
        "thinking/not_on_this_model",
        _THINKING,
        "The model cannot be told to think: it does by itself or not at all, or max_tokens leaves no room.",
    ),
    dropped(
        "thinking/tool_loop_without_thinking",
        _THINKING,
        "A tool's result is waited for and nothing was thought so far: Claude refuses to begin there.",
    ),
    approximated(
        "thinking.enabled.budget_tokens/too_large", _THINKING, "It must be below max_tokens: one less than that."
    ),
    kept("thinking.display", _THINKING, "As it is, on adaptive thinking; `updates` with the beta that it needs."),
    approximated(
        "thinking.display/updates_as_summary",
        _THINKING,
        "The model has no `updates` on Bedrock: `summarized` shows the thinking too.",
    ),
    dropped(
        "thinking.display/not_taken",
        _THINKING,
        "The model always shows what it thinks, or nobody here knows this way of showing it.",
        harmless=True,
    ),
    kept(
        "thinking.block_binding",
        _THINKING,
        "As it is, with the beta that it needs.",
        "prefix_mismatch_behavior",
    ),
    dropped(
        "thinking.block_binding/not_on_this_model",
        _THINKING,
        "The model does not take it on Bedrock: thinking of another conversation is an error, or no matter at all.",
        harmless=True,
    ),
    approximated(
        "output_config.effort/own_field",
        _THINKING,
        "The model is no Claude: its own field for effort, which means nearly the same.",
    ),
)
