"""`inferenceConfig` and sampling: within what the model takes.

A value that says what the model does anyway is left out where the model refuses the parameter. Any other value that it
refuses is sent: the caller must hear that from Bedrock, in Bedrock's words.
"""

from typing import Any, Final

from gateway.protocol.converse import InferenceConfig
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.scope import Scope

# The default of temperature and of top_p: leaving it out says the same.
DEFAULT_SAMPLING: Final = 1


def to_stop_sequences(request: MessagesRequest, scope: Scope) -> tuple[str, ...]:
    stop_sequences = tuple(sequence for sequence in request.stop_sequences or () if sequence)
    if len(stop_sequences) < len(request.stop_sequences or ()):
        scope.note("stop_sequences/empty", "stop_sequences")
    if stop_sequences and not scope.model.capabilities.stop_sequences:
        scope.note("stop_sequences/not_on_this_model", "stop_sequences")
        return ()
    return stop_sequences


def to_inference_config(request: MessagesRequest, stop_sequences: tuple[str, ...], scope: Scope) -> InferenceConfig:
    inference: InferenceConfig = {}
    if request.max_tokens is not None:
        inference["maxTokens"] = _max_tokens(request.max_tokens, scope)
    temperature, top_p = _one_of_two(
        _sampling("temperature", request, scope), _sampling("top_p", request, scope), scope
    )
    if temperature is not None:
        inference["temperature"] = temperature
    if top_p is not None:
        inference["topP"] = top_p
    if stop_sequences:
        inference["stopSequences"] = list(stop_sequences)
    return inference


def top_k_fields(request: MessagesRequest, scope: Scope) -> dict[str, Any]:
    """`top_k` has no place in Converse: it stands among the model's own fields."""
    if request.top_k is None:
        return {}
    match scope.model.capabilities.top_k:
        case "top_k":
            return {"top_k": request.top_k}
        case "inferenceConfig.topK":
            return {"inferenceConfig": {"topK": request.top_k}}
        case "no":
            scope.note("top_k/not_on_this_model", "top_k")
            return {}


def _max_tokens(wanted: int, scope: Scope) -> int:
    """Within the model's limits: Bedrock refuses more, and, unlike Anthropic, 0 (which only warms the cache)."""
    max_tokens = max(scope.model.capabilities.min_max_tokens, min(wanted, scope.model.max_output_tokens))
    if max_tokens != wanted:
        scope.note("max_tokens/outside_the_limits", "max_tokens")
    return max_tokens


def _sampling(name: str, request: MessagesRequest, scope: Scope) -> float | None:
    value: float | None = getattr(request, name)
    if value == DEFAULT_SAMPLING and not scope.model.capabilities.sampling:
        scope.note(f"{name}/default_without_sampling", name)
        return None
    return value


def _one_of_two(temperature: float | None, top_p: float | None, scope: Scope) -> tuple[float | None, float | None]:
    """Claude since 4.5 refuses both at once; a default among them can go."""
    if temperature is None or top_p is None or scope.model.capabilities.sampling_together:
        return temperature, top_p
    if top_p == DEFAULT_SAMPLING:
        scope.note("top_p/default_with_temperature", "top_p")
        return temperature, None
    if temperature == DEFAULT_SAMPLING:
        scope.note("temperature/default_with_top_p", "temperature")
        return None, top_p
    return temperature, top_p
