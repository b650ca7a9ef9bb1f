"""The names that the reply discloses."""

from collections.abc import Callable
from typing import Any

from gateway.protocol.betas import drop_betas
from gateway.protocol.disposition import REMOVED_SILENTLY, Disposition

TEXT = {"type": "text", "text": "a"}


def test_names_keep_their_order_and_come_once() -> None:
    disposition = Disposition()
    for name in ("b", "a", "b"):
        disposition.drop(name)
        disposition.approximate(name.upper())
    assert disposition.dropped == ("b", "a")
    assert disposition.approximated == ("B", "A")


def test_a_name_cannot_break_a_header() -> None:
    disposition = Disposition()
    disposition.drop("evil\r\nset-cookie: a=b, c\u20ac")
    disposition.drop("x" * 1000)
    assert disposition.dropped == ("evil__set-cookie:_a_b__c_", "x" * 64)


def test_a_flood_of_names_is_cut_and_says_so() -> None:
    disposition = Disposition()
    for number in range(1000):
        disposition.drop(f"field_{number}")
    assert len(disposition.dropped) == 40
    assert disposition.dropped[-1] == "and_more"


def test_a_name_that_comes_again_takes_no_room() -> None:
    disposition = Disposition()
    for number in [*range(39), *range(39)]:
        disposition.drop(f"field_{number}")
    assert len(disposition.dropped) == 39
    assert "and_more" not in disposition.dropped


def test_betas_are_named_one_by_one() -> None:
    disposition = Disposition()
    drop_betas("claude-code-20250219, interleaved-thinking-2025-05-14,,claude-code-20250219", disposition)
    assert disposition.dropped == ("beta:claude-code-20250219", "beta:interleaved-thinking-2025-05-14")


def test_an_empty_header_names_nothing() -> None:
    disposition = Disposition()
    drop_betas("", disposition)
    assert disposition.dropped == ()


def test_a_long_list_of_betas_is_cut_and_says_so() -> None:
    disposition = Disposition()
    drop_betas(",".join(f"beta-{number}" for number in range(1000)), disposition)
    assert len(disposition.dropped) == 25
    assert disposition.dropped[-1] == "beta:and_more"


def test_what_is_removed_silently_is_what_the_list_says(translate: Callable[..., Any]) -> None:
    placeholder = {"name": "DeferredToolPlaceholder", "input_schema": {"type": "object"}, "defer_loading": True}
    billing = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2;"}
    removed: dict[str, dict[str, Any]] = {
        "messages.content.text": {"messages": [{"role": "user", "content": [TEXT, {"type": "text", "text": " "}]}]},
        "stop_sequences": {"stop_sequences": [""]},
        "system.text": {"system": [billing]},
        "tools": {"tools": [placeholder]},
    }
    assert set(removed) == set(REMOVED_SILENTLY)
    plain = translate(messages=[{"role": "user", "content": [TEXT]}])
    for fields in removed.values():
        outcome = translate(**{"messages": [{"role": "user", "content": [TEXT]}], **fields})
        assert outcome.request == plain.request
        assert (outcome.dropped, outcome.approximated) == ((), ())
