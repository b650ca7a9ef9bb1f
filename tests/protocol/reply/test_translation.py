"""The stream translator, rule by rule (messages-to-converse 5.2 to 5.5)."""

from base64 import b64encode
from typing import Any

import orjson
import pytest

from gateway.protocol import sse
from gateway.protocol.eventstream import Frame, encode_event, encode_exception, encode_frame
from tests.protocol.reply.wire import (
    METADATA,
    START,
    STOP,
    block_stop,
    delta,
    event,
    failure,
    read,
    tool_start,
)
from tests.support.anthropic_stream import read_stream
from tests.support.translation import make_translator, translate


def test_message_start_echoes_the_callers_model_name() -> None:
    reply = read(START, STOP, METADATA, model_name="opus[1m]", message_id="msg_1")
    assert reply.message is not None
    assert reply.message["model"] == "opus[1m]"
    assert reply.message["id"] == "msg_1"


def test_text_opens_its_block_at_the_first_delta() -> None:
    assert read(START, delta(0, text="a"), delta(0, text="b"), block_stop(0), STOP, METADATA).text == "ab"


def test_a_block_of_empty_text_takes_no_index() -> None:
    reply = read(START, delta(0, text=""), block_stop(0), delta(1, text="a"), block_stop(1), STOP, METADATA)
    assert [block["text"] for block in reply.blocks] == ["a"]


def test_white_space_is_real_output() -> None:
    assert read(START, delta(0, text="\n"), block_stop(0), STOP, METADATA).text == "\n"


def test_an_empty_thinking_delta_before_the_signature_gives_a_signed_empty_block() -> None:
    frames = [delta(0, reasoningContent={"text": ""}), delta(0, reasoningContent={"signature": "EpM="}), block_stop(0)]
    (block,) = read(START, *frames, STOP, METADATA).blocks
    assert block == {"type": "thinking", "thinking": "", "signature": "EpM="}


def test_redacted_thinking_in_a_row_comes_back_as_anthropics_own_base64() -> None:
    blobs = [b64encode(blob).decode() for blob in (b"EtkEone==", b"EqADtwo=")]
    frames = [
        frame
        for index, blob in enumerate(blobs)
        for frame in (delta(index, reasoningContent={"redactedContent": blob}), block_stop(index))
    ]
    assert [block["data"] for block in read(START, *frames, STOP, METADATA).blocks] == ["EtkEone==", "EqADtwo="]


def test_redacted_content_of_another_vendor_that_is_no_text_does_not_end_the_answer() -> None:
    blob = b64encode(b"\xff\xfe\x00").decode()
    (block,) = read(START, delta(0, reasoningContent={"redactedContent": blob}), block_stop(0), STOP, METADATA).blocks
    assert block == {"type": "redacted_thinking", "data": blob}


def test_redacted_content_that_is_not_base64_is_an_error() -> None:
    _, message = failure(START, delta(0, reasoningContent={"redactedContent": "%%%"}), block_stop(0), STOP)
    assert "base64" in message


def test_a_tool_name_is_given_back_as_the_caller_wrote_it() -> None:
    long_name = "mcp__server__" + "x" * 80
    (block,) = read(
        START, tool_start(0, "short_1"), block_stop(0), STOP, METADATA, tool_names={"short_1": long_name}
    ).blocks
    assert block["name"] == long_name


def test_tool_input_passes_verbatim_and_an_empty_piece_says_nothing() -> None:
    pieces = ['{"a": 9', "", "007199254740993123}"]
    frames = [tool_start(0), *(delta(0, toolUse={"input": piece}) for piece in pieces), block_stop(0)]
    (block,) = read(START, *frames, STOP, METADATA).blocks
    assert block["partial_json"] == '{"a": 9007199254740993123}'


def test_a_missing_block_stop_is_made_up_for_by_the_next_block_and_by_the_end() -> None:
    reply = read(START, delta(0, text="a"), tool_start(1), delta(1, toolUse={"input": "{}"}), STOP, METADATA)
    assert [block["type"] for block in reply.blocks] == ["text", "tool_use"]


def test_a_start_without_content_takes_its_type_from_the_first_delta() -> None:
    opening = event("contentBlockStart", contentBlockIndex=0, start={})
    assert read(START, opening, delta(0, text="a"), block_stop(0), STOP, METADATA).text == "a"


def test_padding_unknown_events_and_unknown_members_are_passed_over_and_counted() -> None:
    translator = make_translator()
    frames = [
        event("messageStart", role="assistant", p="abc", new=1),
        event("somethingNew", a=1),
        event("contentBlockDelta", contentBlockIndex=0, delta={}),
        event("contentBlockDelta", contentBlockIndex=0, delta={"text": "a", "extra": 1}, p="x"),
        event("contentBlockDelta", contentBlockIndex=0, delta={"hologram": {}}),
        block_stop(0),
        STOP,
        METADATA,
    ]
    stream, error = translate([b"".join(frames)], translator)
    assert error is None
    assert read_stream(stream).text == "a"
    assert translator.unknown_events == 3


