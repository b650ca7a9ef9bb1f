"""What an answer of a `serve` process costs it: CPU time and memory, looked at from outside.

Not the time on the clock, which says more about the other tests of the suite than about the gateway.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway.simulator import LOCAL_API_KEY
from tests.faults.logged_gateway import LoggedGateway

MIB: Final = 1024 * 1024
# The specification's promise for every answer.
SECONDS: Final = 2.0


@contextmanager
def within(gateway: LoggedGateway, seconds: float = SECONDS, grown: int | None = None) -> Iterator[None]:
    """What is done inside costs the process no more than this CPU time, and no more memory."""
    spent, held = cpu_seconds(gateway), gateway.memory_bytes()
    yield
    assert cpu_seconds(gateway) - spent < seconds
    if grown is not None:
        assert gateway.memory_bytes() - held < grown


def cpu_seconds(gateway: LoggedGateway) -> float:
    fields = Path(f"/proc/{gateway.running.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def post(
    gateway: LoggedGateway, body: bytes, path: str = "/v1/messages", **headers: str
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of the answer; an error is in Anthropic's shape."""
    sent = {"x-api-key": LOCAL_API_KEY, "content-type": "application/json", **headers}
    async with aiohttp.ClientSession() as session:
        async with session.post(gateway.url + path, data=BytesIO(body), headers=sent) as response:
            answer = await response.json()
            if response.status >= 400:
                assert answer["request_id"] == response.headers["request-id"]
                assert sorted(answer["error"]) == ["message", "type"]
            return response.status, answer
