"""Claude's own tools: bash, text editor, memory and computer, which Claude knows by their `type`.

Converse has no place for them: they go into Claude's own `tools` beside `toolConfig`, as Amazon's pages on computer use
show it. Only computer tools need a beta: Bedrock lists the others among what it takes without one (recorded with
CountTokens; memory is left to Anthropic's own API, which wants none).
"""

from typing import Any, Final, assert_never

from gateway.catalog import Model
from gateway.catalog.models import COMPUTER_2025_01, COMPUTER_2025_11
from gateway.protocol.converse import ToolEntry
from gateway.protocol.messages import (
    BashTool,
    ComputerTool20250124,
    ComputerTool20251124,
    MemoryTool,
    NativeTool,
    TextEditorTool20250124,
    TextEditorTool20250429,
    TextEditorTool20250728,
)
from gateway.protocol.scope import Scope

# Bedrock wants a toolConfig as soon as the history has tool calls, and the names in it and in `tools` must differ.
STAND_IN: Final[ToolEntry] = {
    "toolSpec": {
        "name": "chatrix_no_tool",
        "description": "This is not a tool. It does nothing and must never be called.",
        "inputSchema": {"json": {"type": "object", "properties": {}}},
    }
}


def needed_beta(tool: NativeTool) -> str | None:
    match tool:
        case ComputerTool20250124():
            return COMPUTER_2025_01
        case ComputerTool20251124():
            return COMPUTER_2025_11
        case BashTool() | MemoryTool() | TextEditorTool20250124() | TextEditorTool20250429() | TextEditorTool20250728():
            return None
        case _:
            assert_never(tool)


def to_native_tool(tool: NativeTool, path: str, scope: Scope) -> dict[str, Any]:
    """Claude's own definition. Raises `InvalidRequest` where the model does not have the tool."""
    if not _is_known(tool, scope.model):
        scope.note("tools.native/not_on_this_model", path)
    native: dict[str, Any] = {
        "type": tool.__struct_config__.tag,
        "name": scope.tool_names.on_wire(tool.name, f"{path}.name"),
    }
    match tool:
        case TextEditorTool20250728(max_characters=int(max_characters)):
            native["max_characters"] = max_characters
        case ComputerTool20250124() | ComputerTool20251124():
            native |= _screen(tool)
        case _:
            pass
    return native


def _is_known(tool: NativeTool, model: Model) -> bool:
    beta = needed_beta(tool)
    return model.is_claude and (beta is None or beta in model.capabilities.betas)


def _screen(tool: ComputerTool20250124 | ComputerTool20251124) -> dict[str, Any]:
    screen: dict[str, Any] = {
        "display_width_px": tool.display_width_px,
        "display_height_px": tool.display_height_px,
    }
    if tool.display_number is not None:
        screen["display_number"] = tool.display_number
    if isinstance(tool, ComputerTool20251124) and tool.enable_zoom is not None:
        screen["enable_zoom"] = tool.enable_zoom
    return screen
