"""One secret of Secrets Manager, read when it is needed and kept for a time.

Surprising about it: there is no task and no timer. Lambda freezes the process between requests, so everything happens
inside a request, and age is measured by two clocks. One request reads; the others go on with the last good value, and
an outage of Secrets Manager never fails a key that was good.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError

from gateway.clocks import Clocks, Instant, TokenBucket
from gateway.http_session import AwsSession
from gateway.own_credentials import CredentialsFailed, OwnCredentials
from gateway.protocol.bedrock_errors import CREDENTIAL_ERRORS
from gateway.protocol.errors import ApiError
from gateway.protocol.redaction import redact
from gateway.settings import Settings

T = TypeVar("T")
Found = TypeVar("Found")

CURRENT: Final = "AWSCURRENT"
PREVIOUS: Final = "AWSPREVIOUS"

# A longer pause would outlive the fault it reacts to.
MAX_PAUSE_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 1.0
# Reads sooner than the TTL asks, for all callers together: wrong keys must not become calls to AWS.
EARLY_READS_AT_ONCE: Final = 2.0
SECONDS_PER_EARLY_READ: Final = 5.0

TOO_LATE: Final = "Secrets Manager did not answer in time"
WHAT_TO_CHECK: Final = (
    "Whoever runs the gateway should check the secret's name, its region, and the permission "
    "secretsmanager:GetSecretValue."
)
WHAT_TO_RENEW: Final = "Whoever runs the gateway has to renew its credentials, or check its role and its clock."
TOO_OLD: Final = " The last good keys are older than CHATRIX_SECRET_MAX_STALE_SECONDS allows."
OTHER_REFUSAL: Final = "Secrets Manager answered with an error"
# Our own words: AWS's name roles, accounts and keys. They stand in the log, redacted.
REFUSALS: Final = {
    "AccessDeniedException": "the gateway's role may not read it",
    "DecryptionFailure": "its KMS key cannot decrypt it",
    "InvalidRequestException": "it is marked for deletion",
    "ThrottlingException": "Secrets Manager throttles the gateway",
}
NO_CREDENTIALS_IN_TIME: Final = "the gateway's own AWS credentials could not be had in time"
OWN_CREDENTIALS: Final = "the gateway's own AWS credentials were refused or are missing"

# A child of the application's logger (logs.py), so that its lines come out as JSON with the others.
_log: Final = logging.getLogger("chatrix.secret_store")


class SecretError(Exception):
    """Nothing usable came. `reason` is for everybody; `detail` holds AWS's words, redacted: log only.

    `about_credentials`: the gateway's own, which Secrets Manager or who gives them out refused.
    """

    def __init__(self, reason: str, detail: str = "", *, about_credentials: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.about_credentials = about_credentials


class SecretVersion(msgspec.Struct, frozen=True):
    text: str
    created: float  # seconds since the epoch, by Secrets Manager's clock


class SecretReader(Protocol):
    async def prepare(self) -> None:
        """What a read needs before it: the gateway's own credentials. Raises SecretError."""

    async def read(self, stage: str) -> SecretVersion | None:
        """The version with this staging label; None when there is none. Raises SecretError."""


class Secret(msgspec.Struct, Generic[T], frozen=True):
    current: T
    current_created: float
    previous: T | None


