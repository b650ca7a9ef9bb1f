"""What comes before the answer: who asks, the body, and what it means for Bedrock."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import HttpVersion11, web

from gateway.access import Caller, Gatekeeper
from gateway.catalog import Resolution, resolve
from gateway.logs import AccessLine
from gateway.middleware import LINE
from gateway.protocol.betas import drop_betas
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import InvalidRequest, NotFound, PermissionDenied, RequestTooLarge
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.to_converse import Translation, encode, to_converse
from gateway.settings import Settings

SETTINGS: Final = web.AppKey("settings", Settings)
GATEKEEPER: Final = web.AppKey("gatekeeper", Gatekeeper)

# Of the caller's own words that are logged or given back.
MAX_SHOWN_CHARACTERS: Final = 64
ACCEPTED_ENCODINGS: Final = frozenset({"", "identity"})
# A longer body is understood in a thread: it takes long enough to hold up the other streams.
LONG_BODY_BYTES: Final = 2**20

Parse = Callable[[bytes], tuple[MessagesRequest, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, understood: what was asked, where it goes, what is sent, what the caller is told in headers."""

    request: MessagesRequest
    resolution: Resolution
    translation: Translation
    body: bytes
    headers: dict[str, str]


async def authenticate(request: web.Request) -> Caller:
    caller = await request.app[GATEKEEPER].authenticate(request.headers)
    request[LINE].caller = caller.name
    return caller


async def read_body(request: web.Request) -> bytes:
    """The whole body. 415 for an encoding, 413 over the limit, 408 when it does not come."""
    settings = request.app[SETTINGS]
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ACCEPTED_ENCODINGS:
        raise InvalidRequest("The request body must not be compressed.", status=415)
    if (request.content_length or 0) > settings.max_body_bytes:
        raise too_large(settings)
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            await ask_for_body(request)
            return await read_limited(request, settings)
    except TimeoutError as error:
        raise InvalidRequest(
            f"The request body did not arrive within {settings.body_timeout_seconds:g} s.",
            status=408,
            headers={"connection": "close"},
        ) from error


async def read_limited(request: web.Request, settings: Settings) -> bytes:
    """aiohttp's own `read` would keep the body for as long as the answer takes."""
    chunks: list[bytes] = []
    body_bytes = 0
    async for chunk in request.content.iter_any():
        chunks.append(chunk)
        body_bytes += len(chunk)
        if body_bytes > settings.max_body_bytes:
            raise too_large(settings)
    return b"".join(chunks)


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


async def understand(request: web.Request, body: bytes, caller: Caller, parse: Parse) -> Call:
    """Raises `GatewayError` for what cannot be passed on."""
    if len(body) < LONG_BODY_BYTES:
        return to_call(request, body, caller, parse)
    return await asyncio.to_thread(to_call, request, body, caller, parse)


def to_call(request: web.Request, body: bytes, caller: Caller, parse: Parse) -> Call:
    line = request[LINE]
    line.session_id = request.headers.get("x-claude-code-session-id", "")[:MAX_SHOWN_CHARACTERS] or None
    parsed, unknown_fields = parse(body)
    line.model = parsed.model[:MAX_SHOWN_CHARACTERS]
    resolution = resolve(parsed.model, request.app[SETTINGS].region)
    if resolution is None:
        raise NotFound(f"model: {line.model}. GET /v1/models lists what there is.")
    if not caller.may_use(resolution.name):
        raise PermissionDenied(f"Your key is not allowed to use {resolution.name}.")
    line.model_id = resolution.model_id
    disposition = Disposition()
    if resolution.substituted:
        disposition.approximate("model")
    for name in unknown_fields:
        disposition.drop(name)
    for header in request.headers.getall("anthropic-beta", []):
        drop_betas(header, disposition)
    translation = to_converse(parsed, resolution.model, disposition)
    line.dropped, line.approximated = disposition.dropped, disposition.approximated
    return Call(parsed, resolution, translation, encode(translation.request), disclosure(line, resolution, disposition))


def disclosure(line: AccessLine, resolution: Resolution, disposition: Disposition) -> dict[str, str]:
    """The headers that tell what became of the request."""
    headers = {"request-id": line.request_id, "x-chatrix-model": resolution.name}
    if disposition.dropped:
        headers["x-chatrix-dropped"] = ", ".join(disposition.dropped)
    if disposition.approximated:
        headers["x-chatrix-approximated"] = ", ".join(disposition.approximated)
    return headers
