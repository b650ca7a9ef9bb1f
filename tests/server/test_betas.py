"""Betas, Claude's own tools and structured output over real sockets, against a simulator as strict as Bedrock."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import orjson
import pytest
from aiobotocore.session import get_session

from gateway.catalog import resolve
from gateway.clocks import Clocks
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import InvalidRequest, RateLimited
from gateway.protocol.options import Options
from gateway.protocol.parsing import parse
from gateway.protocol.request_body import RequestBody
from gateway.protocol.to_converse import to_converse
from gateway.settings import Settings
from gateway.simulator import Refusal, Simulator, SimulatorOptions, Trouble, open_simulator
from gateway.upstreams.bedrock import Bedrock, open_bedrock
from gateway.upstreams.refused_betas import MAX_REFUSALS, TTL_SECONDS, RefusedBetas
from gateway.upstreams.stream import BedrockStream
from tests.support.anthropic_stream import read_stream
from tests.support.bedrock_stream import all_frames
from tests.support.gateway import Gateway, asking, aws_environment, run_gateway

CONTEXT_1M = "context-1m-2025-08-07"
REFUSED_ONCE = "[[fail:1 ValidationException The model returned the following errors: invalid beta flag]][[say:hello]]"
ALWAYS_REFUSED = "[[error:ValidationException invalid beta flag]]"
COMPUTER = {"type": "computer_20251124", "name": "computer", "display_width_px": 800, "display_height_px": 600}
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "additionalProperties": False}


@dataclass
class Calls:
    """What the log is told of the calls."""

    upstream_calls: int = 0
    retry_budget_empty: bool = False


class Time:
    """Both clocks of the gateway, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def clocks(self) -> Clocks:
        return Clocks(wall=lambda: self.seconds, monotonic=lambda: self.seconds)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as running:
        yield running


@asynccontextmanager
async def run_bedrock(simulator: Simulator, clocks: Clocks | None = None) -> AsyncIterator[Bedrock]:
    with mock.patch.dict(os.environ, aws_environment(simulator.url)):
        async with open_bedrock(get_session(), Settings(), clocks) as bedrock:
            yield bedrock


def body_of(request: dict[str, Any], *betas: str) -> tuple[str, RequestBody]:
    """The model's id, and what is sent to it."""
    parsed, _ = parse(orjson.dumps(request))
    resolution = resolve(parsed.model, "us-west-2")
    assert resolution is not None
    return resolution.model_id, to_converse(parsed, resolution.model, Disposition(), Options(betas=betas)).encode()


async def send(bedrock: Bedrock, request: dict[str, Any], *betas: str) -> BedrockStream | RequestBody:
    """What knows of the losses: the form that was chosen for a model known to refuse, otherwise the stream."""
    model_id, body = body_of(request, *betas)
    chosen = bedrock.choose_form(model_id, body)
    async with bedrock.converse_stream(model_id, chosen, Calls()) as stream:
        assert await all_frames(stream)
        return stream if chosen is body else chosen


def fields_sent(simulator: Simulator) -> list[dict[str, Any]]:
    """Claude's own fields of every call so far."""
    return [exchange.body.get("additionalModelRequestFields", {}) for exchange in simulator.exchanges]


async def test_a_refused_beta_is_left_out_in_one_more_call_and_that_is_disclosed(simulator: Simulator) -> None:
    async with run_bedrock(simulator) as bedrock:
        stream = await send(bedrock, asking(REFUSED_ONCE), CONTEXT_1M)
    assert fields_sent(simulator) == [{"anthropic_beta": [CONTEXT_1M]}, {}]
    assert stream.dropped == (f"beta:{CONTEXT_1M}",)


async def test_a_beta_refused_in_other_words_is_left_out_too(simulator: Simulator) -> None:
    """As Anthropic's API puts it, and in the model's own error."""
    words = "Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header."
    async with run_bedrock(simulator) as bedrock:
        await send(bedrock, asking(f"[[fail:1 ValidationException {words}]][[say:hello]]"), CONTEXT_1M)
    assert fields_sent(simulator) == [{"anthropic_beta": [CONTEXT_1M]}, {}]


async def test_what_needs_the_beta_goes_with_it(simulator: Simulator) -> None:
    request = asking(REFUSED_ONCE, model="claude-opus-4-5", output_config={"effort": "low"}, top_k=3)
    async with run_bedrock(simulator) as bedrock:
        stream = await send(bedrock, request)
    first, second = fields_sent(simulator)
    assert first == {"output_config": {"effort": "low"}, "top_k": 3, "anthropic_beta": ["effort-2025-11-24"]}
    assert second == {"top_k": 3}
    assert stream.dropped == ("output_config.effort",)


