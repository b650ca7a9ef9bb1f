"""One block of a message to blocks of Converse.

Text, signatures, redacted thinking and tool inputs pass value for value. Converse has its own blob encoding on top of
Anthropic's for redacted thinking: the wire holds base64 of the ASCII of `data`.
"""

from base64 import b64encode
from typing import Any, Final, assert_never

import msgspec

from gateway.protocol.blocks import (
    DocumentBlock,
    FallbackBlock,
    ImageBlock,
    RedactedThinkingBlock,
    RequestBlock,
    SearchResultBlock,
    ServerBlock,
    TextBlock,
    ThinkingBlock,
    ToolAdditionBlock,
    ToolRemovalBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from gateway.protocol.caching import mark
from gateway.protocol.converse import ContentBlock, ReasoningContent, Role, ToolUse
from gateway.protocol.documents import to_document
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.images import to_image
from gateway.protocol.request_citations import plain_text, search_result_as_text, to_cited_text, to_search_result
from gateway.protocol.scope import Scope
from gateway.protocol.server_history import to_text
from gateway.protocol.tool_results import controls_inside, to_tool_result
from gateway.protocol.wire_names import wire_tool_use_id

CACHE_CONTROL: Final = "content.cache_control"


class Draft(msgspec.Struct, frozen=True):
    """What a message becomes, block by block."""

    role: Role
    content: list[ContentBlock] = msgspec.field(default_factory=list)
    beside: list[ContentBlock] = msgspec.field(default_factory=list)
    """Images of tool results, for models that do not take them there: they follow the turn's last result."""


def append_block(draft: Draft, block: RequestBlock, path: str, scope: Scope) -> None:
    """Adds what `block` becomes, its cache point too. Blank text and thinking that may not go back become nothing."""
    content = draft.content
    match block:
        case TextBlock(text=text) if not text or text.isspace():
            scope.note("content.text/blank", path)
        case FallbackBlock():
            pass  # says nothing to a model
        case ThinkingBlock() | RedactedThinkingBlock():
            reasoning = _to_reasoning(block, path, scope)
            if reasoning is not None:
                content.append({"reasoningContent": reasoning})
            return
        case ToolResultBlock():
            content.append({"toolResult": to_tool_result(block, path, scope, draft.beside)})
            if type(block.content) is tuple:
                for control in controls_inside(block):
                    mark(content, control, scope, CACHE_CONTROL)
        case ToolAdditionBlock() | ToolRemovalBlock():
            raise InvalidRequest(f"{path}: tools are added and removed in messages of role 'system' only")
        case _:
            content.append(_to_block(block, path, draft.role, scope))
    if block.cache_control is not None:
        mark(content, block.cache_control, scope, CACHE_CONTROL)


def _to_block(
    block: TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolUseBlock | ServerBlock,
    path: str,
    role: Role,
    scope: Scope,
) -> ContentBlock:
    match block:
        case TextBlock() if role == "assistant":
            return to_cited_text(block, path, scope)
        case TextBlock():
            return {"text": plain_text(block, path, scope)}
        case ImageBlock():
            return {"image": to_image(block, path, scope)}
        case DocumentBlock():
            document = to_document(block, path, scope)
            return {"text": document} if isinstance(document, str) else {"document": document}
        case SearchResultBlock():
            return _search_result(block, path, scope)
        case ToolUseBlock():
            return {"toolUse": _to_tool_use(block, path, scope)}
        case _:
            return {"text": to_text(block, path, scope)}


def _search_result(block: SearchResultBlock, path: str, scope: Scope) -> ContentBlock:
    if scope.model.capabilities.citations:
        return {"searchResult": to_search_result(block, path, scope)}
    return {"text": search_result_as_text(block, path, scope)}


def _to_reasoning(block: ThinkingBlock | RedactedThinkingBlock, path: str, scope: Scope) -> ReasoningContent | None:
    """What of earlier thinking may go back: Claude takes what it has signed, some models what nobody signed.

    Empty text with a signature is normal (thinking whose display was omitted).
    """
    wanted = scope.model.capabilities.reasoning_history
    match block:
        case RedactedThinkingBlock(data=data):
            if wanted == "signed":
                return {"redactedContent": b64encode(data.encode()).decode()}
            scope.note("content.redacted_thinking/not_taken_back", path)
        case ThinkingBlock(thinking=text, signature=signature):
            if wanted == "signed" and signature:
                return {"reasoningText": {"text": text, "signature": signature}}
            if wanted == "unsigned" and not signature and text.strip():
                return {"reasoningText": {"text": text}}
            scope.note("content.thinking/unsigned" if wanted == "signed" else "content.thinking/not_taken_back", path)
        case _:
            assert_never(block)
    return None


def _to_tool_use(block: ToolUseBlock, path: str, scope: Scope) -> ToolUse:
    name = scope.tool_names.on_wire(block.name, f"{path}.name")
    arguments = _arguments(block, path, scope)
    return {"toolUseId": wire_tool_use_id(block.id), "name": name, "input": arguments}


def _arguments(block: ToolUseBlock, path: str, scope: Scope) -> dict[str, Any]:
    if isinstance(block.input, dict):
        return block.input
    if block.input is not None:
        scope.note("content.tool_use.input/no_object", f"{path}.input")
    return {}
