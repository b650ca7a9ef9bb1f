"""From a request's bytes to what Bedrock is sent: parse, resolve the model, translate, and say what became of it."""

import asyncio
import gc
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import msgspec
from aiohttp import web

from gateway.access import Caller
from gateway.catalog import Resolution
from gateway.middleware import LINE, SETTINGS
from gateway.protocol.disposition import Disposition, disclosure
from gateway.protocol.errors import PermissionDenied
from gateway.protocol.estimate import Estimate, estimate_input
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.presence import Presence
from gateway.protocol.request_body import RequestBody
from gateway.protocol.to_converse import Translation, to_converse
from gateway.request_options import is_strict, read_options
from gateway.resolving import MAX_SHOWN_CHARACTERS, resolve_model, shown

# A longer body is understood in a thread: it takes long enough to hold up the other streams, some 60 ms for a megabyte.
# Beside a thread they wait for the interpreter's 5 ms at a time.
LONG_BODY_BYTES: Final = 2**18

Parse = Callable[[bytes], tuple[MessagesRequest, Presence]]
P = ParamSpec("P")
T = TypeVar("T")


class Call(msgspec.Struct, frozen=True):
    """A request, understood: what was asked, where it goes, what is sent, what the caller is told in headers."""

    request: MessagesRequest
    resolution: Resolution
    translation: Translation
    body: RequestBody
    estimate: Estimate
    headers: dict[str, str]


async def understand(request: web.Request, body: bytes, caller: Caller, parse: Parse) -> Call:
    """Raises `GatewayError` for what cannot be passed on."""
    is_long = len(body) >= LONG_BODY_BYTES
    line = request[LINE]
    line.session_id = session_id_of(request)
    parsed, presence = await _run(is_long, parse, body)
    line.model = shown(parsed.model)
    resolution = await resolve_model(request.app, parsed.model, parsed.inference_geo)
    if not caller.may_use(resolution.name):
        raise PermissionDenied(f"Your key is not allowed to use {resolution.name}.")
    line.model_id = shown(resolution.model_id)
    return await _run(is_long, _to_call, request, parsed, presence, resolution)


def session_id_of(request: web.Request) -> str | None:
    """Fit to be logged: aiohttp reads bytes that are no UTF-8 as halves of characters, and neither log takes those."""
    shown_id = request.headers.get("x-claude-code-session-id", "")[:MAX_SHOWN_CHARACTERS]
    return shown_id.encode("utf-8", "replace").decode() or None


async def _run(in_thread: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Without looking for garbage meanwhile.

    A conversation becomes trees of thousands of objects, and after each new thousand Python would look at all of them,
    in vain: a third of the work for a body of 2 MB. Whoever is done first has it look again, so that it always does.
    """
    gc.disable()
    try:
        return await asyncio.to_thread(work, *args, **kwargs) if in_thread else work(*args, **kwargs)
    finally:
        gc.enable()


def _to_call(request: web.Request, parsed: MessagesRequest, presence: Presence, resolution: Resolution) -> Call:
    settings, line = request.app[SETTINGS], request[LINE]
    disposition = Disposition(strict=is_strict(request.headers, settings))
    if resolution.substituted:
        disposition.note("model/substituted", "model")
    options = read_options(request.headers, settings, disposition)
    presence.note(disposition)
    translation = to_converse(parsed, resolution.model, disposition, options)
    line.dropped, line.approximated = disposition.dropped, disposition.approximated
    headers = {
        "request-id": line.request_id,
        "x-chatrix-model": resolution.name,
        **disclosure(line.dropped, line.approximated),
    }
    estimate = estimate_input(translation.request, resolution.model)
    return Call(parsed, resolution, translation, translation.encode(), estimate, headers)
