"""What the cases about replies are made of: Bedrock's answers, event by event, and cases about them."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.protocol.features import Fate
from tests.matrix.cases import Absent, NeverCase, ReplyCase
from tests.support.scripted_bedrock import Event

START: Final[Event] = ("messageStart", {"role": "assistant"})
USAGE: Final[Mapping[str, Any]] = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
SIGNATURE: Final = "EqQBCgIYAhIM"
REDACTED: Final = "Eu8ECkYIAxgCKkA="
SPAN: Final[Mapping[str, Any]] = {"documentIndex": 0, "start": 1, "end": 2}


def delta(index: int, **content: Any) -> Event:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": content}


def stop_block(index: int) -> Event:
    return "contentBlockStop", {"contentBlockIndex": index}


def text(index: int = 0, said: str = "Hello.") -> tuple[Event, ...]:
    return delta(index, text=said), stop_block(index)


def call(
    index: int = 0, tool_use_id: str = "tooluse_abc", fragment: str = '{"zone":"UTC"}', **more: Any
) -> tuple[Event, ...]:
    start = {"toolUse": {"toolUseId": tool_use_id, "name": "clock", **more}}
    return (
        ("contentBlockStart", {"contentBlockIndex": index, "start": start}),
        delta(index, toolUse={"input": fragment}),
        stop_block(index),
    )


def cite(location: Mapping[str, Any], **more: Any) -> tuple[Event, ...]:
    citation = {"location": location, "title": "Notes", "sourceContent": [{"text": "Alpha."}], **more}
    return delta(0, text="It is alpha."), delta(0, citation=citation), stop_block(0)


def end(reason: str = "end_turn", fields: Mapping[str, Any] | None = None) -> Event:
    return "messageStop", {"stopReason": reason} | ({"additionalModelResponseFields": fields} if fields else {})


def metadata(usage: Mapping[str, Any] = USAGE, **more: Any) -> Event:
    return "metadata", {"usage": usage, "metrics": {"latencyMs": 5}, **more}


def answer(*events: Event, ends: Event | None = None, says: Event | None = None) -> tuple[Event, ...]:
    return (START, *(events or text()), ends or end(), says or metadata())


def usage(**counts: Any) -> tuple[Event, ...]:
    return answer(says=metadata({**USAGE, **counts}))


THOUGHT: Final = answer(
    delta(0, reasoningContent={"text": "Hm."}), delta(0, reasoningContent={"signature": SIGNATURE}), stop_block(0)
)


def place(kind: str, unit: str) -> dict[str, Any]:
    """What a citation of `SPAN` is in a reply."""
    return {
        "type": kind,
        "cited_text": "Alpha.",
        "document_index": 0,
        f"start_{unit}": 1,
        f"end_{unit}": 2,
        "document_title": "Notes",
        "file_id": None,
    }


def case(row: str, fate: Fate, events: tuple[Event, ...], place: str, told: Any, shown: Any, **rest: Any) -> ReplyCase:
    return ReplyCase(row=row, fate=fate, events=events, place=place, told=told, shown=shown, **rest)


def kept(row: str, events: tuple[Event, ...], place: str, value: Any, **rest: Any) -> ReplyCase:
    return case(row, "kept", events, place, value, value, **rest)


def approximated(row: str, events: tuple[Event, ...], place: str, told: Any, shown: Any, **rest: Any) -> ReplyCase:
    return case(row, "approximated", events, place, told, shown, **rest)


def null(row: str, place: str, events: tuple[Event, ...] = answer(), **rest: Any) -> ReplyCase:
    """The field is there, for clients that are strictly typed, and says nothing."""
    return case(row, "dropped", events, place, None, None, **rest)


def missing(row: str, place: str, events: tuple[Event, ...] = answer(), **rest: Any) -> ReplyCase:
    return case(row, "dropped", events, place, None, _is_missing, **rest)


def _is_missing(found: Any) -> bool:
    return isinstance(found, Absent)


def never(row: str, word: str) -> NeverCase:
    return NeverCase(row=row, fate="dropped", word=word)
