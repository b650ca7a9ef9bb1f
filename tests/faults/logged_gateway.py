"""A real `serve` process before a simulator, and of each request what its operator sees: the access line on stdout.

The process is shared by the tests of a module, because it takes a second to start. It remembers one thing from one
request to the next, its budget of retries, so whoever spends some of it gives it back (`earn_retries`).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway.simulator import LOCAL_API_KEY, Exchange, Simulator, SimulatorOptions, open_simulator
from tests.server.test_serve import process
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import asking, aws_environment

# The line is written before the last byte of the answer; a pipe takes its time.
LINE_SECONDS: Final = 10.0
# `RETURNED_BY_SUCCESS` is a tenth; one more for the rounding of tenths.
ANSWERS_FOR_A_RETRY: Final = 11
PAGE_BYTES: Final = 4096

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got, read to its proper end, and the line that was written about it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    line: Line

    @property
    def error(self) -> dict[str, Any]:
        """The error, whether it is the answer or an event in it."""
        if self.headers["content-type"].startswith("text/event-stream"):
            error = read_stream(self.body).error
        else:
            error = json.loads(self.body).get("error")
        assert error is not None, self.body
        return error


class LoggedGateway:
    """A running gateway; `simulator` holds its keys, and is its Bedrock unless `serving` was told another one."""

    def __init__(self, url: str, simulator: Simulator, running: asyncio.subprocess.Process) -> None:
        self.url = url
        self.simulator = simulator
        self.running = running
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._lines: dict[str, Line] = {}
        self._written = asyncio.Event()

    async def ask(self, text: str, path: str = "/v1/messages", **changes: Any) -> Answer:
        """Fails if the HTTP body does not end as it should: aiohttp's client raises then."""
        headers = {"x-api-key": LOCAL_API_KEY}
        async with self._session.post(self.url + path, json=asking(text, **changes), headers=headers) as response:
            body = await response.read()
        line = await self.line_of(response.headers["request-id"])
        return Answer(response.status, response.headers, body, line)

    async def line_of(self, request_id: str) -> Line:
        async with asyncio.timeout(LINE_SECONDS):
            while request_id not in self._lines:
                await self._written.wait()
        return self._lines.pop(request_id)

    async def earn_retries(self, retries: int) -> None:
        """Good answers, until so many retries are allowed again."""
        for _ in range(retries * ANSWERS_FOR_A_RETRY):
            assert (await self.ask("[[say:ok]]")).status == 200

    def calls(self, since: float, operation: str = "ConverseStream") -> list[Exchange]:
        """What has reached the simulator since then, by the loop's clock; `now` tells it."""
        exchanges = self.simulator.exchanges
        return [each for each in exchanges if each.operation == operation and each.started >= since]

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    def memory_bytes(self) -> int:
        """Resident."""
        return int(Path(f"/proc/{self.running.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    async def close(self) -> None:
        await self._session.close()

    async def keep_lines(self) -> None:
        """Until the process ends. Unread, its output would fill the pipe and hold it up."""
        assert self.running.stdout is not None
        async for written in self.running.stdout:
            line = json.loads(written) if written.startswith(b"{") else {}
            if "request_id" in line:
                self._lines[line["request_id"]] = line
                self._written.set()
                self._written = asyncio.Event()


@asynccontextmanager
async def serving(**variables: str) -> AsyncIterator[LoggedGateway]:
    """`variables` of the process: settings, or the address of another Bedrock."""
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        # No proxy, whatever the machine has: a test that goes nowhere must not go there.
        settings = {**aws_environment(simulator.url), "NO_PROXY": "*", "no_proxy": "*", **variables}
        async with process("serve", **settings) as (running, url, _):
            gateway = LoggedGateway(url, simulator, running)
            reading = asyncio.create_task(gateway.keep_lines())
            try:
                yield gateway
            finally:
                await gateway.close()
                reading.cancel()
                await asyncio.wait([reading])
