"""The run-time lock is whole: with its files at hand it installs without any index, and not with one digit changed."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.supply.installation import ROOT

LOCK: Final = (ROOT / "requirements.txt").read_text()
PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
BY_HASH: Final = ("--require-hashes", "--only-binary", ":all:")
TIMEOUT_SECONDS: Final = 300


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the lock names, for this machine."""
    folder = tmp_path_factory.mktemp("wheels")
    done = pip("download", *BY_HASH, "--dest", str(folder), "-r", str(ROOT / "requirements.txt"))
    assert done.returncode == 0, done.stderr
    return folder


def pip(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*PIP, *words], capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)


def install(wheels: Path, folder: Path, lock: str) -> "subprocess.CompletedProcess[str]":
    (folder / "lock.txt").write_text(lock)
    offline = ("--isolated", "--no-index", "--find-links", str(wheels))
    return pip("install", *BY_HASH, *offline, "--target", str(folder / "packages"), "-r", str(folder / "lock.txt"))


def test_it_installs_into_a_fresh_folder_without_any_index_and_the_gateway_starts_from_there(
    wheels: Path, tmp_path: Path
) -> None:
    done = install(wheels, tmp_path, LOCK)
    assert done.returncode == 0, done.stderr
    # -S: none of the packages that are installed here.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "gateway", "serve", "--help"],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path / "packages")},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    assert "--simulate" in done.stdout, done.stderr


def test_it_does_not_with_other_hashes_of_one_package(wheels: Path, tmp_path: Path) -> None:
    """Every hash of aiohttp with its first digit changed: to pip the same as another file under the same name."""
    entry = re.search(r"^aiohttp==.*(?:\n    .*)*", LOCK, re.MULTILINE)
    assert entry is not None
    tampered = re.sub(r"sha256:(.)", lambda digit: f"sha256:{'1' if digit[1] == '0' else '0'}", entry[0])
    refused = install(wheels, tmp_path, LOCK.replace(entry[0], tampered))
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert "aiohttp" in refused.stderr
    assert not (tmp_path / "packages").exists()
