"""The check on the checks: a row that is changed is noticed by its case (`make matrix-flips` does it for all)."""

import pytest

from gateway.protocol.features import FEATURES
from tests.matrix.all_cases import CASES
from tests.matrix.flip import flips, is_noticed
from tests.matrix.prove import Matrix

# One of each fate, kind of case and way to be disclosed.
ROWS = [
    "temperature",
    "metadata",
    "speed",
    "container",
    "system/blank",
    "cache_control/moved",
    "content.container_upload",
    "tools.custom.strict/not_on_this_model",
    "beta:claude-code-20250219",
    "header:x-amzn-bedrock-trace",
    "reply.id",
    "stop_reason.pause_turn",
    "stop_reason.malformed_tool_use",
    "event.message_stop",
]


@pytest.mark.parametrize("row", ROWS)
async def test_no_change_of_a_row_goes_unnoticed(matrix: Matrix, row: str) -> None:
    original = FEATURES[row]
    changes = dict(flips(original, CASES[row]))
    assert len(changes) >= 3
    for what, changed in changes.items():
        assert await is_noticed(matrix, row, changed), what
    assert FEATURES[row] is original
    assert not await is_noticed(matrix, row, original)
