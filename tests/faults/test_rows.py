"""Each row of the fault matrix is proved by a test that is there."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.faults.rows import ROWS

HERE = Path(__file__).parent
# How many rows the tables of the specification have, and ours beside them.
EXPECTED = {
    "Bedrock, before the first event": 17,
    "Bedrock, inside the stream": 16,
    "The client": 10,
    "Process and platform": 9,
    "Keys and Secrets Manager": 9,
    "Abuse of the API": 18,
}


def test_no_row_is_left_out() -> None:
    assert {table: len(rows) for table, rows in ROWS.items()} == EXPECTED


@pytest.mark.parametrize("test", sorted({test for rows in ROWS.values() for tests in rows.values() for test in tests}))
def test_every_named_test_exists(test: str) -> None:
    path, _, function = test.partition("::")
    assert function in functions(HERE / path)


@pytest.mark.parametrize(("table", "row"), [(table, row) for table, rows in ROWS.items() for row in rows])
def test_every_row_has_a_test(table: str, row: str) -> None:
    assert ROWS[table][row]


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
