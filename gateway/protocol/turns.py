"""The conversation: messages to turns that alternate.

Every message is translated by itself; then neighbours of one role become one turn. An operator's note (`role: system`
in the middle) stays where it is in time, as marked text in the user turn there: hoisted into the system prompt it would
change the prefix, and with it every cached token. It never comes between a tool call and its result.

Whatever is done to a message depends on it and on those before it, never on later ones, because a turn that changes its
bytes afterwards is no longer cached, and thinking that was signed for it is refused.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

import msgspec

from gateway.protocol.blocks import DocumentBlock, RequestBlock, TextBlock, ToolAdditionBlock, ToolRemovalBlock
from gateway.protocol.caching import in_their_order, mark
from gateway.protocol.content import CACHE_CONTROL, Draft, append_block
from gateway.protocol.converse import ContentBlock, Role, TextContent, Turn
from gateway.protocol.documents import SIBLING_TEXT
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import Message
from gateway.protocol.request_citations import plain_text
from gateway.protocol.scope import Scope

# How Claude Code itself marks such a note when a server does not take the role.
OPERATOR_NOTE: Final = "<system-reminder>\n{}\n</system-reminder>"
# Between turns that a model wants apart, and before a conversation that an assistant begins. Blank text is refused.
FILLER: Final = "."


class _Piece(msgspec.Struct, frozen=True):
    """What one message became."""

    role: Role
    follows: bool
    """It goes behind the tool results of its turn, wherever the message stood."""
    content: list[ContentBlock]
    has_text: bool
    """Its turn has text, here or before."""


def to_turns(messages: tuple[Message, ...], scope: Scope) -> list[Turn]:
    pieces = _to_pieces(messages, scope)
    if not pieces:
        raise InvalidRequest("messages: at least one message with content is required")
    turns = [_to_turn(role, list(group), scope) for role, group in groupby(pieces, key=lambda piece: piece.role)]
    if turns[-1]["role"] == "assistant":
        _trim_prefill(turns[-1]["content"], scope)
    return _as_the_model_wants(turns, scope)


def _to_pieces(messages: tuple[Message, ...], scope: Scope) -> list[_Piece]:
    """In the order of the messages. One of the user's that says nothing is passed over, but not at either end.

    There the conversation would become another one: begun by the assistant, or with an answer to be continued.
    """
    pieces: list[_Piece] = []
    unsaid: str | None = None
    for index, message in enumerate(messages):
        path, before = f"messages.{index}", len(pieces)
        _add_pieces(message, path, pieces, scope)
        if len(pieces) == before:
            unsaid = path if message.role == "user" else unsaid
            continue
        if unsaid and not before:
            _expect_user(pieces[0], unsaid)
        unsaid = None
    if unsaid and pieces:
        _expect_user(pieces[-1], unsaid)
    return pieces


def _expect_user(piece: _Piece, unsaid: str) -> None:
    if piece.role == "assistant":
        raise InvalidRequest(f"{unsaid}: user messages must have non-empty content")


def _trim_prefill(content: list[ContentBlock], scope: Scope) -> None:
    """An answer that the caller has begun: Claude refuses white space at its end. Only the last turn can be one."""
    # A cache point may stand behind its last block, but nothing else.
    last = len(content) - (2 if "cachePoint" in content[-1] else 1)
    trimmed = _trimmed(content[last])
    if trimmed != content[last]:
        content[last] = trimmed
        scope.note("content.text/prefill")


def _trimmed(block: ContentBlock) -> ContentBlock:
    if "text" in block:
        return {"text": block["text"].rstrip()}
    if "citationsContent" in block:
        cited = block["citationsContent"]
        texts: list[TextContent] = [{"text": content["text"].rstrip()} for content in cited["content"]]
        return {"citationsContent": {"content": texts, "citations": cited["citations"]}}
    return block


def _add_pieces(message: Message, path: str, pieces: list[_Piece], scope: Scope) -> None:
    """What the message becomes, behind what the earlier ones became."""
    blocks = (TextBlock(message.content),) if isinstance(message.content, str) else message.content
    match message.role:
        case "system":
            _add_piece("user", _operator_note(blocks, path, scope), pieces, follows=True)
        case "user" | "assistant" as role:
            draft = _to_draft(role, blocks, path, scope, has_text=_has_text(role, pieces))
            _add_piece(role, draft.content, pieces, follows=False)
            _add_piece(role, draft.beside, pieces, follows=True)


def _add_piece(role: Role, content: list[ContentBlock], pieces: list[_Piece], *, follows: bool) -> None:
    if content:
        has_text = _has_text(role, pieces) or _says_text(content)
        pieces.append(_Piece(role, follows, content, has_text))


def _says_text(content: list[ContentBlock]) -> bool:
    for block in content:  # noqa: SIM110  # a generator for each takes twice as long
        if "text" in block:
            return True
    return False


def _has_text(role: Role, pieces: list[_Piece]) -> bool:
    """Whether the turn that a message of this role joins has text already."""
    return bool(pieces) and pieces[-1].role == role and pieces[-1].has_text


def _to_draft(role: Role, blocks: tuple[RequestBlock, ...], path: str, scope: Scope, *, has_text: bool) -> Draft:
    draft = Draft(role)
    wants_text = scope.model.capabilities.documents and not has_text
    lonely = _last_lonely_document(blocks) if wants_text else None
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
        return {"role": role, "content": _after_the_results(pieces, scope)}
    content = pieces[0].content if len(pieces) == 1 else _flat(piece.content for piece in pieces)
    return {"role": role, "content": _calls_last(content, scope)}


def _after_the_results(pieces: list[_Piece], scope: Scope) -> list[ContentBlock]:
    """In the order of the client, but what follows the results, and came before the last, goes right behind it."""
    if len(pieces) == 1:
        return pieces[0].content
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
    return in_their_order(content, _flat(piece.content for piece in pieces), scope) if held else content


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
            parts = sorted(_with_points(content), key=lambda part: "toolUse" in part[0])
            return in_their_order(_flat(parts), content, scope)
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
    if turns[0]["role"] == "assistant" and not scope.model.capabilities.assistant_first:
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
