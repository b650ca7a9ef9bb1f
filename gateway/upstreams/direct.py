"""ConverseStream on the shortest way that still is aiobotocore's: its credentials, its endpoint, its HTTP session.

aiobotocore's call path (serialiser, endpoint rules, user agent, a dozen hooks, parser) costs twice what sending costs,
and comes to the same for every call but for the model, the body and the signature. So the first call goes through it,
and shows where to and with what headers; the next ones are signed here and given to the same session, which raises the
same errors. That first call is a rehearsal at start: it is stopped just before it would get a connection.
"""

from functools import lru_cache
from io import BytesIO
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp.connector import Connection
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import HTTPClientError
from yarl import URL

from gateway.http_session import AwsSession
from gateway.upstreams.signing import ALGORITHM, Credentials, Signer
from gateway.upstreams.tap import tap

OPERATION: Final = "bedrock-runtime.ConverseStream"
# aiohttp writes longer bytes in one go, which holds up the other streams; a file object it writes piece by piece.
LONG_BODY_BYTES: Final = 2**20
MODEL_PATH: Final = "/model/"


@lru_cache(maxsize=256)
def _url(models: str, model_id: str) -> URL:
    """The id is a part of the path, and nothing else."""
    return URL(f"{models}{quote(model_id, safe='-._~')}/converse-stream", encoded=True)


def invocation_id() -> str:
    """A random UUID (version 4), as botocore has it, without making one of Python's objects of it first."""
    digits = token_hex(16)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class Rehearsed(Exception):
    """The call was not sent, as it was meant to be."""


class Door:
    """What the client's session asks before each connection, and tells it of."""

    def __init__(self) -> None:
        self.is_shut = False

    def before_connecting(self) -> None:
        if self.is_shut:
            raise Rehearsed

    def connected(self, connection: Connection) -> None:
        tap(connection)


class DirectSender:
    """Learns from the first call of `client`, whose session has this `door`."""

    def __init__(self, client: Any, door: Door) -> None:
        self._client = client
        self._door = door
        self._signer: Signer | None = None
        self._base = ""
        self._path = ""
        self._is_proxied = False
        self._headers: dict[str, str] = {}
        client.meta.events.register(f"before-send.{OPERATION}", self._learn)

    @property
    def knows_how(self) -> bool:
        return self._signer is not None

    async def rehearse(self, **parameters: Any) -> None:
        """Goes through the client's path up to the door, and calls nobody. Makes the session, with its certificates."""
        self._door.is_shut = True
        try:
            await self._client.converse_stream(**parameters)
        except HTTPClientError as error:
            if not isinstance(error.kwargs.get("error"), Rehearsed):
                raise
        finally:
            self._door.is_shut = False

    async def send(self, credentials: Credentials, model_id: str, body: bytes) -> aiohttp.ClientResponse:
        """Raises aiohttp's errors, or those in which botocore wraps them (HTTPClientError and its kind)."""
        assert self._signer is not None  # noqa: S101  # asked for by `knows_how`
        url = _url(f"{self._base}{self._path}", model_id)
        path = url.raw_path
        headers = {
            "amz-sdk-invocation-id": invocation_id(),
            "amz-sdk-request": "attempt=1",
            "content-type": "application/json",
            "host": self._headers["host"],
        }
        headers |= self._signer.sign(credentials, path, headers, body)
        headers |= {"user-agent": self._headers["user-agent"], "content-length": str(len(body))}
        if self._is_proxied or len(body) > LONG_BODY_BYTES:
            request = AWSPreparedRequest("POST", str(url), headers, BytesIO(body), stream_output=True)
            answer = await self._session.send(request)
            response: aiohttp.ClientResponse = answer.raw
            return response
        headers |= {"accept": "*/*", "accept-encoding": "identity"}
        return await self._session.post(url, headers, body)

    @property
    def _session(self) -> AwsSession:
        # Private: the client has no other way to its session. A test guards it.
        session: AwsSession = self._client._endpoint.http_session  # noqa: SLF001
        return session

    def _learn(self, request: AWSPreparedRequest, **_: object) -> None:
        if self._signer is None:
            self._copy(request)

    def _copy(self, request: AWSPreparedRequest) -> None:
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        authorization: str = headers.get("authorization", "")
        url = urlsplit(request.url)
        prefix, found, _ = url.path.rpartition(MODEL_PATH)
        if not authorization.startswith(f"{ALGORITHM} Credential=") or not found or url.query:
            # Something else than what is signed here: then aiobotocore's way stays the only one.
            return
        # The credential is an id, the day, the region, the service and a fixed word.
        _, _, region, service, _ = authorization.partition(",")[0].rsplit("/", 4)
        self._base = f"{url.scheme}://{url.netloc}"
        self._path = prefix + MODEL_PATH
        self._is_proxied = self._session.goes_through_a_proxy(request.url)
        self._headers = {"host": url.netloc.rpartition("@")[2], "user-agent": headers.get("user-agent", "")}
        self._signer = Signer(service, region)
