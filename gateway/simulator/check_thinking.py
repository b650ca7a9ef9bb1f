"""What Claude's own validator asks of thinking: its kinds, its budget, its signatures, and turns that end with it."""

from typing import Final

from gateway.simulator.contents import JsonObject, blocks_of, members, messages_of, model_fields, tool_results
from gateway.simulator.contents import thinking_type as thinking_of
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import Refusal, invalid, model_refuses, not_permitted
from gateway.simulator.script import thought_in_last_answer
from gateway.simulator.signatures import is_ours, sign

MINIMUM_BUDGET_TOKENS: Final = 1024
COMMON_FIELDS: Final = frozenset({"type", "display", "block_binding"})
THINKING_FIELDS: Final = {
    "adaptive": COMMON_FIELDS,
    "between_tools": COMMON_FIELDS,
    "disabled": frozenset({"type"}),
    "enabled": COMMON_FIELDS | {"budget_tokens"},
}
NO_PREFILL: Final = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)

USER_MUST_BE_LAST: Final = (
    "The model that you are using requires the last turn in the conversation to be a user message. "
    "Add a user message to the conversation and try again."
)


def check_thinking(request: JsonObject, model: ServedModel) -> None:
    _check_prefill(request, model)
    if not model.is_claude:
        return
    if model_fields(request).get("thinking") is not None:
        _check_kind(request, model)
    _check_signatures(request)
    _check_last_tool_turn(request)


def _check_prefill(request: JsonObject, model: ServedModel) -> None:
    if model.capabilities.prefill:
        return
    messages = messages_of(request)
    if messages[-1]["role"] == "assistant":
        raise model_refuses(NO_PREFILL) if model.is_claude else invalid(USER_MUST_BE_LAST)
    # The models without sampling take these for a prefill as well (public reports on Opus 4.8, Sonnet 5, Fable 5.1).
    if model.omits_thinking and any(_looks_like_prefill(message) for message in messages):
        raise model_refuses(NO_PREFILL)


def _looks_like_prefill(message: JsonObject) -> bool:
    """Nothing but reasoning, or text behind a tool call."""
    if message["role"] != "assistant":
        return False
    blocks = blocks_of(message)
    kinds = [next(iter(block)) for block in blocks if not block.get("cachePoint")]
    if set(kinds) == {"reasoningContent"}:
        return True
    return "toolUse" in kinds and "text" in kinds[kinds.index("toolUse") :]


def _check_kind(request: JsonObject, model: ServedModel) -> None:
    thinking = model_fields(request)["thinking"]
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if not isinstance(kind, str) or kind not in THINKING_FIELDS:
        tags = ", ".join(f"'{tag}'" for tag in THINKING_FIELDS)
        raise model_refuses(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )
    if kind not in model.capabilities.thinking:
        raise _unsupported(kind, model)
    for name in thinking:
        if name not in THINKING_FIELDS[kind]:
            raise not_permitted(f"thinking.{kind}.{name}")
    if kind == "enabled":
        _check_budget(thinking.get("budget_tokens"), (request.get("inferenceConfig") or {}).get("maxTokens"))


def _unsupported(kind: str, model: ServedModel) -> Refusal:
    if kind == "adaptive":
        return model_refuses("adaptive thinking is not supported on this model")
    if "adaptive" in model.capabilities.thinking:
        return model_refuses(
            f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    return model_refuses(f'"thinking.type.{kind}" is not supported for this model.')


def _check_budget(budget_tokens: object, max_tokens: int | None) -> None:
    if not isinstance(budget_tokens, int):
        raise model_refuses("thinking.enabled.budget_tokens: Field required")
    if budget_tokens < MINIMUM_BUDGET_TOKENS:
        raise model_refuses(
            f"thinking.enabled.budget_tokens: Input should be greater than or equal to {MINIMUM_BUDGET_TOKENS}"
        )
    if max_tokens is not None and max_tokens <= budget_tokens:
        raise model_refuses(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at "
            "https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size"
        )


def _check_signatures(request: JsonObject) -> None:
    """Real signatures cannot be checked here; ours can, and prove that a text came back byte for byte."""
    for at, message in enumerate(messages_of(request)):
        for index, block in enumerate(blocks_of(message)):
            text = (block.get("reasoningContent") or {}).get("reasoningText")
            if text is None:
                continue
            signature = text.get("signature")
            if not signature:
                raise model_refuses(f"messages.{at}.content.{index}.thinking.signature: Field required")
            if is_ours(signature) and signature != sign(text["text"]):
                raise model_refuses(f"messages.{at}.content.{index}: Invalid `signature` in `thinking` block")


def _check_last_tool_turn(request: JsonObject) -> None:
    messages = messages_of(request)
    if thinking_of(request) != "enabled" or len(messages) < 2 or not tool_results(messages[-1]):
        return
    # Real thinking is in every such turn. A script may leave it out, and then nothing was lost on the way.
    if not thought_in_last_answer(request):
        return
    message, index = messages[-2], len(messages) - 2
    first = blocks_of(message)[0]
    if not members(blocks_of(message), "toolUse") or first.get("reasoningContent") is not None:
        return
    found = "tool_use" if first.get("toolUse") else "text"
    raise model_refuses(
        f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{found}`. "
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the "
        "lastmost set of `tool_use` and `tool_result` blocks)."
    )
