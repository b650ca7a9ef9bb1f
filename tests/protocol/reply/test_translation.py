"""The stream translator, rule by rule (messages-to-converse 5.2 to 5.5)."""

import json
from base64 import b64encode
from typing import Any

import pytest

from gateway.protocol.citations import LOCATIONS
from gateway.protocol.eventstream import encode_event, encode_exception, encode_frame
from gateway.protocol.from_converse import MALFORMED, STOP_REASONS
from tests.support.anthropic_stream import Reply, read_stream
from tests.support.botocore_model import shape
from tests.support.translation import accumulate, make_translator, translate


def event(name: str, **payload: Any) -> bytes:
    return encode_event(name, json.dumps(payload).encode())


def delta(index: int, **content: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=content)


def tool_start(index: int, name: str = "Bash", tool_use_id: str = "tooluse_1") -> bytes:
    return event(
        "contentBlockStart", contentBlockIndex=index, start={"toolUse": {"toolUseId": tool_use_id, "name": name}}
    )


def block_stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


START = event("messageStart", role="assistant")
STOP = event("messageStop", stopReason="end_turn")
METADATA = event("metadata", usage={"inputTokens": 3, "outputTokens": 4, "totalTokens": 7})


def read(*frames: bytes, **arguments: Any) -> Reply:
    stream, error = translate([b"".join(frames)], make_translator(**arguments))
    assert error is None
    return read_stream(stream)


def failure(*frames: bytes, **arguments: Any) -> tuple[Reply, str]:
    stream, error = translate([b"".join(frames)], make_translator(**arguments))
    assert error is not None
    reply = read_stream(stream)
    assert not reply.whole
    return reply, error.message


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


def test_usage_arrives_whichever_comes_first() -> None:
    for ending in ([STOP, METADATA], [METADATA, STOP]):
        usage = read(START, *ending).usage
        assert usage is not None
        assert (usage["input_tokens"], usage["output_tokens"]) == (3, 4)


def test_without_metadata_the_answer_is_still_whole() -> None:
    assert read(START, delta(0, text="a"), block_stop(0), STOP).whole


def test_cache_counts_keep_their_buckets() -> None:
    counts = {
        "inputTokens": 10,
        "outputTokens": 1,
        "cacheReadInputTokens": 20,
        "cacheWriteInputTokens": 30,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 12}, {"ttl": "5m", "inputTokens": 18}],
    }
    usage = read(START, STOP, event("metadata", usage=counts)).usage
    assert usage == {
        "input_tokens": 10,
        "output_tokens": 1,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 18, "ephemeral_1h_input_tokens": 12},
    }


def test_odd_usage_numbers_do_not_break_a_whole_answer() -> None:
    counts = {
        "inputTokens": None,
        "outputTokens": "7",
        "cacheReadInputTokens": -1,
        "cacheDetails": [None, {"ttl": "1h"}],
    }
    assert read(START, STOP, event("metadata", usage=counts)).whole


@pytest.mark.parametrize(("reason", "expected"), STOP_REASONS.items())
def test_each_stop_reason(reason: str, expected: str) -> None:
    reply = read(START, event("messageStop", stopReason=reason), METADATA)
    assert reply.delta is not None
    assert reply.delta["stop_reason"] == expected
    assert (reply.delta["stop_details"] is not None) == (expected == "refusal")


@pytest.mark.parametrize("reason", MALFORMED)
def test_a_malformed_answer_is_an_error_and_never_an_end_of_turn(reason: str) -> None:
    reply, message = failure(START, delta(0, text="a"), event("messageStop", stopReason=reason), METADATA)
    assert reply.text == "a"
    assert "malformed" in message


def test_every_stop_reason_of_botocores_model_has_a_row() -> None:
    assert set(shape("StopReason")["enum"]) == set(STOP_REASONS) | set(MALFORMED)


def test_a_stop_reason_from_the_future_is_passed_on_and_counted() -> None:
    translator = make_translator()
    stream, error = translate([START + event("messageStop", stopReason="tired") + METADATA], translator)
    reply = read_stream(stream)
    assert error is None
    assert reply.delta is not None
    assert reply.delta["stop_reason"] == "tired"
    assert translator.unknown_events == 1


def test_a_tool_call_that_ends_with_end_turn_is_a_tool_use() -> None:
    reply = read(START, tool_start(0), block_stop(0), STOP, METADATA)
    assert reply.delta is not None
    assert reply.delta["stop_reason"] == "tool_use"


@pytest.mark.parametrize("fields", [{"stop_sequence": "B"}, {"delta": {"stop_sequence": "B"}}])
def test_the_stop_sequence_that_was_hit_is_named(fields: dict[str, Any]) -> None:
    stop = event("messageStop", stopReason="stop_sequence", additionalModelResponseFields=fields)
    reply = read(START, stop, METADATA, stop_sequences=("A", "B"))
    assert reply.delta is not None
    assert reply.delta["stop_sequence"] == "B"


def test_the_only_stop_sequence_needs_no_naming_and_among_two_none_is_guessed() -> None:
    stop = event("messageStop", stopReason="stop_sequence")
    for sequences, expected in ((("A",), "A"), (("A", "B"), None)):
        reply = read(START, stop, METADATA, stop_sequences=sequences)
        assert reply.delta is not None
        assert reply.delta["stop_sequence"] == expected


