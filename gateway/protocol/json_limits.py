"""What a JSON body may not hold although it parses: deep nesting, integers that would be rounded, countless values.

orjson reads 1,024 levels but writes 254, and silently turns an integer beyond 64 bits into the nearest float. One walk
over the containers finds both, without recursion and without looking at long strings: a lost integer can only hide in
a float of at least that size, and only then the body is read again by the slow parser that keeps every digit.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from gateway.protocol.errors import InvalidRequest

# Of what is the caller's own, such as a tool's input. orjson writes 254 levels.
MAX_DEPTH: Final = 200
# The levels around a tool's input: the body, `messages`, a message, its `content`, a block.
_ENVELOPE: Final = 5
_MAX_BODY_DEPTH: Final = _ENVELOPE + MAX_DEPTH
# What orjson keeps. As floats, both bounds are exact.
_LEAST: Final = -(2**63)
_BEYOND: Final = 2**64
_MAX_PATH_CHARACTERS: Final = 200
# A value takes up to a hundred times its bytes in memory: 32 MiB of `[],` a gigabyte. The longest sessions seen have
# some ten thousand; a million take 60 MB and half a second.
MAX_VALUES: Final = 1_000_000
_LEAST_BYTES_PER_VALUE: Final = 2
# One that is not closed reaches to the end: otherwise its end would be looked for from each quote in it again.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)

# The way to a value: the way to its container, its key or index there, and how many steps that makes.
Trail = tuple["Trail", str | int, int] | None


def decode(body: bytes) -> Any:
    """What the body says. Raises `InvalidRequest` for anything but strict JSON within our limits."""
    if len(body) > MAX_VALUES * _LEAST_BYTES_PER_VALUE and _has_countless_values(body):
        raise InvalidRequest(
            f"The request body holds more than {MAX_VALUES:,} values (objects, arrays, strings, numbers)."
        )
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The request body is not valid JSON in UTF-8: {error}") from None
    if _may_have_lost_an_integer(parsed):
        _refuse_lost_integers(body)
    return parsed


def _has_countless_values(body: bytes) -> bool:
    """Before it is parsed. Only a body that looks like it is read for it: text may have as many commas."""
    if _separators(body) <= MAX_VALUES:
        return False
    # A string has two quotes that are not escaped, and at least every second string is a value. What seems to be an
    # escaped quote may be a real one behind a backslash, so there are no fewer than these.
    if (body.count(b'"') - body.count(b'\\"')) // 4 > MAX_VALUES:
        return True
    return _separators(_STRING.sub(b"", body)) > MAX_VALUES


def _separators(body: bytes) -> int:
    """Each value but the first one of its container stands behind a comma."""
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _may_have_lost_an_integer(parsed: Any) -> bool:
    """Walks level by level; raises where there are too many of them."""
    suspicious = False
    level: list[Any] = [parsed]
    for _ in range(_MAX_BODY_DEPTH):
        below: list[Any] = []
        for container in level:
            for value in container.values() if type(container) is dict else _items(container):
                kind = type(value)
                if kind is dict or kind is list:
                    below.append(value)
                elif kind is float and not _LEAST < value < _BEYOND:
                    suspicious = True
        if not below:
            return suspicious
        level = below
    raise InvalidRequest(f"{_path_to_depth(parsed)}: nested more than {MAX_DEPTH} levels deep")


def _items(value: Any) -> Iterable[Any]:
    return value if type(value) is list else (value,)


def _refuse_lost_integers(body: bytes) -> None:
    """By Python's own parser, which reads integers of any length; orjson let none of more than 309 digits through."""
    for trail, container in _containers(json.loads(body)):
        for key, value in _entries(container):
            if type(value) is int and not _LEAST <= value < _BEYOND:
                raise InvalidRequest(
                    f"{_path((trail, key, 0))}: an integer outside 64 bits cannot be passed on exactly"
                )


def _path_to_depth(parsed: Any) -> str:
    return next(_path(trail) for trail, _ in _containers(parsed) if trail is not None and trail[2] == _MAX_BODY_DEPTH)


def _containers(parsed: Any) -> Iterator[tuple[Trail, Any]]:
    """Every object and array with the way to it, depth first. Only these are kept waiting: a body has more values."""
    stack: list[tuple[Trail, Any]] = [(None, parsed)]
    while stack:
        trail, container = stack.pop()
        yield trail, container
        steps = 1 if trail is None else trail[2] + 1
        for key, value in _entries(container):
            if type(value) is dict or type(value) is list:
                stack.append(((trail, key, steps), value))


def _entries(container: Any) -> Iterable[tuple[str | int, Any]]:
    if type(container) is dict:
        return container.items()
    return enumerate(container) if type(container) is list else ()


def _path(trail: Trail) -> str:
    steps: list[str] = []
    while trail is not None:
        trail, step, _ = trail
        steps.append(str(step)[:_MAX_PATH_CHARACTERS] or '""')
    path = ".".join(reversed(steps))
    return path if len(path) <= _MAX_PATH_CHARACTERS else f"{path[:_MAX_PATH_CHARACTERS]}..."
