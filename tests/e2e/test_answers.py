"""Claude Code asks and is answered: what a user sees when nothing goes wrong."""

import asyncio
import json
from typing import Any, Final

import pytest

from gateway.simulator import LOCAL_API_KEY
from tests.e2e.claude_code import EVENTS, ClaudeCode

JSON = ("--output-format", "json")
BIRD: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"bird": {"type": "string"}},
    "required": ["bird"],
    "additionalProperties": False,
}
# The client gives model discovery 3 s.
SOON_MS: Final = 3_000


async def test_an_answer_is_printed(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:hello from the other side]]")
    assert (answer.exit_code, answer.text, answer.errors) == (0, "hello from the other side", "")
    assert claude.statuses == [200]


async def test_a_newcomer_without_markers_is_greeted(claude: ClaudeCode) -> None:
    answer = await claude.ask("hello")
    assert answer.exit_code == 0
    assert "chatrix simulator" in answer.text
    assert "`us.anthropic.claude-opus-5-5`" in answer.text


async def test_the_first_request_is_streamed_with_thinking_tools_and_cache_points(claude: ClaudeCode) -> None:
    probe = (await claude.ask("[[probe]]")).probe
    assert probe["stream"] is True
    assert probe["thinking"] == "adaptive"
    assert probe["tools"] >= 10
    assert 1 <= probe["cache_points"] <= 4
    assert probe["system_chars"] > 1_000


async def test_the_environment_told_in_a_system_message_reaches_the_model(claude: ClaudeCode) -> None:
    answer = await claude.ask(f"[[has:Primary working directory: {claude.folder}]]")
    assert answer.text == f"HAS Primary working directory: {claude.folder} yes"


async def test_the_billing_line_that_changes_with_every_request_does_not(claude: ClaudeCode) -> None:
    assert (await claude.ask("[[systemhas:x-anthropic-billing-header]]")).text == "SYSTEMHAS no"


async def test_the_key_may_come_as_an_api_key(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:let in]]", key="", ANTHROPIC_API_KEY=LOCAL_API_KEY)
    assert (answer.exit_code, answer.text) == (0, "let in")


async def test_of_two_keys_one_has_to_be_right(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:let in]]", ANTHROPIC_API_KEY="left-over-from-something-else")
    assert (answer.exit_code, answer.text) == (0, "let in")


async def test_address_and_key_may_stand_in_the_settings_file(claude: ClaudeCode) -> None:
    settings = claude.home / ".claude" / "settings.json"
    settings.parent.mkdir()
    values = {"ANTHROPIC_BASE_URL": claude.gateway.url, "ANTHROPIC_AUTH_TOKEN": LOCAL_API_KEY}
    settings.write_text(json.dumps({"env": values}))
    answer = await claude.ask("[[say:let in]]", key="", ANTHROPIC_BASE_URL="")
    assert (answer.exit_code, answer.text) == (0, "let in")


async def test_a_long_answer_arrives_whole(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[long:500000]]")
    assert answer.exit_code == 0
    assert answer.text == "x" * 500_000


async def test_the_events_of_a_run_tell_the_same(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[think:let me see]][[say:one and two]]", *EVENTS)
    (thought,), (said,) = answer.blocks("thinking"), answer.blocks("text")
    assert thought["thinking"] == "let me see"
    assert thought["signature"].startswith("SIG")
    assert said["text"] == answer.results[0]["result"] == "one and two"


async def test_the_client_counts_the_tokens_that_bedrock_counted(claude: ClaudeCode) -> None:
    usage = {"inputTokens": 11, "outputTokens": 22, "cacheReadInputTokens": 33, "cacheWriteInputTokens": 44}
    answer = await claude.ask(f"[[say:counted]][[usage:{json.dumps(usage)}]]", *JSON)
    counted = answer.results[0]["usage"]
    assert (counted["input_tokens"], counted["output_tokens"]) == (11, 22)
    assert (counted["cache_read_input_tokens"], counted["cache_creation_input_tokens"]) == (33, 44)


