"""Strict mode: what matters is neither approximated nor dropped. The real client asks for more than Converse has."""

import json

import pytest

from tests.e2e.claude_code import ClaudeCode

BASH = '[[tool:Bash {"command": "echo looked"}]]'


@pytest.fixture
def gateway_variables() -> dict[str, str]:
    return {"CHATRIX_STRICT": "1"}


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-sonnet-4-6"])
async def test_a_session_works_with_what_the_client_leaves_out_when_it_is_refused(
    claude: ClaudeCode, model: str
) -> None:
    answer = await claude.ask(f"[[think:I look]]{BASH}[[then]][[say:here]]", "--model", model)
    assert (answer.exit_code, answer.text.splitlines()[0]) == (0, "here")
    answer = await claude.ask("[[say:and on]]", "--continue", "--model", model)
    assert (answer.exit_code, answer.text.splitlines()[0]) == (0, "and on")
    assert claude.statuses == [200, 200, 200], "what is refused never reaches Bedrock"
    lines = await claude.gateway.lines(3)
    assert [line["approximated"] for line in lines if "approximated" in line] == []


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-opus-5-5", "claude-fable-5-1", "claude-haiku-5-5"])
async def test_a_session_works_whose_client_is_told_that_bedrock_has_no_system_messages(
    claude: ClaudeCode, model: str
) -> None:
    answer = await claude.ask(f"[[think:I look]]{BASH}[[then]][[say:here]]", "--model", model)
    assert (answer.exit_code, answer.text) == (0, "here")
    assert [line["status"] for line in await claude.gateway.lines(3)] == [400, 200, 200]
    assert "<system-reminder>" in json.dumps(claude.requests[0].body["messages"])


async def test_what_cannot_be_left_out_is_told(claude: ClaudeCode) -> None:
    """The client asks for more output than the model has, and knows no smaller number."""
    answer = await claude.ask("[[say:never]]", "--model", "nova-pro")
    assert answer.exit_code == 1
    assert answer.text.startswith("API Error: 400 max_tokens: strict mode is on, and this would be approximated.")
    assert claude.requests == []
