"""The mistakes others make with replies: a test for each row of messages-to-converse 11 that is about them."""

import json
from base64 import b64encode

import pytest

from gateway.protocol.bedrock_errors import from_bedrock
from gateway.protocol.eventstream import encode_exception
from gateway.protocol.own_words import own_words
from gateway.protocol.stop_reasons import STOP_REASONS
from tests.protocol.reply.next_turn import content_sent_back
from tests.protocol.reply.wire import (
    METADATA,
    START,
    STOP,
    block_stop,
    counted,
    delta,
    ended,
    failure,
    read,
    stop,
    tool_start,
    whole,
)
from tests.support.anthropic_stream import read_stream
from tests.support.botocore_model import shape
from tests.support.translation import translate

SIGNATURE = "ErcBCkgIBhABGAIiQDYN+P1S3ACL3r24cAMKCrRNiuPPxvmT2uzREPLRyKEUXagRbXn97QCke6L7OEZvlh7NdA/MQ=="


def test_row_1_redacted_thinking_is_decoded_for_the_client_and_encoded_again_for_bedrock() -> None:
    """Dropped or passed on undecoded elsewhere; the next turn is then a 400 (litellm#25375, pi#8314)."""
    anthropics_base64 = "EuQFCkgIBxABGAIqQ=="
    blob = b64encode(anthropics_base64.encode()).decode()
    frames = [delta(0, reasoningContent={"redactedContent": blob}), block_stop(0)]
    content = whole(START, *frames, delta(1, text="a"), block_stop(1), STOP, METADATA)["content"]
    assert content[0] == {"type": "redacted_thinking", "data": anthropics_base64}
    assert content_sent_back(content)[0] == {"reasoningContent": {"redactedContent": blob}}


def test_row_2_a_signature_survives_the_round_trip_with_its_text() -> None:
    """Text read from the wrong member, signature lost (langchain-aws#844, spring-ai#6413)."""
    frames = [
        delta(0, reasoningContent={"text": "Hm, "}),
        delta(0, reasoningContent={"text": "yes."}),
        delta(0, reasoningContent={"signature": SIGNATURE}),
        block_stop(0),
    ]
    content = whole(START, *frames, delta(1, text="a"), block_stop(1), STOP, METADATA)["content"]
    assert content[0] == {"type": "thinking", "thinking": "Hm, yes.", "signature": SIGNATURE}
    expected = {"reasoningContent": {"reasoningText": {"text": "Hm, yes.", "signature": SIGNATURE}}}
    assert content_sent_back(content)[0] == expected


def test_row_3_empty_thinking_with_a_signature_is_given_and_taken_back() -> None:
    """The normal form when the display is omitted; refused locally elsewhere (rig#1674)."""
    frames = [delta(0, reasoningContent={"signature": SIGNATURE}), block_stop(0)]
    content = whole(START, *frames, delta(1, text="a"), block_stop(1), STOP, METADATA)["content"]
    assert content[0] == {"type": "thinking", "thinking": "", "signature": SIGNATURE}
    expected = {"reasoningContent": {"reasoningText": {"text": "", "signature": SIGNATURE}}}
    assert content_sent_back(content)[0] == expected


@pytest.mark.parametrize("ending", [[], [block_stop(0)], [block_stop(0), METADATA]])
def test_row_4_an_answer_without_message_stop_is_never_a_success(ending: list[bytes]) -> None:
    """Reported as end_turn elsewhere (pi#4210, litellm#32686)."""
    reply, message = failure(START, delta(0, text="half an ans"), *ending)
    assert reply.text == "half an ans"
    assert reply.delta is None
    assert "not whole" in message


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("internalServerException", 500, "api_error"),
        ("modelStreamErrorException", 500, "api_error"),
        ("serviceUnavailableException", 529, "overloaded_error"),
        ("throttlingException", 429, "rate_limit_error"),
        ("validationException", 400, "invalid_request_error"),
    ],
)
def test_row_5_each_exception_inside_the_stream_has_its_own_type(name: str, status: int, kind: str) -> None:
    """Ignored, or all 400 elsewhere (goose#9579, oh-my-pi#12449)."""
    exception = encode_exception(name, b'{"message":"what Bedrock said"}')
    stream, error = translate([START + delta(0, text="a") + exception])
    assert error is not None
    assert (error.status, error.type) == (status, kind)
    assert error.message == own_words(name, "") or name == "validationException"
    assert not read_stream(stream).whole


@pytest.mark.parametrize("pieces", [[], [""], ["{}"], ["{", "}"]])
def test_row_6_a_call_without_arguments_has_the_empty_object(pieces: list[str]) -> None:
    """Lost or null elsewhere (crewAI#5739, goai#5)."""
    frames = [tool_start(0), *(delta(0, toolUse={"input": piece}) for piece in pieces), block_stop(0)]
    (block,) = whole(START, *frames, stop("tool_use"), METADATA)["content"]
    assert block["input"] == {}


def test_row_6_no_piece_of_a_tools_input_is_lost() -> None:
    text = json.dumps({"path": "a/b.txt", "text": '\u00fc \n \\ " }', "list": [1, 2.50, None]})
    frames = [tool_start(0), *(delta(0, toolUse={"input": letter}) for letter in text), block_stop(0)]
    (streamed,) = read(START, *frames, stop("tool_use"), METADATA).blocks
    assert streamed["partial_json"] == text
    (block,) = whole(START, *frames, stop("tool_use"), METADATA)["content"]
    assert block["input"] == json.loads(text)


def test_row_7_a_stop_sequence_is_no_end_of_turn() -> None:
    """Collapsed to end_turn elsewhere (litellm#40064)."""
    frames = [START, delta(0, text="a"), block_stop(0)]
    ending = stop("stop_sequence", delta={"stop_sequence": "</block>"})
    end = ended(read(*frames, ending, METADATA, stop_sequences=("</block>", "STOP")))
    assert (end["stop_reason"], end["stop_sequence"]) == ("stop_sequence", "</block>")


def test_row_8_every_stop_reason_is_known_and_a_new_one_reaches_the_client() -> None:
    """New ones unhandled elsewhere (inspect_ai#2941)."""
    assert {reason for reason in shape("StopReason")["enum"] if not reason.startswith("malformed_")} == {*STOP_REASONS}
    end = ended(read(START, delta(0, text="a"), block_stop(0), stop("a_reason_of_tomorrow"), METADATA))
    assert end["stop_reason"] == "a_reason_of_tomorrow"


@pytest.mark.parametrize(
    "said",
    [
        "Too many tokens, please wait before trying again.",
        "Too many tokens per day, please wait before trying again.",
        "Too many input tokens, please wait before trying again.",
    ],
)
def test_row_9_a_throttle_is_never_an_overflow(said: str) -> None:
    """A client that compacts a throttled conversation throws history away (billion-context-pi#169)."""
    for name in ("ThrottlingException", "throttlingException", "ServiceQuotaExceededException"):
        error = from_bedrock(name, {"message": said})
        assert (error.status, error.type, error.upstream_message) == (429, "rate_limit_error", said)
        assert "too long" not in error.message


def test_row_20_the_order_of_metadata_and_message_stop_decides_nothing() -> None:
    """Published fixtures and recordings disagree about it."""
    replies = [read(START, delta(0, text="a"), block_stop(0), *order) for order in ([STOP, METADATA], [METADATA, STOP])]
    assert replies[0] == replies[1]
    assert counted(replies[0])["output_tokens"] == 4
