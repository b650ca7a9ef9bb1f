"""Rows: kinds of tools, their fields, and the tool choice.

Kinds: `BetaToolUnionParam` of the anthropic SDK 2.12. Which of Claude's own tools Bedrock takes without a beta: its own
answer to a tool that it does not take (recorded with CountTokens).
"""

from typing import Final

from gateway.protocol.features.feature import Feature, approximated, dropped, kept, refused

_TOOL: Final = "tool"
_CHOICE: Final = "tool choice"

_ASK_YOUR_OWN: Final = "Define a tool of your own with an input_schema, and run it on the client's side."
_SERVER_TOOL: Final = "Anthropic's servers run it, and Amazon Bedrock has no such tool."

_CUSTOM: Final[tuple[Feature, ...]] = (
    kept("tools.custom", _TOOL, "`toolSpec`.", "type", "name", "description", "input_schema", "cache_control"),
    dropped(
        "tools.custom/placeholder",
        _TOOL,
        "Claude Code's DeferredToolPlaceholder, which stands for what is not loaded: calling it does nothing.",
        silent=True,
    ),
    dropped(
        "tools.custom.description/blank",
        _TOOL,
        "Bedrock refuses a blank description, and no model reads anything in it.",
        silent=True,
    ),
    Feature(
        "tools.custom.input_schema/type",
        _TOOL,
        "approximated",
        "Bedrock wants `type: object` at the top of a schema. It is put in where it is missing or says `custom`: "
        "the input of a tool is an object in any case.",
        harmless=True,
    ),
    kept("tools.custom.defer_loading", _TOOL, "A deferred tool is offered once the conversation names it."),
    approximated(
        "tools.custom.defer_loading/not_loaded",
        _TOOL,
        "Bedrock has no tool search: the tool is left out until the conversation names it.",
    ),
    kept("tools.custom.strict", _TOOL, "`toolSpec.strict`."),
    dropped(
        "tools.custom.strict/not_on_this_model",
        _TOOL,
        "The model refuses the field on Bedrock: its inputs are not enforced.",
    ),
    kept(
        "tools.custom.eager_input_streaming",
        _TOOL,
        "The beta `fine-grained-tool-streaming-2025-05-14`, which then holds for all tools of the request.",
    ),
    dropped(
        "tools.custom.eager_input_streaming/not_on_this_model",
        _TOOL,
        "The model has no such beta on Bedrock: the same input comes, only later.",
        harmless=True,
    ),
    dropped("tools.custom.input_examples", _TOOL, "Converse has no place for them. Describe them in `description`."),
    kept("tools.custom.allowed_callers", _TOOL, "`direct` is the only caller there is on Bedrock."),
    dropped(
        "tools.custom.allowed_callers/others",
        _TOOL,
        "Bedrock has no code execution that could call the tool: the model itself calls it.",
    ),
)

_ALL_TOOLS: Final[tuple[Feature, ...]] = (
    kept("tools.cache_control", _TOOL, "A cache point right behind the tool."),
    approximated(
        "tools.cache_control/moved", _TOOL, "Bedrock takes no point there: it stands as near as it can.", harmless=True
    ),
    dropped("tools.cache_control/no_place", _TOOL, "There is nothing before it that could be cached.", harmless=True),
    dropped("tools.cache_control/over_four", _TOOL, "Bedrock takes four points, and later ones are worth more."),
    dropped("tools.cache_control/left_out", _TOOL, "The tools themselves are left out.", harmless=True),
    approximated(
        "tools/made_from_history",
        _TOOL,
        "Bedrock refuses tool calls in the history without tools: each name gets an empty schema, and Claude may call "
        "none. Other models cannot be kept from it.",
    ),
    approximated(
        "tools/stand_in",
        _TOOL,
        "Bedrock wants a toolConfig beside Claude's own tools as soon as one was called: a tool that says of itself "
        "that it does nothing stands there, on every turn alike.",
    ),
    refused("tools/not_on_this_model", _TOOL, "the model has no tool use on Bedrock. Choose another model."),
    refused(
        "tools/not_in_streams",
        _TOOL,
        "the model has no tool use in streams on Bedrock, and this gateway always streams from there. "
        "Choose another model.",
    ),
)

