"""`make bench`: all contenders through all scenarios, in turn, and what came of it as JSON, tables and plots.

    python -m benchmarks.bench [--quick] [--peers] [--rounds N] [--write] [--gate]

Contenders take turns inside each round, so that a machine that gets slower does so for all of them. Every ratio is
taken inside a round; the median over the rounds is what counts. `--gate` is for machines that are shared: it plays
chatrix and the naive gateway alone, takes the least of each over up to six rounds (neighbours only ever add), compares
the ratios with the committed ones and ends as soon as they hold. A gateway that has become slower spoils all rounds.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from types import ModuleType

from benchmarks import gateways, nginx, report, scenarios
from benchmarks.contender import Contender
from benchmarks.peers import litellm, portkey
from benchmarks.rig.bedrock import Rig, RigError, open_rig
from benchmarks.rig.processes import Running, free_port, running
from benchmarks.scenarios import FULL, QUICK, Numbers, Size

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "bench"
RESULTS = ROOT / "benchmarks" / "results"
GATE = RESULTS / "gate.json"
BODIES = {"body_200kB": 200_000, "body_2MB": 2_000_000, "body_5MB": 5_000_000}
QUICK_BODIES = {"body_200kB": 200_000}
PLAYS = ("burst", "paced", "short", "single", "crowd", "scattered", "in_a_row")
QUICK_PLAYS = ("burst", "paced", "short", "single")
TO_DIRECT = frozenset({"single", "in_a_row", "crowd"})
# More than this share above the committed ratio is too much.
SLACK = 0.15
GATE_ROUNDS = 6
GATE_SLICES = 4
# What peers cannot play: they do not have so many streams open within the time, or take minutes.
UNPLAYABLE = {"portkey": {"memory_1000"}, "litellm": {"crowd", "memory_256", "memory_1000", "seasoned"}}
SLOW_ONES = {"litellm": scenarios.SLOW}

Make = Callable[[int, bytes], Contender]
Figures = dict[str, dict[str, list[Numbers]]]


class Bench:
    """Collects, by scenario and contender, the numbers of each round."""

    def __init__(self, rig: Rig, makers: Mapping[str, Make], size: Size, say: Callable[[str], None]) -> None:
        self.figures: Figures = {}
        self._rig = rig
        self._makers = makers
        self._size = size
        self._say = say

    def note(self, scenario: str, name: str, numbers: Numbers) -> None:
        self.figures.setdefault(scenario, {}).setdefault(name, []).append(numbers)
        self._say(f"{scenario:14} {name:8} " + "  ".join(f"{key} {value:,.1f}" for key, value in numbers.items()))

    @contextmanager
    def started(self, contender: Contender, port: int) -> Iterator[Running]:
        with running(contender, port, self._rig.gateway_core, self._rig.folder) as each:
            yield each

    def play_rounds(self, rounds: int, body_sizes: Mapping[str, int], plays: tuple[str, ...]) -> None:
        with ExitStack() as stack:
            all_running = [stack.enter_context(self._warm(make)) for make in self._makers.values()]
            direct = direct_to(self._rig)
            for number in range(rounds):
                self._say(f"-- round {number + 1} of {rounds}")
                for name in plays:
                    play = getattr(scenarios, name)
                    if name in TO_DIRECT:
                        self.note(name, "direct", play(self._rig, direct, self._size))
                    for each in all_running:
                        if name not in UNPLAYABLE.get(each.contender.name, ()):
                            self.note(name, each.contender.name, play(self._rig, each, self._size_for(each)))
                for name, total_bytes in body_sizes.items():
                    for each in all_running:
                        request = self._body_request(each, total_bytes)
                        numbers = scenarios.bodies(self._rig, each, self._size_for(each), total_bytes, request)
                        self.note(name, each.contender.name, numbers)
            for each in all_running if self._size is FULL else ():
                self.note("leaving", each.contender.name, scenarios.leaving(self._rig, each, self._size))
                if "seasoned" not in UNPLAYABLE.get(each.contender.name, ()):
                    self.note("seasoned", each.contender.name, scenarios.seasoned(self._rig, each, self._size))

    def play_starts(self, rounds: int, crowds: tuple[int, ...]) -> None:
        """What needs a process of its own each time."""
        for _ in range(rounds):
            for name, make in self._makers.items():
                contender, start = self._own(make)
                self.note("cold", name, scenarios.cold(self._rig, contender, start))
        for streams in crowds:
            for name, make in self._makers.items():
                if f"memory_{streams}" in UNPLAYABLE.get(name, ()):
                    continue
                contender, start = self._own(make)
                self.note(f"memory_{streams}", name, scenarios.memory(self._rig, contender, start, streams))

    @contextmanager
    def _warm(self, make: Make) -> Iterator[Running]:
        port = free_port()
        with self.started(make(port, scenarios.SMALL), port) as each:
            scenarios.short(self._rig, each, QUICK)
            yield each

    def _size_for(self, each: Running) -> Size:
        return SLOW_ONES.get(each.contender.name, self._size)

    def _own(self, make: Make) -> tuple[Contender, Callable[[Contender], AbstractContextManager[Running]]]:
        port = free_port()
        return make(port, scenarios.SMALL), partial(self.started, port=port)

    def _body_request(self, each: Running, total_bytes: int) -> Path:
        contender = self._makers[each.contender.name](each.port, scenarios.conversation(total_bytes))
        path = self._rig.folder / f"{contender.name}-{total_bytes}.request"
        path.write_bytes(contender.request())
        return path


def direct_to(rig: Rig) -> Running:
    """No gateway at all: the clients ask Bedrock's stand-in. What everybody else adds is measured from here."""
    contender = nginx.contender(rig.folder / "direct", 0, rig.bedrock_port, scenarios.SMALL)
    request = rig.folder / "direct.request"
    request.write_bytes(contender.request())
    return Running(contender, 0, rig.bedrock_port, request, 0.0, 0.0)


