"""Breaks one promise at a time in a copy of the gateway, and demands that its test notices: `make mutants`.

    python -m tests.faults.mutants                  all of `mutations.py`
    python -m tests.faults.mutants "expired key"    those whose names hold these words

A test proves its promise only if it fails once the promise is broken. First all named tests must pass on an unchanged
copy. Then each mutation is made alone, the module must still import, and its test must fail: itself, not its fixtures.
A test that hangs has noticed, too, and is told apart. Exit codes: 0 all were noticed, 1 not all, 2 nothing is proved.

What is surprising: the environment may hold this very gateway, installed for development. So the copies are put first
on the path, whoever runs in them looks where the module came from, and one mutation is there to prove just that.
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from importlib.util import cache_from_source
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from xml.etree import ElementTree

from tests.faults.mutations import MUTATIONS, THE_COPY, Mutation

ROOT: Final = Path(__file__).parents[2]
# What the gateway and its tests are made of. The documents are there for the test of the version.
COPIED: Final = ("gateway", "tests", "docs", "README.md", "CHANGELOG.md", "Makefile", "pyproject.toml")
LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", ".hypothesis", "node_modules")
WORKERS: Final = 2
# One test. None of the named ones takes a third of it on a slow machine.
TEST_SECONDS: Final = 30.0
# One run of pytest beyond its tests' time: its start, and fixtures that will not end.
MORE_SECONDS: Final = 30.0
ALL_TESTS_SECONDS: Final = 300.0
# Most of a run is its start, so what no named test needs is left out.
NEEDLESS: Final = ("xdist", "xdist.looponfail", "cacheprovider", "anyio", "pytest_cov", "hypothesispytest")
OPTIONS: Final = ("-q", "-x", "--override-ini=norecursedirs=.*", *(f"-pno:{name}" for name in NEEDLESS))
# Runs pytest where the module of this name comes from this folder, and nowhere else. Not before pytest has begun: it
# takes modules that are there already amiss.
DRIVER: Final = """
import importlib, sys
import pytest
module, folder, *arguments = sys.argv[1:]
class Witness:
    def pytest_sessionstart(self):
        path = importlib.import_module(module).__file__
        if not path.startswith(folder + "/"):
            pytest.exit(f"{path} would be tested, and not what lies in {folder}", 1)
sys.exit(pytest.main(arguments, plugins=[Witness()]))
"""
SHOWN_LINES: Final = 20
TIMED_OUT: Final = "from pytest-timeout"


class Verdict(Enum):
    KILLED = "killed"
    HUNG = "hung"
    SURVIVED = "SURVIVED"
    NONE = "NO VERDICT"

    @property
    def noticed(self) -> bool:
        return self in (Verdict.KILLED, Verdict.HUNG)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutation; `why` is for those without a verdict."""

    mutation: Mutation
    verdict: Verdict
    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest: its report, if it came to write one, and what it printed."""

    cases: tuple[ElementTree.Element, ...]
    printed: str
    hung: bool = False

    def of(self, test: str) -> list[ElementTree.Element]:
        """The cases of a test, or the one that it names."""
        path, *names = test.split("::")
        function = names.pop()
        place = ".".join((path.removesuffix(".py").replace("/", "."), *names))
        return [
            case
            for case in self.cases
            if case.get("classname") == place
            and (case.get("name") == function or case.get("name", "").startswith(f"{function}["))
        ]


class Copy:
    """The repository, as far as its tests need it, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
            else:
                shutil.copy(ROOT / name, folder / name)

    @contextmanager
    def broken(self, mutation: Mutation) -> Iterator[None]:
        path = self.folder / mutation.path
        whole = path.read_text()
        if whole.count(mutation.old) != 1:
            raise ValueError(f"{mutation.path} does not hold this once, for {mutation.name!r}: {mutation.old}")
        self._write(path, whole.replace(mutation.old, mutation.new))
        try:
            yield
        finally:
            self._write(path, whole)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """What was compiled of it goes: Python knows it by its second and its length, which may be those of before."""
        path.write_text(text)
        Path(cache_from_source(str(path))).unlink(missing_ok=True)

    async def run(self, module: str, tests: Iterable[str], test_seconds: float, seconds: float) -> Run:
        report, printed = self.folder / "report.xml", self.folder / "printed.txt"
        report.unlink(missing_ok=True)
        arguments = (*OPTIONS, f"--timeout={test_seconds}", f"--junitxml={report}", *tests)
        hung = False
        with printed.open("wb") as output:
            running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", DRIVER, module, str(self.folder), *arguments),
                cwd=self.folder,
                env=self._environment(),
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(seconds):
                    await running.wait()
            except TimeoutError:
                hung = True
            finally:
                if running.returncode is None:
                    # With whatever it has started: it leads a group of its own.
                    os.killpg(running.pid, signal.SIGKILL)
                    await running.wait()
        cases = tuple(ElementTree.parse(report).iter("testcase")) if report.exists() else ()
        return Run(cases, printed.read_text(errors="replace"), hung)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
        return {**kept, "PYTHONPATH": str(self.folder)}


