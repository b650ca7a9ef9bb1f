"""A plan, performed as a sequence of operations in time; `streams.py` sends them, `wholes.py` adds them up.

Bedrock's order and habits: messageStart; no contentBlockStart for text and reasoning; every block closed; messageStop;
metadata last. A block is closed only when the next thing is known, so that a failure finds the last block open.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any, Final, TypeAlias, assert_never

from gateway.simulator.caching import InputUsage
from gateway.simulator.contents import JsonObject
from gateway.simulator.families import CLAUDES_MANNERS, Manners
from gateway.simulator.pieces import cut_arguments, cut_text
from gateway.simulator.plan import (
    Chunk,
    CitedText,
    Content,
    Cut,
    Damage,
    EmptyDelta,
    Failure,
    FutureEvents,
    NumberedText,
    Pace,
    Plan,
    ReasoningBlock,
    RedactedBlock,
    Silence,
    Step,
    TextBlock,
    ToolUseBlock,
)
from gateway.simulator.response_fields import native_answer, native_usage, response_fields
from gateway.simulator.signatures import sign
from gateway.simulator.tokens import CHARACTERS_PER_TOKEN, output_tokens
from gateway.simulator.usage import usage_member

# 16 random bytes give the 22 characters of a real id.
TOOL_USE_ID_BYTES: Final = 16
MAX_TOOL_USE_ID_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    payload: JsonObject


Operation: TypeAlias = Wait | Event | Damage | Failure | Cut


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an answer depends on besides its plan. `elapsed_ms` is asked at the end."""

    input_usage: InputUsage
    tokens_per_second: float
    elapsed_ms: Callable[[], int]
    streamed: bool
    # Wanted in additionalModelResponseFields.
    field_paths: tuple[str, ...] = ()
    manners: Manners = CLAUDES_MANNERS
    # Members of the request that come back in metadata.
    echoed: JsonObject = field(default_factory=dict)


def perform(plan: Plan, circumstances: Circumstances) -> Iterator[Operation]:
    return _Performance(plan, circumstances).run()


