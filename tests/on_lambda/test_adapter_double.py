"""The double of the adapter itself, where the gateway's tests would pass with a more friendly one."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.doubles.environment import ADAPTER
from tests.doubles.lambda_adapter import Application, BrokenOff, Invocation, Request, head_of, to_request

HOST = "127.0.0.1:3000"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HEADERS = {
    "lambda-runtime-aws-request-id": "id-1",
    "lambda-runtime-deadline-ms": "1542409706888",
    "lambda-runtime-trace-id": "Root=1-5bef4de7",
}


@asynccontextmanager
async def answering(answers: Callable[[int], bytes]) -> AsyncIterator[tuple[Application, list[int]]]:
    """An application that closes each connection behind one answer, silently; and the connections it has had."""
    connections: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        with suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answers(connections[-1]))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        application = Application(("127.0.0.1", server.sockets[0].getsockname()[1]))
        try:
            yield application, connections
        finally:
            application.close()


async def get(application: Application) -> bytes:
    async with application.ask(Request("GET", "/", [("host", application.host)])) as response:
        return await response.read()


async def test_an_idle_connection_that_has_died_is_replaced_silently() -> None:
    async with answering(lambda _: OK) as (application, connections):
        for _ in range(3):
            assert await get(application) == b"ok"
        assert len(connections) == 3


async def test_a_new_connection_without_an_answer_is_not_tried_again() -> None:
    async with answering(lambda number: OK if number == 0 else b"") as (application, connections):
        assert await get(application) == b"ok"
        with pytest.raises(BrokenOff):
            await get(application)
        assert len(connections) == 2


async def test_a_connection_that_lives_is_used_again() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(OK)
        writer.close()

    connections: list[int] = []
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        application = Application(("127.0.0.1", server.sockets[0].getsockname()[1]))
        for _ in range(3):
            assert await get(application) == b"ok"
        assert len(connections) == 1
        application.close()


async def test_cookies_have_their_own_place_and_the_framing_is_lambdas() -> None:
    wire = (
        b"HTTP/1.1 201 Created\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nx-other: kept\r\n"
        b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    )
    async with (
        answering(lambda _: wire) as (application, _),
        application.ask(Request("GET", "/", [("host", application.host)])) as response,
    ):
        assert await response.read() == b"ok"
        assert head_of(response) == {"statusCode": 201, "headers": {"x-other": "kept"}, "cookies": ["a=1", "b=2"]}


def test_a_request_is_what_the_event_says_but_for_what_only_lambda_knows() -> None:
    context = {"http": {"method": "POST", "path": "/a b"}, "requestId": "r"}
    event = {
        "rawPath": "/a%20b",
        "rawQueryString": "beta=true",
        "headers": {"host": "example.on.aws", "x-key": "k", "X-Amzn-Lambda-Context": "{}", "x-amzn-trace-id": "mine"},
        "cookies": ["a=1", "b=2"],
        "requestContext": context,
        "body": "AAE=",
        "isBase64Encoded": True,
    }
    request = to_request(Invocation(event, json.dumps(event).encode(), HEADERS), HOST, "/events")
    headers = dict(request.headers)
    assert (request.method, request.target, request.body) == ("POST", "/a%20b?beta=true", b"\0\1")
    assert json.loads(headers.pop("x-amzn-request-context")) == context
    told = json.loads(headers.pop("x-amzn-lambda-context"))
    assert (told["request_id"], told["deadline"]) == ("id-1", 1542409706888)
    assert headers == {
        "host": "example.on.aws",
        "x-key": "k",
        "x-amzn-trace-id": "Root=1-5bef4de7",
        "cookie": "a=1; b=2",
    }


def test_outside_lambda_it_does_nothing_and_says_so() -> None:
    variables = {name: value for name, value in os.environ.items() if name != "AWS_LAMBDA_RUNTIME_API"}
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(ADAPTER)],
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "AWS_LAMBDA_RUNTIME_API" in ended.stdout


def test_it_can_be_copied_into_an_image() -> None:
    """One file, executable, that needs nothing but the standard library."""
    assert os.access(ADAPTER, os.X_OK)
    imported = subprocess.run(
        [sys.executable, "-I", "-S", str(ADAPTER)], env={}, capture_output=True, text=True, timeout=30, check=False
    )
    assert imported.returncode == 0, imported.stderr
