"""Each known mistake has its tests, and each of them is there."""

import ast
from pathlib import Path

import pytest

from tests.matrix.mistakes import MISTAKES

ROOT = Path(__file__).parents[2]


def test_no_row_of_the_two_lists_is_left_out() -> None:
    wanted = [*(f"messages {row}" for row in range(1, 23)), *(f"client {row}" for row in range(1, 11))]
    assert [row for row, _, _ in MISTAKES] == wanted


@pytest.mark.parametrize("row", [row for row, _, _ in MISTAKES])
def test_every_test_that_is_named_exists(row: str) -> None:
    tests = next(tests for name, _, tests in MISTAKES if name == row)
    assert tests
    for test in tests:
        path, _, function = test.partition("::")
        assert function in functions(ROOT / path), test


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
