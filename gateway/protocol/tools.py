"""Tools to `toolConfig`, and the tool choice.

Converse has no `none`, and no way to forbid parallel calls: such a choice goes whole into Claude's own `tool_choice`
through `additionalModelRequestFields`, and then `toolChoice` is left out, because the two may not both name a type
(https://github.com/BerriAI/litellm/issues/36536, and pull request 34347 for the live proof).
"""

from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from gateway.protocol.caching import mark
from gateway.protocol.converse import ToolChoiceConfig, ToolConfig, ToolEntry, ToolSpec
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import (
    CustomTool,
    Message,
    MessagesRequest,
    ToolAdditionBlock,
    ToolChoice,
    ToolChoiceAny,
    ToolChoiceAuto,
    ToolChoiceNone,
    ToolChoiceTool,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from gateway.protocol.scope import Scope

# Claude Code's stand-in for all tools that it has not loaded; calling it does nothing.
PLACEHOLDER_TOOL: Final = "DeferredToolPlaceholder"
NO_TOOL: Final = {"type": "none"}


@dataclass(slots=True)
class _History:
    """What the conversation says about tools, in its order."""

    used: dict[str, None] = field(default_factory=dict)
    referenced: set[str] = field(default_factory=set)
    has_blocks: bool = False


def to_tool_config(request: MessagesRequest, scope: Scope) -> tuple[ToolConfig | None, dict[str, Any] | None]:
    """`toolConfig`, and Claude's own `tool_choice` where Converse cannot say it."""
    history = _history(request.messages)
    offered = _offered(request, history, scope)
    if isinstance(request.tool_choice, ToolChoiceNone) and offered and not history.has_blocks:
        scope.disposition.approximate("tool_choice")
        if any("cachePoint" in tool for tool in offered):
            scope.disposition.drop("tools.cache_control")
        return None, None
    if offered:
        choice, native_choice = _choice(request.tool_choice, scope)
        config: ToolConfig = {"tools": offered}
        if choice is not None:
            config["toolChoice"] = choice
        return config, native_choice
    if isinstance(request.tool_choice, ToolChoiceAny | ToolChoiceTool):
        raise InvalidRequest("tool_choice: a tool can only be demanded when `tools` offers one")
    if history.used:
        # Bedrock refuses tool blocks without a toolConfig; Claude Code's summaries send them.
        scope.disposition.approximate("tools")
        return {"tools": [_unknown_tool(name, scope) for name in history.used]}, dict(NO_TOOL)
    return None, None


def _history(messages: tuple[Message, ...]) -> _History:
    history = _History()
    for message in messages:
        for block in () if isinstance(message.content, str) else message.content:
            if isinstance(block, ToolUseBlock):
                history.used[block.name] = None
            elif isinstance(block, ToolResultBlock):
                history.has_blocks = True
                history.referenced.update(_references(block))
            elif isinstance(block, ToolAdditionBlock):
                history.referenced.add(str(block.tool.get("name", "")))
    history.has_blocks = history.has_blocks or bool(history.used)
    return history


def _references(block: ToolResultBlock) -> list[str]:
    blocks = () if isinstance(block.content, str | None) else block.content
    return [inner.tool_name for inner in blocks if isinstance(inner, ToolReferenceBlock)]


def _offered(request: MessagesRequest, history: _History, scope: Scope) -> list[ToolEntry]:
    """All tools but the deferred ones that nothing in the conversation has asked for yet."""
    demanded = request.tool_choice.name if isinstance(request.tool_choice, ToolChoiceTool) else None
    entries: list[ToolEntry] = []
    for index, tool in enumerate(request.tools or ()):
        wanted = tool.name in history.referenced or tool.name in history.used or tool.name == demanded
        if tool.name == PLACEHOLDER_TOOL:
            continue
        if tool.defer_loading and not wanted:
            scope.disposition.approximate("tools.defer_loading")
            continue
        entries.append({"toolSpec": _to_spec(tool, f"tools.{index}", scope)})
        mark(entries, tool.cache_control, scope, "tools.cache_control")
    return entries


def _to_spec(tool: CustomTool, path: str, scope: Scope) -> ToolSpec:
    spec: ToolSpec = {
        "name": scope.tool_names.on_wire(tool.name, f"{path}.name"),
        "inputSchema": {"json": tool.input_schema},
    }
    if tool.description and tool.description.strip():
        spec["description"] = tool.description
    if tool.strict and scope.model.capabilities.strict_tools:
        spec["strict"] = True
    elif tool.strict:
        scope.disposition.drop("tools.strict")
    return spec


def _unknown_tool(name: str, scope: Scope) -> ToolEntry:
    wire = scope.tool_names.on_wire(name, "messages")
    return {"toolSpec": {"name": wire, "inputSchema": {"json": {"type": "object"}}}}


def _choice(choice: ToolChoice | None, scope: Scope) -> tuple[ToolChoiceConfig | None, dict[str, Any] | None]:
    match choice:
        case None:
            return None, None
        case ToolChoiceNone():
            return None, dict(NO_TOOL)
        case ToolChoiceAuto(disable_parallel_tool_use=one_at_a_time):
            return _one_at_a_time({"type": "auto"}) if one_at_a_time else ({"auto": {}}, None)
        case ToolChoiceAny(disable_parallel_tool_use=one_at_a_time):
            return _one_at_a_time({"type": "any"}) if one_at_a_time else ({"any": {}}, None)
        case ToolChoiceTool(name=name, disable_parallel_tool_use=one_at_a_time):
            wire = scope.tool_names.on_wire(name, "tool_choice.name")
            native = {"type": "tool", "name": wire}
            return _one_at_a_time(native) if one_at_a_time else ({"tool": {"name": wire}}, None)
        case _:
            assert_never(choice)


def _one_at_a_time(native: dict[str, Any]) -> tuple[None, dict[str, Any]]:
    return None, {**native, "disable_parallel_tool_use": True}
