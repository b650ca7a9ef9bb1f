"""How the families answer differently: what comes first, what is signed, how calls are numbered.

As recorded: gpt-oss begins with an empty text block, its reasoning is unsigned; Kimi numbers its calls
`functions.NAME:0` from nought in every answer, and lets a `<think>` slip into its text. As reported: Nova of the first
generation writes its thoughts into the text.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.simulator.models import ServedModel
from gateway.simulator.plan import EmptyDelta, Plan, ReasoningBlock, Step, TextBlock

_EMPTY_TEXT_FIRST: Final = re.compile(r"openai\.gpt-oss")
_THINKS_ALOUD: Final = re.compile(r"amazon\.nova-(?:micro|lite|pro|premier)")
_COUNTS_CALLS: Final = re.compile(r"moonshot")
# Nobody has to ask them to reason.
_ALWAYS_REASONS: Final = re.compile(
    r"openai\.|amazon\.nova-(?:micro|lite|pro|premier)|-thinking|deepseek\.r1|zai\.|minimax\."
)


@dataclass(frozen=True, slots=True)
class Manners:
    """What a performance has to know of the model."""

    signs_reasoning: bool = True
    counts_calls: bool = False


CLAUDES_MANNERS: Final = Manners()


def manners_of(model: ServedModel) -> Manners:
    return Manners(signs_reasoning=model.is_claude, counts_calls=_COUNTS_CALLS.match(model.base_id) is not None)


def always_reasons(model: ServedModel) -> bool:
    return _ALWAYS_REASONS.search(model.base_id) is not None


def leaks_a_tag(model: ServedModel) -> bool:
    return _COUNTS_CALLS.match(model.base_id) is not None


def in_the_manner_of(model: ServedModel, plan: Plan, *, streamed: bool) -> Plan:
    if _THINKS_ALOUD.match(model.base_id):
        plan.steps = _aloud(plan.steps)
    if streamed and _EMPTY_TEXT_FIRST.match(model.base_id):
        plan.steps.insert(0, EmptyDelta())
    return plan


def _aloud(steps: list[Step]) -> list[Step]:
    """Reasoning becomes the beginning of the text behind it."""
    spoken: list[Step] = []
    for step in steps:
        last = spoken[-1] if spoken else None
        if isinstance(step, ReasoningBlock):
            spoken.append(TextBlock(f"<thinking> {step.text} </thinking>\n\n"))
        elif isinstance(step, TextBlock) and isinstance(last, TextBlock) and last.text.endswith("</thinking>\n\n"):
            spoken[-1] = TextBlock(last.text + step.text, step.pieces and (last.text, *step.pieces), step.gap_seconds)
        else:
            spoken.append(step)
    return spoken
