"""Starting, pinning, measuring and ending the programs of the bench. Linux only: the numbers come from the kernel."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contender import Contender

READY_SECONDS = 60.0
END_SECONDS = 10.0
MIB = 1024 * 1024


def cores() -> tuple[int, int]:
    """The gateway's core, and the one for everything else. Raises `SystemExit` where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise SystemExit("The bench needs two cores: one is the gateway's alone.")
    return available[0], available[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for each in found:
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def cpu_seconds(pid: int) -> float:
    """What a process tree has used so far, to the nanosecond, of all threads, also ended ones."""
    total = 0.0
    for each in tree(pid):
        # The kernel's number of a process's CPU clock: clock_getcpuclockid(3).
        clock = (~each << 3) | 2
        try:
            total += time.clock_gettime(clock)
        except OSError:
            continue
    return total


def memory_bytes(pid: int) -> int:
    """Resident memory of a process tree; shared pages count for each process, as the platforms count them."""
    total = 0
    for each in tree(pid):
        try:
            fields = Path(f"/proc/{each}/statm").read_text().split()
        except OSError:
            continue
        total += int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


@dataclass(frozen=True)
class Running:
    contender: Contender
    pid: int
    port: int
    request: Path
    ready_cpu: float
    ready_seconds: float

    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    def memory(self) -> int:
        return memory_bytes(self.pid)


@contextmanager
def process(
    argv: Sequence[str],
    core: int,
    output: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """One program on one core, with its output in a file. Ended by SIGTERM, and by SIGKILL if it does not mind."""
    with output.open("wb") as written:
        started = subprocess.Popen(
            argv,
            env=dict(environment) if environment is not None else None,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_ready(started: subprocess.Popen[bytes], port: int, path: str, output: Path) -> None:
    """Until anything answers at `path`. Raises `SystemExit` with what the program wrote if it does not come to that."""
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends and started.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            connection.getresponse().read()
        except OSError:
            time.sleep(0.005)
        else:
            return
        finally:
            connection.close()
    raise SystemExit(f"{started.args!r} did not get ready:\n{output.read_text(errors='replace')[-2000:]}")


@contextmanager
def running(contender: Contender, port: int, core: int, folder: Path) -> Iterator[Running]:
    """A contender that answers. `folder` holds its output and its request."""
    output, request = folder / f"{contender.name}.log", folder / f"{contender.name}.request"
    request.write_bytes(contender.request())
    began = time.monotonic()
    with process(contender.argv, core, output, contender.environment, contender.folder) as started:
        wait_ready(started, port, contender.ready_path, output)
        yield Running(contender, started.pid, port, request, cpu_seconds(started.pid), time.monotonic() - began)
