"""Which engine fuzzes, and one run of it in a process of its own."""

import base64
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from tests.faults.fuzz import corpus
from tests.faults.fuzz.target import Target

Engine = Literal["atheris", "hypothesis"]
ENGINES: Final = get_args(Engine)
# There are wheels of atheris for Linux on x86-64 alone (3.0.0: Python 3.11; 3.1.0: 3.12 to 3.14).
WHEEL_PYTHONS: Final = ((3, 11), (3, 14))
# libFuzzer stops by itself; a process that does not is killed after this.
GRACE_SECONDS: Final = 60
# Of one input. The slowest good one takes a hundredth of a second.
MAX_INPUT_SECONDS: Final = 10
MAX_MEMORY_MB: Final = 2048
SHOWN_BYTES: Final = 3000
SHOWN_LOG_CHARACTERS: Final = 4000
UNCAUGHT: Final = "=== Uncaught Python exception: ==="


class AtherisMissing(Exception):
    """CI fuzzes by coverage, or fails: a fuzzer that quietly became weaker finds nothing, and looks well."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Whichever ends first."""

    runs: int
    seconds: int
    seed: int


@dataclass(frozen=True, slots=True)
class Run:
    exit_code: int
    log: str
    findings: list[Path]
    interesting: list[bytes]

    @property
    def summary(self) -> str:
        return next((line for line in reversed(self.log.splitlines()) if line.startswith("Done ")), "It did not end.")


def choose_engine() -> Engine:
    if importlib.util.find_spec("atheris") is not None:
        return "atheris"
    if os.environ.get("CI") == "true" and has_wheel():
        raise AtherisMissing("atheris is not installed, although there is a wheel for this Python: make install")
    return "hypothesis"


def has_wheel() -> bool:
    first, last = WHEEL_PYTHONS
    return sys.platform == "linux" and platform.machine() == "x86_64" and first <= sys.version_info[:2] <= last


def fuzz(target: Target, engine: Engine, budget: Budget, kept: Path, findings: Path) -> Run:
    """`kept` is read; what the run finds interesting is only returned."""
    findings.mkdir(parents=True, exist_ok=True)
    known = set(findings.iterdir())
    with tempfile.TemporaryDirectory() as folder:
        new, seeds = Path(folder) / "new", Path(folder) / "seeds"
        new.mkdir()
        corpus.write(seeds, [*target.seeds(), *corpus.read(kept)])
        prefix = f"{findings}/{target.name}-"
        if engine == "atheris":
            command = ["by_coverage", target.name, str(new), str(seeds), *libfuzzer_flags(budget, target, prefix)]
        else:
            command = ["by_chance", target.name, str(seeds), *hypothesis_flags(budget, prefix)]
        exit_code, log = run_module(command, budget.seconds + GRACE_SECONDS)
        interesting = corpus.read(new)
    return Run(exit_code, log, sorted(set(findings.iterdir()) - known), interesting)


def libfuzzer_flags(budget: Budget, target: Target, prefix: str) -> list[str]:
    return [
        f"-runs={budget.runs}",
        f"-max_total_time={budget.seconds}",
        f"-seed={budget.seed}",
        f"-max_len={target.max_bytes}",
        f"-timeout={MAX_INPUT_SECONDS}",
        f"-rss_limit_mb={MAX_MEMORY_MB}",
        f"-artifact_prefix={prefix}",
        # The mutators know how long an input may be; libFuzzer would begin with the shortest.
        "-len_control=0",
        "-reload=0",
    ]


def hypothesis_flags(budget: Budget, prefix: str) -> list[str]:
    return [f"--runs={budget.runs}", f"--seconds={budget.seconds}", f"--seed={budget.seed}", f"--findings={prefix}"]


def run_module(command: list[str], timeout_seconds: int) -> tuple[int, str]:
    module, *arguments = command
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.{module}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as stuck:
        return -1, f"{(stuck.stdout or b'').decode(errors='replace')}\nkilled after {timeout_seconds} s"
    return done.returncode, done.stdout.decode(errors="replace")


def report_finding(path: Path, target: str) -> str:
    """Enough to replay it from a log alone: in CI the file goes with the machine."""
    data = path.read_bytes()
    lines = [f"FOUND {path}", f"replay it: python -m tests.faults.fuzz {target} --replay {path}"]
    if len(data) <= SHOWN_BYTES:
        lines.append(f"as base64: {base64.b64encode(data).decode()}")
    return "\n".join(lines)


def failure_in(log: str) -> str:
    """The traceback, without libFuzzer's pages of statistics before it."""
    return log[log.rfind(UNCAUGHT) :][:SHOWN_LOG_CHARACTERS] if UNCAUGHT in log else log[-SHOWN_LOG_CHARACTERS:]
