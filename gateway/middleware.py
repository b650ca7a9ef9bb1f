"""Around every request: its id, its errors as Anthropic's JSON, its one access line and its one record of metrics.

Both are written before the last byte of the answer goes out, which is after the handler has returned: a stream that a
handler returns is ended by aiohttp. On Lambda the process is frozen as soon as that byte is out.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aws_lambda_powertools import Logger

from gateway.connections import Connection, new_request_id
from gateway.ending import STOPPING
from gateway.lambda_context import INVOCATION, Invocation, read_invocation
from gateway.logs import CLIENT_GONE as LEFT
from gateway.logs import SLOW_CLIENT, AccessLine, access_line
from gateway.metrics import metrics_line
from gateway.protocol.errors import GatewayError, InvalidRequest, NotFound, encode_error
from gateway.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LINE: Final = web.RequestKey("line", AccessLine)
LOGGER: Final = web.AppKey("logger", Logger)
SETTINGS: Final = web.AppKey("settings", Settings)

# nginx's name for it; nobody receives it, the log does.
CLIENT_GONE: Final = 499
# For the log too: cut off because the process ended.
SHUT_DOWN: Final = 503
# Asked every few seconds by load balancers; a line each would bury the others.
UNLOGGED_PATHS: Final = frozenset({"/health", "/ready"})
# A path is the caller's own words, and may hold a key: the log has the route.
NO_ROUTE: Final = "(no route)"
ROUTE_OF: Final = web.AppKey[Callable[[str], str | None]]("route_of")


class ColdStart:
    """True for the first request that is logged, and for no other."""

    def __init__(self) -> None:
        self._cold = True

    def take(self) -> bool:
        cold, self._cold = self._cold, False
        return cold


COLD_START: Final = web.AppKey("cold_start", ColdStart)


@web.middleware
async def request_boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
    app = request.app
    invocation = read_invocation(request.headers, app[SETTINGS])
    line = begin_line(request, app, invocation)
    request[LINE] = line
    request[INVOCATION] = invocation
    try:
        response = await _answer(request, handler, line)
        line.status = response.status
    except BaseException:
        # The client has gone, or the process ends: there is nobody to answer.
        note_leaving(request, line)
        raise
    else:
        return response
    finally:
        if is_logged(request):
            settle(app, line)


def note_leaving(request: web.Request, line: AccessLine) -> None:
    if request.app[STOPPING].is_set():
        line.status, line.fault = SHUT_DOWN, "shutdown"
        return
    line.status = CLIENT_GONE
    connection = request.protocol
    line.client_gone(SLOW_CLIENT if isinstance(connection, Connection) and connection.took_nothing else LEFT)


def is_logged(request: web.Request) -> bool:
    return request.path not in UNLOGGED_PATHS


def begin_line(request: web.Request, app: web.Application, invocation: Invocation) -> AccessLine:
    return AccessLine(
        request_id=new_request_id(),
        method=request.method,
        path=app[ROUTE_OF](request.path) or NO_ROUTE,
        lambda_request_id=invocation.request_id,
        cold_start=is_logged(request) and app[COLD_START].take(),
    )


def settle(app: web.Application, line: AccessLine) -> None:
    """What stays of a request. Raises nothing: its answer is worth more than its record, as the log sees it too.

    Written and flushed when it returns: Lambda freezes the process as soon as the answer is out.
    """
    fields = line.fields()
    written = access_line(app[LOGGER], line, fields)
    try:
        if app[SETTINGS].metrics:
            written += metrics_line(line, app[SETTINGS].service, fields)
    except Exception as failure:  # noqa: BLE001  # a mistake of ours
        app[LOGGER].error(f"the metrics of {line.request_id} could not be made: {type(failure).__name__}")
    try:
        sys.stdout.write(written)
        sys.stdout.flush()
    except Exception as failure:  # noqa: BLE001  # an output that nobody reads any more, a full disk
        app[LOGGER].error(f"what stays of {line.request_id} could not be written: {type(failure).__name__}")


async def _answer(request: web.Request, handler: Handler, line: AccessLine) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        return error_response(from_aiohttp(refusal), line)
    except ConnectionError:
        raise
    except Exception as failure:  # noqa: BLE001  # the last resort before the first byte
        return error_response(line.note_failure(failure), line)
    if not response.prepared:
        response.headers["request-id"] = line.request_id
    return response


def from_aiohttp(refusal: web.HTTPException) -> GatewayError:
    """aiohttp's own refusals, of a CONNECT for example; its texts are made for browsers."""
    if refusal.status == NotFound.usual_status:
        return NotFound("There is nothing at this path.")
    return InvalidRequest(f"Refused: {refusal.reason}.", status=refusal.status)


def error_response(error: GatewayError, line: AccessLine) -> web.Response:
    line.error(error)
    response = web.Response(
        status=error.status,
        body=encode_error(error, line.request_id),
        content_type="application/json",
        headers={"request-id": line.request_id, **error.headers},
    )
    if "connection" in error.headers:
        response.force_close()
    return response