class SecretStore(Generic[T]):
    """The last good value of one secret. `parse` raises ValueError, in words without anything of the secret.

    `announce` is called with each current value that differs from the one before it.
    """

    def __init__(
        self,
        reader: SecretReader,
        parse: Callable[[str], T],
        settings: Settings,
        *,
        clocks: Clocks | None = None,
        announce: Callable[[T], None] = lambda _: None,
    ) -> None:
        self._reader = reader
        self._parse = parse
        self._announce = announce
        self._name = public_name(settings.secret_name)
        self._timeout_seconds = settings.secret_timeout_seconds
        self._max_stale_seconds = settings.secret_max_stale_seconds or math.inf
        # A value that will be too old to go on with is read anew before it is.
        self._ttl_seconds = min(settings.secret_ttl_seconds, self._max_stale_seconds)
        self._clocks = clocks or Clocks()
        self._early_reads = TokenBucket(self._clocks, EARLY_READS_AT_ONCE, SECONDS_PER_EARLY_READ)
        self._reading: asyncio.Task[None] | None = None
        # Reads are numbered, so that a request can tell whether one began after it came.
        self._begun = 0
        self._settled = 0
        self._good: Secret[T] | None = None
        self._good_at: Instant | None = None
        self._failed_at: Instant | None = None
        self._failures = 0
        self._problem = SecretError(TOO_LATE)

    async def find(
        self, search: Callable[[Secret[T]], Found | None], may_look: Callable[[], bool] = lambda: True
    ) -> Found | None:
        """What `search` finds in the cached value, or else in a newer one when a read is due or allowed.

        `may_look` is asked when nothing was found in the cached value: whether this search is worth a read, or a wait.
        Only the request that reads waits, and those that have nothing to go on with; none longer than
        `secret_timeout_seconds`. Raises ApiError when there has never been a good value, or none for too long.
        """
        good = self._usable()
        if good is not None:
            found = search(good)
            if found is None and not may_look():
                return None
            if found is not None and (self._reading is not None or not self._due()):
                return found
        await self._look_for_newer(search)
        good = self._usable()
        if good is None:
            raise self._unreadable()
        return search(good)

    def _usable(self) -> Secret[T] | None:
        """The last good value, unless it is older than whoever runs the gateway wants it to be."""
        too_old = self._clocks.seconds_since(self._good_at) > self._max_stale_seconds
        return None if too_old else self._good

    def _unreadable(self) -> ApiError:
        too_old = "" if self._good is None else TOO_OLD
        about_credentials = self._problem.about_credentials
        advice = WHAT_TO_RENEW if about_credentials else WHAT_TO_CHECK
        return ApiError(
            f"The gateway cannot read its key secret {self._name}: {self._problem.reason}.{too_old} Your API key was "
            f"not judged. {advice}",
            fault="credentials" if about_credentials else "secret",
        )

    async def _look_for_newer(self, search: Callable[[Secret[T]], Found | None]) -> None:
        arrived = self._begun
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                while self._reading is not None:
                    # It may have begun before we came: then it is no news to us, but may be enough.
                    await asyncio.shield(self._reading)
        except TimeoutError:
            return
        if self._worth_reading(search, arrived):
            await asyncio.shield(self._begin_to_read(deadline))

    def _begin_to_read(self, deadline: float) -> "asyncio.Task[None]":
        """A read that has begun is ended, though whoever it is for leaves: or each who leaves would cost one more."""
        self._reading = asyncio.create_task(self._read(deadline))
        return self._reading

    def _worth_reading(self, search: Callable[[Secret[T]], Found | None], arrived: int) -> bool:
        if self._settled > arrived:
            return False  # the read that we waited for began after we came: it is news enough
        if self._due():
            return True
        good = self._usable()
        if good is None or search(good) is not None:
            return False
        return self._early_reads.take()

    def _due(self) -> bool:
        if self._failures and self._clocks.seconds_since(self._failed_at) < self._pause_seconds():
            return False
        return self._good is None or self._clocks.seconds_since(self._good_at) >= self._ttl_seconds

    def _pause_seconds(self) -> float:
        doubled = FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 10)
        return min(doubled, self._ttl_seconds, MAX_PAUSE_SECONDS)

    async def _read(self, deadline: float) -> None:
        self._begun += 1
        number = self._begun
        began = self._clocks.now()
        try:
            secret = await self._read_secret(deadline)
        except SecretError as failure:
            self._note_failure(failure)
        else:
            self._note_success(secret, began)
        finally:
            # Here, and not when the task tells that it is done, a turn of the event loop later: who comes in between
            # would wait for what is done, which does not wait, and so on without an end.
            self._reading = None
        # Not reached when the process ends: then nobody may take this read for news.
        self._settled = number

    async def _read_secret(self, deadline: float) -> Secret[T]:
        version = await self._read_stage(CURRENT, deadline)
        if version is None:
            raise SecretError("it does not exist in this region, or has no value yet")
        try:
            current = self._parse(version.text)
        except ValueError as error:
            raise SecretError(str(error)) from error
        return Secret(current, version.created, await self._read_previous(current, deadline))

    async def _read_previous(self, current: T, deadline: float) -> T | None:
        try:
            version = await self._read_stage(PREVIOUS, deadline)
        except SecretError as failure:
            # The current value is in hand and must count. What was current before it is what AWSPREVIOUS would say.
            _log.warning("%s of secret %s is unreadable: %s %s", PREVIOUS, self._name, failure.reason, failure.detail)
            good = self._usable()
            if good is None:
                return None
            return good.previous if good.current == current else good.current
        if version is None:
            return None
        try:
            return self._parse(version.text)
        except ValueError:
            return None  # a malformed value that has been replaced is nobody's worry

    async def _read_stage(self, stage: str, deadline: float) -> SecretVersion | None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._reader.prepare()
        except TimeoutError as error:
            raise SecretError(NO_CREDENTIALS_IN_TIME, about_credentials=True) from error
        try:
            async with asyncio.timeout_at(deadline):
                return await self._reader.read(stage)
        except TimeoutError as error:
            raise SecretError(TOO_LATE) from error

    def _note_failure(self, failure: SecretError) -> None:
        self._failures += 1
        self._failed_at = self._clocks.now()
        self._problem = failure
        kept = "the last good value stays" if self._usable() is not None else "no key can be checked"
        _log.warning("secret %s is unreadable, %s: %s %s", self._name, kept, failure.reason, failure.detail)

    def _note_success(self, secret: Secret[T], began: Instant) -> None:
        if self._failures:
            _log.info("secret %s is readable again, failed reads before: %d", self._name, self._failures)
        self._failures = 0
        changed = self._good is None or self._good.current != secret.current
        self._good = secret
        self._good_at = began
        if changed:
            self._announce(secret.current)


