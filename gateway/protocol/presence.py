"""Which features a request has: its fields and kinds by the names of the feature table, and those nobody knows.

The parsed JSON is compared with the Structs it became, level by level. A content block has its own name wherever it
stands (`content.image`); other kinds carry the name of their field (`thinking.adaptive`, `tools.custom`).
Tool inputs, JSON schemas and whatever else is the caller's own were not converted, so the walk never enters them.
"""

from functools import cache
from typing import Any, Final, get_args, get_type_hints

import msgspec
from msgspec import Struct

from gateway.protocol.blocks import CacheControl, RequestBlock, ResultBlock
from gateway.protocol.disposition import UNKNOWN_FIELD, Disposition
from gateway.protocol.features import FEATURES

MAX_UNKNOWN_FIELDS: Final = 64
BLOCKS: Final = frozenset({*get_args(RequestBlock), *get_args(ResultBlock)})


class Presence(msgspec.Struct):
    """Name of the feature, or of an unknown field, to where it stood first."""

    known: dict[str, str]
    unknown: dict[str, str]

    def note(self, disposition: Disposition) -> None:
        """Applies the rows of what is present. Raises `InvalidRequest` for what they refuse."""
        for name, path in self.known.items():
            if FEATURES[name].fate != "kept":
                disposition.note(name, path)
        for name, path in self.unknown.items():
            disposition.note_unknown(UNKNOWN_FIELD, name, path)


def find_features(parsed: dict[str, Any], request: Struct) -> Presence:
    """A `null` says nothing and is not named; each name comes once."""
    presence = Presence({}, {})
    _collect(parsed, request, "", "", presence)
    return presence


def _collect(parsed: dict[str, Any], struct: Struct, prefix: str, path: str, presence: Presence) -> None:
    rows, silent, nesting = _fields(type(struct), prefix)
    # Most fields belong to the row of what holds them.
    if not parsed.keys() <= silent:
        for field, value in parsed.items():
            if rows.get(field, UNKNOWN_FIELD) is not None and not _says_nothing(value):
                _add(presence, field, prefix + field, path + field)
    for field in nesting:
        if field not in parsed:
            continue
        value = getattr(struct, field)
        if type(value) is tuple:
            _collect_all(parsed[field], value, prefix + field, path + field, presence)
        elif isinstance(value, Struct):
            _enter(parsed[field], value, prefix + field, path + field, presence)


def _collect_all(parsed: list[Any], structs: tuple[Any, ...], name: str, path: str, presence: Presence) -> None:
    """`_enter` for each that has something new in it, as few blocks of a long conversation have."""
    for index, item in enumerate(structs):
        if not isinstance(item, Struct):
            continue
        kind, silent, nesting = _shape(type(item), name)
        below = parsed[index]
        if kind not in presence.known or not parsed[index].keys() <= silent:
            _enter(below, item, name, f"{path}.{index}", presence)
            continue
        for field in nesting:
            value = getattr(item, field)
            if type(value) is tuple:
                _collect_all(below[field], value, f"{kind}.{field}", f"{path}.{index}.{field}", presence)
            elif isinstance(value, Struct):
                _enter(below[field], value, f"{kind}.{field}", f"{path}.{index}.{field}", presence)


def _says_nothing(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _add(presence: Presence, field: str, name: str, path: str) -> None:
    # A caller's own field may look like the name of a row: `content.image`, `tools/not_on_this_model`.
    if name in FEATURES and field.isidentifier():
        presence.known.setdefault(name, path)
    elif len(presence.unknown) < MAX_UNKNOWN_FIELDS:
        presence.unknown.setdefault(name, path)


@cache
def _shape(struct: type[Struct], name: str) -> tuple[str, frozenset[str], tuple[str, ...]]:
    """The name of what stands in field `name`; those of its fields that have no row; those that hold a Struct."""
    kind = _kind(struct, name)
    _, silent, nesting = _fields(struct, f"{kind}.")
    return kind, silent, nesting


def _enter(parsed: dict[str, Any], struct: Struct, name: str, path: str, presence: Presence) -> None:
    kind = _kind(type(struct), name)
    if kind in FEATURES:
        presence.known.setdefault(kind, path)
    _collect(parsed, struct, f"{kind}.", f"{path}.", presence)


@cache
def _kind(struct: type[Struct], name: str) -> str:
    """The name of what stands in field `name`: with its tag, if it has one, and without its place, if it is a block."""
    if struct is CacheControl:
        return "cache_control"
    tag = struct.__struct_config__.tag
    if tag is None:
        return name
    return f"content.{tag}" if struct in BLOCKS else f"{name}.{tag}"


@cache
def _fields(struct: type[Struct], prefix: str) -> tuple[dict[str, str | None], frozenset[str], tuple[str, ...]]:
    """Each known field with its row, if it has one of its own; those without; those that hold a Struct or a tuple."""
    rows = {field: prefix + field if prefix + field in FEATURES else None for field in struct.__struct_encode_fields__}
    if struct.__struct_config__.tag_field:
        rows[struct.__struct_config__.tag_field] = None
    nesting = (field for field, hint in get_type_hints(struct).items() if _holds_structs(hint))
    return rows, frozenset(field for field, row in rows.items() if row is None), tuple(nesting)


def _holds_structs(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return True
    return any(_holds_structs(argument) for argument in get_args(hint))
