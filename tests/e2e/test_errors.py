"""What Bedrock refuses, as a user of Claude Code meets it: retried, worked around, or told in words that help."""

import json
from typing import Final

import pytest

from tests.e2e.claude_code import ClaudeCode

TWO_TRIES: Final = {"CLAUDE_CODE_MAX_RETRIES": "1"}


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param("prompt is too long: 210266 tokens > 200000 maximum", id="with numbers"),
        pytest.param("Input is too long for requested model.", id="without numbers"),
        pytest.param(
            "The model returned the following errors: prompt tokens (210266) exceed model maximum (200000)",
            id="rephrased",
        ),
    ],
)
async def test_a_conversation_that_is_too_long_is_compacted_and_goes_on(claude: ClaudeCode, refusal: str) -> None:
    await claude.ask("[[say:the first answer]]")
    await claude.ask("[[say:the second answer]]", "--continue")
    answer = await claude.ask(f"[[fail:1 ValidationException {refusal}]][[say:after it]]", "--continue")
    assert (answer.exit_code, answer.text) == (0, "after it")
    assert claude.statuses[2] == 400
    summaries = [json.dumps(request.body["messages"][-1]) for request in claude.requests[3:-1]]
    assert any("<summary>" in summary for summary in summaries)
    compacted = claude.requests[-1].body["messages"]
    assert len(compacted) < len(claude.requests[2].body["messages"])
    answer = await claude.ask("[[say:and on]]", "--continue")
    assert answer.text == "and on"


async def test_a_conversation_is_compacted_on_request(claude: ClaudeCode) -> None:
    await claude.ask("[[say:the first answer]]")
    await claude.ask("[[say:the second answer]]", "--continue")
    assert (await claude.ask("/compact", "--continue")).exit_code == 0
    answer = await claude.ask("[[probe]]", "--continue")
    assert answer.probe["messages"] == 3


async def test_a_single_prompt_that_is_too_long_is_told(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[error:ValidationException Input is too long for requested model.]]")
    assert answer.exit_code == 1
    assert answer.text.startswith("Prompt is too long")
    assert len(claude.requests) == 1


async def test_room_for_the_answer_is_made_smaller_where_the_window_is_almost_full(claude: ClaudeCode) -> None:
    refusal = "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease input length"
    answer = await claude.ask(f"[[fail:1 ValidationException {refusal}]][[probe]]")
    assert answer.exit_code == 0
    assert answer.probe["max_tokens"] < 10_000
    assert claude.statuses == [400, 200]


async def test_max_tokens_over_the_models_limit_are_lowered_with_one_retry(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[maxout:9000]][[probe]]")
    assert answer.exit_code == 0
    assert answer.probe["max_tokens"] == 9000
    assert claude.statuses == [400, 200]


@pytest.mark.parametrize(
    ("exception", "status"),
    [
        ("ThrottlingException", 429),
        ("ServiceUnavailableException", 503),
        ("ModelNotReadyException", 429),
        ("InternalServerException", 500),
        ("ModelTimeoutException", 408),
        ("ModelErrorException", 424),
    ],
)
async def test_a_passing_trouble_is_retried(claude: ClaudeCode, exception: str, status: int) -> None:
    answer = await claude.ask(f"[[fail:1 {exception} it will pass]][[say:through]]")
    assert (answer.exit_code, answer.text) == (0, "through")
    assert claude.statuses == [status, 200]


@pytest.mark.parametrize(
    ("exception", "told"), [("ThrottlingException", "(429)"), ("ServiceUnavailableException", "529")]
)
async def test_a_lasting_trouble_is_told(claude: ClaudeCode, exception: str, told: str) -> None:
    prompt = f"[[error:{exception} Too many tokens, please wait before trying again.]]"
    answer = await claude.ask(prompt, **TWO_TRIES)
    assert answer.exit_code == 1
    assert told in answer.text
    assert "Bedrock" in answer.text
    # What Bedrock failed to answer the gateway asks once more by itself.
    assert len(claude.requests) == (4 if told == "529" else 2)


async def test_a_spent_daily_quota_is_told_at_once(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[error:ThrottlingException Too many tokens per day, please wait before trying again.]]")
    assert answer.exit_code == 1
    assert "Too many tokens per day" in answer.text
    assert claude.statuses == [429], "no retry brings a day's quota back"


async def test_a_model_without_access_is_told_with_what_to_do(claude: ClaudeCode) -> None:
    prompt = "[[error:AccessDeniedException You don't have access to the model with the specified model ID.]]"
    answer = await claude.ask(prompt)
    assert answer.exit_code == 1
    assert "403 Bedrock denied the gateway access to this model. Whoever runs the gateway has to" in answer.text
    assert claude.statuses == [403]


async def test_any_other_refusal_is_shown_word_for_word(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[error:ValidationException messages.3: something odd]]")
    assert (answer.exit_code, answer.text) == (1, "API Error: 400 messages.3: something odd")


async def test_expired_aws_credentials_are_the_gateways_trouble_and_not_a_login(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[error:ExpiredTokenException The security token is expired]]", **TWO_TRIES)
    assert answer.exit_code == 1
    assert "API Error: 500" in answer.text
    assert "The gateway's own AWS credentials" in answer.text


async def test_a_wrong_token_asks_to_log_in(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:never]]", key="a-token-nobody-gave-out", **TWO_TRIES)
    assert answer.exit_code == 1
    assert "Please run /login" in answer.text
    assert claude.requests == []
    assert {line["status"] for line in await claude.gateway.lines(2)} == {401}


async def test_a_wrong_api_key_is_called_invalid(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:never]]", key="", ANTHROPIC_API_KEY="a-key-nobody-gave-out", **TWO_TRIES)
    assert answer.exit_code == 1
    assert "Invalid API key" in answer.text
    assert claude.requests == []
