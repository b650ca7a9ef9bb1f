"""Thinking comes back to Bedrock as it left it: the text and the signature to the byte, wherever the session goes."""

import json

import pytest

from tests.e2e.claude_code import ClaudeCode

BASH = '[[tool:Bash {"command": "echo looked"}]]'


def thoughts(claude: ClaudeCode) -> list[str]:
    """The reasoning in the history of the latest request, in order."""
    blocks = [block for message in claude.requests[-1].body["messages"] for block in message["content"]]
    reasoning = [block["reasoningContent"] for block in blocks if "reasoningContent" in block]
    return [content["reasoningText"]["text"] for content in reasoning if "reasoningText" in content]


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("claude-sonnet-4-5", id="budgeted"),
        pytest.param("claude-haiku-5-5", id="adaptive"),
        pytest.param("claude-opus-5-5", id="always thinking: opus"),
        pytest.param("claude-sonnet-5-5", id="always thinking: sonnet"),
        pytest.param("claude-fable-5-1", id="always thinking: fable"),
    ],
)
async def test_thinking_survives_a_tool_loop(claude: ClaudeCode, model: str) -> None:
    answer = await claude.ask(f"[[think:first I look]]{BASH}[[then]][[probe]]", "--model", model)
    assert answer.probe["reasoning"] == 1
    assert answer.probe["reasoning_bad"] == 0
    assert thoughts(claude) == ["first I look"]


async def test_thinking_that_is_switched_off_is_off_where_the_model_can_do_without(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[probe]]", "--model", "claude-sonnet-4-6", MAX_THINKING_TOKENS="0")
    assert answer.probe["thinking"] == "off"
    answer = await claude.ask("[[probe]]", "--model", "claude-opus-5-5", MAX_THINKING_TOKENS="0")
    assert (answer.exit_code, answer.probe["thinking"]) == (0, "adaptive")


async def test_thinking_is_still_there_on_the_next_turn(claude: ClaudeCode) -> None:
    await claude.ask(f"[[think:first I look]]{BASH}[[then]][[think:now I know — ✓]][[say:done]]")
    answer = await claude.ask("[[probe]]", "--continue")
    assert answer.probe["reasoning"] == 2
    assert answer.probe["reasoning_bad"] == 0
    assert thoughts(claude) == ["first I look", "now I know — ✓"]


async def test_thinking_between_texts_keeps_its_place(claude: ClaudeCode) -> None:
    await claude.ask("[[say:one]][[think:between]][[say:two]]")
    await claude.ask("[[say:next]]", "--continue")
    kinds = [next(iter(block)) for block in claude.requests[-1].body["messages"][1]["content"]]
    assert kinds == ["text", "reasoningContent", "text"]


async def test_redacted_thinking_comes_back_in_a_tool_loop_and_on_the_next_turn(claude: ClaudeCode) -> None:
    answer = await claude.ask(f"[[redacted:EtkEhidden]]{BASH}[[then]][[probe]]")
    assert answer.probe["redacted"] == 1
    answer = await claude.ask("[[probe]]", "--continue")
    assert answer.probe["redacted"] == 1
    contents = {json.dumps(request.body["messages"][1]["content"][0]) for request in claude.requests[1:]}
    assert len(contents) == 1, "the same bytes each time"


async def test_another_model_is_not_shown_the_thinking_and_the_first_gets_it_back(claude: ClaudeCode) -> None:
    await claude.ask("[[think:my own]][[say:one]]", "--model", "claude-sonnet-4-5")
    answer = await claude.ask("[[probe]]", "--continue", "--model", "claude-opus-5-5")
    assert answer.probe["reasoning"] == 0
    answer = await claude.ask("[[probe]]", "--continue", "--model", "claude-sonnet-4-5")
    assert answer.probe["reasoning"] == 1
    assert answer.probe["reasoning_bad"] == 0


async def test_a_refused_signature_costs_the_thinking_and_not_the_session(claude: ClaudeCode) -> None:
    """Bedrock's words go to the client unchanged, and it knows them: it asks again without the thinking."""
    await claude.ask("[[think:stale]][[say:one]]")
    refusal = "messages.1.content.0: Invalid `signature` in `thinking` block"
    answer = await claude.ask(f"[[fail:1 ValidationException {refusal}]][[probe]]", "--continue")
    assert answer.exit_code == 0
    assert answer.probe["reasoning"] == 0
    assert claude.statuses == [200, 400, 200]
