"""The walk over the SDK's types finds what it is there to find."""

import pytest
from msgspec.structs import replace

from gateway.protocol.features import FEATURES, Feature
from tests.matrix import sdk


def without(row: str, *members: str) -> dict[str, Feature]:
    """The table without a row, or without members of it: the SDK then has something new, as after an upgrade."""
    if not members:
        return {name: feature for name, feature in FEATURES.items() if name != row}
    feature = FEATURES[row]
    return {**FEATURES, row: replace(feature, members=tuple(set(feature.members) - set(members)))}


@pytest.mark.parametrize(
    ("row", "members", "missing"),
    [
        ("metadata", (), "metadata"),
        ("output_config.task_budget", (), "output_config.task_budget.tokens"),
        ("content.search_result", (), "content.search_result"),
        ("content.image.source.url", (), "content.image.source.url"),
        ("content.tool_reference", ("tool_name",), "content.tool_reference.tool_name"),
        ("content.text.citations.page_location", (), "content.text.citations.page_location"),
        ("tools.web_fetch_20260318", (), "tools.web_fetch_20260318"),
        ("tools.custom.strict", (), "tools.custom.strict"),
        ("tool_choice.none", (), "tool_choice.none"),
        ("thinking.adaptive", ("display",), "thinking.adaptive.display"),
        ("messages.clear_at", (), "messages.clear_at"),
    ],
)
def test_a_feature_of_requests_without_a_row_is_named(row: str, members: tuple[str, ...], missing: str) -> None:
    assert sdk.missing_request_rows(without(row, *members)) == [missing]


@pytest.mark.parametrize(
    ("row", "members", "missing"),
    [
        ("reply.diagnostics", (), "reply.diagnostics"),
        ("reply.usage.speed", (), "reply.usage.speed"),
        ("reply.content.fallback", (), "reply.content.fallback"),
        ("reply.content.tool_use", ("input",), "reply.content.tool_use.input"),
        ("reply.stop_details", ("refusal",), "reply.stop_details.refusal"),
    ],
)
def test_a_feature_of_replies_without_a_row_is_named(row: str, members: tuple[str, ...], missing: str) -> None:
    assert sdk.missing_reply_rows(without(row, *members)) == [missing]


def test_a_beta_a_stop_reason_and_an_event_without_a_row_are_named() -> None:
    assert sdk.missing_beta_rows(without("beta:skills-2025-10-02")) == ["skills-2025-10-02"]
    assert sdk.missing_stop_reason_rows(without("stop_reason.pause_turn")) == ["pause_turn"]
    assert sdk.missing_event_rows(without("event.message_stop")) == ["event.message_stop"]