async def test_the_next_turn_reads_the_prompt_from_the_cache(claude: ClaudeCode) -> None:
    await claude.ask("[[say:one]]")
    answer = await claude.ask("[[say:two]]", "--continue", *JSON)
    usage = answer.results[0]["usage"]
    assert usage["cache_read_input_tokens"] > 5_000
    assert usage["cache_creation_input_tokens"] < 1_000


async def test_one_process_holds_a_conversation_of_several_turns(claude: ClaudeCode) -> None:
    answer = await claude.converse("[[say:one]]", "[[say:two]]", "[[probe]]")
    assert answer.exit_code == 0
    said = [result["result"] for result in answer.results]
    assert said[:2] == ["one", "two"]
    assert json.loads(said[2].removeprefix("PROBE "))["messages"] == 5


async def test_an_answer_cut_at_max_tokens_is_resumed(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:the first half]][[stop:max_tokens]]", *EVENTS)
    assert answer.exit_code == 0
    assert len(claude.requests) == 2
    history = claude.requests[1].body["messages"]
    assert history[1]["content"][0]["text"] == "the first half"
    assert "Output token limit hit" in json.dumps(history[2])


async def test_a_filtered_answer_is_told_to_the_model_as_a_refusal(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:the first half]][[stop:content_filtered]]")
    assert answer.exit_code == 0
    assert "stopped by a safety classifier" in json.dumps(claude.requests[1].body["messages"][-1])


async def test_structured_output_comes_back_as_json(claude: ClaudeCode) -> None:
    answer = await claude.ask('[[tool:StructuredOutput {"bird": "tern"}]]', *JSON, "--json-schema", json.dumps(BIRD))
    assert answer.exit_code == 0
    assert answer.results[0]["structured_output"] == {"bird": "tern"}


async def test_structured_output_that_breaks_the_schema_is_asked_for_again(claude: ClaudeCode) -> None:
    wrong, right = (
        "[[tool:StructuredOutput " + json.dumps(output) + "]]" for output in ({"fish": 1}, {"bird": "tern"})
    )
    answer = await claude.ask(f"{wrong}[[then]]{right}", *JSON, "--json-schema", json.dumps(BIRD))
    assert answer.exit_code == 0
    assert answer.results[0]["structured_output"] == {"bird": "tern"}
    (result,) = (block["toolResult"] for block in claude.requests[1].body["messages"][-1]["content"][:1])
    assert result["status"] == "error"
    assert "must have required property 'bird'" in result["content"][0]["text"]


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-4-5"], ids=["by an estimate", "by Bedrock"])
async def test_context_is_counted_without_asking_the_model(claude: ClaudeCode, model: str) -> None:
    """About thirty requests at once."""
    answer = await claude.ask("/context", "--model", model)
    assert answer.exit_code == 0
    assert "| System tools |" in answer.text
    lines = await claude.gateway.lines(20, "/v1/messages/count_tokens")
    assert {line["status"] for line in lines} == {200}
    assert max(line["total_ms"] for line in lines) < SOON_MS
    assert "ConverseStream" not in {exchange.operation for exchange in claude.requests}


async def test_the_models_are_discovered(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:hello]]", CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY="1")
    assert answer.exit_code == 0
    (line,) = await claude.gateway.lines(1, "/v1/models")
    assert line["status"] == 200
    assert line["total_ms"] < SOON_MS
    found = json.loads((claude.home / ".claude" / "cache" / "gateway-models.json").read_text())["models"]
    assert {"id": "claude-opus-5-5", "display_name": "Claude Opus 5.5"} in found
    assert [model["id"] for model in found if "claude" not in model["id"]] == []


async def test_the_client_talks_to_nobody_but_the_gateway(claude: ClaudeCode) -> None:
    await claude.ask('[[tool:Bash {"command": "true"}]][[then]][[say:done]]')
    assert claude.proxy.visitors == []


async def test_a_killed_client_ends_the_request_to_bedrock_at_once(claude: ClaudeCode) -> None:
    await claude.kill_during("[[drip:600 0.1]]", lambda: bool(claude.requests))
    async with asyncio.timeout(1):
        await claude.simulator.wait_until_idle()
    (request,) = claude.requests
    assert request.outcome == "client_gone"
