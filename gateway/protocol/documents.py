"""Documents: PDF and other files, plain text, and content of the caller's own.

Converse reads a PDF by its text alone unless citations are on, which is less than Anthropic's own API does: disclosed.
It also wants some text beside a document; where the caller's message has none, `turns` puts `SIBLING_TEXT` there.
"""

from base64 import b64encode
from typing import Final, assert_never

from gateway.protocol.converse import Document, DocumentSource
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.media import sound_base64
from gateway.protocol.messages import (
    Base64Source,
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    PlainTextSource,
    TextBlock,
    UrlSource,
)
from gateway.protocol.scope import Scope
from gateway.protocol.wording import shown

SIBLING_TEXT: Final = "(The document is attached.)"

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
# The document formats of Converse. Anthropic's own API takes the first two as base64.
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


def to_document(block: DocumentBlock, path: str, scope: Scope) -> Document:
    document_format, source, content = _source(block, f"{path}.source", scope)
    name = scope.document_names.name(block.title, content)
    if block.title and name != block.title:
        scope.disposition.approximate("messages.content.title")
    document: Document = {"format": document_format, "name": name, "source": source}
    if block.context:
        document["context"] = block.context
    if block.citations is not None and block.citations.enabled:
        document["citations"] = {"enabled": True}
    elif document_format == "pdf":
        scope.disposition.approximate("messages.content.document")
    return document


def _source(block: DocumentBlock, path: str, scope: Scope) -> tuple[str, DocumentSource, str]:
    """The format, the source, and what a name can be made from."""
    match block.source:
        case Base64Source(media_type=media_type, data=data):
            document_format = DOCUMENT_FORMATS.get(media_type.lower())
            if document_format is None:
                raise InvalidRequest(f"{path}.media_type: documents of type {shown(media_type)} are not supported")
            base64 = sound_base64(data, f"{path}.data")
            return document_format, {"bytes": base64}, base64
        case PlainTextSource(data=text):
            if not text:
                raise InvalidRequest(f"{path}.data: empty")
            return "txt", {"bytes": b64encode(text.encode()).decode()}, text
        case ContentSource():
            texts = _texts(block.source, f"{path}.content")
            if _has_marks(block.source):
                scope.disposition.drop("messages.content.source.cache_control")
            return "txt", {"content": [{"text": text} for text in texts]}, "\n".join(texts)
        case UrlSource() | FileSource():
            raise InvalidRequest(remote_source(block.source, path))
        case _:
            assert_never(block.source)


def _texts(source: ContentSource, path: str) -> list[str]:
    blocks = (TextBlock(source.content),) if isinstance(source.content, str) else source.content
    texts: list[str] = []
    for index, block in enumerate(blocks):
        if isinstance(block, ImageBlock):
            raise InvalidRequest(f"{path}.{index}: Bedrock takes no images inside a document; put it beside")
        if block.text.strip():
            texts.append(block.text)
    if not texts:
        raise InvalidRequest(f"{path}: empty")
    return texts


def _has_marks(source: ContentSource) -> bool:
    return not isinstance(source.content, str) and any(block.cache_control is not None for block in source.content)


def remote_source(source: UrlSource | FileSource, path: str) -> str:
    """Why a source that is not in the request itself is refused."""
    if isinstance(source, UrlSource):
        return f"{path}.type: 'url' sources are not fetched by this gateway; send the content as base64"
    return f"{path}.type: 'file' sources need Anthropic's Files API, which Bedrock does not have; send base64"
