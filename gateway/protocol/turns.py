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

from gateway.protocol.blocks import DocumentBlock, RequestBlock, TextBlock, ToolAdditionBlock, ToolRemovalBlock
from gateway.protocol.caching import mark
from gateway.protocol.content import CACHE_CONTROL, Draft, append_block
from gateway.protocol.converse import ContentBlock, Role, Turn
from gateway.protocol.documents import SIBLING_TEXT
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import Message
from gateway.protocol.request_citations import plain_text
from gateway.protocol.scope import Scope

# How Claude Code itself marks such a note when a server does not take the role.
OPERATOR_NOTE: Final = "<system-reminder>\n{}\n</system-reminder>"
# Between turns that a model wants apart, and before a conversation that an assistant begins. Blank text is refused.
FILLER: Final = "."


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one message became. `follows`: it goes behind the tool results of its turn, wherever the message stood."""

    role: Role
    follows: bool
    content: list[ContentBlock]


def to_turns(messages: tuple[Message, ...], scope: Scope) -> list[Turn]:
    pieces: list[_Piece] = []
    for index, message in enumerate(messages):
        pieces += _to_pieces(message, f"messages.{index}", pieces, scope)
    if not pieces:
        raise InvalidRequest("messages: at least one message with content is required")
    turns = [_to_turn(role, list(group), scope) for role, group in groupby(pieces, key=lambda piece: piece.role)]
    _trim_prefill(turns[-1], scope)
    return _as_the_model_wants(turns, scope)


def _trim_prefill(turn: Turn, scope: Scope) -> None:
    """An answer that the caller has begun: Claude refuses white space at its end. Only the last turn can be one."""
    block = turn["content"][-1]
    if turn["role"] != "assistant" or "text" not in block:
        return
    trimmed = block["text"].rstrip()
    if trimmed != block["text"]:
        turn["content"][-1] = {"text": trimmed}
        scope.note("content.text/prefill")


def _to_pieces(message: Message, path: str, before: list[_Piece], scope: Scope) -> list[_Piece]:
    """Those with something in them. `before`: what the earlier messages became."""
    blocks = (TextBlock(message.content),) if isinstance(message.content, str) else message.content
    match message.role:
        case "system":
            pieces = [_Piece("user", follows=True, content=_operator_note(blocks, path, scope))]
        case "user" | "assistant" as role:
            draft = _to_draft(role, blocks, path, before, scope)
            pieces = [_Piece(role, follows=False, content=draft.content)]
            if draft.beside:
                pieces.append(_Piece(role, follows=True, content=draft.beside))
    return [piece for piece in pieces if piece.content]


def _has_text(role: Role, pieces: list[_Piece]) -> bool:
    """Whether the turn that a message of this role joins has text already."""
    for piece in reversed(pieces):
        if piece.role != role:
            break
        if any("text" in block for block in piece.content):
            return True
    return False


def _to_draft(role: Role, blocks: tuple[RequestBlock, ...], path: str, before: list[_Piece], scope: Scope) -> Draft:
    draft = Draft(role)
    lonely = _last_lonely_document(blocks)
    if lonely is not None and (_has_text(role, before) or not scope.model.capabilities.documents):
        lonely = None
    for index, block in enumerate(blocks):
        if lonely is not None and block is lonely:
            _append_with_sibling(draft, lonely, f"{path}.content.{index}", scope)
        else:
            append_block(draft, block, f"{path}.content.{index}", scope)
    return draft


def _last_lonely_document(blocks: tuple[RequestBlock, ...]) -> DocumentBlock | None:
    """The last document of a message without any text, which Bedrock would refuse."""
    last = None
    for block in blocks:
        if isinstance(block, DocumentBlock):
            last = block
        elif isinstance(block, TextBlock) and block.text.strip():
            return None
    return last


def _append_with_sibling(draft: Draft, block: DocumentBlock, path: str, scope: Scope) -> None:
    unmarked = DocumentBlock(block.source, block.title, block.context, block.citations)
    append_block(draft, unmarked, path, scope)
    draft.content.append({"text": SIBLING_TEXT})
    scope.note("content.document/lonely", path)
    mark(draft.content, block.cache_control, scope, CACHE_CONTROL)


def _operator_note(blocks: tuple[RequestBlock, ...], path: str, scope: Scope) -> list[ContentBlock]:
    content: list[ContentBlock] = []
    for index, block in enumerate(blocks):
        match block:
            case TextBlock():
                if block.text.strip():
                    text = plain_text(block, f"{path}.content.{index}", scope)
                    content.append({"text": OPERATOR_NOTE.format(text)})
                    scope.note("messages.role.system", path)
                mark(content, block.cache_control, scope, CACHE_CONTROL)
            case ToolAdditionBlock(tool=tool):
                # `tools` offers it from now on; the model is not told when it came.
                if tool.get("type") == "tool_definition":
                    scope.note("content.tool_addition/definition", f"{path}.content.{index}")
                mark(content, block.cache_control, scope, CACHE_CONTROL)
            case ToolRemovalBlock():
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
    """In the order of the client, but what follows the results, and came before the last, goes right behind it."""
    last = max((index for index, piece in enumerate(pieces) if _results_end(piece.content)), default=-1)
    content: list[ContentBlock] = []
    held: list[ContentBlock] = []
    for index, piece in enumerate(pieces):
        if piece.follows and index < last:
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
        if called and ("text" in block or "citationsContent" in block):
            scope.note("messages.order")
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


def _as_the_model_wants(turns: list[Turn], scope: Scope) -> list[Turn]:
    """Turns that some models want apart, and a conversation that begins with the user's."""
    if not scope.model.capabilities.results_with_text:
        turns = [part for turn in turns for part in _results_apart(turn, scope)]
    if turns[0]["role"] == "assistant" and not scope.model.is_claude:
        scope.note("messages.turns/begun_by_the_assistant", "messages.0")
        turns = [{"role": "user", "content": [{"text": FILLER}]}, *turns]
    return turns


def _results_apart(turn: Turn, scope: Scope) -> list[Turn]:
    """Tool results first, as a turn of their own; then everything else, behind a short turn of the assistant."""
    parts = list(_with_points(turn["content"]))
    results = [part for part in parts if "toolResult" in part[0]]
    others = [part for part in parts if "toolResult" not in part[0]]
    if not results or not others:
        return [turn]
    scope.note("messages.turns")
    return [
        {"role": turn["role"], "content": _flat(results)},
        {"role": "assistant", "content": [{"text": FILLER}]},
        {"role": turn["role"], "content": _flat(others)},
    ]
