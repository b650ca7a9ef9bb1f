"""What Converse does not carry of Claude's own reply, asked for by JSON pointers, and read from where it then stands.

In a stream the pointers are resolved against the model's own `message_delta`, otherwise against its message
(messages-to-converse 5.3), so each field is asked for in both places. A pointer that leads nowhere is ignored.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from gateway.protocol.payloads import as_count

T = TypeVar("T")

# At most 10, and for Claude only: the model's capability column `response_field_paths`.
RESPONSE_FIELD_PATHS: Final = (
    "/delta/stop_sequence",
    "/stop_sequence",
    "/delta/stop_details",
    "/stop_details",
    "/usage/output_tokens_details",
    "/usage/cache_creation",
)
# Objects of Claude's reply that hold the fields; Bedrock gives a field back nested as it was asked for.
HOLDERS: Final = ("delta", "usage")


class CacheCreation(msgspec.Struct, frozen=True):
    """Tokens written to the cache, by how long they are kept."""

    five_minutes: int
    one_hour: int


class ResponseFields(msgspec.Struct, frozen=True):
    """None is what Bedrock did not tell."""

    stop_sequence: str | None = None
    stop_details: Mapping[str, Any] | None = None
    thinking_tokens: int | None = None
    cache_creation: CacheCreation | None = None


NO_FIELDS: Final = ResponseFields()


def read_response_fields(*documents: object) -> ResponseFields:
    """From `additionalModelResponseFields`, wherever they came. What has an odd type counts as not told."""
    places = [place for document in documents for place in _places(document)]
    return ResponseFields(
        stop_sequence=_first(places, "stop_sequence", lambda value: value if isinstance(value, str) else None),
        stop_details=_first(places, "stop_details", lambda value: value if isinstance(value, dict) else None),
        thinking_tokens=_first(places, "output_tokens_details", _thinking_tokens),
        cache_creation=_first(places, "cache_creation", _cache_creation),
    )


def _places(document: object) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        return
    yield document
    for name in HOLDERS:
        if isinstance(document.get(name), dict):
            yield document[name]


def _first(places: list[dict[str, Any]], name: str, read: Callable[[object], T | None]) -> T | None:
    for place in places:
        value = read(place.get(name))
        if value is not None:
            return value
    return None


def _thinking_tokens(details: object) -> int | None:
    return as_count(details.get("thinking_tokens")) if isinstance(details, dict) else None


def _cache_creation(split: object) -> CacheCreation | None:
    if not isinstance(split, dict):
        return None
    five_minutes = as_count(split.get("ephemeral_5m_input_tokens"))
    one_hour = as_count(split.get("ephemeral_1h_input_tokens"))
    return None if five_minutes is None or one_hour is None else CacheCreation(five_minutes, one_hour)
