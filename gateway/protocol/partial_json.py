"""JSON that broke off, closed so that it can be read: a tool call cut short by `max_tokens`."""

import json
import re
from typing import Final

import orjson

CLOSERS: Final = {"{": "}", "[": "]"}
# A string, which may be the unfinished one at the end (then its last group is not a quote), or a mark between values.
TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*("|\\?\Z)|[{}\[\],]', re.DOTALL)
# Of the places where a value may have just ended, at most two in a row cannot be closed: `{"key` and `{"key"`.
CANDIDATES: Final = 4


def complete_json(text: str) -> str:
    """The longest readable beginning of `text`, an object: whole members stay, the unfinished last one goes.

    The same as the partial mode in which Anthropic's SDKs read a stream, so that a whole reply equals the streamed one.
    """
    for end, closers in reversed(_last_ends(text)):
        candidate = text[:end] + closers
        if is_object(candidate):
            return candidate
    return "{}"


def _last_ends(text: str) -> list[tuple[int, str]]:
    """The last places at which a value may have just ended, each with what closes everything that is open there."""
    tokens = [token for token in TOKEN.finditer(text) if token[0][0] != '"' or token[1] == '"']
    stack: list[str] = []
    ends: list[tuple[int, str]] = []
    for number, token in enumerate(tokens):
        mark = token[0]
        if mark in CLOSERS:
            stack.append(CLOSERS[mark])
        elif mark in "]}" and stack:
            stack.pop()
        if number >= len(tokens) - CANDIDATES:
            ends.append((token.start() if mark == "," else token.end(), "".join(reversed(stack))))
    return ends


def is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return _is_lenient_object(text)


def _is_lenient_object(text: str) -> bool:
    """Models do write half a surrogate pair, which orjson refuses and clients read."""
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> None:
    """NaN and the infinities: Python reads them, but they are not JSON."""
    raise ValueError(constant)
