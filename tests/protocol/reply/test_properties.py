"""What holds for every answer Bedrock may give: legal in, legal out; cut anywhere, never a short success."""

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.stop_reasons import STOP_REASONS
from tests.support.anthropic_stream import Reply, read_stream
from tests.support.converse_streams import Answer, Block, answers
from tests.support.recordings import Recording, recordings
from tests.support.translation import accumulate, translate

EACH_RECORDING = pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)


def spoken(blocks: tuple[Block, ...]) -> list[Block]:
    """Blocks that say something: empty text is no block, everything else is one."""
    return [block for block in blocks if block.kind != "text" or block.said]


def assert_says_the_same(reply: Reply, answer: Answer) -> None:
    expected = spoken(answer.blocks)
    assert [block["type"] for block in reply.blocks] == [block.kind for block in expected]
    for block, original in zip(reply.blocks, expected, strict=True):
        match original.kind:
            case "text":
                assert block["text"] == original.said
            case "thinking":
                assert (block["thinking"], block["signature"]) == (original.said, original.signature)
            case "redacted_thinking":
                assert block["data"] == original.said
            case _:
                assert block["name"] == original.tool[1]
                assert block["partial_json"] == original.said
    assert_ids_fit([block["id"] for block in reply.blocks if block["type"] == "tool_use"], expected)


def assert_ids_fit(ids: list[str], blocks: list[Block]) -> None:
    """Bedrock's own where nothing speaks against it: unique, and in Anthropic's pattern."""
    upstream = [block.tool[0] for block in blocks if block.kind == "tool_use"]
    assert len(set(ids)) == len(ids)
    for number, (client_id, original) in enumerate(zip(ids, upstream, strict=True)):
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", client_id)
        if re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", original) and original not in upstream[:number]:
            assert client_id == original


@given(answers())
@settings(deadline=None, max_examples=250)
def test_a_legal_converse_stream_gives_a_legal_anthropic_stream_that_says_the_same(answer: Answer) -> None:
    stream, error = translate([answer.wire])
    reply = read_stream(stream)
    assert error is None
    assert reply.whole
    assert_says_the_same(reply, answer)
    used_a_tool = any(block.kind == "tool_use" for block in answer.blocks)
    expected = STOP_REASONS[answer.stop_reason]
    assert reply.delta is not None
    assert reply.usage is not None
    assert reply.delta["stop_reason"] == ("tool_use" if used_a_tool and expected == "end_turn" else expected)
    if answer.has_metadata:
        assert reply.usage["input_tokens"] == answer.usage["inputTokens"]
        assert reply.usage["output_tokens"] == answer.usage["outputTokens"]
        assert reply.usage["cache_read_input_tokens"] == answer.usage["cacheReadInputTokens"]


@given(answers(), st.randoms())
@settings(deadline=None, max_examples=100)
def test_how_the_bytes_were_split_changes_nothing(answer: Answer, chance: random.Random) -> None:
    whole, _ = translate([answer.wire])
    pieces, at = [], 0
    while at < len(answer.wire):
        size = chance.choice((1, 2, 5, 30, 200))
        pieces.append(answer.wire[at : at + size])
        at += size
    assert translate(pieces) == (whole, None)


@given(answers(), st.data())
@settings(deadline=None, max_examples=100)
def test_a_cut_stream_is_never_passed_off_as_whole(answer: Answer, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(answer.wire) - 1))
    assert_cut_is_an_error(answer.wire, end)


@EACH_RECORDING
def test_a_recorded_stream_cut_at_every_byte_is_never_passed_off_as_whole(recording: Recording) -> None:
    for end in range(len(recording.wire)):
        assert_cut_is_an_error(recording.wire, end)


def assert_cut_is_an_error(wire: bytes, end: int) -> None:
    """`message_stop` may come only if messageStop had come whole; otherwise there is an error, after a true prefix."""
    stream, error = translate([wire[:end]])
    reply = read_stream(stream)
    if error is None:
        # Only what follows messageStop is missing: the answer itself is whole.
        assert reply.whole
        assert b'"stopReason"' in wire[:end]
        return
    assert not reply.whole
    whole, _ = translate([wire])
    assert whole.startswith(stream)


@EACH_RECORDING
def test_a_recorded_stream_translates_to_a_legal_one(recording: Recording) -> None:
    stream, error = translate([recording.wire])
    reply = read_stream(stream)
    assert error is None
    assert reply.whole
    texts = [frame["payload"].get("delta", {}).get("text", "") for frame in recording.frames]
    assert reply.text == "".join(texts)
    reasoning = [
        frame["payload"].get("delta", {}).get("reasoningContent", {}).get("text", "") for frame in recording.frames
    ]
    assert reply.thinking == "".join(reasoning)


@given(answers())
@settings(deadline=None, max_examples=100)
def test_a_whole_reply_is_the_streamed_one_accumulated(answer: Answer) -> None:
    stream, _ = translate([answer.wire])
    streamed = read_stream(stream)
    message = json.loads(accumulate(stream))
    assert message["type"] == "message"
    assert streamed.delta is not None
    assert message["stop_reason"] == streamed.delta["stop_reason"]
    assert streamed.usage is not None
    assert streamed.usage.items() <= message["usage"].items()
    for block, original in zip(message["content"], streamed.blocks, strict=True):
        if block["type"] == "tool_use":
            assert block["input"] == json.loads(original["partial_json"] or "{}")
        else:
            assert block == original
