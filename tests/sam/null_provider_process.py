"""Runs `null_provider.py` as Terraform's null provider: a process beside Terraform, not one that it starts."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SCRIPT: Final = Path(__file__).with_name("null_provider.py")
STOP_SECONDS: Final = 10.0


@contextmanager
def null_provider(python: Path, socket: Path) -> Iterator[str]:
    """The value for TF_REATTACH_PROVIDERS. `python` is that of the SAM environment."""
    with subprocess.Popen(
        [python, SCRIPT, socket], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            assert line, f"{SCRIPT.name} ended with {process.wait(STOP_SECONDS)} before it served"
            yield line
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
