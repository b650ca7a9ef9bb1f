"""Cited text of earlier answers, and search results: what Claude on Bedrock can cite, and what it has cited.

A citation goes back value for value, or not at all; the text itself always stays. Two kinds cannot go back. Bedrock
forgets the type of a search result's location on the way to Claude, which then refuses the request
(https://github.com/langchain-ai/langchain-aws/pull/1175), and Converse's `web` has no place for the `encrypted_index`
that Claude demands of a web search's.
"""

from typing import Final, assert_never

from gateway.protocol.blocks import (
    CharLocation,
    Citation,
    ContentBlockLocation,
    PageLocation,
    SearchResultBlock,
    SearchResultLocation,
    TextBlock,
    WebSearchResultLocation,
)
from gateway.protocol.converse import Citation as ConverseCitation
from gateway.protocol.converse import CitationLocation, ContentBlock, DocumentSpan, SearchResult
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.scope import Scope

INSIDE_A_BLOCK: Final = "content.cache_control/inside_a_block"


def to_cited_text(block: TextBlock, path: str, scope: Scope) -> ContentBlock:
    """The text of an earlier answer, with the citations that can go back; the table names the others by their kinds."""
    if not block.citations:
        return {"text": block.text}
    if not scope.model.capabilities.citations:
        return {"text": plain_text(block, path, scope)}
    citations = [citation for citation in map(_to_citation, block.citations) if citation is not None]
    if not citations:
        return {"text": block.text}
    return {"citationsContent": {"content": [{"text": block.text}], "citations": citations}}


def plain_text(block: TextBlock, path: str, scope: Scope) -> str:
    """The text alone. Its citations, if it has any, are disclosed."""
    if block.citations:
        scope.note("content.text.citations/without_place", f"{path}.citations")
    return block.text


def _to_citation(citation: Citation) -> ConverseCitation | None:
    match citation:
        case CharLocation():
            span = _span(citation.document_index, citation.start_char_index, citation.end_char_index)
            return _of_document(citation, {"documentChar": span})
        case PageLocation():
            span = _span(citation.document_index, citation.start_page_number, citation.end_page_number)
            return _of_document(citation, {"documentPage": span})
        case ContentBlockLocation():
            span = _span(citation.document_index, citation.start_block_index, citation.end_block_index)
            return _of_document(citation, {"documentChunk": span})
        case SearchResultLocation() | WebSearchResultLocation():
            return None
        case _:
            assert_never(citation)


def _of_document(
    citation: CharLocation | PageLocation | ContentBlockLocation, location: CitationLocation
) -> ConverseCitation:
    translated: ConverseCitation = {"location": location}
    if citation.document_title is not None:
        translated["title"] = citation.document_title
    if citation.cited_text:
        translated["sourceContent"] = [{"text": citation.cited_text}]
    return translated


def _span(index: int | None, start: int | None, end: int | None) -> DocumentSpan:
    span: DocumentSpan = {}
    if index is not None:
        span["documentIndex"] = index
    if start is not None:
        span["start"] = start
    if end is not None:
        span["end"] = end
    return span


def to_search_result(block: SearchResultBlock, path: str, scope: Scope) -> SearchResult:
    content = _search_texts(block, path, scope)
    result: SearchResult = {
        "source": block.source,
        "title": block.title,
        "content": [{"text": text} for text in content],
    }
    if block.citations is not None and block.citations.enabled is not None:
        result["citations"] = {"enabled": block.citations.enabled}
    return result


def search_result_as_text(block: SearchResultBlock, path: str, scope: Scope) -> str:
    """For models that take no search results."""
    scope.note("content.search_result/as_text", path)
    said = "\n\n".join(_search_texts(block, path, scope))
    return f"<search_result>\ntitle: {block.title}\nsource: {block.source}\n\n{said}\n</search_result>"


def _search_texts(block: SearchResultBlock, path: str, scope: Scope) -> list[str]:
    if any(inner.cache_control is not None for inner in block.content):
        scope.note(INSIDE_A_BLOCK)
    texts = [plain_text(inner, f"{path}.content.{index}", scope) for index, inner in enumerate(block.content)]
    spoken = [text for text in texts if text.strip()]
    if not spoken:
        raise InvalidRequest(f"{path}.content: empty")
    return spoken
