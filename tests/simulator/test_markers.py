"""The markers that say what an answer holds: every one of them, and which message they are read from."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from gateway.simulator.markers import MARKER_NAMES, read_markers, without_markers
from gateway.simulator.staging import STAGED

if TYPE_CHECKING:
    from tests.simulator.conftest import WireClient


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text} for text in texts]}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"text": text}]}


def test_every_marker_is_played() -> None:
    assert set(STAGED) | {"then"} == MARKER_NAMES


# Reading


def test_markers_are_found_whatever_stands_around_them() -> None:
    text = "if [[ -f x ]]; then [[say:a]] [[Wiki link]] [[[drip:2 0.1]] and [[nothing:x]] [[probe]]"
    assert [(marker.name, marker.argument) for marker in read_markers(text)] == [
        ("say", "a"),
        ("drip", "2 0.1"),
        ("probe", ""),
    ]


def test_json_is_read_with_a_json_parser() -> None:
    markers = read_markers('[[tool:Bash {"command": "[[ -f x ]] && echo ]]", "n": {"a": [[1]]}}]][[say:b]]')
    assert [marker.name for marker in markers] == ["tool", "say"]
    assert markers[0].json_object()["command"] == "[[ -f x ]] && echo ]]"


def test_a_marker_cut_short_is_text() -> None:
    assert read_markers('the user said [[tool:Bash {"comm') == []
    assert read_markers("[[say:never closed") == []


def test_taking_markers_out_takes_every_double_bracket() -> None:
    assert without_markers('a [[tool:X {"b": "]]"}]] c [[d]] e') == "a  c  e"


async def test_a_marker_that_makes_no_sense_is_refused_loudly(wire: WireClient) -> None:
    for marker in ("[[long:many]]", "[[drip:3]]", "[[error:429]]", "[[status:42]]", "[[cut:off]]", "[[crc:x]]"):
        reply = await wire.stream(marker)
        assert reply.status == 400
        assert f"cannot read the marker {marker}" in reply.message


# Content


async def test_say_is_a_text_block_in_several_deltas(wire: WireClient) -> None:
    reply = await wire.stream("[[say:hello there, you]][[say:x]]")
    assert reply.text == "hello there, youx"
    assert len(reply.deltas) > 2
    assert {payload["contentBlockIndex"] for kind, payload in reply.events if "Block" in kind} == {0, 1}
    assert reply.stop_reason == "end_turn"


async def test_say_may_be_empty(wire: WireClient) -> None:
    assert (await wire.stream("[[say:]]")).deltas == [{"text": ""}]


async def test_long_is_so_many_x(wire: WireClient) -> None:
    assert (await wire.stream("[[long:5000]]")).text == "x" * 5000


async def test_drip_is_so_many_deltas_apart(wire: WireClient) -> None:
    reply = await wire.stream("[[drip:4 0.02]]")
    assert reply.deltas == [{"text": "drip0"}, {"text": " drip1"}, {"text": " drip2"}, {"text": " drip3"}]
    assert reply.payload("metadata")["metrics"]["latencyMs"] >= 60


async def test_seq_and_flood_are_numbered(wire: WireClient) -> None:
    numbers = [str(number) for number in range(50)]
    assert (await wire.stream("[[seq:50]]")).text.split() == numbers
    flood = await wire.stream("[[flood:50 100]]")
    assert [len(delta["text"]) for delta in flood.deltas] == [100] * 50
    assert [word.rstrip(".") for word in flood.text.split()] == numbers


async def test_think_is_reasoning_with_a_signature_that_can_be_checked(wire: WireClient) -> None:
    deltas = [delta["reasoningContent"] for delta in (await wire.stream("[[think:let me see]]")).deltas]
    assert "".join(delta.get("text", "") for delta in deltas) == "let me see"
    assert deltas[-1] == {"signature": "SIG" + sha256(b"let me see").hexdigest()}


async def test_redacted_is_one_delta_of_base64(wire: WireClient) -> None:
    reply = await wire.stream("[[redacted:abc]]")
    assert reply.deltas == [{"reasoningContent": {"redactedContent": "YWJj"}}]


async def test_tool_is_a_tool_call_with_a_fresh_id_and_its_json_untouched(
    wire: WireClient, bash: dict[str, Any]
) -> None:
    prompt = '[[say:now]][[tool:Bash {"b": 1.50, "a": 123456789012345678901234567890}]]'
    first, second = [await wire.stream(prompt, toolConfig=bash) for _ in range(2)]
    assert first.tool_input == '{"b": 1.50, "a": 123456789012345678901234567890}'
    assert first.stop_reason == "tool_use"
    assert len([delta for delta in first.deltas if "toolUse" in delta]) > 1
    ids = {reply.payload("contentBlockStart")["start"]["toolUse"]["toolUseId"] for reply in (first, second)}
    assert len(ids) == 2


async def test_a_tool_without_arguments_gets_one_empty_fragment(wire: WireClient, bash: dict[str, Any]) -> None:
    reply = await wire.stream("[[tool:Bash]]", toolConfig=bash)
    assert reply.deltas == [{"toolUse": {"input": ""}}]
    whole = await wire.whole("[[tool:Bash {}]]", toolConfig=bash)
    assert whole.body["output"]["message"]["content"][0]["toolUse"]["input"] == {}


async def test_tooldesc_finds_the_tool_by_its_description(wire: WireClient, bash: dict[str, Any]) -> None:
    reply = await wire.stream('[[tooldesc:shell {"command": "ls"}]]', toolConfig=bash)
    assert reply.payload("contentBlockStart")["start"]["toolUse"]["name"] == "Bash"


@pytest.mark.parametrize("marker", ["tool:Read", "tooldesc:telescope"])
async def test_a_question_on_the_side_is_answered_ok(wire: WireClient, bash: dict[str, Any], marker: str) -> None:
    prompt = f"A title for: [[error:ThrottlingException]][[{marker} {{}}]]"
    assert (await wire.stream(prompt, toolConfig=bash)).text == "OK"


async def test_a_prompt_quoted_with_escapes_is_a_side_question(wire: WireClient) -> None:
    assert (await wire.whole(r'{"user":"[[tool:Bash {\"command\":\"ls\"}]]"}')).body["output"]["message"][
        "content"
    ] == [{"text": "OK"}]


# Reports


async def test_probe_reports_the_request(wire: WireClient, tool_turn: Any, bash: dict[str, Any]) -> None:
    png = {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}
    pdf = {"document": {"format": "pdf", "name": "a", "source": {"bytes": "JVBERg=="}}}
    text = "deep"
    signed = {"reasoningContent": {"reasoningText": {"text": text, "signature": "SIG" + sha256(b"deep").hexdigest()}}}
    foreign = {"reasoningContent": {"reasoningText": {"text": text, "signature": "EpMC"}}}
    messages = tool_turn("x [[then]] [[probe]]", content=[{"text": "r"}, png, pdf], status="error")
    messages[1]["content"] = [
        signed,
        foreign,
        {"reasoningContent": {"redactedContent": "YQ=="}},
        *messages[1]["content"],
    ]
    messages[2]["content"] += [{"text": "see"}, png, {"cachePoint": {"type": "default"}}]
    reply = await wire.stream(
        messages,
        system=[{"text": "12345"}, {"cachePoint": {"type": "default"}}],
        toolConfig={**bash, "tools": [*bash["tools"], {"cachePoint": {"type": "default"}}]},
        inferenceConfig={"maxTokens": 5000, "topP": 0.5, "stopSequences": ["END"]},
        additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 1024}, "top_k": 7},
    )
    assert reply.text.startswith("PROBE ")
    assert json.loads(reply.text.removeprefix("PROBE ")) == {
        "images": 2,
        "documents": 1,
        "tool_uses": 1,
        "tool_results": 1,
        "tool_errors": 1,
        "reasoning": 2,
        "reasoning_bad": 1,
        "redacted": 1,
        "cache_points": 3,
        "system_chars": 5,
        "tools": 1,
        "messages": 3,
        "thinking": "enabled",
        "max_tokens": 5000,
        "temperature": None,
        "top_p": 0.5,
        "top_k": 7,
        "stop_sequences": ["END"],
        "tool_choice": None,
        "stream": True,
    }


async def test_probe_tells_a_forced_choice_and_a_whole_answer(wire: WireClient, bash: dict[str, Any]) -> None:
    body = (await wire.whole("[[probe]]", toolConfig={**bash, "toolChoice": {"any": {}}})).body
    report = json.loads(body["output"]["message"]["content"][0]["text"].removeprefix("PROBE "))
    assert (report["tool_choice"], report["stream"], report["thinking"]) == ("any", False, "off")


async def test_has_looks_everywhere_but_in_markers(wire: WireClient, tool_turn: Any, bash: dict[str, Any]) -> None:
    prompt = (
        "[[then]][[has:needle]][[has:in the result]][[has:of the system]][[systemhas:of the system]][[systemhas:x]]"
    )
    reply = await wire.stream(
        tool_turn(prompt, content=[{"text": "in the result"}]),
        toolConfig=bash,
        system=[{"text": "words of the system"}],
    )
    assert reply.text == ("HAS needle noHAS in the result yesHAS of the system yesSYSTEMHAS yesSYSTEMHAS no")


# The end


async def test_usage_can_be_set(wire: WireClient) -> None:
    reply = await wire.stream('[[say:a]][[usage:{"inputTokens": 7, "outputTokens": 3, "cacheReadInputTokens": 100}]]')
    assert reply.usage == {
        "cacheReadInputTokenCount": 100,
        "cacheReadInputTokens": 100,
        "inputTokens": 7,
        "outputTokens": 3,
        "serverToolUsage": {},
        "totalTokens": 110,
    }


@pytest.mark.parametrize(
    "reason", ["max_tokens", "content_filtered", "guardrail_intervened", "model_context_window_exceeded", "brand_new"]
)
async def test_stop_sets_the_reason(wire: WireClient, reason: str) -> None:
    reply = await wire.stream(f"[[say:a]][[stop:{reason}]]")
    assert reply.payload("messageStop") == {"p": reply.payload("messageStop")["p"], "stopReason": reason}


async def test_a_stop_sequence_is_given_back_by_its_path(wire: WireClient) -> None:
    members: dict[str, Any] = {
        "inferenceConfig": {"stopSequences": ["END", "STOP"]},
        "additionalModelResponseFieldPaths": ["/stop_sequence", "/delta/stop_sequence", "/not/known"],
    }
    stop = (await wire.stream("[[say:a]][[stop:stop_sequence]]", **members)).payload("messageStop")
    assert stop["stopReason"] == "stop_sequence"
    assert stop["additionalModelResponseFields"] == {"stop_sequence": "END", "delta": {"stop_sequence": "END"}}
    whole = (await wire.whole("[[say:a]][[stop:stop_sequence]]", **members)).body
    assert whole["additionalModelResponseFields"] == {"stop_sequence": "END"}


async def test_the_path_of_an_unused_stop_sequence_gives_null(wire: WireClient) -> None:
    stop = (await wire.stream("[[say:a]]", additionalModelResponseFieldPaths=["/delta/stop_sequence"])).payload(
        "messageStop"
    )
    assert stop["additionalModelResponseFields"] == {"delta": {"stop_sequence": None}}


# Turns


async def test_then_goes_on_with_the_next_turn(wire: WireClient, tool_turn: Any, bash: dict[str, Any]) -> None:
    prompt = '[[tool:Bash {"command": "ls"}]][[then]][[say:done]]'
    assert (await wire.stream(prompt, toolConfig=bash)).stop_reason == "tool_use"
    assert (await wire.stream(tool_turn(prompt), toolConfig=bash)).text == "done"


async def test_a_turn_without_content_quotes_the_tool_results(
    wire: WireClient, tool_turn: Any, bash: dict[str, Any]
) -> None:
    png = {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}
    prompt = "[[tool:Bash {}]]"
    good = tool_turn(prompt, content=[{"text": "a"}, {"text": "b"}, png], extra=[{"text": "Note [[say:no]]"}])
    assert (await wire.stream(good, toolConfig=bash)).text == "TOOL RESULT<<a\nb\n<image>>>"
    bad = tool_turn(prompt, status="error")
    assert (await wire.stream(bad, toolConfig=bash)).text == "TOOL ERROR<<file.txt>>"


async def test_a_turn_without_content_and_without_results_is_ok(wire: WireClient) -> None:
    assert (await wire.stream("[[stop:max_tokens]]")).text == "OK"
    assert (await wire.stream([user("[[say:a]]"), assistant("a"), user("go on")])).text != "OK"
    assert (await wire.stream([user("hi"), assistant("a"), user("[[then]][[say:b]]")])).text == "OK"


async def test_the_script_is_the_last_user_message_without_results(wire: WireClient) -> None:
    messages = [user("[[say:old]]"), assistant("old"), user("[[say:new]]", "and [[say:more]]")]
    assert (await wire.stream(messages)).text == "newmore"


async def test_a_new_prompt_begins_a_new_count_of_turns(wire: WireClient, bash: dict[str, Any], tool_turn: Any) -> None:
    messages = [*tool_turn("[[tool:Bash {}]]"), assistant("seen"), user("[[say:first]][[then]][[say:second]]")]
    assert (await wire.stream(messages, toolConfig=bash)).text == "first"


# Time


async def test_delay_holds_the_response_back(wire: WireClient) -> None:
    reply = await wire.stream("[[delay:0.1]][[say:a]]")
    assert reply.payload("metadata")["metrics"]["latencyMs"] >= 100


@pytest.mark.parametrize("marker", ["slow:0.1", "silence:0.1"])
async def test_slow_and_silence_say_nothing_for_a_while(wire: WireClient, marker: str) -> None:
    reply = await wire.stream(f"[[{marker}]][[say:a]]")
    assert reply.payload("metadata")["metrics"]["latencyMs"] >= 100
    assert (await wire.whole(f"[[{marker}]][[say:a]]")).body["metrics"]["latencyMs"] >= 100


async def test_slow_begins_after_the_first_event(wire: WireClient) -> None:
    seen: list[bytes] = []
    body = {"messages": [user("[[slow:0.1]][[say:a]]")]}
    await wire.send("converse-stream", body, on_chunk=seen.append)
    assert b"messageStart" in seen[0]
    assert b"contentBlockDelta" not in seen[0]


async def test_pace_stands_before_each_delta(wire: WireClient) -> None:
    reply = await wire.stream("[[pace:0.03]][[seq:4]]")
    assert reply.payload("metadata")["metrics"]["latencyMs"] >= 120


async def test_chunk_sets_the_characters_of_a_delta(wire: WireClient) -> None:
    reply = await wire.stream("[[chunk:3]][[say:abcdefgh]]")
    assert [delta["text"] for delta in reply.deltas] == ["abc", "def", "gh"]
