"""Answers of models other than Claude, with their habits (messages-to-converse 2.3 and 7.5)."""

import json
from base64 import b64encode
from typing import Any

import pytest

from tests.protocol.reply.wire import (
    METADATA,
    START,
    STOP,
    block_stop,
    delta,
    ended,
    event,
    failure,
    read,
    stop,
    tool_start,
    whole,
)


def test_reasoning_without_a_signature_is_thinking_with_the_empty_one() -> None:
    """gpt-oss: an empty text block first, reasoning at 1, text at 2."""
    frames = [
        START,
        delta(0, text=""),
        block_stop(0),
        delta(1, reasoningContent={"text": "Hm."}),
        block_stop(1),
        delta(2, text="Hello."),
        block_stop(2),
        STOP,
        METADATA,
    ]
    expected = [{"type": "thinking", "thinking": "Hm.", "signature": ""}, {"type": "text", "text": "Hello."}]
    assert read(*frames).blocks == expected
    assert whole(*frames)["content"] == expected


def test_encrypted_reasoning_is_redacted_thinking() -> None:
    blob = b64encode(b"gAAAAABencrypted==").decode()
    (block,) = read(START, delta(0, reasoningContent={"redactedContent": blob}), block_stop(0), STOP, METADATA).blocks
    assert block == {"type": "redacted_thinking", "data": "gAAAAABencrypted=="}


def test_tags_of_thinking_inside_the_text_stay_text() -> None:
    """Nova 1 and Kimi. What is markup and what was said cannot be told apart: nothing is cut out."""
    text = " <think> The temperature in London is 30\N{DEGREE SIGN}C."
    assert read(START, delta(0, text=text), block_stop(0), STOP, METADATA).text == text


def test_an_ordinary_call_that_says_its_type_is_a_call() -> None:
    frames = [tool_start(0, type="tool_use"), delta(0, toolUse={"input": "{}"}), block_stop(0)]
    assert read(START, *frames, stop("tool_use"), METADATA).blocks[0]["type"] == "tool_use"


def server_tool(*results: Any) -> list[bytes]:
    """Nova's grounding: the call, its result, and then the answer, all in the assistant's turn."""
    result = {"toolResult": {"toolUseId": "t1", "type": "nova_grounding_result", "status": "success"}}
    return [
        START,
        tool_start(0, "nova_grounding", "t1", type="server_tool_use"),
        delta(0, toolUse={"input": '{"query":'}),
        delta(0, toolUse={"input": ' "x"}'}),
        block_stop(0),
        event("contentBlockStart", contentBlockIndex=1, start=result),
        *(delta(1, toolResult=[piece]) for piece in results),
        block_stop(1),
        delta(2, text="It is so."),
        block_stop(2),
        STOP,
        METADATA,
    ]


def test_a_tool_that_bedrock_ran_by_itself_is_told_as_text_and_never_as_a_call_to_answer() -> None:
    frames = server_tool({"text": "Found."}, {"json": {"n": 1}})
    message = whole(*frames)
    assert [block["type"] for block in message["content"]] == ["text", "text", "text"]
    call, result, answer = (block["text"] for block in message["content"])
    assert "nova_grounding" in call
    assert json.loads(call[call.index("{") :]) == {"query": "x"}
    assert "Found." in result
    assert '{"n":1}' in result
    assert answer == "It is so."
    assert message["stop_reason"] == "end_turn"


def test_a_result_without_a_start_is_told_too() -> None:
    assert read(START, delta(0, toolResult=[{"text": "Found."}]), block_stop(0), STOP, METADATA).text == "Found."


@pytest.mark.parametrize(
    "frame",
    [
        event("contentBlockStart", contentBlockIndex=0, start={"image": {"format": "png"}}),
        delta(0, image={"source": {"bytes": "AAAA"}}),
        event("contentBlockStart", contentBlockIndex=0, start={"video": {}}),
        delta(0, video={}),
    ],
    ids=["image start", "image delta", "unknown start", "unknown delta"],
)
def test_content_that_a_messages_client_cannot_be_given_is_an_error_and_not_a_hole(frame: bytes) -> None:
    _, message = failure(START, frame, block_stop(0), STOP, METADATA)
    assert "not asked for" in message


FORMAT = [tool_start(0, "answer_in_format"), delta(0, toolUse={"input": '{"a":'}), delta(0, toolUse={"input": "1}"})]


