"""What aiohttp answers below the application: to bytes that are not a request.

aiohttp itself logs such bytes with a traceback and echoes them to the sender; a key in a broken header would stand in
the log. Here the answer is Anthropic's JSON in fixed words, and the log says only what kind of fault it was.
"""

import traceback
from http import HTTPStatus
from secrets import token_hex
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from gateway.protocol.errors import ApiError, GatewayError, InvalidRequest, encode_error

REQUEST_ID_BYTES: Final = 12


def new_request_id() -> str:
    return f"req_{token_hex(REQUEST_ID_BYTES)}"


class Connection(web.RequestHandler):
    """aiohttp's connection to one client, with our words."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # aiohttp's text quotes the bytes
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun; another one cannot follow it.")
        error = malformed(status, exc)
        request_id = new_request_id()
        fields: dict[str, object] = {"request_id": request_id, "status": error.status}
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # The places only: a message may quote the request.
            fields["trace"] = traceback.format_tb(exc.__traceback__) if exc else None
            self.logger.error("a request failed outside the application: %s", type(exc).__name__, extra=fields)
        else:
            self.logger.warning("not an HTTP request: %s", type(exc).__name__, extra=fields)
        response = web.Response(
            status=error.status,
            body=encode_error(error, request_id),
            content_type="application/json",
            headers={"request-id": request_id},
        )
        response.force_close()
        return response


def malformed(status: int, exc: BaseException | None) -> GatewayError:
    if isinstance(exc, LineTooLong):
        return InvalidRequest(
            "A header or the URL is longer than this gateway takes.",
            status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ApiError("The gateway failed to answer.")
    return InvalidRequest("This is not a well-formed HTTP request.", status=status)


class ConnectionServer(web.Server):
    """aiohttp's server, making our connections. It offers no other way; a test guards the private names."""

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """aiohttp's runner for an application, with our server."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = ConnectionServer
        return server
