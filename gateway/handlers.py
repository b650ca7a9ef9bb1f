"""One function per endpoint, and the table that names them all.

`messages` is the line the whole project serves: bytes, MessagesRequest, ConverseRequest, events, bytes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from gateway import __version__
from gateway.access import Admission, Caller, Gatekeeper
from gateway.catalog import MODELS, Model, Resolution, resolve
from gateway.logs import AccessLine
from gateway.middleware import LINE, Handler
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import GatewayError, InvalidRequest, NotFound, PermissionDenied, RequestTooLarge
from gateway.protocol.estimate import estimate_input_tokens
from gateway.protocol.from_converse import StreamTranslator
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.parsing import parse, parse_count
from gateway.protocol.to_converse import Translation, drop_betas, encode, to_converse
from gateway.settings import Settings
from gateway.streaming import stream_reply, whole_reply
from gateway.upstreams.bedrock import Bedrock

SETTINGS: Final = web.AppKey("settings", Settings)
GATEKEEPER: Final = web.AppKey("gatekeeper", Gatekeeper)
ADMISSION: Final = web.AppKey("admission", Admission)
BEDROCK: Final = web.AppKey("bedrock", Bedrock)

MAX_SESSION_ID: Final = 64
ACCEPTED_ENCODINGS: Final = frozenset({"", "identity"})


async def messages(request: web.Request) -> web.StreamResponse:
    """`POST /v1/messages`, streamed or not."""
    app, line = request.app, request[LINE]
    caller = await authenticate(request)
    with app[ADMISSION].enter():
        body = await read_body(request)
        parsed, unknown_fields = parse(body)
        call = prepare(request, parsed, unknown_fields, caller)
        line.streamed = bool(parsed.stream)
        translator = StreamTranslator(
            message_id=f"msg_bdrk_{line.request_id.removeprefix('req_')}",
            model_name=parsed.model,
            tool_names=call.translation.tool_names,
            stop_sequences=call.translation.stop_sequences,
            max_tokens=parsed.max_tokens,
        )
        upstream = app[BEDROCK].converse_stream(
            call.resolution.model_id, encode(call.translation.request), max_tokens=parsed.max_tokens
        )
        if parsed.stream:
            return await stream_reply(request, upstream, translator, call.headers, line, app[SETTINGS])
        whole = await whole_reply(upstream, translator, line)
        return web.Response(body=whole, content_type="application/json", headers=call.headers)


async def count_tokens(request: web.Request) -> web.StreamResponse:
    """`POST /v1/messages/count_tokens`: an estimate of what the translated request costs, and marked as one."""
    caller = await authenticate(request)
    parsed, unknown_fields = parse_count(await read_body(request))
    call = prepare(request, parsed, unknown_fields, caller)
    tokens = estimate_input_tokens(call.translation.request, call.resolution.model)
    return reply_json({"input_tokens": tokens}, {**call.headers, "x-chatrix-count": "estimate"})


async def list_models(request: web.Request) -> web.StreamResponse:
    """`GET /v1/models`: those of the catalog that the caller's key may use."""
    caller = await authenticate(request)
    entries = [describe(model) for model in MODELS if model.is_active and caller.may_use(model.name)]
    ends = (entries[0]["id"], entries[-1]["id"]) if entries else (None, None)
    return reply_json({"data": entries, "has_more": False, "first_id": ends[0], "last_id": ends[1]})


async def root(_: web.Request) -> web.StreamResponse:
    """`GET` and `HEAD /`, `HEAD /api/hello`: clients knock here when they start."""
    return reply_json({"name": "chatrix", "version": __version__})


async def health(_: web.Request) -> web.StreamResponse:
    """`GET /health`: the process is alive. No key, no AWS."""
    return reply_json({"status": "ok"})


async def ready(request: web.Request) -> web.StreamResponse:
    """`GET /ready`: 200 once there is a key to compare with, 503 with the reason until then."""
    try:
        await request.app[GATEKEEPER].warm()
    except GatewayError as error:
        error.status = 503
        raise
    return reply_json({"status": "ready"})


async def version(_: web.Request) -> web.StreamResponse:
    return reply_json({"version": __version__})


ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/v1/messages": {"POST": messages},
    "/v1/messages/count_tokens": {"POST": count_tokens},
    "/v1/models": {"GET": list_models},
    "/": {"GET": root, "HEAD": root},
    "/api/hello": {"GET": root, "HEAD": root},
    "/health": {"GET": health, "HEAD": health},
    "/ready": {"GET": ready, "HEAD": ready},
    "/version": {"GET": version},
}


async def dispatch(request: web.Request) -> web.StreamResponse:
    """Look the path up in ROUTES, forgiving what base URLs get wrong: `//v1/messages`, `/v1/v1/messages`."""
    methods = ROUTES.get(canonical_path(request.path))
    if methods is None:
        raise NotFound(f"There is nothing at this path. Endpoints: {', '.join(ROUTES)}.")
    handler = methods.get(request.method)
    if handler is None:
        allowed = ", ".join(methods)
        raise InvalidRequest(f"This path takes {allowed}.", status=405, headers={"allow": allowed})
    return await handler(request)


def canonical_path(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    while parts[:2] == ["v1", "v1"]:
        del parts[0]
    return "/" + "/".join(parts)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, understood: where it goes, what is sent, what the caller is told in headers."""

    resolution: Resolution
    translation: Translation
    headers: dict[str, str]


def prepare(request: web.Request, parsed: MessagesRequest, unknown_fields: tuple[str, ...], caller: Caller) -> Call:
    line = request[LINE]
    line.session_id = request.headers.get("x-claude-code-session-id", "")[:MAX_SESSION_ID] or None
    line.model = parsed.model[:MAX_SESSION_ID]
    resolution = resolve(parsed.model, request.app[SETTINGS].region)
    if resolution is None:
        raise NotFound(f"model: {parsed.model[:MAX_SESSION_ID]}. GET /v1/models lists what there is.")
    if not caller.may_use(resolution.model.name):
        raise PermissionDenied(f"Your key is not allowed to use {resolution.model.name}.")
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
    return Call(resolution, translation, disclosure(line, resolution.model, disposition))


def disclosure(line: AccessLine, model: Model, disposition: Disposition) -> dict[str, str]:
    """The headers that tell what became of the request."""
    headers = {"request-id": line.request_id, "x-chatrix-model": model.name}
    if disposition.dropped:
        headers["x-chatrix-dropped"] = ", ".join(disposition.dropped)
    if disposition.approximated:
        headers["x-chatrix-approximated"] = ", ".join(disposition.approximated)
    return headers


def describe(model: Model) -> dict[str, object]:
    return {"type": "model", "id": model.name, "display_name": model.display_name, "created_at": model.released}


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
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large(settings) from error
    except TimeoutError as error:
        raise InvalidRequest(
            f"The request body did not arrive within {settings.body_timeout_seconds:g} s.",
            status=408,
            headers={"connection": "close"},
        ) from error


def too_large(settings: Settings) -> RequestTooLarge:
    return RequestTooLarge(
        f"The request body is larger than {settings.max_body_bytes} bytes, the most this gateway takes."
    )


def reply_json(value: object, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", headers=headers)
