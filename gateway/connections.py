"""What happens below the application: connections that are too many, or stalled, and bytes that are not a request.

aiohttp itself logs such bytes with a traceback and echoes them to the sender; a key in a broken header would stand in
the log. Here the answer is Anthropic's JSON in fixed words, and the log says only what kind of fault it was.

A client that takes nothing is left to the kernel to find (TCP_USER_TIMEOUT): it knows, for every connection and at no
cost, how long bytes have waited. Where the system has no such thing (macOS) the limit of the whole answer counts.
"""

import asyncio
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from secrets import token_hex
from typing import Any, Final, cast

import msgspec
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import RawRequestMessage

from gateway.protocol.errors import ApiError, GatewayError, InvalidRequest, Overloaded, encode_error

REQUEST_ID_BYTES: Final = 12
# In milliseconds. Linux has it.
USER_TIMEOUT: Final[int | None] = getattr(socket, "TCP_USER_TIMEOUT", None)
# Of all headers of one request together. Claude Code's take 2 KiB, Lambda's and CloudFront's some more.
MAX_HEAD_BYTES: Final = 32 * 1024
# What is read at once. A piece is parsed whole, so a head may be longer than its limit by that much. Large ones are for
# the bodies of those who have shown a key.
PIECE_BYTES: Final = 8 * 1024
LARGE_PIECE_BYTES: Final = 256 * 1024
LONG_HEAD: Final = f"The headers of the request are longer than {MAX_HEAD_BYTES} bytes, the most this gateway takes."
BROKEN_BODY: Final = "The request body is not well-formed HTTP: a chunk of it is broken."
# aiohttp's own header has the versions of aiohttp and Python.
SERVER_NAME: Final = "chatrix"
SECONDS_BETWEEN_LOOKS: Final = 0.02
TOO_MANY: Final = "The gateway has as many open connections as it may. Try again in a moment."


def new_request_id() -> str:
    return f"req_{token_hex(REQUEST_ID_BYTES)}"


class Connection(web.RequestHandler):
    """aiohttp's connection to one client, with our words."""

    took_nothing = False
    """It ended because the client took none of the bytes for it, for too long."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._read_at_once(PIECE_BYTES)
        server = self._manager
        assert isinstance(server, ConnectionServer) and isinstance(transport, asyncio.Transport)  # noqa: PT018, S101
        if len(server.connections) > server.limits.connections:
            self._turn_away(transport, Overloaded(TOO_MANY, headers={"retry-after": "1"}))
        elif USER_TIMEOUT is not None and (opened := transport.get_extra_info("socket")) is not None:
            opened.setsockopt(socket.IPPROTO_TCP, USER_TIMEOUT, server.limits.send_timeout_ms)

    @property
    def is_busy(self) -> bool:
        """It has a request, or bytes of an answer that the system has not taken: they would go with the process."""
        if self.transport is None:
            return False
        waits = self._waiter is not None and not self._waiter.done()
        return not waits or self.transport.get_write_buffer_size() > 0

    @contextmanager
    def reading_much(self) -> Iterator[None]:
        """For a body."""
        self._read_at_once(LARGE_PIECE_BYTES)
        try:
            yield
        finally:
            self._read_at_once(PIECE_BYTES)

    def _read_at_once(self, size_bytes: int) -> None:
        transport: Any = self.transport
        # asyncio's own transports have it; others read as they like.
        if hasattr(transport, "max_size"):
            transport.max_size = size_bytes

    _head_bytes = 0
    """So far, of a request whose head has not come to its end."""
    _body: StreamReader | None = None
    """Of the last request that has come."""

    def data_received(self, data: bytes) -> None:
        requests = self._request_count
        was_in_body = self._body is not None and not self._body.is_eof()
        super().data_received(data)
        if self._request_count != requests:
            self._head_bytes = 0
            self._note_request()
        elif not was_in_body:
            # aiohttp limits each header and how many there are: together megabytes, which it keeps twice, before a key
            # has been seen.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()

    def _note_request(self) -> None:
        message, body = self._messages[-1]
        if isinstance(message, RawRequestMessage) or self._body is None or self._body.is_eof():
            self._body = body
        else:
            # aiohttp has queued an error behind a request whose body it is in, and whose reader would wait for more.
            self._messages.pop()
            self._body.set_exception(InvalidRequest(BROKEN_BODY, headers={"connection": "close"}))
            self._body.feed_eof()
            self.close()

    def _refuse_head(self) -> None:
        if self._waiter is None or self._waiter.done():
            # Behind a request that is being answered. Nobody but that one is answered, and nothing more is read.
            self.close()
        elif self.transport is not None:
            self._turn_away(
                self.transport, InvalidRequest(LONG_HEAD, status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            )

    def connection_lost(self, exc: BaseException | None) -> None:
        self.took_nothing = isinstance(exc, TimeoutError)
        super().connection_lost(exc)

    def _turn_away(self, transport: asyncio.Transport, error: GatewayError) -> None:
        """Before there is a request. No line in the log for each: who does this does it a thousand times."""
        request_id = new_request_id()
        body = encode_error(error, request_id)
        headers = {
            "content-type": "application/json",
            "connection": "close",
            "request-id": request_id,
            "content-length": str(len(body)),
            **error.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        transport.write(f"HTTP/1.1 {error.status} Refused\r\n{lines}\r\n".encode() + body)
        self.force_close()

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
            headers={"request-id": request_id, "server": SERVER_NAME},
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


class ConnectionLimits(msgspec.Struct, frozen=True):
    """`connections`: at once. `send_timeout_ms`: how long one may take nothing of what is sent to it."""

    connections: int
    send_timeout_ms: int


class ConnectionServer(web.Server):
    """aiohttp's server, making our connections. It offers no other way; a test guards the private names."""

    limits: ConnectionLimits

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """aiohttp's runner for an application, with our server."""

    def __init__(self, app: web.Application, limits: ConnectionLimits, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self._limits = limits

    async def wait_idle(self) -> None:
        """Until no connection has anything to do. Asked for at the end only, hence by looking."""
        while self.server is not None and any(  # noqa: ASYNC110  # the system sets no event
            cast(Connection, each).is_busy for each in self.server.connections
        ):
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = ConnectionServer
        cast(ConnectionServer, server).limits = self._limits
        return server
