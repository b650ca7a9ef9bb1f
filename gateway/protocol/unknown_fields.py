"""Which fields of a request are in no Struct: they are dropped, and the caller is told their names.

The parsed JSON is compared with the Structs it became, level by level. Tool inputs, JSON schemas and whatever else is
the caller's own were not converted, so the walk never enters them.
"""

from functools import cache
from typing import Any, Final, get_args, get_type_hints

from msgspec import Struct

MAX_UNKNOWN_FIELDS: Final = 64


def unknown_fields(parsed: dict[str, Any], request: Struct) -> tuple[str, ...]:
    """Names like `messages.content.foo`: no indexes, each once. A `null` says nothing and is not named."""
    names: dict[str, None] = {}
    _collect(parsed, request, "", names)
    return tuple(names)


def _collect(parsed: dict[str, Any], struct: Struct, prefix: str, names: dict[str, None]) -> None:
    known, nesting = _fields(type(struct))
    if not parsed.keys() <= known:
        for field, value in parsed.items():
            if field not in known and value is not None and len(names) < MAX_UNKNOWN_FIELDS:
                names[prefix + field] = None
    for field in nesting:
        value = getattr(struct, field)
        if type(value) is tuple:
            below_prefix = f"{prefix}{field}."
            for below, item in zip(parsed[field], value, strict=True):
                _collect(below, item, below_prefix, names)
        elif isinstance(value, Struct):
            _collect(parsed[field], value, f"{prefix}{field}.", names)


@cache
def _fields(struct: type[Struct]) -> tuple[frozenset[str], tuple[str, ...]]:
    """All fields with the tag, and those that hold a Struct or a tuple of them."""
    tag_field = struct.__struct_config__.tag_field
    known = {*struct.__struct_fields__, *([tag_field] if tag_field else [])}
    nesting = (field for field, hint in get_type_hints(struct).items() if _holds_structs(hint))
    return frozenset(known), tuple(nesting)


def _holds_structs(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return True
    return any(_holds_structs(argument) for argument in get_args(hint))
