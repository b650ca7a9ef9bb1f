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
    code = exit_code(words, variables=variables, standard_input=standard_input)
    if code != 0:
        raise DeployError(f"`{_shown(words)}` failed with exit code {code}; what it said stands above.")


def exit_code(
    words: Sequence[str], *, variables: Mapping[str, str] | None = None, standard_input: str | None = None
) -> int:
    """What it prints goes to the terminal.

    Ctrl-C reaches the program too, and it is waited for however long it takes: `subprocess.run` would kill it after
    0.25 s, and a Terraform that is killed leaves a locked state that does not know what it has made.
    """
    with subprocess.Popen(  # noqa: S603  # our own words, no shell
        words,
        cwd=ROOT,
        env={**os.environ, **(variables or {})},
        stdin=None if standard_input is None else subprocess.PIPE,
        text=True,
    ) as process:
        if process.stdin is not None:
            process.stdin.write(standard_input or "")
            process.stdin.close()
        interrupted = False
        while process.returncode is None:
            try:
                process.wait()
            except KeyboardInterrupt:
                interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return process.returncode


def read(words: Sequence[str], *, variables: Mapping[str, str] | None = None, standard_input: str | None = None) -> str:
    """What it prints. Raises DeployError with the end of its error output."""
    done = subprocess.run(  # noqa: S603  # our own words, no shell
        words,
        cwd=ROOT,
        env={**os.environ, **(variables or {})},
        input=standard_input,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DeployError(f"`{_shown(words)}` failed: {done.stderr.strip()[-600:] or 'it said nothing'}")
    return done.stdout


def _shown(words: Sequence[str]) -> str:
    """The program and what it was to do; not its options, which may be long."""
    return " ".join([Path(words[0]).name, *(word for word in words[1:3] if not word.startswith("-"))])
