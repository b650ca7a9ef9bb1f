"""What can be fuzzed: a check that takes any bytes, and a mutator that knows how they are built.

A finding is any exception that leaves `check`: one that the gateway should not raise, or an assertion of the target.
"""

import importlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

NAMES: Final = ("decoder", "translator", "request")


# A blind mutation of some bytes to at most so many: libFuzzer's own, which learns from comparisons, or `scramble`.
MutateBytes = Callable[[bytes, int], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    check: Callable[[bytes], None]
    mutate: Callable[[bytes, random.Random, MutateBytes], bytes]
    """One step. The same data and the same chance give the same bytes, as far as `MutateBytes` does."""
    seeds: Callable[[], list[bytes]]
    """Good inputs from elsewhere in the repository, to begin with."""
    max_bytes: int


def load(name: str) -> Target:
    return cast(Target, importlib.import_module(f"{__package__}.{name}").TARGET)


def scramble(data: bytes, max_bytes: int, chance: random.Random) -> bytes:
    """One byte changed, put in or taken out, a piece repeated, or the end cut off."""
    at = chance.randint(0, len(data))
    match chance.randrange(6):
        case 0:
            data = data[:at] + chance.randbytes(1) + data[at + 1 :]
        case 1:
            data = data[:at] + chance.randbytes(chance.randint(1, 4)) + data[at:]
        case 2:
            data = data[:at] + data[at + chance.randint(1, 8) :]
        case 3:
            data = data[:at] + data[max(0, at - chance.randint(1, 16)) :]
        case 4:
            data = (
                data[:at] + bytes((data[at] ^ 1 << chance.randrange(8),)) + data[at + 1 :] if at < len(data) else data
            )
        case _:
            data = data[:at]
    return data[:max_bytes]
