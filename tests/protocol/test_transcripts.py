"""The golden transcripts say what the code does, and there is one for everything that can be said."""

import json
from typing import Any, get_args
from urllib.parse import quote

import aiohttp
import pytest
from anthropic.types.beta import BetaMessage
from pydantic import ValidationError

from gateway.catalog import MODELS, resolve
from gateway.protocol.blocks import RequestBlock, ResultBlock
from gateway.protocol.messages import Thinking, Tool, ToolChoice
from gateway.protocol.stop_reasons import MALFORMED, STOP_REASONS
from gateway.simulator import SimulatorOptions, open_simulator
from tests.support.anthropic_stream import read_stream
from tests.support.botocore_model import shape
from tests.support.transcripts import ERROR_LINE, Transcript, transcripts

ALL = transcripts()
ANSWERED = [transcript for transcript in ALL if "reply.sse" in transcript.written]

each_transcript = pytest.mark.parametrize("transcript", ALL, ids=lambda transcript: transcript.name)
each_answered_one = pytest.mark.parametrize("transcript", ANSWERED, ids=lambda transcript: transcript.name)


@each_transcript
def test_a_transcript_is_what_the_code_makes(transcript: Transcript) -> None:
    """After a change that is meant: `make transcripts`, and review the diff like code."""
    assert transcript.written == transcript.outputs()


@each_answered_one
def test_a_transcripts_reply_is_a_legal_stream(transcript: Transcript) -> None:
    stream, _, failure = transcript.written["reply.sse"].partition(ERROR_LINE)
    assert read_stream(stream.encode()).whole != bool(failure)


def test_each_whole_reply_is_a_message_as_the_public_sdk_declares_it() -> None:
    refused = []
    for transcript in ANSWERED:
        try:
            if "reply.json" in transcript.written:
                BetaMessage.model_validate_json(transcript.written["reply.json"])
        except ValidationError as error:
            refused += [(transcript.name, problem["loc"]) for problem in error.errors()]
    assert refused == [("stops/unknown_reason", ("stop_reason",))], "which is passed on as it came"


async def test_bedrock_would_take_each_request() -> None:
    """The simulator is as strict as Bedrock: no transcript shows a request that would be refused."""
    refused = {}
    options = SimulatorOptions(tokens_per_second=0)
    async with open_simulator(options) as simulator, aiohttp.ClientSession() as session:
        for transcript in ANSWERED:
            converse = json.loads(transcript.written["converse.json"])
            url = f"{simulator.url}/model/{quote(converse['modelId'], safe='')}/converse-stream"
            async with session.post(url, json=converse["request"]) as response:
                if response.status != 200:
                    refused[transcript.name] = await response.text()
    assert refused == {}


def test_each_content_block_occurs() -> None:
    blocks = [block for transcript in ALL for block in _blocks(transcript.request["messages"])]
    results = [block for call in blocks if call["type"] == "tool_result" for block in _listed(call.get("content"))]
    assert _tags(RequestBlock) - {block["type"] for block in blocks} == set()
    assert _tags(ResultBlock) - {block["type"] for block in results} == set()


def test_each_kind_of_tool_tool_choice_and_thinking_occurs() -> None:
    requests = [transcript.request for transcript in ALL]
    tools = {tool.get("type", "custom") for request in requests for tool in request.get("tools", [])}
    assert _tags(Tool) - tools == set()
    for field, union in (("tool_choice", ToolChoice), ("thinking", Thinking)):
        assert _tags(union) - {request[field]["type"] for request in requests if field in request} == set()


def test_each_stop_reason_occurs_and_one_that_nobody_knows() -> None:
    reasons = {
        event["messageStop"]["stopReason"]
        for transcript in ALL
        for event in transcript.events
        if "messageStop" in event
    }
    known = {*STOP_REASONS, *MALFORMED}
    assert known - reasons == set()
    assert reasons - known


def test_each_family_of_models_and_each_set_of_capabilities_of_a_current_claude_occurs() -> None:
    resolutions = [resolve(transcript.request["model"], "us-west-2") for transcript in ALL]
    models = [resolution.model for resolution in resolutions if resolution is not None]
    assert {model.family for model in MODELS} - {model.family for model in models} == set()
    occurring = [model.capabilities for model in models]
    missing = [
        model.name for model in MODELS if model.is_claude and model.is_active and model.capabilities not in occurring
    ]
    assert missing == []


def test_each_exception_of_a_stream_occurs() -> None:
    exceptions = {name for transcript in ALL for event in transcript.events for name in event.get("exception", {})}
    members = shape("ConverseStreamOutput")["members"]
    assert {member for member in members if member.endswith("Exception")} - exceptions == set()


def _tags(union: Any) -> set[str]:
    return {member.__struct_config__.tag for member in get_args(union)}


def _blocks(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [block for message in messages for block in _listed(message["content"])]


def _listed(content: Any) -> list[dict[str, Any]]:
    return content if isinstance(content, list) else []
