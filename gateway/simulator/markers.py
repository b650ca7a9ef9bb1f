"""Markers: `[[name]]`, `[[name:argument]]`, `[[tool:NAME {json}]]` anywhere in a text.

Only the names in `MARKER_NAMES` are markers; every other `[[...]]` is somebody's text. A marker whose argument makes no
sense is refused loudly when its turn is played, never passed over: the test that wrote it would prove nothing.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.simulator.refusals import Refusal, invalid

JSON_MARKERS: Final = frozenset({"tool", "tooldesc", "usage"})
MARKER_NAMES: Final = JSON_MARKERS | {
    # content
    "say", "long", "drip", "seq", "flood", "think", "redacted", "toolshort", "cite", "probe", "has", "systemhas",
    # turns
    "then",
    # the end of the answer
    "stop", "refuse", "guard", "nostop", "nometa", "noblockstop",
    # time and form
    "delay", "slow", "silence", "pace", "chunk", "split", "emptydelta", "unknown",
    # errors before the answer
    "error", "throttle", "fail", "maxout", "nobeta", "html", "badct", "emptyerror", "status", "reset", "hang",
    # counting tokens
    "count",
    # errors inside it
    "exc", "streamerror", "streamfail", "firstexc", "errormsg", "cut", "crc", "badjson", "garbage", "hugeframe",
}  # fmt: skip

_OPENING: Final = re.compile(r"\[\[([a-z]+)(?::|(?=\]\]))")
_CLOSING: Final = "]]"
_JSON_START: Final = re.compile(r"[^{\]]*")
_JSON_END: Final = re.compile(r"\s*\]\]")
_ANY_BRACKETS: Final = re.compile(r"\[\[.*?\]\]", re.DOTALL)
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Marker:
    """`argument` is what stands after the colon; of a JSON marker only what stands before the object."""

    name: str
    argument: str = ""
    json_text: str = ""

    def integer(self) -> int:
        return self._integer(self.argument)

    def seconds(self) -> float:
        return self._seconds(self.argument)

    def count_and_seconds(self) -> tuple[int, float]:
        count, _, seconds = self.argument.partition(" ")
        return self._integer(count), self._seconds(seconds)

    def two_integers(self) -> tuple[int, int]:
        first, _, second = self.argument.partition(" ")
        return self._integer(first), self._integer(second)

    def exception(self) -> Refusal:
        """TYPE MESSAGE; without a message, the usual one."""
        return self._exception(self.argument)

    def count_and_exception(self) -> tuple[int, Refusal]:
        count, _, rest = self.argument.strip().partition(" ")
        return self._integer(count), self._exception(rest)

    def json_object(self) -> dict[str, Any]:
        try:
            value = json.loads(self.json_text or "{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self.unreadable("a JSON object is wanted")
        return value

    def unreadable(self, problem: str) -> Refusal:
        shown = f"[[{self.name}:{self.argument}{self.json_text}]]"
        return invalid(f"The simulator cannot read the marker {shown}: {problem}. See docs/simulator.md.")

    def _integer(self, text: str) -> int:
        if not text.isascii() or not text.isdigit():
            raise self.unreadable("a number is wanted")
        return int(text)

    def _exception(self, text: str) -> Refusal:
        name, _, message = text.strip().partition(" ")
        if not name.isalpha():
            raise self.unreadable("the name of an exception is wanted")
        return Refusal(name, message.strip())

    def _seconds(self, text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise self.unreadable("a number of seconds is wanted")
        return seconds


def read_markers(text: str) -> list[Marker]:
    return [marker for marker, _, _ in _scan(text)]


def without_markers(text: str) -> str:
    """The text with every `[[...]]` taken out, markers or not."""
    kept, at = [], 0
    for _, start, end in _scan(text):
        kept.append(text[at:start])
        at = end
    kept.append(text[at:])
    return _ANY_BRACKETS.sub("", "".join(kept))


def _scan(text: str) -> Iterator[tuple[Marker, int, int]]:
    at = 0
    while opening := _OPENING.search(text, at):
        found = _read(text, opening) if opening[1] in MARKER_NAMES else None
        if found is None:
            at = opening.start() + 1
            continue
        marker, at = found
        yield marker, opening.start(), at


def _read(text: str, opening: re.Match[str]) -> tuple[Marker, int] | None:
    """The marker and where it ends; None when it is never closed (side questions quote prompts cut short)."""
    name = opening[1]
    if name in JSON_MARKERS:
        found = _read_json(text, name, opening.end())
        if found is not None:
            return found
    end = text.find(_CLOSING, opening.end())
    if end < 0:
        return None
    argument = text[opening.end() : end]
    if name in JSON_MARKERS:
        before, brace, rest = argument.partition("{")
        return Marker(name, before.strip(), brace + rest), end + len(_CLOSING)
    return Marker(name, argument), end + len(_CLOSING)


def _read_json(text: str, name: str, at: int) -> tuple[Marker, int] | None:
    """By a JSON parser, so that `]]` may stand inside."""
    before = _JSON_START.match(text, at)
    start = before.end() if before else at
    try:
        _, end = _DECODER.raw_decode(text, start)
    except ValueError:
        return None
    closing = _JSON_END.match(text, end)
    if closing is None:
        return None
    return Marker(name, text[at:start].strip(), text[start:end]), closing.end()
