"""Cases: kinds of tools, their fields, and the tool choice."""

from collections.abc import Mapping
from typing import Any, Final

from tests.matrix.building_blocks import CALL, HISTORY, MARK, MISTRAL, POINT, RESULT, TOOL, USER
from tests.matrix.cases import ABSENT, RequestCase, approximated, dropped, kept, refused

SPEC: Final = "toolConfig.tools.0.toolSpec"
CHOICE: Final = "toolConfig.toolChoice"
OWN_TOOLS: Final = "additionalModelRequestFields.tools"
OWN_CHOICE: Final = "additionalModelRequestFields.tool_choice"
BETAS: Final = "additionalModelRequestFields.anthropic_beta"
NO_FORCED_CHOICE: Final = "claude-opus-5-5"
DEEPSEEK_R1: Final = "deepseek-r1"
LLAMA: Final = "llama3.3-70b"
QWEN: Final = "qwen3-coder-480b"


def tool(**fields: Any) -> dict[str, Any]:
    return {"tools": [{**TOOL, **fields}]}


def has_no(field: str) -> Mapping[str, Any]:
    return {
        SPEC: {"name": "clock", "description": "Tells the time.", "inputSchema": {"json": {"type": "object"}}},
        field: ABSENT,
    }


_CUSTOM: Final[tuple[RequestCase, ...]] = (
    kept(
        "tools",
        {"tools": [TOOL, {**TOOL, "name": "calendar"}]},
        sent={f"{SPEC}.name": "clock", "toolConfig.tools.1.toolSpec.name": "calendar", "toolConfig.tools.2": ABSENT},
    ),
    kept("tools.custom", tool(type="custom"), sent=has_no("toolConfig.tools.0.toolSpec.strict")),
    dropped(
        "tools.custom/placeholder",
        {"tools": [TOOL, {**TOOL, "name": "DeferredToolPlaceholder", "defer_loading": True}]},
        sent={f"{SPEC}.name": "clock", "toolConfig.tools.1": ABSENT},
        silent=True,
    ),
    dropped(
        "tools.custom.description/blank",
        tool(description="  "),
        sent={SPEC: {"name": "clock", "inputSchema": {"json": {"type": "object"}}}},
        silent=True,
    ),
    approximated(
        "tools.custom.input_schema/type",
        tool(input_schema={"properties": {"zone": {"type": "string"}}}),
        sent={f"{SPEC}.inputSchema.json": {"properties": {"zone": {"type": "string"}}, "type": "object"}},
        harmless=True,
    ),
    kept(
        "tools.custom.defer_loading",
        {
            **tool(defer_loading=True),
            "messages": [
                USER,
                {"role": "assistant", "content": [CALL]},
                {
                    "role": "user",
                    "content": [{**RESULT, "content": [{"type": "tool_reference", "tool_name": "clock"}]}],
                },
            ],
        },
        sent=has_no("toolConfig.tools.0.toolSpec.defer_loading"),
    ),
    approximated(
        "tools.custom.defer_loading/not_loaded",
        {"tools": [TOOL, {**TOOL, "name": "calendar", "defer_loading": True}]},
        sent={f"{SPEC}.name": "clock", "toolConfig.tools.1": ABSENT},
        at="tools.1.defer_loading",
    ),
    kept(
        "tools.custom.strict",
        {"tools": [{**TOOL, "strict": True, "input_schema": {"type": "object", "additionalProperties": False}}]},
        sent={f"{SPEC}.strict": True},
    ),
    dropped(
        "tools.custom.strict/not_on_this_model",
        {"model": "claude-opus-4-7", **tool(strict=True)},
        sent=has_no(f"{SPEC}.strict"),
        at="tools.0.strict",
    ),
    kept(
        "tools.custom.eager_input_streaming",
        tool(eager_input_streaming=True),
        sent={BETAS: ["fine-grained-tool-streaming-2025-05-14"]},
    ),
    dropped(
        "tools.custom.eager_input_streaming/not_on_this_model",
        {"model": MISTRAL, **tool(eager_input_streaming=True)},
        sent={"additionalModelRequestFields": ABSENT},
        harmless=True,
    ),
    dropped(
        "tools.custom.input_examples",
        tool(input_examples=[{"zone": "UTC"}]),
        sent=has_no(f"{SPEC}.inputExamples"),
        at="tools.0.input_examples",
    ),
    kept(
        "tools.custom.allowed_callers",
        tool(allowed_callers=["direct"]),
        sent=has_no(f"{SPEC}.allowedCallers"),
    ),
    dropped(
        "tools.custom.allowed_callers/others",
        tool(allowed_callers=["direct", "code_execution_20260120"]),
        sent=has_no(f"{SPEC}.allowedCallers"),
        at="tools.0.allowed_callers",
    ),
)

