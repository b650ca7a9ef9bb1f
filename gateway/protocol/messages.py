"""The Messages API's request, as far as the translation reads it.

A field that no Struct here has is not an error: `parsing` names it as dropped, so that an updated client keeps working.
A `type` that no union here has is refused with its path. `null` means absent everywhere. Tool inputs and JSON schemas
are the caller's and stay what orjson made of them.
Source: https://docs.claude.com/en/api/messages.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from gateway.protocol.blocks import CacheControl, Name, RequestBlock, TextBlock

# Anthropic's own limit: https://docs.claude.com/en/api/messages
MAX_MESSAGES: Final = 100_000


class MessageOutputConfig(Struct, frozen=True):
    """Of a message from the operator: from here on."""

    effort: str | None = None


class Message(Struct, frozen=True):
    """`system` among the messages is an operator's note in the middle of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | tuple[RequestBlock, ...]
    output_config: MessageOutputConfig | None = None


class CustomTool(Struct, frozen=True, tag="custom"):
    """A tool of the caller's own. `parsing` puts in the `type` that clients leave out."""

    name: Name
    input_schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    allowed_callers: tuple[str, ...] | None = None
    cache_control: CacheControl | None = None


class BashTool(Struct, frozen=True, tag="bash_20250124"):
    """This and the next ones: tools that Claude knows by their `type`. The client runs them, as it runs its own."""

    name: Literal["bash"]
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class TextEditorTool20250124(Struct, frozen=True, tag="text_editor_20250124"):
    name: Literal["str_replace_editor"]
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class TextEditorTool20250429(Struct, frozen=True, tag="text_editor_20250429"):
    name: Literal["str_replace_based_edit_tool"]
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class TextEditorTool20250728(Struct, frozen=True, tag="text_editor_20250728"):
    name: Literal["str_replace_based_edit_tool"]
    max_characters: int | None = None
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class MemoryTool(Struct, frozen=True, tag="memory_20250818"):
    name: Literal["memory"]
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class ComputerTool20250124(Struct, frozen=True, tag="computer_20250124"):
    name: Literal["computer"]
    display_width_px: int
    display_height_px: int
    display_number: int | None = None
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class ComputerTool20251124(Struct, frozen=True, tag="computer_20251124"):
    name: Literal["computer"]
    display_width_px: int
    display_height_px: int
    display_number: int | None = None
    enable_zoom: bool | None = None
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


NativeTool = (
    BashTool
    | TextEditorTool20250124
    | TextEditorTool20250429
    | TextEditorTool20250728
    | MemoryTool
    | ComputerTool20250124
    | ComputerTool20251124
)
Tool = CustomTool | NativeTool


class ToolChoiceAuto(Struct, frozen=True, tag="auto"):
    disable_parallel_tool_use: bool | None = None


class ToolChoiceAny(Struct, frozen=True, tag="any"):
    disable_parallel_tool_use: bool | None = None


class ToolChoiceTool(Struct, frozen=True, tag="tool"):
    name: Name
    disable_parallel_tool_use: bool | None = None


class ToolChoiceNone(Struct, frozen=True, tag="none"):
    pass


ToolChoice = ToolChoiceAuto | ToolChoiceAny | ToolChoiceTool | ToolChoiceNone


class BlockBinding(Struct, frozen=True):
    """What becomes of earlier thinking that belongs to another conversation: `error` or `drop_block`."""

    prefix_mismatch_behavior: str | None = None


class ThinkingEnabled(Struct, frozen=True, tag="enabled"):
    budget_tokens: int
    display: str | None = None
    block_binding: BlockBinding | None = None


class ThinkingAdaptive(Struct, frozen=True, tag="adaptive"):
    display: str | None = None
    block_binding: BlockBinding | None = None


class ThinkingDisabled(Struct, frozen=True, tag="disabled"):
    display: str | None = None


class ThinkingBetweenTools(Struct, frozen=True, tag="between_tools"):
    display: str | None = None


Thinking = ThinkingEnabled | ThinkingAdaptive | ThinkingDisabled | ThinkingBetweenTools


class OutputFormat(Struct, frozen=True, tag="json_schema"):
    schema: dict[str, Any]


class OutputConfig(Struct, frozen=True):
    effort: str | None = None
    format: OutputFormat | None = None


class MessagesRequest(Struct, frozen=True, kw_only=True):
    """The body of `POST /v1/messages`, and, without `max_tokens`, of `/v1/messages/count_tokens`."""

    model: str
    messages: Annotated[tuple[Message, ...], Meta(max_length=MAX_MESSAGES)]
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    system: str | tuple[TextBlock, ...] | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    anthropic_beta: str | tuple[str, ...] | None = None
    betas: str | tuple[str, ...] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: tuple[str, ...] | None = None
    stream: bool | None = None
    cache_control: CacheControl | None = None
    inference_geo: str | None = None
