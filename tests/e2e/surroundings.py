"""What stands around the client: the gateway as a real process, and a proxy that leads nowhere."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.simulator import Simulator
from tests.e2e.installation import ROOT
from tests.support.gateway import aws_environment

T = TypeVar("T")

START_TIMEOUT_SECONDS: Final = 20
STOP_TIMEOUT_SECONDS: Final = 10
LOG_TIMEOUT_SECONDS: Final = 5
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Gateway:
    """`python -m gateway serve`; what it prints goes to `log`."""

    url: str
    log: Path

    async def lines(self, count: int, path: str = "/v1/messages") -> list[dict[str, Any]]:
        """The access lines of one path, once there are `count`: the last is written after its answer has gone out."""
        return await found_by(lambda: self._written(count, path), LOG_TIMEOUT_SECONDS)

    def _written(self, count: int, path: str) -> list[dict[str, Any]] | None:
        records = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        lines = [record for record in records if record["message"] == "request" and record["path"] == path]
        return lines if len(lines) >= count else None


async def found_by(look: Callable[[], T | None], timeout_seconds: float) -> T:
    """What `look` finds, once it finds something. A file tells nobody that it has grown."""
    async with asyncio.timeout(timeout_seconds):
        while True:
            found = look()
            if found is not None:
                return found
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def serve(simulator: Simulator, log: Path, variables: Mapping[str, str]) -> AsyncIterator[Gateway]:
    """A gateway in front of `simulator`, with an environment of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "serve",
            cwd=ROOT,
            env={**kept, **aws_environment(simulator.url), "PORT": "0", "PYTHONUNBUFFERED": "1", **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        url = await found_by(lambda: _announced_url(process, log), START_TIMEOUT_SECONDS)
        yield Gateway(url, log)
        process.terminate()
        async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _announced_url(process: asyncio.subprocess.Process, log: Path) -> str | None:
    assert process.returncode is None, f"the gateway ended: {log.read_text()}"
    announced = re.search(r"http://[\d.]+:\d+", log.read_text())
    return announced and announced[0]


@dataclass(slots=True)
class DeadEnd:
    """A proxy that lets nobody through. `visitors` holds the first line of each who tried."""

    url: str = ""
    visitors: list[str] = field(default_factory=list)

    async def refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visitors.append((await reader.readline()).decode(errors="replace").strip())
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()


@asynccontextmanager
async def open_dead_end() -> AsyncIterator[DeadEnd]:
    dead_end = DeadEnd()
    server = await asyncio.start_server(dead_end.refuse, "127.0.0.1", 0)
    async with server:
        dead_end.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield dead_end
