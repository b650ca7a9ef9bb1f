"""The corpus, a bounded fuzz of each target, and the proof that the fuzzers can find something.

Each run is a process of its own: libFuzzer ends the one that it runs in. A finding fails the test with its traceback,
the input, and how to replay it.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.fuzz import corpus
from tests.faults.fuzz.engines import ENGINES, choose_engine, has_wheel
from tests.faults.fuzz.sequences import AnySequence
from tests.faults.fuzz.target import NAMES, load

ROOT: Final = Path(__file__).parents[2]
MAX_CORPUS_FILES: Final = 400
MAX_CORPUS_BYTES: Final = 300_000
QUICK_SECONDS: Final = 6
# A night: the runs, and what they may take on a slow machine.
LONG_RUNS: Final = {"decoder": 10_000_000, "translator": 2_000_000, "request": 1_000_000}
LONG_SECONDS: Final = 3 * 60 * 60
# Most are found at once, the slowest after some ten seconds.
BROKEN_SECONDS: Final = 120
# Raises in CI where atheris is missing and need not be: then nothing here passes. The tests' names tell the engine.
ENGINE: Final = choose_engine()
INSTALLED_ENGINES: Final = [engine for engine in ENGINES if engine in (ENGINE, "hypothesis")]
WITHOUT_ATHERIS: Final = """
import runpy, sys
sys.modules["atheris"] = None
runpy.run_module("tests.faults.fuzz", run_name="__main__", alter_sys=True)
"""
DONE: Final = re.compile(r"^Done (\d+) runs", re.MULTILINE)


@dataclass(frozen=True)
class Breakage:
    """One check of the gateway taken out of a copy of it."""

    name: str
    target: str
    file: str
    line: str
    instead: str
    finding: str
    """What the traceback must say."""


BREAKAGES: Final = (
    Breakage(
        "a frame's checksum is not compared",
        "decoder",
        "eventstream.py",
        "if crc32(buffer[start:crc_at]) != _u32_at(buffer, crc_at)[0]:",
        "if False:",
        "botocore",
    ),
    Breakage(
        "a header's end is not looked for",
        "decoder",
        "eventstream.py",
        "except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:",
        "except (IndexError, KeyError, UnicodeDecodeError) as error:",
        "unpack_from requires a buffer",
    ),
    Breakage(
        "an answer may end without messageStop",
        "translator",
        "from_converse.py",
        "if self.stop_reason is None:\n            raise UpstreamProtocolError(",
        'if self.stop_reason is None:\n            self._stop = {"stopReason": ""}\n            return self._end()\n'
        "            raise UpstreamProtocolError(",
        "AssertionError",
    ),
    Breakage(
        "a block's index may go back",
        "translator",
        "reply_blocks.py",
        "self._block_open = False\n        if not self._written:",
        "if not self._written:",
        "AssertionError",
    ),
    Breakage(
        "a tool may be something else than an object",
        "request",
        "parsing.py",
        "if not isinstance(tool, dict):",
        "if False:",
        "AttributeError",
    ),
    Breakage(
        "a body may nest without end",
        "request",
        "json_limits.py",
        "_MAX_BODY_DEPTH: Final = _ENVELOPE + MAX_DEPTH",
        "_MAX_BODY_DEPTH: Final = 2000",
        "Recursion limit reached",
    ),
)


def fuzz(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command, as a user types it. The gateway is the one of `cwd`, the targets are ours."""
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_passes(name: str) -> None:
    target = load(name)
    inputs = corpus.read(corpus.FOLDER / name)
    assert inputs, "nothing is kept"
    for data in inputs:
        target.check(data)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_reaches_more_than_the_seeds(name: str) -> None:
    """A corpus that reaches no more than they do is not worth its files."""
    target = load(name)
    of_seeds = {step for data in target.seeds() for step in corpus.trace(target, data)}
    kept = {step for data in corpus.read(corpus.FOLDER / name) for step in corpus.trace(target, data)}
    assert len(kept | of_seeds) > 1.02 * len(of_seeds)


def test_the_corpus_is_small() -> None:
    files = [path for path in corpus.FOLDER.rglob("*") if path.is_file()]
    assert len(files) < MAX_CORPUS_FILES
    assert sum(path.stat().st_size for path in files) < MAX_CORPUS_BYTES


@pytest.mark.parametrize("in_ci", ["true", "false"])
def test_without_atheris_ci_fails_and_others_are_told(in_ci: str) -> None:
    """In a process that cannot see atheris, whether it is installed or not."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ATHERIS, "decoder", "--runs=100", "--keep-nothing"],
        cwd=ROOT,
        env={**os.environ, "CI": in_ci},
        capture_output=True,
        text=True,
        check=False,
    )
    if in_ci == "true" and has_wheel():
        assert done.returncode == 2
        assert "atheris is not installed" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "decoder by hypothesis" in done.stdout
        assert "blindly" in done.stdout


@pytest.mark.timeout(LONG_SECONDS + 600)
@pytest.mark.parametrize("name", [pytest.param(name, id=f"{name}-{ENGINE}") for name in NAMES])
def test_a_bounded_fuzz_finds_nothing(name: str, long_mode: bool) -> None:
    runs, seconds = (LONG_RUNS[name], LONG_SECONDS) if long_mode else (2**31 - 1, QUICK_SECONDS)
    done = fuzz(name, f"--runs={runs}", f"--seconds={seconds}", "--keep-nothing")
    print(done.stdout)
    assert done.returncode == 0, done.stdout
    told = DONE.search(done.stdout)
    assert told is not None, done.stdout
    assert int(told[1]) >= (runs if long_mode else 100)


@pytest.mark.parametrize("engine", INSTALLED_ENGINES)
@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_gateway_that_is_broken_on_purpose_is_found_out(breakage: Breakage, engine: str, tmp_path: Path) -> None:
    broken_copy(breakage, tmp_path)
    empty = tmp_path / "corpus"
    arguments = (f"--engine={engine}", f"--seconds={BROKEN_SECONDS}", "--seed=1", f"--corpus={empty}")
    done = fuzz(breakage.target, *arguments, "--findings=findings", cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert breakage.finding in done.stdout
    (finding,) = (tmp_path / "findings").iterdir()
    assert f"python -m tests.faults.fuzz {breakage.target} --replay findings/{finding.name}" in done.stdout
    assert fuzz(breakage.target, "--replay", f"findings/{finding.name}", cwd=tmp_path).returncode == 1
    # The breakage was found, and nothing else: our own gateway takes the same input.
    load(breakage.target).check(finding.read_bytes())


def broken_copy(breakage: Breakage, folder: Path) -> None:
    shutil.copytree(ROOT / "gateway", folder / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "gateway" / "protocol" / breakage.file
    whole = path.read_text()
    assert whole.count(breakage.line) == 1, f"{breakage.file} has changed: {breakage.line}"
    path.write_text(whole.replace(breakage.line, breakage.instead))


def test_the_translator_agrees_with_a_model_of_it(long_mode: bool) -> None:
    run_state_machine_as_test(
        AnySequence,
        settings=settings(
            max_examples=20_000 if long_mode else 300,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
