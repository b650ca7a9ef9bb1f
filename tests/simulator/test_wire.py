"""The wire: frames like the recorded ones, errors like the recorded ones, and the real AWS client in front."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import aiohttp
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError, EventStreamError

from gateway.protocol.eventstream import FrameDecoder, encode_headers
from gateway.simulator import Simulator, SimulatorOptions, open_simulator

if TYPE_CHECKING:
    from tests.simulator.conftest import WireClient

RECORDINGS: Final = Path(__file__).parents[1] / "recordings" / "converse_stream"
REAL_STREAMS: Final = (
    "pydantic_test_bedrock_model_thinking_part_stream_0",
    "pydantic_test_bedrock_model_thinking_part_redacted_stream_0",
    "pydantic_test_bedrock_native_output_stream_0",
)
EVERYTHING: Final = '[[think:a b c]][[redacted:xyz]][[say:a few words more]][[tool:Bash {"command": "ls -l /"}]]'


def shape(value: Any) -> Any:
    """Names and types, in the order on the wire."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return type(value).__name__


def recorded(name: str) -> list[tuple[bytes, str]]:
    """The header bytes and the shape of the payload of every frame, as JSON: dicts compare without their order."""
    recording = json.loads((RECORDINGS / f"{name}.json").read_text())
    return described(base64.b64decode(recording["response"]["raw_base64"]))


def described(raw: bytes) -> list[tuple[bytes, str]]:
    return [
        (encode_headers(frame.headers), json.dumps(shape(json.loads(frame.payload))))
        for frame in FrameDecoder().feed(raw)
    ]


@pytest.mark.parametrize("name", REAL_STREAMS)
async def test_every_recorded_kind_of_frame_looks_the_same_here(
    wire: WireClient, bash: dict[str, Any], name: str
) -> None:
    ours = described((await wire.stream(EVERYTHING, toolConfig=bash)).raw)
    # Claude's newer answers count server tools in the usage, those of the older recordings do not.
    theirs = {(headers, text.replace('"serverToolUsage": {}, ', "")) for headers, text in recorded(name)}
    assert theirs <= {(headers, text.replace('"serverToolUsage": {}, ', "")) for headers, text in ours}


async def test_a_plain_stream_has_the_recorded_order_of_events(wire: WireClient) -> None:
    reply = await wire.stream("[[say:one two three four five six]]")
    assert reply.kinds[0] == "messageStart"
    assert set(reply.kinds[1:-3]) == {"contentBlockDelta"}
    assert len(reply.kinds) > 5
    assert reply.kinds[-3:] == ["contentBlockStop", "messageStop", "metadata"]


async def test_only_tool_use_blocks_have_a_start(wire: WireClient, bash: dict[str, Any]) -> None:
    reply = await wire.stream(EVERYTHING, toolConfig=bash)
    starts = [payload for kind, payload in reply.events if kind == "contentBlockStart"]
    assert [start["contentBlockIndex"] for start in starts] == [3]
    assert list(starts[0]["start"]["toolUse"]) == ["name", "toolUseId", "type"]
    assert starts[0]["start"]["toolUse"]["toolUseId"].startswith("tooluse_")
    assert reply.kinds.count("contentBlockStop") == 4


async def test_every_event_is_padded_with_letters_and_digits(wire: WireClient) -> None:
    reply = await wire.stream("[[long:20000]]")
    paddings = [payload["p"] for _, payload in reply.events]
    assert all(padding.isalnum() for padding in paddings)
    assert len({len(padding) for padding in paddings}) > 10


async def test_a_chunk_holds_one_frame(wire: WireClient) -> None:
    reply = await wire.stream("[[say:one two three four five six seven]]")
    assert reply.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert str(UUID(reply.headers["x-amzn-requestid"])) == reply.headers["x-amzn-requestid"]
    assert [len(FrameDecoder().feed(chunk)) for chunk in reply.chunks] == [1] * len(reply.frames)


async def test_a_refusal_has_the_recorded_form(wire: WireClient) -> None:
    reply = await wire.stream("hello", model_id="us.does-not-exist-model-v1:0")
    assert reply.status == 400
    assert reply.raw == b'{"message":"The provided model identifier is invalid."}'
    assert reply.headers["content-type"] == "application/json"
    namespace = "http://internal.amazon.com/coral/com.amazon.bedrock/"
    assert reply.headers["x-amzn-errortype"] == f"ValidationException:{namespace}"


async def test_a_whole_answer_has_the_recorded_form(wire: WireClient, bash: dict[str, Any]) -> None:
    body = (await wire.whole(EVERYTHING, toolConfig=bash)).body
    assert list(body) == ["metrics", "output", "stopReason", "usage"]
    reasoning, redacted, text, tool_use = body["output"]["message"]["content"]
    assert list(reasoning["reasoningContent"]["reasoningText"]) == ["text", "signature"]
    assert redacted == {"reasoningContent": {"redactedContent": base64.b64encode(b"xyz").decode()}}
    assert text == {"text": "a few words more"}
    assert tool_use["toolUse"]["input"] == {"command": "ls -l /"}
    assert list(body["usage"]) == [
        "cacheReadInputTokenCount",
        "cacheReadInputTokens",
        "cacheWriteInputTokenCount",
        "cacheWriteInputTokens",
        "inputTokens",
        "outputTokens",
        "serverToolUsage",
        "totalTokens",
    ]


