"""A double of Lambda's Runtime API and Extensions API, as one execution environment sees them.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and .../runtimes-extensions-api.html
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from tests.doubles.invocation import Invocation

STREAMING: Final = "streaming"
# More than any event may have: the front refuses larger ones.
MAX_BODY_BYTES: Final = 64 * 2**20


class RuntimeApi:
    """`polled` is set while the runtime waits for an invocation: it is ready for the first, or has ended the last."""

    def __init__(self) -> None:
        self.address = ""
        self.polled = asyncio.Event()
        self.extensions: list[str] = []
        self._next: asyncio.Queue[Invocation] = asyncio.Queue()
        self._running: dict[str, Invocation] = {}

    async def invoke(self, invocation: Invocation) -> None:
        self.polled.clear()
        self._running[invocation.request_id] = invocation
        await self._next.put(invocation)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        runtime = "/2018-06-01/runtime"
        app.router.add_get(f"{runtime}/invocation/next", self._give_next)
        app.router.add_post(f"{runtime}/invocation/{{id}}/response", self._take_response)
        app.router.add_post(f"{runtime}/invocation/{{id}}/error", self._take_error)
        app.router.add_post("/2020-01-01/extension/register", self._register)
        app.router.add_get("/2020-01-01/extension/event/next", self._give_no_event)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.address = f"127.0.0.1:{runner.addresses[0][1]}"
            yield
        finally:
            await runner.cleanup()

    async def _give_next(self, _: web.Request) -> web.Response:
        self.polled.set()
        invocation = await self._next.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        }
        return web.Response(body=invocation.event, content_type="application/json", headers=headers)

    async def _take_response(self, request: web.Request) -> web.Response:
        invocation = self._running[request.match_info["id"]]
        try:
            if request.headers.get("Lambda-Runtime-Function-Response-Mode", "").lower() == STREAMING:
                await invocation.take_stream(request.content.iter_any())
            else:
                answer = await request.json()
                body = answer.get("body") or ""
                is_binary = answer.get("isBase64Encoded", False)
                await invocation.take_whole(answer, base64.b64decode(body) if is_binary else body.encode())
        except asyncio.CancelledError:
            # The adapter has gone in the middle of it.
            invocation.fail("Runtime.ExitError")
            raise
        return web.json_response({"status": "OK"}, status=202)

    async def _take_error(self, request: web.Request) -> web.Response:
        error = json.loads(await request.read())
        self._running[request.match_info["id"]].fail(f"{error.get('errorType')}: {error.get('errorMessage')}")
        return web.json_response({"status": "OK"}, status=202)

    async def _register(self, request: web.Request) -> web.Response:
        self.extensions.append(request.headers["Lambda-Extension-Name"])
        answer = {"functionName": "chatrix", "functionVersion": "1", "handler": "_image.handler"}
        identifier = f"extension-{len(self.extensions)}"
        return web.json_response(answer, headers={"Lambda-Extension-Identifier": identifier})

    async def _give_no_event(self, _: web.Request) -> web.Response:
        """Registered for no events, an extension is told nothing until the environment ends."""
        await asyncio.Event().wait()
        raise AssertionError("unreachable")
