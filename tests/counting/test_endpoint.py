"""`POST /v1/messages/count_tokens` as clients meet it: the status, the number, and the header that says what it is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import orjson
import pytest
from anthropic import AsyncAnthropic

from gateway.simulator import Exchange
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import Gateway, run_both

PATH = "/v1/messages/count_tokens?beta=true"
CAPTURES = Path(__file__).parents[1] / "captures"
CAPTURE = orjson.loads((CAPTURES / "count_tokens_tools.json").read_bytes())
# Of the real Claude Code, with tools, images, thinking, tool results and a history of all of them.
SESSIONS = [
    "auto_mode_classifier",
    "compact",
    "count_tokens_tools",
    "interactive_title",
    "opus55_deferred_tools",
    "opus55_first",
    "opus55_image",
    "sonnet45_first",
    "sonnet45_thinking_history",
    "sonnet45_tool_result",
]


@pytest.fixture
async def fresh() -> AsyncIterator[Gateway]:
    """A gateway that has not asked Bedrock yet."""
    async with run_both() as running:
        yield running


def counting_calls(gateway: Gateway) -> list[Exchange]:
    return [exchange for exchange in gateway.simulator.exchanges if exchange.operation == "CountTokens"]


def question(text: str, model: str = "claude-sonnet-4-5", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


async def count(gateway: Gateway, body: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
    async with gateway.post(body, PATH) as response:
        return response.status, response.headers.get("x-chatrix-count", ""), await response.json()


async def test_the_sdk_gets_bedrocks_count(fresh: Gateway) -> None:
    async with AsyncAnthropic(base_url=fresh.url, api_key=fresh.key, max_retries=0) as claude:
        counted = await claude.messages.count_tokens(**question("[[count:1234]]"))
        raw = await claude.messages.with_raw_response.count_tokens(**question("hello", "claude-opus-5-5"))
    assert counted.input_tokens == 1234
    assert raw.headers["x-chatrix-count"] == "estimate"
    assert (await raw.parse()).input_tokens > 3


@pytest.mark.parametrize(
    "name",
    ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
)
async def test_every_name_of_a_model_is_counted_by_its_base_id(gateway: Gateway, name: str) -> None:
    before = len(counting_calls(gateway))
    assert (await count(gateway, question(f"hello {name}", name)))[1] == "exact"
    assert counting_calls(gateway)[before].model_id == "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.mark.parametrize("name", SESSIONS)
async def test_what_claude_code_sends_is_taken_by_counttokens_as_it_is_by_conversestream(
    gateway: Gateway, name: str
) -> None:
    body = orjson.loads((CAPTURES / f"{name}.json").read_bytes())["body"]
    for member in ("max_tokens", "stream", "temperature"):
        body.pop(member, None)
    status, kind, answer = await count(gateway, {**body, "model": "claude-sonnet-4-6"})
    assert (status, kind) == (200, "exact"), answer
    assert (await count(gateway, {**body, "model": "claude-opus-5-5"}))[1] == "estimate"


async def test_a_native_output_format_is_not_counted_by_bedrock_and_so_makes_an_estimate(gateway: Gateway) -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    body = question("[[count:500]]", output_config={"format": {"type": "json_schema", "schema": schema}})
    _, kind, answer = await count(gateway, body)
    assert kind == "estimate"
    assert answer["input_tokens"] > 600


async def test_a_burst_of_claude_code_is_counted_without_a_stampede(fresh: Gateway) -> None:
    """`/context`: some 30 requests at once, with the tools of a real session."""
    bodies = [{**CAPTURE["body"], "model": "claude-sonnet-4-5"} for _ in range(30)]
    for number, body in enumerate(bodies):
        body["messages"] = [{"role": "user", "content": f"[[count:error AccessDeniedException no]] {number}"}]
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(count(fresh, body) for body in bodies))
    assert asyncio.get_running_loop().time() - began < 5
    assert {(status, kind) for status, kind, _ in answers} == {(200, "estimate")}
    assert all(answer["input_tokens"] > 5_000 for _, _, answer in answers)
    assert len(counting_calls(fresh)) == 1


async def test_bedrocks_refusal_is_never_the_callers_error(fresh: Gateway) -> None:
    refusals = ["AccessDeniedException", "ThrottlingException", "ValidationException", "ResourceNotFoundException"]
    for number, name in enumerate(refusals):
        model = ["claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5", "claude-sonnet-4-6"][number]
        status, kind, answer = await count(fresh, question(f"[[count:error {name} arn:aws:x:y:z:1:2]]", model))
        assert (status, kind) == (200, "estimate"), name
        assert set(answer) == {"input_tokens"}


@pytest.mark.parametrize(
    "body",
    [
        {"model": "claude-sonnet-4-5"},
        question("hello", messages="hello"),
        question("hello", messages=[{"role": "user", "content": [{"type": "image", "source": {"type": "odd"}}]}]),
        question("hello", tools=[{"name": "a"}]),
    ],
)
async def test_a_request_that_could_not_be_sent_is_a_400_and_not_counted(gateway: Gateway, body: Any) -> None:
    before = len(counting_calls(gateway))
    status, _, answer = await count(gateway, body)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert len(counting_calls(gateway)) == before


async def test_an_unknown_model_is_a_404(gateway: Gateway) -> None:
    async with AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as claude:
        with pytest.raises(anthropic.NotFoundError):
            await claude.messages.count_tokens(**question("hello", "gpt-nothing"))


async def test_an_exact_count_is_what_the_same_request_then_costs(gateway: Gateway) -> None:
    body = question("How many tokens is this? [[say:ok]]", system="Be brief.")
    _, kind, counted = await count(gateway, body)
    async with gateway.post({**body, "max_tokens": 100}) as response:
        usage = (await response.json())["usage"]
    spent = usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    assert kind == "exact"
    assert counted["input_tokens"] == spent


async def test_a_caller_who_hangs_up_ends_the_call_to_bedrock(fresh: Gateway) -> None:
    asking = asyncio.create_task(count(fresh, question("[[count:hang]]")))
    await fresh.simulator.wait_until(lambda: len(counting_calls(fresh)) == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await fresh.simulator.wait_until_idle()
    assert (await count(fresh, question("hello")))[1] == "exact"


async def test_counting_needs_a_key(gateway: Gateway) -> None:
    async with aiohttp.ClientSession() as session, session.post(gateway.url + PATH, json=question("x")) as response:
        assert response.status == 401


async def test_what_answers_cost_corrects_the_numbers_that_come_before_the_next_ones(fresh: Gateway) -> None:
    """message_start, and the count of a model that Bedrock does not count."""
    text = "A sentence of ten or eleven tokens, many times over. " * 100
    body = question(text, "claude-opus-5-5", max_tokens=100, stream=True)

    async def started_with() -> int:
        async with fresh.post({**body, "messages": [{"role": "user", "content": text}]}) as response:
            reply = read_stream(await response.read())
        assert reply.message is not None
        tokens: int = reply.message["usage"]["input_tokens"]
        return tokens

    plain = await started_with()
    dear = f'[[usage:{{"inputTokens": {2 * plain}}}]][[say:ok]]{text}'
    for _ in range(6):
        async with fresh.post({**body, "messages": [{"role": "user", "content": dear}]}) as response:
            assert read_stream(await response.read()).whole
    assert await started_with() > 1.4 * plain
    _, kind, answer = await count(fresh, question(text, "claude-opus-5-5"))
    assert kind == "estimate"
    assert answer["input_tokens"] > 1.4 * plain
