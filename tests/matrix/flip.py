"""Changes the feature table row by row, and demands that the row's case notices: `make matrix-flips`.

Each row gets every other fate in turn, and its two switches (`harmless`, `silent`) the other way round where they mean
anything; the case of the row must fail then. A row that can be changed without anybody noticing proves nothing, and
neither does its line in docs/compatibility.md. The cases run over real sockets in this process: the table is asked
afresh for every request, so that a part of the gateway which keeps a fate of its own shows up here, too.
"""

import asyncio
import sys
import time
from collections.abc import Iterator

from msgspec.structs import replace

from gateway.protocol.features import FATES, FEATURES, Feature
from tests.matrix.all_cases import CASES
from tests.matrix.cases import Case, RequestCase
from tests.matrix.prove import Matrix, open_matrix


def flips(row: Feature, case: Case) -> Iterator[tuple[str, Feature]]:
    """What is changed, and the row then."""
    for fate in FATES:
        if fate != row.fate:
            yield f"{row.fate} to {fate}", replace(row, fate=fate)
    if not isinstance(case, RequestCase) or row.fate not in ("dropped", "approximated"):
        return
    yield ("no longer silent" if row.silent else "silent"), replace(row, silent=not row.silent)
    # What is silent is harmless, and where strict mode refuses the surroundings the switch decides nothing.
    if not row.silent and not case.strict_says:
        yield ("no longer harmless" if row.harmless else "harmless"), replace(row, harmless=not row.harmless)


async def is_noticed(matrix: Matrix, name: str, changed: Feature) -> bool:
    original = FEATURES[name]
    FEATURES[name] = changed
    try:
        await matrix.prove(CASES[name])
    except AssertionError:
        return True
    finally:
        FEATURES[name] = original
    return False


async def flip_all(only: str = "") -> list[str]:
    """The flips that nobody notices. Raises where a case does not even hold for the table as it is."""
    unnoticed = []
    count = 0
    async with open_matrix() as matrix:
        for name, row in list(FEATURES.items()):
            if only not in name:
                continue
            await matrix.prove(CASES[name])
            for what, changed in flips(row, CASES[name]):
                count += 1
                if not await is_noticed(matrix, name, changed):
                    unnoticed.append(f"{name}: {what}")
    print(f"{count} flips of {len(FEATURES)} rows, {len(unnoticed)} unnoticed")
    return unnoticed


def main() -> int:
    start = time.monotonic()
    unnoticed = asyncio.run(flip_all(sys.argv[1] if len(sys.argv) > 1 else ""))
    for line in unnoticed:
        print(f"not noticed: {line}")
    print(f"{time.monotonic() - start:.0f} s")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
