"""A small schema language for request bodies, and the sentences in which AWS says what does not fit.

Three kinds of misfit, in the order in which the real front door finds them: a member nobody knows ("Malformed input
request"), a JSON value of the wrong type (SerializationException), and a value that breaks a constraint; only the last
are collected and told together.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, assert_never

from gateway.simulator.refusals import Refusal, invalid


@dataclass(frozen=True, slots=True)
class Text:
    minimum: int = 0
    maximum: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""


@dataclass(frozen=True, slots=True)
class Document:
    """Any JSON: tool inputs, schemas, fields for the model."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes, as Base64 on the wire."""

    minimum: int = 0


@dataclass(frozen=True, slots=True)
class ListOf:
    item: "Shape"
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class MapOf:
    key: Text
    value: "Shape"
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """With `union_name`, exactly one member must be set; the name appears in the complaint."""

    members: Mapping[str, "Shape"]
    required: tuple[str, ...] = ()
    union_name: str | None = None


Shape: TypeAlias = Text | Number | Flag | Document | Blob | ListOf | MapOf | Structure
Path: TypeAlias = tuple[str | int, ...]

_ALPHABET_OF_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def pointer(path: Path) -> str:
    """`#/messages/0/content`."""
    return "#" + "".join(f"/{step}" for step in path)


def dotted(path: Path) -> str:
    """`messages.0.content`."""
    return ".".join(str(step) for step in path)


def member_path(path: Path) -> str:
    """`messages.1.member.content`: the constraint messages count from one."""
    return ".".join(f"{step + 1}.member" if isinstance(step, int) else step for step in path)


def check_shape(shape: Shape, value: Any, path: Path = ()) -> None:
    """Raises `Refusal` with Bedrock's words for the first kind of misfit there is."""
    walk = _Walk()
    walk.visit(shape, value, path)
    if walk.broken:
        count = len(walk.broken)
        errors = "error" if count == 1 else "errors"
        raise invalid(f"{count} validation {errors} detected: {'; '.join(walk.broken)}")


@dataclass(slots=True)
class _Walk:
    broken: list[str] = field(default_factory=list)

    def visit(self, shape: Shape, value: Any, path: Path) -> None:
        match shape:
            case Structure():
                self._structure(shape, value, path)
            case ListOf():
                self._list(shape, value, path)
            case MapOf():
                self._map(shape, value, path)
            case Text():
                self._text(shape, value, path)
            case Number():
                self._number(shape, value, path)
            case Blob():
                self._blob(shape, value, path)
            case Flag():
                if not isinstance(value, bool):
                    raise _wrong_type(value, "a Boolean")
            case Document():
                pass
            case _:
                assert_never(shape)

    def _structure(self, shape: Structure, value: Any, path: Path) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(value, "an Object")
        for name in value:
            if name not in shape.members:
                raise malformed(path, f"extraneous key [{name}] is not permitted")
        given = {name: member for name, member in value.items() if member is not None}
        if shape.union_name and len(given) != 1:
            raise invalid(
                f"{shape.union_name} object at {dotted(path)} must set one of the following keys: "
                f"{', '.join(shape.members)}."
            )
        for name in shape.required:
            if name not in given:
                self._break("null", (*path, name), "Member must not be null", quoted=False)
        for name, member in given.items():
            self.visit(shape.members[name], member, (*path, name))

    def _list(self, shape: ListOf, value: Any, path: Path) -> None:
        if not isinstance(value, list):
            raise _wrong_type(value, "an Array")
        self._length(value, shape, path, "[...]" if value else "[]")
        for index, item in enumerate(value):
            self.visit(shape.item, item, (*path, index))

    def _map(self, shape: MapOf, value: Any, path: Path) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(value, "an Object")
        self._length(value, shape, path, "{...}" if value else "{}")
        for key, member in value.items():
            self.visit(shape.key, key, path)
            self.visit(shape.value, member, (*path, key))

    def _text(self, shape: Text, value: Any, path: Path) -> None:
        if not isinstance(value, str):
            raise _wrong_type(value, "a String")
        self._length(value, shape, path, value)
        if shape.choices and value not in shape.choices:
            self._break(value, path, f"Member must satisfy enum value set: [{', '.join(shape.choices)}]")
        if shape.pattern is not None and value and not re.fullmatch(shape.pattern, value):
            self._break(value, path, f"Member must satisfy regular expression pattern: {shape.pattern}")

    def _number(self, shape: Number, value: Any, path: Path) -> None:
        # A bool is an int in Python, but not in JSON.
        if isinstance(value, bool) or not isinstance(value, int if shape.whole else int | float):
            raise _wrong_type(value, "an Integer" if shape.whole else "a Float")
        if shape.minimum is not None and value < shape.minimum:
            self._break(str(value), path, f"Member must have value greater than or equal to {shape.minimum}")
        if shape.maximum is not None and value > shape.maximum:
            self._break(str(value), path, f"Member must have value less than or equal to {shape.maximum}")

    def _blob(self, shape: Blob, value: Any, path: Path) -> None:
        if not isinstance(value, str):
            raise _wrong_type(value, "a Blob")
        if decode_base64(value) is None:
            raise malformed(path, "the value is not valid Base64")
        if not value and shape.minimum:
            self._break("", path, f"Member must have length greater than or equal to {shape.minimum}")

    def _length(self, value: Any, shape: Text | ListOf | MapOf, path: Path, shown: str) -> None:
        if len(value) < shape.minimum:
            self._break(shown, path, f"Member must have length greater than or equal to {shape.minimum}")
        if shape.maximum is not None and len(value) > shape.maximum:
            self._break(shown, path, f"Member must have length less than or equal to {shape.maximum}")

    def _break(self, shown: str, path: Path, constraint: str, *, quoted: bool = True) -> None:
        value = f"'{shown}'" if quoted else shown
        self.broken.append(f"Value {value} at '{member_path(path)}' failed to satisfy constraint: {constraint}")


def decode_base64(value: str) -> bytes | None:
    """None when it is not Base64. Strict: no line breaks, no URL alphabet, right padding."""
    if not _ALPHABET_OF_BASE64.fullmatch(value):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return None


def malformed(path: Path, problem: str) -> Refusal:
    return invalid(f"Malformed input request: {pointer(path)}: {problem}, please reformat your input and try again.")


def _wrong_type(value: Any, wanted: str) -> Refusal:
    return Refusal("SerializationException", f"{_token_name(value)} can not be converted to {wanted}")


def _token_name(value: Any) -> str:
    match value:
        case bool():
            return "TRUE_VALUE" if value else "FALSE_VALUE"
        case int() | float():
            return "NUMBER_VALUE"
        case str():
            return "STRING_VALUE"
        case list():
            return "START_ARRAY"
        case dict():
            return "START_OBJECT"
        case _:
            return "NULL_VALUE"
