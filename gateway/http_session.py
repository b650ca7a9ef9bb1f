"""aiobotocore's HTTP session, for the AWS that one cannot trust to be there any more: three things it does not do.

An AWS endpoint never redirects, and following one would post the prompt, or the signature, to another host.

A process that was frozen holds connections that the other side has long given up. Those that were closed show it.
Those that a firewall forgot do not; they are only known by their age, and aiohttp tells that by a clock that may have
stood still. So all idle ones go when the clocks say that time was lost.

Where the chunks of a body break off into something else (a proxy that lost its own upstream writes its 502 there),
aiohttp 3.14 closes the connection, stops its read timer and tells nobody: whoever reads the body would wait for ever.
So each body ends with its connection.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import (
    BaseConnector,
    ClientError,
    ClientHandlerType,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    StreamReader,
)
from aiohttp.connector import Connection
from botocore.exceptions import HTTPClientError
from yarl import URL

from gateway.clocks import Clocks, FreezeDetector
from gateway.http_exchange import Exchange

# Those that aiohttp follows.
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class RedirectRefused(Exception):
    """The endpoint answered with a redirect. botocore wraps it in an HTTPClientError."""


class AwsSession(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore has no type information
    """Refuses redirects; drops its idle connections after a freeze; connects in a limited time.

    `_get_session`, `_timeout`, `_build_ssl_contexts`, `_proxy_config` and aiohttp's `_middlewares` are private; a test
    guards each.
    """

    _timeout: ClientTimeout

    def __init__(
        self,
        *args: Any,
        clocks: Clocks | None = None,
        watch: "ConnectionWatch | None" = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._watch = watch
        # aiobotocore's limit is for each address, and not for the look-up of the name: eight that are silent would take
        # eight times as long. The pool, which counts here too, is never short.
        limits = self._timeout
        self._timeout = ClientTimeout(
            connect=limits.sock_connect, sock_connect=limits.sock_connect, sock_read=limits.sock_read
        )
        self._exchange: Exchange | None = None
        self._freezes = FreezeDetector(clocks or Clocks())

    async def _get_session(self, proxy_url: str | None) -> ClientSession:
        session: ClientSession = await super()._get_session(proxy_url)
        if not session._middlewares:  # noqa: SLF001
            session._middlewares = (watch_answer,)  # noqa: SLF001
            if self._watch is not None and session.connector is not None:
                _tell_of_connections(session.connector, self._watch)
        if self._freezes.thawed() and session.connector is not None:
            drop_idle_connections(session.connector)
        return session

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes) -> ClientResponse:
        """What `send` does, without a proxy and without what botocore wants to know besides. Always to one endpoint.

        Raises aiohttp's errors as they are, which `send` wraps, and everything else as `HTTPClientError`.
        """
        session = await self._get_session(None)
        if self._exchange is None:
            self._exchange = Exchange(session, url.origin(), self._timeout)
        try:
            return judged(await self._exchange.post(url, headers, body))
        except (ClientError, OSError):
            raise
        except Exception as error:
            raise HTTPClientError(error=error) from error

    def goes_through_a_proxy(self, url: str) -> bool:
        return self._proxy_config.proxy_url_for(url) is not None

    def _build_ssl_contexts(self, proxy_url: str | None) -> tuple[ssl.SSLContext, ssl.SSLContext | None]:
        """One for all clients: to read the certificates takes as long as a hundred requests."""
        if proxy_url or self._cert_file:
            contexts: tuple[ssl.SSLContext, ssl.SSLContext | None] = super()._build_ssl_contexts(proxy_url)
            return contexts
        # A path, or whether to verify at all.
        trusted: str | bool = self._verify
        if trusted not in _contexts:
            _contexts[trusted] = self._build_verify_context()
        return _contexts[trusted], None


_contexts: Final[dict[str | bool, ssl.SSLContext]] = {}


class ConnectionWatch(Protocol):
    def before_connecting(self) -> None:
        """A request is about to get its connection. May raise."""

    def connected(self, connection: Connection) -> None:
        """It has got this one, and has not been sent yet."""


def aws_session(clocks: Clocks | None, watch: ConnectionWatch) -> Callable[..., AwsSession]:
    """What botocore's configuration takes as `http_session_cls`."""
    return partial(AwsSession, clocks=clocks, watch=watch)


def _tell_of_connections(connector: BaseConnector, watch: ConnectionWatch) -> None:
    """aiohttp offers no such place, and aiobotocore makes the connector: a test sees that this still is one."""
    connect = connector.connect

    async def connect_and_tell(*args: Any, **kwargs: Any) -> Connection:
        watch.before_connecting()
        connection = await connect(*args, **kwargs)
        watch.connected(connection)
        return connection

    connector.connect = connect_and_tell  # type: ignore[method-assign]


def drop_idle_connections(connector: BaseConnector) -> None:
    """aiohttp has no name for it: `_conns` is private, and a test guards it. It takes out closed ones by itself."""
    for idle in connector._conns.values():  # noqa: SLF001
        for connection, _ in idle:
            connection.close()


async def watch_answer(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """aiohttp's middleware of a client. Its traces would tell too, at a tenth of what a whole request costs."""
    return judged(await send(request))


def judged(answer: ClientResponse) -> ClientResponse:
    """Raises `RedirectRefused`. What is left ends with its connection."""
    if answer.status in REDIRECTS:
        answer.close()
        raise RedirectRefused
    _end_body_with_connection(answer)
    return answer


def _end_body_with_connection(answer: ClientResponse) -> None:
    """The head of an answer is there. No connection: so is all of its body."""
    connection = answer.connection
    closed = None if connection is None or connection.protocol is None else connection.protocol.closed
    if closed is not None:
        # Once a connection, however many bodies it carries: it may be reset when it carries none.
        closed.remove_done_callback(_look_at)
        closed.add_done_callback(_look_at)
        body = answer.content
        wake = partial(_wake_reader, body=body)
        closed.add_done_callback(wake)
        # A connection lives for many bodies, and must not keep those that have ended.
        body.on_eof(partial(_forget, closed, wake))


def _forget(closed: asyncio.Future[None], wake: Callable[[asyncio.Future[None]], None]) -> None:
    closed.remove_done_callback(wake)


def _look_at(closed: asyncio.Future[None]) -> None:
    """Or asyncio would log, in lines that are no JSON, that nobody looked at why the connection was lost."""
    if not closed.cancelled():
        closed.exception()


def _wake_reader(_: asyncio.Future[None], body: StreamReader) -> None:
    """Runs after aiohttp has said what it has to say: what has an end or an error by then keeps it."""
    if not body.is_eof() and body.exception() is None:
        body.set_exception(ClientPayloadError("The connection was closed inside the body."))
