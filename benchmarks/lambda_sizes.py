"""What the memory sizes of Lambda mean for a stream: the gateway under the CPU share of each, and what it costs.

    python -m benchmarks.lambda_sizes [--write]

Lambda gives a function CPU in proportion to its memory, a whole one at 1,769 MB, as a quota of each 20 ms. Here a
control group gives the same quota, so root is needed. One request at a time, as on Lambda, with a body of the size that
Claude Code sends. Slower than Lambda is: its start gets more CPU than the function's share.
Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

import argparse
import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import report, scenarios
from benchmarks.bench import CACHE, ROOT
from benchmarks.contender import Contender
from benchmarks.gateways import chatrix, install
from benchmarks.rig.bedrock import Pace, Rig, open_rig
from benchmarks.rig.processes import Running, free_port, running
from deploy.costs import lambda_request

SIZES_MB = (128, 256, 512, 1024)
WHOLE_CORE_MB = 1769
PERIOD_US = 20_000
BODY_BYTES = 145_000
# 10 s of an answer at 50 events a second; models are rarely faster.
ANSWER = Pace(500, 1, 20_000)
ANSWER_SECONDS = 15
STARTS = 3
BEGIN, END = "<!-- sizes: made by `python -m benchmarks.lambda_sizes --write` -->", "<!-- end of sizes -->"
V1, V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


@contextmanager
def share(memory_mb: int) -> Iterator[Path]:
    """A control group with the CPU of this size."""
    quota = PERIOD_US * memory_mb // WHOLE_CORE_MB
    group = (V1 if V1.is_dir() else V2) / f"chatrix-bench-{os.getpid()}"
    group.mkdir()
    try:
        if V1.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        yield group
    finally:
        group.rmdir()


def inside(group: Path, contender: Contender) -> Contender:
    enter = ("/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
    return dataclasses.replace(contender, argv=(*enter, *contender.argv))


def measure(rig: Rig, memory_mb: int) -> dict[str, float]:
    python = install(CACHE)
    with share(memory_mb) as group:
        colds = []
        for _ in range(STARTS):
            contender, start = prepared(rig, python, group)
            colds.append(scenarios.cold(rig, contender, start))
        contender, start = prepared(rig, python, group)
        with start(contender) as each:
            for _ in range(5):
                scenarios.ask_once(each)
            before = each.cpu()
            figures = rig.load(each, ANSWER)
            # The reference was one more answer, given at once.
            used, memory = each.cpu() - before, each.memory()
    found = {name: median(cold[name] for cold in colds) for name in ("ready_ms", "first_token_ms", "later_token_ms")}
    return found | {"gap_p99_ms": figures["gap_us"]["p99"] / 1e3, "cpu_ms": used * 1e3 / 2, "memory_mb": memory / 1e6}


def prepared(rig: Rig, python: Path, group: Path) -> tuple[Contender, scenarios.Start]:
    port = free_port()
    contender = chatrix(python, port, rig.bedrock_port, rig.secrets_port, scenarios.conversation(BODY_BYTES))
    return inside(group, contender), partial(start_at, rig, port)


@contextmanager
def start_at(rig: Rig, port: int, contender: Contender) -> Iterator[Running]:
    with running(contender, port, rig.gateway_core, rig.folder) as each:
        yield each


def table(rows: dict[int, dict[str, float]]) -> str:
    head = (
        *("Memory", "Share of a core", "Ready after", "First token of the first request", "Of later ones"),
        *("Gaps p99 (20 ms sent)", "1,000 answers of 15 s"),
    )
    lines = [f"| {' | '.join(head)} |", "|" + " ---: |" * len(head)]
    for size, row in rows.items():
        cells = (
            f"{size:,} MB",
            f"{size / WHOLE_CORE_MB:.0%}",
            f"{row['ready_ms'] / 1e3:.1f} s",
            f"{row['first_token_ms']:.0f} ms",
            f"{row['later_token_ms']:.0f} ms",
            f"{row['gap_p99_ms']:.0f} ms",
            f"{lambda_request(size, ANSWER_SECONDS) * 1000:.3f} USD",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lambda_sizes")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    rows = {}
    with open_rig(ROOT / "build" / "bench" / "run") as rig:
        for size in SIZES_MB:
            rows[size] = measure(rig, size)
            print(size, rows[size], flush=True)
    print(table(rows))
    if options.write:
        before, rest = report.PAGE.read_text().split(BEGIN)
        report.PAGE.write_text(before + f"{BEGIN}\n{table(rows)}\n{END}" + rest.split(END)[1])


if __name__ == "__main__":
    main()
