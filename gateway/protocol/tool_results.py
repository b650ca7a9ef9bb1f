"""A tool's result: its blocks, and what stands in it for what a model does not take there."""

from typing import Final, assert_never

from gateway.protocol.blocks import (
    BrowserStateBlock,
    CacheControl,
    DocumentBlock,
    ImageBlock,
    ResultBlock,
    SearchResultBlock,
    TextBlock,
    ToolReferenceBlock,
    ToolResultBlock,
)
from gateway.protocol.converse import ContentBlock, ToolResult, ToolResultContent
from gateway.protocol.documents import to_document
from gateway.protocol.images import to_image
from gateway.protocol.request_citations import plain_text, search_result_as_text, to_search_result
from gateway.protocol.scope import Scope
from gateway.protocol.server_history import to_text
from gateway.protocol.wire_names import wire_tool_use_id

# Stands for the content of a tool result that has none: blank text is refused, and not every model takes `[]`.
NO_OUTPUT: Final = "(no output)"
# For models that have no `status`.
FAILED: Final = "(The tool failed.)"
BESIDE: Final = "(The image of this result follows the results.)"


def to_tool_result(block: ToolResultBlock, path: str, scope: Scope, beside: list[ContentBlock]) -> ToolResult:
    """Images that the model does not take inside a result are added to `beside`."""
    inner: list[ToolResultContent] = []
    status = scope.model.capabilities.tool_result_status
    if block.is_error and not status:
        scope.note("content.tool_result.is_error/not_on_this_model", f"{path}.is_error")
        inner.append({"text": FAILED})
    for index, result_block in enumerate(_blocks(block)):
        inner.append(_to_content(result_block, f"{path}.content.{index}", scope, beside))
    content = [piece for piece in inner if piece.get("text") != ""]
    result: ToolResult = {
        "toolUseId": wire_tool_use_id(block.tool_use_id),
        "content": content or [{"text": NO_OUTPUT}],
    }
    if status:
        result["status"] = "error" if block.is_error else "success"
    return result


def controls_inside(block: ToolResultBlock) -> list[CacheControl]:
    """The cache marks of the result's own blocks: no point may stand inside, so they follow the result."""
    return [inner.cache_control for inner in _blocks(block) if inner.cache_control is not None]


def _blocks(block: ToolResultBlock) -> tuple[ResultBlock, ...]:
    return (TextBlock(block.content or ""),) if isinstance(block.content, str | None) else block.content


def _to_content(block: ResultBlock, path: str, scope: Scope, beside: list[ContentBlock]) -> ToolResultContent:
    """Blank text becomes an empty one, which the caller takes out."""
    match block:
        case TextBlock(text=text) if not text or text.isspace():
            scope.note("content.text/blank", path)
            return {"text": ""}
        case TextBlock():
            return {"text": plain_text(block, path, scope)}
        case ImageBlock():
            image = to_image(block, path, scope)
            if scope.model.capabilities.images_in_tool_results:
                return {"image": image}
            scope.note("content.image/beside_the_results", path)
            beside.append({"image": image})
            return {"text": BESIDE}
        case DocumentBlock():
            document = to_document(block, path, scope, in_result=True)
            return {"text": document} if isinstance(document, str) else {"document": document}
        case SearchResultBlock():
            if scope.model.capabilities.citations:
                return {"searchResult": to_search_result(block, path, scope)}
            return {"text": search_result_as_text(block, path, scope)}
        case ToolReferenceBlock(tool_name=tool_name):
            name = scope.tool_names.on_wire(tool_name, f"{path}.tool_name")
            return {"text": f"Tool {name} is now available."}
        case BrowserStateBlock():
            return {"text": to_text(block, path, scope)}
        case _:
            assert_never(block)
