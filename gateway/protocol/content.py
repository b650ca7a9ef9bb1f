"""One block of a message to blocks of Converse.

Text, signatures, redacted thinking and tool inputs pass value for value. Converse has its own blob encoding on top of
Anthropic's for redacted thinking: the wire holds base64 of the ASCII of `data`.
"""

from base64 import b64encode
from typing import Any, Final, assert_never

from gateway.protocol.caching import mark
from gateway.protocol.converse import ContentBlock, Image, ToolResult, ToolResultContent
from gateway.protocol.documents import remote_source, to_document
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.media import image_format, sound_base64
from gateway.protocol.messages import (
    Base64Source,
    CacheControl,
    DocumentBlock,
    FileSource,
    ImageBlock,
    RedactedThinkingBlock,
    RequestBlock,
    ResultBlock,
    TextBlock,
    ThinkingBlock,
    ToolAdditionBlock,
    ToolReferenceBlock,
    ToolRemovalBlock,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
)
from gateway.protocol.scope import Scope
from gateway.protocol.wire_names import wire_tool_use_id

# Stands for the content of a tool result that has none: blank text is refused, and not every model takes `[]`.
NO_OUTPUT: Final = "(no output)"
CACHE_CONTROL: Final = "messages.content.cache_control"


def append_block(content: list[ContentBlock], block: RequestBlock, path: str, scope: Scope) -> None:
    """Adds what `block` becomes to `content`, its cache point too. Blank text and unsigned thinking become nothing."""
    match block:
        case TextBlock(text=text):
            if text.strip():
                content.append({"text": text})
        case ImageBlock():
            content.append({"image": to_image(block, path)})
        case DocumentBlock():
            content.append({"document": to_document(block, path, scope)})
        case ToolUseBlock():
            _append_tool_use(content, block, path, scope)
        case ToolResultBlock():
            _append_tool_result(content, block, path, scope)
            return
        case ThinkingBlock():
            _append_thinking(content, block, scope)
            return
        case RedactedThinkingBlock(data=data):
            content.append({"reasoningContent": {"redactedContent": b64encode(data.encode()).decode()}})
            return
        case ToolAdditionBlock() | ToolRemovalBlock():
            raise InvalidRequest(f"{path}: tools are added and removed in messages of role 'system' only")
        case _:
            assert_never(block)
    mark(content, block.cache_control, scope, CACHE_CONTROL)


def to_image(block: ImageBlock, path: str) -> Image:
    match block.source:
        case Base64Source(media_type=media_type, data=data):
            base64 = sound_base64(data, f"{path}.source.data")
            return {
                "format": image_format(base64, media_type, f"{path}.source.media_type"),
                "source": {"bytes": base64},
            }
        case UrlSource() | FileSource():
            raise InvalidRequest(remote_source(block.source, f"{path}.source"))
        case _:
            assert_never(block.source)


def _append_thinking(content: list[ContentBlock], block: ThinkingBlock, scope: Scope) -> None:
    """Empty text with a signature is normal (thinking whose display was omitted); without one Claude refuses it."""
    if block.signature:
        content.append({"reasoningContent": {"reasoningText": {"text": block.thinking, "signature": block.signature}}})
    else:
        scope.disposition.drop("messages.content.thinking")


def _append_tool_use(content: list[ContentBlock], block: ToolUseBlock, path: str, scope: Scope) -> None:
    name = scope.tool_names.on_wire(block.name, f"{path}.name")
    arguments = _arguments(block, scope)
    content.append({"toolUse": {"toolUseId": wire_tool_use_id(block.id), "name": name, "input": arguments}})


def _arguments(block: ToolUseBlock, scope: Scope) -> dict[str, Any]:
    if isinstance(block.input, dict):
        return block.input
    if block.input is not None:
        scope.disposition.approximate("messages.content.input")
    return {}


def _append_tool_result(content: list[ContentBlock], block: ToolResultBlock, path: str, scope: Scope) -> None:
    blocks = (TextBlock(block.content or ""),) if isinstance(block.content, str | None) else block.content
    inner: list[ToolResultContent] = []
    for index, result_block in enumerate(blocks):
        _append_result_block(inner, result_block, f"{path}.content.{index}", scope)
    result: ToolResult = {
        "toolUseId": wire_tool_use_id(block.tool_use_id),
        "content": inner or [{"text": NO_OUTPUT}],
        "status": "error" if block.is_error else "success",
    }
    content.append({"toolResult": result})
    # No point may stand inside a result: those of its blocks follow it, as its own does.
    for control in (*_controls(blocks), block.cache_control):
        mark(content, control, scope, CACHE_CONTROL)


def _controls(blocks: tuple[ResultBlock, ...]) -> list[CacheControl]:
    return [block.cache_control for block in blocks if block.cache_control is not None]


def _append_result_block(content: list[ToolResultContent], block: ResultBlock, path: str, scope: Scope) -> None:
    match block:
        case TextBlock(text=text):
            if text.strip():
                content.append({"text": text})
        case ImageBlock():
            content.append({"image": to_image(block, path)})
        case DocumentBlock():
            content.append({"document": to_document(block, path, scope)})
        case ToolReferenceBlock(tool_name=tool_name):
            name = scope.tool_names.on_wire(tool_name, f"{path}.tool_name")
            content.append({"text": f"Tool {name} is now available."})
        case _:
            assert_never(block)
