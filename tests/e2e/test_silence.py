"""Bedrock is slow to begin: the gateway commits to an answer and pings, and the client waits."""

import pytest

from tests.e2e.claude_code import ClaudeCode


@pytest.fixture
def gateway_variables() -> dict[str, str]:
    """The waits of production, shortened."""
    return {"CHATRIX_COMMIT_SECONDS": "0.5", "CHATRIX_PING_SECONDS": "0.2"}


async def test_a_late_answer_is_waited_for(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[delay:2]][[say:late but here]]")
    assert (answer.exit_code, answer.text) == (0, "late but here")
    assert claude.statuses == [200]


async def test_a_silence_inside_the_answer_is_waited_for(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[drip:2 2]]")
    assert (answer.exit_code, answer.text) == (0, "drip0 drip1")
    assert claude.statuses == [200]


async def test_a_late_throttle_is_an_event_and_still_recovered(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[delay:1]][[fail:1 ThrottlingException slow down]][[say:through]]")
    assert (answer.exit_code, answer.text) == (0, "through")
    assert claude.statuses == [429, 200]
    late = (await claude.gateway.lines(2))[0]
    assert (late["status"], late["error_type"]) == (200, "rate_limit_error"), "the 200 had gone out already"
