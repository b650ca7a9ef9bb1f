"""Claude Code at a terminal: what it asks for besides what `claude -p` asks for."""

from typing import Final

from tests.e2e.claude_code import ClaudeCode
from tests.e2e.terminal import open_terminal

# With it the client asks for no titles.
ALL_TRAFFIC: Final = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": ""}


async def test_the_session_gets_its_title_as_json_of_a_schema(claude: ClaudeCode) -> None:
    """The client's own use of `output_config.format`; the title is that of the window."""
    async with open_terminal(claude, **ALL_TRAFFIC) as terminal:
        await terminal.enter('light the harbour [[say:{"title": "Harbour lights"}]]')
        await terminal.shows("]0;✳ Harbour lights")
    titled = [line for line in await claude.gateway.lines(2) if "output_config.format" in line.get("approximated", [])]
    assert len(titled) == 1
    assert titled[0]["status"] == 200
    assert claude.statuses == [200, 200]


async def test_discovered_models_are_offered_for_choice(claude: ClaudeCode) -> None:
    async with open_terminal(claude, CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY="1") as terminal:
        await claude.gateway.lines(1, "/v1/models")
        await terminal.enter("/model")
        await terminal.shows("From gateway")
