"""Content blocks of the Messages API's request, as far as the translation reads them.

What only Anthropic's own servers make (calls and results of server tools, compaction) comes from conversations that
began elsewhere. Its inner parts are not converted: they are shown to the model as text, whatever they hold.
Source: https://docs.claude.com/en/api/messages, and the request types of the anthropic SDK 2.12.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

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


class CharLocation(Struct, frozen=True, tag="char_location"):
    """A citation, as all the locations are. Numbers may be missing: upstream does not promise them either."""

    cited_text: str | None = None
    document_index: int | None = None
    document_title: str | None = None
    start_char_index: int | None = None
    end_char_index: int | None = None


class PageLocation(Struct, frozen=True, tag="page_location"):
    cited_text: str | None = None
    document_index: int | None = None
    document_title: str | None = None
    start_page_number: int | None = None
    end_page_number: int | None = None


class ContentBlockLocation(Struct, frozen=True, tag="content_block_location"):
    cited_text: str | None = None
    document_index: int | None = None
    document_title: str | None = None
    start_block_index: int | None = None
    end_block_index: int | None = None


class SearchResultLocation(Struct, frozen=True, tag="search_result_location"):
    cited_text: str | None = None
    search_result_index: int | None = None
    source: str | None = None
    title: str | None = None
    start_block_index: int | None = None
    end_block_index: int | None = None


class WebSearchResultLocation(Struct, frozen=True, tag="web_search_result_location"):
    cited_text: str | None = None
    url: str | None = None
    title: str | None = None
    encrypted_index: str | None = None


Citation = CharLocation | PageLocation | ContentBlockLocation | SearchResultLocation | WebSearchResultLocation


class TextBlock(Struct, frozen=True, tag="text"):
    text: str
    citations: tuple[Citation, ...] | None = None
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


class SearchResultBlock(Struct, frozen=True, tag="search_result"):
    source: str
    title: str
    content: tuple[TextBlock, ...]
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


class BrowserStateBlock(Struct, frozen=True, tag="browser_state"):
    tabs: Any
    state_changes: Any = None
    cache_control: CacheControl | None = None


ResultBlock = TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolReferenceBlock | BrowserStateBlock


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


class ServerToolUseBlock(Struct, frozen=True, tag="server_tool_use"):
    id: str
    name: str
    input: Any = None
    cache_control: CacheControl | None = None


class McpToolUseBlock(Struct, frozen=True, tag="mcp_tool_use"):
    id: str
    name: str
    server_name: str | None = None
    input: Any = None
    cache_control: CacheControl | None = None


class McpToolResultBlock(Struct, frozen=True, tag="mcp_tool_result"):
    tool_use_id: str
    content: Any = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class WebSearchResultBlock(Struct, frozen=True, tag="web_search_tool_result"):
    tool_use_id: str
    content: Any = None
    cache_control: CacheControl | None = None


class WebFetchResultBlock(Struct, frozen=True, tag="web_fetch_tool_result"):
    tool_use_id: str
    content: Any = None
    cache_control: CacheControl | None = None


class AdvisorResultBlock(Struct, frozen=True, tag="advisor_tool_result"):
    tool_use_id: str
    content: Any = None
    cache_control: CacheControl | None = None


class CodeExecutionResultBlock(Struct, frozen=True, tag="code_execution_tool_result"):
    tool_use_id: str
    content: Any = None
    cache_control: CacheControl | None = None


class BashExecutionResultBlock(Struct, frozen=True, tag="bash_code_execution_tool_result"):
    tool_use_id: str
    content: Any = None
    cache_control: CacheControl | None = None


class EditorExecutionResultBlock(Struct, frozen=True, tag="text_editor_code_execution_tool_result"):
    tool_use_id: str
    content: Any = None
    cache_control: CacheControl | None = None


class ToolSearchResultBlock(Struct, frozen=True, tag="tool_search_tool_result"):
    tool_use_id: str
    content: Any = None
    cache_control: CacheControl | None = None


class McpToolListingBlock(Struct, frozen=True, tag="mcp_tool_listing"):
    mcp_server_name: str
    tools: Any = None
    cache_control: CacheControl | None = None


class CompactionBlock(Struct, frozen=True, tag="compaction"):
    content: str | None = None
    cache_control: CacheControl | None = None


class FallbackBlock(Struct, frozen=True, tag="fallback"):
    """Another model answered from here on."""

    from_: Any = field(default=None, name="from")
    to: Any = None
    trigger: Any = None
    cache_control: CacheControl | None = None


ServerResultBlock = (
    WebSearchResultBlock
    | WebFetchResultBlock
    | AdvisorResultBlock
    | CodeExecutionResultBlock
    | BashExecutionResultBlock
    | EditorExecutionResultBlock
    | ToolSearchResultBlock
)
ServerBlock = (
    ServerToolUseBlock
    | McpToolUseBlock
    | McpToolResultBlock
    | ServerResultBlock
    | McpToolListingBlock
    | CompactionBlock
)
RequestBlock = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ToolUseBlock
    | ToolResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolAdditionBlock
    | ToolRemovalBlock
    | ServerBlock
    | FallbackBlock
)
