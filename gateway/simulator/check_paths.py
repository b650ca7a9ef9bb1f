"""What Bedrock asks of `additionalModelResponseFieldPaths`."""

import re
from typing import Final

from gateway.simulator.contents import JsonObject
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import invalid, unsupported_field

FIELD: Final = "additionalModelResponseFieldPaths"
# RFC 6901: every `~` begins an escape, every token begins with a slash.
_JSON_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)+")


def check_field_paths(request: JsonObject, model: ServedModel) -> None:
    paths = request.get(FIELD) or []
    for index, path in enumerate(paths):
        if not _JSON_POINTER.fullmatch(path):
            raise invalid(f"The value at {FIELD}.{index} is not a valid JSON Pointer: {path}")
    if paths and not model.capabilities.response_field_paths:
        raise unsupported_field(FIELD)
