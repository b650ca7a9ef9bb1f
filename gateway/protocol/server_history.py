"""What Anthropic's own servers put into a conversation, as text: calls of server tools, their results, compaction.

Converse has no block for any of it, and Bedrock runs no server tools, but the conversation would make no sense without:
the model is shown, between tags, what was asked and what came of it. Everything readable stays, in its order and under
its own names; what only Anthropic's servers can read is named. The same block is the same text on every turn.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from gateway.protocol.blocks import (
    BrowserStateBlock,
    CompactionBlock,
    McpToolListingBlock,
    McpToolResultBlock,
    McpToolUseBlock,
    ServerBlock,
    ServerResultBlock,
    ServerToolUseBlock,
    ToolSearchResultBlock,
)
from gateway.protocol.scope import Scope

ENCRYPTED: Final = "(encrypted: only Anthropic's own servers can read it)"
ENCRYPTED_SUMMARY: Final = "(Here stands a summary of the conversation so far that only Anthropic's servers can read.)"
NOTHING: Final = "(nothing)"
NOT_REPEATED: Final = "(a file that is not repeated here)"
# Deeper than any block of today. Below it, JSON says the same with less structure.
MAX_LEVELS: Final = 8


def to_text(block: ServerBlock | BrowserStateBlock, path: str, scope: Scope) -> str:
    """`path` is that of the block. Never blank."""
    match block:
        case ServerToolUseBlock(id=tool_use_id, name=name, input=arguments):
            return _tagged("server_tool_use", {"name": name, "id": tool_use_id}, _json(arguments))
        case McpToolUseBlock(id=tool_use_id, name=name, server_name=server, input=arguments):
            attributes = {"server_name": server or "", "name": name, "id": tool_use_id}
            return _tagged("mcp_tool_use", attributes, _json(arguments))
        case McpToolResultBlock(tool_use_id=tool_use_id, content=content, is_error=is_error):
            attributes = {"tool_use_id": tool_use_id} | ({"status": "error"} if is_error else {})
            return _tagged("mcp_tool_result", attributes, _readable(content, scope))
        case ToolSearchResultBlock(tool_use_id=tool_use_id):
            return _tagged("tool_search_tool_result", {"tool_use_id": tool_use_id}, _found_tools(block, path, scope))
        case McpToolListingBlock(mcp_server_name=server, tools=tools):
            return _tagged("mcp_tool_listing", {"mcp_server_name": server}, _readable(tools, scope))
        case BrowserStateBlock(tabs=tabs, state_changes=changes):
            return _tagged("browser_state", {}, _readable({"tabs": tabs, "state_changes": changes}, scope))
        case CompactionBlock(content=summary):
            return summary if summary and summary.strip() else ENCRYPTED_SUMMARY
        case _:
            return _server_result(block, scope)


def _server_result(block: ServerResultBlock, scope: Scope) -> str:
    kind = str(block.__struct_config__.tag)
    return _tagged(kind, {"tool_use_id": block.tool_use_id}, _readable(block.content, scope))


def found_tools(block: ToolSearchResultBlock) -> list[str]:
    """The names of the deferred tools that a tool search on Anthropic's servers has loaded."""
    match block.content:
        case {"tool_references": list(references)}:
            named = [item.get("tool_name") for item in references if isinstance(item, dict)]
            return [name for name in named if isinstance(name, str) and name]
        case _:
            return []


def _found_tools(block: ToolSearchResultBlock, path: str, scope: Scope) -> str:
    names = found_tools(block)
    if not names:
        return _readable(block.content, scope)
    wire_names = (scope.tool_names.on_wire(name, f"{path}.content") for name in names)
    return "\n".join(f"Tool {name} is now available." for name in wire_names)


def _tagged(tag: str, attributes: dict[str, str], text: str) -> str:
    said = "".join(f" {name}={_json(value)}" for name, value in attributes.items())
    return f"<{tag}{said}>\n{text if text.strip() else NOTHING}\n</{tag}>"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _readable(value: Any, scope: Scope, level: int = 0) -> str:
    """Field by field, one a line; texts as they are."""
    match value:
        case str():
            return value
        case dict() if level < MAX_LEVELS:
            return _fields(value, scope, level)
        case list() if level < MAX_LEVELS:
            parts = (_readable(item, scope, level + 1) for item in value)
            return "\n\n".join(part for part in parts if part)
        case None:
            return ""
        case _:
            return _json(value)


def _fields(value: dict[str, Any], scope: Scope, level: int) -> str:
    # Clients move their marks from turn to turn: the text must be the same with and without them.
    if value.get("cache_control") is not None:
        scope.note("content.cache_control/inside_a_block")
    fields = {name: below for name, below in value.items() if name != "cache_control" and below is not None}
    match fields:
        case {"type": "text", "text": str(text)} if len(fields) == len(("type", "text")):
            return text
        case {"type": "base64", "data": _}:
            fields["data"] = NOT_REPEATED
        case _:
            pass
    return "\n".join(_lines(fields, scope, level))


def _lines(fields: dict[str, Any], scope: Scope, level: int) -> Iterator[str]:
    for name, below in fields.items():
        text = ENCRYPTED if name.startswith("encrypted_") else _readable(below, scope, level + 1)
        if text:
            yield f"{name}:\n{text}" if "\n" in text else f"{name}: {text}"
