"""One secret of Secrets Manager, read when it is needed and kept for a time.

Surprising about it: there is no task and no timer. Lambda freezes the process between requests, so everything happens
inside a request, and age is measured by two clocks. One request reads; the others go on with the last good value, and
an outage of Secrets Manager never fails a key that was good.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from gateway.protocol.errors import ApiError
from gateway.redirects import NoRedirects
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
# Our own words: AWS's name roles, accounts and keys. An unknown code is "an error", and stands in the log.
REFUSALS: Final = {
    "AccessDeniedException": "the gateway's role may not read it",
    "DecryptionFailure": "its KMS key cannot decrypt it",
    "InvalidRequestException": "it is marked for deletion",
    "ThrottlingException": "Secrets Manager throttles the gateway",
    "ExpiredTokenException": "the gateway's own AWS credentials have expired",
    "UnrecognizedClientException": "the gateway's own AWS credentials were refused",
    "InvalidSignatureException": "the gateway's own AWS credentials were refused, or its clock is wrong",
}

# A child of the application's logger (logs.py), so that its lines come out as JSON with the others.
_log: Final = logging.getLogger("chatrix.secret_store")


class Instant(NamedTuple):
    wall: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Clocks:
    """Lambda stops the monotonic clock while it freezes the process, and wall clocks get set: neither is enough."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def now(self) -> Instant:
        return Instant(self.wall(), self.monotonic())

    def seconds_since(self, then: Instant | None) -> float:
        """The larger of both differences. Endless when there is no `then`, or the wall clock went backwards."""
        now = self.now()
        if then is None or now.wall < then.wall:
            return math.inf
        return max(now.wall - then.wall, now.monotonic - then.monotonic)


class SecretError(Exception):
    """Nothing usable came. `reason` is for everybody; `detail` holds AWS's words, which name accounts: log only."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class SecretVersion:
    text: str
    created: float  # seconds since the epoch, by Secrets Manager's clock


class SecretReader(Protocol):
    async def read(self, stage: str) -> SecretVersion | None:
        """The version with this staging label; None when there is none. Raises SecretError."""


@dataclass(frozen=True, slots=True)
class Secret(Generic[T]):
    current: T
    current_created: float
    previous: T | None


class EarlyReads:
    """A token bucket."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._tokens = EARLY_READS_AT_ONCE
        self._counted: Instant = clocks.now()

    def take(self) -> bool:
        grown = self._clocks.seconds_since(self._counted) / SECONDS_PER_EARLY_READ
        self._counted = self._clocks.now()
        self._tokens = min(EARLY_READS_AT_ONCE, self._tokens + grown)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


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
        self._ttl_seconds = settings.secret_ttl_seconds
        self._timeout_seconds = settings.secret_timeout_seconds
        self._clocks = clocks or Clocks()
        self._early_reads = EarlyReads(self._clocks)
        # A lock and not a shared task: when the request that reads is cancelled, the next in line reads.
        self._turn = asyncio.Lock()
        # Reads are numbered, so that a request can tell whether one began after it came.
        self._begun = 0
        self._settled = 0
        self._good: Secret[T] | None = None
        self._good_at: Instant | None = None
        self._failed_at: Instant | None = None
        self._failures = 0
        self._problem = TOO_LATE

    async def find(self, search: Callable[[Secret[T]], Found | None]) -> Found | None:
        """What `search` finds in the cached value, or else in a newer one when a read is due or allowed.

        Only the request that reads waits, and those that have nothing to go on with; none longer than
        `secret_timeout_seconds`. Raises ApiError when there has never been a good value.
        """
        if self._good is not None and (self._turn.locked() or not self._due()):
            found = search(self._good)
            if found is not None:
                return found
        await self._look_for_newer(search)
        if self._good is None:
            raise ApiError(
                f"The gateway cannot read its key secret {self._name}: {self._problem}. Your API key was not judged. "
                "Whoever runs the gateway should check the secret's name, its region, and the permission "
                "secretsmanager:GetSecretValue."
            )
        return search(self._good)

    async def _look_for_newer(self, search: Callable[[Secret[T]], Found | None]) -> None:
        arrived = self._begun
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError:
            return
        try:
            if self._worth_reading(search, arrived):
                await self._read(deadline)
        finally:
            self._turn.release()

    def _worth_reading(self, search: Callable[[Secret[T]], Found | None], arrived: int) -> bool:
        if self._settled > arrived:
            return False  # the read that we waited for began after we came: it is news enough
        if self._due():
            return True
        if self._good is None or search(self._good) is not None:
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
        # Not reached when the request is cancelled: then nobody may take this read for news.
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
            if self._good is None:
                return None
            return self._good.previous if self._good.current == current else self._good.current
        if version is None:
            return None
        try:
            return self._parse(version.text)
        except ValueError:
            return None  # a malformed value that has been replaced is nobody's worry

    async def _read_stage(self, stage: str, deadline: float) -> SecretVersion | None:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._reader.read(stage)
        except TimeoutError as error:
            raise SecretError(TOO_LATE) from error

    def _note_failure(self, failure: SecretError) -> None:
        self._failures += 1
        self._failed_at = self._clocks.now()
        self._problem = failure.reason
        kept = "the last good value stays" if self._good is not None else "no key can be checked"
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

    def __init__(self, client: Any, secret_name: str) -> None:
        self._client = client
        self._secret_name = secret_name

    async def read(self, stage: str) -> SecretVersion | None:
        try:
            reply = await self._client.get_secret_value(SecretId=self._secret_name, VersionStage=stage)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise SecretError(_refusal(error), str(error)) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise SecretError("the gateway has no AWS credentials", str(error)) from error
        except BotoCoreError as error:
            raise SecretError("Secrets Manager could not be reached", str(error)) from error
        except Exception as error:
            # A nonsense answer comes out of botocore's parsers as whatever they trip over (TypeError, KeyError,
            # ValueError, ResponseParserError, aiohttp's own). None of them may fail a key that is good.
            raise SecretError("Secrets Manager's answer was not understood", type(error).__name__) from error
        text = reply.get("SecretString")
        if not isinstance(text, str):
            raise SecretError("it is binary, and must be text (SecretString)")
        return SecretVersion(text, _created(reply))


def _refusal(error: ClientError) -> str:
    return REFUSALS.get(error.response["Error"]["Code"], "Secrets Manager answered with an error")


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
        http_session_cls=NoRedirects,
        connect_timeout=settings.secret_timeout_seconds,
        read_timeout=settings.secret_timeout_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
        # aiohttp refuses a keep-alive time beside force_close, and aiobotocore has one unless told None.
        connector_args={"force_close": True, "keepalive_timeout": None},
    )
    async with session.create_client(
        "secretsmanager", region_name=settings.region, endpoint_url=endpoint_url, config=config
    ) as client:
        yield SecretsManagerReader(client, settings.secret_name)
