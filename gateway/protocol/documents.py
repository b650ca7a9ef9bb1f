"""Documents: PDF and other files, plain text, and content of the caller's own.

Where citations are on, Bedrock wants text as `text` or `content` and PDF as `bytes`; where they are off, it wants
`bytes` for all (https://github.com/boto/boto3/issues/4726, https://github.com/maximhq/bifrost/issues/7072). It cites
nothing inside tool results (https://github.com/boto/boto3/issues/4648), and reads a PDF by its text alone unless
citations are on, which is less than Anthropic's own API does. It also wants some text beside a document; where the
caller's turn has none, `turns` puts `SIBLING_TEXT` there.
"""

from base64 import b64decode, b64encode
from typing import Final, assert_never

import msgspec

from gateway.protocol.blocks import (
    Base64Source,
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    PlainTextSource,
    TextBlock,
    UrlSource,
)
from gateway.protocol.converse import Document, DocumentSource
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.media import sound_base64
from gateway.protocol.request_citations import INSIDE_A_BLOCK, plain_text
from gateway.protocol.scope import Scope
from gateway.protocol.wording import shown

SIBLING_TEXT: Final = "(The document is attached.)"

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
# The document formats of Converse. Anthropic's own API takes the first as base64, and the second as text.
DOCUMENT_FORMATS: Final = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "application/msword": "doc",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
}
TEXT_FORMATS: Final = frozenset({"txt", "csv", "html", "md"})
# "Only txt and pdf formats are supported when citations are enabled."
CITED_FORMATS: Final = frozenset({"txt", "pdf"})
PLAIN: Final = "txt"


class _File(msgspec.Struct, frozen=True):
    """Either base64, as it came, or texts."""

    document_format: str
    path: str
    base64: str = ""
    texts: tuple[str, ...] = ()

    @property
    def joined(self) -> str:
        return "\n".join(self.texts)

    @property
    def is_text(self) -> bool:
        return self.document_format in TEXT_FORMATS

    def text(self) -> str:
        if self.texts:
            return self.joined
        try:
            return b64decode(self.base64).decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"{self.path}.data: not text in UTF-8") from None


def to_document(block: DocumentBlock, path: str, scope: Scope, *, in_result: bool = False) -> Document | str:
    """The document, or its text where Bedrock takes no such document and nothing else is lost."""
    file = _read(block, f"{path}.source", scope)
    cited = _is_cited(block, file, path, in_result, scope)
    if not scope.model.capabilities.documents:
        if file.is_text:
            return _as_text(block, file, path, scope)
        scope.note("content.document/not_on_this_model", path)
    # Claude wants citations on all documents of a request or on none: one that may have none is better a text.
    elif in_result and file.is_text and _wants_citations(block):
        return _as_text(block, file, path, scope)
    name = scope.document_names.name(block.title, file.joined or file.base64)
    if block.title and name != block.title:
        scope.note("content.document.title/renamed", f"{path}.title")
    document_format = PLAIN if cited and file.is_text else file.document_format
    document: Document = {"format": document_format, "name": name, "source": _to_source(block, file, cited, scope)}
    if block.context:
        document["context"] = block.context
    if cited:
        document["citations"] = {"enabled": True}
    elif file.document_format == "pdf":
        scope.note("content.document/pdf_without_pictures", path)
    return document


def _as_text(block: DocumentBlock, file: _File, path: str, scope: Scope) -> str:
    scope.note("content.document/as_text", path)
    about = "".join(
        f"{name}: {value}\n" for name, value in (("title", block.title), ("context", block.context)) if value
    )
    return f"<document>\n{about}\n{file.text()}\n</document>" if about else f"<document>\n{file.text()}\n</document>"


def _wants_citations(block: DocumentBlock) -> bool:
    return block.citations is not None and bool(block.citations.enabled)


def _is_cited(block: DocumentBlock, file: _File, path: str, in_result: bool, scope: Scope) -> bool:
    if not _wants_citations(block):
        return False
    path = f"{path}.citations"
    if not scope.model.capabilities.citations:
        scope.note("content.document.citations/not_on_this_model", path)
    elif in_result:
        scope.note("content.document.citations/in_a_tool_result", path)
    elif file.document_format in CITED_FORMATS:
        return True
    elif file.is_text:
        scope.note("content.document.citations/as_plain_text", path)
        return True
    else:
        scope.note("content.document.citations/not_for_this_format", path)
    return False


def _to_source(block: DocumentBlock, file: _File, cited: bool, scope: Scope) -> DocumentSource:
    if cited and file.is_text:
        if isinstance(block.source, ContentSource):
            return {"content": [{"text": text} for text in file.texts]}
        return {"text": file.text()}
    if not file.texts:
        return {"bytes": file.base64}
    if len(file.texts) > 1:
        scope.note("content.document.source.content/joined", file.path)
    return {"bytes": b64encode(file.joined.encode()).decode()}


def _read(block: DocumentBlock, path: str, scope: Scope) -> _File:
    match block.source:
        case Base64Source(media_type=media_type, data=data):
            return _File(_format(media_type, path), path, base64=sound_base64(data, f"{path}.data"))
        case PlainTextSource(media_type=media_type, data=text):
            document_format = PLAIN if media_type is None else _text_format(media_type, path)
            if not text:
                raise InvalidRequest(f"{path}.data: empty")
            return _File(document_format, path, texts=(text,))
        case ContentSource():
            return _File(PLAIN, path, texts=tuple(_texts(block.source, f"{path}.content", scope)))
        case UrlSource() | FileSource():
            raise InvalidRequest(f"{path}: the document must be in the request itself, as base64 or text")
        case _:
            assert_never(block.source)


def _format(media_type: str, path: str) -> str:
    document_format = DOCUMENT_FORMATS.get(media_type.lower())
    if document_format is None:
        raise InvalidRequest(f"{path}.media_type: documents of type {shown(media_type)} are not supported")
    return document_format


def _text_format(media_type: str, path: str) -> str:
    document_format = _format(media_type, path)
    if document_format not in TEXT_FORMATS:
        raise InvalidRequest(f"{path}.media_type: {shown(media_type)} is no text; send the document as base64")
    return document_format


def _texts(source: ContentSource, path: str, scope: Scope) -> list[str]:
    blocks = (TextBlock(source.content),) if isinstance(source.content, str) else source.content
    texts: list[str] = []
    for index, block in enumerate(blocks):
        if block.cache_control is not None:
            scope.note(INSIDE_A_BLOCK, f"{path}.{index}.cache_control")
        if isinstance(block, ImageBlock):
            scope.note("content.document.source.content/image", f"{path}.{index}")
        elif block.text.strip():
            texts.append(plain_text(block, f"{path}.{index}", scope))
    if not texts:
        raise InvalidRequest(f"{path}: empty")
    return texts
