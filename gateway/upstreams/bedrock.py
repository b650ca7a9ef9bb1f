"""Bedrock Runtime through aiobotocore's client, with our own bytes in both directions.

aiobotocore does credentials, endpoint rules, SigV4 and the connection pool. The request body is ours, put in before it
is signed (`before-call`): images stay the base64 the caller sent, and nothing is validated or serialised twice. The
response is taken as it comes (`before-parse`) and read by our own frame decoder, which shows members that botocore's
model does not know, and checks every byte.

A pooled connection may have died unseen: Lambda freezes the process, and the network forgets. Bedrock then closes or
resets it before a byte of an answer, and the request is sent once more, within a budget (`retry_budget.py`).

A model that refuses a beta refuses the whole request. Then it is sent once more without betas, before anybody has seen
a byte of the answer, and the next requests for that model go without them at once (`refused_betas.py`).

Whoever leaves `converse_stream`, however, closes the connection: a task that is merely cancelled would leave Bedrock
generating, and billing.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, Final

import aiohttp
import orjson
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    CredentialRetrievalError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import (
    ConnectionError as BotocoreConnectionError,
)

from gateway.protocol.bedrock_errors import from_bedrock, own_credentials
from gateway.protocol.errors import (
    ApiError,
    GatewayError,
    InvalidBeta,
    Overloaded,
    UpstreamProtocolError,
    UpstreamTimeout,
)
from gateway.protocol.eventstream import Frame, FrameDecoder, FrameError
from gateway.protocol.request_body import RequestBody
from gateway.redirects import NoRedirects, RedirectRefused
from gateway.secret_store import Clocks
from gateway.settings import Settings
from gateway.upstreams.refused_betas import RefusedBetas
from gateway.upstreams.retry_budget import RetryBudget

EVENT_STREAM: Final = "application/vnd.amazon.eventstream"
# After the last event only the end of the HTTP body is missing; reading it gives the connection back to the pool.
DRAIN_SECONDS: Final = 0.25
# aiohttp writes longer bytes in one go, which holds up the other streams; a file object it writes piece by piece.
LONG_BODY_BYTES: Final = 2**20
CREDENTIALS_MISSING: Final = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    NoAuthTokenError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
    SSOError,
)
CLOSED: Final = "The connection to Bedrock was closed before its answer had come. Try again."
# Ours, travelling through botocore: taken out of the parameters before they are serialised.
BODY_PARAMETER: Final = "chatrixBody"


class BedrockStream:
    """The frames of one response. `request_id` is Bedrock's own.

    `dropped` and `approximated` are what the caller must be told besides: the request went without its betas, in a
    second call.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        dropped: tuple[str, ...] = (),
        approximated: tuple[str, ...] = (),
    ) -> None:
        self.request_id = response.headers.get("x-amzn-requestid", "")
        self.dropped = dropped
        self.approximated = approximated
        self._response = response

    async def frames(self) -> AsyncGenerator[list[Frame], None]:
        """One read, one list. Raises `UpstreamProtocolError` for damage or a cut, `UpstreamTimeout` for silence."""
        decoder = FrameDecoder()
        try:
            async for chunk in self._response.content.iter_any():
                if frames := decoder.feed(chunk):
                    yield frames
                    decoder.check()
            decoder.finish()
        except FrameError as error:
            raise UpstreamProtocolError(f"Bedrock's stream is damaged: {error}.") from error
        except TimeoutError as error:
            raise UpstreamTimeout("Bedrock was silent for too long in the middle of its answer.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamProtocolError("The connection to Bedrock broke in the middle of its answer.") from error

    def close(self) -> None:
        """Closes the connection, unless the body has ended: then it is back in the pool already."""
        self._response.close()

    async def drain(self) -> None:
        """Waits a moment for the end of the body, which gives the connection back to the pool."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while await self._response.content.readany():
                    pass
        except (TimeoutError, aiohttp.ClientError, OSError):
            # The answer is whole; what is lost is one pooled connection.
            return


class Bedrock:
    """A `bedrock-runtime` client. Made by `open_bedrock`."""

    def __init__(self, client: Any, clocks: Clocks | None = None) -> None:
        self._client = client
        self._refused_betas = RefusedBetas(clocks)
        self._retry_budget = RetryBudget()
        events = client.meta.events
        events.register("provide-client-params.bedrock-runtime.ConverseStream", take_body)
        events.register("before-call.bedrock-runtime.ConverseStream", put_body)
        events.register("before-parse.bedrock-runtime.ConverseStream", _keep_raw_response)

    @property
    def client(self) -> Any:
        """For the other operations of the same service."""
        return self._client

    def choose_form(self, model_id: str, body: RequestBody) -> RequestBody:
        """The form without betas, if the model has lately refused them. Its caller has to be told before the answer."""
        if body.other_end is None or not self._refused_betas.refuses(model_id, body.betas):
            return body
        return body.without_betas()

    @asynccontextmanager
    async def converse_stream(
        self, model_id: str, body: RequestBody, *, max_tokens: int | None = None
    ) -> AsyncIterator[BedrockStream]:
        """Entering means Bedrock has accepted the request.

        Raises `GatewayError` for a refusal and for every way in which Bedrock cannot be reached.
        """
        stream = await self._open(model_id, body, max_tokens)
        del body
        try:
            yield stream
            await stream.drain()
        finally:
            stream.close()

    async def _open(self, model_id: str, body: RequestBody, max_tokens: int | None) -> BedrockStream:
        """Three calls at most: one more for a dead connection, one more without betas."""
        try:
            return BedrockStream(await self._send_again(model_id, body.whole))
        except BedrockRefusal as refusal:
            error = refusal.translated(max_tokens)
            if body.other_end is None or not isinstance(error, InvalidBeta):
                raise _naming(body.betas, error) from refusal
        self._refused_betas.add(model_id, body.betas)
        other = body.without_betas()
        try:
            return BedrockStream(await self._send(model_id, other.whole), other.dropped, other.approximated)
        except BedrockRefusal as refusal:
            raise refusal.translated(max_tokens) from refusal

    async def _send_again(self, model_id: str, body: bytes) -> aiohttp.ClientResponse:
        """`_send`, and once more if the connection was cut before the answer."""
        try:
            response = await self._send(model_id, body)
        except ConnectionCut:
            if not self._retry_budget.take():
                raise
            response = await self._send(model_id, body)
        self._retry_budget.succeeded()
        return response

    async def _send(self, model_id: str, body: bytes) -> aiohttp.ClientResponse:
        """Raises `BedrockRefusal` as it came, everything else as a `GatewayError`."""
        try:
            result = await self._client.converse_stream(modelId=model_id, **{BODY_PARAMETER: body})
        except NotAStream as error:
            raise ApiError("Bedrock's endpoint answered with something that is not an event stream.") from error
        except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise unreachable(error) from error
        response: aiohttp.ClientResponse = result["raw"]
        return response


def _naming(betas: tuple[str, ...], error: GatewayError) -> GatewayError:
    """Bedrock does not say which beta it refuses, and the caller may have sent none: some come with a field."""
    if isinstance(error, InvalidBeta) and betas:
        error.message += f" (Sent with this request, for what it asks: {', '.join(betas)}.)"
    return error


class BedrockRefusal(Exception):
    """An HTTP answer that is not a stream. Raised in botocore's hook, before its parser, which fails on odd bodies."""

    def __init__(self, status: int, headers: Mapping[str, str], raw_body: bytes) -> None:
        super().__init__(status)
        # For the log: the name and the status, nothing of the message.
        self.summary = f"{headers.get('x-amzn-errortype', '').partition(':')[0][:80] or 'no name'}, HTTP {status}"
        self._status = status
        self._headers = headers
        self._raw_body = raw_body

    def translated(self, max_tokens: int | None) -> GatewayError:
        # "ThrottlingException:http://internal.amazon.com/...": the name ends at the colon.
        name = self._headers.get("x-amzn-errortype", "").partition(":")[0]
        try:
            body = orjson.loads(self._raw_body)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            # A proxy's page, or nothing. Its text is not ours to pass on.
            return from_bedrock(
                name,
                {"message": f"Bedrock answered with HTTP {self._status} and no readable error."},
                status=self._status,
            )
        name = name or str(body.get("__type", "")).rpartition("#")[2]
        return from_bedrock(
            name, body, status=self._status, max_tokens=max_tokens, retry_after=self._headers.get("retry-after")
        )


class NotAStream(Exception):
    """A 200 of another content type: something stands between us and Bedrock."""


class ConnectionCut(Overloaded):
    """A connection that was there was closed or reset, and nothing of an answer had come."""


def unreachable(error: Exception) -> GatewayError:
    """Bedrock did not answer. The texts name no host, and nothing of botocore's."""
    if isinstance(error, CREDENTIALS_MISSING):
        return own_credentials(type(error).__name__)
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return UpstreamTimeout("Bedrock did not begin to answer in time.")
    if isinstance(error, HTTPClientError) and isinstance(error.kwargs.get("error"), RedirectRefused):
        return ApiError("Bedrock's endpoint answered with a redirect, which is refused. Check the endpoint's address.")
    if was_cut(error):
        return ConnectionCut(CLOSED)
    if isinstance(error, ConnectionClosedError | aiohttp.ClientError):
        return Overloaded(CLOSED)
    if isinstance(error, BotocoreConnectionError | HTTPClientError | OSError):
        return Overloaded("Bedrock cannot be reached from the gateway. Try again.")
    if isinstance(error, ParamValidationError):
        return ApiError("The gateway built a request that it cannot send. This is a bug in the gateway.")
    return ApiError(f"The gateway's AWS client is not set up right ({type(error).__name__}).")


def was_cut(error: Exception) -> bool:
    """aiobotocore has two names for it, and both for other things too: only aiohttp's own error tells.

    Not cut are a connection that could not be made, be it in time, and an answer that broke off after it had begun.
    """
    cause = error.kwargs.get("error") if isinstance(error, BotoCoreError) else error
    return isinstance(cause, aiohttp.ClientConnectionError) and not isinstance(
        cause, aiohttp.ClientConnectorError | TimeoutError
    )


@asynccontextmanager
async def open_bedrock(session: AioSession, settings: Settings, clocks: Clocks | None = None) -> AsyncIterator[Bedrock]:
    """A client for the lifetime of the app."""
    config = AioConfig(
        http_session_cls=NoRedirects,
        connect_timeout=settings.connect_timeout_seconds,
        # Between bytes: a model may think for minutes, and Bedrock sends no pings.
        read_timeout=settings.idle_timeout_seconds,
        # A retry after a timeout would pay for the answer twice; what may be retried is decided by us.
        retries={"mode": "standard", "total_max_attempts": 1},
        # One stream holds one connection for minutes; with botocore's 10 the eleventh would wait.
        max_pool_connections=settings.max_streams,
        parameter_validation=False,
        # Otherwise an inherited AWS_BEARER_TOKEN_BEDROCK would outrank the role.
        signature_version="v4",
    )
    async with session.create_client("bedrock-runtime", region_name=settings.region, config=config) as client:
        yield Bedrock(client, clocks)


def take_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> dict[str, Any]:
    context[BODY_PARAMETER] = params[BODY_PARAMETER]
    return {name: value for name, value in params.items() if name != BODY_PARAMETER}


def put_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    body: bytes = context[BODY_PARAMETER]
    params["body"] = body if len(body) <= LONG_BODY_BYTES else BytesIO(body)
    params["headers"]["Content-Type"] = "application/json"


def _keep_raw_response(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    status: int = response_dict["status_code"]
    headers: Mapping[str, str] = response_dict["headers"]
    if status >= 300:
        raise BedrockRefusal(status, headers, response_dict["body"])
    if not headers.get("content-type", "").lower().startswith(EVENT_STREAM):
        response_dict["body"].close()
        raise NotAStream
    customized_response_dict["raw"] = response_dict["body"]
