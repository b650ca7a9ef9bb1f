"""Why an answer ended, in Anthropic's words (messages-to-converse 5.2)."""

from collections.abc import Mapping
from typing import Any, Final

REFUSAL: Final = "refusal"
# Converse's stop reasons and Anthropic's; a test compares the keys with botocore's model.
STOP_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "model_context_window_exceeded": "model_context_window_exceeded",
    "content_filtered": REFUSAL,
    "guardrail_intervened": REFUSAL,
}
# The model produced something that is not an answer. On `end_turn` an agent would stop in silence; an error it retries.
MALFORMED: Final[Mapping[str, str]] = {
    "malformed_model_output": "The model's output was malformed. Try the request again.",
    "malformed_tool_use": "The model's tool call was malformed. Try the request again.",
}
# Bedrock's two ways to refuse, which Anthropic's reason does not tell apart.
EXPLANATIONS: Final[Mapping[str, str]] = {
    "content_filtered": "Bedrock reports that the answer was stopped because of its content.",
    "guardrail_intervened": "A guardrail on Bedrock intervened. Where it has a text of its own, that is the answer.",
}


def stop_details(reason: str, told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`told` is what Claude itself says about the stop; of a refusal it did not explain, what Converse's `reason` says.

    The categories are Anthropic's own, so that none is guessed.
    """
    details: dict[str, Any] = {"type": REFUSAL, "category": None, "explanation": EXPLANATIONS.get(reason)}
    if told is not None and isinstance(told.get("type"), str):
        return details | dict(told)
    return details if STOP_REASONS.get(reason, reason) == REFUSAL else None
