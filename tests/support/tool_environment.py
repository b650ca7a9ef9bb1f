"""A development tool that brings many packages along, in an environment of its own under `.cache`.

Such packages have no business beside the gateway, nor in its lock. They are installed by the hashes of their own lock,
again only when that file or the Python has changed, and by one process at a time.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache"
INSTALL_TIMEOUT_SECONDS: Final = 600
# The lock is complete: hence --no-deps.
PIP_INSTALL: Final = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
    *("--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile"),
)


def tool_environment(name: str, lock: Path) -> Path:
    """The folder with the programs of `lock`, and their `python`."""
    folder = CACHE / name
    stamp = folder / "installed-lock.sha256"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    CACHE.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (stamp.is_file() and stamp.read_text() == wanted):
            print(
                f"Installing {lock.relative_to(ROOT)} into {folder.relative_to(ROOT)} ...", file=sys.stderr, flush=True
            )
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            command: list[str | Path] = [folder / "bin" / "python", *PIP_INSTALL, "-r", lock]
            subprocess.run(command, check=True, timeout=INSTALL_TIMEOUT_SECONDS)
            stamp.write_text(wanted)
    return folder / "bin"
