"""Tools: those of the caller to `toolConfig`, Claude's own to its `tools`, and what the history demands of both.

Bedrock refuses tool calls and results in the history when there is no `toolConfig`; so there is one as soon as there
is any of these, with what the history itself tells when the caller sends no tools.
"""

from typing import Any, Final

import msgspec

from gateway.protocol.blocks import (
    ToolAdditionBlock,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolSearchResultBlock,
    ToolUseBlock,
)
from gateway.protocol.caching import mark
from gateway.protocol.converse import ToolConfig, ToolEntry, ToolSpec
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import (
    CustomTool,
    Message,
    MessagesRequest,
    NativeTool,
    Tool,
    ToolChoiceAny,
    ToolChoiceNone,
    ToolChoiceTool,
)
from gateway.protocol.native_tools import STAND_IN, needed_beta, to_native_tool
from gateway.protocol.scope import Scope
from gateway.protocol.server_history import found_tools
from gateway.protocol.tool_choice import LEFT_OUT, Choice, no_choice, to_choice

# Claude Code's stand-in for all tools that it has not loaded; calling it does nothing.
PLACEHOLDER_TOOL: Final = "DeferredToolPlaceholder"
CACHE_CONTROL: Final = "tools.cache_control"
# The only caller there is without code execution.
DIRECT: Final = "direct"


class Tools(msgspec.Struct, frozen=True):
    """What becomes of tools and tool choice. `native` and the native choice are Claude's own fields."""

    config: ToolConfig | None = None
    native: tuple[dict[str, Any], ...] = ()
    choice: Choice = LEFT_OUT
    betas: tuple[str, ...] = ()
    """Without them Bedrock refuses the native tools."""

    @property
    def fields(self) -> dict[str, Any]:
        """Their part of `additionalModelRequestFields`."""
        fields: dict[str, Any] = {}
        if self.native:
            fields["tools"] = list(self.native)
        if self.choice.native is not None:
            fields["tool_choice"] = self.choice.native
        return fields


NO_TOOLS: Final = Tools()


class _History(msgspec.Struct):
    """What the conversation says about tools, in its order."""

    used: dict[str, None] = msgspec.field(default_factory=dict)
    referenced: set[str] = msgspec.field(default_factory=set)
    has_blocks: bool = False


class _Offer(msgspec.Struct):
    entries: list[ToolEntry] = msgspec.field(default_factory=list)
    native: list[dict[str, Any]] = msgspec.field(default_factory=list)
    betas: dict[str, None] = msgspec.field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """On the wire."""
        specified = [entry["toolSpec"]["name"] for entry in self.entries if "toolSpec" in entry]
        return [*specified, *(tool["name"] for tool in self.native)]


def to_tools(request: MessagesRequest, scope: Scope) -> Tools:
    history = _history(request.messages)
    offer = _offer(request, history, scope)
    if isinstance(request.tool_choice, ToolChoiceNone) and offer.names and not history.has_blocks:
        scope.note("tool_choice.none/without_history", "tool_choice")
        if any("cachePoint" in entry for entry in offer.entries):
            scope.note(f"{CACHE_CONTROL}/left_out", "tools")
        return NO_TOOLS
    if offer.names or history.has_blocks:
        _expect_tool_use(scope)
    if offer.names:
        return _offered(request, offer, scope)
    if isinstance(request.tool_choice, ToolChoiceAny | ToolChoiceTool):
        raise InvalidRequest("tool_choice: a tool can only be demanded when `tools` offers one")
    return _made_from_history(history, scope) if history.used else NO_TOOLS


def _expect_tool_use(scope: Scope) -> None:
    if not scope.model.capabilities.tools:
        scope.note("tools/not_on_this_model", "tools")
    if not scope.model.capabilities.tools_in_streams:
        scope.note("tools/not_in_streams", "tools")


def _offered(request: MessagesRequest, offer: _Offer, scope: Scope) -> Tools:
    choice = to_choice(request.tool_choice, offer.names, [tool["name"] for tool in offer.native], scope)
    if not offer.entries:
        scope.note("tools/stand_in", "tools")
    config: ToolConfig = {"tools": offer.entries or [STAND_IN]}
    if choice.converse is not None:
        config["toolChoice"] = choice.converse
    return Tools(config, tuple(offer.native), choice, tuple(offer.betas))


