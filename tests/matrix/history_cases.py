"""Cases: tool calls and results in the history, and blocks that only Anthropic's servers make."""

from collections.abc import Mapping
from typing import Any, Final

from tests.matrix.building_blocks import CALL, DEEPSEEK, FIRST, RESULT, TOOL, USER, answered, holds, tool_result, user
from tests.matrix.cases import ABSENT, RequestCase, approximated, dropped, kept, refused

_TOOLS: Final[tuple[RequestCase, ...]] = (
    kept(
        "content.tool_use",
        tool_result(),
        sent={"messages.1.content.0.toolUse": {"toolUseId": "toolu_1", "name": "clock", "input": {}}},
    ),
    approximated(
        "content.tool_use.input/no_object",
        {
            "tools": [TOOL],
            "messages": [
                USER,
                {"role": "assistant", "content": [{**CALL, "input": ["UTC"]}]},
                {"role": "user", "content": [RESULT]},
            ],
        },
        sent={"messages.1.content.0.toolUse.input": {}},
        at="messages.1.content.0.input",
    ),
    *(
        dropped(
            f"content.tool_use.{field}",
            {
                "tools": [TOOL],
                "messages": [
                    USER,
                    {"role": "assistant", "content": [{**CALL, field: value}]},
                    {"role": "user", "content": [RESULT]},
                ],
            },
            sent={"messages.1.content.0.toolUse": {"toolUseId": "toolu_1", "name": "clock", "input": {}}},
            at=f"messages.1.content.0.{field}",
            harmless=harmless,
        )
        for field, value, harmless in (("caller", {"type": "direct"}, True), ("toolset_name", "computer", False))
    ),
    kept(
        "content.tool_result",
        tool_result(is_error=True),
        sent={
            "messages.2.content.0.toolResult": {
                "toolUseId": "toolu_1",
                "content": [{"text": "noon"}],
                "status": "error",
            }
        },
    ),
    approximated(
        "content.tool_result.is_error/not_on_this_model",
        tool_result(is_error=True, model=DEEPSEEK),
        sent={
            "messages.2.content.0.toolResult": {
                "toolUseId": "toolu_1",
                "content": [{"text": "(The tool failed.)"}, {"text": "noon"}],
            }
        },
        at="messages.2.content.0.is_error",
    ),
    dropped(
        "content.tool_result.toolset_name",
        tool_result(toolset_name="computer"),
        sent={"messages.2.content.0.toolResult.toolsetName": ABSENT},
        at="messages.2.content.0.toolset_name",
    ),
    kept(
        "content.tool_reference",
        tool_result([{"type": "tool_reference", "tool_name": "clock"}]),
        sent={"messages.2.content.0.toolResult.content": [{"text": "Tool clock is now available."}]},
    ),
    approximated(
        "content.tool_addition",
        {
            "tools": [{**TOOL, "defer_loading": True}],
            "messages": [
                USER,
                {
                    "role": "system",
                    "content": [{"type": "tool_addition", "tool": {"type": "tool_reference", "name": "clock"}}],
                },
            ],
        },
        sent={"toolConfig.tools.0.toolSpec.name": "clock", "messages.0.content.1": ABSENT},
        at="messages.1.content.0",
    ),
    refused(
        "content.tool_addition/definition",
        {
            "tools": [TOOL],
            "messages": [
                USER,
                {
                    "role": "system",
                    "content": [{"type": "tool_addition", "tool": {"type": "tool_definition", "definition": TOOL}}],
                },
            ],
        },
        says="define the tool in `tools`",
        at="messages.1.content.0",
    ),
    dropped(
        "content.tool_removal",
        {
            "tools": [TOOL],
            "messages": [
                USER,
                {
                    "role": "system",
                    "content": [{"type": "tool_removal", "tool": {"type": "tool_reference", "name": "clock"}}],
                },
            ],
        },
        sent={"toolConfig.tools.0.toolSpec.name": "clock", "messages.0.content.1": ABSENT},
        at="messages.1.content.0",
    ),
)

