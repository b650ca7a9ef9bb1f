"""What is measured. Each scenario takes a contender that answers, and gives its numbers.

CPU is that of the contender's whole process tree, between two readings of the kernel's own clocks. Times are those of
the clients, in microseconds. A reply that is not whole, or not equal to the first, ends the bench: a fast wrong answer
is none.
"""

import json
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contender import Contender, messages_body
from benchmarks.gateways import MODEL
from benchmarks.rig.bedrock import Pace, Rig, RigError
from benchmarks.rig.processes import Running

Numbers = dict[str, float]
Start = Callable[[Contender], AbstractContextManager[Running]]

SMALL = messages_body(MODEL, "Why is the sky blue?")
WHOLE_ANSWER = Pace(20)
EVENTS_A_SECOND = 50
SECOND_US = 1_000_000
# Of 800 requests each.
SEASONS = 6


@dataclass(frozen=True)
class Size:
    """How long things are measured: a minute in all for `quick`, as long as it takes for the tables."""

    burst_requests: int
    paced_deltas: int
    short_requests: int
    single_requests: int
    body_requests: int
    probes: int


QUICK = Size(burst_requests=2, paced_deltas=200, short_requests=25, single_requests=50, body_requests=4, probes=30)
FULL = Size(burst_requests=6, paced_deltas=500, short_requests=100, single_requests=200, body_requests=12, probes=150)
# For a contender to whom the above would take longer than anybody waits.
SLOW = Size(burst_requests=1, paced_deltas=50, short_requests=10, single_requests=30, body_requests=4, probes=30)


def burst(rig: Rig, running: Running, size: Size) -> Numbers:
    """8 streams of 2,000 events, as fast as they are taken: many frames a read."""
    before = running.cpu()
    figures = rig.load(running, Pace(2_000), "--streams", "8", "--requests", str(size.burst_requests))
    # One more reply of 2,000 was the reference.
    used, events = running.cpu() - before, figures["events"] + figures["events_each"]
    return {"cpu_us_per_event": used / events * SECOND_US, "events_per_s": figures["events"] / seconds(figures)}


def paced(rig: Rig, running: Running, size: Size) -> Numbers:
    """200 streams at 50 events/s, one frame a write, begun as one.

    How many of their events come together depends on how long the contender takes for each request.
    """
    return streams_at_a_pace(rig, running, size, "--spread-us", "100")


def scattered(rig: Rig, running: Running, size: Size) -> Numbers:
    """The same, begun at random moments within a second and more: few events come together, whoever passes them on."""
    return streams_at_a_pace(rig, running, size, "--spread-us", "6000", "--random-starts")


def streams_at_a_pace(rig: Rig, running: Running, size: Size, *starts: str) -> Numbers:
    pace = Pace(size.paced_deltas, 1, SECOND_US // EVENTS_A_SECOND)
    rig.reference(running.contender, running.port, running.request, pace.deltas)
    before = running.cpu()
    figures = rig.load(running, pace, "--streams", "200", *starts)
    if figures["events"] != 200 * pace.deltas:
        raise RigError(f"{running.contender.name} delivered {figures['events']} events of {200 * pace.deltas}")
    return {
        "cpu_us_per_event": (running.cpu() - before) / figures["events"] * SECOND_US,
        "gap_p99_us": figures["gap_us"]["p99"],
    }


def short(rig: Rig, running: Running, size: Size) -> Numbers:
    """Replies of 20 events, on 8 connections."""
    before = running.cpu()
    figures = rig.load(running, WHOLE_ANSWER, "--streams", "8", "--requests", str(size.short_requests))
    used = running.cpu() - before
    return {
        "cpu_us_per_request": used / (figures["requests"] + 1) * SECOND_US,
        "requests_per_s": figures["requests"] / seconds(figures),
    }


def seasoned(rig: Rig, running: Running, size: Size) -> Numbers:
    """`short` for whoever has answered 4,800 requests more: V8 goes on compiling, CPython does not."""
    for _ in range(SEASONS):
        short(rig, running, size)
    return short(rig, running, size)


def single(rig: Rig, running: Running, size: Size) -> Numbers:
    """One request after another, with a rest between: the time to the first token when nothing else is going on."""
    return one_at_a_time(rig, running, size, "--pause-us", "2000")


def in_a_row(rig: Rig, running: Running, size: Size) -> Numbers:
    """One request after another, the next as soon as the one before has its answer: caches are warm."""
    return one_at_a_time(rig, running, size)


def one_at_a_time(rig: Rig, running: Running, size: Size, *pause: str) -> Numbers:
    figures = rig.load(running, WHOLE_ANSWER, "--requests", str(size.single_requests), *pause)
    return {"first_p50_us": figures["first_us"]["p50"], "first_p99_us": figures["first_us"]["p99"]}


def crowd(rig: Rig, running: Running, size: Size) -> Numbers:
    """The same while 256 streams are open, each with 10 events a second."""
    probes = rig.reference(running.contender, running.port, running.request, WHOLE_ANSWER.deltas)
    pace = Pace(100, 1, 100_000)
    saved = rig.reference(running.contender, running.port, running.request, pace.deltas)
    rig.answer(pace)
    begun = rig.begin_load(running, saved, "--streams", "256", "--spread-us", "3000")
    rig.wait_open(256)
    time.sleep(1.0)
    # Those that have begun keep their pace; the probes are answered at once.
    rig.answer(WHOLE_ANSWER)
    probe = rig.begin_load(running, probes, "--requests", str(size.probes), "--pause-us", "10000")
    probed = rig.end_load(probe, running.contender.name)
    crowd_figures = rig.end_load(begun, running.contender.name)
    return {"first_p50_us": probed["first_us"]["p50"], "gap_p99_us": crowd_figures["gap_us"]["p99"]}


def conversation(total_bytes: int) -> bytes:
    """A session that has grown: turns of text, tool calls and tool results, as Claude Code sends them."""
    tool = {"name": "Read", "description": "Reads a file.", "input_schema": {"type": "object", "properties": {}}}
    turns: list[dict[str, object]] = [{"role": "user", "content": "Find the bug."}]
    line = '    for number, word in enumerate(words):\n        print(f"{number}: {word!r}\\t{len(word)}")\n'
    written = 0
    while written < total_bytes:
        number = len(turns)
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "Read", "input": {"path": f"/src/{number}.py"}}
        said = {"type": "text", "text": f"I will look at file {number}."}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": line * 40}
        turns += [{"role": "assistant", "content": [said, call]}, {"role": "user", "content": [result]}]
        written += len(json.dumps(turns[-1])) + 250
    body = {"model": MODEL, "max_tokens": 1024, "stream": True, "system": "You are careful.", "tools": [tool]}
    return json.dumps({**body, "messages": turns}).encode()