@pytest.mark.parametrize("payload", [b"", b"not JSON", b"[1]", b"\xff"])
def test_the_payload_of_an_unknown_event_may_be_anything(payload: bytes) -> None:
    translator = make_translator()
    frame = Frame({":message-type": "event", ":event-type": "somethingNew"}, payload)
    assert translator.feed(frame) == b""
    assert translator.feed(frame) == b""
    assert translator.unknown_events == 2


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        ([], "before completion"),
        ([START], "before completion"),
        ([START, delta(0, text="a")], "before completion"),
        ([START, START], "twice"),
        ([START, STOP, STOP], "twice"),
        ([START, STOP, delta(0, text="a")], "after the end"),
        ([START, delta(0, text="a"), block_stop(0), delta(0, text="b")], "went back"),
        ([START, delta(1, text="a"), delta(0, text="b")], "went back"),
        ([START, delta(1, text="a"), block_stop(0)], "after a later one"),
        ([START, tool_start(0), tool_start(0)], "went back"),
        ([START, delta(0, text="a"), delta(0, toolUse={"input": "{}"})], "not a tool call"),
        ([START, delta(0, text="a"), delta(0, reasoningContent={"text": "b"})], "mixed"),
        ([START, tool_start(0), delta(0, text="a")], "mixed"),
        ([START, event("contentBlockDelta", contentBlockIndex=0)], "without its content"),
        ([START, event("contentBlockDelta", delta={"text": "a"})], "without its block index"),
        ([START, event("contentBlockDelta", contentBlockIndex=True, delta={"text": "a"})], "without its block index"),
        ([START, delta(0, text=5)], "wrong type"),
        ([START, delta(0, reasoningContent="a")], "wrong type"),
        ([START, delta(0, hologram={})], "not asked for: hologram"),
        ([START, delta(0, image={"source": {}})], "not asked for: image"),
        ([START, delta(0, text="a"), delta(0, image={"source": {}})], "not asked for: image"),
        ([START, tool_start(0), delta(0, toolUse={})], "without its text"),
        ([START, event("contentBlockStart", contentBlockIndex=0, start={"image": {}})], "not asked for"),
        ([START, event("contentBlockStart", contentBlockIndex=0, start={"toolUse": {"name": "a"}})], "name or id"),
        ([START, event("messageStop")], "without a stop reason"),
        ([START, encode_event("contentBlockDelta", b'{"contentBlockIndex":0,')], "not JSON"),
        ([START, encode_event("contentBlockDelta", b"[]")], "not a JSON object"),
        ([START, encode_frame({":event-type": "messageStop"}, b"{}")], "neither an event nor an error"),
    ],
)
def test_a_stream_that_breaks_its_rules_is_an_error(frames: list[bytes], says: str) -> None:
    _, message = failure(*frames)
    assert says in message


def test_an_exception_in_the_stream_ends_it_after_what_was_said() -> None:
    exception = encode_exception("throttlingException", b'{"message":"Too many tokens, please wait."}')
    stream, error = translate([START + delta(0, text="a") + exception])
    assert read_stream(stream).text == "a"
    assert error is not None
    assert (error.type, error.upstream_message) == ("rate_limit_error", "Too many tokens, please wait.")


def test_an_error_message_is_told_in_our_words() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "secret detail"}
    _, message = failure(START, encode_frame(headers, b""))
    assert "InternalFailure" in message
    assert "secret detail" not in message


def test_of_an_error_code_no_arn_comes_out() -> None:
    headers = {":message-type": "error", ":error-code": "Denied arn:aws:iam::123456789012:user/bob"}
    _, message = failure(START, encode_frame(headers, b""))
    assert message.endswith("(Denied (ARN)).")


def test_an_unknown_stop_reason_is_cut_and_names_nobody() -> None:
    reason = f"arn:aws:iam::123456789012:user/bob {'x' * 200}"
    stream, _ = translate([START + encode_event("messageStop", orjson.dumps({"stopReason": reason})) + METADATA])
    [told] = [event["delta"]["stop_reason"] for event in sse.decode(stream) if event["type"] == "message_delta"]
    assert told == f"(ARN) {'x' * 74}"


@pytest.mark.parametrize(
    "usage", [{}, {"inputTokens": 5}, {"inputTokens": -1, "outputTokens": 2}, {"inputTokens": "5"}]
)
def test_usage_without_sound_numbers_counts_as_never_told(usage: dict[str, Any]) -> None:
    translator = make_translator()
    stream, error = translate([START + STOP + encode_event("metadata", orjson.dumps({"usage": usage}))], translator)
    assert error is None
    assert b"message_stop" in stream
    assert translator.usage is None


def test_nothing_after_the_end_is_translated_twice() -> None:
    translator = make_translator()
    stream, _ = translate([START + STOP + METADATA + METADATA], translator)
    assert stream.count(b"event: message_stop") == 1


def test_what_follows_the_end_changes_nothing() -> None:
    exception = encode_exception("throttlingException", b'{"message":"slow down"}')
    assert read(START, delta(0, text="a"), block_stop(0), STOP, METADATA, exception).text == "a"


def test_an_exception_without_a_readable_message_keeps_its_type() -> None:
    stream, error = translate([START + encode_exception("throttlingException", b"")])
    assert read_stream(stream).message is not None
    assert error is not None
    assert error.type == "rate_limit_error"


def test_a_request_for_no_tokens_gets_none() -> None:
    reply = read(
        START, delta(0, text="a"), block_stop(0), event("messageStop", stopReason="max_tokens"), METADATA, max_tokens=0
    )
    assert reply.blocks == []
    assert reply.whole
