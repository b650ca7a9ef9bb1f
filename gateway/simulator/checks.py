"""Every check a request has to pass before anything is answered; the first that fails is told."""

from typing import Any

from gateway.simulator.check_caching import check_caching
from gateway.simulator.check_claude import check_claude, check_field_paths
from gateway.simulator.check_conversation import check_conversation
from gateway.simulator.check_media import check_media
from gateway.simulator.check_tools import check_tools
from gateway.simulator.contents import JsonObject
from gateway.simulator.models import check_model_id
from gateway.simulator.refusals import Refusal
from gateway.simulator.shapes import Structure, check_shape


def check_request(shape: Structure, body: Any, model_id: str) -> JsonObject:
    """The body as an object that fits the shape. Raises `Refusal` in Bedrock's words."""
    if body is None:
        raise Refusal("SerializationException", "The request body is not valid JSON.")
    check_shape(shape, body)
    check_model_id(model_id)
    request: JsonObject = body
    return request


def check_prompt(request: JsonObject, model_id: str) -> None:
    check_conversation(request)
    check_tools(request, model_id)
    check_media(request, model_id)
    check_caching(request, model_id)
    check_field_paths(request)
    check_claude(request, model_id)
