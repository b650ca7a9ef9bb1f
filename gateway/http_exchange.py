"""One POST over a connection of aiohttp's pool, on the shortest way.

`ClientSession.post` knows redirects, cookies, proxies, compression, traces and bodies of all kinds, and has a task that
writes. AWS needs none of it, and it takes a tenth of what a short request costs here. So this does what is left: take
a connection, write head and body at once, wait for the head of the answer. The pool, TLS, the parser, the answer and
the errors are aiohttp's, as `ClientSession` itself puts them together.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import (
    ClientConnectionResetError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
)
from aiohttp.connector import Connection
from aiohttp.helpers import TimerNoop
from aiohttp.http import StreamWriter
from yarl import URL

NO_TIMER: Final = TimerNoop()
UNCONNECTED: Final = "The connection was lost before the request was written."
# Of a 1xx answer, a redirect or an error; a stream is not read by aiohttp.
READ_BYTES: Final = 2**16


class Exchange:
    """With one endpoint, of which `origin` says how it is reached."""

    def __init__(self, session: ClientSession, origin: URL, timeout: ClientTimeout) -> None:
        self._session = session
        self._timeout = timeout
        # Never sent: the pool asks it where to connect, and how. It names no model and holds no header.
        self._request = ClientRequest("POST", origin, session=session, loop=asyncio.get_running_loop())
        self._request_info = self._request.request_info

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes) -> ClientResponse:
        """The answer, its head read. Raises aiohttp's errors, and ValueError for a header that is none.

        No timer looks after it: its caller has one, for the head as for the body.
        """
        head = encode_head(url.raw_path, headers)
        connector = self._session.connector
        if connector is None:
            raise ClientConnectionResetError(UNCONNECTED)
        try:
            connection = await connector.connect(self._request, traces=[], timeout=self._timeout)
        except TimeoutError as error:
            raise ConnectionTimeoutError(UNCONNECTED) from error
        try:
            return await self._answer(url, connection, (head, body))
        except BaseException:
            connection.close()
            raise

    async def _answer(self, url: URL, connection: Connection, written: tuple[bytes, bytes]) -> ClientResponse:
        protocol, transport, loop = connection.protocol, connection.transport, self._request.loop
        if protocol is None or transport is None or transport.is_closing():
            raise ClientConnectionResetError(UNCONNECTED)
        protocol.set_response_params(
            timer=NO_TIMER,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=READ_BYTES,
        )
        transport.writelines(written)
        answer = ClientResponse(
            "POST",
            url,
            writer=None,
            continue100=None,
            timer=NO_TIMER,
            request_info=self._request_info,
            traces=[],
            loop=loop,
            session=self._session,
            stream_writer=StreamWriter(protocol, loop),
        )
        try:
            await answer.start(connection)
        except BaseException:
            answer.close()
            raise
        if transport.get_write_buffer_size():
            # Answered before all of the request was taken: who does that may never take the rest, or what follows it.
            answer.content.on_eof(transport.abort)
        return answer


def encode_head(path: str, headers: Mapping[str, str]) -> bytes:
    """Raises ValueError for a line break, behind which anything could follow."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    head = f"POST {path} HTTP/1.1\r\n{''.join(lines)}\r\n"
    if not head.count("\n") == head.count("\r") == len(lines) + 2:
        raise ValueError("A header holds a line break.")
    return head.encode()
