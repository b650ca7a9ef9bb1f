"""Replies against the types of Anthropic's public SDK: nothing missing that strict clients want, no member made up.

An upgrade of the SDK that gives a reply a new member fails here, with its name.
"""

from collections.abc import Iterator
from typing import Any

import pydantic
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from hypothesis import given, settings

from gateway.protocol.citations import LOCATIONS
from gateway.protocol.stop_reasons import STOP_REASONS
from tests.protocol.reply.wire import (
    METADATA,
    START,
    block_stop,
    delta,
    event,
    stop,
    stream_of,
    tool_start,
    whole,
)
from tests.support.anthropic_stream import split_events
from tests.support.converse_streams import Answer, answers
from tests.support.recordings import Recording, recordings
from tests.support.translation import accumulate, translate

EVENTS = {
    "beta": pydantic.TypeAdapter[Any](BetaRawMessageStreamEvent),
    "public": pydantic.TypeAdapter[Any](RawMessageStreamEvent),
}
MESSAGES: dict[str, type[pydantic.BaseModel]] = {"beta": BetaMessage, "public": Message}

# Bedrock tells these at the end only, where the SDK's types do not have them; other readers of the stream do use them.
AT_THE_END_ONLY = {"usage.cache_creation", "usage.service_tier"}
# Members of the beta API, which clients of the other one pass over.
BETA_ONLY = {"context_management", "usage.iterations"}
# Said only if there is something to say, by the SDK's own words.
ONLY_IF_ANY = {
    "citations",
    "estimated_tokens",
    "input_transformations",
    "usage.fallback_credit",
    "content_block.caller",
    "content_block.toolset_name",
    "content_block.citations",
    "content.caller",
    "content.toolset_name",
    "content.citations",
    "stop_details.fallback_credit_token",
    "stop_details.fallback_has_prefill_claim",
    "stop_details.recommended_model",
}

EVERYTHING = [
    START,
    delta(0, reasoningContent={"text": "Hm."}),
    delta(0, reasoningContent={"signature": "EpM="}),
    block_stop(0),
    delta(1, reasoningContent={"redactedContent": "RXRrRQ=="}),
    block_stop(1),
    delta(2, text="It says so."),
    *(
        delta(
            2,
            citation={
                "title": "T",
                "sourceContent": [{"text": "so"}],
                "location": {kind: {"documentIndex": 0, "searchResultIndex": 0, "start": 0, "end": 1}},
            },
        )
        for kind in LOCATIONS
    ),
    delta(2, citation={"location": {"web": {"url": "https://example.org"}}}),
    block_stop(2),
    tool_start(3),
    delta(3, toolUse={"input": '{"command": "ls"}'}),
    block_stop(3),
    stop(
        "tool_use",
        usage={
            "output_tokens_details": {"thinking_tokens": 2},
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
        },
    ),
    event("metadata", usage={"inputTokens": 1, "outputTokens": 9, "cacheWriteInputTokens": 3}),
]


def made_up(value: Any, path: str) -> Iterator[str]:
    """Members that the SDK's types do not have, by their path; list indexes are left out."""
    if isinstance(value, list):
        for item in value:
            yield from made_up(item, path)
    if isinstance(value, pydantic.BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from made_up(getattr(value, name), f"{path}.{name}")


def missing(value: Any, path: str) -> Iterator[str]:
    """Members of the SDK's types that the reply does not have."""
    if isinstance(value, list):
        for item in value:
            yield from missing(item, path)
    if isinstance(value, pydantic.BaseModel):
        for name in type(value).model_fields:
            if name in value.model_fields_set:
                yield from missing(getattr(value, name), f"{path}.{name}")
            else:
                yield f"{path}.{name}"


def assert_fits(value: pydantic.BaseModel, name: str, api: str) -> None:
    allowed = (AT_THE_END_ONLY if name == "message_delta" else set()) | (BETA_ONLY if api == "public" else set())
    assert set(made_up(value, "")) <= {f".{path}" for path in allowed} | {f".message.{path}" for path in allowed}
    not_said = {path.removeprefix(".").removeprefix("message.").removeprefix("delta.") for path in missing(value, "")}
    assert not_said <= ONLY_IF_ANY


def assert_stream_fits(stream: bytes) -> None:
    for api, adapter in EVENTS.items():
        for name, payload in split_events(stream):
            assert_fits(adapter.validate_python(payload, strict=True), name, api)


def assert_message_fits(message: bytes) -> None:
    for api, kind in MESSAGES.items():
        assert_fits(kind.model_validate_json(message, strict=True), "message", api)


def test_an_answer_with_everything_fits_the_sdks_types_streamed_and_whole() -> None:
    stream = stream_of(*EVERYTHING)
    assert_stream_fits(stream)
    assert_message_fits(accumulate(stream))


@pytest.mark.parametrize("reason", STOP_REASONS)
def test_every_end_of_an_answer_fits_the_sdks_types(reason: str) -> None:
    stream = stream_of(START, delta(0, text="a"), block_stop(0), stop(reason), METADATA, stop_sequences=("A",))
    assert_stream_fits(stream)
    assert_message_fits(accumulate(stream))


def test_an_answer_without_counts_fits_the_sdks_types() -> None:
    stream = stream_of(START, delta(0, text="a"), block_stop(0), stop("end_turn"))
    assert_stream_fits(stream)
    assert_message_fits(accumulate(stream))


@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)
def test_a_recorded_answer_fits_the_sdks_types(recording: Recording) -> None:
    stream, error = translate([recording.wire])
    assert error is None
    assert_stream_fits(stream)
    assert_message_fits(accumulate(stream))


@given(answers())
@settings(deadline=None, max_examples=50)
def test_any_legal_answer_fits_the_sdks_types(answer: Answer) -> None:
    stream, _ = translate([answer.wire])
    assert_stream_fits(stream)
    assert_message_fits(accumulate(stream))


def test_a_made_up_member_would_be_noticed() -> None:
    message = whole(START, stop("end_turn"), METADATA)
    message["hologram"] = 1
    with pytest.raises(AssertionError):
        assert_fits(BetaMessage.model_validate(message), "message", "beta")
    del message["hologram"], message["container"]
    with pytest.raises(AssertionError):
        assert_fits(BetaMessage.model_validate(message), "message", "beta")