_ALL: Final[tuple[RequestCase, ...]] = (
    kept("tools.cache_control", tool(cache_control=MARK), sent={"toolConfig.tools.1": POINT}),
    dropped(
        "tools.cache_control/over_four",
        {
            "tools": [{**TOOL, "name": name, "cache_control": MARK} for name in ("a", "b", "c", "d", "e")],
            "messages": [USER],
        },
        sent={"toolConfig.tools.1.toolSpec.name": "b", "toolConfig.tools.8": POINT},
    ),
    dropped(
        "tools.cache_control/left_out",
        {**tool(cache_control=MARK), "tool_choice": {"type": "none"}, "model": "claude-sonnet-4-5"},
        sent={"toolConfig": ABSENT},
        harmless=True,
        strict_says="strict mode is on, and this would be approximated.",
        at="tool_choice",
    ),
    dropped(
        "tools.cache_control/not_on_this_model",
        {"model": MISTRAL, **tool(cache_control=MARK)},
        sent={"toolConfig.tools.1": ABSENT},
        harmless=True,
    ),
    approximated(
        "tools/made_from_history",
        {"messages": HISTORY},
        sent={
            SPEC: {"name": "clock", "inputSchema": {"json": {"type": "object"}}},
            OWN_CHOICE: {"type": "none"},
        },
    ),
    approximated(
        "tools/stand_in",
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
        sent={f"{SPEC}.name": "chatrix_no_tool", OWN_TOOLS: [{"type": "bash_20250124", "name": "bash"}]},
    ),
    refused(
        "tools/not_on_this_model",
        {"model": DEEPSEEK_R1, **tool()},
        says="the model has no tool use on Bedrock. Choose another model.",
    ),
    refused(
        "tools/not_in_streams",
        {"model": LLAMA, **tool()},
        says="the model has no tool use in streams on Bedrock",
    ),
)

# Each of Claude's own tools that Bedrock takes, with a model that has it, and the beta that it needs.
NATIVE: Final[Mapping[str, tuple[str, Mapping[str, Any], str | None]]] = {
    "bash_20250124": ("claude-sonnet-4-5", {"name": "bash"}, None),
    "text_editor_20250124": ("claude-sonnet-4-5", {"name": "str_replace_editor"}, None),
    "text_editor_20250429": ("claude-sonnet-4-5", {"name": "str_replace_based_edit_tool"}, None),
    "text_editor_20250728": (
        "claude-sonnet-4-5",
        {"name": "str_replace_based_edit_tool", "max_characters": 10_000},
        None,
    ),
    "memory_20250818": ("claude-sonnet-4-5", {"name": "memory"}, None),
    "computer_20250124": (
        "claude-sonnet-4-5",
        {"name": "computer", "display_width_px": 1024, "display_height_px": 768, "display_number": 1},
        "computer-use-2025-01-24",
    ),
    "computer_20251124": (
        "claude-opus-4-6",
        {"name": "computer", "display_width_px": 1024, "display_height_px": 768, "enable_zoom": True},
        "computer-use-2025-11-24",
    ),
}
# A custom tool beside it, so that nothing has to stand in for one.
_BESIDE: Final[Mapping[str, Any]] = {**TOOL}
_NOT_SENT: Final[Mapping[str, Any]] = {
    "strict": True,
    "input_examples": [{"command": "ls"}],
    "allowed_callers": ["direct"],
}


def _native_body(kind: str, **fields: Any) -> dict[str, Any]:
    model, own, _ = NATIVE[kind]
    return {"model": model, "tools": [_BESIDE, {"type": kind, **own, **fields}]}


_NATIVE: Final[tuple[RequestCase, ...]] = (
    *(
        kept(
            f"tools.{kind}",
            _native_body(kind),
            sent={OWN_TOOLS: [{"type": kind, **own}], BETAS: [beta] if beta else ABSENT},
        )
        for kind, (_, own, beta) in NATIVE.items()
    ),
    *(
        dropped(
            f"tools.{kind}.{field}",
            _native_body(kind, **{field: value}),
            sent={OWN_TOOLS: [{"type": kind, **own}]},
            at=f"tools.1.{field}",
        )
        for kind, (_, own, _) in NATIVE.items()
        for field, value in _NOT_SENT.items()
    ),
    refused(
        "tools.native/not_on_this_model",
        {"model": MISTRAL, "tools": [_BESIDE, {"type": "bash_20250124", "name": "bash"}]},
        says="the model does not know this tool on Amazon Bedrock.",
        at="tools.1",
    ),
    dropped(
        "tools.cache_control/no_place",
        {"tools": [{"type": "bash_20250124", "name": "bash", "cache_control": MARK}, _BESIDE]},
        sent={"toolConfig.tools.1": ABSENT, OWN_TOOLS: [{"type": "bash_20250124", "name": "bash"}]},
        harmless=True,
        at="tools.0.cache_control",
    ),
    approximated(
        "tools.cache_control/moved",
        _native_body("bash_20250124", cache_control=MARK),
        sent={"toolConfig.tools.1": POINT, OWN_TOOLS: [{"type": "bash_20250124", "name": "bash"}]},
        at="tools.1.cache_control",
        harmless=True,
    ),
)