def test_the_input_of_the_format_tool_is_the_text_of_the_answer() -> None:
    frames = [START, *FORMAT, block_stop(0), stop("tool_use"), METADATA]
    reply = read(*frames, format_tool="answer_in_format")
    assert reply.blocks == [{"type": "text", "text": '{"a":1}'}]
    assert ended(reply)["stop_reason"] == "end_turn"
    assert whole(*frames, format_tool="answer_in_format")["content"] == reply.blocks


@pytest.mark.parametrize("fragments", [[], [""]], ids=["no delta", "an empty one"])
def test_an_answer_in_a_format_without_members_is_an_empty_object_and_not_nothing(fragments: list[str]) -> None:
    said = [delta(0, toolUse={"input": fragment}) for fragment in fragments]
    frames = [START, tool_start(0, "answer_in_format"), *said, block_stop(0), stop("tool_use"), METADATA]
    assert read(*frames, format_tool="answer_in_format").text == "{}"
    assert whole(*frames, format_tool="answer_in_format")["content"] == [{"type": "text", "text": "{}"}]


def test_what_a_model_says_before_the_format_tool_is_thinking_and_no_second_answer() -> None:
    """Nova thinks aloud, in a text block. A client that parses the text blocks as JSON would fail on it."""
    aloud = [delta(0, text="<thinking> The user "), delta(0, text="wants a.</thinking>"), block_stop(0)]
    call = [tool_start(1, "answer_in_format"), delta(1, toolUse={"input": '{"a":1}'}), block_stop(1)]
    frames = [START, *aloud, *call, stop("tool_use"), METADATA]
    expected = [
        {"type": "thinking", "thinking": "<thinking> The user wants a.</thinking>", "signature": ""},
        {"type": "text", "text": '{"a":1}'},
    ]
    assert read(*frames, format_tool="answer_in_format").blocks == expected
    assert whole(*frames, format_tool="answer_in_format")["content"] == expected


def test_what_a_model_says_after_the_format_tool_is_no_second_answer() -> None:
    after = [block_stop(0), delta(1, text="Done."), block_stop(1)]
    blocks = read(START, *FORMAT, *after, stop("tool_use"), METADATA, format_tool="answer_in_format").blocks
    assert blocks == [
        {"type": "text", "text": '{"a":1}'},
        {"type": "thinking", "thinking": "Done.", "signature": ""},
    ]


def test_text_before_a_call_of_another_tool_keeps_its_place() -> None:
    said = [delta(0, text="I look it up."), block_stop(0), tool_start(1), block_stop(1)]
    blocks = read(START, *said, stop("tool_use"), METADATA, format_tool="answer_in_format").blocks
    assert [block["type"] for block in blocks] == ["text", "tool_use"]


def test_a_model_that_answers_in_text_and_calls_no_format_tool_has_answered() -> None:
    blocks = [delta(0, text='{"a":'), delta(0, text="1}"), block_stop(0)]
    frames = [START, *blocks, stop("end_turn"), METADATA]
    assert read(*frames, format_tool="answer_in_format").blocks == [{"type": "text", "text": '{"a":1}'}]
    assert whole(*frames, format_tool="answer_in_format")["content"] == [{"type": "text", "text": '{"a":1}'}]


def test_a_citation_stays_behind_the_text_that_it_belongs_to() -> None:
    location = {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}
    cited = delta(0, citation={"title": "t", "sourceContent": [{"text": "q"}], "location": location})
    frames = [START, delta(0, text="so"), cited, delta(0, text=" far"), block_stop(0), stop("end_turn"), METADATA]
    (block,) = read(*frames, format_tool="answer_in_format").blocks
    assert block["text"] == "so far"
    assert len(block["citations"]) == 1


def test_an_answer_in_a_format_that_was_cut_short_says_so() -> None:
    reply = read(START, *FORMAT, block_stop(0), stop("max_tokens"), METADATA, format_tool="answer_in_format")
    assert ended(reply)["stop_reason"] == "max_tokens"


def test_a_call_beside_the_format_tool_is_still_a_call() -> None:
    frames = [START, *FORMAT, block_stop(0), tool_start(1), block_stop(1), stop("tool_use"), METADATA]
    assert ended(read(*frames, format_tool="answer_in_format"))["stop_reason"] == "tool_use"
