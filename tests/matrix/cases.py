"""What a case is: a request, and what a user sees of it. The cases themselves stand in the modules `*_cases.py`.

A case says its row's fate in its own literal words, so that a row which is changed no longer agrees with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gateway.protocol.features import Fate
from tests.support.scripted_bedrock import Event

MODEL: Final = "claude-sonnet-4-5"
GatewayName = Literal["plain", "operated"]
Wanted = Callable[[Any], bool]


class Absent:
    """The place must be empty."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCase:
    """One request, and the Converse request that it must become.

    `sent` maps places of the Converse request (`inferenceConfig.topP`, `messages.0.content.-1`) to the value that must
    stand there, `ABSENT`, or a predicate.
    """

    row: str
    fate: Fate
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""
    """Where a refusal says that it is; the disclosed name, where it is empty."""
    says: str = ""
    """What a refusal says."""
    name: str = ""
    """What is disclosed, where it is not the row's name up to the `/`."""
    harmless: bool = False
    silent: bool = False
    status: int = 200
    """Of the answer, where nothing is refused by us: Bedrock itself may."""
    gateway: GatewayName = "plain"
    to_model: str = ""
    """The model id that is called."""
    strict_says: str = ""
    """What strict mode says where something around the row is refused before it."""

    @property
    def disclosed(self) -> str:
        return self.name or self.row.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCase:
    """One answer of Bedrock's, and what stands at `place` of the reply.

    `told` is what Bedrock says of it. The same value in the reply is `kept`, another one `approximated`, none at all
    `dropped`, and an error in the place of the reply `refused`.
    """

    row: str
    fate: Fate
    events: tuple[Event, ...]
    place: str = ""
    told: Any = None
    shown: Any = None
    """What stands in the reply, in literal words; or a predicate. Of a refusal: its type and a part of its text."""
    body: Mapping[str, Any] = field(default_factory=dict)
    silence_seconds: float = 0
    """Before the answer."""
    whole: bool = True
    streamed: bool = True
    """In which forms of the reply it can be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverCase:
    """A word of Anthropic's that is in no reply, whatever Bedrock says: a type of block or delta, a reason."""

    row: str
    fate: Fate
    word: str


Case = RequestCase | ReplyCase | NeverCase


def kept(row: str, body: Mapping[str, Any] | None = None, **rest: Any) -> RequestCase:
    return RequestCase(row=row, fate="kept", body=body or {}, **rest)


def approximated(row: str, body: Mapping[str, Any] | None = None, **rest: Any) -> RequestCase:
    return RequestCase(row=row, fate="approximated", body=body or {}, **rest)


def dropped(row: str, body: Mapping[str, Any] | None = None, **rest: Any) -> RequestCase:
    return RequestCase(row=row, fate="dropped", body=body or {}, **rest)


def refused(row: str, body: Mapping[str, Any] | None = None, **rest: Any) -> RequestCase:
    return RequestCase(row=row, fate="refused", body=body or {}, **rest)


def find(value: Any, place: str) -> Any:
    """What stands at a place of a JSON value, `ABSENT` if there is nothing."""
    for step in place.split(".") if place else ():
        if isinstance(value, list) and step.lstrip("-").isdigit():
            index = int(step)
            if not -len(value) <= index < len(value):
                return ABSENT
            value = value[index]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return ABSENT
    return value


def agrees(found: Any, wanted: Any) -> bool:
    return bool(wanted(found)) if callable(wanted) else type(found) is type(wanted) and found == wanted