class SecretsManagerReader:
    """Reads through an aiobotocore `secretsmanager` client."""

    def __init__(self, client: Any, credentials: OwnCredentials, secret_name: str) -> None:
        self._client = client
        self._credentials = credentials
        self._secret_name = secret_name

    async def prepare(self) -> None:
        try:
            await self._credentials.current()
        except CredentialsFailed as error:
            raise SecretError(OWN_CREDENTIALS, f"{error.name}: {error.detail}", about_credentials=True) from error

    async def read(self, stage: str) -> SecretVersion | None:
        try:
            reply = await self._client.get_secret_value(SecretId=self._secret_name, VersionStage=stage)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise _refusal(error) from error
        except BotoCoreError as error:
            raise SecretError("Secrets Manager could not be reached", redact(str(error))) from error
        except Exception as error:
            # A nonsense answer comes out of botocore's parsers as whatever they trip over (TypeError, KeyError,
            # ValueError, ResponseParserError, aiohttp's own). None of them may fail a key that is good.
            raise SecretError("Secrets Manager's answer was not understood", type(error).__name__) from error
        text = reply.get("SecretString")
        if not isinstance(text, str):
            raise SecretError("it is binary, and must be text (SecretString)")
        return SecretVersion(text, _created(reply))


def _refusal(error: ClientError) -> SecretError:
    """AWS's words go to the log. Where AWS's name for it is missing, they are the body: it might hold the secret."""
    code = error.response["Error"]["Code"]
    if not isinstance(code, str) or not code.isalpha():
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return SecretError(OTHER_REFUSAL, f"status {status}")
    if code[:1].lower() + code[1:] in CREDENTIAL_ERRORS:
        return SecretError(OWN_CREDENTIALS, redact(str(error)), about_credentials=True)
    return SecretError(REFUSALS.get(code, OTHER_REFUSAL), redact(str(error)))


def _created(reply: dict[str, Any]) -> float:
    """0 without a date: then a previous key has no grace, rather than an endless one."""
    created = reply.get("CreatedDate")
    return created.timestamp() if created is not None else 0.0


def public_name(secret_name: str) -> str:
    """`SecretName` may be an ARN, which holds the account number; callers see the part after it."""
    return secret_name.rpartition(":")[2]


@asynccontextmanager
async def open_secrets_reader(
    session: AioSession, settings: Settings, *, endpoint_url: str | None = None
) -> AsyncIterator[SecretsManagerReader]:
    """Making the client calls nobody. Each read is one attempt on a fresh connection, within the deadline.

    Two calls in five minutes do not need a pool, and a connection kept over a freeze would be dead.
    """
    config = AioConfig(
        http_session_cls=AwsSession,
        connect_timeout=settings.secret_timeout_seconds,
        read_timeout=settings.secret_timeout_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
        # aiohttp refuses a keep-alive time beside force_close, and aiobotocore has one unless told None.
        connector_args={"force_close": True, "keepalive_timeout": None},
    )
    async with session.create_client(
        "secretsmanager", region_name=settings.region, endpoint_url=endpoint_url, config=config
    ) as client:
        yield SecretsManagerReader(client, OwnCredentials(await session.get_credentials()), settings.secret_name)
