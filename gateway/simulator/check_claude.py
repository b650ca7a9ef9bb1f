"""What Claude's own validator asks: thinking, signatures, betas and the fields that Bedrock only passes on.

Model by model rules (no sampling, no forced tools, always thinking, ...) are not played: they are the catalog's, and
a simulator that took them from there would only agree with it.
"""

import re
from typing import Any, Final

from gateway.simulator.contents import (
    JsonObject,
    blocks_of,
    members,
    messages_of,
    model_fields,
    thinking_type,
    tool_results,
)
from gateway.simulator.models import is_claude
from gateway.simulator.refusals import invalid, model_refuses
from gateway.simulator.script import thought_in_last_answer
from gateway.simulator.signatures import is_ours, sign

MINIMUM_BUDGET_TOKENS: Final = 1024
# Accepted on Converse by at least one Claude, by reports of November 2026; any other value fails the whole request.
KNOWN_BETAS: Final = frozenset(
    {
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "structured-outputs-2025-11-13",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
    }
)
KNOWN_FIELDS: Final = frozenset(
    {"anthropic_beta", "anthropic_version", "output_config", "thinking", "tool_choice", "tools", "top_k"}
)
KNOWN_OUTPUT_FIELDS: Final = frozenset({"effort", "format"})
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
THINKING_FIELDS: Final = {
    "adaptive": frozenset({"type", "display", "block_binding"}),
    "between_tools": frozenset({"type", "display", "block_binding"}),
    "disabled": frozenset({"type"}),
    "enabled": frozenset({"type", "budget_tokens", "display", "block_binding"}),
}
# RFC 6901: every `~` begins an escape, every token begins with a slash.
_JSON_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)+")


def check_claude(request: JsonObject, model_id: str) -> None:
    if not is_claude(model_id):
        return
    fields = request.get("additionalModelRequestFields")
    if fields is not None and not isinstance(fields, dict):
        raise model_refuses(
            "Malformed input request: #: expected type: JSONObject, please reformat your input and try again."
        )
    _check_fields(model_fields(request))
    _check_sampling(request)
    _check_reasoning(request)


def check_field_paths(request: JsonObject) -> None:
    for index, path in enumerate(request.get("additionalModelResponseFieldPaths") or []):
        if not _JSON_POINTER.fullmatch(path):
            raise invalid(f"The value at additionalModelResponseFieldPaths.{index} is not a valid JSON Pointer: {path}")


def _check_fields(fields: JsonObject) -> None:
    for name in fields:
        if name not in KNOWN_FIELDS:
            raise model_refuses(f"{name}: Extra inputs are not permitted")
    betas = fields.get("anthropic_beta")
    if betas is not None and (not isinstance(betas, list) or any(beta not in KNOWN_BETAS for beta in betas)):
        raise model_refuses("invalid beta flag")
    _check_output_config(fields.get("output_config"))
    if fields.get("thinking") is not None:
        _check_thinking(fields["thinking"])


def _check_output_config(output_config: Any) -> None:
    if not isinstance(output_config, dict):
        return
    for name in output_config:
        if name not in KNOWN_OUTPUT_FIELDS:
            raise model_refuses(f"output_config.{name}: Extra inputs are not permitted")
    if output_config.get("effort", "high") not in EFFORTS:
        raise model_refuses("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")


def _check_thinking(thinking: Any) -> None:
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in THINKING_FIELDS:
        tags = ", ".join(f"'{tag}'" for tag in THINKING_FIELDS)
        raise model_refuses(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )
    for name in thinking:
        if name not in THINKING_FIELDS[kind]:
            raise model_refuses(f"thinking.{kind}.{name}: Extra inputs are not permitted")
    if kind != "enabled":
        return
    budget_tokens = thinking.get("budget_tokens")
    if not isinstance(budget_tokens, int):
        raise model_refuses("thinking.enabled.budget_tokens: Field required")
    if budget_tokens < MINIMUM_BUDGET_TOKENS:
        raise model_refuses(
            f"thinking.enabled.budget_tokens: Input should be greater than or equal to {MINIMUM_BUDGET_TOKENS}"
        )


def _check_sampling(request: JsonObject) -> None:
    inference = request.get("inferenceConfig") or {}
    for sequence in inference.get("stopSequences") or []:
        if not sequence.strip():
            raise model_refuses("stop_sequences: each stop sequence must contain non-whitespace")
    if thinking_type(request) == "off":
        return
    if inference.get("temperature") not in (None, 1):
        raise model_refuses("`temperature` may only be set to 1 when thinking is enabled.")
    budget_tokens = model_fields(request)["thinking"].get("budget_tokens")
    max_tokens = inference.get("maxTokens")
    if budget_tokens is not None and max_tokens is not None and max_tokens <= budget_tokens:
        raise model_refuses(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at "
            "https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size"
        )


def _check_reasoning(request: JsonObject) -> None:
    messages = messages_of(request)
    for at, message in enumerate(messages):
        for index, block in enumerate(blocks_of(message)):
            text = (block.get("reasoningContent") or {}).get("reasoningText")
            if text is not None:
                _check_signature(text, f"messages.{at}.content.{index}")
    if thinking_type(request) != "enabled" or len(messages) < 2 or not tool_results(messages[-1]):
        return
    # Real thinking is in every such turn. A script may leave it out, and then nothing was lost on the way.
    if thought_in_last_answer(request):
        _check_tool_turn_has_reasoning(messages[-2], len(messages) - 2)


def _check_signature(reasoning_text: JsonObject, where: str) -> None:
    """Real signatures cannot be checked here; ours can, and prove that a text came back byte for byte."""
    signature = reasoning_text.get("signature")
    if not signature:
        raise model_refuses(f"{where}.thinking.signature: Field required")
    if is_ours(signature) and signature != sign(reasoning_text["text"]):
        raise model_refuses(f"{where}: Invalid `signature` in `thinking` block")


def _check_tool_turn_has_reasoning(message: JsonObject, index: int) -> None:
    first = blocks_of(message)[0]
    if not members(blocks_of(message), "toolUse") or first.get("reasoningContent") is not None:
        return
    found = "tool_use" if first.get("toolUse") else "text"
    raise model_refuses(
        f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{found}`. "
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the "
        "lastmost set of `tool_use` and `tool_result` blocks)."
    )
