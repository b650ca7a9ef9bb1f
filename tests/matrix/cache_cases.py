"""Cases: what becomes of cache marks, wherever they stand."""

from typing import Final

from tests.matrix.building_blocks import (
    FIRST,
    MARK,
    MISTRAL,
    OLD_CACHE,
    POINT,
    SEARCH,
    TEXT,
    TEXT_SOURCE,
    USER,
    document,
    marked,
    user,
)
from tests.matrix.cases import ABSENT, RequestCase, approximated, dropped, kept

_ON_REQUEST_AND_SYSTEM: Final[tuple[RequestCase, ...]] = (
    kept("cache_control", {"cache_control": MARK}, sent={"messages.0.content.1": POINT}),
    approximated(
        "cache_control/moved",
        {
            "cache_control": MARK,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "[[say:ok]]"},
                        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "A."}},
                    ],
                }
            ],
        },
        sent={"messages.0.content.1": POINT, "messages.0.content.2.document.format": "txt"},
        harmless=True,
    ),
    dropped(
        "cache_control/no_place",
        {
            "cache_control": MARK,
            "messages": [
                USER,
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "Eu8ECkYIAxgCKkA="}]},
            ],
        },
        sent={"messages.1.content.1": ABSENT},
        harmless=True,
    ),
    dropped(
        "cache_control/no_point_left",
        {"cache_control": MARK, "system": marked("A.", "B.", "C.", "D.")},
        sent={"messages.0.content.1": ABSENT, "system.7": POINT},
    ),
    dropped(
        "cache_control/not_on_this_model",
        {"model": MISTRAL, "cache_control": MARK},
        sent={"messages.0.content.1": ABSENT},
        harmless=True,
    ),
    kept(
        "cache_control.ttl",
        {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
        sent={"messages.0.content.1.cachePoint": {"type": "default", "ttl": "1h"}},
    ),
    approximated(
        "cache_control.ttl/not_on_this_model",
        {"model": OLD_CACHE, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        sent={"messages.0.content.1.cachePoint": {"type": "default"}},
    ),
    dropped(
        "cache_control.scope",
        {"cache_control": {"type": "ephemeral", "scope": "global"}},
        sent={"messages.0.content.1.cachePoint": {"type": "default"}},
        harmless=True,
    ),
    kept(
        "content.cache_control",
        {"messages": [{"role": "user", "content": marked("[[say:ok]]")}]},
        sent={"messages.0.content": [{"text": "[[say:ok]]"}, POINT]},
    ),
    kept("system.cache_control", {"system": marked("Be brief.")}, sent={"system": [{"text": "Be brief."}, POINT]}),
    approximated(
        "system.cache_control/moved",
        {
            "system": [
                {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "text", "text": " ", "cache_control": MARK},
            ]
        },
        sent={"system": [{"text": "Be brief."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]},
        harmless=True,
    ),
    dropped(
        "system.cache_control/no_place",
        {"system": [*marked(" "), {"type": "text", "text": "Be brief."}]},
        sent={"system": [{"text": "Be brief."}]},
        harmless=True,
    ),
    dropped(
        "system.cache_control/over_four",
        {"system": marked("A.", "B.", "C.", "D.", "E.")},
        sent={"system.1.text": "B.", "system.8": POINT, "system.9": ABSENT},
        at="system.cache_control",
    ),
    dropped(
        "system.cache_control/not_on_this_model",
        {"model": MISTRAL, "system": marked("Be brief.")},
        sent={"system": [{"text": "Be brief."}]},
        harmless=True,
    ),
)

_ON_BLOCKS: Final[tuple[RequestCase, ...]] = (
    approximated(
        "content.cache_control/moved",
        user(TEXT, document(TEXT_SOURCE, title="Notes", cache_control=MARK)),
        sent={"messages.0.content.1": POINT, "messages.0.content.2.document.name": "Notes"},
        harmless=True,
    ),
    dropped(
        "content.cache_control/no_place",
        user({"type": "text", "text": " ", "cache_control": MARK}),
        sent={"messages.0.content": [{"text": "[[say:ok]]"}]},
        harmless=True,
    ),
    dropped(
        "content.cache_control/over_four",
        {"messages": [{"role": "user", "content": marked("A.", "B.", "C.", "D.", "E. [[say:ok]]")}]},
        sent={"messages.0.content.1": {"text": "B."}, "messages.0.content.8": POINT},
    ),
    dropped(
        "content.cache_control/inside_a_block",
        user({**SEARCH, "content": marked("Alpha.")}),
        sent={f"{FIRST}.searchResult.content": [{"text": "Alpha."}]},
        harmless=True,
    ),
    dropped(
        "content.cache_control/not_on_this_model",
        {"model": MISTRAL, "messages": [{"role": "user", "content": marked("[[say:ok]]")}]},
        sent={"messages.0.content": [{"text": "[[say:ok]]"}]},
        harmless=True,
    ),
)

CACHE_CASES: Final = (*_ON_REQUEST_AND_SYSTEM, *_ON_BLOCKS)
