"""Why an answer ended (messages-to-converse 5.2 and 5.3)."""

from typing import Any

import pytest

from gateway.protocol.response_fields import RESPONSE_FIELD_PATHS
from gateway.protocol.stop_reasons import EXPLANATIONS, MALFORMED, STOP_REASONS
from tests.protocol.reply.wire import (
    METADATA,
    START,
    STOP,
    block_stop,
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
from tests.support.translation import make_translator, translate


@pytest.mark.parametrize(("reason", "expected"), STOP_REASONS.items())
def test_each_stop_reason(reason: str, expected: str) -> None:
    end = ended(read(START, stop(reason), METADATA))
    assert end["stop_reason"] == expected
    assert (end["stop_details"] is not None) == (expected == "refusal")


@pytest.mark.parametrize("reason", MALFORMED)
def test_a_malformed_answer_is_an_error_and_never_an_end_of_turn(reason: str) -> None:
    reply, message = failure(START, delta(0, text="a"), stop(reason), METADATA)
    assert reply.text == "a"
    assert "malformed" in message


def test_every_stop_reason_of_botocores_model_has_a_row() -> None:
    assert set(shape("StopReason")["enum"]) == set(STOP_REASONS) | set(MALFORMED)


def test_a_stop_reason_from_the_future_is_passed_on_and_counted() -> None:
    translator = make_translator()
    stream, error = translate([START + stop("tired") + METADATA], translator)
    assert error is None
    assert ended(read_stream(stream))["stop_reason"] == "tired"
    assert translator.unknown_events == 1


def test_a_tool_call_that_ends_with_end_turn_is_a_tool_use() -> None:
    assert ended(read(START, tool_start(0), block_stop(0), STOP, METADATA))["stop_reason"] == "tool_use"


@pytest.mark.parametrize("reason", ["max_tokens", "content_filtered", "stop_sequence"])
def test_any_other_end_of_an_answer_with_a_tool_call_stays_what_it_is(reason: str) -> None:
    end = ended(read(START, tool_start(0), block_stop(0), stop(reason), METADATA))
    assert end["stop_reason"] == STOP_REASONS[reason]


@pytest.mark.parametrize("fields", [{"stop_sequence": "B"}, {"delta": {"stop_sequence": "B"}}])
def test_the_stop_sequence_that_was_hit_is_named(fields: dict[str, Any]) -> None:
    end = ended(read(START, stop("stop_sequence", **fields), METADATA, stop_sequences=("A", "B")))
    assert (end["stop_reason"], end["stop_sequence"]) == ("stop_sequence", "B")


def test_a_stop_sequence_is_named_only_where_it_was_the_reason() -> None:
    frames = [START, stop("end_turn", delta={"stop_sequence": None}), METADATA]
    assert ended(read(*frames, stop_sequences=("A",)))["stop_sequence"] is None


def test_the_only_stop_sequence_needs_no_naming_and_among_two_none_is_guessed() -> None:
    for sequences, expected in ((("A",), "A"), (("A", "B"), None)):
        end = ended(read(START, stop("stop_sequence"), METADATA, stop_sequences=sequences))
        assert end["stop_sequence"] == expected


@pytest.mark.parametrize("reason", EXPLANATIONS)
def test_a_refusal_of_bedrocks_says_which_one_it_was_in_both_forms(reason: str) -> None:
    frames = [START, delta(0, text="Sorry."), block_stop(0), stop(reason), METADATA]
    expected = {"type": "refusal", "category": None, "explanation": EXPLANATIONS[reason]}
    assert ended(read(*frames))["stop_details"] == expected
    message = whole(*frames)
    assert (message["stop_reason"], message["stop_details"]) == ("refusal", expected)
    assert message["content"] == [{"type": "text", "text": "Sorry."}]


@pytest.mark.parametrize("place", ["delta", "top level"])
@pytest.mark.parametrize("reason", ["content_filtered", "refusal"])
def test_what_claude_itself_says_about_a_refusal_is_passed_on(reason: str, place: str) -> None:
    told = {"type": "refusal", "category": "cyber", "explanation": "Why."}
    fields = {"delta": {"stop_details": told}} if place == "delta" else {"stop_details": told}
    end = ended(read(START, stop(reason, **fields), METADATA))
    assert (end["stop_reason"], end["stop_details"]) == ("refusal", told)


@pytest.mark.parametrize("odd", [None, "refusal", [], {}, {"category": "cyber"}])
def test_odd_details_of_a_refusal_do_not_reach_the_client(odd: Any) -> None:
    end = ended(read(START, stop("content_filtered", stop_details=odd), METADATA))
    assert end["stop_details"]["explanation"] == EXPLANATIONS["content_filtered"]
    assert end["stop_details"]["category"] is None


def test_the_fields_asked_of_claude_are_within_converses_limits() -> None:
    assert len(RESPONSE_FIELD_PATHS) == len(set(RESPONSE_FIELD_PATHS)) <= 10
    assert all(path.startswith("/") for path in RESPONSE_FIELD_PATHS)
