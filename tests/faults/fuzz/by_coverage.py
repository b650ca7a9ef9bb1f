"""One libFuzzer run, by atheris: python -m tests.faults.fuzz.by_coverage TARGET FOLDER... -FLAG...

A process of its own, because libFuzzer ends the process that it runs in. It keeps what reaches new code in the first
folder, and reads the other ones only.
"""

import importlib
import random
import sys
from typing import Any, Final

from tests.faults.fuzz.target import Target, load

# What is watched. Instrumented code is several times slower, so nothing that only helps to check.
WATCHED: Final = ("gateway.protocol", "gateway.catalog")


def main() -> None:
    name, *rest = sys.argv[1:]
    # By name: the package is not there on every machine, and has no types.
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(WATCHED), enable_loader_override=False):
        target = load(name)

    def mutate(data: bytes, max_bytes: int, seed: int) -> bytes:
        mutated = one_step(target, bytes(data), random.Random(seed), atheris)
        return mutated[: min(max_bytes, target.max_bytes)]

    atheris.Setup([sys.argv[0], *rest], target.check, custom_mutator=mutate)
    atheris.Fuzz()


def one_step(target: Target, data: bytes, chance: random.Random, atheris: Any) -> bytes:
    def mutate_bytes(piece: bytes, max_bytes: int) -> bytes:
        # libFuzzer cannot mutate nothing, and must not be asked for fewer bytes than it is given.
        return bytes(atheris.Mutate(piece or b"0", max(max_bytes, len(piece), 1)))

    return target.mutate(data, chance, mutate_bytes)


if __name__ == "__main__":
    main()
