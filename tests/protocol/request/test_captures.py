"""What the real Claude Code sends: every captured request becomes a Converse request that Bedrock's own model takes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.protocol.errors import InvalidRequest
from gateway.protocol.estimate import estimate_input_tokens

Translate = Callable[..., Any]
CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*.json"))
WITH_BODY = [path.stem for path in CAPTURES if orjson.loads(path.read_bytes())["body"]]
TRANSLATED = [name for name in WITH_BODY if name != "websearch_side_call"]


@pytest.fixture(scope="session")
def replay(captured_requests: dict[str, dict[str, Any]], translate: Translate) -> Callable[[str], Any]:
    return lambda name: translate(**captured_requests[name])


@pytest.mark.parametrize("name", TRANSLATED)
def test_bedrocks_own_model_takes_the_translation(
    replay: Callable[[str], Any], bedrock_takes: Callable[[Any], None], name: str
) -> None:
    bedrock_takes(replay(name).request)


@pytest.mark.parametrize("name", TRANSLATED)
def test_turns_alternate_and_hold_no_blank_text(replay: Callable[[str], Any], name: str) -> None:
    turns = replay(name).turns
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2) + ["user"] * (len(turns) % 2)
    assert all(block.get("text", "x").strip() for turn in turns for block in turn["content"])


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_cache_mark_arrives(
    replay: Callable[[str], Any], captured_requests: dict[str, dict[str, Any]], name: str
) -> None:
    marks = json.dumps(captured_requests[name]).count('"cache_control"')
    assert replay(name).body.count(b'"cachePoint"') == marks


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_billing_line_does_not_arrive(replay: Callable[[str], Any], name: str) -> None:
    assert b"x-anthropic-billing-header" not in replay(name).body


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_estimate_is_of_the_right_size(replay: Callable[[str], Any], name: str) -> None:
    outcome = replay(name)
    tokens = estimate_input_tokens(outcome.translation.request, outcome.model)
    assert len(outcome.body) / 5 < tokens < len(outcome.body)


@pytest.mark.parametrize(
    ("name", "dropped", "approximated"),
    [
        ("auto_mode_classifier", {"metadata"}, set()),
        ("compact", {"metadata", "context_management", "thinking.display"}, set()),
        ("count_tokens_tools", set(), set()),
        ("interactive_title", {"metadata"}, {"output_config.format"}),
        (
            "opus55_deferred_tools",
            {"metadata", "context_management", "messages.output_config"},
            {"messages.role.system"},
        ),
        (
            "opus55_first",
            {"metadata", "context_management", "messages.output_config"},
            {"messages.role.system"},
        ),
        ("sonnet45_thinking_history", {"metadata", "context_management", "thinking.display"}, set()),
    ],
)
def test_what_is_disclosed(replay: Callable[[str], Any], name: str, dropped: set[str], approximated: set[str]) -> None:
    outcome = replay(name)
    assert set(outcome.dropped) == dropped
    assert set(outcome.approximated) == approximated


def test_the_side_call_of_web_search_is_refused_by_name(replay: Callable[[str], Any]) -> None:
    with pytest.raises(InvalidRequest, match=r"^tools\.0\.type: the tool 'web_search' .* 'web_search_20250305'"):
        replay("websearch_side_call")


def test_loaded_tools_are_offered_and_the_placeholder_is_not(replay: Callable[[str], Any]) -> None:
    outcome = replay("opus55_deferred_tools")
    tools = [entry["toolSpec"]["name"] for entry in outcome.request["toolConfig"]["tools"]]
    assert {"CronList", "WebSearch", "Bash", "ToolSearch"} <= set(tools)
    assert "DeferredToolPlaceholder" not in tools
    assert outcome.turns[2]["content"][0]["toolResult"]["content"] == [
        {"text": "Tool CronList is now available."},
        {"text": "Tool WebSearch is now available."},
    ]


def test_the_note_after_the_first_message_stays_there(replay: Callable[[str], Any]) -> None:
    first = replay("opus55_deferred_tools").turns[0]["content"]
    assert [next(iter(block)) for block in first] == ["text", "text", "text"]
    assert first[2]["text"].startswith("<system-reminder>\nkappa tau")


def test_signed_thinking_arrives_first_and_unchanged(
    replay: Callable[[str], Any], captured_requests: dict[str, dict[str, Any]]
) -> None:
    sent = captured_requests["sonnet45_thinking_history"]["messages"][1]["content"][0]
    arrived = replay("sonnet45_thinking_history").turns[1]["content"][0]["reasoningContent"]["reasoningText"]
    assert arrived == {"text": sent["thinking"], "signature": sent["signature"]}


def test_an_image_inside_a_tool_result_arrives(
    replay: Callable[[str], Any], captured_requests: dict[str, dict[str, Any]]
) -> None:
    sent = captured_requests["opus55_image"]["messages"][3]["content"][0]["content"][0]["source"]["data"]
    result = replay("opus55_image").turns[2]["content"][0]["toolResult"]
    assert result["content"] == [{"image": {"format": "png", "source": {"bytes": sent}}}]
