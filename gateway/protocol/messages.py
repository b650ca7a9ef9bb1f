"""The Messages API's request, as far as the translation reads it.

A field that no Struct here has is not an error: `parsing` names it as dropped, so that an updated client keeps working.
A `type` that no union here has is refused with its path. `null` means absent everywhere. Tool inputs and JSON schemas
are the caller's and stay what orjson made of them.
Source: https://docs.claude.com/en/api/messages.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

# Anthropic's own limit: https://docs.claude.com/en/api/messages
MAX_MESSAGES: Final = 100_000

Name = Annotated[str, Meta(min_length=1)]


class CacheControl(Struct, frozen=True):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class Base64Source(Struct, frozen=True, tag="base64"):
    media_type: str
    data: str


class UrlSource(Struct, frozen=True, tag="url"):
    url: str


class FileSource(Struct, frozen=True, tag="file"):
    file_id: str


class PlainTextSource(Struct, frozen=True, tag="text"):
    data: str
    media_type: str | None = None


class TextBlock(Struct, frozen=True, tag="text"):
    text: str
    cache_control: CacheControl | None = None


class ImageBlock(Struct, frozen=True, tag="image"):
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None


class ContentSource(Struct, frozen=True, tag="content"):
    content: str | tuple[TextBlock | ImageBlock, ...]


class Citations(Struct, frozen=True):
    enabled: bool | None = None


class DocumentBlock(Struct, frozen=True, tag="document"):
    source: Base64Source | PlainTextSource | ContentSource | UrlSource | FileSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class ToolUseBlock(Struct, frozen=True, tag="tool_use"):
    id: str
    name: Name
    input: Any = None
    cache_control: CacheControl | None = None


class ToolReferenceBlock(Struct, frozen=True, tag="tool_reference"):
    """What Claude Code answers to a tool search: from now on this deferred tool is there."""

    tool_name: Name
    cache_control: CacheControl | None = None


ResultBlock = TextBlock | ImageBlock | DocumentBlock | ToolReferenceBlock


class ToolResultBlock(Struct, frozen=True, tag="tool_result"):
    tool_use_id: str
    content: str | tuple[ResultBlock, ...] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class ThinkingBlock(Struct, frozen=True, tag="thinking"):
    thinking: str
    signature: str | None = None


class RedactedThinkingBlock(Struct, frozen=True, tag="redacted_thinking"):
    data: str


class ToolAdditionBlock(Struct, frozen=True, tag="tool_addition"):
    tool: dict[str, Any]
    cache_control: CacheControl | None = None


class ToolRemovalBlock(Struct, frozen=True, tag="tool_removal"):
    tool: dict[str, Any]
    cache_control: CacheControl | None = None


RequestBlock = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | ToolUseBlock
    | ToolResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolAdditionBlock
    | ToolRemovalBlock
)


class Message(Struct, frozen=True):
    """`system` among the messages is an operator's note in the middle of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | tuple[RequestBlock, ...]


class CustomTool(Struct, frozen=True, tag="custom"):
    """A tool of the caller's own. `parsing` puts in the `type` that clients leave out."""

    name: Name
    input_schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


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


class ThinkingEnabled(Struct, frozen=True, tag="enabled"):
    budget_tokens: int
    display: str | None = None


class ThinkingAdaptive(Struct, frozen=True, tag="adaptive"):
    display: str | None = None


class ThinkingDisabled(Struct, frozen=True, tag="disabled"):
    display: str | None = None


class ThinkingBetweenTools(Struct, frozen=True, tag="between_tools"):
    display: str | None = None


Thinking = ThinkingEnabled | ThinkingAdaptive | ThinkingDisabled | ThinkingBetweenTools


class OutputConfig(Struct, frozen=True):
    effort: str | None = None


class MessagesRequest(Struct, frozen=True, kw_only=True):
    """The body of `POST /v1/messages`, and, without `max_tokens`, of `/v1/messages/count_tokens`."""

    model: str
    messages: Annotated[tuple[Message, ...], Meta(max_length=MAX_MESSAGES)]
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    system: str | tuple[TextBlock, ...] | None = None
    tools: tuple[CustomTool, ...] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: tuple[str, ...] | None = None
    stream: bool | None = None
    cache_control: CacheControl | None = None
    # Refused when they say something: without them the answer would be another conversation's.
    thread: Any = None
    mcp_servers: tuple[Any, ...] | None = None