def test_padding_unknown_events_and_unknown_members_are_passed_over_and_counted() -> None:
    translator = make_translator()
    frames = [
        event("messageStart", role="assistant", p="abc", new=1),
        event("somethingNew", a=1),
        event("contentBlockDelta", contentBlockIndex=0, delta={"hologram": {}}),
        event("contentBlockDelta", contentBlockIndex=0, delta={}),
        event("contentBlockDelta", contentBlockIndex=0, delta={"text": "a", "extra": 1}, p="x"),
        block_stop(0),
        STOP,
        METADATA,
    ]
    stream, error = translate([b"".join(frames)], translator)
    assert error is None
    assert read_stream(stream).text == "a"
    assert translator.unknown_events == 3


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
    assert (error.type, error.message) == ("rate_limit_error", "Too many tokens, please wait.")


def test_an_error_message_is_told_in_our_words() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "secret detail"}
    _, message = failure(START, encode_frame(headers, b""))
    assert "InternalFailure" in message
    assert "secret detail" not in message


def test_nothing_after_the_end_is_translated_twice() -> None:
    translator = make_translator()
    stream, _ = translate([START + STOP + METADATA + METADATA], translator)
    assert stream.count(b"event: message_stop") == 1


def test_a_whole_reply_keeps_an_integer_beyond_64_bits() -> None:
    number = "123456789012345678901234567890"
    frames = [tool_start(0), delta(0, toolUse={"input": '{"n": ' + number + "}"}), block_stop(0)]
    stream, _ = translate([b"".join([START, *frames, event("messageStop", stopReason="tool_use"), METADATA])])
    assert number.encode() in accumulate(stream)


def test_a_tool_call_cut_short_by_max_tokens_keeps_what_is_whole() -> None:
    frames = [tool_start(0), delta(0, toolUse={"input": '{"path": "a.txt", "text": "unfin'}), block_stop(0)]
    stream, _ = translate([b"".join([START, *frames, event("messageStop", stopReason="max_tokens"), METADATA])])
    message = json.loads(accumulate(stream))
    assert message["stop_reason"] == "max_tokens"
    assert message["content"][0]["input"] == {"path": "a.txt"}


def test_a_broken_tool_call_is_never_part_of_a_whole_reply() -> None:
    frames = [tool_start(0), delta(0, toolUse={"input": '{"path": '}), block_stop(0)]
    stream, _ = translate([b"".join([START, *frames, event("messageStop", stopReason="tool_use"), METADATA])])
    with pytest.raises(Exception, match="not valid JSON"):
        accumulate(stream)


def test_a_stream_that_was_not_whole_does_not_accumulate() -> None:
    stream, _ = translate([START + delta(0, text="a")])
    with pytest.raises(Exception, match="not whole"):
        accumulate(stream)


CITATION = {"title": "Report", "source": "s", "sourceContent": [{"text": "the "}, {"text": "words"}]}


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (
            {"documentChar": {"documentIndex": 0, "start": 3, "end": 9}},
            {"type": "char_location", "document_index": 0, "start_char_index": 3, "end_char_index": 9},
        ),
        (
            {"documentPage": {"documentIndex": 1, "start": 1, "end": 2}},
            {"type": "page_location", "document_index": 1, "start_page_number": 1, "end_page_number": 2},
        ),
        (
            {"documentChunk": {"documentIndex": 0, "start": 0, "end": 1}},
            {"type": "content_block_location", "document_index": 0, "start_block_index": 0, "end_block_index": 1},
        ),
    ],
)
def test_a_citation_of_a_document_reaches_the_text_it_belongs_to(
    location: dict[str, Any], expected: dict[str, Any]
) -> None:
    frames = [delta(0, text="It says so."), delta(0, citation={**CITATION, "location": location}), block_stop(0)]
    stream, _ = translate([b"".join([START, *frames, STOP, METADATA])])
    citation = {**expected, "cited_text": "the words", "document_title": "Report", "file_id": None}
    (block,) = read_stream(stream).blocks
    assert block == {"type": "text", "text": "It says so.", "citations": [citation]}
    assert json.loads(accumulate(stream))["content"] == [block]


def test_a_citation_of_a_search_result_keeps_its_source() -> None:
    location = {"searchResultLocation": {"searchResultIndex": 2, "start": 0, "end": 1}}
    frames = [delta(0, citation={**CITATION, "location": location}), delta(0, text="a"), block_stop(0)]
    (block,) = read(START, *frames, STOP, METADATA).blocks
    assert block["citations"][0]["source"] == "s"
    assert block["citations"][0]["search_result_index"] == 2


def test_a_citation_that_anthropic_cannot_say_is_counted() -> None:
    translator = make_translator()
    web = delta(0, citation={**CITATION, "location": {"web": {"url": "https://example.org"}}})
    stream, error = translate([START + delta(0, text="a") + web + block_stop(0) + STOP + METADATA], translator)
    assert error is None
    assert read_stream(stream).text == "a"
    assert translator.unknown_events == 1


def test_every_citation_location_of_botocores_model_is_translated_or_known_to_have_no_counterpart() -> None:
    assert set(shape("CitationLocation")["members"]) == {*LOCATIONS, "web"}


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


def test_half_a_surrogate_pair_in_a_tool_call_passes_in_both_forms() -> None:
    frames = [tool_start(0), delta(0, toolUse={"input": '{"a": "\\ud83d"}'}), block_stop(0)]
    stream, _ = translate([b"".join([START, *frames, event("messageStop", stopReason="tool_use"), METADATA])])
    assert b'{"a": "\\ud83d"}' in accumulate(stream)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_tool_call_with_what_only_python_takes_for_json_is_no_reply(constant: str) -> None:
    frames = [tool_start(0), delta(0, toolUse={"input": '{"a": ' + constant + "}"}), block_stop(0)]
    stream, _ = translate([b"".join([START, *frames, event("messageStop", stopReason="tool_use"), METADATA])])
    with pytest.raises(Exception, match="not valid JSON"):
        accumulate(stream)
