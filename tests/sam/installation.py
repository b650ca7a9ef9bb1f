"""SAM itself, in an environment of its own: its pins would not fit beside the gateway's.

It goes into `.cache/sam` of the repository, by the hashes of `requirements.txt`, and again only when that file or the
Python has changed.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = Path(__file__).parent / "requirements.txt"
CACHE: Final = ROOT / ".cache" / "sam"
STAMP: Final = CACHE / "installed-lock.sha256"
BIN: Final = CACHE / "bin"
# 60 MB come over the network the first time.
INSTALL_TIMEOUT_SECONDS: Final = 600
# The lock is complete, and pip stumbles over extras when it has hashes to check (boto3-stubs[...]): hence --no-deps.
# Compiling 5,000 files takes longer than the rest; Python does it for those that are used.
PIP_INSTALL: Final = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
    *("--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile"),
)


class SamMissing(Exception):
    """SAM cannot be had here. The message says why."""


def installed_sam() -> Path:
    """The folder with `sam` and its `python`. Raises `SamMissing`."""
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == wanted and (BIN / "sam").is_file():
        return BIN
    _install()
    STAMP.write_text(wanted)
    return BIN


def _install() -> None:
    print(f"\nInstalling SAM into {CACHE.relative_to(ROOT)} ...", flush=True)
    shutil.rmtree(CACHE, ignore_errors=True)
    venv.create(CACHE, with_pip=True)
    try:
        subprocess.run(
            [BIN / "python", *PIP_INSTALL, "-r", LOCK],
            check=True,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_TIMEOUT_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise SamMissing(f"pip cannot install {LOCK.relative_to(ROOT)}:\n{error.stdout}") from error
    except subprocess.TimeoutExpired as error:
        raise SamMissing(f"pip did not install SAM within {INSTALL_TIMEOUT_SECONDS} s.") from error
