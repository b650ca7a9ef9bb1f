"""The conversation: messages to turns that alternate.

Every message is translated by itself; then neighbours of one role become one turn. An operator's note (`role: system`
in the middle) stays where it is in time, as marked text in the user turn there: hoisted into the system prompt it would
change the prefix, and with it every cached token. It never comes between a tool call and its result.

Whatever is done to a message depends on it and on those before it, never on later ones, because a turn that changes its
bytes afterwards is no longer cached, and thinking that was signed for it is refused.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from gateway.protocol.caching import mark
from gateway.protocol.content import CACHE_CONTROL, append_block
from gateway.protocol.converse import ContentBlock, Role, Turn
from gateway.protocol.documents import SIBLING_TEXT
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import (
    DocumentBlock,
    Message,
    RequestBlock,
    TextBlock,
    ToolAdditionBlock,
    ToolRemovalBlock,
)
from gateway.protocol.scope import Scope

# How Claude Code itself marks such a note when a server does not take the role.
OPERATOR_NOTE: Final = "<system-reminder>\n{}\n</system-reminder>"


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one message became. `operator`: it is a note from the middle of the conversation."""

    role: Role
    operator: bool
    content: list[ContentBlock]


def to_turns(messages: tuple[Message, ...], scope: Scope) -> list[Turn]:
    pieces = [_to_piece(message, f"messages.{index}", scope) for index, message in enumerate(messages)]
    spoken = [piece for piece in pieces if piece.content]
    if not spoken:
        raise InvalidRequest("messages: at least one message with content is required")
    turns = [_to_turn(role, list(group), scope) for role, group in groupby(spoken, key=lambda piece: piece.role)]
    _trim_prefill(turns[-1], scope)
    return turns


def _trim_prefill(turn: Turn, scope: Scope) -> None:
    """An answer that the caller has begun: Claude refuses white space at its end. Only the last turn can be one."""
    block = turn["content"][-1]
    if turn["role"] != "assistant" or "text" not in block:
        return
    trimmed = block["text"].rstrip()
    if trimmed != block["text"]:
        turn["content"][-1] = {"text": trimmed}
        scope.disposition.approximate("messages.content.text")


def _to_piece(message: Message, path: str, scope: Scope) -> _Piece:
    blocks = (TextBlock(message.content),) if isinstance(message.content, str) else message.content
    match message.role:
        case "system":
            return _Piece("user", operator=True, content=_operator_note(blocks, path, scope))
        case "user" | "assistant" as role:
            return _Piece(role, operator=False, content=_to_content(blocks, path, scope))


def _to_content(blocks: tuple[RequestBlock, ...], path: str, scope: Scope) -> list[ContentBlock]:
    content: list[ContentBlock] = []
    lonely = _last_lonely_document(blocks)
    for index, block in enumerate(blocks):
        if block is lonely and isinstance(block, DocumentBlock):
            _append_with_sibling(content, block, f"{path}.content.{index}", scope)
        else:
            append_block(content, block, f"{path}.content.{index}", scope)
    return content


def _last_lonely_document(blocks: tuple[RequestBlock, ...]) -> RequestBlock | None:
    """The last document of a message without any text, which Bedrock would refuse."""
    if any(isinstance(block, TextBlock) and block.text.strip() for block in blocks):
        return None
    return next((block for block in reversed(blocks) if isinstance(block, DocumentBlock)), None)


def _append_with_sibling(content: list[ContentBlock], block: DocumentBlock, path: str, scope: Scope) -> None:
    unmarked = DocumentBlock(block.source, block.title, block.context, block.citations)
    append_block(content, unmarked, path, scope)
    content.append({"text": SIBLING_TEXT})
    scope.disposition.approximate("messages.content.document")
    mark(content, block.cache_control, scope, CACHE_CONTROL)


def _operator_note(blocks: tuple[RequestBlock, ...], path: str, scope: Scope) -> list[ContentBlock]:
    content: list[ContentBlock] = []
    for index, block in enumerate(blocks):
        match block:
            case TextBlock(text=text, cache_control=cache_control):
                if text.strip():
                    content.append({"text": OPERATOR_NOTE.format(text)})
                    scope.disposition.approximate("messages.role.system")
                mark(content, cache_control, scope, CACHE_CONTROL)
            case ToolAdditionBlock():
                # `tools` offers it from now on; the model is not told when it came.
                scope.disposition.approximate("messages.content.tool_addition")
                mark(content, block.cache_control, scope, CACHE_CONTROL)
            case ToolRemovalBlock():
                scope.disposition.drop("messages.content.tool_removal")
                mark(content, block.cache_control, scope, CACHE_CONTROL)
            case _:
                kind = block.__struct_config__.tag
                raise InvalidRequest(f"{path}.content.{index}: a message of role 'system' takes no {kind} block")
    return content


def _to_turn(role: Role, pieces: list[_Piece], scope: Scope) -> Turn:
    if role == "user":
        return {"role": role, "content": _after_the_results(pieces)}
    return {"role": role, "content": _calls_last([block for piece in pieces for block in piece.content], scope)}


def _after_the_results(pieces: list[_Piece]) -> list[ContentBlock]:
    """In the order of the client, but notes that came before the turn's last tool result go right behind it."""
    last = max((index for index, piece in enumerate(pieces) if _results_end(piece.content)), default=-1)
    content: list[ContentBlock] = []
    held: list[ContentBlock] = []
    for index, piece in enumerate(pieces):
        if piece.operator and index < last:
            held += piece.content
        elif index == last:
            end = _results_end(piece.content)
            content += [*piece.content[:end], *held, *piece.content[end:]]
        else:
            content += piece.content
    return content


def _results_end(content: list[ContentBlock]) -> int:
    """The index behind the last tool result and its cache point; 0 without one."""
    end = next((index for index in range(len(content), 0, -1) if "toolResult" in content[index - 1]), 0)
    return end + 1 if 0 < end < len(content) and "cachePoint" in content[end] else end


def _calls_last(content: list[ContentBlock], scope: Scope) -> list[ContentBlock]:
    """Bedrock wants no text behind a tool call of the same turn. What Claude produced already has none."""
    called = False
    for block in content:
        called = called or "toolUse" in block
        if called and "text" in block:
            scope.disposition.approximate("messages.content.order")
            parts = list(_with_points(content))
            return [
                *_flat(part for part in parts if "toolUse" not in part[0]),
                *_flat(part for part in parts if "toolUse" in part[0]),
            ]
    return content


def _with_points(content: list[ContentBlock]) -> Iterator[list[ContentBlock]]:
    """Each block together with the cache point behind it."""
    part: list[ContentBlock] = []
    for block in content:
        if part and "cachePoint" not in block:
            yield part
            part = []
        part.append(block)
    if part:
        yield part


def _flat(parts: Iterable[list[ContentBlock]]) -> list[ContentBlock]:
    return [block for part in parts for block in part]
