"""The yardstick must stay what it was when the first number was taken."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PINNED = "a335791717a7ecc16674dd8878cd66c9e0ce4705b2ad4c519ee0f600419b8da7"


def test_the_naive_gateway_is_the_one_that_all_numbers_were_taken_with() -> None:
    assert hashlib.sha256((ROOT / "benchmarks" / "naive" / "gateway.py").read_bytes()).hexdigest() == PINNED
