"""The names that the reply discloses, and strict mode, which refuses instead."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.disposition import UNKNOWN_FIELD, Disposition
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.features import FEATURES

TEXT = {"type": "text", "text": "a"}


def disclose(*names: str) -> tuple[str, ...]:
    disposition = Disposition()
    for name in names:
        disposition.note_unknown(UNKNOWN_FIELD, name)
    return disposition.dropped


def test_names_keep_their_order_and_come_once() -> None:
    assert disclose("b", "a", "b") == ("b", "a")


def test_a_row_discloses_its_name_without_its_condition() -> None:
    disposition = Disposition()
    disposition.note("max_tokens/outside_the_limits")
    disposition.note("speed")
    disposition.note("model")
    assert (disposition.approximated, disposition.dropped) == (("max_tokens",), ("speed",))


def test_a_refused_row_is_an_error_with_its_path_and_reason() -> None:
    with pytest.raises(InvalidRequest, match=r"^thread: Bedrock keeps no conversations"):
        Disposition().note("thread", "thread")


def test_a_name_cannot_break_a_header() -> None:
    assert disclose("evil\r\nset-cookie: a=b, c\u20ac", "x" * 1000) == ("evil__set-cookie:_a_b__c_", "x" * 64)


def test_a_flood_of_names_is_cut_and_says_so() -> None:
    dropped = disclose(*(f"field_{number}" for number in range(1000)))
    assert len(dropped) == 40
    assert dropped[-1] == "and_more"


def test_a_name_that_comes_again_takes_no_room() -> None:
    dropped = disclose(*(f"field_{number}" for number in [*range(39), *range(39)]))
    assert len(dropped) == 39
    assert "and_more" not in dropped


@pytest.mark.parametrize("name", ["max_tokens/outside_the_limits", "speed"])
def test_strict_mode_refuses_what_would_be_lost(name: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"^the\.path: strict mode .* {FEATURES[name].fate}\."):
        Disposition(strict=True).note(name, "the.path")


def test_strict_mode_lets_harmless_things_pass_and_discloses_them() -> None:
    disposition = Disposition(strict=True)
    disposition.note("metadata", "metadata")
    disposition.note("system/blank", "system")
    assert disposition.dropped == ("metadata",)


def test_strict_mode_refuses_unknown_fields() -> None:
    with pytest.raises(InvalidRequest, match=r"^new_field: strict mode"):
        Disposition(strict=True).note_unknown(UNKNOWN_FIELD, "new_field", "new_field")


@pytest.mark.parametrize("strict", [True, False])
def test_a_refusal_repeats_a_long_name_only_in_part(strict: bool) -> None:
    row = UNKNOWN_FIELD if strict else "thread"
    with pytest.raises(InvalidRequest) as refusal:
        Disposition(strict=strict).note_unknown(row, "x" * 10_000, "x" * 10_000)
    assert len(str(refusal.value)) < 500


def test_what_is_removed_silently_changes_nothing(translate: Callable[..., Any]) -> None:
    placeholder = {"name": "DeferredToolPlaceholder", "input_schema": {"type": "object"}, "defer_loading": True}
    billing = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2;"}
    removed: dict[str, dict[str, Any]] = {
        "content.text/blank": {"messages": [{"role": "user", "content": [TEXT, {"type": "text", "text": " "}]}]},
        "stop_sequences/empty": {"stop_sequences": [""]},
        "system/blank": {"system": " "},
        "system/attribution": {"system": [billing]},
        "tools.custom/placeholder": {"tools": [placeholder]},
    }
    # Of a blank description nothing is left to compare: tests/matrix has its case.
    assert {*removed, "tools.custom.description/blank"} == {name for name, row in FEATURES.items() if row.silent}
    plain = translate(messages=[{"role": "user", "content": [TEXT]}])
    for fields in removed.values():
        outcome = translate(**{"messages": [{"role": "user", "content": [TEXT]}], **fields})
        assert outcome.request == plain.request
        assert (outcome.dropped, outcome.approximated) == ((), ())
