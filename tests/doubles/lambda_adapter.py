#!/usr/bin/env python3
"""A double of the Lambda Web Adapter: between Lambda's Runtime API and a web application on the same machine.

The real adapter is a binary that cannot be had where the tests run. This one file, with the standard library alone,
takes its place: beside the application as a process, and in an image as `/opt/extensions/lambda-adapter`. It does what
the adapter 1.1.0 and the runtime library below it are known to do, the unpleasant parts included:

- it registers as an extension, polls the application until it is ready, and only then asks for the first invocation;
- `x-amzn-request-context` and `x-amzn-lambda-context` are its own, whatever the client sent under these names;
- an event that is no HTTP request becomes `POST /events`;
- an idle connection to the application is kept for 4 s, and a dead one is replaced once, silently;
- when the application breaks off a streamed answer, the text of the error stands in the body, which then ends in order.

Source of the behaviour: the adapter's README and source as of 1.0.0, its documentation for 1.1.0, and
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

READINESS_SECONDS = 0.01
READINESS_TIMEOUT_SECONDS = 60.0
IDLE_SECONDS = 4.0
PIECE_BYTES = 64 * 1024
PRELUDE_END = b"\0" * 8
STREAMED = "application/vnd.awslambda.http-integration-response"
# What goes on as text in a buffered answer; everything else is base64.
TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml", "image/svg+xml")
DROPPED_FROM_REQUESTS = frozenset({"connection", "content-length", "transfer-encoding", "expect"})
# The adapter's own file name, under which Lambda starts it; the double has it in an image, and the name in any case.
EXTENSION_NAME = "lambda-adapter"

Headers = list[tuple[str, str]]


class BrokenOff(Exception):
    """The other side ended the connection where it must not."""


@dataclass
class Invocation:
    """One event, with what Lambda says about it."""

    event: Any
    raw_event: bytes
    headers: dict[str, str]

    @property
    def request_id(self) -> str:
        return self.headers["lambda-runtime-aws-request-id"]

    def context(self) -> dict[str, Any]:
        """The names of the fields are those of the runtime library's `Context`."""
        return {
            "request_id": self.request_id,
            "deadline": int(self.headers["lambda-runtime-deadline-ms"]),
            "invoked_function_arn": self.headers.get("lambda-runtime-invoked-function-arn", ""),
            "xray_trace_id": self.headers.get("lambda-runtime-trace-id"),
            "client_context": None,
            "identity": None,
            "env_config": {
                "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
                "memory": int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")),
                "version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
                "log_stream": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
                "log_group": os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
            },
        }


# --- HTTP/1.1, as much as is needed


