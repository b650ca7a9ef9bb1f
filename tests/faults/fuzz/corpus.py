"""The inputs that are kept in the repository: of each target the shortest that together reach all that is reached.

Reached is measured here by lines and the lines before them, and not by libFuzzer's counters: the same choice on every
machine, and no input is kept for having gone round a loop once more. A file named `found-...` once broke something, and
stays whatever it reaches.
"""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.faults.fuzz.target import Target

FOLDER: Final = Path(__file__).parent / "corpus"
FOUND: Final = "found-"
# Of one target.
MAX_FILES: Final = 180
MAX_KEPT_BYTES: Final = 90_000
WATCHED: Final = (("gateway", "protocol"), ("gateway", "catalog"))

Step = tuple[str, int, int]


def read(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def file_name(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()[:16]


def minimise(target: Target, kept_before: Iterable[bytes], new: Iterable[bytes]) -> list[bytes]:
    """The shortest first, each one only if it reaches what none before it has. What was kept before has precedence:
    the files should not change with every run.
    """
    reached: set[Step] = set()
    kept: list[bytes] = []
    kept_bytes = 0
    for data in (*by_length(kept_before), *by_length(new)):
        steps = trace(target, data)
        if steps <= reached or len(kept) == MAX_FILES or kept_bytes + len(data) > MAX_KEPT_BYTES:
            continue
        reached |= steps
        kept.append(data)
        kept_bytes += len(data)
    return kept


def by_length(inputs: Iterable[bytes]) -> list[bytes]:
    return sorted(set(inputs), key=lambda data: (len(data), data))


def write(folder: Path, kept: Iterable[bytes]) -> tuple[int, int]:
    """How many files are new, and how many are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {file_name(data): data for data in kept}
    present = {path.name for path in folder.iterdir() if not path.name.startswith(FOUND)}
    for name in present - wanted.keys():
        (folder / name).unlink()
    for name in wanted.keys() - present:
        (folder / name).write_bytes(wanted[name])
    return len(wanted.keys() - present), len(present - wanted.keys())


def trace(target: Target, data: bytes) -> set[Step]:
    """Which lines of the gateway ran behind which. An input that fails is no input to keep: it raises here, too."""
    steps: set[Step] = set()

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if Path(file).parts[-3:-1] not in WATCHED:
            return None
        last = 0

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                steps.add((file, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        target.check(data)
    finally:
        sys.settrace(before)
    return steps
