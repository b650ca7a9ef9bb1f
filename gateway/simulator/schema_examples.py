"""A small value that fits a JSON schema, for answers that need a form and have nothing to say."""

from typing import Any, Final

MAX_DEPTH: Final = 12
# Definitions that hold themselves several times grow fast.
MAX_NODES: Final = 10_000
# A schema that wants more items, longer texts or a larger number gets an answer that does not fit.
MAX_MINIMUM: Final = 100
EXAMPLE_TEXT: Final = "Simulated"
FORMATS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "email": "simulated@example.com",
    "time": "00:00:00Z",
    "uri": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example_of(schema: Any) -> Any:
    """Required members only. Patterns are not read, and a definition that holds itself ends as `{}`."""
    return _Example(schema).of(schema, 0)


class _Example:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._nodes_left = MAX_NODES

    def of(self, schema: Any, depth: int) -> Any:
        self._nodes_left -= 1
        if not isinstance(schema, dict) or depth > MAX_DEPTH or self._nodes_left < 0:
            return {}
        if isinstance(schema.get("$ref"), str):
            return self.of(self._definition(schema["$ref"]), depth + 1)
        for fixed in ("const", "default"):
            if fixed in schema:
                return schema[fixed]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return schema["enum"][0]
        for choice in ("anyOf", "oneOf"):
            if isinstance(schema.get(choice), list) and schema[choice]:
                return self.of(schema[choice][0], depth + 1)
        return self._of_type(schema, depth)

    def _definition(self, reference: str) -> Any:
        """`#/$defs/Name`: a pointer into the schema itself."""
        found = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = kind[0] if kind else None
        match kind:
            case "array":
                return [self.of(schema.get("items"), depth + 1) for _ in range(_count(schema.get("minItems")))]
            case "integer" | "number":
                return _number(schema)
            case "string":
                return _text(schema)
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return self._object(schema, depth)

    def _object(self, schema: dict[str, Any], depth: int) -> Any:
        members: dict[str, Any] = {}
        for part in (*_list(schema.get("allOf")), schema):
            if not isinstance(part, dict):
                continue
            if part is not schema:
                merged = self.of(part, depth + 1)
                members |= merged if isinstance(merged, dict) else {}
            properties = part.get("properties")
            if isinstance(properties, dict):
                names = [name for name in _list(part.get("required")) if isinstance(name, str)]
                members |= {name: self.of(properties.get(name), depth + 1) for name in names}
        return members


def _number(schema: dict[str, Any]) -> int:
    above = schema.get("exclusiveMinimum")
    return max(_count(schema.get("minimum")), _count(above + 1 if isinstance(above, int) else None))


def _text(schema: dict[str, Any]) -> str:
    known = FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    longest = schema.get("maxLength")
    text = EXAMPLE_TEXT.ljust(_count(schema.get("minLength")), ".")
    return text[:longest] if isinstance(longest, int) and longest >= 0 else text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(minimum: Any) -> int:
    return minimum if isinstance(minimum, int) and 0 < minimum <= MAX_MINIMUM else 0
