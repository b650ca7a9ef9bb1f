"""Betas: which go out, which are dropped by name, and what is sent when Bedrock refuses them all."""

from collections.abc import Callable
from typing import Any, get_args

import orjson
import pytest
from anthropic.types.anthropic_beta_param import AnthropicBetaParam

from gateway.catalog import resolve
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.features import FEATURES
from gateway.protocol.options import Options
from gateway.protocol.parsing import parse_count
from gateway.protocol.request_body import RequestBody
from gateway.protocol.to_converse import to_converse

INTERLEAVED = "interleaved-thinking-2025-05-14"
CONTEXT_1M = "context-1m-2025-08-07"
FINE_GRAINED = "fine-grained-tool-streaming-2025-05-14"
EFFORT = "effort-2025-11-24"
BINDING = "thinking-binding-controls-2026-08-01"
UPDATES = "thinking-display-updates-2026-08-18"
ENABLED = {"type": "enabled", "budget_tokens": 2000}
TOOL = {"name": "a", "input_schema": {"type": "object"}}
# Seen in requests of Claude Code, or named in reports on Bedrock; not in the SDK.
CLAUDE_CODES = (
    "claude-code-20250219",
    "context-management-2025-06-27",
    "advanced-tool-use-2025-11-20",
    "per-turn-control-2026-07-01",
    "structured-outputs-2025-12-15",
    "redact-thinking-2026-02-12",
    "dangerous-tool-use-2026-09-03",
    "afk-mode-2026-01-31",
    "prompt-caching-scope-2026-01-05",
    "oauth-2025-04-20",
    "tool-search-tool-2025-10-19",
    EFFORT,
)


def run(
    *betas: str, model: str = "claude-sonnet-4-5", strict: bool = False, **fields: Any
) -> tuple[dict[str, Any], Disposition, RequestBody]:
    """Claude's own fields, the disclosure, and the body."""
    messages = [{"role": "user", "content": "hi"}]
    parsed, presence = parse_count(orjson.dumps({"model": model, "max_tokens": 8000, "messages": messages, **fields}))
    resolution = resolve(model, "us-west-2")
    assert resolution is not None
    disposition = Disposition(strict=strict)
    presence.note(disposition)
    translation = to_converse(parsed, resolution.model, disposition, Options(betas=betas))
    body = translation.encode()
    return orjson.loads(body.whole).get("additionalModelRequestFields", {}), disposition, body


@pytest.mark.parametrize("beta", get_args(get_args(AnthropicBetaParam)[1]))
def test_every_beta_of_the_sdk_has_a_row(beta: str) -> None:
    assert f"beta:{beta}" in FEATURES


@pytest.mark.parametrize("beta", CLAUDE_CODES)
def test_every_beta_of_claude_code_has_a_row(beta: str) -> None:
    assert f"beta:{beta}" in FEATURES


@pytest.mark.parametrize(
    ("model", "beta", "fields"),
    [
        ("claude-sonnet-4-5", INTERLEAVED, {"thinking": ENABLED}),
        ("claude-opus-4-6", INTERLEAVED, {"thinking": ENABLED}),
        ("claude-sonnet-4-5", CONTEXT_1M, {}),
        ("claude-opus-5-5", FINE_GRAINED, {"tools": [TOOL]}),
    ],
)
def test_a_beta_that_the_model_takes_is_sent(model: str, beta: str, fields: dict[str, Any]) -> None:
    sent, disposition, _ = run(beta, model=model, **fields)
    assert sent["anthropic_beta"] == [beta]
    assert disposition.dropped == ()


@pytest.mark.parametrize(
    ("model", "beta", "fields"),
    [
        ("claude-opus-5-5", INTERLEAVED, {"thinking": {"type": "adaptive"}}),
        ("claude-opus-5-5", CONTEXT_1M, {}),
        ("kimi-k2.5", FINE_GRAINED, {"tools": [TOOL]}),
        ("claude-opus-4-1", EFFORT, {}),
        ("claude-sonnet-4-5", UPDATES, {}),
        ("claude-sonnet-4-5", "claude-code-20250219", {}),
        ("claude-sonnet-4-5", "from-the-future-2027-01-01", {}),
    ],
)
def test_a_beta_that_the_model_does_not_take_is_dropped_by_name(model: str, beta: str, fields: dict[str, Any]) -> None:
    sent, disposition, _ = run(beta, model=model, **fields)
    assert "anthropic_beta" not in sent
    assert disposition.dropped == (f"beta:{beta}",)


@pytest.mark.parametrize(
    ("model", "beta"),
    [
        ("claude-sonnet-4-5", INTERLEAVED),
        ("claude-sonnet-4-5", FINE_GRAINED),
        ("claude-sonnet-4-6", EFFORT),
        ("claude-opus-4-5", EFFORT),
        ("claude-opus-5-5", UPDATES),
        ("claude-opus-5-5", BINDING),
        ("claude-opus-5-5", "computer-use-2025-11-24"),
    ],
)
def test_a_beta_without_a_use_is_dropped_by_name(model: str, beta: str) -> None:
    sent, disposition, _ = run(beta, model=model)
    assert "anthropic_beta" not in sent
    assert disposition.dropped == (f"beta:{beta}",)