# Kind, and the fields that are its own.
_NATIVE_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "bash_20250124": (),
    "text_editor_20250124": (),
    "text_editor_20250429": (),
    "text_editor_20250728": ("max_characters",),
    "memory_20250818": (),
    "computer_20250124": ("display_width_px", "display_height_px", "display_number"),
    "computer_20251124": ("display_width_px", "display_height_px", "display_number", "enable_zoom"),
}
_NOT_ON_NATIVE: Final[dict[str, str]] = {
    "strict": "The tool is in Claude's own words: whether Bedrock enforces them is not known.",
    "input_examples": "The tool is in Claude's own words, and Claude knows it without examples.",
    "allowed_callers": "Bedrock has no code execution that could call the tool: the model itself calls it.",
}
_NATIVE: Final[tuple[Feature, ...]] = (
    *(
        kept(
            f"tools.{kind}",
            _TOOL,
            "Claude's own `tools`; of computer tools also the beta that they need.",
            *("type", "name", *fields, "cache_control", "defer_loading"),
        )
        for kind, fields in _NATIVE_FIELDS.items()
    ),
    *(
        dropped(f"tools.{kind}.{field}", _TOOL, reason)
        for kind in _NATIVE_FIELDS
        for field, reason in _NOT_ON_NATIVE.items()
    ),
    refused(
        "tools.native/not_on_this_model",
        _TOOL,
        f"the model does not know this tool on Amazon Bedrock. {_ASK_YOUR_OWN}",
    ),
)


def _refused_kinds(reason: str, *kinds: str) -> tuple[Feature, ...]:
    return tuple(refused(f"tools.{kind}", _TOOL, reason) for kind in kinds)


_FOREIGN: Final[tuple[Feature, ...]] = (
    *_refused_kinds(
        f"{_SERVER_TOOL} To search the web, connect an MCP server that does, or define a tool of your own with an "
        "input_schema.",
        "web_search_20250305",
        "web_search_20260209",
        "web_search_20260318",
    ),
    *_refused_kinds(
        f"{_SERVER_TOOL} To fetch pages, connect an MCP server that does, or define a tool of your own with an "
        "input_schema.",
        "web_fetch_20250910",
        "web_fetch_20260209",
        "web_fetch_20260309",
        "web_fetch_20260318",
    ),
    *_refused_kinds(
        f"{_SERVER_TOOL} To run code, define a tool of your own with an input_schema, and run it on the client's side.",
        "code_execution_20250522",
        "code_execution_20250825",
        "code_execution_20260120",
        "code_execution_20260521",
    ),
    *_refused_kinds(
        f"{_SERVER_TOOL} Ask the other model in a request of its own.",
        "advisor_20260301",
    ),
    *_refused_kinds(
        f"{_SERVER_TOOL} Leave it out and send the tools without defer_loading, or search on the client's side and "
        "answer with tool_reference blocks.",
        "tool_search_tool_bm25",
        "tool_search_tool_bm25_20251119",
        "tool_search_tool_regex",
        "tool_search_tool_regex_20251119",
    ),
    *_refused_kinds(
        "Amazon Bedrock has no MCP connector. Run the MCP server on the client's side and offer its tools, each with "
        "its input_schema.",
        "mcp_toolset",
    ),
    *_refused_kinds(
        "Amazon Bedrock has no toolsets. Offer the single tool, such as computer_20251124, or tools of your own.",
        "computer_toolset_20260801",
        "browser_toolset_20260801",
    ),
    *_refused_kinds(
        "No current model on Amazon Bedrock takes this version. Use the one of 2025, such as bash_20250124, "
        "text_editor_20250728 or computer_20251124.",
        "bash_20241022",
        "text_editor_20241022",
        "computer_20241022",
    ),
)

_CHOICES: Final[tuple[Feature, ...]] = (
    kept("tool_choice.auto", _CHOICE, "`toolChoice.auto`.", "type", "disable_parallel_tool_use"),
    kept("tool_choice.any", _CHOICE, "`toolChoice.any`.", "type", "disable_parallel_tool_use"),
    kept("tool_choice.tool", _CHOICE, "`toolChoice.tool`.", "type", "name", "disable_parallel_tool_use"),
    kept("tool_choice.none", _CHOICE, "Claude's own `tool_choice`: Converse has none.", "type"),
    approximated("tool_choice.none/without_history", _CHOICE, "The tools are left out of the request."),
    approximated(
        "tool_choice.none/not_on_this_model",
        _CHOICE,
        "The history has tool calls, so the tools must be sent, and the model cannot be kept from calling them.",
    ),
    approximated(
        "tool_choice/not_forced",
        _CHOICE,
        "The model refuses this forced choice on Bedrock: it must call one of the tools where it takes `any`, "
        "otherwise it chooses by itself, and may answer in words.",
    ),
    refused(
        "tool_choice/forced_while_thinking",
        _CHOICE,
        "Thinking may not be enabled when tool_choice forces tool use. Leave out one of them: `thinking`, or the "
        "tool_choice `any` or `tool`.",
    ),
    kept(
        "tool_choice.disable_parallel_tool_use",
        _CHOICE,
        "Claude's own `tool_choice`, whole, since the two places may not both name a type.",
    ),
    dropped(
        "tool_choice.disable_parallel_tool_use/not_on_this_model",
        _CHOICE,
        "The model has no such switch on Bedrock: it may call several tools in one turn.",
    ),
)

TOOLS: Final[tuple[Feature, ...]] = (*_CUSTOM, *_ALL_TOOLS, *_NATIVE, *_FOREIGN, *_CHOICES)
