"""Which model answers, for every kind of name Claude Code can be given."""

import pytest

from tests.e2e.claude_code import ClaudeCode


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        pytest.param("sonnet", "us.anthropic.claude-sonnet-5-5", id="alias: sonnet"),
        pytest.param("opus", "us.anthropic.claude-opus-5-5", id="alias: opus"),
        pytest.param("haiku", "us.anthropic.claude-haiku-5-5", id="alias: haiku"),
        pytest.param("opus[1m]", "us.anthropic.claude-opus-5-5", id="alias with a window"),
        pytest.param("claude-fable-5-1", "us.anthropic.claude-fable-5-1", id="always thinking"),
        pytest.param(
            "claude-sonnet-4-5[1m]",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            id="with a window that is a beta",
        ),
        pytest.param("claude-opus-5", "us.anthropic.claude-opus-5", id="the generation before"),
        pytest.param("claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6", id="with thinking of its own choice"),
        pytest.param(
            "claude-haiku-4-5-20251001",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            id="with a date, budgeted thinking",
        ),
        pytest.param(
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            id="Bedrock's own name",
        ),
        pytest.param("claude-opus-9-9", "us.anthropic.claude-opus-5-5", id="from the future: the newest of its family"),
    ],
)
async def test_a_model_name_finds_its_model(claude: ClaudeCode, asked: str, answered: str) -> None:
    answer = await claude.ask("[[say:here]]", "--model", asked)
    assert (answer.exit_code, answer.text) == (0, "here")
    assert claude.models == [answered]


async def test_the_long_window_is_asked_of_bedrock_where_it_is_a_beta(claude: ClaudeCode) -> None:
    await claude.ask("[[say:here]]", "--model", "claude-sonnet-4-5[1m]")
    (request,) = claude.requests
    assert "context-1m-2025-08-07" in request.body["additionalModelRequestFields"]["anthropic_beta"]


async def test_a_beta_that_bedrock_refuses_costs_nobody_the_request(claude: ClaudeCode) -> None:
    prompt = "[[fail:1 ValidationException invalid beta flag]][[say:here]]"
    answer = await claude.ask(prompt, "--model", "claude-sonnet-4-5[1m]")
    assert answer.text.splitlines()[0] == "here"
    assert claude.statuses == [400, 200]
    assert "anthropic_beta" not in claude.requests[1].body.get("additionalModelRequestFields", {})
    (line,) = await claude.gateway.lines(1)
    assert line["status"] == 200, "the gateway asked again by itself"


async def test_without_a_name_the_default_model_answers(claude: ClaudeCode) -> None:
    await claude.ask("[[say:here]]")
    assert claude.models == ["us.anthropic.claude-opus-5-5"]


@pytest.mark.parametrize("name", ["claude-3-5-haiku-20241022", "claude-sonnet-4-20250514"])
async def test_a_retired_model_is_answered_by_its_successor(claude: ClaudeCode, name: str) -> None:
    answer = await claude.ask("[[say:here]]", "--model", name)
    assert (answer.exit_code, answer.text) == (0, "here")
    assert "was retired" in answer.errors
    (line,) = await claude.gateway.lines(1)
    assert line["model"] == name
    assert "model" in line["approximated"]


async def test_a_name_of_no_claude_model_is_refused_and_shown(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:here]]", "--model", "gpt-5")
    assert answer.exit_code == 1
    assert "There's an issue with the selected model (gpt-5)" in answer.text
    assert claude.requests == []


async def test_a_model_that_bedrock_does_not_have_is_shown(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[error:ResourceNotFoundException This model version has reached the end of its life.]]")
    assert answer.exit_code == 1
    assert "There's an issue with the selected model (claude-opus-5-5)" in answer.text


async def test_the_variables_for_aliases_choose_the_model(claude: ClaudeCode) -> None:
    variables = {"ANTHROPIC_DEFAULT_SONNET_MODEL": "claude-sonnet-4-6", "ANTHROPIC_MODEL": "sonnet"}
    answer = await claude.ask("[[say:here]]", **variables)
    assert answer.text == "here"
    assert claude.models == ["us.anthropic.claude-sonnet-4-6"]


async def test_the_fallback_model_takes_over_from_an_overloaded_one(claude: ClaudeCode) -> None:
    # Three answers for the client; each of them the gateway had asked for twice.
    prompt = "[[fail:6 ServiceUnavailableException busy]][[say:here]]"
    answer = await claude.ask(prompt, "--model", "opus", "--fallback-model", "haiku")
    assert (answer.exit_code, answer.text) == (0, "here")
    assert claude.models == ["us.anthropic.claude-opus-5-5"] * 6 + ["us.anthropic.claude-haiku-5-5"]


async def test_max_output_tokens_are_what_bedrock_is_asked_to_reserve(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[probe]]", CLAUDE_CODE_MAX_OUTPUT_TOKENS="4000")
    assert answer.probe["max_tokens"] == 4000


async def test_effort_reaches_the_model(claude: ClaudeCode) -> None:
    await claude.ask("[[say:here]]", "--effort", "low")
    (request,) = claude.requests
    assert request.body["additionalModelRequestFields"]["output_config"] == {"effort": "low"}


async def test_without_experimental_betas_all_tools_come_at_once(claude: ClaudeCode) -> None:
    few = (await claude.ask("[[probe]]")).probe["tools"]
    answer = await claude.ask("[[probe]]", CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS="1")
    assert answer.exit_code == 0
    assert answer.probe["tools"] > few
