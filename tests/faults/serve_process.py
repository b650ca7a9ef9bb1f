"""`python -m gateway serve` as a process of its own, and what its operator and its kernel see of it.

Bedrock's side is a simulator in the process of the test, so that one clock sees both ends of a request. Memory,
descriptors and processor time are read from `/proc`, which only Linux has.
"""

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway.simulator import LOCAL_API_KEY, Simulator, SimulatorOptions, open_simulator
from tests.server.test_serve import ROOT, environment
from tests.support.gateway import asking, aws_environment

MIB: Final = 2**20
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
START_SECONDS: Final = 60.0
# "At once", with both processors of the machine busy with other tests. Where something has to wait for something else
# in these tests, it waits for minutes.
AT_ONCE_SECONDS: Final = 5.0
# `/proc` tells nobody when it changes.
LOOK_SECONDS: Final = 0.01
ACCESS: Final = "request"
# Access lines that are kept to be looked at; `requests_logged` and `faults` count them all.
KEPT_LINES: Final = 5_000
# Sets its limit and becomes the gateway: a limit of the test's own process would be in the way of the test.
LIMITED: Final = ("sh", "-c", 'ulimit -n "$0" && exec "$@"')

Line = dict[str, Any]


class ServeProcess:
    """A running gateway; `simulator` is its Bedrock and holds its keys."""

    def __init__(self, url: str, simulator: Simulator, running: asyncio.subprocess.Process) -> None:
        self.url = url
        self.simulator = simulator
        self.running = running
        self.lines: deque[Line] = deque(maxlen=KEPT_LINES)
        self.requests_logged = 0
        self.faults: Counter[tuple[str, str | None]] = Counter()
        """How often each fault was logged, with the phase of a client that left."""
        self.other_lines: list[str] = []
        """What it wrote besides: lines about itself, and whatever is no JSON."""
        self._written = asyncio.Event()

    @property
    def pid(self) -> int:
        return self.running.pid

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def requests(self, **fields: object) -> list[Line]:
        """The access lines with these fields."""
        return [line for line in self.lines if fields.items() <= line.items()]

    async def wait_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Looks again at each line."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self._written.wait()

    def memory_bytes(self) -> int:
        """Resident; buffers of sockets are the kernel's and not counted."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    def descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def freeze(self) -> None:
        self.running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.running.send_signal(signal.SIGCONT)

    async def exit_code(self, seconds: float = 20.0) -> int:
        async with asyncio.timeout(seconds):
            return await self.running.wait()

    async def keep_lines(self) -> None:
        """Until it ends. Unread, its output would fill the pipe and hold it up."""
        assert self.running.stdout is not None
        async for written in self.running.stdout:
            line = json.loads(written) if written.startswith(b"{") else {}
            if line.get("message") == ACCESS:
                self.lines.append(line)
                self.requests_logged += 1
                if "fault" in line:
                    self.faults[line["fault"], line.get("phase")] += 1
            else:
                self.other_lines.append(written.decode())
            self._written.set()
            self._written = asyncio.Event()


@asynccontextmanager
async def serve(
    simulator: Simulator, *, open_files: int | None = None, module: str = "gateway", **variables: str
) -> AsyncIterator[ServeProcess]:
    """`variables` of the process: settings, or the address of another Bedrock."""
    command = (sys.executable, "-m", module, "serve")
    running = await asyncio.create_subprocess_exec(
        *(command if open_files is None else (*LIMITED, str(open_files), *command)),
        cwd=ROOT,
        env=environment(
            **{**aws_environment(simulator.url), "PORT": "0", "NO_PROXY": "*", "no_proxy": "*", **variables}
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        process = ServeProcess(await _announced(running), simulator, running)
        reading = asyncio.create_task(process.keep_lines())
        try:
            yield process
        finally:
            reading.cancel()
            await asyncio.wait([reading])
    finally:
        # Gone already, where the test was about its end. A frozen one is killed as well.
        with suppress(ProcessLookupError):
            running.kill()
        await running.wait()


async def _announced(running: asyncio.subprocess.Process) -> str:
    assert running.stdout is not None
    written = ""
    async with asyncio.timeout(START_SECONDS):
        while not (found := re.search(r"^chatrix .* on (http://[\d.]+:\d+)", written, re.MULTILINE)):
            line = await running.stdout.readline()
            assert line, f"the gateway ended: {written}"
            written += line.decode()
    return found[1]


@asynccontextmanager
async def serve_and_simulate(*, open_files: int | None = None, **variables: str) -> AsyncIterator[ServeProcess]:
    async with (
        open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator,
        serve(simulator, open_files=open_files, **variables) as process,
    ):
        yield process


@asynccontextmanager
async def client_of(process: ServeProcess, *, keeps_connections: bool = True) -> AsyncIterator[aiohttp.ClientSession]:
    """As many connections as are asked for, with the right key."""
    async with aiohttp.ClientSession(
        process.url,
        headers={"x-api-key": LOCAL_API_KEY},
        connector=aiohttp.TCPConnector(limit=0, force_close=not keeps_connections),
    ) as client:
        yield client


async def text_of(client: aiohttp.ClientSession, text: str) -> str:
    """The text of a whole answer, which must be good."""
    async with client.post("/v1/messages", json=asking(text)) as response:
        answer = await response.json()
        assert response.status == 200, answer
    said: str = answer["content"][0]["text"]
    return said


def request_bytes(text: str, **changes: Any) -> bytes:
    """A good request, as it goes over the wire."""
    body = json.dumps(asking(text, **changes)).encode()
    return request_head(len(body)) + body


def request_head(content_length: int, *more: str, path: str = "/v1/messages", key: str = LOCAL_API_KEY) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: gateway", f"x-api-key: {key}", f"content-length: {content_length}", *more]
    return "\r\n".join([*lines, "\r\n"]).encode()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """For what only `/proc` knows. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # there is nobody who could set an event
            await asyncio.sleep(LOOK_SECONDS)


def tell(promise: str, promised: str, measured: str) -> None:
    """A row of the table in docs/reliability.md; `pytest -rP` shows it."""
    print(f"| {promise} | {promised} | {measured} |")
