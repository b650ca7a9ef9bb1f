"""What gets in: every file by its hash, wheels only, few packages, licences that were looked at.

That pip refuses a file with another hash is shown with pip itself, offline, on wheels made here.
"""

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest

from tests.supply.audit import CLEAN, FAILED, NOT_ASKED, VULNERABLE, judge

ROOT: Final = Path(__file__).parent.parent
RUN_TIME_LOCK: Final = ROOT / "requirements.txt"
LOCKS: Final = (
    RUN_TIME_LOCK,
    ROOT / "requirements-dev.txt",
    ROOT / "tests/sam/requirements.txt",
    ROOT / "tests/supply/requirements.txt",
    ROOT / "tests/faults/openapi/requirements.txt",
    ROOT / "tests/load/requirements.txt",
    ROOT / "benchmarks/peers/litellm/requirements.txt",
)
# A budget: one more is a decision, and its reason stands in docs/dependencies.md.
MOST_PACKAGES: Final = 21
# Licences that ask for no more than to be named. MPL-2.0: only changes to orjson's own files would have to be shown.
LICENCES: Final = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Python-2.0"}
)
# What packages write that have no SPDX expression yet.
OTHER_WORDS: Final = {
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
    "PSF": "PSF-2.0",
}
INSTALLING_FILES: Final = ("Dockerfile", "Makefile", "tests/sam/installation.py", "tests/support/tool_environment.py")
SHA256: Final = re.compile(r"--hash=sha256:[0-9a-f]{64}")
PIP: Final = (sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check")


def entries(lock: str) -> dict[str, str]:
    """Each pinned package with all that belongs to it."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+.*(?:\n    .*)*)", lock, re.MULTILINE)
    return dict(found)


def without_hash(lock: str) -> Iterator[str]:
    """Whatever in it could be installed without its files being known."""
    yield from (name for name, rest in entries(lock).items() if not SHA256.search(rest))
    for line in lock.splitlines():
        if line.strip() and not re.match(r"#|    |[\w.-]+(\[[\w,-]+\])?==", line):
            yield line


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_requirement_of_every_lock_has_hashes(lock: Path) -> None:
    assert len(entries(lock.read_text())) > 10
    assert list(without_hash(lock.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "example==1.0\n",
        "example==1.0 \\\n    --hash=md5:00000000000000000000000000000000\n",
        "example>=1.0\n",
        "example @ https://example.com/example-1.0.whl\n",
        "git+https://example.com/example\n",
        "-e .\n",
        "--extra-index-url https://example.com/\n",
    ],
)
def test_a_line_that_could_bring_unknown_files_is_seen(line: str) -> None:
    assert len(list(without_hash(RUN_TIME_LOCK.read_text() + line))) == 1


def test_every_lock_in_the_repository_is_looked_at() -> None:
    listed = subprocess.run(["git", "ls-files", "*.txt"], cwd=ROOT, capture_output=True, text=True, check=False)
    named = [line for line in listed.stdout.splitlines() if Path(line).name.startswith("requirements")]
    assert {ROOT / name for name in named} <= set(LOCKS)


def test_the_packages_that_run_beside_the_credentials_keep_to_their_budget() -> None:
    assert len(entries(RUN_TIME_LOCK.read_text())) <= MOST_PACKAGES


@pytest.mark.parametrize("file", INSTALLING_FILES)
def test_pip_installs_by_hash_and_from_wheels_only(file: str) -> None:
    assert list(careless_installs((ROOT / file).read_text())) == []


def careless_installs(text: str) -> Iterator[str]:
    """The calls of `pip install` in it that would take a file without a hash, run a package's own set-up, or look for
    what the lock does not name.

    The locks are whole, so pip has nothing to look for (`pip check` says so of what is installed). Without `--no-deps`
    it looks all the same, and pip 23.2 refuses a lock as soon as a younger version of a package is published that
    another one asks for with an extra (seen with `coverage==7.17.3` and pytest-cov's `coverage[toml]`).
    """
    joined = text.replace("\\\n", " ").replace('", "', " ").replace('"), *("', " ").replace('"),\n    *("', " ")
    for line in joined.splitlines():
        # The project itself, which has no hash: it is here, and flit builds it without a download.
        if "pip install" not in line or line.lstrip().startswith("#") or "--no-build-isolation --editable ." in line:
            continue
        careful = "--require-hashes" in line and "--no-deps" in line and re.search(r"--only-binary[ =]:all:", line)
        if not careful:
            yield line


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install aiohttp",
        "pip install --require-hashes --no-deps -r x.txt",
        "pip install --only-binary :all: --no-deps x",
        "pip install --require-hashes --only-binary :all: -r x.txt",
    ],
)
def test_a_careless_installation_is_seen(line: str) -> None:
    assert list(careless_installs(line)) == [line]


def test_the_locks_name_all_that_the_packages_in_them_need() -> None:
    done = subprocess.run([*PIP, "check"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_each_file_that_installs_is_seen_to_do_so() -> None:
    for file in INSTALLING_FILES:
        assert re.search(r'pip",? "?install|pip install', (ROOT / file).read_text()), file
    workflows = "".join(path.read_text() for path in (ROOT / ".github/workflows").iterdir())
    assert "pip install" not in workflows + (ROOT / ".ci/run").read_text(), "they install by make"


# --- licences, as the installed packages say


def licence(name: str) -> str:
    """An SPDX expression, or the words in its place."""
    metadata = distribution(name).metadata
    said = metadata["License-Expression"] or metadata["License"] or ""
    return OTHER_WORDS.get(said, said)


def foreign(expression: str) -> set[str]:
    """The licences in an expression that are on no list. Every part counts, whichever word is between them."""
    return set(re.split(r"\s+(?:AND|OR|WITH)\s+|[()]", expression)) - {"", *LICENCES}


@pytest.mark.parametrize("name", entries(RUN_TIME_LOCK.read_text()))
def test_the_licence_of_a_run_time_package_is_one_that_was_looked_at(name: str) -> None:
    assert licence(name), "it says nothing"
    assert foreign(licence(name)) == set()


@pytest.mark.parametrize("expression", ["GPL-3.0-only", "MIT AND GPL-3.0-only", "MIT AND (AGPL-3.0-only OR MIT)"])
def test_a_licence_that_is_on_no_list_is_seen(expression: str) -> None:
    assert foreign(expression) != set()


# --- pip, offline, with the right hashes and with others


def make_wheel(folder: Path, text: str) -> Path:
    """The smallest package there is."""
    contents = {
        "chatrix_example.py": text,
        "chatrix_example-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: chatrix-example\nVersion: 1.0\n",
        "chatrix_example-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},sha256={record_hash(each)},{len(each)}" for name, each in contents.items()]
    contents["chatrix_example-1.0.dist-info/RECORD"] = "\n".join([*record, "chatrix_example-1.0.dist-info/RECORD,,\n"])
    path = folder / "chatrix_example-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, each in contents.items():
            wheel.writestr(name, each)
    return path


def record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def install(folder: Path, lock: str) -> "subprocess.CompletedProcess[str]":
    """With the options of the Makefile and the Dockerfile, and with no index to ask."""
    (folder / "lock.txt").write_text(lock)
    options = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-index", "--find-links", str(folder)]
    command = [*PIP, "install", *options, "--target", str(folder / "installed"), "-r", str(folder / "lock.txt")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_file_that_was_changed_after_it_was_locked_is_not_installed(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "honest = True\n")
    locked = wheel.read_bytes()
    lock = f"chatrix-example==1.0 \\\n    --hash=sha256:{hashlib.sha256(locked).hexdigest()}\n"
    make_wheel(tmp_path, "honest = False\n")
    refused = install(tmp_path, lock)
    assert refused.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr
    assert not (tmp_path / "installed").exists()
    wheel.write_bytes(locked)
    assert install(tmp_path, lock).returncode == 0
    assert (tmp_path / "installed/chatrix_example.py").read_text() == "honest = True\n"


def test_a_requirement_without_a_hash_stops_the_installation(tmp_path: Path) -> None:
    make_wheel(tmp_path, "honest = True\n")
    refused = install(tmp_path, "chatrix-example==1.0\n")
    assert refused.returncode != 0
    assert "Hashes are required" in refused.stderr


# --- what the audit's report means


CLEAN_REPORT: Final = '{"dependencies": [{"name": "aio_http", "version": "3.14.5", "vulns": []}], "fixes": []}'
PIN: Final = "aio-http==3.14.5 \\\n    --hash=sha256:0\n"


@pytest.mark.parametrize(
    ("report", "errors", "expected"),
    [
        (CLEAN_REPORT, "", CLEAN),
        (CLEAN_REPORT.replace("[]}]", '[{"id": "X", "fix_versions": ["4"]}]}]'), "", VULNERABLE),
        # pip-audit's own exit code is 0 for these two.
        (CLEAN_REPORT.replace('"vulns": []', '"skip_reason": "not found"').replace('"version"', '"v"'), "", NOT_ASKED),
        ('{"dependencies": [], "fixes": []}', "", NOT_ASKED),
        (CLEAN_REPORT.replace("3.14.5", "3.14.4"), "", NOT_ASKED),
        ("", "requests.exceptions.ConnectionError: no route", NOT_ASKED),
        ("", "pip_audit._service.interface.ServiceError", NOT_ASKED),
        ("", "KeyError: 'vulns'", FAILED),
        ("", "", FAILED),
    ],
)
def test_only_a_report_about_every_package_is_a_clean_one(report: str, errors: str, expected: int) -> None:
    assert judge(PIN, report, errors).exit_code == expected


# --- SECURITY.md


def test_each_test_that_security_md_names_exists() -> None:
    """Whoever removes one has to say what stops the attack instead."""
    text = (ROOT / "SECURITY.md").read_text()
    assert [target for target in re.findall(r"\]\((?!https?://)([^)#]+)", text) if not (ROOT / target).exists()] == []
    for name in re.findall(r"`(test_\w+)` in", text):
        (file,) = set(re.findall(rf"`{name}` in\s+\[[^]]+\]\(([^)]+)\)", text))
        assert f"def {name}(" in (ROOT / file).read_text()
    assert f"Few packages: {len(entries(RUN_TIME_LOCK.read_text()))} at run time" in text
