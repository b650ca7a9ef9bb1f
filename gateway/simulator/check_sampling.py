"""What the models ask of `inferenceConfig`: sampling, stop sequences, how many tokens."""

from typing import Final

from gateway.simulator.contents import JsonObject, model_fields, thinking_type
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import Refusal, invalid, model_refuses, unsupported_field

SAMPLING_NAMES: Final = {"temperature": "temperature", "topP": "top_p"}


def check_sampling(request: JsonObject, model: ServedModel) -> None:
    inference = request.get("inferenceConfig") or {}
    _check_stop_sequences(inference, model)
    _check_max_tokens(inference, model)
    given = [name for name in SAMPLING_NAMES if inference.get(name) is not None]
    top_k = model_fields(request).get("top_k")
    if not model.capabilities.sampling and (given or top_k is not None):
        raise _deprecated(SAMPLING_NAMES[given[0]] if given else "top_k", model)
    if len(given) == len(SAMPLING_NAMES) and not model.capabilities.sampling_together:
        raise model_refuses("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if model.is_claude and thinking_type(request) != "off" and inference.get("temperature") not in (None, 1):
        raise model_refuses("`temperature` may only be set to 1 when thinking is enabled.")


def _deprecated(name: str, model: ServedModel) -> Refusal:
    if model.is_claude:
        return model_refuses(f"`{name}` is deprecated for this model.")
    return unsupported_field(name)


def _check_stop_sequences(inference: JsonObject, model: ServedModel) -> None:
    sequences = inference.get("stopSequences") or []
    if sequences and not model.capabilities.stop_sequences:
        raise unsupported_field("stopSequences")
    if model.is_claude and any(not sequence.strip() for sequence in sequences):
        raise model_refuses("stop_sequences: each stop sequence must contain non-whitespace")


def _check_max_tokens(inference: JsonObject, model: ServedModel) -> None:
    max_tokens = inference.get("maxTokens")
    if max_tokens is None:
        return
    least = model.capabilities.min_max_tokens
    if max_tokens < least:
        raise model_refuses(f"max_tokens: Input should be greater than or equal to {least}")
    if model.row is not None and max_tokens > model.row.max_output_tokens:
        raise too_many_tokens(model.row.max_output_tokens)


def too_many_tokens(limit: int) -> Refusal:
    return invalid(
        f"The maximum tokens you requested exceeds the model limit of {limit}. "
        f"Try again with a maximum tokens value that is lower than {limit}."
    )