@pytest.mark.parametrize(
    ("model", "beta", "fields"),
    [
        ("claude-opus-4-5", EFFORT, {"output_config": {"effort": "low"}}),
        ("claude-opus-5-5", UPDATES, {"thinking": {"type": "adaptive", "display": "updates"}}),
    ],
)
def test_a_beta_goes_with_its_field_whether_it_is_asked_for_or_not(
    model: str, beta: str, fields: dict[str, Any]
) -> None:
    for asked in ((), (beta,)):
        sent, disposition, _ = run(*asked, model=model, **fields)
        assert sent["anthropic_beta"] == [beta]
        assert disposition.dropped == ()


def test_effort_on_newer_models_needs_no_beta() -> None:
    sent, disposition, _ = run(EFFORT, model="claude-sonnet-4-6", output_config={"effort": "low"})
    assert sent == {"output_config": {"effort": "low"}}
    assert disposition.dropped == (f"beta:{EFFORT}",)


@pytest.mark.parametrize("field", ["anthropic_beta", "betas"])
@pytest.mark.parametrize("value", [[CONTEXT_1M, "claude-code-20250219"], f"{CONTEXT_1M}, claude-code-20250219"])
def test_betas_in_the_body_are_read_like_those_in_the_header(field: str, value: Any) -> None:
    sent, disposition, _ = run(CONTEXT_1M, **{field: value})
    assert sent["anthropic_beta"] == [CONTEXT_1M]
    assert disposition.dropped == ("beta:claude-code-20250219",)


def test_strict_mode_lets_harmless_betas_pass_and_refuses_unknown_ones() -> None:
    _, disposition, _ = run("claude-code-20250219", "context-management-2025-06-27", strict=True)
    assert len(disposition.dropped) == 2
    with pytest.raises(InvalidRequest, match=r"^anthropic-beta: 'from-the-future-2027-01-01': strict mode is on"):
        run("from-the-future-2027-01-01", strict=True)


def test_betas_in_the_body_that_are_too_many_to_read_are_named_as_such() -> None:
    known = ["claude-code-20250219", "oauth-2025-04-20"]
    _, disposition, _ = run(betas=known * 30)
    assert disposition.dropped == tuple(f"beta:{beta}" for beta in known)
    _, disposition, _ = run(betas=[*known, *(f"b{number}" for number in range(39))])
    assert disposition.dropped[0] == "beta:and_more"


def without_betas(body: RequestBody) -> dict[str, Any]:
    request: dict[str, Any] = orjson.loads(body.without_betas().whole)
    return request


def test_without_betas_the_request_is_the_same_but_for_what_needs_them() -> None:
    thinking = {"type": "adaptive", "display": "updates", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    _, _, body = run(model="claude-opus-5-5", thinking=thinking, tools=[{**TOOL, "eager_input_streaming": True}])
    whole, other = orjson.loads(body.whole), without_betas(body)
    assert whole["additionalModelRequestFields"]["anthropic_beta"] == [BINDING, UPDATES, FINE_GRAINED]
    assert other["additionalModelRequestFields"] == {"thinking": {"type": "adaptive", "display": "summarized"}}
    assert whole | {"additionalModelRequestFields": None} == other | {"additionalModelRequestFields": None}
    assert set(body.dropped) == {"thinking.block_binding", "tools.custom.eager_input_streaming"}
    assert body.approximated == ("thinking.display",)


def test_without_betas_there_may_be_no_fields_left() -> None:
    _, _, body = run(CONTEXT_1M)
    assert "additionalModelRequestFields" not in without_betas(body)
    assert body.dropped == (f"beta:{CONTEXT_1M}",)


def test_effort_goes_with_its_beta_on_opus_4_5() -> None:
    _, _, body = run(model="claude-opus-4-5", output_config={"effort": "low"}, top_k=5)
    assert without_betas(body)["additionalModelRequestFields"] == {"top_k": 5}
    assert body.dropped == ("output_config.effort",)


def test_a_request_without_betas_has_one_form() -> None:
    _, _, body = run(thinking=ENABLED)
    assert body.other_end is None


def test_strict_mode_has_no_form_that_loses_something() -> None:
    _, _, body = run(model="claude-opus-4-5", output_config={"effort": "low"}, strict=True)
    assert body.other_end is None


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5-5"])
def test_betas_change_nothing_but_the_models_own_fields(model: str) -> None:
    _, _, plain = run(model=model)
    _, _, body = run(CONTEXT_1M, FINE_GRAINED, INTERLEAVED, model=model)
    without = orjson.loads(body.whole)
    without.pop("additionalModelRequestFields", None)
    assert orjson.dumps(without) == plain.whole


def test_a_translation_with_betas_is_encoded_the_same_way_twice(translate: Callable[..., Any]) -> None:
    outcome = translate(thinking=ENABLED, max_tokens=8000, anthropic_beta=[INTERLEAVED])
    assert outcome.translation.encode() == outcome.translation.encode()
