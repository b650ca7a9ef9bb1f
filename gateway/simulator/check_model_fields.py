"""What the models ask of `additionalModelRequestFields`: Bedrock passes them on, and each model knows its own."""

from typing import Any, Final

from gateway.simulator.contents import JsonObject, model_fields
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import Refusal, model_refuses, not_permitted

CLAUDE_FIELDS: Final = frozenset(
    {"anthropic_beta", "anthropic_version", "output_config", "thinking", "tool_choice", "tools", "top_k"}
)
OUTPUT_FIELDS: Final = frozenset({"effort", "format"})
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
EFFORT_BETA: Final = "effort-2025-11-24"


def check_model_fields(request: JsonObject, model: ServedModel) -> None:
    fields = request.get("additionalModelRequestFields")
    if fields is not None and not isinstance(fields, dict):
        raise model_refuses(
            "Malformed input request: #: expected type: JSONObject, please reformat your input and try again."
        )
    if model.is_claude:
        _check_claude_fields(model_fields(request), model)
    else:
        _check_other_fields(model_fields(request), model)


def _check_claude_fields(fields: JsonObject, model: ServedModel) -> None:
    for name in fields:
        if name not in CLAUDE_FIELDS:
            raise not_permitted(name)
    betas = fields.get("anthropic_beta")
    if betas is not None and not _are_accepted(betas, model):
        raise model_refuses("invalid beta flag")
    _check_output_config(fields.get("output_config"), betas or [], model)


def _are_accepted(betas: Any, model: ServedModel) -> bool:
    return isinstance(betas, list) and all(beta in model.capabilities.betas for beta in betas)


def _check_output_config(output_config: Any, betas: list[Any], model: ServedModel) -> None:
    if not isinstance(output_config, dict):
        return
    for name in output_config:
        if name not in OUTPUT_FIELDS:
            raise not_permitted(f"output_config.{name}")
    effort = output_config.get("effort")
    if effort is None:
        return
    if effort not in EFFORTS:
        raise model_refuses("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    accepted = model.capabilities.effort
    if not accepted:
        raise model_refuses("This model does not support the effort parameter.")
    if effort not in accepted:
        levels = ", ".join(sorted(accepted))
        raise model_refuses(f"This model does not support effort level '{effort}'. Supported levels: {levels}.")
    if model.capabilities.effort_needs_beta and EFFORT_BETA not in betas:
        raise not_permitted("output_config")


def _check_other_fields(fields: JsonObject, model: ServedModel) -> None:
    """Only what a column names: Claude's own fields mean nothing to another model."""
    for name, value in fields.items():
        match name, value:
            case "top_k", int() if model.capabilities.top_k == "top_k":
                pass
            case "inferenceConfig", {"topK": int(), **rest} if (
                model.capabilities.top_k == "inferenceConfig.topK" and not rest
            ):
                pass
            case _ if not _is_effort(name, value, model):
                raise _unknown_key(name)


def _is_effort(name: str, value: Any, model: ServedModel) -> bool:
    match model.capabilities.reasoning_effort:
        case "reasoning_effort":
            return name == "reasoning_effort" and isinstance(value, str)
        case "reasoning.effort":
            return name == "reasoning" and isinstance(value, dict) and isinstance(value.get("effort"), str)
        case "reasoningConfig":
            return (
                name == "reasoningConfig" and isinstance(value, dict) and value.get("type") in ("enabled", "disabled")
            )
        case _:
            return False


def _unknown_key(name: str) -> Refusal:
    return model_refuses(
        f"Malformed input request: #: extraneous key [{name}] is not permitted, "
        "please reformat your input and try again."
    )
