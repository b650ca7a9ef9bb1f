"""`chatrix simulate` as a process: what it prints works, and both signals end it cleanly."""

import argparse
import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import pytest

from gateway.commands import simulate

START: Final = """
import argparse, sys
from gateway.commands import simulate
parser = argparse.ArgumentParser()
simulate.add_arguments(parser)
sys.exit(simulate.run(parser.parse_args()))
"""


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The process and what it has printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        printed = ""
        async with asyncio.timeout(20):
            while "API key" not in printed:
                line = await process.stdout.readline()
                assert line, "it ended early"
                printed += line.decode()
        yield process, printed
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_a_signal_and_ends_with_0(number: signal.Signals) -> None:
    async with running("--port", "0", "--tokens-per-second", "0") as (process, printed):
        exports = dict(re.findall(r"export (\w+)=(\S+)", printed))
        assert exports["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] == exports["AWS_ENDPOINT_URL_SECRETS_MANAGER"]
        assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"} < set(exports)
        assert "chatrix-local-simulator-key" in printed
        url = f"{exports['AWS_ENDPOINT_URL_BEDROCK_RUNTIME']}/model/anthropic.claude-opus-5/converse"
        body = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            assert response.status == 200
        process.send_signal(number)
        async with asyncio.timeout(10):
            assert await process.wait() == 0


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        assert simulate.run(arguments(port=port)) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def arguments(**changes: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    return argparse.Namespace(**{**vars(parser.parse_args([])), **changes})


def test_the_defaults_are_the_documented_ones() -> None:
    assert vars(arguments()) == {"host": "127.0.0.1", "port": 3001, "tokens_per_second": 60.0}


@pytest.mark.parametrize("wrong", [["--port", "70000"], ["--tokens-per-second", "-1"], ["--tokens-per-second", "nan"]])
def test_arguments_that_make_no_sense_are_refused(wrong: list[str]) -> None:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(wrong)
