"""Finding the script: which message directs the answer, which of its turns this request asks for, how often it came."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.simulator.contents import JsonObject, messages_of, offered_names, text_of, tool_results, tool_specs
from gateway.simulator.markers import Marker, read_markers

# Scripts are told apart by their markers; the oldest counters go first.
MAX_COUNTERS: Final = 10_000

CounterKey: TypeAlias = tuple[tuple[Marker, ...], int]


@dataclass(frozen=True, slots=True)
class Script:
    """`turn` holds the markers of the turn to be played, `first` their place in the whole list."""

    markers: tuple[Marker, ...]
    turn: tuple[Marker, ...]
    first: int


def find_script(request: JsonObject) -> Script | None:
    """None when there are no markers at all: then the simulator holds its own conversation."""
    messages = messages_of(request)
    at = _script_position(messages)
    if at is None:
        return None
    markers = _markers_at(messages, at)
    if not markers:
        return None
    turn = sum(message["role"] == "assistant" for message in messages[at + 1 :])
    played, first = _turn(markers, turn)
    return Script(markers, played, first)


def thought_in_last_answer(request: JsonObject) -> bool:
    """Whether the assistant's last message, as the simulator gave it, held reasoning. Its own conversation thinks."""
    script = find_script({"messages": messages_of(request)[:-2]})
    return script is None or any(marker.name in ("think", "redacted") for marker in script.turn)


def _markers_at(messages: list[JsonObject], at: int) -> tuple[Marker, ...]:
    start = at
    while start > 0 and _may_direct(messages[start - 1]):
        start -= 1
    return tuple(read_markers("\n".join(text_of(message) for message in messages[start : at + 1])))


def _script_position(messages: list[JsonObject]) -> int | None:
    return next((index for index in reversed(range(len(messages))) if _may_direct(messages[index])), None)


def _may_direct(message: JsonObject) -> bool:
    """Text beside a toolResult directs nothing: clients put notes there."""
    return message["role"] == "user" and not tool_results(message)


def _turn(markers: tuple[Marker, ...], wanted: int) -> tuple[tuple[Marker, ...], int]:
    turn, first = 0, 0
    for index, marker in enumerate(markers):
        if marker.name != "then":
            continue
        if turn == wanted:
            return markers[first:index], first
        turn, first = turn + 1, index + 1
    return (markers[first:], first) if turn == wanted else ((), len(markers))


def is_side_question(script: Script, request: JsonObject) -> bool:
    """The turn wants a tool that the request does not offer: a client quotes the prompt in a question of its own."""
    specs = tool_specs(request)
    names = set(offered_names(request))
    for marker in script.turn:
        if marker.name == "tool" and marker.argument not in names:
            return True
        if marker.name == "tooldesc" and tool_by_description(specs, marker.argument) is None:
            return True
    return False


def tool_by_description(specs: list[JsonObject], word: str) -> str | None:
    return next((spec["name"] for spec in specs if word in (spec.get("description") or "")), None)


class ScriptCounters:
    """How often each counting marker of each script was reached; the simulator's only memory of conversations."""

    def __init__(self) -> None:
        self._reached: OrderedDict[CounterKey, int] = OrderedDict()

    def is_among_first(self, count: int, script: Script, position: int) -> bool:
        """Counts this time as well. `position` is the marker's place in the turn."""
        key = (script.markers, script.first + position)
        reached = self._reached.get(key, 0) + 1
        self._reached[key] = reached
        self._reached.move_to_end(key)
        while len(self._reached) > MAX_COUNTERS:
            self._reached.popitem(last=False)
        return reached <= count
