"""Bedrock Runtime through aiobotocore's client, with our own bytes in both directions.

aiobotocore does credentials, endpoint rules and the connection pool. The request body is ours, put in before it is
signed (`before-call`, or in `direct.py`): images stay the base64 the caller sent, and nothing is validated or written
twice. The response is taken as it comes (`before-parse`) and read by our own frame decoder, which shows members that
botocore's model does not know, and checks every byte.

A pooled connection may have died unseen: Lambda freezes the process, and the network forgets. Bedrock then closes or
resets it before a byte of an answer, and the request is sent once more, within a budget (`retry_budget.py`). So is one
that Bedrock failed to answer. Never one that was throttled, refused or too slow: that would cost twice, or be in vain.

A model that refuses a beta refuses the whole request. Then it is sent once more without betas, before anybody has seen
a byte of the answer, and the next requests for that model go without them at once (`refused_betas.py`).

Whoever leaves `converse_stream`, however, closes the connection: a task that is merely cancelled would leave Bedrock
generating, and billing.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, Final, Protocol

import aiohttp
import orjson
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioDeferredRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    HTTPClientError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.exceptions import (
    ConnectionError as BotocoreConnectionError,
)

from gateway.clocks import Clocks
from gateway.http_session import RedirectRefused, aws_session
from gateway.own_credentials import CredentialsFailed, OwnCredentials
from gateway.protocol.bedrock_errors import from_bedrock, own_credentials
from gateway.protocol.errors import (
    ApiError,
    GatewayError,
    InvalidBeta,
    Overloaded,
    UpstreamTimeout,
)
from gateway.protocol.request_body import RequestBody
from gateway.rounds import Rounds
from gateway.settings import Settings
from gateway.upstreams.direct import LONG_BODY_BYTES, DirectSender, Door
from gateway.upstreams.refused_betas import RefusedBetas
from gateway.upstreams.retry_budget import RetryBudget
from gateway.upstreams.stream import TOO_LATE, BedrockStream

EVENT_STREAM: Final = "application/vnd.amazon.eventstream"
# Bedrock's own failures, and those of what stands before it. Not 504: the model may have worked on it all the time.
WORTH_ANOTHER_CALL: Final = frozenset({500, 502, 503})
# Has a status of its own, that of a throttle.
NOT_READY: Final = "ModelNotReadyException"
# Before another call to what has just failed: long enough for a restart of one node, and not the same for everybody.
PAUSE_SECONDS: Final = (0.05, 0.25)
OUT_OF_REACH: Final = "Bedrock cannot be reached from the gateway. Try again."
CLOSED: Final = "The connection to Bedrock was closed before its answer had come. Try again."
# Ours, travelling through botocore: taken out of the parameters before they are serialised.
BODY_PARAMETER: Final = "chatrixBody"


class CallRecord(Protocol):
    """What the log wants to know of the calls that one request made."""

    upstream_calls: int
    retry_budget_empty: bool


class Bedrock:
    """A `bedrock-runtime` client. Made by `open_bedrock`."""

    def __init__(
        self,
        client: Any,
        door: Door,
        credentials: OwnCredentials,
        settings: Settings,
        clocks: Clocks | None = None,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._direct = DirectSender(client, door)
        # Who sets the longest silence to less means this one too.
        self._first_event_seconds = min(settings.first_event_timeout_seconds, settings.idle_timeout_seconds)
        self._silence = Rounds(settings.idle_timeout_seconds)
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

    @property
    def credentials(self) -> OwnCredentials:
        return self._credentials

    async def rehearse(self) -> None:
        """What the first request would have to do for all others is done before it comes. Calls nobody.

        Credentials that do not exist, or would have to be asked for, are left to the first request.
        """
        provider = self._credentials.provider
        if provider is None or isinstance(provider, AioDeferredRefreshableCredentials):
            return
        await self._direct.rehearse(modelId="rehearsal", **{BODY_PARAMETER: b"{}"})

    def choose_form(self, model_id: str, body: RequestBody) -> RequestBody:
        """The form without betas, if the model has lately refused them. Its caller has to be told before the answer."""
        if body.other_end is None or not self._refused_betas.refuses(model_id, body.betas):
            return body
        return body.without_betas()

    @asynccontextmanager
    async def converse_stream(
        self,
        model_id: str,
        body: RequestBody,
        record: CallRecord,
        *,
        max_tokens: int | None = None,
        on_acceptance: Callable[[], None] | None = None,
    ) -> AsyncIterator[BedrockStream]:
        """Entering means Bedrock has accepted the request, and it will not be sent again: `on_acceptance` is called.

        Raises `GatewayError` for a refusal and for every way in which Bedrock cannot be reached.
        """
        first_event_by = asyncio.get_running_loop().time() + self._first_event_seconds
        try:
            async with asyncio.timeout_at(first_event_by):
                stream = await self._open(model_id, body, record, max_tokens, first_event_by)
        except TimeoutError as error:
            raise UpstreamTimeout(TOO_LATE, fault="first_event_timeout") from error
        del body
        if on_acceptance is not None:
            on_acceptance()
        try:
            yield stream
            await stream.drain()
        finally:
            stream.close()

    async def _open(
        self, model_id: str, body: RequestBody, record: CallRecord, max_tokens: int | None, first_event_by: float
    ) -> BedrockStream:
        """Three calls at most: one more for a failure, one more without betas."""
        try:
            response = await self._send_again(model_id, body.whole, record)
            return BedrockStream(response, first_event_by=first_event_by, silence=self._silence)
        except BedrockRefusal as refusal:
            error = refusal.translated(max_tokens)
            if body.other_end is None or not isinstance(error, InvalidBeta):
                raise _naming(body.betas, error) from refusal
        self._refused_betas.add(model_id, body.betas)
        other = body.without_betas()
        try:
            response = await self._send(model_id, other.whole, record)
            return BedrockStream(
                response,
                other.dropped,
                other.approximated,
                first_event_by=first_event_by,
                silence=self._silence,
            )
        except BedrockRefusal as refusal:
            raise refusal.translated(max_tokens) from refusal

    async def _send_again(self, model_id: str, body: bytes, record: CallRecord) -> aiohttp.ClientResponse:
        """`_send`, and once more if Bedrock failed before it began to answer."""
        try:
            response = await self._send(model_id, body, record)
        except (Unanswered, BedrockRefusal) as failure:
            if not failure.worth_another_call:
                raise
            if not self._retry_budget.take():
                record.retry_budget_empty = True
                raise
            await asyncio.sleep(failure.pause_seconds())
            response = await self._send(model_id, body, record)
        self._retry_budget.succeeded()
        return response

    async def _send(self, model_id: str, body: bytes, record: CallRecord) -> aiohttp.ClientResponse:
        """Raises `BedrockRefusal` as it came, everything else as a `GatewayError`."""
        try:
            credentials = await self._credentials.current()
        except CredentialsFailed as error:
            raise no_credentials(error) from error
        record.upstream_calls += 1
        try:
            if self._direct.knows_how:
                return await accepted(await self._direct.send(credentials, model_id, body))
            result = await self._client.converse_stream(modelId=model_id, **{BODY_PARAMETER: body})
        except NotAStream as error:
            raise ApiError(
                "Bedrock's endpoint answered with something that is not an event stream.", fault="upstream_garbage"
            ) from error
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
        # "ThrottlingException:http://internal.amazon.com/...": the name ends at the colon.
        self._name = headers.get("x-amzn-errortype", "").partition(":")[0]
        # For the log: the name and the status, nothing of the message.
        self.summary = f"{self._name[:80] or 'no name'}, HTTP {status}"
        self._status = status
        self._headers = headers
        self._raw_body = raw_body

    @property
    def worth_another_call(self) -> bool:
        return self._status in WORTH_ANOTHER_CALL or self._name == NOT_READY

    def pause_seconds(self) -> float:
        return random.uniform(*PAUSE_SECONDS)  # noqa: S311  # not a secret

    def translated(self, max_tokens: int | None) -> GatewayError:
        try:
            body = orjson.loads(self._raw_body)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            # A proxy's page, or nothing. Its text is not ours to pass on.
            error = from_bedrock(self._name, {}, status=self._status)
            error.message = f"Bedrock answered with HTTP {self._status} and no readable error."
            error.fault = "upstream_garbage"
            return error
        name = self._name or str(body.get("__type", "")).rpartition("#")[2]
        return from_bedrock(
            name, body, status=self._status, max_tokens=max_tokens, retry_after=self._headers.get("retry-after")
        )


class NotAStream(Exception):
    """A 200 of another content type: something stands between us and Bedrock."""


class Unanswered(Overloaded):
    """The call did not reach Bedrock, or was lost before a byte of an answer had come.

    `was_there`: on a connection that had been made. Then what failed is most likely that connection.
    """

    def __init__(self, message: str, fault: str, *, was_there: bool = False, worth_another_call: bool = True) -> None:
        super().__init__(message, fault=fault)
        self.worth_another_call = worth_another_call
        self._was_there = was_there

    def pause_seconds(self) -> float:
        return 0.0 if self._was_there else random.uniform(*PAUSE_SECONDS)  # noqa: S311  # not a secret


def no_credentials(failure: CredentialsFailed) -> GatewayError:
    error = own_credentials(failure.name)
    error.upstream_message = failure.detail
    return error


def unreachable(error: Exception) -> GatewayError:
    """Bedrock did not answer. The texts name no host, and nothing of botocore's.

    botocore has fewer names than aiohttp, and some of them for several things: aiohttp's own error tells.
    """
    cause = error.kwargs.get("error", error) if isinstance(error, BotoCoreError) else error
    if isinstance(cause, aiohttp.ConnectionTimeoutError | ConnectTimeoutError):
        return Unanswered(OUT_OF_REACH, "upstream_connect", worth_another_call=False)
    if isinstance(cause, TimeoutError | ReadTimeoutError):
        return UpstreamTimeout(TOO_LATE, fault="first_event_timeout")
    if isinstance(cause, RedirectRefused):
        refused = "Bedrock's endpoint answered with a redirect, which is refused. Check the endpoint's address."
        return ApiError(refused, fault="upstream_garbage")
    if isinstance(cause, aiohttp.ClientResponseError):
        return ApiError("Bedrock's endpoint answered with something that is not HTTP.", fault="upstream_garbage")
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ClientSSLError):
        return _not_connected(cause)
    if isinstance(cause, aiohttp.ClientConnectionError):
        return Unanswered(CLOSED, "upstream_reset", was_there=True)
    if isinstance(cause, aiohttp.ClientError | ConnectionClosedError):
        return Unanswered(CLOSED, "upstream_reset", worth_another_call=False)
    if isinstance(error, BotocoreConnectionError | HTTPClientError | OSError):
        return Unanswered(OUT_OF_REACH, "upstream_connect", worth_another_call=False)
    if isinstance(error, ParamValidationError):
        return ApiError("The gateway built a request that it cannot send. This is a bug in the gateway.")
    return ApiError(f"The gateway's AWS client is not set up right ({type(error).__name__}).")


def _not_connected(cause: Exception) -> GatewayError:
    if isinstance(cause, aiohttp.ClientSSLError):
        return Unanswered(OUT_OF_REACH, "upstream_tls", worth_another_call=False)
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return Unanswered(OUT_OF_REACH, "upstream_dns", worth_another_call=False)
    is_proxy = isinstance(cause, aiohttp.ClientProxyConnectionError)
    return Unanswered(OUT_OF_REACH, "upstream_connect", worth_another_call=not is_proxy)


@asynccontextmanager
async def open_bedrock(session: AioSession, settings: Settings, clocks: Clocks | None = None) -> AsyncIterator[Bedrock]:
    """A client for the lifetime of the app."""
    door = Door()
    config = AioConfig(
        http_session_cls=aws_session(clocks, door),
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
        credentials = OwnCredentials(await session.get_credentials())
        bedrock = Bedrock(client, door, credentials, settings, clocks)
        await bedrock.rehearse()
        yield bedrock


def take_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> dict[str, Any]:
    context[BODY_PARAMETER] = params[BODY_PARAMETER]
    return {name: value for name, value in params.items() if name != BODY_PARAMETER}


def put_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    body: bytes = context[BODY_PARAMETER]
    params["body"] = body if len(body) <= LONG_BODY_BYTES else BytesIO(body)
    params["headers"]["Content-Type"] = "application/json"


async def accepted(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """The answer, if it is a stream. Raises what `_keep_raw_response` raises for aiobotocore's own answers."""
    if response.status >= 300:
        raise BedrockRefusal(response.status, response.headers, await response.read())
    if not is_event_stream(response.headers):
        response.close()
        raise NotAStream
    return response


def is_event_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith(EVENT_STREAM)


def _keep_raw_response(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    status: int = response_dict["status_code"]
    headers: Mapping[str, str] = response_dict["headers"]
    if status >= 300:
        raise BedrockRefusal(status, headers, response_dict["body"])
    if not is_event_stream(headers):
        response_dict["body"].close()
        raise NotAStream
    customized_response_dict["raw"] = response_dict["body"]
