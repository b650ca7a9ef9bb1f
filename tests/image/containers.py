"""Containers of the image, as strict as a careful operator runs them, and the files of an image."""

import asyncio
import os
import socket
import tarfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway.simulator import LOCAL_API_KEY
from tests.image.build import inspect_container
from tests.image.engine import Engine
from tests.support.gateway import aws_environment

# No privileges, nothing to write to: not even the /tmp that podman would add to a read-only container.
STRICT: Final = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--network=host",
)
READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.01
EXPORT_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Container:
    """A running `serve`. `pid` is that of its process, seen from outside."""

    engine: Engine
    name: str
    pid: int
    url: str
    ready_seconds: float

    def log(self) -> str:
        done = self.engine.podman("logs", self.name)
        return done.stdout + done.stderr

    def process_status(self) -> dict[str, str]:
        lines = Path("/proc", str(self.pid), "status").read_text(encoding="ascii").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def python(self, script: str) -> str:
        return self.engine.podman("exec", self.name, "python", "-c", script).stdout

    def terminate(self) -> tuple[float, int]:
        """Seconds from the signal until the process is gone, podman's own time included, and the exit code."""
        started = time.monotonic()
        self.engine.podman("kill", "--signal", "TERM", self.name)
        while Path("/proc", str(self.pid)).exists() and time.monotonic() - started < STOP_SECONDS:
            time.sleep(POLL_SECONDS)
        seconds = time.monotonic() - started
        code = self.engine.podman("wait", self.name, timeout_seconds=STOP_SECONDS).stdout
        return seconds, int(code)


@asynccontextmanager
async def serving(
    engine: Engine, image: str, aws_url: str, *, options: tuple[str, ...] = (), command: tuple[str, ...] = ()
) -> AsyncIterator[Container]:
    """A container that answers /health, on a free port of loopback, its AWS at `aws_url`."""
    port = free_port()
    variables = {**aws_environment(aws_url), "AWS_REGION": "us-west-2", "HOST": "127.0.0.1", "PORT": str(port)}
    with started(engine, image, *environment_options(variables), *options, command=command) as name:
        url = f"http://127.0.0.1:{port}"
        pid = int(inspect_container(engine, name)["State"]["Pid"])
        await wait_healthy(engine, name, url)
        yield Container(engine, name, pid, url, age_seconds(pid))


@contextmanager
def started(engine: Engine, image: str, *options: str, command: tuple[str, ...] = ()) -> Iterator[str]:
    with _running(engine, *options, image, *command) as name:
        yield name


@contextmanager
def started_from_folder(engine: Engine, root: Path, *options: str, command: tuple[str, ...]) -> Iterator[str]:
    """Of an unpacked file system. podman does not ask for which processor it is."""
    with _running(engine, *options, "--rootfs", str(root), *command) as name:
        yield name


@contextmanager
def _running(engine: Engine, *arguments: str) -> Iterator[str]:
    name = f"chatrix-test-{uuid.uuid4().hex[:12]}"
    try:
        engine.podman("run", "--detach", "--name", name, *STRICT, *arguments)
        yield name
    finally:
        engine.podman("rm", "--force", "--time", "0", "--ignore", name)


def run_python(engine: Engine, image: str, script: str, variables: Mapping[str, str] | None = None) -> str:
    """What a script prints that runs in a strict container of the image, as its only process."""
    options = [*STRICT, *environment_options(variables or {})]
    return engine.podman("run", "--rm", *options, image, "python", "-c", script).stdout


def environment_options(variables: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in variables.items()]


async def ask(url: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """One request for a whole answer, with the simulator's key."""
    headers = {"x-api-key": LOCAL_API_KEY}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/messages", json=body, headers=headers) as response,
    ):
        return response.status, await response.json()


async def wait_healthy(engine: Engine, name: str, url: str, seconds: float = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url + "/health") as response:
                    assert response.status == 200, await response.text()
                    return
            except aiohttp.ClientConnectionError:
                assert time.monotonic() < deadline, engine.podman("logs", name).stderr[-2_000:]
                await asyncio.sleep(POLL_SECONDS)


def age_seconds(pid: int) -> float:
    """How long a process has been there: podman's own time does not count."""
    ticks = int(Path("/proc", str(pid), "stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class File:
    """One entry of an image's file system; `content` of small and of interesting files is read on demand."""

    entry: tarfile.TarInfo
    archive: Path

    def read(self) -> bytes:
        with tarfile.open(self.archive) as archive:
            content = archive.extractfile(self.entry)
            assert content is not None, self.entry.name
            return content.read()


def export(engine: Engine, image: str, archive: Path) -> dict[str, File]:
    """The merged file system of an image, by path without a leading slash. Nothing of it is started."""
    name = engine.podman("create", image, "true").stdout.strip()
    try:
        engine.podman("export", "--output", str(archive), name, timeout_seconds=EXPORT_SECONDS)
    finally:
        engine.podman("rm", name)
    with tarfile.open(archive) as opened:
        return {entry.name.removeprefix("./").rstrip("/"): File(entry, archive) for entry in opened}
