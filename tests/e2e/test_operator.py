"""What the operator of the gateway has set, as the users of Claude Code meet it."""

from pathlib import Path
from typing import Final

import pytest

from tests.e2e.claude_code import ClaudeCode

OPERATOR_TEXT: Final = "Never name a customer of the harbour."
BASH: Final = '[[tool:Bash {"command": "true"}]]'


@pytest.fixture
def gateway_variables(tmp_path: Path) -> dict[str, str]:
    text = tmp_path / "operator.txt"
    text.write_text(OPERATOR_TEXT + "\n")
    return {
        "CHATRIX_SYSTEM_PROMPT_FILE": str(text),
        "CHATRIX_MODEL_ALIASES": "harbour=claude-haiku-4-5,claude-opus-5-5=claude-sonnet-4-6",
    }


async def test_the_operators_text_is_the_end_of_the_system_prompt_on_every_turn(claude: ClaudeCode) -> None:
    await claude.ask(f"{BASH}[[then]][[say:one]]")
    answer = await claude.ask(f"[[systemhas:{OPERATOR_TEXT}]]", "--continue")
    assert answer.text == "SYSTEMHAS yes"
    assert len(claude.requests) == 3
    for request in claude.requests:
        texts = [block["text"] for block in request.body["system"] if "text" in block]
        assert texts[-1] == OPERATOR_TEXT
    for line in await claude.gateway.lines(3):
        assert "system" in line["approximated"], "it is not the caller's own, and the log says so"


async def test_the_operators_text_does_not_cost_the_cache(claude: ClaudeCode) -> None:
    await claude.ask("[[say:one]]")
    answer = await claude.ask("[[say:two]]", "--continue", "--output-format", "json")
    assert answer.results[0]["usage"]["cache_read_input_tokens"] > 5_000


async def test_an_alias_is_a_model_name(claude: ClaudeCode) -> None:
    answer = await claude.ask(f"{BASH}[[then]][[say:here]]", "--model", "harbour")
    assert (answer.exit_code, answer.text) == (0, "here")
    assert claude.models == ["us.anthropic.claude-haiku-4-5-20251001-v1:0"] * 2


async def test_an_alias_may_send_the_clients_default_model_elsewhere(claude: ClaudeCode) -> None:
    answer = await claude.ask(f"[[think:I look]]{BASH}[[then]][[probe]]")
    assert claude.models == ["us.anthropic.claude-sonnet-4-6"] * 2
    assert answer.probe["reasoning"] == 1
