"""Programs that are not ours: terraform, docker, podman, git. The only place that starts them."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


class DeployError(Exception):
    """What stops a deployment. The message says what was wrong, and what to do."""


def require(program: str, what_to_do: str) -> str:
    """The program's path. Raises DeployError."""
    found = shutil.which(program)
    if found is None:
        raise DeployError(f"`{program}` is not installed. {what_to_do}")
    return found


def run(words: Sequence[str], *, variables: Mapping[str, str] | None = None, standard_input: str | None = None) -> None:
    """What it prints goes to the terminal. Raises DeployError when it fails."""
    code = subprocess.run(  # noqa: S603  # our own words, no shell
        words, cwd=ROOT, env={**os.environ, **(variables or {})}, input=standard_input, text=True, check=False
    ).returncode
    if code != 0:
        raise DeployError(f"`{_shown(words)}` failed with exit code {code}; what it said stands above.")


def read(words: Sequence[str], *, variables: Mapping[str, str] | None = None) -> str:
    """What it prints. Raises DeployError with the end of its error output."""
    done = subprocess.run(  # noqa: S603  # our own words, no shell
        words, cwd=ROOT, env={**os.environ, **(variables or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DeployError(f"`{_shown(words)}` failed: {done.stderr.strip()[-600:] or 'it said nothing'}")
    return done.stdout


def _shown(words: Sequence[str]) -> str:
    """The program and what it was to do; not its options, which may be long."""
    return " ".join([Path(words[0]).name, *(word for word in words[1:3] if not word.startswith("-"))])
