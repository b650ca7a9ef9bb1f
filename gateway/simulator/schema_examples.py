"""A small value that fits a JSON schema, for answers that need a form and have nothing to say."""

from collections.abc import Mapping
from typing import Any, Final

MAX_DEPTH: Final = 12
# A schema that wants more items, or a larger number, gets an answer that does not fit.
MAX_MINIMUM: Final = 100
EXAMPLE_TEXT: Final = "Simulated"
_EXAMPLES: Final[Mapping[str, Any]] = {
    "string": EXAMPLE_TEXT,
    "boolean": False,
    "null": None,
}


def example_of(schema: Any, depth: int = 0) -> Any:
    """Required members only. Patterns and `$ref` are not followed."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return {}
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    for choice in ("anyOf", "oneOf"):
        if isinstance(schema.get(choice), list) and schema[choice]:
            return example_of(schema[choice][0], depth + 1)
    if schema.get("enum"):
        return schema["enum"][0]
    return _example_of_type(schema, depth)


def _example_of_type(schema: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "array":
        return [example_of(schema.get("items"), depth + 1) for _ in range(_count(schema.get("minItems")))]
    if kind in ("integer", "number"):
        return _count(schema.get("minimum"))
    if isinstance(kind, str) and kind in _EXAMPLES:
        return _EXAMPLES[kind]
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: example_of(properties.get(name), depth + 1) for name in schema.get("required") or []}


def _count(minimum: Any) -> int:
    return minimum if isinstance(minimum, int) and 0 < minimum <= MAX_MINIMUM else 0
