"""Guardrails, service tiers and their like: accepted in the right form, and given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import WireClient

BLOCKED: Final = "Sorry, the model cannot answer this question."
GUARD: Final = {"guardrailIdentifier": "abc123", "guardrailVersion": "1"}
TRACED: Final = {**GUARD, "trace": "enabled"}


async def test_a_guardrail_that_blocks_the_prompt_answers_itself(wire: WireClient) -> None:
    reply = await wire.stream("[[say:secret]][[guard]]", guardrailConfig=TRACED)
    assert (reply.text, reply.stop_reason) == (BLOCKED, "guardrail_intervened")
    metadata = reply.payload("metadata")
    assert metadata["usage"]["inputTokens"] == metadata["usage"]["outputTokens"] == 0
    assessment = metadata["trace"]["guardrail"]["inputAssessment"]["abc123"]
    assert assessment["topicPolicy"]["topics"][0]["action"] == "BLOCKED"


async def test_a_blocked_answer_is_held_back_or_already_out(wire: WireClient) -> None:
    prompt = "[[say:secret. ]][[guard:output]]"
    for mode, text in (("sync", BLOCKED), ("async", "secret. " + BLOCKED)):
        reply = await wire.stream(prompt, guardrailConfig={**TRACED, "streamProcessingMode": mode})
        assert (reply.text, reply.stop_reason) == (text, "guardrail_intervened")
        assert "outputAssessments" in reply.payload("metadata")["trace"]["guardrail"]
    whole = (await wire.whole(prompt, guardrailConfig=TRACED)).body
    assert whole["output"]["message"]["content"] == [{"text": BLOCKED}]
    assert whole["trace"]["guardrail"]["actionReason"] == "Guardrail blocked."


async def test_without_a_guardrail_nothing_intervenes(wire: WireClient) -> None:
    reply = await wire.stream("[[say:fine]][[guard]]")
    assert (reply.text, reply.stop_reason) == ("fine", "end_turn")


async def test_a_guardrail_that_is_content_traces_only_when_asked(wire: WireClient) -> None:
    assert "trace" not in (await wire.stream("[[say:a]]", guardrailConfig=GUARD)).payload("metadata")
    traced = (await wire.stream("[[say:a]]", guardrailConfig=TRACED)).payload("metadata")
    assert traced["trace"] == {"guardrail": {"inputAssessment": {"abc123": {}}}}


async def test_tiers_and_latency_come_back(wire: WireClient) -> None:
    members: dict[str, Any] = {"serviceTier": {"type": "priority"}, "performanceConfig": {"latency": "optimized"}}
    metadata = (await wire.stream("[[say:a]]", **members)).payload("metadata")
    whole = (await wire.whole("[[say:a]]", **members)).body
    for answer in (metadata, whole):
        assert {name: answer[name] for name in members} == members
    assert "serviceTier" not in (await wire.stream("[[say:a]]")).payload("metadata")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("a guardrail's name", {"guardrailConfig": {"guardrailIdentifier": "A B"}}, "guardrailConfig.guardrailIdentifier"),
    ("its version", {"guardrailConfig": {"guardrailVersion": "latest"}}, "guardrailConfig.guardrailVersion"),
    ("its trace", {"guardrailConfig": {"trace": "on"}}, "[enabled, disabled, enabled_full]"),
    ("its mode", {"guardrailConfig": {"streamProcessingMode": "later"}}, "[sync, async]"),
    ("a tier", {"serviceTier": {"type": "cheap"}}, "[priority, default, flex, reserved]"),
    ("a tier of no type", {"serviceTier": {}}, "Value null at 'serviceTier.type'"),
    ("a latency", {"performanceConfig": {"latency": "low"}}, "[standard, optimized]"),
    ("metadata", {"requestMetadata": {"who": '{"a"}'}}, "requestMetadata.who"),
    ("too much metadata", {"requestMetadata": {f"k{number}": "v" for number in range(17)}}, "or equal to 16"),
]


@pytest.mark.parametrize(("members", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
async def test_each_has_its_form(wire: WireClient, members: dict[str, Any], message: str) -> None:
    reply = await wire.stream("a", **members)
    assert reply.status == 400
    assert message in reply.message


async def test_the_mode_of_a_stream_is_no_member_of_a_whole_request(wire: WireClient) -> None:
    reply = await wire.whole("a", guardrailConfig={**GUARD, "streamProcessingMode": "sync"})
    assert "#/guardrailConfig: extraneous key [streamProcessingMode]" in reply.message
