"""Rows: blocks that only Anthropic's own servers make, in conversations that began elsewhere.

They are shown to the model as text: every readable word under its own name, and a mark where something is encrypted.
"""

from typing import Final

from gateway.protocol.features.feature import Feature, approximated, dropped, refused

_BLOCK: Final = "content block"
_COMMON: Final = ("type", "cache_control")
_AS_TEXT: Final = "Bedrock runs no server tools: a text, between tags, of everything in it that can be read."
_CALLER: Final = "Who made the call: an inner matter of Anthropic's servers."


def _result(kind: str, reason: str = _AS_TEXT) -> Feature:
    return approximated(f"content.{kind}", _BLOCK, reason, *_COMMON, "tool_use_id", "content")


SERVER_BLOCKS: Final[tuple[Feature, ...]] = (
    approximated("content.server_tool_use", _BLOCK, _AS_TEXT, *_COMMON, "id", "name", "input"),
    dropped("content.server_tool_use.caller", _BLOCK, _CALLER, "type", "tool_id", harmless=True),
    _result("web_search_tool_result", f"{_AS_TEXT} The pages themselves are encrypted."),
    dropped("content.web_search_tool_result.caller", _BLOCK, _CALLER, "type", "tool_id", harmless=True),
    _result("web_fetch_tool_result", f"{_AS_TEXT} A PDF is not repeated."),
    dropped("content.web_fetch_tool_result.caller", _BLOCK, _CALLER, "type", "tool_id", harmless=True),
    _result("advisor_tool_result"),
    _result("code_execution_tool_result"),
    _result("bash_code_execution_tool_result"),
    _result("text_editor_code_execution_tool_result"),
    _result("tool_search_tool_result", "A text that names the tools it found."),
    approximated("content.mcp_tool_use", _BLOCK, _AS_TEXT, *_COMMON, "id", "name", "server_name", "input"),
    approximated("content.mcp_tool_result", _BLOCK, _AS_TEXT, *_COMMON, "tool_use_id", "content", "is_error"),
    approximated("content.mcp_tool_listing", _BLOCK, _AS_TEXT, *_COMMON, "mcp_server_name", "tools"),
    approximated("content.browser_state", _BLOCK, _AS_TEXT, *_COMMON, "tabs", "state_changes"),
    refused(
        "content.container_upload",
        _BLOCK,
        "Bedrock has no containers and no Files API; send the file as a document, an image or a text.",
        *(*_COMMON, "file_id"),
    ),
    approximated(
        "content.compaction",
        _BLOCK,
        "Its summary as a text. What came before it is sent too, as far as the caller sends it.",
        *(*_COMMON, "content"),
    ),
    dropped("content.compaction.encrypted_content", _BLOCK, "Only Anthropic's own servers can read it."),
    dropped("content.compaction.signature", _BLOCK, "Only Anthropic's own servers can check it.", harmless=True),
    dropped("content.compaction.tool_changes", _BLOCK, "The tools are those that the request offers."),
    dropped(
        "content.fallback",
        _BLOCK,
        "A mark that another model answered from here on. It is not shown to models.",
        *(*_COMMON, "from", "to", "trigger"),
        harmless=True,
    ),
)