# What Bedrock does not have, and a part of what the caller is told.
FOREIGN: Final[Mapping[str, tuple[str, ...]]] = {
    "To search the web, connect an MCP server": (
        "web_search_20250305",
        "web_search_20260209",
        "web_search_20260318",
    ),
    "To fetch pages, connect an MCP server": (
        "web_fetch_20250910",
        "web_fetch_20260209",
        "web_fetch_20260309",
        "web_fetch_20260318",
    ),
    "To run code, define a tool of your own": (
        "code_execution_20250522",
        "code_execution_20250825",
        "code_execution_20260120",
        "code_execution_20260521",
    ),
    "Ask the other model in a request of its own.": ("advisor_20260301",),
    "Leave it out and send the tools without defer_loading": (
        "tool_search_tool_bm25",
        "tool_search_tool_bm25_20251119",
        "tool_search_tool_regex",
        "tool_search_tool_regex_20251119",
    ),
    "Amazon Bedrock has no MCP connector.": ("mcp_toolset",),
    "Amazon Bedrock has no toolsets.": ("computer_toolset_20260801", "browser_toolset_20260801"),
    "No current model on Amazon Bedrock takes this version.": (
        "bash_20241022",
        "text_editor_20241022",
        "computer_20241022",
    ),
}
_FOREIGN: Final[tuple[RequestCase, ...]] = tuple(
    refused(f"tools.{kind}", {"tools": [TOOL, {"type": kind, "name": "it"}]}, says=says, at="tools.1.type")
    for says, kinds in FOREIGN.items()
    for kind in kinds
)

_CHOICES: Final[tuple[RequestCase, ...]] = (
    kept("tool_choice", {**tool(), "tool_choice": {"type": "any"}}, sent={CHOICE: {"any": {}}}),
    kept("tool_choice.auto", {**tool(), "tool_choice": {"type": "auto"}}, sent={CHOICE: {"auto": {}}}),
    kept("tool_choice.any", {**tool(), "tool_choice": {"type": "any"}}, sent={CHOICE: {"any": {}}}),
    kept(
        "tool_choice.tool",
        {**tool(), "tool_choice": {"type": "tool", "name": "clock"}},
        sent={CHOICE: {"tool": {"name": "clock"}}},
    ),
    kept(
        "tool_choice.none",
        {**tool(), "messages": HISTORY, "tool_choice": {"type": "none"}},
        sent={CHOICE: ABSENT, OWN_CHOICE: {"type": "none"}},
    ),
    approximated(
        "tool_choice.none/without_history",
        {**tool(), "tool_choice": {"type": "none"}},
        sent={"toolConfig": ABSENT, "additionalModelRequestFields": ABSENT},
        at="tool_choice",
    ),
    approximated(
        "tool_choice.none/not_on_this_model",
        {"model": QWEN, **tool(), "messages": HISTORY, "tool_choice": {"type": "none"}},
        sent={f"{SPEC}.name": "clock", CHOICE: ABSENT, "additionalModelRequestFields": ABSENT},
        at="tool_choice",
    ),
    approximated(
        "tool_choice/not_forced",
        {"model": NO_FORCED_CHOICE, **tool(), "tool_choice": {"type": "any"}},
        sent={CHOICE: {"auto": {}}},
    ),
    refused(
        "tool_choice/forced_while_thinking",
        {**tool(), "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        says="Thinking may not be enabled when tool_choice forces tool use.",
    ),
    kept(
        "tool_choice.disable_parallel_tool_use",
        {**tool(), "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        sent={CHOICE: ABSENT, OWN_CHOICE: {"type": "any", "disable_parallel_tool_use": True}},
    ),
    dropped(
        "tool_choice.disable_parallel_tool_use/not_on_this_model",
        {"model": QWEN, **tool(), "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        sent={CHOICE: {"any": {}}, "additionalModelRequestFields": ABSENT},
    ),
)

TOOL_CASES: Final = (*_CUSTOM, *_ALL, *_NATIVE, *_FOREIGN, *_CHOICES)
