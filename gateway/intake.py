"""What comes first: who asks, and the body."""

import asyncio
from typing import Final, cast

from aiohttp import HttpVersion11, web

from gateway.access import Caller, Gatekeeper, Place
from gateway.connections import Connection
from gateway.middleware import LINE, SETTINGS
from gateway.protocol.errors import InvalidRequest, RequestTooLarge
from gateway.settings import Settings

GATEKEEPER: Final = web.AppKey("gatekeeper", Gatekeeper)

ACCEPTED_ENCODINGS: Final = frozenset({"", "identity"})


async def authenticate(request: web.Request) -> Caller:
    caller = await request.app[GATEKEEPER].authenticate(request.headers)
    request[LINE].caller = caller.name
    return caller


async def read_body(request: web.Request, place: Place) -> bytes:
    """The whole body. 415 for an encoding, 413 over the limit, 408 when it does not come, 529 where memory is taken."""
    settings = request.app[SETTINGS]
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ACCEPTED_ENCODINGS:
        raise InvalidRequest("The request body must not be compressed.", status=415)
    if (request.content_length or 0) > settings.max_body_bytes:
        raise too_large(settings)
    place.hold(request.content_length or 0)
    if request.content.is_eof():
        # It came with the head.
        return limited(request, settings, place, request.content.read_nowait())
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            await ask_for_body(request)
            with cast(Connection, request.protocol).reading_much():
                return await read_limited(request, settings, place)
    except TimeoutError as error:
        raise InvalidRequest(
            f"The request body did not arrive within {settings.body_timeout_seconds:g} s.",
            status=408,
            headers={"connection": "close"},
            fault="body_timeout",
        ) from error


async def read_limited(request: web.Request, settings: Settings, place: Place) -> bytes:
    """aiohttp's own `read` would keep the body for as long as the answer takes."""
    unannounced = request.content_length is None
    chunks: list[bytes] = []
    body_bytes = 0
    async for chunk in request.content.iter_any():
        chunks.append(chunk)
        body_bytes += len(chunk)
        if body_bytes > settings.max_body_bytes:
            raise too_large(settings)
        if unannounced:
            place.hold(len(chunk))
    return b"".join(chunks)


def limited(request: web.Request, settings: Settings, place: Place, body: bytes) -> bytes:
    if len(body) > settings.max_body_bytes:
        raise too_large(settings)
    if request.content_length is None:
        place.hold(len(body))
    return body


async def expect_nothing(_: web.Request) -> None:
    """aiohttp would say `100 Continue` at once; `read_body` does, after the key has been checked."""


async def ask_for_body(request: web.Request) -> None:
    if request.version >= HttpVersion11 and request.headers.get("expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The status line of the answer is still to come: aiohttp takes any byte for the beginning of it.
        request.writer.output_size = 0


def too_large(settings: Settings) -> RequestTooLarge:
    return RequestTooLarge(
        f"The request body is larger than {settings.max_body_bytes} bytes, the most this gateway takes."
    )
