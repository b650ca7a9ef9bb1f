"""Every case, by the row that it proves."""

from typing import Final

from tests.matrix.cache_cases import CACHE_CASES
from tests.matrix.cases import Case
from tests.matrix.ending_cases import ENDING_CASES
from tests.matrix.field_cases import FIELD_CASES
from tests.matrix.history_cases import HISTORY_CASES
from tests.matrix.media_cases import MEDIA_CASES
from tests.matrix.message_cases import MESSAGE_CASES
from tests.matrix.reply_cases import REPLY_CASES
from tests.matrix.thinking_cases import THINKING_CASES
from tests.matrix.tool_cases import TOOL_CASES

_BY_MODULE: Final[dict[str, tuple[Case, ...]]] = {
    "field_cases": FIELD_CASES,
    "cache_cases": CACHE_CASES,
    "message_cases": MESSAGE_CASES,
    "media_cases": MEDIA_CASES,
    "history_cases": HISTORY_CASES,
    "tool_cases": TOOL_CASES,
    "thinking_cases": THINKING_CASES,
    "reply_cases": REPLY_CASES,
    "ending_cases": ENDING_CASES,
}
ALL_CASES: Final[tuple[Case, ...]] = tuple(case for cases in _BY_MODULE.values() for case in cases)
CASES: Final[dict[str, Case]] = {case.row: case for case in ALL_CASES}
MODULES: Final[dict[str, str]] = {case.row: module for module, cases in _BY_MODULE.items() for case in cases}
"""The file in which the case of a row stands."""
