"""A turn's markers, turned into a plan."""

from typing import Final

from gateway.simulator.contents import JsonObject, messages_of, quote_tool_results
from gateway.simulator.plan import Content, Plan, TextBlock
from gateway.simulator.script import Script, ScriptCounters, is_side_question
from gateway.simulator.stage import Stage, Staging
from gateway.simulator.stage_content import CONTENT_STAGING
from gateway.simulator.stage_faults import FAULT_STAGING

FALLBACK_ANSWER: Final = "OK"
STAGED: Final[dict[str, Staging]] = {**CONTENT_STAGING, **FAULT_STAGING}


def plan_script(request: JsonObject, script: Script, counters: ScriptCounters, *, streamed: bool) -> Plan:
    if is_side_question(script, request):
        return Plan([TextBlock(FALLBACK_ANSWER)])
    stage = Stage(request, script, counters, streamed)
    for position, marker in enumerate(script.turn):
        stage.position = position
        STAGED[marker.name](stage, marker)
    if not any(isinstance(step, Content) for step in stage.plan.steps):
        stage.plan.steps.append(TextBlock(fallback_answer(request)))
    return stage.plan


def fallback_answer(request: JsonObject) -> str:
    return quote_tool_results(messages_of(request)[-1]) or FALLBACK_ANSWER
