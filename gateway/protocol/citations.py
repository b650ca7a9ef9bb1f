"""Converse's citations as Anthropic's. The text that is cited, the document's index and title keep their values."""

from collections.abc import Mapping
from typing import Any, Final

# Converse's location to Anthropic's type, and the names of the index, the start and the end there.
LOCATIONS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "documentChar": ("char_location", "document_index", "start_char_index", "end_char_index"),
    "documentPage": ("page_location", "document_index", "start_page_number", "end_page_number"),
    "documentChunk": ("content_block_location", "document_index", "start_block_index", "end_block_index"),
    "searchResultLocation": (
        "search_result_location",
        "search_result_index",
        "start_block_index",
        "end_block_index",
    ),
}
INDEXES: Final = {"searchResultLocation": "searchResultIndex"}


def from_citation(citation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Anthropic's citation object; None for a location that it does not have (`web`) or that nobody knows yet."""
    location = citation.get("location")
    kind = next((kind for kind in LOCATIONS if isinstance(location, dict) and kind in location), None)
    if kind is None or not isinstance(location, dict) or not isinstance(location[kind], dict):
        return None
    place = location[kind]
    anthropic_type, index, start, end = LOCATIONS[kind]
    translated = {
        "type": anthropic_type,
        "cited_text": _cited_text(citation.get("sourceContent")),
        index: place.get(INDEXES.get(kind, "documentIndex")),
        start: place.get("start"),
        end: place.get("end"),
    }
    if kind == "searchResultLocation":
        return translated | {"source": citation.get("source", ""), "title": citation.get("title")}
    return translated | {"document_title": citation.get("title"), "file_id": None}


def _cited_text(pieces: object) -> str:
    if not isinstance(pieces, list):
        return ""
    return "".join(str(piece.get("text", "")) for piece in pieces if isinstance(piece, dict))
