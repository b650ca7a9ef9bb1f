"""The client under test: the real Claude Code from npm, exactly the version of `client/package-lock.json`.

It goes into `.cache/claude-code` of the repository and is installed again only when the lock changes. No install script
runs: since 2.x the program is a native binary in a package of its own for each platform, which is started directly.
"""

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = Path(__file__).parent / "client"
CACHE: Final = ROOT / ".cache" / "claude-code"
STAMP: Final = CACHE / "installed-lock.sha256"
# 400 MB come over the network the first time.
INSTALL_TIMEOUT_SECONDS: Final = 900
# The lock was written without registry hosts, and npm has to be told not to look for them.
NPM_CI: Final = ("ci", "--ignore-scripts", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund")
ARCHITECTURES: Final = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}


class ClientMissing(Exception):
    """The client cannot be had here. The message says why and what to do."""


def installed_client() -> Path:
    """The native binary; installs it first when the lock has changed. Raises `ClientMissing`."""
    binary = CACHE / "node_modules" / "@anthropic-ai" / f"claude-code-{platform_name()}" / "claude"
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    with _alone():
        if STAMP.is_file() and STAMP.read_text() == lock and binary.is_file():
            return binary
        _install()
        if not binary.is_file():
            raise ClientMissing(
                f"npm ci succeeded, but there is no {binary.relative_to(ROOT)}: no client for this platform?"
            )
        STAMP.write_text(lock)
    return binary


def platform_name() -> str:
    """As in the names of the npm packages: `linux-x64`, `linux-arm64-musl`, `darwin-arm64`."""
    architecture = ARCHITECTURES.get(platform.machine().lower(), platform.machine())
    musl = sys.platform == "linux" and platform.libc_ver()[0] != "glibc"
    return f"{sys.platform}-{architecture}{'-musl' if musl else ''}"


@contextmanager
def _alone() -> Iterator[None]:
    """The checks run in several processes: one installs, the others wait for it."""
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with CACHE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ClientMissing("`make e2e` needs npm to install the real Claude Code. Install Node.js (with npm) first.")
    CACHE.mkdir(parents=True, exist_ok=True)
    STAMP.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(SOURCE / name, CACHE / name)
    print(f"\nInstalling Claude Code into {CACHE.relative_to(ROOT)} ...", flush=True)
    try:
        subprocess.run(
            [npm, *NPM_CI],
            cwd=CACHE,
            check=True,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_TIMEOUT_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise ClientMissing(
            f"npm ci for Claude Code failed with exit code {error.returncode}:\n{error.stdout}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ClientMissing(f"npm ci for Claude Code did not end within {INSTALL_TIMEOUT_SECONDS} s.") from error
