"""The command: `python -m tests.faults.fuzz TARGET [--runs N | --seconds S] [--corpus DIR]`.

Exit codes: 0 nothing found, 1 found, 2 not run.
"""

import argparse
import importlib.util
import random
import sys
import traceback
from pathlib import Path
from typing import Final

from tests.faults.fuzz import corpus
from tests.faults.fuzz.engines import (
    ENGINES,
    AtherisMissing,
    Budget,
    Run,
    choose_engine,
    failure_in,
    fuzz,
    report_finding,
)
from tests.faults.fuzz.target import NAMES, Target, load

FINDINGS: Final = Path(".cache/fuzz")
DEFAULT_SECONDS: Final = 60
# Longer than anybody waits, where only --runs was given; and more than anybody counts.
NO_LIMIT_SECONDS: Final = 24 * 60 * 60
NO_LIMIT_RUNS: Final = 2**31 - 1


def main() -> int:
    arguments = read_arguments()
    target = load(arguments.target)
    folder = arguments.corpus or corpus.FOLDER / target.name
    if arguments.replay:
        return replay(target, arguments.replay)
    try:
        engine = arguments.engine or choose_engine()
    except AtherisMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    where = importlib.util.find_spec("gateway")
    print(f"{target.name} by {engine}, seed {arguments.seed}, of {where.origin if where else 'no gateway'}", flush=True)
    if engine == "hypothesis":
        print("atheris does not do this run: Hypothesis mutates as well, but blindly.", flush=True)
    seconds = arguments.seconds or (NO_LIMIT_SECONDS if arguments.runs else DEFAULT_SECONDS)
    budget = Budget(arguments.runs or NO_LIMIT_RUNS, seconds, arguments.seed)
    run = fuzz(target, engine, budget, folder, arguments.findings)
    if run.exit_code or run.findings:
        return report(run, target)
    print(run.summary)
    if not arguments.keep_nothing:
        keep(target, folder, run, afresh=arguments.afresh)
    return 0


def report(run: Run, target: Target) -> int:
    print(failure_in(run.log))
    for path in run.findings:
        print(report_finding(path, target.name))
    return 1


def replay(target: Target, paths: list[Path]) -> int:
    for path in paths:
        try:
            target.check(path.read_bytes())
        except Exception:  # noqa: BLE001  # a finding is any
            traceback.print_exc()
            print(f"{path} is still a finding")
            return 1
        print(f"{path} passes")
    return 0


def keep(target: Target, folder: Path, run: Run, *, afresh: bool) -> None:
    old = corpus.read(folder)
    before, new = ([], [*old, *run.interesting]) if afresh else (old, run.interesting)
    kept = corpus.minimise(target, before, new)
    added, gone = corpus.write(folder, kept)
    print(f"{folder}: {len(kept)} inputs, {sum(map(len, kept))} bytes; {added} new, {gone} gone")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description="Fuzz one part of the gateway.")
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--runs", type=int, help="end after so many inputs")
    parser.add_argument("--seconds", type=int, help=f"end after so many seconds ({DEFAULT_SECONDS} without --runs)")
    parser.add_argument("--corpus", type=Path, help="read, and rewritten with what is new and interesting")
    parser.add_argument("--keep-nothing", action="store_true", help="leave the corpus as it is")
    parser.add_argument("--afresh", action="store_true", help="choose what the corpus keeps anew, the shortest first")
    parser.add_argument("--findings", type=Path, default=FINDINGS, help=f"where a finding goes ({FINDINGS})")
    parser.add_argument("--engine", choices=ENGINES, help="atheris, where it is installed")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 2**31), help="of all chance in this run")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="check these inputs, and end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
