"""The markers that say what the answer holds and how it is sent."""

from typing import Final

from gateway.simulator.citations import CITATION_KINDS, scripted_citation
from gateway.simulator.contents import tool_specs
from gateway.simulator.markers import Marker
from gateway.simulator.plan import (
    RANDOM_SPLIT,
    Chunk,
    CitedText,
    EmptyDelta,
    FutureEvents,
    NumberedText,
    Pace,
    ReasoningBlock,
    RedactedBlock,
    Silence,
    TextBlock,
    ToolUseBlock,
)
from gateway.simulator.probe import has, probe, system_has
from gateway.simulator.script import tool_by_description
from gateway.simulator.stage import Stage, Staging
from gateway.simulator.usage import OVERRIDABLE

UNOFFERED_TOOL: Final = "tool"
BROKEN_ARGUMENTS: Final = '{"command": "echo never fini'


def _say(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(TextBlock(marker.argument))


def _long(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(TextBlock("x" * marker.integer()))


def _drip(stage: Stage, marker: Marker) -> None:
    count, gap_seconds = marker.count_and_seconds()
    pieces = tuple(f"{' ' if number else ''}drip{number}" for number in range(count))
    stage.plan.steps.append(TextBlock("".join(pieces), pieces, gap_seconds))


def _seq(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(NumberedText(marker.integer()))


def _flood(stage: Stage, marker: Marker) -> None:
    count, delta_bytes = marker.two_integers()
    stage.plan.steps.append(NumberedText(count, max(1, delta_bytes)))


def _think(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(ReasoningBlock(marker.argument))


def _redacted(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(RedactedBlock(marker.argument.encode()))


def _tool(stage: Stage, marker: Marker) -> None:
    marker.json_object()
    stage.plan.steps.append(ToolUseBlock(marker.argument, marker.json_text or "{}"))


def _tooldesc(stage: Stage, marker: Marker) -> None:
    marker.json_object()
    name = tool_by_description(tool_specs(stage.request), marker.argument) or marker.argument
    stage.plan.steps.append(ToolUseBlock(name, marker.json_text or "{}"))


def _toolshort(stage: Stage, _marker: Marker) -> None:
    """Breaks off as a real one does, at the token limit, and says so."""
    name = next((spec["name"] for spec in tool_specs(stage.request)), UNOFFERED_TOOL)
    stage.plan.steps.append(ToolUseBlock(name, BROKEN_ARGUMENTS))
    stage.plan.stop_reason = stage.plan.stop_reason or "max_tokens"


def _cite(stage: Stage, marker: Marker) -> None:
    kind, _, text = marker.argument.partition(" ")
    for known in CITATION_KINDS:
        if kind == known:
            stage.plan.steps.append(CitedText(text, (scripted_citation(known, stage.request),)))
            return
    raise marker.unreadable(f"one of {', '.join(CITATION_KINDS)} and a text are wanted")


def _probe(stage: Stage, _marker: Marker) -> None:
    stage.plan.steps.append(TextBlock(probe(stage.request, streamed=stage.streamed)))


def _has(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(TextBlock(has(stage.request, marker.argument)))


def _systemhas(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(TextBlock(system_has(stage.request, marker.argument)))


# The end of the answer


def _usage(stage: Stage, marker: Marker) -> None:
    given = marker.json_object()
    if not all(name in OVERRIDABLE and isinstance(count, int) for name, count in given.items()):
        raise marker.unreadable(f"numbers for {', '.join(OVERRIDABLE)} are wanted")
    stage.plan.usage |= given


def _stop(stage: Stage, marker: Marker) -> None:
    stage.plan.stop_reason = marker.argument
    if marker.argument == "stop_sequence":
        sequences = (stage.request.get("inferenceConfig") or {}).get("stopSequences") or []
        stage.plan.stop_sequence = sequences[0] if sequences else None


def _refuse(stage: Stage, marker: Marker) -> None:
    """Claude's own refusal: what Converse has for it, and the details for those who ask by their path."""
    category, _, explanation = marker.argument.partition(" ")
    stage.plan.stop_reason = "content_filtered"
    stage.plan.stop_details = {
        "type": "refusal",
        "category": category or None,
        "explanation": explanation or None,
    }


def _guard(stage: Stage, marker: Marker) -> None:
    match marker.argument or "input":
        case "input":
            stage.plan.guard = "input"
        case "output":
            stage.plan.guard = "output"
        case _:
            raise marker.unreadable("input, output or nothing is wanted")


def _count(_stage: Stage, _marker: Marker) -> None:
    """Directs CountTokens, see `count_tokens.py`; an answer does not notice."""


def _leave_out(stage: Stage, marker: Marker) -> None:
    stage.plan.left_out.add(marker.name)


# Time and form


def _delay(stage: Stage, marker: Marker) -> None:
    stage.plan.delay_seconds += marker.seconds()


def _slow(stage: Stage, marker: Marker) -> None:
    stage.plan.slow_seconds += marker.seconds()


def _silence(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(Silence(marker.seconds()))


def _pace(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(Pace(marker.seconds()))


def _chunk(stage: Stage, marker: Marker) -> None:
    stage.plan.steps.append(Chunk(max(1, marker.integer())))


def _split(stage: Stage, marker: Marker) -> None:
    stage.plan.split_bytes = RANDOM_SPLIT if marker.argument == "random" else max(1, marker.integer())


def _emptydelta(stage: Stage, _marker: Marker) -> None:
    stage.plan.steps.append(EmptyDelta())


def _unknown(stage: Stage, _marker: Marker) -> None:
    stage.plan.steps.append(FutureEvents())


CONTENT_STAGING: Final[dict[str, Staging]] = {
    "say": _say,
    "long": _long,
    "drip": _drip,
    "seq": _seq,
    "flood": _flood,
    "think": _think,
    "redacted": _redacted,
    "tool": _tool,
    "tooldesc": _tooldesc,
    "toolshort": _toolshort,
    "cite": _cite,
    "probe": _probe,
    "has": _has,
    "systemhas": _systemhas,
    "usage": _usage,
    "stop": _stop,
    "refuse": _refuse,
    "guard": _guard,
    "count": _count,
    "nostop": _leave_out,
    "nometa": _leave_out,
    "noblockstop": _leave_out,
    "delay": _delay,
    "slow": _slow,
    "silence": _silence,
    "pace": _pace,
    "chunk": _chunk,
    "split": _split,
    "emptydelta": _emptydelta,
    "unknown": _unknown,
}
