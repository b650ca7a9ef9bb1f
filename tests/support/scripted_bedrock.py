"""A Bedrock that answers every call with the events it was given: for what no marker of the simulator says."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from gateway.protocol.eventstream import encode_event, encode_exception

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
# Before the name of an exception inside the stream.
EXCEPTION: Final = "!"
# An event of ConverseStream: its name, and its payload.
Event = tuple[str, Mapping[str, Any]]


class ScriptedBedrock:
    """`events` is what the next answers hold, behind a silence."""

    def __init__(self) -> None:
        self.url = ""
        self.events: tuple[Event, ...] = ()
        self.silence_seconds = 0.0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        await asyncio.sleep(self.silence_seconds)
        return web.Response(body=to_wire(self.events), headers={"content-type": CONTENT_TYPE})


def to_wire(events: Iterable[Event]) -> bytes:
    return b"".join(_to_frame(name, json.dumps(payload).encode()) for name, payload in events)


def _to_frame(name: str, payload: bytes) -> bytes:
    if name.startswith(EXCEPTION):
        return encode_exception(name.removeprefix(EXCEPTION), payload)
    return encode_event(name, payload)


@asynccontextmanager
async def open_scripted_bedrock() -> AsyncIterator[ScriptedBedrock]:
    bedrock = ScriptedBedrock()
    application = web.Application()
    application.router.add_route("POST", "/{path:.*}", bedrock.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        bedrock.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield bedrock
    finally:
        await runner.cleanup()
