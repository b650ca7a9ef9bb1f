"""A double of a Function URL: HTTP in front, events in payload format 2.0 behind, answers as they come.

One request at a time is in an environment. A second one starts another environment, up to the reserved concurrency;
what is over that is a 429 of Lambda's, not of the application's.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from aiohttp import web

from tests.doubles.environment import Environment, Function, open_environment
from tests.doubles.invocation import Invocation, InvocationFailed

# The event, which is the JSON around the body. AWS says 6 MB and means MiB.
MAX_EVENT_BYTES: Final = 6 * 2**20
TEXT_TYPES: Final = ("text/", "application/json", "application/javascript", "application/xml")
HOST: Final = "example.lambda-url.us-west-2.on.aws"


class FunctionUrl:
    """`invoke_mode` is the URL's; the function has its own idea of it, and the two must agree."""

    def __init__(
        self, function: Function, *, reserved_concurrency: int = 1, invoke_mode: str = "RESPONSE_STREAM"
    ) -> None:
        self.function = function
        self.environments: list[Environment] = []
        self.url = ""
        self._invoke_mode = invoke_mode
        self._reserved_concurrency = reserved_concurrency
        self._idle: list[Environment] = []
        self._starting = 0
        self._open = AsyncExitStack()
        self._settling: dict[asyncio.Task[None], Invocation] = {}

    async def invoke(self, event: bytes) -> Invocation | None:
        """None: as many environments as there may be are busy. Raises InitFailed."""
        environment = await self._take_environment()
        if environment is None:
            return None
        invocation = await environment.invoke(event)
        task = asyncio.create_task(self._settle(environment, invocation))
        self._settling[task] = invocation
        task.add_done_callback(self._settling.pop)
        return invocation

    async def wait_settled(self) -> None:
        """Until no invocation runs: all environments are frozen, or have ended."""
        while self._settling:
            await asyncio.gather(*self._settling)

    async def _take_environment(self) -> Environment | None:
        if not self._idle and (ended := [task for task, each in self._settling.items() if each.ended_at is not None]):
            # The answer has gone out; the runtime has still to ask for the next one.
            await asyncio.wait(ended)
        while self._idle:
            environment = self._idle.pop()
            if environment.alive:
                return environment
        if self._starting + sum(each.alive for each in self.environments) >= self._reserved_concurrency:
            return None
        self._starting += 1
        try:
            environment = await self._open.enter_async_context(open_environment(self.function, free_port()))
        finally:
            self._starting -= 1
        self.environments.append(environment)
        return environment

    async def _settle(self, environment: Environment, invocation: Invocation) -> None:
        await environment.settle(invocation)
        if environment.alive:
            self._idle.append(environment)

    # --- HTTP

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["FunctionUrl"]:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1, auto_decompress=False
        )
        async with self._open:
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                # The real one ends in a slash as well.
                self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
                yield self
            finally:
                await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        event = to_event(request, await request.read())
        if len(event) > MAX_EVENT_BYTES:
            return web.json_response(
                {"Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"}, status=413
            )
        invocation = await self.invoke(event)
        if invocation is None:
            return web.json_response(
                {
                    "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                    "Type": "User",
                    "message": "Rate Exceeded.",
                },
                status=429,
            )
        try:
            if self._invoke_mode == "BUFFERED":
                return await _whole(invocation)
            return await _streamed(request, invocation)
        except InvocationFailed:
            return web.json_response({"Message": "Internal Server Error"}, status=502)
        except asyncio.CancelledError:
            invocation.leave()
            raise


async def _streamed(request: web.Request, invocation: Invocation) -> web.StreamResponse:
    head = await invocation.head()
    # In chunks, whatever the length: the client sees the end when the function has ended it.
    response = web.StreamResponse(status=head.status, headers=_without_length(head.headers))
    for cookie in head.cookies:
        response.headers.add("set-cookie", cookie)
    await response.prepare(request)
    try:
        async for piece in invocation.body():
            await response.write(piece)
    except InvocationFailed:
        # Cut off: what has gone out is all the client gets, and it sees that there is no end.
        assert request.transport is not None
        request.transport.abort()
    return response


async def _whole(invocation: Invocation) -> web.Response:
    """A URL in buffered mode. It knows nothing of preludes: the answer of a function that streams is all body."""
    head = await invocation.head()
    body = b"".join([piece async for piece in invocation.body()])
    if invocation.prelude:
        return web.Response(body=invocation.prelude + body, content_type="application/octet-stream")
    return web.Response(status=head.status, headers=_without_length(head.headers), body=body)


def _without_length(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-length"}


def to_event(request: web.Request, body: bytes) -> bytes:
    """Payload format 2.0."""
    headers = {
        name.lower(): ",".join(request.headers.getall(name)) for name in request.headers if name.lower() != "cookie"
    }
    is_text = not body or headers.get("content-type", "").startswith(TEXT_TYPES)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.rel_url.raw_path,
        "rawQueryString": request.rel_url.raw_query_string,
        "headers": {**headers, "host": HOST, "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "example",
            "domainName": HOST,
            "http": {
                "method": request.method,
                "path": request.rel_url.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": "b6f1b7a6-7d8f-4b7c-9d0e-1f2a3b4c5d6e",
            "routeKey": "$default",
            "stage": "$default",
        },
        "isBase64Encoded": not is_text,
    }
    if cookies := request.headers.getall("cookie", []):
        event["cookies"] = [cookie.strip() for line in cookies for cookie in line.split(";")]
    if body:
        event["body"] = body.decode() if is_text else base64.b64encode(body).decode()
    return json.dumps(event).encode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
