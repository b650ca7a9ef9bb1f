"""One function per endpoint, and the table that names them all.

`messages` is the line the whole project serves: bytes, MessagesRequest, ConverseRequest, events, bytes.
"""

from collections.abc import Mapping
from typing import Final

import orjson
from aiohttp import web

from gateway import __version__
from gateway.access import Admission
from gateway.catalog import MODELS, Model
from gateway.intake import GATEKEEPER, SETTINGS, authenticate, read_body, understand
from gateway.middleware import LINE, Handler
from gateway.protocol.errors import GatewayError, InvalidRequest, NotFound
from gateway.protocol.estimate import estimate_input_tokens
from gateway.protocol.from_converse import StreamTranslator
from gateway.protocol.parsing import parse, parse_count
from gateway.streaming import UPSTREAM_ID_HEADER, stream_reply, whole_reply
from gateway.upstreams.bedrock import Bedrock

ADMISSION: Final = web.AppKey("admission", Admission)
BEDROCK: Final = web.AppKey("bedrock", Bedrock)


async def messages(request: web.Request) -> web.StreamResponse:
    """`POST /v1/messages`, streamed or not."""
    app, line = request.app, request[LINE]
    caller = await authenticate(request)
    with app[ADMISSION].enter():
        call = await understand(request, await read_body(request), caller, parse)
        line.streamed = bool(call.request.stream)
        translator = StreamTranslator(
            message_id=f"msg_bdrk_{line.request_id.removeprefix('req_')}",
            model_name=call.request.model,
            tool_names=call.translation.tool_names,
            stop_sequences=call.translation.stop_sequences,
            max_tokens=call.request.max_tokens,
        )
        upstream = app[BEDROCK].converse_stream(call.resolution.model_id, call.body, max_tokens=call.request.max_tokens)
        headers = call.headers
        # A request is often a hundred times as long as its answer, and must not stay as long in memory.
        del call
        if line.streamed:
            return await stream_reply(request, upstream, translator, headers, line, app[SETTINGS])
        whole = await whole_reply(request, upstream, translator, line)
        headers[UPSTREAM_ID_HEADER] = line.upstream_request_id or ""
        return web.Response(body=whole, content_type="application/json", headers=headers)


async def count_tokens(request: web.Request) -> web.StreamResponse:
    """`POST /v1/messages/count_tokens`: an estimate of what the translated request costs, and marked as one."""
    caller = await authenticate(request)
    with request.app[ADMISSION].enter():
        call = await understand(request, await read_body(request), caller, parse_count)
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


def describe(model: Model) -> dict[str, object]:
    return {"type": "model", "id": model.name, "display_name": model.display_name, "created_at": model.released}


def reply_json(value: object, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", headers=headers)