def _made_from_history(history: _History, scope: Scope) -> Tools:
    """Claude Code's summaries send tool blocks without tools."""
    scope.note("tools/made_from_history", "tools")
    return Tools({"tools": [_unknown_tool(name, scope) for name in history.used]}, choice=no_choice(scope))


def _unknown_tool(name: str, scope: Scope) -> ToolEntry:
    wire = scope.tool_names.on_wire(name, "messages")
    return {"toolSpec": {"name": wire, "inputSchema": {"json": {"type": "object"}}}}


def _history(messages: tuple[Message, ...]) -> _History:
    history = _History()
    for message in messages:
        for block in () if isinstance(message.content, str) else message.content:
            if isinstance(block, ToolUseBlock):
                history.used[block.name] = None
            elif isinstance(block, ToolResultBlock):
                history.has_blocks = True
                history.referenced.update(_references(block))
            elif isinstance(block, ToolSearchResultBlock):
                history.referenced.update(found_tools(block))
            elif isinstance(block, ToolAdditionBlock):
                history.referenced.add(str(block.tool.get("name", "")))
    history.has_blocks = history.has_blocks or bool(history.used)
    return history


def _references(block: ToolResultBlock) -> list[str]:
    blocks = () if isinstance(block.content, str | None) else block.content
    return [inner.tool_name for inner in blocks if isinstance(inner, ToolReferenceBlock)]


def _offer(request: MessagesRequest, history: _History, scope: Scope) -> _Offer:
    """All tools but the deferred ones that nothing in the conversation has asked for yet."""
    demanded = request.tool_choice.name if isinstance(request.tool_choice, ToolChoiceTool) else None
    offer = _Offer()
    for index, tool in enumerate(request.tools or ()):
        path = f"tools.{index}"
        if tool.name == PLACEHOLDER_TOOL and tool.defer_loading:
            scope.note("tools.custom/placeholder", path)
            continue
        wanted = tool.name in history.referenced or tool.name in history.used or tool.name == demanded
        if tool.defer_loading and not wanted:
            scope.note("tools.custom.defer_loading/not_loaded", f"{path}.defer_loading")
            continue
        _add(offer, tool, path, scope)
    return offer


def _add(offer: _Offer, tool: Tool, path: str, scope: Scope) -> None:
    if isinstance(tool, CustomTool):
        offer.entries.append({"toolSpec": _to_spec(tool, path, scope)})
    else:
        _add_native(offer, tool, path, scope)
    if tool.cache_control is not None:
        scope.note(CACHE_CONTROL, f"{path}.cache_control")
        mark(offer.entries, tool.cache_control, scope, CACHE_CONTROL)


def _add_native(offer: _Offer, tool: NativeTool, path: str, scope: Scope) -> None:
    offer.native.append(to_native_tool(tool, path, scope))
    if beta := needed_beta(tool):
        offer.betas[beta] = None
    if tool.cache_control is not None and offer.entries:
        # No point can stand in Claude's own `tools`: it goes to the end of `toolConfig`.
        scope.note(f"{CACHE_CONTROL}/moved", f"{path}.cache_control")


def _to_spec(tool: CustomTool, path: str, scope: Scope) -> ToolSpec:
    spec: ToolSpec = {
        "name": scope.tool_names.on_wire(tool.name, f"{path}.name"),
        "inputSchema": {"json": _input_schema(tool.input_schema, path, scope)},
    }
    if tool.description and tool.description.strip():
        spec["description"] = tool.description
    elif tool.description is not None:
        scope.note("tools.custom.description/blank", f"{path}.description")
    if tool.strict and scope.model.capabilities.strict_tools:
        spec["strict"] = True
    elif tool.strict:
        scope.note("tools.custom.strict/not_on_this_model", f"{path}.strict")
    if tool.allowed_callers and set(tool.allowed_callers) != {DIRECT}:
        scope.note("tools.custom.allowed_callers/others", f"{path}.allowed_callers")
    return spec


def _input_schema(schema: dict[str, Any], path: str, scope: Scope) -> dict[str, Any]:
    """As it came, but for the `type` at its top, without which Bedrock refuses it, and which can only be one."""
    if schema.get("type", "custom") != "custom":
        return schema
    scope.note("tools.custom.input_schema/type", f"{path}.input_schema.type")
    return {**schema, "type": "object"}