@dataclass
class Request:
    method: str
    target: str
    headers: Headers
    body: bytes = b""

    def encode(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        if self.body or self.method not in ("GET", "HEAD"):
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join((*lines, "", "")).encode("latin-1") + self.body


@dataclass
class Response:
    """An answer whose body is still to be read from its connection."""

    status: int
    headers: Headers
    reader: asyncio.StreamReader
    has_body: bool
    whole: bool = False

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each == name), "")

    @property
    def keeps_connection(self) -> bool:
        framed = self.header("content-length") or self.header("transfer-encoding") or not self.has_body
        return self.whole and bool(framed) and self.header("connection").lower() != "close"

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises BrokenOff when it ends too early."""
        try:
            async for piece in self._framed():
                yield piece
            self.whole = True
        except (ConnectionError, asyncio.IncompleteReadError, ValueError) as error:
            raise BrokenOff(str(error) or type(error).__name__) from error

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    def _framed(self) -> AsyncIterator[bytes]:
        return self._chunks() if self.header("transfer-encoding").lower() == "chunked" else self._counted()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while left := int((await self.reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            while left:
                piece = await self.reader.read(min(left, PIECE_BYTES))
                if not piece:
                    raise BrokenOff("the body ended inside a chunk")
                left -= len(piece)
                yield piece
            await self.reader.readexactly(2)
        await self.reader.readuntil(b"\r\n")

    async def _counted(self) -> AsyncIterator[bytes]:
        length = self.header("content-length")
        left = int(length) if length else sys.maxsize
        if not self.has_body:
            left = 0
        while left:
            piece = await self.reader.read(min(left, PIECE_BYTES))
            if not piece and length:
                raise BrokenOff("the body is shorter than its content-length")
            if not piece:
                return
            left -= len(piece)
            yield piece


class Connection:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self.idle_since = 0.0

    @classmethod
    async def to(cls, address: tuple[str, int]) -> "Connection":
        return cls(*await asyncio.open_connection(*address, limit=2**20))

    async def send(self, request: Request) -> Response:
        self.writer.write(request.encode())
        await self.writer.drain()
        return await self.response(request.method)

    async def response(self, method: str = "POST") -> Response:
        """Interim answers are passed over. Raises BrokenOff when there is none."""
        while True:
            try:
                lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                raise BrokenOff("the connection was closed without an answer") from error
            status = int(lines[0].split(" ", 2)[1])
            if status >= 200:
                break
        headers = [
            (name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])
        ]
        return Response(status, headers, self._reader, has_body=method != "HEAD" and status not in (204, 304))

    def close(self) -> None:
        self.writer.close()


# --- the application's side


class Application:
    """The web application. Keeps one idle connection, as there is one invocation at a time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._idle: Connection | None = None

    def close(self) -> None:
        if self._idle is not None:
            self._idle.close()

    async def wait_until_ready(self, path: str) -> None:
        async with asyncio.timeout(READINESS_TIMEOUT_SECONDS):
            while not await self._is_ready(path):  # noqa: ASYNC110  # nobody else could set an event
                await asyncio.sleep(READINESS_SECONDS)

    async def _is_ready(self, path: str) -> bool:
        try:
            connection = await Connection.to(self._address)
        except OSError:
            return False
        try:
            response = await connection.send(Request("GET", path, [("host", self.host)]))
        except BrokenOff:
            return False
        else:
            return 100 <= response.status < 500
        finally:
            connection.close()

    @property
    def host(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    @contextlib.asynccontextmanager
    async def ask(self, request: Request) -> AsyncIterator[Response]:
        """Raises BrokenOff or OSError when there is no answer."""
        connection, response = await self._send(request)
        try:
            yield response
        except BaseException:
            connection.close()
            raise
        if response.keeps_connection:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle = connection
        else:
            connection.close()

    async def _send(self, request: Request) -> tuple[Connection, Response]:
        idle, self._idle = self._idle, None
        if idle is not None and asyncio.get_running_loop().time() - idle.idle_since < IDLE_SECONDS:
            try:
                return idle, await idle.send(request)
            except (BrokenOff, OSError):
                idle.close()
        elif idle is not None:
            idle.close()
        connection = await Connection.to(self._address)
        try:
            return connection, await connection.send(request)
        except BaseException:
            connection.close()
            raise


def to_request(invocation: Invocation, host: str, pass_through_path: str) -> Request:
    """The HTTP request of an event in the Function URL's form, payload 2.0; any other event is posted as it is."""
    event = invocation.event
    context = event.get("requestContext") if isinstance(event, dict) else None
    own: Headers = [
        ("x-amzn-request-context", json.dumps(context)),
        ("x-amzn-lambda-context", json.dumps(invocation.context())),
    ]
    http = context.get("http") if isinstance(context, dict) else None
    if not http:
        headers: Headers = [("host", host), ("content-type", "application/json"), *own]
        return Request("POST", pass_through_path, headers, invocation.raw_event)
    query = event.get("rawQueryString") or ""
    body = event.get("body") or ""
    raw_body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    own.append(("x-amzn-trace-id", invocation.headers.get("lambda-runtime-trace-id", "")))
    taken = DROPPED_FROM_REQUESTS | {name for name, _ in own}
    sent = [(name, value) for name, value in (event.get("headers") or {}).items() if name.lower() not in taken]
    # The client's `host` stays: the application sees the URL's domain, not its own address.
    headers = [*own, *sent] if any(name.lower() == "host" for name, _ in sent) else [("host", host), *own, *sent]
    if event.get("cookies"):
        headers.append(("cookie", "; ".join(event["cookies"])))
    return Request(http["method"], event["rawPath"] + (f"?{query}" if query else ""), headers, raw_body)


def head_of(response: Response) -> dict[str, Any]:
    """Status, headers and cookies of an answer as Lambda wants them."""
    kept = [(name, value) for name, value in response.headers if name not in ("set-cookie", "transfer-encoding")]
    return {
        "statusCode": response.status,
        "headers": dict(kept),
        "cookies": [value for name, value in response.headers if name == "set-cookie"],
    }


# --- Lambda's side


class RuntimeApi:
    """The Runtime and the Extensions API."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._host = ("host", f"{address[0]}:{address[1]}")

    async def register(self) -> str:
        """The identifier of the extension."""
        headers = [self._host, ("lambda-extension-name", EXTENSION_NAME), ("content-type", "application/json")]
        response, _ = await self._call(Request("POST", "/2020-01-01/extension/register", headers, b'{"events":[]}'))
        return response.header("lambda-extension-identifier")

    async def wait_for_events(self, identifier: str) -> None:
        """Says that the extension is ready. There are no events for it, so this lasts as long as the environment."""
        headers = [self._host, ("lambda-extension-identifier", identifier)]
        with contextlib.suppress(BrokenOff, OSError):
            await self._call(Request("GET", "/2020-01-01/extension/event/next", headers))

    async def next_invocation(self) -> Invocation:
        response, body = await self._call(Request("GET", "/2018-06-01/runtime/invocation/next", [self._host]))
        return Invocation(json.loads(body), body, dict(response.headers))

    async def answer(self, request_id: str, answer: Mapping[str, Any]) -> None:
        headers = [self._host, ("content-type", "application/json")]
        await self._call(Request("POST", self._path(request_id, "response"), headers, json.dumps(answer).encode()))

    async def fail(self, request_id: str, error_type: str, message: str) -> None:
        error = {"errorType": error_type, "errorMessage": message}
        headers = [self._host, ("lambda-runtime-function-error-type", error_type)]
        await self._call(Request("POST", self._path(request_id, "error"), headers, json.dumps(error).encode()))

    async def stream(self, request_id: str, head: Mapping[str, Any], pieces: AsyncIterator[bytes]) -> None:
        """Raises nothing for an application that breaks off: its error stands in the body."""
        connection = await Connection.to(self._address)
        try:
            await self._begin_stream(connection, request_id)
            await _write_chunk(connection, json.dumps(head).encode())
            await _write_chunk(connection, PRELUDE_END)
            try:
                async for piece in pieces:
                    await _write_chunk(connection, piece)
            except BrokenOff as error:
                await _write_chunk(connection, _error_text(error))
            connection.writer.write(b"0\r\n\r\n")
            await connection.writer.drain()
            await (await connection.response()).read()
        finally:
            connection.close()

    async def _begin_stream(self, connection: Connection, request_id: str) -> None:
        lines = [
            f"POST {self._path(request_id, 'response')} HTTP/1.1",
            "{}: {}".format(*self._host),
            "lambda-runtime-function-response-mode: streaming",
            f"content-type: {STREAMED}",
            "trailer: Lambda-Runtime-Function-Error-Type",
            "trailer: Lambda-Runtime-Function-Error-Body",
            "transfer-encoding: chunked",
        ]
        connection.writer.write("\r\n".join((*lines, "", "")).encode())
        await connection.writer.drain()

    def _path(self, request_id: str, what: str) -> str:
        return f"/2018-06-01/runtime/invocation/{request_id}/{what}"

    async def _call(self, request: Request) -> tuple[Response, bytes]:
        connection = await Connection.to(self._address)
        try:
            response = await connection.send(request)
            return response, await response.read()
        finally:
            connection.close()


async def _write_chunk(connection: Connection, piece: bytes) -> None:
    connection.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    await connection.writer.drain()


def _error_text(error: Exception) -> bytes:
    """The runtime library writes its trailers as text, because they can no longer be declared."""
    report = base64.b64encode(json.dumps({"errorType": "StreamError", "errorMessage": str(error)}).encode()).decode()
    return (
        f"Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\nLambda-Runtime-Function-Error-Body: {report}\r\n"
    ).encode()


# --- one after the other


async def serve(api: RuntimeApi, application: Application, variables: Mapping[str, str]) -> None:
    streamed = variables.get("AWS_LWA_INVOKE_MODE", "buffered").lower() == "response_stream"
    pass_through_path = variables.get("AWS_LWA_PASS_THROUGH_PATH", "/events")
    while True:
        invocation = await api.next_invocation()
        request = to_request(invocation, application.host, pass_through_path)
        try:
            async with application.ask(request) as response:
                if streamed:
                    await api.stream(invocation.request_id, head_of(response), response.pieces())
                else:
                    await api.answer(invocation.request_id, await buffered(response))
        except (BrokenOff, OSError) as error:
            await api.fail(invocation.request_id, "Runtime.AdapterError", str(error))


async def buffered(response: Response) -> dict[str, Any]:
    body = await response.read()
    is_text = response.header("content-type").startswith(TEXT_TYPES) and not response.header("content-encoding")
    text = body.decode() if is_text else base64.b64encode(body).decode()
    return {**head_of(response), "body": text, "isBase64Encoded": not is_text}


async def run(variables: Mapping[str, str]) -> None:
    host, _, port = variables["AWS_LAMBDA_RUNTIME_API"].partition(":")
    api = RuntimeApi((host, int(port or 80)))
    application = Application(
        (
            # `HOST` too, although that is where the application listens: 0.0.0.0 leads to this machine.
            variables.get("AWS_LWA_HOST") or variables.get("HOST") or "127.0.0.1",
            int(variables.get("AWS_LWA_PORT") or variables.get("PORT") or 8080),
        )
    )
    identifier = await api.register()
    await application.wait_until_ready(variables.get("AWS_LWA_READINESS_CHECK_PATH", "/"))
    extension = asyncio.create_task(api.wait_for_events(identifier))
    try:
        await serve(api, application, variables)
    finally:
        extension.cancel()
        application.close()


def main() -> int:
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
        print("lambda-adapter (double): no AWS_LAMBDA_RUNTIME_API: this is not Lambda, nothing to do.")
        return 0
    # Lambda has gone: so has the work. A reset while it goes is no news.
    with contextlib.suppress(BrokenOff, OSError, KeyboardInterrupt):
        asyncio.run(run(os.environ))
    return 0


if __name__ == "__main__":
    sys.exit(main())
