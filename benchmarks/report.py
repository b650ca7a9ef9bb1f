"""From numbers to what people read: the goals with what was measured, the tables, the plots."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.plots import bars

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench: made by `make bench` -->", "<!-- end of bench -->"
ORDER = ("chatrix", "naive", "nginx", "portkey", "litellm")


@dataclass(frozen=True)
class Goal:
    """chatrix's number of a scenario, beside another's (a ratio), or by itself (`beside` is None)."""

    text: str
    scenario: str
    number: str
    limit: float | None
    """None: measured for comparison."""
    prototype: str
    beside: str | None = None
    added: bool = False
    """Over the direct way: what the gateway adds."""

    @property
    def name(self) -> str:
        return f"{self.scenario}.{self.number}" + (f"/{self.beside}" if self.beside else "")


CPU, REQUEST, BODY = "cpu_us_per_event", "cpu_us_per_request", "cpu_ms_per_request"
GOALS = (
    Goal("burst, CPU per event", "burst", CPU, 0.25, "0.12x", "naive"),
    Goal("burst, CPU per event", "burst", CPU, 0.45, "0.23x", "portkey"),
    Goal("200 streams x 50 events/s, CPU per event", "paced", CPU, 1.5, "1.29x", "nginx"),
    Goal("200 streams x 50 events/s, CPU per event", "paced", CPU, 0.5, "0.43x", "portkey"),
    Goal("the same, begun at random moments", "scattered", CPU, None, "", "nginx"),
    Goal("the same, begun at random moments", "scattered", CPU, None, "", "portkey"),
    Goal("CPU per request of 20 events", "short", REQUEST, 0.4, "0.19x", "naive"),
    Goal("CPU per request of 20 events", "short", REQUEST, 0.3, "0.10x", "portkey"),
    Goal("the same, after 4,800 requests more", "seasoned", REQUEST, None, "", "naive"),
    Goal("the same, after 4,800 requests more", "seasoned", REQUEST, None, "", "portkey"),
    Goal("added time to first token, one at a time", "in_a_row", "first_p50_us", 0.3, "0.12x", "portkey", added=True),
    Goal("the same, with 2 ms of rest between", "single", "first_p50_us", 0.3, "", "portkey", added=True),
    Goal("added time to first token, 256 streams open (us)", "crowd", "first_p50_us", 3_000, "1,000", added=True),
    Goal("gap p99, 256 streams open", "crowd", "gap_p99_us", 1.1, "", "direct"),
    Goal("body of 200 kB, CPU", "body_200kB", BODY, 0.3, "0.11x", "portkey"),
    Goal("body of 2 MB, CPU", "body_2MB", BODY, 0.5, "0.24x", "portkey"),
    Goal("body of 5 MB, CPU", "body_5MB", BODY, 0.5, "0.23x", "portkey"),
    Goal("memory idle (MB)", "memory_256", "idle_mb", 55, "37"),
    Goal("memory per open stream, 256 (KB)", "memory_256", "kb_per_stream", 45, "29"),
    Goal("memory per open stream, 1,000 (KB)", "memory_1000", "kb_per_stream", 45, "29"),
    Goal("cold start, CPU to first token", "cold", "cpu_to_first_token_ms", 1.0, "0.73x", "naive"),
    Goal("first request's own first token", "cold", "first_token_ms", 0.25, "0.10x", "naive"),
    Goal("upstream streams open 1 s after clients left", "leaving", "open_after_1s", 0, "0"),
)
PICTURES = ROOT / "docs" / "performance"
# By file: the title, the scenario and its number.
PLOTS = {
    "burst.svg": ("CPU per event, many events a read (us)", "burst", CPU),
    "paced.svg": ("CPU per event, 200 streams of 50 events/s (us)", "paced", CPU),
    "short.svg": ("CPU per request of 20 events (us)", "short", REQUEST),
    "memory.svg": ("Memory per open stream, 256 open (KB)", "memory_256", "kb_per_stream"),
    "start.svg": ("CPU from the start to the first token (ms)", "cold", "cpu_to_first_token_ms"),
}
# What the gate watches, beside the naive gateway: the same interpreter on the same core, so that another machine's
# caches and system calls weigh on both alike. nginx, which has neither, moved by a third from machine to machine.
WATCHED = (
    ("burst", CPU),
    ("paced", CPU),
    ("short", REQUEST),
    ("body_200kB", BODY),
    ("cold", "cpu_to_first_token_ms"),
)
# How many frames come in one read is a matter of timing, and that decides the cost of an event: half of the goal is
# good enough.
ENOUGH = {f"burst.{CPU}/naive": 0.125}


def watched() -> list[str]:
    return [f"{scenario}.{number}/naive" for scenario, number in WATCHED]


def least_ratios(figures: Mapping[str, Mapping[str, list[dict[str, float]]]]) -> dict[str, float]:
    """The watched ratios, each of chatrix's least number over all rounds to the naive gateway's least."""

    def least(scenario: str, name: str, number: str) -> float:
        return min(each[number] for each in figures[scenario][name])

    return {
        f"{scenario}.{number}/naive": round(least(scenario, "chatrix", number) / least(scenario, "naive", number), 4)
        for scenario, number in WATCHED
    }


def value(goal: Goal, figures: Mapping[str, Mapping[str, list[dict[str, float]]]]) -> float | None:
    """The median over the rounds; None where the scenario or the other contender was not played."""
    by_name = figures.get(goal.scenario, {})
    if "chatrix" not in by_name or (goal.beside is not None and goal.beside not in by_name):
        return None
    ours = [each[goal.number] for each in by_name["chatrix"]]
    floor = [each[goal.number] for each in by_name["direct"]] if goal.added else [0.0] * len(ours)
    if goal.beside is None:
        return median(mine - least for mine, least in zip(ours, floor, strict=True))
    theirs = [each[goal.number] for each in by_name[goal.beside]]
    return median((mine - least) / (other - least) for mine, other, least in zip(ours, theirs, floor, strict=True))


def ratios(figures: Mapping[str, Mapping[str, list[dict[str, float]]]]) -> dict[str, float]:
    """Every goal that this run can tell, by name."""
    found = {goal.name: value(goal, figures) for goal in GOALS}
    return {name: round(number, 4) for name, number in found.items() if number is not None}


def goals_table(result: Mapping[str, Any]) -> str:
    lines = ["| What | Beside | Goal | Measured | Prototype | |", "| --- | --- | --- | --- | --- | --- |"]
    for goal in GOALS:
        measured = result["ratios"].get(goal.name)
        if measured is None:
            continue
        met = "" if goal.limit is None else "met" if measured <= goal.limit else "**missed**"
        unit = "x" if goal.beside else ""
        shown = f"{measured:,.2f}" if measured < 100 else f"{measured:,.0f}"
        beside, limit = goal.beside or "-", "" if goal.limit is None else f"<= {goal.limit:,g}{unit}"
        lines.append(f"| {goal.text} | {beside} | {limit} | {shown}{unit} | {goal.prototype} | {met} |")
    return "\n".join(lines)


def numbers_table(result: Mapping[str, Any]) -> str:
    summary = result["summary"]
    present = {name for by_name in summary.values() for name in by_name}
    names = [name for name in (*ORDER, "direct") if name in present]
    head = f"| Scenario | Number | {' | '.join(names)} |"
    lines = [head, "| --- | --- |" + " ---: |" * len(names)]
    for scenario, by_name in summary.items():
        for number in next(iter(by_name.values())):
            cells = [f"{by_name[name][number]:,.1f}" if name in by_name else "" for name in names]
            lines.append(f"| {scenario} | {number} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plots(result: Mapping[str, Any]) -> dict[str, str]:
    """The pictures by the names of their files."""
    found = {}
    for file, (title, scenario, number) in PLOTS.items():
        by_name = result["summary"].get(scenario, {})
        values = {name: by_name[name][number] for name in ORDER if name in by_name}
        if values:
            found[file] = bars(title, values)
    return found


def write(result: Mapping[str, Any]) -> None:
    """The part of docs/performance.md between its two marks, and the plots beside it."""
    PICTURES.mkdir(exist_ok=True)
    made_plots = plots(result)
    for file, picture in made_plots.items():
        (PICTURES / file).write_text(picture)
    shown = "\n".join(f"![{PLOTS[file][0]}]({PICTURES.name}/{file})\n" for file in made_plots)
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    run = f"Run of {result['date']}: {result['machine']}, two cores, medians of {result['rounds']} rounds."
    made = f"{BEGIN}\n{run}\n\n{goals_table(result)}\n\n{shown}\n{numbers_table(result)}\n{END}"
    PAGE.write_text(before + made + after)