@pytest.mark.parametrize(
    "model_id",
    [
        "anthropic.claude-opus-5-5",
        "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        "us-gov.anthropic.claude-opus-5",
        "us.amazon.nova-micro-v1:0",
        "openai.gpt-oss-120b-1:0",
        "moonshot.kimi-k2-thinking",
        "deepseek.v3-v1:0",
        "arn:aws:bedrock:us-west-2:000000000000:inference-profile/us.anthropic.claude-opus-5-5",
        "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/a1b2c3",
    ],
)
async def test_model_ids_and_profile_arns_are_taken(wire: WireClient, simulator: Simulator, model_id: str) -> None:
    assert (await wire.stream("[[say:yes]]", model_id=model_id)).text == "yes"
    assert simulator.exchanges[-1].model_id == model_id


@pytest.mark.parametrize("model_id", ["claude-opus-5", "us.amazon.nova-micro-v1:O", "xx.anthropic.claude-opus-5", ".."])
async def test_other_model_ids_are_invalid(wire: WireClient, model_id: str) -> None:
    reply = await wire.whole("hello", model_id=model_id)
    assert reply.status in (400, 404)
    if model_id != "..":
        assert reply.message == "The provided model identifier is invalid."


async def test_connections_are_kept(wire: WireClient, simulator: Simulator) -> None:
    for _ in range(3):
        await wire.stream("[[say:a]]")
        await wire.whole("[[error:ThrottlingException]]")
    assert simulator.connections_accepted == 1


async def test_a_body_that_is_not_json_is_refused(wire: WireClient) -> None:
    reply = await wire.send("converse", b"{not json")
    assert reply.status == 400
    assert reply.headers["x-amzn-errortype"].startswith("SerializationException:")


async def test_other_paths_are_unknown_operations(simulator: Simulator) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{simulator.url}/model/x/converse") as response:
        assert response.status == 404
        assert response.headers["x-amzn-ErrorType"].startswith("UnknownOperationException:")


async def test_the_answer_comes_at_the_pace_that_was_asked_for() -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "[[long:160]]"}]}]}
    options = SimulatorOptions(tokens_per_second=200)
    async with open_simulator(options) as simulator, aiohttp.ClientSession() as session:
        for operation in ("converse-stream", "converse"):
            url = f"{simulator.url}/model/anthropic.claude-opus-5/{operation}"
            async with session.post(url, json=body) as response:
                await response.read()
    took = [exchange.ended - exchange.started for exchange in simulator.exchanges if exchange.ended is not None]
    # 160 characters are 40 tokens: a fifth of a second.
    assert all(0.2 <= seconds < 1.0 for seconds in took)
    assert len(took) == 2


# The real client


@pytest.fixture(scope="session")
def aws_session() -> Any:
    """One for all tests: it keeps the service model, which takes long to load."""
    session = get_session()
    session.set_credentials("made-up", "made-up")
    return session


def aws_client(aws_session: Any, service: str, simulator: Simulator) -> Any:
    config = AioConfig(retries={"total_max_attempts": 1})
    return aws_session.create_client(service, "us-west-2", endpoint_url=simulator.url, config=config)


async def test_the_aws_client_streams(aws_session: Any, simulator: Simulator, bash: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": [{"text": EVERYTHING}]}]
    async with aws_client(aws_session, "bedrock-runtime", simulator) as client:
        response = await client.converse_stream(
            modelId="us.anthropic.claude-opus-5-5", messages=messages, toolConfig=bash
        )
        events = [event async for event in response["stream"]]
        again = await client.converse(modelId="us.anthropic.claude-opus-5-5", messages=messages, toolConfig=bash)
    assert events[0] == {"messageStart": {"role": "assistant"}}
    assert events[-2] == {"messageStop": {"stopReason": "tool_use"}}
    assert again["stopReason"] == "tool_use"
    content = again["output"]["message"]["content"]
    assert content[1]["reasoningContent"]["redactedContent"] == b"xyz"
    assert content[3]["toolUse"]["input"] == {"command": "ls -l /"}
    assert simulator.connections_accepted == 1


async def test_the_aws_client_knows_the_errors(aws_session: Any, simulator: Simulator) -> None:
    def asking(text: str) -> dict[str, Any]:
        return {"modelId": "anthropic.claude-opus-5", "messages": [{"role": "user", "content": [{"text": text}]}]}

    async with aws_client(aws_session, "bedrock-runtime", simulator) as client:
        with pytest.raises(client.exceptions.ThrottlingException):
            await client.converse_stream(**asking("[[throttle:1]]"))
        with pytest.raises(ClientError, match="ExpiredTokenException"):
            await client.converse(**asking("[[error:ExpiredTokenException]]"))
        response = await client.converse_stream(**asking("[[say:a]][[exc:ModelStreamErrorException it broke]]"))
        with pytest.raises(EventStreamError, match=r"\(modelStreamErrorException\).*it broke"):
            [event async for event in response["stream"]]


async def test_the_aws_client_counts_tokens_and_reads_the_secret(aws_session: Any, simulator: Simulator) -> None:
    async with aws_client(aws_session, "bedrock-runtime", simulator) as client:
        counted = await client.count_tokens(
            modelId="anthropic.claude-opus-4-6-v1",
            input={"converse": {"messages": [{"role": "user", "content": [{"text": "x" * 400}]}]}},
        )
    async with aws_client(aws_session, "secretsmanager", simulator) as client:
        secret = await client.get_secret_value(SecretId="prod/chatrix/api-key")
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            await client.get_secret_value(SecretId="prod/chatrix/api-key", VersionStage="AWSPREVIOUS")
    assert counted["inputTokens"] == 100
    assert json.loads(secret["SecretString"]) == {"api_key": "chatrix-local-simulator-key"}
