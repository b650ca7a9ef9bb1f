"""Fields of the request itself: limits, sampling, stop sequences, system, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.catalog import MODELS
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import Message, MessagesRequest
from gateway.protocol.to_converse import encode, to_converse

Translate = Callable[..., Any]
BILLING = "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=sdk-cli;"


def test_the_model_is_not_in_the_body(translate: Translate) -> None:
    assert list(translate(system="s").request) == [
        "messages",
        "system",
        "inferenceConfig",
        "additionalModelResponseFieldPaths",
    ]


@pytest.mark.parametrize(
    ("wanted", "sent", "approximated"),
    [(1000, 1000, ()), (64_000, 64_000, ()), (128_000, 64_000, ("max_tokens",)), (0, 1, ("max_tokens",))],
)
def test_max_tokens_stays_within_the_models_limits(
    translate: Translate, wanted: int, sent: int, approximated: tuple[str, ...]
) -> None:
    outcome = translate(max_tokens=wanted)
    assert outcome.request["inferenceConfig"] == {"maxTokens": sent}
    assert outcome.approximated == approximated


def test_counting_sends_no_limit() -> None:
    request = MessagesRequest(model="m", messages=(Message("user", "Hi"),))
    translation = to_converse(request, MODELS[0], Disposition())
    assert "inferenceConfig" not in translation.request


def test_sampling_goes_to_its_places(translate: Translate) -> None:
    outcome = translate(temperature=0.5, top_p=0.9, top_k=40)
    assert outcome.request["inferenceConfig"] == {"maxTokens": 1000, "temperature": 0.5, "topP": 0.9}
    assert outcome.claude_fields == {"top_k": 40}


def test_default_sampling_is_dropped_where_the_model_has_none(translate: Translate) -> None:
    outcome = translate(model="claude-opus-5-5", temperature=1, top_p=1.0)
    assert outcome.request["inferenceConfig"] == {"maxTokens": 1000}
    assert outcome.dropped == ("temperature", "top_p")


def test_other_sampling_is_passed_on_so_that_bedrock_can_refuse_it(translate: Translate) -> None:
    outcome = translate(model="claude-opus-5-5", temperature=0)
    assert outcome.request["inferenceConfig"] == {"maxTokens": 1000, "temperature": 0}
    assert outcome.dropped == ()


def test_claude_is_always_asked_for_what_converse_leaves_out(translate: Translate) -> None:
    assert translate().request["additionalModelResponseFieldPaths"] == [
        "/delta/stop_sequence",
        "/stop_sequence",
        "/delta/stop_details",
        "/stop_details",
        "/usage/output_tokens_details",
        "/usage/cache_creation",
    ]


def test_other_models_are_asked_for_nothing(translate: Translate) -> None:
    assert "additionalModelResponseFieldPaths" not in translate(model="nova-pro").request


def test_stop_sequences_are_sent_without_empty_ones(translate: Translate) -> None:
    outcome = translate(stop_sequences=["</block>", "", "END"])
    assert outcome.request["inferenceConfig"]["stopSequences"] == ["</block>", "END"]
    assert outcome.translation.stop_sequences == ("</block>", "END")


@pytest.mark.parametrize("stop_sequences", [None, [], [""]])
def test_no_stop_sequences_send_none(translate: Translate, stop_sequences: Any) -> None:
    outcome = translate(stop_sequences=stop_sequences)
    assert outcome.request["inferenceConfig"] == {"maxTokens": 1000}


@pytest.mark.parametrize(
    ("system", "sent"),
    [
        ("Be kind.", [{"text": "Be kind."}]),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": " "}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "text", "text": BILLING}, {"type": "text", "text": "b"}], "b"),
        ([{"type": "text", "text": f"{BILLING}\n"}, {"type": "text", "text": "b"}], "b"),
    ],
)
def test_the_system_prompt(translate: Translate, system: Any, sent: Any) -> None:
    outcome = translate(system=system)
    assert outcome.request["system"] == ([{"text": text} for text in sent] if isinstance(sent, str) else sent)
    assert outcome.dropped == ()


@pytest.mark.parametrize("system", [None, "", " ", [], [{"type": "text", "text": BILLING}], BILLING])
def test_an_empty_system_prompt_is_left_out(translate: Translate, system: Any) -> None:
    assert "system" not in translate(system=system).request


def test_a_text_that_only_begins_like_the_billing_line_is_the_callers(translate: Translate) -> None:
    system = f"{BILLING}\nYou are a pirate."
    assert translate(system=system).request["system"] == [{"text": system}]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"thread": {"id": "a"}}, "thread: "),
        ({"mcp_servers": [{"name": "a"}]}, "mcp_servers: "),
        ({"container": "c"}, "container: "),
    ],
)
def test_what_would_be_another_conversation_is_refused(
    translate: Translate, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        translate(**fields)
    assert refused.value.message.startswith(message)


def test_what_says_nothing_is_not_refused(translate: Translate) -> None:
    assert translate(thread=None, mcp_servers=[], context_management={}).dropped == ()


@pytest.mark.parametrize(
    ("fields", "sent", "dropped"),
    [
        ({"temperature": 0.5, "top_p": 1}, {"temperature": 0.5}, ("top_p",)),
        ({"temperature": 1, "top_p": 0.5}, {"topP": 0.5}, ("temperature",)),
        ({"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5, "topP": 0.5}, ()),
    ],
)
def test_of_temperature_and_top_p_a_default_one_goes(
    translate: Translate, fields: dict[str, Any], sent: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    outcome = translate(**fields)
    assert outcome.request["inferenceConfig"] == {"maxTokens": 1000, **sent}
    assert outcome.dropped == dropped


def test_top_k_stands_where_the_model_wants_it(translate: Translate) -> None:
    assert translate(top_k=5).claude_fields == {"top_k": 5}
    assert translate(model="nova-pro", top_k=5).claude_fields == {"inferenceConfig": {"topK": 5}}


def test_everything_converse_does_not_have_is_named(translate: Translate) -> None:
    fields: dict[str, Any] = {
        "metadata": {"user_id": "u"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
        "service_tier": "auto",
        "speed": "fast",
        "safeguards": [{"type": "a"}],
        "a_field_of_next_year": 1,
    }
    outcome = translate(**fields)
    assert sorted(outcome.dropped) == sorted(fields)
    assert outcome.claude_fields == {}


def test_a_request_too_deep_to_write_is_refused() -> None:
    value: dict[str, Any] = {}
    for _ in range(300):
        value = {"a": value}
    with pytest.raises(InvalidRequest):
        encode({"messages": [], "additionalModelRequestFields": value})
