"""A guardrail that steps in when a `guard` marker says so and the request names one."""

from typing import Any, Final

from gateway.simulator.contents import JsonObject
from gateway.simulator.plan import CitedText, Plan, TextBlock

# AWS's own text for a guardrail that was given none.
BLOCKED: Final = "Sorry, the model cannot answer this question."
TRACED: Final = ("enabled", "enabled_full")
TOPIC: Final = {"topicPolicy": {"topics": [{"name": "Simulated topic", "type": "DENY", "action": "BLOCKED"}]}}
# A prompt that is blocked never reaches the model.
NOTHING_USED: Final = {"inputTokens": 0, "outputTokens": 0}


def intervene(plan: Plan, request: JsonObject) -> Plan:
    """With `streamProcessingMode: async` what the model has said is out before its end is judged."""
    config = request.get("guardrailConfig") or {}
    if not config:
        return plan
    if config.get("trace") in TRACED:
        plan.trace = {"guardrail": _trace(plan, str(config.get("guardrailIdentifier") or "guardrail"))}
    if plan.guard is None:
        return plan
    if plan.guard == "input" or config.get("streamProcessingMode") != "async":
        plan.steps = []
    plan.steps.append(TextBlock(BLOCKED))
    plan.stop_reason = "guardrail_intervened"
    if plan.guard == "input":
        plan.usage = {**NOTHING_USED, **plan.usage}
    return plan


def _trace(plan: Plan, identifier: str) -> JsonObject:
    if plan.guard is None:
        return {"inputAssessment": {identifier: {}}}
    reason: dict[str, Any] = {"actionReason": "Guardrail blocked."}
    if plan.guard == "input":
        return reason | {"inputAssessment": {identifier: TOPIC}}
    said = [step.text for step in plan.steps if isinstance(step, TextBlock | CitedText)]
    return reason | {"modelOutput": said, "outputAssessments": {identifier: [TOPIC]}}
