"""Changes to a JSON value that keep it JSON: what is wrong afterwards is the meaning, not the syntax."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.faults.fuzz.target import MutateBytes

DEEP: Final[Any] = json.loads("[" * 190 + "]" * 190)
TOO_DEEP: Final[Any] = json.loads('{"a":' * 300 + "0" + "}" * 300)
# Canaries: AWS words that name an account, which no answer may repeat.
ACCOUNT: Final = "123456789012"
ODD: Final[Sequence[Any]] = (
    None, True, False, 0, -1, 1, 1.5, 1e308, float("inf"), float("nan"), 2**63, 2**64, -(2**63) - 1, 10**30, 10**400,
    "", " ", "\n", "\0", "\ud800", "\u2028", "%", "x" * 300, "..", "../x", "\r\nx: y", "data:,", "{", "[]", "AAAA", "=",
    f"arn:aws:iam::{ACCOUNT}:role/x", ACCOUNT, "__proto__", [], {}, [[]], [{}], {"": 0}, {"type": None}, DEEP, TOO_DEEP,
)  # fmt: skip
MAX_STEPS: Final = 12
MAX_WORD_CHARACTERS: Final = 400


class Vocabulary:
    """Pieces of real documents, to put in elsewhere: what a member is called, and what may stand in it."""

    def __init__(self, documents: Sequence[Any]) -> None:
        names: set[str] = set()
        values: dict[str, Any] = {}
        for document in documents:
            for value in everything_in(document):
                names.update(value if isinstance(value, dict) else ())
                values[json.dumps(value)] = value
        self.names = sorted(names)
        self._values = [value for text, value in sorted(values.items()) if len(text) <= MAX_WORD_CHARACTERS]

    def any_value(self, chance: random.Random) -> Any:
        """Odd ones are few among the real ones, and must not be drawn as rarely; too deep a one fits in few places."""
        if chance.random() < 0.02:
            return TOO_DEEP
        return chance.choice(ODD if chance.random() < 0.4 else self._values)


def everything_in(value: Any) -> Iterator[Any]:
    for below in members(value):
        yield below
        yield from everything_in(below)


def members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def mutate_json(value: Any, chance: random.Random, words: Vocabulary, mutate_bytes: MutateBytes) -> Any:
    """A copy with one place changed; the way there is drawn level by level, so that outer places get their share."""
    container = value
    for _ in range(MAX_STEPS):
        inner = [below for below in members(container) if members(below)]
        if not inner or chance.random() < 0.25:
            break
        container = chance.choice(inner)
    if isinstance(container, dict):
        return _put(value, container, _change_dict(container.copy(), chance, words, mutate_bytes))
    if isinstance(container, list):
        return _put(value, container, _change_list(container.copy(), chance, words, mutate_bytes))
    return words.any_value(chance)


def _put(value: Any, old: Any, new: Any) -> Any:
    if value is old:
        return new
    if isinstance(value, dict):
        return {name: _put(below, old, new) for name, below in value.items()}
    return [_put(below, old, new) for below in value] if isinstance(value, list) else value


def _change_dict(
    members: dict[str, Any], chance: random.Random, words: Vocabulary, mutate_bytes: MutateBytes
) -> dict[str, Any]:
    name = chance.choice(list(members)) if members else ""
    match chance.randrange(6):
        case 0 if members:
            del members[name]
        case 1:
            members[chance.choice(words.names)] = words.any_value(chance)
        case 2 if members:
            members[chance.choice(words.names)] = members.pop(name)
        case 3:
            members[chance.choice(("", "\r\n", "a b", "content.image", "x" * 300, "ü", ACCOUNT))] = 0
        case _:
            members[name] = _other(members.get(name), chance, words, mutate_bytes)
    return members


def _change_list(items: list[Any], chance: random.Random, words: Vocabulary, mutate_bytes: MutateBytes) -> list[Any]:
    place = chance.randrange(len(items)) if items else 0
    match chance.randrange(5):
        case 0:
            del items[place : place + 1]
        case 1:
            items.insert(place, words.any_value(chance))
        case 2 if items:
            items.insert(place, items[chance.randrange(len(items))])
        case 3 if items:
            items.append(items.pop(place))
        case _:
            items[place : place + 1] = [_other(items[place] if items else None, chance, words, mutate_bytes)]
    return items


def _other(value: Any, chance: random.Random, words: Vocabulary, mutate_bytes: MutateBytes) -> Any:
    if isinstance(value, str) and chance.random() < 0.4:
        return mutate_bytes(value.encode("utf-8", "surrogatepass"), len(value) + 40).decode("utf-8", "replace")
    if type(value) is int and chance.random() < 0.4:
        return value + chance.choice((1, -1, 2, 1000, -1000))
    return words.any_value(chance)


def dumps(value: Any) -> bytes:
    """With what strict JSON does not have, too: NaN, halves of characters, integers of any size."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
