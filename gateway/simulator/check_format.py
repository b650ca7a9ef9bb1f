"""What Claude asks of a schema for its answer, in `outputConfig.textFormat` or its own `output_config.format`."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from gateway.simulator.contents import JsonObject, model_fields
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import invalid, model_refuses, not_permitted, unsupported_field

# Constraints that constrained decoding cannot keep (Anthropic's page on structured outputs).
UNSUPPORTED: Final = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems"),
}
NAMED_SCHEMAS: Final = ("properties", "$defs", "definitions", "patternProperties")
INNER_SCHEMAS: Final = ("items", "anyOf", "oneOf", "allOf", "not", "prefixItems", "additionalProperties")
SCHEMA: Final = "output_config.format.schema"


def check_format(request: JsonObject, model: ServedModel) -> None:
    text_format = (request.get("outputConfig") or {}).get("textFormat")
    native = _native_format(request)
    if text_format is None and native is None:
        return
    if model.capabilities.native_format == "no":
        raise not_permitted("output_config.format") if model.is_claude else unsupported_field("outputConfig.textFormat")
    schema = native.get("schema") if native is not None else _parsed(text_format)
    if not isinstance(schema, dict):
        raise model_refuses(f"{SCHEMA}: Input should be an object")
    for node in _nodes(schema):
        _check_node(node)


def _native_format(request: JsonObject) -> JsonObject | None:
    output_config = model_fields(request).get("output_config")
    native = output_config.get("format") if isinstance(output_config, dict) else None
    return native if isinstance(native, dict) else None


def _parsed(text_format: Any) -> Any:
    """In Converse the schema travels as a text."""
    try:
        return orjson.loads(text_format["structure"]["jsonSchema"]["schema"])
    except ValueError as error:
        raise invalid("The schema at outputConfig.textFormat.structure.jsonSchema.schema is not valid JSON.") from error


def _nodes(schema: Any) -> Iterator[JsonObject]:
    """Every schema in the schema; names of properties are not taken for words of the language."""
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        if not isinstance(node, dict):
            continue
        yield node
        for name, value in node.items():
            if name in NAMED_SCHEMAS and isinstance(value, dict):
                pending += value.values()
            elif name in INNER_SCHEMAS:
                pending.append(value)


def _check_node(node: JsonObject) -> None:
    kind = node.get("type")
    if (kind == "object" or "properties" in node) and node.get("additionalProperties") is not False:
        raise model_refuses(f"{SCHEMA}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    for name in UNSUPPORTED.get(kind, ()) if isinstance(kind, str) else ():
        if name in node:
            raise model_refuses(f"{SCHEMA}: For '{kind}' type, property '{name}' is not supported")