async def test_the_next_requests_of_that_model_go_without_betas_at_once(simulator: Simulator) -> None:
    async with run_bedrock(simulator) as bedrock:
        await send(bedrock, asking(REFUSED_ONCE), CONTEXT_1M)
        stream = await send(bedrock, asking("[[say:again]]"), CONTEXT_1M)
        await send(bedrock, asking("[[say:plain]]"))
        await send(bedrock, asking("[[say:other]]", model="claude-opus-4-5", output_config={"effort": "low"}))
    assert stream.dropped == (f"beta:{CONTEXT_1M}",)
    with_betas = ["anthropic_beta" in fields for fields in fields_sent(simulator)]
    assert with_betas == [True, False, False, False, True]


async def test_after_a_while_betas_are_tried_again(simulator: Simulator) -> None:
    time = Time()
    async with run_bedrock(simulator, time.clocks()) as bedrock:
        await send(bedrock, asking(REFUSED_ONCE), CONTEXT_1M)
        time.seconds += TTL_SECONDS - 1
        await send(bedrock, asking("[[say:not yet]]"), CONTEXT_1M)
        time.seconds += 2
        stream = await send(bedrock, asking("[[say:now]]"), CONTEXT_1M)
    assert stream.dropped == ()
    assert ["anthropic_beta" in fields for fields in fields_sent(simulator)] == [True, False, False, True]


async def test_a_second_refusal_is_passed_on_after_two_calls(simulator: Simulator) -> None:
    async with run_bedrock(simulator) as bedrock:
        with pytest.raises(InvalidRequest, match="invalid beta flag"):
            await send(bedrock, asking(ALWAYS_REFUSED), CONTEXT_1M)
    assert len(simulator.exchanges) == 2


async def test_a_throttle_after_the_refusal_is_a_throttle(simulator: Simulator) -> None:
    marker = "[[fail:1 ValidationException invalid beta flag]][[error:ThrottlingException slow down]]"
    async with run_bedrock(simulator) as bedrock:
        with pytest.raises(RateLimited):
            await send(bedrock, asking(marker), CONTEXT_1M)
    assert len(simulator.exchanges) == 2


@pytest.mark.parametrize(
    ("marker", "tools", "betas"),
    [
        ("[[error:ValidationException something else]]", [], [CONTEXT_1M]),
        ("[[error:ValidationException invalid beta flag]]", [], []),
        ("[[error:ValidationException invalid beta flag]]", [COMPUTER], []),
        ("[[error:ThrottlingException invalid beta flag]]", [], [CONTEXT_1M]),
    ],
    ids=["another refusal", "no betas", "a tool that is nothing without its beta", "another error"],
)
async def test_nothing_else_is_sent_twice(
    simulator: Simulator, marker: str, tools: list[dict[str, Any]], betas: list[str]
) -> None:
    model = "claude-opus-5-5" if tools else "claude-sonnet-4-5"
    async with run_bedrock(simulator) as bedrock:
        with pytest.raises(Exception, match=r".") as error:
            await send(bedrock, asking(marker, model=model, tools=tools), *betas)
    assert type(error.value).__module__ == "gateway.protocol.errors"
    assert len(simulator.exchanges) == 1


def test_the_memory_of_refusals_is_bounded() -> None:
    refused = RefusedBetas(Time().clocks())
    for number in range(MAX_REFUSALS + 1):
        refused.add(f"model-{number}", ["a"])
    assert not refused.refuses("model-0", ["a"])
    assert refused.refuses("model-1", ["a"])
    assert refused.refuses(f"model-{MAX_REFUSALS}", ["a"])


def test_only_requests_with_all_the_refused_betas_are_concerned() -> None:
    refused = RefusedBetas(Time().clocks())
    refused.add("model", ["a", "b"])
    assert refused.refuses("model", ["b", "c", "a"])
    assert not refused.refuses("model", ["a"])
    assert not refused.refuses("other", ["a", "b"])


async def test_one_callers_beta_does_not_cost_the_others_theirs(simulator: Simulator) -> None:
    effort = {"model": "claude-opus-4-5", "output_config": {"effort": "high"}}
    tool = {"name": "Read", "input_schema": {"type": "object"}, "eager_input_streaming": True}
    async with run_bedrock(simulator) as bedrock:
        await send(bedrock, asking(REFUSED_ONCE, model="claude-opus-4-5", tools=[tool]))
        await send(bedrock, asking("[[say:hello]]", **effort))
    assert fields_sent(simulator)[-1]["output_config"] == {"effort": "high"}


@pytest.mark.parametrize("strict", ["0", "1"])
async def test_a_beta_refused_for_good_is_named(gateway: Gateway, strict: str) -> None:
    """The caller sent none: it came with the effort."""
    request = asking(ALWAYS_REFUSED, model="claude-opus-4-5", output_config={"effort": "high"})
    async with gateway.post(request, headers={"x-chatrix-strict": strict}) as response:
        assert response.status == 400
        message = (await response.json())["error"]["message"]
    assert message.startswith("invalid beta flag")
    assert ("effort-2025-11-24" in message) == (strict == "1")


