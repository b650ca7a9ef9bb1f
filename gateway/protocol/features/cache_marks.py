"""Rows: what becomes of `cache_control` on blocks, on the system prompt and on the request as a whole."""

from typing import Final

from gateway.protocol.features.feature import Feature, approximated, dropped, kept

_BLOCK: Final = "content block"
_FIELD: Final = "request field"
_MOVED: Final = "Bedrock takes no point there: it stands as near as it can."
_NO_PLACE: Final = "There is nothing before it that could be cached."
_NO_CACHE: Final = "The model has no prompt caching there on Bedrock. The answer is the same, and costs more."

CACHE_MARKS: Final[tuple[Feature, ...]] = (
    kept("content.cache_control", _BLOCK, "A cache point right behind the block."),
    approximated("content.cache_control/moved", _BLOCK, _MOVED, harmless=True),
    dropped("content.cache_control/no_place", _BLOCK, _NO_PLACE, harmless=True),
    dropped("content.cache_control/over_four", _BLOCK, "Bedrock takes four points: the earliest of the messages goes."),
    dropped(
        "content.cache_control/inside_a_block",
        _BLOCK,
        "Bedrock takes no point inside a document, a search result or what a server tool gave.",
        harmless=True,
    ),
    dropped("content.cache_control/not_on_this_model", _BLOCK, _NO_CACHE, harmless=True),
    kept("system.cache_control", _BLOCK, "A cache point right behind the block."),
    approximated("system.cache_control/moved", _BLOCK, _MOVED, harmless=True),
    dropped("system.cache_control/no_place", _BLOCK, _NO_PLACE, harmless=True),
    dropped("system.cache_control/over_four", _BLOCK, "Bedrock takes four points, and later ones are worth more."),
    dropped("system.cache_control/not_on_this_model", _BLOCK, _NO_CACHE, harmless=True),
    dropped("tools.cache_control/not_on_this_model", "tool", _NO_CACHE, harmless=True),
    approximated("cache_control/moved", _FIELD, _MOVED, harmless=True),
    dropped("cache_control/no_place", _FIELD, _NO_PLACE, harmless=True),
)
