"""One function per endpoint, and the table that names them all.

`messages` is the line the whole project serves: bytes, MessagesRequest, ConverseRequest, events, bytes.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
import orjson
from aiohttp import web

from gateway import __version__
from gateway.access import Admission
from gateway.counting import TokenCounter
from gateway.intake import GATEKEEPER, authenticate, read_body
from gateway.listing import list_models, retrieve_model
from gateway.logs import AccessLine
from gateway.middleware import LINE, SETTINGS, Handler
from gateway.protocol.disposition import disclosure
from gateway.protocol.errors import GatewayError, InvalidRequest, NotFound
from gateway.protocol.features import FEATURES
from gateway.protocol.from_converse import StreamTranslator
from gateway.protocol.parsing import parse, parse_count
from gateway.streaming import stream_reply, upstream_headers, whole_reply
from gateway.understanding import LONG_BODY_BYTES, Call, understand
from gateway.upstreams.bedrock import Bedrock

ADMISSION: Final = web.AppKey("admission", Admission)
BEDROCK: Final = web.AppKey("bedrock", Bedrock)
COUNTER: Final = web.AppKey("counter", TokenCounter)
# The one row of ROUTES whose path has a part that differs.
ONE_MODEL: Final = "/v1/models/{id}"
NOT_HTTP: Final = (
    "This function answers HTTP requests only, and was invoked with an event that is none. Send the request to its "
    "Function URL (POST /v1/messages); for a direct invocation use an event in the Function URL's form, payload 2.0."
)


async def messages(request: web.Request) -> web.StreamResponse:
    """`POST /v1/messages`, streamed or not."""
    app, line = request.app, request[LINE]
    caller = await authenticate(request)
    with app[ADMISSION].enter() as place:
        call = await understand(request, await read_body(request, place), caller, parse)
        line.streamed = bool(call.request.stream)
        model, estimate, calibration = call.resolution.model, call.estimate, app[COUNTER].calibration
        translator = start_translator(call, line, calibration.tokens(model, estimate))
        body = app[BEDROCK].choose_form(call.resolution.model_id, call.body)
        if body is not call.body:
            line.lose(body.dropped, body.approximated)
        upstream = app[BEDROCK].converse_stream(
            call.resolution.model_id, body, line, max_tokens=call.request.max_tokens, on_acceptance=place.let_go
        )
        headers = call.headers | disclosure(line.dropped, line.approximated)
        # A request is often a hundred times as long as its answer, and must not stay as long in memory.
        del call, body
        if line.streamed:
            response: web.StreamResponse = await stream_reply(
                request, upstream, translator, headers, line, app[SETTINGS]
            )
        else:
            whole = await whole_reply(request, upstream, translator, line, app[SETTINGS])
            headers |= upstream_headers(line)
            response = web.Response(body=whole, content_type="application/json", headers=headers)
        if translator.usage is not None:
            calibration.observe(model, estimate, translator.usage)
        return response


def start_translator(call: Call, line: AccessLine, input_tokens_estimate: int) -> StreamTranslator:
    """The reply's half of the translation, with what it has to know of the request."""
    translation = call.translation
    return StreamTranslator(
        message_id=f"msg_bdrk_{line.request_id.removeprefix('req_')}",
        model_name=call.request.model,
        tool_names=translation.tool_names,
        tool_use_ids=translation.tool_use_ids,
        stop_sequences=translation.stop_sequences,
        max_tokens=call.request.max_tokens,
        input_tokens_estimate=input_tokens_estimate,
        only_1h_cache=translation.only_1h_cache,
        format_tool=translation.format_tool,
    )


async def count_tokens(request: web.Request) -> web.StreamResponse:
    """`POST /v1/messages/count_tokens`: what the translated request costs, counted by Bedrock or estimated."""
    caller = await authenticate(request)
    with request.app[ADMISSION].enter() as place:
        call = await understand(request, await read_body(request, place), caller, parse_count)
        is_long = len(call.body.whole) >= LONG_BODY_BYTES
        count = await request.app[COUNTER].count(call.translation, call.resolution, call.estimate, is_long=is_long)
    return reply_json({"input_tokens": count.tokens}, {**call.headers, **count.headers})


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


async def events(_: web.Request) -> web.StreamResponse:
    """`POST /events`: what the Lambda Web Adapter makes of an invocation that is no HTTP request."""
    raise InvalidRequest(NOT_HTTP)


async def protocol(_: web.Request) -> web.StreamResponse:
    """`GET /protocol`: the feature table, for people and programs that want to know before they ask."""
    return reply_json({"features": msgspec.to_builtins(list(FEATURES.values()))})


ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/v1/messages": {"POST": messages},
    "/v1/messages/count_tokens": {"POST": count_tokens},
    "/v1/models": {"GET": list_models},
    ONE_MODEL: {"GET": retrieve_model},
    "/": {"GET": root, "HEAD": root},
    "/api/hello": {"GET": root, "HEAD": root},
    "/health": {"GET": health, "HEAD": health},
    "/ready": {"GET": ready, "HEAD": ready},
    "/version": {"GET": version},
    "/protocol": {"GET": protocol},
    "/events": {"POST": events},
}


async def dispatch(request: web.Request) -> web.StreamResponse:
    """Look the path up in ROUTES, forgiving what base URLs get wrong: `//v1/messages`, `/v1/v1/messages`."""
    methods = ROUTES.get(request[LINE].path)
    if methods is None:
        raise NotFound(f"There is nothing at this path. Endpoints: {', '.join(ROUTES)}.")
    handler = methods.get(request.method)
    if handler is None:
        allowed = ", ".join(methods)
        raise InvalidRequest(f"This path takes {allowed}.", status=405, headers={"allow": allowed})
    return await handler(request)


def route_of(path: str) -> str | None:
    if path in ROUTES:
        return path
    path = canonical_path(path)
    route = ONE_MODEL if path.startswith("/v1/models/") else path
    return route if route in ROUTES else None


def canonical_path(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    while parts[:2] == ["v1", "v1"]:
        del parts[0]
    return "/" + "/".join(parts)


def reply_json(value: object, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", headers=headers)
