"""JSON that broke off, closed so that it can be read: a tool call cut short by `max_tokens`."""

import re
from typing import Final

import orjson

CLOSERS: Final = {"{": "}", "[": "]"}
# A string, which may be the unfinished one at the end (then its last group is not a quote), or a mark between values.
TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*("|\\?\Z)|[{}\[\],]', re.DOTALL)
# Far deeper than any tool call; a model that only opens brackets must not cost quadratic time.
MAX_DEPTH: Final = 200


def complete_json(text: str) -> str:
    """The longest readable beginning of `text`, an object: whole members stay, the unfinished last one goes.

    The same as the partial mode in which Anthropic's SDKs read a stream, so that a whole reply equals the streamed one.
    """
    for end, closers in reversed(_ends(text)):
        candidate = text[:end] + closers
        if is_object(candidate):
            return candidate
    return "{}"


def _ends(text: str) -> list[tuple[int, str]]:
    """Places at which a value may have just ended, with what closes everything that is open there; the last few."""
    ends: list[tuple[int, str]] = []
    stack: list[str] = []
    for token in TOKEN.finditer(text):
        mark = token[0]
        if mark[0] == '"' and token[1] != '"':
            break
        if mark in CLOSERS:
            stack.append(CLOSERS[mark])
        elif mark in "]}" and stack:
            stack.pop()
        if len(stack) > MAX_DEPTH:
            return []
        ends.append((token.start() if mark == "," else token.end(), "".join(reversed(stack))))
    return ends[-2 * MAX_DEPTH :]


def is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
