"""A plan: everything one answer will do, decided before the first byte. Made from markers or by the conversation."""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from gateway.simulator.contents import JsonObject
from gateway.simulator.refusals import Refusal

CutKind: TypeAlias = Literal["rst", "fin", "clean", "boundary"]
DamageKind: TypeAlias = Literal["crc", "crc:prelude", "crc:headers", "badjson", "garbage", "hugeframe"]


@dataclass(frozen=True, slots=True)
class TextBlock:
    """`pieces`, when given, are the deltas as they are, `gap_seconds` apart instead of the pacing."""

    text: str
    pieces: tuple[str, ...] = ()
    gap_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class CitedText:
    """A text, and then what it rests on, as Converse has citations."""

    text: str
    citations: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class NumberedText:
    """`0 1 2 ...`, one delta each, in one text block. `delta_bytes` 0: as short as they are, at the usual pace."""

    count: int
    delta_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ReasoningBlock:
    """`shown` False: the text stays with the model and only the signature of an empty text goes out."""

    text: str
    shown: bool = True


@dataclass(frozen=True, slots=True)
class RedactedBlock:
    content: bytes


@dataclass(frozen=True, slots=True)
class ToolUseBlock:
    """`arguments` is JSON text and goes out as it is; it may break off."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class EmptyDelta:
    """A text delta without text, in the open text block or in one of its own."""


@dataclass(frozen=True, slots=True)
class FutureEvents:
    """Event types that no client knows yet."""


@dataclass(frozen=True, slots=True)
class Silence:
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """From here on: so many seconds before each delta."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """From here on: so many characters a delta."""

    characters: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are not a sound frame. The stream goes on behind them."""

    kind: DamageKind
    size: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception frame, or a frame of message-type `error`; the answer ends with it."""

    refusal: Refusal
    as_error_message: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection or the body ends here."""

    kind: CutKind


Content: TypeAlias = TextBlock | CitedText | NumberedText | ReasoningBlock | RedactedBlock | ToolUseBlock
Step: TypeAlias = Content | EmptyDelta | FutureEvents | Silence | Pace | Chunk | Damage | Failure | Cut


@dataclass(frozen=True, slots=True)
class HttpFault:
    """Instead of an answer: `html`, `badct`, `emptyerror`, `status`, `reset` or `hang`."""

    kind: Literal["html", "badct", "emptyerror", "status", "reset", "hang"]
    status: int = 0


RANDOM_SPLIT: Final = -1


@dataclass(slots=True)
class Plan:
    steps: list[Step] = field(default_factory=list)
    instead: Refusal | HttpFault | None = None
    first_failure: Refusal | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: JsonObject | None = None
    # Where a guardrail steps in, if the request has one.
    guard: Literal["input", "output"] | None = None
    trace: JsonObject | None = None
    usage: JsonObject = field(default_factory=dict)
    delay_seconds: float = 0.0
    slow_seconds: float = 0.0
    # HTTP pieces of so many bytes; RANDOM_SPLIT for a new size each time.
    split_bytes: int = 0
    # `nostop`, `nometa`, `noblockstop`: events that stay out.
    left_out: set[str] = field(default_factory=set)

    @property
    def final_stop_reason(self) -> str:
        if self.stop_reason is not None:
            return self.stop_reason
        uses_tool = any(isinstance(step, ToolUseBlock) for step in self.steps)
        return "tool_use" if uses_tool else "end_turn"
