"""Bedrock's control plane, asked about inference profiles that the catalog does not know. Never for a known name.

The client costs 0.1 to 0.2 s to make, so it is made when it is first needed. An answer is kept for a time; so is a
failure, for a shorter one, and none of them fails a request: what is not known stays unknown. One call at a time, under
a lock and not in a task: whoever waits looks again, and goes on in place of a caller who has hung up.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import aiohttp
import msgspec
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError

from gateway.catalog import BASE_MODEL_ARN, ApplicationProfile, claude_name
from gateway.clocks import Clocks, Instant
from gateway.http_session import AwsSession
from gateway.settings import Settings

T = TypeVar("T")

# New profiles appear a few times a month.
KEPT_SECONDS: Final = 3_600.0
# Long enough that a role without the permission costs next to nothing, short enough to notice that it has got it.
FAILURE_KEPT_SECONDS: Final = 60.0
# A request waits for it: of all calls of one question, however many pages they are.
DEADLINE_SECONDS: Final = 2.0
PAGE_SIZE: Final = 1_000
MAX_PAGES: Final = 5
# Of each caller's own invention; the oldest is forgotten.
MAX_APPLICATIONS: Final = 256

LIST: Final = "ListInferenceProfiles"
GET: Final = "GetInferenceProfile"
# Refusals that say something about the profile asked for, and nothing about the next one.
ABOUT_THE_QUESTION: Final = frozenset({"ResourceNotFoundException", "ValidationException"})
# Whatever keeps the control plane from answering; botocore raises a ValueError for an endpoint that is no URL.
FAILURES: Final = (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError, ValueError, msgspec.MsgspecError)

_log: Final = logging.getLogger("chatrix.inference_profiles")


class Answer(msgspec.Struct, Generic[T], frozen=True):
    value: T
    asked: Instant
    kept_seconds: float = KEPT_SECONDS


class ModelReference(msgspec.Struct, rename="camel"):
    model_arn: str


class Profile(msgspec.Struct, rename="camel"):
    inference_profile_id: str
    models: list[ModelReference]


class Page(msgspec.Struct, rename="camel"):
    inference_profile_summaries: list[Profile]
    next_token: str | None = None


class RawReply(Exception):
    """What the control plane sent. Raised in botocore's hook, before its parser, which fails on odd bodies."""

    def __init__(self, status: int, error_name: str, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.error_name = error_name or f"HTTP {status}"
        self.body = body


class Unanswered(Exception):
    """The control plane has not told. `is_about_question`: it did answer, and knows no such profile."""

    def __init__(self, *, is_about_question: bool) -> None:
        super().__init__()
        self.is_about_question = is_about_question


class InferenceProfiles:
    """Made by `open_inference_profiles`."""

    def __init__(self, session: AioSession, settings: Settings, resources: AsyncExitStack, clocks: Clocks) -> None:
        self._session = session
        self._region = settings.region
        self._resources = resources
        self._clocks = clocks
        self._client: Any = None
        self._lock = asyncio.Lock()
        self._paused: dict[str, Instant] = {}
        self._system: Answer[Mapping[str, tuple[str, ...]]] | None = None
        self._applications: dict[str, Answer[ApplicationProfile | None]] = {}

    async def system(self) -> Mapping[str, tuple[str, ...]]:
        """The ids of the system's profiles by the name of the Claude behind them. Empty when they cannot be had."""
        if not self._is_fresh(self._system) and not self._is_paused(LIST):
            async with self._lock:
                if not self._is_fresh(self._system) and not self._is_paused(LIST):
                    self._system = await self._ask_for_system()
        return self._system.value if self._system else {}

    async def application(self, arn: str) -> ApplicationProfile | None:
        """What is behind the ARN of an application profile. None when there is no such one, or it cannot be had."""
        if not self._is_fresh(self._applications.get(arn)) and not self._is_paused(GET):
            async with self._lock:
                if not self._is_fresh(self._applications.get(arn)) and not self._is_paused(GET):
                    self._keep(arn, await self._ask_for_application(arn))
        answer = self._applications.get(arn)
        return answer.value if answer else None

    def _is_fresh(self, answer: Answer[Any] | None) -> bool:
        return answer is not None and self._clocks.seconds_since(answer.asked) < answer.kept_seconds

    def _is_paused(self, operation: str) -> bool:
        """It has just failed, whatever it was asked: others need not wait for the same failure."""
        return self._clocks.seconds_since(self._paused.get(operation)) < FAILURE_KEPT_SECONDS

    def _keep(self, arn: str, answer: Answer[ApplicationProfile | None] | None) -> None:
        if answer is None:
            return
        self._applications.pop(arn, None)
        self._applications[arn] = answer
        if len(self._applications) > MAX_APPLICATIONS:
            del self._applications[next(iter(self._applications))]

    async def _ask_for_system(self) -> Answer[Mapping[str, tuple[str, ...]]] | None:
        """The last good list outlives a failure."""
        try:
            async with self._asking(LIST):
                profiles = await self._list_system()
        except Unanswered:
            return self._system
        return Answer(profiles, self._clocks.now())

    async def _ask_for_application(self, arn: str) -> Answer[ApplicationProfile | None] | None:
        """None: nothing was told, and what was told before still counts."""
        try:
            async with self._asking(GET):
                reply = await self._call("get_inference_profile", inferenceProfileIdentifier=arn)
                profile = msgspec.json.decode(reply, type=Profile)
        except Unanswered as unanswered:
            return Answer(None, self._clocks.now(), FAILURE_KEPT_SECONDS) if unanswered.is_about_question else None
        return Answer(to_application(profile), self._clocks.now())

    @asynccontextmanager
    async def _asking(self, operation: str) -> AsyncIterator[None]:
        """One question, within its deadline. Raises Unanswered for every way in which there is no answer."""
        try:
            # The first time it takes a while, of work and not of waiting: no time of Bedrock's.
            await self._open_client()
            async with asyncio.timeout(DEADLINE_SECONDS):
                yield
        except (RawReply, *FAILURES) as error:
            code = refusal_code(error)
            is_about_question = code in ABOUT_THE_QUESTION
            if not is_about_question:
                self._paused[operation] = self._clocks.now()
            # The name alone: AWS's words name the role and the account.
            _log.warning("%s gave no answer: %s", operation, code)
            raise Unanswered(is_about_question=is_about_question) from error

    async def _list_system(self) -> Mapping[str, tuple[str, ...]]:
        profiles: dict[str, tuple[str, ...]] = {}
        query: dict[str, Any] = {"typeEquals": "SYSTEM_DEFINED", "maxResults": PAGE_SIZE}
        for _ in range(MAX_PAGES):
            page = msgspec.json.decode(await self._call("list_inference_profiles", **query), type=Page)
            for profile in page.inference_profile_summaries:
                name = claude_name(profile.inference_profile_id)
                if name is not None:
                    profiles[name] = (*profiles.get(name, ()), profile.inference_profile_id)
            if not page.next_token:
                break
            query["nextToken"] = page.next_token
        return profiles

    async def _call(self, method: str, **parameters: Any) -> bytes:
        """The body of the reply. Raises RawReply for a refusal."""
        client = await self._open_client()
        try:
            await getattr(client, method)(**parameters)
        except RawReply as reply:
            if reply.status != HTTPStatus.OK:
                raise
            return reply.body
        raise RawReply(HTTPStatus.OK, "no reply", b"")

    async def _open_client(self) -> Any:
        if self._client is None:
            config = AioConfig(
                http_session_cls=AwsSession,
                connect_timeout=DEADLINE_SECONDS,
                read_timeout=DEADLINE_SECONDS,
                retries={"mode": "standard", "total_max_attempts": 1},
                # A call an hour does not need a pool, and a connection kept over a freeze would be dead.
                connector_args={"force_close": True, "keepalive_timeout": None},
                # Otherwise an inherited AWS_BEARER_TOKEN_BEDROCK would outrank the role.
                signature_version="v4",
            )
            self._client = await self._resources.enter_async_context(
                self._session.create_client("bedrock", region_name=self._region, config=config)
            )
            self._client.meta.events.register("before-parse.bedrock.*", _take_reply)
        return self._client


def to_application(profile: Profile) -> ApplicationProfile | None:
    """All models of one profile are the same model, in different Regions; otherwise nobody can say what answers."""
    found = [re.fullmatch(BASE_MODEL_ARN, reference.model_arn) for reference in profile.models]
    bases = {match["base"] for match in found if match}
    if len(bases) != 1 or None in found:
        return None
    return ApplicationProfile(bases.pop(), tuple(match["region"] for match in found if match))


def refusal_code(error: BaseException) -> str:
    return error.error_name if isinstance(error, RawReply) else type(error).__name__


def _take_reply(response_dict: dict[str, Any], **_: object) -> None:
    # "AccessDeniedException:http://internal.amazon.com/...": the name ends at the colon.
    error_name = response_dict["headers"].get("x-amzn-errortype", "").partition(":")[0]
    raise RawReply(response_dict["status_code"], error_name, response_dict["body"])


@asynccontextmanager
async def open_inference_profiles(
    session: AioSession, settings: Settings, clocks: Clocks | None = None
) -> AsyncIterator[InferenceProfiles]:
    """Opening makes no client and calls nobody."""
    async with AsyncExitStack() as resources:
        yield InferenceProfiles(session, settings, resources, clocks or Clocks())
