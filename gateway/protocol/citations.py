"""Converse's citations as Anthropic's. The text that is cited, the places and titles keep their values."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.protocol.payloads import as_count


class Place(msgspec.Struct, frozen=True):
    """A location of Anthropic's that counts something, and where Converse has its numbers."""

    type: str
    start: str
    end: str
    index: str = "document_index"
    converse_index: str = "documentIndex"


LOCATIONS: Final[Mapping[str, Place]] = {
    "documentChar": Place("char_location", "start_char_index", "end_char_index"),
    "documentPage": Place("page_location", "start_page_number", "end_page_number"),
    "documentChunk": Place("content_block_location", "start_block_index", "end_block_index"),
    "searchResultLocation": Place(
        "search_result_location", "start_block_index", "end_block_index", "search_result_index", "searchResultIndex"
    ),
}
WEB: Final = "web"


def from_citation(citation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Anthropic's citation object; None for a location that nobody knows yet, or one without its numbers."""
    location = citation.get("location")
    if not isinstance(location, dict):
        return None
    if isinstance(location.get(WEB), dict):
        return _from_web(citation, location[WEB])
    kind = next((kind for kind in LOCATIONS if isinstance(location.get(kind), dict)), None)
    return None if kind is None else _from_place(citation, location[kind], LOCATIONS[kind])


def _from_place(citation: Mapping[str, Any], numbers: Mapping[str, Any], place: Place) -> dict[str, Any] | None:
    index, start, end = (as_count(numbers.get(name)) for name in (place.converse_index, "start", "end"))
    if index is None or start is None or end is None:
        return None
    translated = {
        "type": place.type,
        "cited_text": _cited_text(citation.get("sourceContent")),
        place.index: index,
        place.start: start,
        place.end: end,
    }
    if place is LOCATIONS["searchResultLocation"]:
        return translated | {"source": _text(citation.get("source")) or "", "title": _text(citation.get("title"))}
    return translated | {"document_title": _text(citation.get("title")), "file_id": None}


def _from_web(citation: Mapping[str, Any], web: Mapping[str, Any]) -> dict[str, Any] | None:
    """From a model with a search of its own. Only Anthropic's search has an index to send back: here it is empty."""
    url = _text(web.get("url")) or _text(web.get("domain"))
    if url is None:
        return None
    return {
        "type": "web_search_result_location",
        "cited_text": _cited_text(citation.get("sourceContent")),
        "encrypted_index": "",
        "title": _text(citation.get("title")),
        "url": url,
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _cited_text(pieces: object) -> str:
    if not isinstance(pieces, list):
        return ""
    return "".join(_text(piece.get("text")) or "" for piece in pieces if isinstance(piece, dict))