async def test_a_loss_that_the_headers_cannot_tell_any_more_is_an_error(simulator: Simulator) -> None:
    """The early 200 has gone out with its headers when Bedrock refuses the beta."""
    request = asking("[[say:hello]]", model="claude-opus-4-5", output_config={"effort": "high"}, stream=True)
    refusal = Refusal("ValidationException", "invalid beta flag")
    simulator.troubles["ConverseStream"] = Trouble(refusal=refusal, delay_seconds=0.5, times=1)
    async with run_gateway(simulator, commit_seconds=0.05) as gateway:
        async with gateway.post(request) as response:
            events = (await response.read()).decode()
        assert events.rstrip().splitlines()[-2] == "event: error"
        assert "(output_config.effort)" in events
        assert "message_stop" not in events
        async with gateway.post(request) as response:
            assert response.headers["x-chatrix-dropped"] == "output_config.effort"
            assert "message_stop" in (await response.read()).decode()


async def test_a_long_body_is_the_same_the_second_time(simulator: Simulator) -> None:
    text = f"{'x' * 3_000_000} {REFUSED_ONCE}"
    async with run_bedrock(simulator) as bedrock:
        await send(bedrock, asking(text), CONTEXT_1M)
    first, second = (exchange.body for exchange in simulator.exchanges)
    first.pop("additionalModelRequestFields")
    assert first == second


async def test_a_client_sees_an_answer_and_no_refusal(simulator: Simulator) -> None:
    async with run_gateway(simulator) as gateway:
        headers = {"anthropic-beta": f"claude-code-20250219,{CONTEXT_1M}"}
        async with gateway.post(asking(REFUSED_ONCE, stream=True), headers=headers) as response:
            reply = read_stream(await response.read())
    assert response.status == 200
    assert reply.text == "hello"
    assert len(gateway.calls()) == 2
    assert response.headers["x-chatrix-dropped"] == f"beta:claude-code-20250219, beta:{CONTEXT_1M}"


async def test_the_betas_of_claude_code_get_no_refusal_from_any_model(gateway: Gateway) -> None:
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14,context-1m-2025-08-07,effort-2025-11-24"
    for model in ("claude-sonnet-4-5", "claude-opus-4-5", "claude-sonnet-4-6", "claude-opus-5-5", "kimi-k2.5"):
        before = len(gateway.calls())
        async with gateway.post(asking("[[say:ok]]", model=model), headers={"anthropic-beta": betas}) as response:
            assert response.status == 200, await response.text()
        assert len(gateway.calls()) == before + 1


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "bash_20250124", "name": "bash"}],
        [COMPUTER, {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}],
        [{"type": "memory_20250818", "name": "memory"}, {"name": "a", "input_schema": {}}],
    ],
)
async def test_native_tools_are_called_and_answered(gateway: Gateway, tools: list[dict[str, Any]]) -> None:
    name = tools[0]["name"]
    asked = {"role": "user", "content": f'[[tool:{name} {{"action": "screenshot"}}]]'}
    request = {**asking(""), "model": "claude-opus-5-5", "tools": tools, "messages": [asked]}
    async with gateway.post(request) as response:
        message = await response.json()
    assert response.status == 200, message
    [call] = message["content"]
    assert (call["type"], call["name"], call["input"]) == ("tool_use", name, {"action": "screenshot"})
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "done"}
    history = [asked, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    async with gateway.post({**request, "messages": history}) as response:
        answer = await response.json()
    assert response.status == 200, answer
    assert "RESULT<<done>>" in answer["content"][0]["text"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_schema_by_tool_comes_back_as_text(gateway: Gateway, stream: bool) -> None:
    wanted = {"title": "a ]] title"}
    request = asking(
        f"[[tool:answer {json.dumps(wanted)}]]",
        model="claude-haiku-5-5",
        stream=stream,
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    async with gateway.post(request) as response:
        raw = await response.read()
    assert response.headers["x-chatrix-approximated"] == "output_config.format"
    if stream:
        reply = read_stream(raw)
        text, stop_reason = reply.text, (reply.delta or {})["stop_reason"]
    else:
        message = json.loads(raw)
        [block] = message["content"]
        text, stop_reason = block["text"], message["stop_reason"]
    assert json.loads(text) == wanted
    assert stop_reason == "end_turn"


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5-5", "kimi-k2.5", "minimax-m2"])
async def test_a_schema_is_taken_by_every_kind_of_model(gateway: Gateway, model: str) -> None:
    wanted = {"format": {"type": "json_schema", "schema": SCHEMA}}
    async with gateway.post(asking("[[say:{}]]", model=model, output_config=wanted)) as response:
        assert response.status == 200, await response.text()