# Blocks that only Anthropic's servers make, with a word that must not be lost.
SERVER_BLOCKS: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "server_tool_use": ({"id": "srvtoolu_1", "name": "web_search", "input": {"query": "alpha"}}, '{"query":"alpha"}'),
    "web_search_tool_result": (
        {
            "tool_use_id": "srvtoolu_1",
            "content": [
                {"type": "web_search_result", "title": "A page", "url": "https://x", "encrypted_content": "abc"}
            ],
        },
        "title: A page",
    ),
    "web_fetch_tool_result": (
        {"tool_use_id": "srvtoolu_1", "content": {"type": "web_fetch_result", "url": "https://x/fetched"}},
        "https://x/fetched",
    ),
    "advisor_tool_result": (
        {"tool_use_id": "srvtoolu_1", "content": {"type": "advisor_result", "text": "Take the left."}},
        "Take the left.",
    ),
    "code_execution_tool_result": (
        {
            "tool_use_id": "srvtoolu_1",
            "content": {
                "type": "code_execution_result",
                "stdout": "forty-two",
                "stderr": "",
                "return_code": 0,
                "content": [],
            },
        },
        "forty-two",
    ),
    "bash_code_execution_tool_result": (
        {
            "tool_use_id": "srvtoolu_1",
            "content": {
                "type": "bash_code_execution_result",
                "stdout": "forty-three",
                "stderr": "",
                "return_code": 0,
                "content": [],
            },
        },
        "forty-three",
    ),
    "text_editor_code_execution_tool_result": (
        {
            "tool_use_id": "srvtoolu_1",
            "content": {"type": "text_editor_code_execution_view_result", "content": "line one", "file_type": "text"},
        },
        "line one",
    ),
    "tool_search_tool_result": (
        {
            "tool_use_id": "srvtoolu_1",
            "content": {
                "type": "tool_search_tool_search_result",
                "tool_references": [{"type": "tool_reference", "tool_name": "clock"}],
            },
        },
        "Tool clock is now available.",
    ),
    "mcp_tool_use": (
        {"id": "mcptoolu_1", "name": "find", "server_name": "library", "input": {"title": "Emma"}},
        '{"title":"Emma"}',
    ),
    "mcp_tool_result": (
        {"tool_use_id": "mcptoolu_1", "is_error": False, "content": [{"type": "text", "text": "On shelf four."}]},
        "On shelf four.",
    ),
    "mcp_tool_listing": (
        {"mcp_server_name": "library", "tools": [{"name": "find", "description": "Finds books."}]},
        "Finds books.",
    ),
    "compaction": ({"content": "They have greeted each other."}, "They have greeted each other."),
}


def _server_block(kind: str, **fields: Any) -> dict[str, Any]:
    return answered({"type": kind, **SERVER_BLOCKS[kind][0], **fields}, {"type": "text", "text": "Hi."})


_SERVER: Final[tuple[RequestCase, ...]] = (
    *(
        approximated(
            f"content.{kind}",
            _server_block(kind),
            sent={"messages.1.content.0.text": holds(word), "messages.1.content.1": {"text": "Hi."}},
            at="messages.1.content.0",
        )
        for kind, (_, word) in SERVER_BLOCKS.items()
    ),
    *(
        dropped(
            f"content.{kind}.caller",
            _server_block(kind, caller={"type": "direct"}),
            sent={"messages.1.content.0.text": lambda text: "direct" not in text},
            harmless=True,
            # The block itself is shown as text, which strict mode refuses.
            strict_says="strict mode is on, and this would be approximated.",
            at="messages.1.content.0",
        )
        for kind in ("server_tool_use", "web_search_tool_result", "web_fetch_tool_result")
    ),
    approximated(
        "content.browser_state",
        tool_result([{"type": "browser_state", "tabs": [{"tab_id": "1", "title": "A page", "url": "https://x"}]}]),
        sent={"messages.2.content.0.toolResult.content.0.text": holds("title: A page")},
        at="messages.2.content.0.content.0",
    ),
    refused(
        "content.container_upload",
        user({"type": "container_upload", "file_id": "file_1"}),
        says="Bedrock has no containers and no Files API",
        at=f"{FIRST}.type",
    ),
    *(
        dropped(
            f"content.compaction.{field}",
            _server_block("compaction", **{field: value}),
            sent={"messages.1.content.0": {"text": "They have greeted each other."}},
            harmless=harmless,
            strict_says="strict mode is on, and this would be approximated.",
            at="messages.1.content.0",
        )
        for field, value, harmless in (
            ("encrypted_content", "abc", False),
            ("signature", "abc", True),
            ("tool_changes", [{"type": "tool_removal", "tool": {"type": "tool_reference", "name": "x"}}], False),
        )
    ),
    dropped(
        "content.fallback",
        answered(
            {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": {"type": "refusal"}},
            {"type": "text", "text": "Hi."},
        ),
        sent={"messages.1.content": [{"text": "Hi."}]},
        harmless=True,
    ),
)

HISTORY_CASES: Final = (*_TOOLS, *_SERVER)
