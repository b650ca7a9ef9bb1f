"""The targets under Hypothesis, where atheris cannot be installed: python -m tests.faults.fuzz.by_chance TARGET ...

It mutates as the other engine does, but learns nothing from the code that an input reaches: much weaker, and better
than nothing. It does not shrink what it finds, which would have no bound in time.
"""

import argparse
import hashlib
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.faults.fuzz.target import Target, load, scramble

# A round of Hypothesis ends by a count of examples; the clock is looked at between rounds.
ROUND: Final = 500
MAX_STEPS: Final = 8


class Search:
    def __init__(self, target: Target, inputs: list[bytes]) -> None:
        self.target = target
        self.inputs = inputs
        self.runs = 0
        self.last = b""

    def check(self, start: int, steps: list[int]) -> None:
        data = self.inputs[start % len(self.inputs)]
        for step in steps:
            data = self._mutate(data, random.Random(step))
        self.runs += 1
        self.last = data
        self.target.check(data)

    def _mutate(self, data: bytes, chance: random.Random) -> bytes:
        def mutate_bytes(piece: bytes, max_bytes: int) -> bytes:
            return scramble(piece, max_bytes, chance)

        return self.target.mutate(data, chance, mutate_bytes)[: self.target.max_bytes]


def play_round(search: Search, number: int, examples: int) -> None:
    """Hypothesis runs a failure once more, last of all: `search.last` is that one when this raises."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**16), st.lists(st.integers(0, 2**32), max_size=MAX_STEPS))
    def example(start: int, steps: list[int]) -> None:
        search.check(start, steps)

    example()


def main() -> None:
    arguments = read_arguments()
    inputs = [path.read_bytes() for folder in arguments.folders for path in sorted(folder.iterdir())]
    search = Search(load(arguments.target), inputs)
    end = time.monotonic() + arguments.seconds
    number = arguments.seed
    while search.runs < arguments.runs and time.monotonic() < end:
        try:
            play_round(search, number, min(ROUND, arguments.runs - search.runs))
        except BaseException:  # noqa: BLE001  # a finding is any; several come as an ExceptionGroup
            traceback.print_exc()
            name = f"crash-{hashlib.sha1(search.last, usedforsecurity=False).hexdigest()}"
            Path(f"{arguments.findings}{name}").write_bytes(search.last)
            sys.exit(77)
        number += 1
    print(f"Done {search.runs} runs, seeds {arguments.seed} to {number - 1}.", file=sys.stderr)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--findings", required=True, help="what the name of a finding's file begins with")
    return parser.parse_args()


if __name__ == "__main__":
    main()
