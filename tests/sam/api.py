"""A running `sam local start-api`, and requests to it."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway.simulator import LOCAL_API_KEY
from tests.sam.project import Project

HEADERS: Final[Mapping[str, str]] = {"x-api-key": LOCAL_API_KEY, "anthropic-version": "2023-06-01"}
# A container that starts cold is waited for.
ANSWER_SECONDS: Final = aiohttp.ClientTimeout(total=60)
START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Api:
    """A running `sam local start-api`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def ask(self, body: Mapping[str, Any]) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(timeout=ANSWER_SECONDS) as session,
            session.post(f"{self.url}/v1/messages", json=body, headers=HEADERS) as response,
        ):
            return response.status, await response.text()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)


@contextmanager
def start_api(project: Project, log: Path, *options: str, variables: Mapping[str, str] | None = None) -> Iterator[Api]:
    """Serving, on a free port; ended if the test has not. `variables` are given by --env-vars."""
    port = free_port()
    if variables:
        path = log.with_suffix(".json")
        path.write_text(json.dumps({"Parameters": variables}))
        options += ("--env-vars", str(path))
    with log.open("wb") as file:
        process = subprocess.Popen(
            [project.sam, "local", "start-api", "--port", str(port), *options],
            cwd=project.folder,
            env=dict(project.environment),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    api = Api(f"http://127.0.0.1:{port}", process, log)
    try:
        wait_until_serving(api)
        yield api
    finally:
        if process.poll() is None:
            api.stop()


def wait_until_serving(api: Api) -> None:
    deadline = time.monotonic() + START_SECONDS
    while f"Running on {api.url}" not in api.text():
        if api.process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"sam local start-api does not serve:\n{api.text()}")
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
