"""The body of Converse and ConverseStream, as it is on the wire: what the translation writes, without `modelId`.

Blobs (`bytes`, `redactedContent`) are base64 strings here, because the wire is JSON and Anthropic's side has them so
already. `additionalModelRequestFields` is merged into the model's native body.
Source: botocore's `bedrock-runtime/2023-09-30/service-2.json`.
"""

from typing import Any, Literal, NotRequired, TypedDict


class CachePoint(TypedDict):
    type: Literal["default"]
    ttl: NotRequired[Literal["5m", "1h"]]


class BytesSource(TypedDict):
    bytes: str


class Image(TypedDict):
    format: str
    source: BytesSource


class TextContent(TypedDict):
    text: str


class DocumentSource(TypedDict, total=False):
    """A union: exactly one member. The last two only where citations are on, and only they for text then."""

    bytes: str
    text: str
    content: list[TextContent]


class CitationsSwitch(TypedDict):
    enabled: bool


class Document(TypedDict):
    format: str
    name: str
    source: DocumentSource
    context: NotRequired[str]
    citations: NotRequired[CitationsSwitch]


class SearchResult(TypedDict):
    source: str
    title: str
    content: list[TextContent]
    citations: NotRequired[CitationsSwitch]


class DocumentSpan(TypedDict, total=False):
    documentIndex: int
    start: int
    end: int


class CitationLocation(TypedDict, total=False):
    """A union: exactly one member."""

    documentChar: DocumentSpan
    documentPage: DocumentSpan
    documentChunk: DocumentSpan


class Citation(TypedDict, total=False):
    title: str
    sourceContent: list[TextContent]
    location: CitationLocation


class CitationsContent(TypedDict):
    content: list[TextContent]
    citations: list[Citation]


class ToolUse(TypedDict):
    toolUseId: str
    name: str
    input: dict[str, Any]


class ToolResultContent(TypedDict, total=False):
    text: str
    image: Image
    document: Document
    searchResult: SearchResult


class ToolResult(TypedDict):
    toolUseId: str
    content: list[ToolResultContent]
    status: NotRequired[Literal["success", "error"]]


class ReasoningText(TypedDict):
    text: str
    signature: NotRequired[str]


class ReasoningContent(TypedDict, total=False):
    reasoningText: ReasoningText
    redactedContent: str


class ContentBlock(TypedDict, total=False):
    """A union: exactly one member."""

    text: str
    image: Image
    document: Document
    toolUse: ToolUse
    toolResult: ToolResult
    reasoningContent: ReasoningContent
    citationsContent: CitationsContent
    searchResult: SearchResult
    cachePoint: CachePoint


class SystemBlock(TypedDict, total=False):
    """A union: exactly one member."""

    text: str
    cachePoint: CachePoint


Role = Literal["user", "assistant"]


class Turn(TypedDict):
    """What Converse calls a message."""

    role: Role
    content: list[ContentBlock]


class InferenceConfig(TypedDict, total=False):
    maxTokens: int
    temperature: float
    topP: float
    stopSequences: list[str]


class InputSchema(TypedDict):
    json: dict[str, Any]


class ToolSpec(TypedDict):
    name: str
    description: NotRequired[str]
    inputSchema: InputSchema
    strict: NotRequired[bool]


class ToolEntry(TypedDict, total=False):
    """A union: exactly one member."""

    toolSpec: ToolSpec
    cachePoint: CachePoint


class NamedTool(TypedDict):
    name: str


class ToolChoiceConfig(TypedDict, total=False):
    """A union: exactly one member. There is no `none`."""

    auto: dict[str, Any]
    any: dict[str, Any]
    tool: NamedTool


class ToolConfig(TypedDict):
    tools: list[ToolEntry]
    toolChoice: NotRequired[ToolChoiceConfig]


class GuardrailConfig(TypedDict):
    guardrailIdentifier: str
    guardrailVersion: str
    trace: NotRequired[str]


class ServiceTier(TypedDict):
    type: str


class JsonSchemaFormat(TypedDict):
    """`schema` is the JSON Schema as a string."""

    schema: str
    name: NotRequired[str]


class TextFormatStructure(TypedDict):
    jsonSchema: JsonSchemaFormat


class TextFormat(TypedDict):
    type: Literal["json_schema"]
    structure: TextFormatStructure


class OutputConfig(TypedDict):
    textFormat: TextFormat


class ConverseRequest(TypedDict):
    messages: list[Turn]
    system: NotRequired[list[SystemBlock]]
    inferenceConfig: NotRequired[InferenceConfig]
    toolConfig: NotRequired[ToolConfig]
    outputConfig: NotRequired[OutputConfig]
    guardrailConfig: NotRequired[GuardrailConfig]
    serviceTier: NotRequired[ServiceTier]
    additionalModelRequestFields: NotRequired[dict[str, Any]]
    additionalModelResponseFieldPaths: NotRequired[list[str]]