def make_all(rig: Rig, *, peers: bool = False) -> dict[str, Make]:
    python = gateways.install(CACHE)

    def ours(maker: Callable[..., Contender]) -> Make:
        return lambda port, body: maker(python, port, rig.bedrock_port, rig.secrets_port, body)

    makers: dict[str, Make] = {
        "chatrix": ours(gateways.chatrix),
        "naive": ours(gateways.naive),
        "nginx": lambda port, body: nginx.contender(rig.folder / f"nginx-{port}", port, rig.bedrock_port, body),
    }
    for name, peer in {"portkey": portkey, "litellm": litellm}.items() if peers else ():
        peer.install(CACHE)
        makers[name] = peer_maker(peer, rig)
    return makers


def peer_maker(peer: ModuleType, rig: Rig) -> Make:
    return lambda port, body: peer.contender(CACHE, port, rig.bedrock_port, body)


def summary(figures: Figures) -> dict[str, dict[str, Numbers]]:
    """The median of each number over the rounds."""
    return {
        scenario: {
            name: {key: median(each[key] for each in rounds) for key in rounds[0]} for name, rounds in by_name.items()
        }
        for scenario, by_name in figures.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under a minute: rough, but the ratios hold")
    parser.add_argument("--peers", action="store_true", help="also Portkey and LiteLLM, installed into .cache/bench")
    parser.add_argument("--rounds", type=int, help="default 3; 1 with --quick")
    parser.add_argument(
        "--write", action="store_true", help="keep the numbers, and render docs/performance.md or the gate's limits"
    )
    parser.add_argument("--gate", action="store_true", help="exit with 1 where a ratio is worse than the committed one")
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("--quick is too rough to be kept: leave out --write")
    size, rounds = (QUICK, options.rounds or 1) if options.quick else (FULL, options.rounds or 3)
    try:
        if options.gate:
            return gate(write=options.write)
        began = time.monotonic()
        figures = play(size, rounds, quick=options.quick, peers=options.peers)
    except RigError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    result = {
        "machine": f"{platform.system()} {platform.machine()}, {gateways.description()}",
        "date": time.strftime("%Y-%m-%d"),
        "rounds": rounds,
        "summary": summary(figures),
        "ratios": report.ratios(figures),
    }
    print("\n" + report.goals_table(result), f"\n{time.monotonic() - began:.0f} s")
    if options.write:
        (RESULTS / "full.json").write_text(json.dumps(result, indent=1) + "\n")
        report.write(result)
    return 0


def play(size: Size, rounds: int, *, quick: bool, peers: bool = False) -> Figures:
    with open_rig(ROOT / "build" / "bench" / "run") as rig:
        bench = Bench(rig, make_all(rig, peers=peers), size, partial(print, flush=True))
        bench.play_starts(1 if quick else 5, () if quick else (256, 1_000))
        bench.play_rounds(rounds, QUICK_BODIES if quick else BODIES, QUICK_PLAYS if quick else PLAYS)
        return bench.figures


def gate(*, write: bool) -> int:
    """0 as soon as the least of the rounds so far are within the limits; 1 after the last round. Write plays all."""
    committed = json.loads(GATE.read_text()) if GATE.exists() else {}
    worse: list[str] = []
    with open_rig(ROOT / "build" / "bench" / "run") as rig:
        makers = {name: make for name, make in make_all(rig).items() if name in ("chatrix", "naive")}
        bench = Bench(rig, makers, QUICK, partial(print, flush=True))
        for _ in range(GATE_ROUNDS):
            bench.play_starts(1, ())
            bench.play_rounds(1, {}, ("burst", "paced"))
            bench.play_rounds(GATE_SLICES, QUICK_BODIES, ("short",))
            measured = report.least_ratios(bench.figures)
            worse = [] if write else worse_than(committed, measured)
            for line in worse:
                print(f"bench: {line}", file=sys.stderr, flush=True)
            if not worse and not write:
                return 0
    if write:
        GATE.write_text(json.dumps(measured, indent=1) + "\n")
    return 1 if worse else 0


def worse_than(committed: Mapping[str, float], measured: Mapping[str, float]) -> list[str]:
    """What is watched and has become worse, in words."""
    limits = {name: max(committed[name] * (1 + SLACK), report.ENOUGH.get(name, 0.0)) for name in report.watched()}
    return [
        f"{name} is {measured[name]:.3f}, was {committed[name]:.3f}, and may be {limit:.3f}"
        for name, limit in limits.items()
        if measured[name] > limit
    ]


if __name__ == "__main__":
    sys.exit(main())