class _Performance:
    def __init__(self, plan: Plan, circumstances: Circumstances) -> None:
        self._plan = plan
        self._circumstances = circumstances
        self._index = -1
        self._open: type[Step] | None = None
        self._pace_seconds: float | None = None
        self._chunk: int | None = None
        self._characters = 0
        self._thought_characters = 0
        self._calls = 0

    def run(self) -> Iterator[Operation]:
        plan = self._plan
        if plan.first_failure is not None:
            yield Failure(plan.first_failure)
            return
        yield Event("messageStart", {"role": "assistant"})
        if plan.slow_seconds:
            yield Wait(plan.slow_seconds)
        for step in plan.steps:
            yield from self._play(step)
            if isinstance(step, Failure | Cut):
                return
        yield from self._close()
        if "nostop" not in plan.left_out:
            yield Event("messageStop", self._message_stop())
        if "nometa" not in plan.left_out:
            yield Event("metadata", self._metadata())

    def _play(self, step: Step) -> Iterator[Operation]:
        match step:
            case Silence(seconds):
                yield Wait(seconds)
            case Pace(seconds):
                self._pace_seconds = seconds
            case Chunk(characters):
                self._chunk = characters
            case Damage() | Failure() | Cut():
                yield step
            case FutureEvents():
                yield Event("contentBlockAnnotation", {"annotation": {"kind": "future"}, "contentBlockIndex": 0})
                yield Event("heartbeat", {"sequence": 1})
            case EmptyDelta():
                yield from self._empty_delta()
            case TextBlock() | CitedText() | NumberedText() | ReasoningBlock() | RedactedBlock() | ToolUseBlock():
                yield from self._block(step)
            case _:
                assert_never(step)

    def _block(self, step: Content) -> Iterator[Operation]:
        yield from self._close()
        self._index += 1
        self._open = type(step)
        match step:
            case TextBlock():
                yield from self._text(step)
            case CitedText(text, citations):
                yield from self._text(TextBlock(text))
                for citation in citations:
                    yield self._event({"citation": citation}, 0)
            case NumberedText():
                yield from self._numbers(step)
            case ReasoningBlock():
                yield from self._reasoning(step)
            case RedactedBlock(content):
                # The player makes Base64 of it: a blob member.
                yield from self._delta({"reasoningContent": {"redactedContent": content}}, 0)
            case ToolUseBlock():
                yield from self._tool_use(step)
            case _:
                assert_never(step)

    def _text(self, step: TextBlock) -> Iterator[Operation]:
        if step.pieces:
            for number, piece in enumerate(step.pieces):
                if number and step.gap_seconds:
                    yield Wait(step.gap_seconds)
                yield self._event({"text": piece}, len(piece))
            return
        for piece in cut_text(step.text, self._chunk):
            yield from self._delta({"text": piece}, len(piece))

    def _numbers(self, step: NumberedText) -> Iterator[Operation]:
        for number in range(step.count):
            # Dots fill up, so that `split()` of the text gives the numbers back in both forms.
            text = f"{number}".ljust(step.delta_bytes - 1, ".") + " "
            if step.delta_bytes and self._pace_seconds is None:
                yield self._event({"text": text}, len(text))
            else:
                yield from self._delta({"text": text}, len(text))

    def _reasoning(self, step: ReasoningBlock) -> Iterator[Operation]:
        text = step.text if step.shown else ""
        for piece in cut_text(text, self._chunk) if text else ():
            yield from self._delta({"reasoningContent": {"text": piece}}, len(piece))
        if not step.shown:
            self._characters += len(step.text)
        self._thought_characters += len(step.text)
        if self._circumstances.manners.signs_reasoning:
            yield self._event({"reasoningContent": {"signature": sign(text)}}, 0)

    def _tool_use(self, step: ToolUseBlock) -> Iterator[Operation]:
        tool_use = {"name": step.name, "toolUseId": self._tool_use_id(step.name), "type": "tool_use"}
        yield Event("contentBlockStart", {"contentBlockIndex": self._index, "start": {"toolUse": tool_use}})
        self._characters += len(step.name)
        for piece in cut_arguments(step.arguments, self._chunk):
            yield from self._delta({"toolUse": {"input": piece}}, len(piece))

    def _tool_use_id(self, name: str) -> str:
        if not self._circumstances.manners.counts_calls:
            return f"tooluse_{token_urlsafe(TOOL_USE_ID_BYTES)}"
        number = f":{self._calls}"
        self._calls += 1
        return f"functions.{name}"[: MAX_TOOL_USE_ID_CHARACTERS - len(number)] + number

    def _empty_delta(self) -> Iterator[Operation]:
        if self._open not in (TextBlock, NumberedText):
            yield from self._close()
            self._index += 1
            self._open = TextBlock
        yield self._event({"text": ""}, 0)

    def _delta(self, delta: dict[str, Any], characters: int) -> Iterator[Operation]:
        wait_seconds = self._wait_seconds(characters)
        if wait_seconds:
            yield Wait(wait_seconds)
        yield self._event(delta, characters)

    def _event(self, delta: dict[str, Any], characters: int) -> Event:
        self._characters += characters
        return Event("contentBlockDelta", {"contentBlockIndex": self._index, "delta": delta})

    def _wait_seconds(self, characters: int) -> float:
        if self._pace_seconds is not None:
            return self._pace_seconds
        tokens_per_second = self._circumstances.tokens_per_second
        return characters / CHARACTERS_PER_TOKEN / tokens_per_second if tokens_per_second > 0 else 0.0

    def _close(self) -> Iterator[Operation]:
        if self._open is not None and "noblockstop" not in self._plan.left_out:
            yield Event("contentBlockStop", {"contentBlockIndex": self._index})
        self._open = None

    def _message_stop(self) -> JsonObject:
        payload: JsonObject = {"stopReason": self._plan.final_stop_reason}
        fields = self._response_fields()
        return {"additionalModelResponseFields": fields, **payload} if fields else payload

    def _response_fields(self) -> JsonObject:
        circumstances = self._circumstances
        if not circumstances.field_paths:
            return {}
        thinking_tokens = output_tokens(self._thought_characters) if self._thought_characters else 0
        native = native_answer(
            stop_sequence=self._plan.stop_sequence,
            stop_details=self._plan.stop_details,
            usage=native_usage(circumstances.input_usage, output_tokens(self._characters), thinking_tokens),
            streamed=circumstances.streamed,
        )
        return response_fields(circumstances.field_paths, native)

    def _metadata(self) -> JsonObject:
        circumstances = self._circumstances
        usage = usage_member(
            circumstances.input_usage,
            output_tokens(self._characters),
            self._plan.usage,
            streamed=circumstances.streamed,
        )
        trace = {"trace": self._plan.trace} if self._plan.trace else {}
        return {"metrics": {"latencyMs": circumstances.elapsed_ms()}, "usage": usage, **trace, **circumstances.echoed}