class FailsUnchanged(Exception):
    """Some of the named tests do not pass on the gateway as it is: nothing can be proved by them."""


@contextmanager
def open_copies() -> Iterator[list[Copy]]:
    with TemporaryDirectory(prefix="chatrix-mutants-") as folder:
        paths = [Path(folder).resolve() / str(number) for number in range(WORKERS)]
        for path in paths:
            path.mkdir()
        yield [Copy(path) for path in paths]


async def try_all(mutations: Sequence[Mutation], test_seconds: float = TEST_SECONDS) -> list[Outcome]:
    """Prints each outcome when it is there. Raises `FailsUnchanged`."""
    with open_copies() as copies:
        began = time.monotonic()
        await check_unchanged(copies, mutations)
        print(f"all named tests pass on the unchanged gateway ({time.monotonic() - began:.0f} s)", flush=True)
        waiting = iter(mutations)
        outcomes: list[Outcome] = []

        async def work(copy: Copy) -> None:
            for mutation in waiting:
                outcome = await try_one(copy, mutation, test_seconds)
                outcomes.append(outcome)
                print(row(outcome), flush=True)

        async with asyncio.TaskGroup() as tasks:
            for copy in copies:
                tasks.create_task(work(copy))
    return outcomes


async def check_unchanged(copies: Sequence[Copy], mutations: Iterable[Mutation]) -> None:
    """All named tests, a file in one copy: its tests share what they start."""
    tests = sorted({mutation.test for mutation in mutations})
    files: dict[str, list[str]] = {}
    for test in tests:
        files.setdefault(test.partition("::")[0], []).append(test)
    shares = [list(chain(*list(files.values())[start :: len(copies)])) for start in range(len(copies))]
    runs = await asyncio.gather(
        *(
            copy.run("gateway", share, TEST_SECONDS, ALL_TESTS_SECONDS)
            for copy, share in zip(copies, shares, strict=True)
            if share
        )
    )
    cases = {test: [case for run in runs for case in run.of(test)] for test in tests}
    # The first failure ends a run: those that were not reached are no news beside it.
    failed = [test for test in tests if any(len(case) for case in cases[test])]
    for test in failed or [test for test in tests if not cases[test]]:
        printed = "\n".join(run.printed for run in runs)
        raise FailsUnchanged(f"{test} does not pass on the unchanged gateway.\n{printed}")


async def try_one(copy: Copy, mutation: Mutation, test_seconds: float) -> Outcome:
    began = time.monotonic()
    with copy.broken(mutation):
        run = await copy.run(module_of(mutation.path), [mutation.test], test_seconds, test_seconds + MORE_SECONDS)
    verdict, why = judge(run, mutation.test)
    return Outcome(mutation, verdict, time.monotonic() - began, why)


def judge(run: Run, test: str) -> tuple[Verdict, str]:
    """Only a failure of the test itself counts; one of a fixture, or of the import, may have any reason."""
    if run.hung:
        return Verdict.HUNG, ""
    cases = run.of(test)
    failures = [failure for case in cases for failure in case.iter("failure")]
    if any(TIMED_OUT in failure.get("message", "") for failure in failures):
        return Verdict.HUNG, ""
    if failures:
        return Verdict.KILLED, ""
    if cases and not any(len(case) for case in cases):
        return Verdict.SURVIVED, ""
    return Verdict.NONE, "\n".join(run.printed.splitlines()[-SHOWN_LINES:])


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def row(outcome: Outcome) -> str:
    return f"{outcome.verdict.value:<10} {outcome.seconds:5.1f} s  {outcome.mutation.name}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many there were, and of those that nobody noticed all that is known."""
    unnoticed = [outcome for outcome in outcomes if not outcome.verdict.noticed]
    lines = [
        f"\n{outcome.verdict.value}: {outcome.mutation.name}\n  in {outcome.mutation.path}, not noticed by "
        f"{outcome.mutation.test}\n{outcome.why}"
        for outcome in unnoticed
    ]
    hung = sum(outcome.verdict is Verdict.HUNG for outcome in outcomes)
    return "\n".join(
        [*lines, f"{len(outcomes)} mutations, {len(outcomes) - len(unnoticed)} noticed ({hung} by hanging)"]
    )


def exit_code(outcomes: Iterable[Outcome]) -> int:
    return 0 if all(outcome.verdict.noticed for outcome in outcomes) else 1


def chosen(words: Sequence[str]) -> list[Mutation]:
    """With the one that shows that the copy is what is tested, unless there is none."""
    named = [each for each in MUTATIONS if not words or any(word in each.name for word in words)]
    return [THE_COPY, *(each for each in named if each is not THE_COPY)] if named else []


def main() -> int:
    mutations = chosen(sys.argv[1:])
    if not mutations:
        print(f"No mutation has a name with one of these in it: {sys.argv[1:]}", file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        outcomes = asyncio.run(try_all(mutations))
    except FailsUnchanged as failure:
        print(failure, file=sys.stderr)
        return 2
    print(summary(outcomes))
    print(f"{time.monotonic() - began:.0f} s")
    return exit_code(outcomes)


if __name__ == "__main__":
    sys.exit(main())
