"""The load test itself: a good gateway passes, and one that cuts its streams does not."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Final

import pytest
from aiohttp import web

from tests.load.run import REPORT, ROOT

SHORT: Final = ("--users", "4", "--run-time", "8s", "--max-pause", "0.5")
RUN_SECONDS: Final = 300
BEGUN: Final = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"so far"}}\n\n'
)


def load(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.load.run", *SHORT, *options]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )


def test_sessions_against_the_simulator_pass_and_leave_a_report() -> None:
    REPORT.unlink(missing_ok=True)
    done = load()
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(r"load: (\d+) requests, 0 failed, 0 throttled, 0 broken streams; first token", done.stdout)
    assert said, done.stdout
    assert int(said[1]) > 10
    assert "load: passed" in done.stdout
    assert "<html" in REPORT.read_text()
    assert "chatrix-local" not in done.stdout + done.stderr + REPORT.read_text(), "the key"


def test_a_first_token_that_comes_too_late_fails_the_run() -> None:
    done = load("--max-ttft-ms", "0.01")
    assert done.returncode == 1
    assert "to the first token is" in done.stdout


@pytest.fixture
async def cutting_gateway() -> AsyncIterator[str]:
    """Its streams end tidily, and before they are whole."""

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("count_tokens"):
            return web.json_response({"input_tokens": 1})
        return web.Response(body=BEGUN, content_type="text/event-stream")

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_streams_that_are_not_whole_fail_the_run(cutting_gateway: str) -> None:
    done = await asyncio.to_thread(load, "--host", cutting_gateway, CHATRIX_API_KEY="a-key-for-the-load-test")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"load: FAILED: [1-9]\d* broken streams", done.stdout), done.stdout


def test_without_a_key_it_says_so() -> None:
    done = load("--host", "http://127.0.0.1:9", CHATRIX_API_KEY="")
    assert done.returncode == 1
    assert "CHATRIX_API_KEY is not set" in done.stdout + done.stderr
