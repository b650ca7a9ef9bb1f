"""CountTokens: whom it counts, what it refuses, and how a test makes it fail."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from gateway.simulator import Refusal, Simulator, Trouble
from tests.simulator.conftest import CLAUDE, MODEL

if TYPE_CHECKING:
    from tests.simulator.conftest import Reply, WireClient

BASE: Final = CLAUDE.removeprefix("us.")
NOT_COUNTED: Final = "The provided model doesn't support counting tokens."
BODY: Final[dict[str, Any]] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "x" * 396}],
}
TAGS: Final = (
    "'bash_20250124', 'custom', 'memory_20250818', 'text_editor_20250124', 'text_editor_20250429', "
    "'text_editor_20250728'"
)


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": text}]}]}


async def invoke(wire: WireClient, body: Any, model_id: str = BASE) -> Reply:
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    return await wire.send("count-tokens", {"input": {"invokeModel": {"body": encoded}}}, model_id)


async def test_tokens_are_characters_divided_by_four_and_never_none(wire: WireClient) -> None:
    assert (await wire.count(**said("y" * 399), system=[{"text": "z" * 41}])).body == {"inputTokens": 110}
    assert (await wire.count(**said("y"))).body == {"inputTokens": 1}


@pytest.mark.parametrize("model_id", ["anthropic.claude-opus-4-6-v1", "anthropic.claude-haiku-4-5-20251001-v1:0", BASE])
async def test_base_ids_up_to_4_6_are_counted(wire: WireClient, model_id: str) -> None:
    assert (await wire.count(model_id, **said("x" * 40))).body == {"inputTokens": 10}
    assert (await invoke(wire, BODY, model_id)).body == {"inputTokens": 99}


@pytest.mark.parametrize(
    "model_id",
    [
        CLAUDE,
        "global.anthropic.claude-opus-4-6-v1",
        "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/simulatedteam",
        "anthropic.claude-opus-4-7",
        "anthropic.claude-sonnet-5",
        "anthropic.claude-haiku-5-5",
        "anthropic.claude-opus-6",
    ],
)
async def test_profiles_and_later_models_are_not(wire: WireClient, model_id: str) -> None:
    for reply in (await wire.count(model_id, **said("a")), await invoke(wire, BODY, model_id)):
        assert (reply.status, reply.message) == (400, NOT_COUNTED)


async def test_what_is_counted_is_what_the_answer_reports(wire: WireClient, bash: dict[str, Any]) -> None:
    image = {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}
    point = {"cachePoint": {"type": "default"}}
    prompt: dict[str, Any] = {
        "messages": [{"role": "user", "content": [{"text": "a" * 5000}, point, image, {"text": "b"}]}],
        "system": [{"text": "be brief"}],
        "toolConfig": bash,
    }
    counted = (await wire.count(**prompt)).body["inputTokens"]
    for _ in range(2):
        usage = (await wire.send("converse-stream", prompt)).usage
        assert usage["inputTokens"] + usage["cacheReadInputTokens"] + usage["cacheWriteInputTokens"] == counted
    assert usage["cacheReadInputTokens"] > 1000


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"anthropic_version": None}, "anthropic_version: Field required"),
    ({"messages": "hi"}, "messages: Input should be a valid list"),
    ({"model": "x"}, MODEL + "model: Extra inputs are not permitted"),
    ({"context_management": {}}, MODEL + "context_management: Extra inputs are not permitted"),
    (
        {"tools": [{"name": "a", "input_schema": {}, "eager_input_streaming": True}]},
        MODEL + "tools.0.custom.eager_input_streaming: Extra inputs are not permitted",
    ),
    (
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "tools.0: Input tag 'web_search_20250305' found using 'type' does not match any of the expected tags: " + TAGS,
    ),
]


@pytest.mark.parametrize(("changes", "message"), BAD_BODIES)
async def test_an_invoke_body_is_read_strictly(wire: WireClient, changes: dict[str, Any], message: str) -> None:
    reply = await invoke(wire, BODY | changes)
    assert (reply.status, reply.message) == (400, message)


async def test_an_invoke_body_that_is_no_object_is_malformed(wire: WireClient) -> None:
    assert (await invoke(wire, [])).message == "Malformed input request, please reformat your input and try again."


async def test_a_converse_input_is_checked_like_a_request(wire: WireClient) -> None:
    assert "is blank" in (await wire.count(**said(" "))).message
    reply = await wire.count(**said("a"), inferenceConfig={})
    assert "#/input/converse: extraneous key [inferenceConfig]" in reply.message


FAILURES: list[tuple[str, int, str]] = [
    ("[[count:error AccessDeniedException not yours]]", 403, "not yours"),
    ("[[count:error ThrottlingException]]", 429, "Too many tokens, please wait before trying again."),
    ("[[say:a]][[then]][[count:error ServiceUnavailableException]]", 503, "Bedrock is unable to process your request."),
]


@pytest.mark.parametrize(("prompt", "status", "message"), FAILURES)
async def test_a_marker_makes_counting_fail_and_nothing_else(
    wire: WireClient, prompt: str, status: int, message: str
) -> None:
    reply = await wire.count(**said(prompt))
    assert (reply.status, reply.message) == (status, message)
    assert (await wire.stream(prompt)).status == 200


async def test_the_first_counts_can_be_throttled(wire: WireClient) -> None:
    replies = [await wire.count(**said("[[count:throttle 2]]")) for _ in range(3)]
    assert [reply.status for reply in replies] == [429, 429, 200]


async def test_a_marker_sets_the_count(wire: WireClient) -> None:
    assert (await wire.count(**said("[[count:123456]]"))).body == {"inputTokens": 123456}


async def test_a_marker_that_makes_no_sense_is_refused(wire: WireClient) -> None:
    assert "[[count:lots]]: a number is wanted" in (await wire.count(**said("[[count:lots]]"))).message


async def test_counting_can_be_slow_or_never_end(simulator: Simulator, wire: WireClient) -> None:
    began = asyncio.get_running_loop().time()
    await wire.count(**said("[[count:delay 0.1]]"))
    assert asyncio.get_running_loop().time() - began >= 0.1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await wire.count(**said("[[count:hang]]"))
    await simulator.wait_until_idle()
    assert simulator.exchanges[-1].outcome == "client_gone"


async def test_a_test_lays_trouble_in_the_way_of_counting(simulator: Simulator, wire: WireClient) -> None:
    simulator.troubles["CountTokens"] = Trouble(Refusal("AccessDeniedException"), delay_seconds=0.05, times=2)
    assert [(await wire.count(**said("a"))).status for _ in range(3)] == [403, 403, 200]
    assert (await wire.stream("a")).status == 200
    simulator.troubles["CountTokens"] = Trouble(hang=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await wire.count(**said("a"))