def bodies(rig: Rig, running: Running, size: Size, total_bytes: int, request: Path) -> Numbers:
    """One request after another, each with a conversation of so many bytes."""
    rig.reference(running.contender, running.port, request, WHOLE_ANSWER.deltas)
    before = running.cpu()
    count = max(2, size.body_requests * 200_000 // max(total_bytes, 1_000_000))
    figures = rig.load(running, WHOLE_ANSWER, "--requests", str(count), request=request)
    used = running.cpu() - before
    return {"cpu_ms_per_request": used / (figures["requests"] + 1) * 1_000}


def leaving(rig: Rig, running: Running, _: Size) -> Numbers:
    """Clients that hang up in the middle: how many streams of Bedrock are open one second later."""
    worst = 0
    for streams in (8, 200):
        rig.load(running, Pace(250, 1, 20_000), "--streams", str(streams), "--leave-after", "5")
        time.sleep(1.0)
        worst = max(worst, rig.stats()["open"])
        # What a contender forgot must not be counted as the next one's.
        rig.wait_idle()
    return {"open_after_1s": worst}


def memory(rig: Rig, contender: Contender, start: Start, streams: int) -> Numbers:
    """A process of its own: at rest, and with so many streams open that have been given 20 events."""
    with start(contender) as running:
        idle = running.memory()
        pace = Pace(200, 1, 100_000)
        saved = rig.reference(contender, running.port, running.request, pace.deltas)
        warm = running.memory()
        rig.answer(pace)
        begun = rig.begin_load(running, saved, "--streams", str(streams), "--spread-us", str(SECOND_US // streams))
        rig.wait_open(streams)
        time.sleep(2.0)
        held = running.memory()
        rig.end_load(begun, contender.name)
    return {"idle_mb": idle / 1e6, "warm_mb": warm / 1e6, "kb_per_stream": (held - warm) / streams / 1e3}


def cold(rig: Rig, contender: Contender, start: Start) -> Numbers:
    """From the start of the process to the first token of its first request."""
    rig.answer(WHOLE_ANSWER)
    with start(contender) as running:
        ready = running.ready_seconds
        first_us = ask_once(running)
        to_first_token = running.cpu()
        later_us = min(ask_once(running) for _ in range(5))
    return {
        "cpu_to_first_token_ms": to_first_token * 1e3,
        "cpu_to_ready_ms": running.ready_cpu * 1e3,
        "ready_ms": ready * 1e3,
        "first_token_ms": first_us / 1e3,
        "later_token_ms": later_us / 1e3,
    }


def ask_once(running: Running) -> float:
    """Microseconds to the first token of one request on a new connection."""
    wanted = running.contender.first.encode()
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        began = time.monotonic()
        connection.sendall(running.contender.request())
        received = b""
        while wanted not in received:
            more = connection.recv(65536)
            if not more:
                raise RigError(f"{running.contender.name} answered its first request with {received[:300]!r}")
            received += more
        ended = time.monotonic()
        while not received.endswith(b"0\r\n\r\n") and (more := connection.recv(65536)):
            received += more
    return (ended - began) * SECOND_US


def seconds(figures: dict[str, float]) -> float:
    return figures["elapsed_us"] / SECOND_US
