"""Every check a request has to pass before anything is answered; the first that fails is told."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from gateway.simulator.check_caching import check_caching
from gateway.simulator.check_conversation import check_conversation
from gateway.simulator.check_features import check_features
from gateway.simulator.check_format import check_format
from gateway.simulator.check_media import check_media
from gateway.simulator.check_model_fields import check_model_fields
from gateway.simulator.check_paths import check_field_paths
from gateway.simulator.check_sampling import check_sampling
from gateway.simulator.check_thinking import check_thinking
from gateway.simulator.check_tools import check_tools
from gateway.simulator.contents import JsonObject
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import Refusal
from gateway.simulator.shapes import Structure, check_shape

PromptCheck = Callable[[JsonObject, ServedModel], None]

# What Bedrock asks comes before what the model's own validator asks.
PROMPT_CHECKS: Final[tuple[PromptCheck, ...]] = (
    check_conversation,
    check_tools,
    check_media,
    check_features,
    check_caching,
    check_field_paths,
    check_model_fields,
    check_format,
    check_sampling,
    check_thinking,
)


def check_body(shape: Structure, body: Any) -> JsonObject:
    """The body as an object that fits the shape. Raises `Refusal` in Bedrock's words."""
    if body is None:
        raise Refusal("SerializationException", "The request body is not valid JSON.")
    check_shape(shape, body)
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        # 254 levels: what follows has to write parts of it again.
        raise Refusal("SerializationException", "The request body is nested too deeply.") from error
    request: JsonObject = body
    return request


def check_prompt(request: JsonObject, model: ServedModel) -> None:
    for check in PROMPT_CHECKS:
        check(request, model)
