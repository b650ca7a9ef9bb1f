"""No feature of the SDK's types is without a row: an upgrade that adds one fails here, with its name."""

from typing import Final

from tests.matrix import sdk

# What the translation knows of the values that the SDK allows. Another one needs a look at the code, and then a line.
SERVER_TOOLS: Final = (
    *("advisor", "bash_code_execution", "code_execution", "text_editor_code_execution"),
    *("tool_search_tool_bm25", "tool_search_tool_regex", "web_fetch", "web_search"),
)
VALUES: Final[dict[str, tuple[str, ...]]] = {
    "cache_control.ttl": ("5m", "1h"),
    "content.document.source.base64.media_type": ("application/pdf",),
    "content.document.source.text.media_type": ("text/plain",),
    "content.image.source.base64.media_type": ("image/jpeg", "image/png", "image/gif", "image/webp"),
    "content.server_tool_use.name": SERVER_TOOLS,
    "messages.role": ("user", "assistant", "system"),
    "output_config.effort": ("low", "medium", "high", "xhigh", "max"),
    "thinking.adaptive.display": ("omitted", "summarized", "updates"),
    "thinking.enabled.display": ("omitted", "summarized", "updates"),
    "tools.bash_20250124.name": ("bash",),
    "tools.computer_20250124.name": ("computer",),
    "tools.computer_20251124.name": ("computer",),
    "tools.custom.allowed_callers": (
        *("direct", "code_execution_20250825", "code_execution_20260120"),
        "code_execution_20260521",
    ),
    "tools.memory_20250818.name": ("memory",),
    "tools.text_editor_20250124.name": ("str_replace_editor",),
    "tools.text_editor_20250429.name": ("str_replace_based_edit_tool",),
    "tools.text_editor_20250728.name": ("str_replace_based_edit_tool",),
}


def test_every_request_field_block_and_kind_of_the_sdk_has_a_row() -> None:
    assert sdk.missing_request_rows() == []


def test_every_field_that_our_structs_read_has_a_row() -> None:
    assert sdk.missing_struct_rows() == []


def test_every_beta_of_the_sdk_has_a_row() -> None:
    assert sdk.missing_beta_rows() == []


def test_every_reply_field_and_block_of_the_sdk_has_a_row() -> None:
    assert sdk.missing_reply_rows() == []


def test_every_stop_reason_of_the_sdk_has_a_row() -> None:
    assert sdk.missing_stop_reason_rows() == []


def test_every_stream_event_of_the_sdk_has_a_row() -> None:
    assert sdk.missing_event_rows() == []


def test_no_field_of_the_sdk_allows_a_value_that_nobody_here_has_looked_at() -> None:
    assert sdk.request_values() == {name: set(values) for name, values in VALUES.items()}
