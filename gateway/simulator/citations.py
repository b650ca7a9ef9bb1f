"""What an answer can cite: the documents and search results of the request that allow it."""

from collections.abc import Iterator
from typing import Final, Literal, get_args

from gateway.simulator.contents import JsonObject, cites, members, nested_blocks
from gateway.simulator.plan import CitedText

CitationKind = Literal["char", "page", "chunk", "search", "web"]
CITATION_KINDS: Final = get_args(CitationKind)
MAX_CITED_SOURCES: Final = 3
MAX_CITED_CHARACTERS: Final = 60
MADE_UP: Final = "A sentence of a simulated source."
URL: Final = "https://example.com/simulated"


def cited_sentences(request: JsonObject) -> list[CitedText]:
    """One sentence for each of the first sources that may be cited, in the way their kind is cited."""
    documents = members(nested_blocks(request), "document")
    found = members(nested_blocks(request), "searchResult")
    sentences = [
        CitedText(f' "{document["name"]}" says this.', (_citation(_kind_of(document), index, document),))
        for index, document in enumerate(documents)
        if cites(document)
    ]
    sentences += [
        CitedText(f' "{result["title"]}" says this.', (_citation("search", index, result),))
        for index, result in enumerate(found)
        if cites(result)
    ]
    return sentences[:MAX_CITED_SOURCES]


def scripted_citation(kind: CitationKind, request: JsonObject) -> JsonObject:
    """Of the first source that is cited in this way; of a made-up one when there is none."""
    if kind == "web":
        return {"title": "Simulated page", "location": {"web": {"url": URL, "domain": "example.com"}}}
    return next(_fitting(kind, request), None) or _citation(kind, 0, {"title": "Simulated source", "source": URL})


def _fitting(kind: CitationKind, request: JsonObject) -> Iterator[JsonObject]:
    if kind == "search":
        for index, result in enumerate(members(nested_blocks(request), "searchResult")):
            yield _citation(kind, index, result)
        return
    for index, document in enumerate(members(nested_blocks(request), "document")):
        if _kind_of(document) == kind:
            yield _citation(kind, index, document)


def _kind_of(document: JsonObject) -> CitationKind:
    if document["source"].get("content") is not None:
        return "chunk"
    return "page" if document["format"] == "pdf" else "char"


def _citation(kind: CitationKind, index: int, source: JsonObject) -> JsonObject:
    text = _text_of(source)
    citation: JsonObject = {
        "title": source.get("title") or source.get("name"),
        "sourceContent": [{"text": text}],
        "location": _location(kind, index, len(text)),
    }
    return citation | {"source": source["source"]} if kind == "search" else citation


def _location(kind: CitationKind, index: int, length: int) -> JsonObject:
    match kind:
        case "char":
            return {"documentChar": {"documentIndex": index, "start": 0, "end": length}}
        case "page":
            return {"documentPage": {"documentIndex": index, "start": 1, "end": 2}}
        case "chunk":
            return {"documentChunk": {"documentIndex": index, "start": 0, "end": 1}}
        case "search":
            return {"searchResultLocation": {"searchResultIndex": index, "start": 0, "end": 1}}
        case "web":
            return {"web": {"url": URL, "domain": "example.com"}}


def _text_of(source: JsonObject) -> str:
    """Its beginning, where it is text."""
    inner = source.get("source")
    parts = source.get("content") or (inner.get("content") if isinstance(inner, dict) else None) or []
    text = " ".join(members(parts, "text")) or (inner.get("text") if isinstance(inner, dict) else None) or MADE_UP
    return str(text)[:MAX_CITED_CHARACTERS]
