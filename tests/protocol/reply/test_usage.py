"""Token counts: estimated at the start, true at the end, and never invented (messages-to-converse 5.5)."""

from typing import Any

import pytest

from gateway.protocol.usage import SERVICE_TIERS
from tests.protocol.reply.wire import METADATA, START, STOP, block_stop, counted, delta, event, read, stop, whole
from tests.support.botocore_model import shape
from tests.support.translation import make_translator, translate

COUNTS = {"inputTokens": 10, "outputTokens": 40, "cacheReadInputTokens": 20, "cacheWriteInputTokens": 30}


def metadata(**usage: Any) -> bytes:
    return event("metadata", usage={**COUNTS, **usage})


def test_usage_arrives_whichever_comes_first() -> None:
    for ending in ([STOP, METADATA], [METADATA, STOP]):
        usage = read(START, *ending).usage
        assert usage is not None
        assert (usage["input_tokens"], usage["output_tokens"]) == (3, 4)


def test_message_start_carries_the_estimate_and_message_delta_the_truth() -> None:
    reply = read(START, delta(0, text="a"), block_stop(0), STOP, METADATA, input_tokens_estimate=5)
    assert reply.message is not None
    assert reply.message["usage"]["input_tokens"] == 5
    assert counted(reply)["input_tokens"] == 3


def test_a_whole_reply_shows_the_truth_alone() -> None:
    usage = whole(START, STOP, metadata(), input_tokens_estimate=99)["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (10, 40)


def test_what_an_sdk_keeps_of_message_start_is_null_rather_than_wrong() -> None:
    reply = read(START, STOP, metadata())
    assert reply.message is not None
    assert reply.message["usage"]["cache_creation"] is None
    assert reply.message["usage"]["service_tier"] is None


@pytest.mark.parametrize("ending", [[STOP], [event("metadata", metrics={"latencyMs": 5}), STOP]])
def test_without_counts_the_answer_is_whole_and_nobody_is_billed_by_an_estimate(ending: list[bytes]) -> None:
    translator = make_translator(input_tokens_estimate=500)
    stream, error = translate([b"".join([START, delta(0, text="a"), block_stop(0), *ending])], translator)
    assert error is None
    assert b'"input_tokens":500' in stream.partition(b"\n\n")[0]
    assert translator.done
    assert translator.usage is None
    usage = whole(START, delta(0, text="a"), block_stop(0), *ending, input_tokens_estimate=500)["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["cache_creation"]) == (0, 0, None)


def test_cache_counts_keep_their_buckets() -> None:
    details = [{"ttl": "1h", "inputTokens": 12}, {"ttl": "5m", "inputTokens": 18}]
    assert counted(read(START, STOP, metadata(cacheDetails=details))) == {
        "input_tokens": 10,
        "output_tokens": 40,
        "output_tokens_details": None,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 18, "ephemeral_1h_input_tokens": 12},
        "server_tool_use": None,
        "service_tier": "standard",
        "iterations": None,
    }


TOLD = {"usage": {"cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 25}}}


@pytest.mark.parametrize(
    ("fields", "details", "only_1h_cache", "one_hour"),
    [
        (TOLD, [{"ttl": "1h", "inputTokens": 12}, {"ttl": "5m", "inputTokens": 18}], False, 25),
        (TOLD["usage"], None, False, 25),
        ({"usage": {"cache_creation": {"ephemeral_1h_input_tokens": 31}}}, None, False, 0),
        (
            {"usage": {"cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 1}}},
            None,
            True,
            30,
        ),
        ({}, [{"ttl": "1h", "inputTokens": 30}], False, 30),
        ({}, [{"ttl": "1h", "inputTokens": 31}], False, 0),
        ({}, [{"ttl": "1h", "inputTokens": 12}], True, 30),
        ({}, None, False, 0),
        ({}, None, True, 30),
        ({}, [], True, 30),
    ],
    ids=[
        "the model's own split first",
        "not nested",
        "half a split",
        "a split that does not add up",
        "Converse's details",
        "details that add up to more",
        "details that add up to less",
        "nothing told: 5 minutes",
        "nothing told: the request asked for 1 hour only",
        "empty details",
    ],
)
def test_the_split_of_cache_writes_by_ttl_always_adds_up(
    fields: dict[str, Any], details: Any, only_1h_cache: bool, one_hour: int
) -> None:
    usage = counted(
        read(START, stop("end_turn", **fields), metadata(cacheDetails=details), only_1h_cache=only_1h_cache)
    )
    assert usage["cache_creation_input_tokens"] == 30
    assert usage["cache_creation"] == {
        "ephemeral_5m_input_tokens": 30 - one_hour,
        "ephemeral_1h_input_tokens": one_hour,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"usage": {"output_tokens_details": {"thinking_tokens": 17}}}, {"thinking_tokens": 17}),
        ({"output_tokens_details": {"thinking_tokens": 0}}, {"thinking_tokens": 0}),
        ({"usage": {"output_tokens_details": {"thinking_tokens": 41}}}, None),
        ({"usage": {"output_tokens_details": {"thinking_tokens": "17"}}}, None),
        ({"usage": {"output_tokens_details": None}}, None),
        ({"usage": "?"}, None),
    ],
)
def test_thinking_tokens_are_told_as_far_as_they_are_known(fields: dict[str, Any], expected: Any) -> None:
    assert counted(read(START, stop("end_turn", **fields), metadata()))["output_tokens_details"] == expected


def test_the_models_own_fields_are_read_from_metadata_too() -> None:
    fields = {"usage": {"output_tokens_details": {"thinking_tokens": 17}}}
    ending = event("metadata", usage=COUNTS, additionalModelResponseFields=fields)
    assert counted(read(START, STOP, ending))["output_tokens_details"] == {"thinking_tokens": 17}


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        (None, "standard"),
        ({"type": "priority"}, "priority"),
        ({"type": "default"}, "standard"),
        ({"type": "flex"}, "standard"),
        ({"type": "tomorrow"}, "standard"),
        ("priority", "standard"),
    ],
)
def test_the_service_tier_is_in_anthropics_words(tier: Any, expected: str) -> None:
    usage = whole(START, STOP, event("metadata", usage=COUNTS, serviceTier=tier))["usage"]
    assert usage["service_tier"] == expected


def test_every_service_tier_of_botocores_model_has_a_row() -> None:
    assert set(shape("ServiceTierType")["enum"]) == set(SERVICE_TIERS)


def test_odd_usage_numbers_do_not_break_a_whole_answer() -> None:
    counts = {
        "inputTokens": None,
        "outputTokens": "7",
        "cacheReadInputTokens": -1,
        "cacheDetails": [None, {"ttl": "1h"}],
    }
    assert read(START, STOP, event("metadata", usage=counts)).whole
