"""How many tokens a request has: Bedrock's own count where it can be had at once, an estimate otherwise.

Claude Code's `/context` asks some 30 times within 0.2 s. So whether a model can be counted at all is found out by one
request while the others wait for it a moment; only a few calls go out at a time; and whoever cannot be answered soon
gets the estimate. There is no task: when the request that asks is cancelled, the next in line asks.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256
from typing import Final

import msgspec

from gateway.catalog import Model, Resolution
from gateway.clocks import Clocks, Instant
from gateway.protocol.calibration import Calibration
from gateway.protocol.errors import (
    GatewayError,
    InvalidBeta,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RequestTooLarge,
)
from gateway.protocol.estimate import Estimate, estimate_output_format
from gateway.protocol.model_fields import BETAS
from gateway.protocol.to_converse import Translation
from gateway.upstreams.counting import TokenCounting, encode_count
from gateway.upstreams.refused_betas import RefusedBetas

# Calls to CountTokens at once. It has a quota of its own, and 30 calls of a tenth of a second still take half a second.
CALLS_AT_ONCE: Final = 8
# How long a request waits for its turn, and then for the answer. After that an estimate is the better answer: clients
# show the number to somebody who waits.
TURN_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 2.0
# A longer body would not arrive within that time, and Bedrock takes 25 MB at most.
MAX_ASKED_BYTES: Final = 4 * 2**20
# How long a model is not asked again: one that cannot be counted, and one that was throttled, slow or out of reach.
UNABLE_SECONDS: Final = 900.0
PAUSE_SECONDS: Final = 10.0
# Counts of requests seen before. The same bytes have the same tokens on the same model; an entry takes 200 bytes.
MAX_KNOWN_COUNTS: Final = 2048
# A ValidationException that is about counting and not about the request. "On-demand throughput isn't supported" is
# what a base id gets in a Region that has the model through profiles only.
CANNOT_COUNT: Final = re.compile(r"count(?:ing)?[ _]?tokens|token count|on-demand throughput", re.IGNORECASE)

# A child of the application's logger (logs.py), so that its lines come out as JSON with the others.
_log: Final = logging.getLogger("chatrix.counting")


class Count(msgspec.Struct, frozen=True):
    tokens: int
    is_exact: bool

    @property
    def headers(self) -> dict[str, str]:
        return {"x-chatrix-count": "exact" if self.is_exact else "estimate"}


class Question(msgspec.Struct, frozen=True):
    """One request to be counted. `body` is what CountTokens would be sent."""

    model: Model
    estimate: Estimate
    left_out: int
    """Tokens of what CountTokens does not take."""
    translation: Translation
    body: bytes = b""
    key: bytes = b""


def to_question(translation: Translation, model: Model, estimate: Estimate) -> Question:
    left_out = estimate_output_format(translation.request)
    if not model.capabilities.counts_tokens:
        return Question(model, estimate, left_out, translation)
    body = encode_count(translation.request)
    key = sha256(model.model_id.encode() + b"\0" + body).digest()
    return Question(model, estimate, left_out, translation, body, key)


class Ability(msgspec.Struct):
    """What is known about counting one model. Unproven and not resting: the next request finds out."""

    probing: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    proven: bool = False
    rest_seconds: float = 0.0
    rests_since: Instant | None = None


class TokenCounter:
    """Lives as long as the app. `calibration` is fed with each exact count, and corrects each estimate."""

    def __init__(self, counting: TokenCounting, calibration: Calibration, clocks: Clocks | None = None) -> None:
        self._counting = counting
        self.calibration = calibration
        self._clocks = clocks or Clocks()
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        # By base id, and only those that the catalog says can be counted: a handful.
        self._abilities: dict[str, Ability] = {}
        self._known: OrderedDict[bytes, int] = OrderedDict()
        # By base id: in its own Region a model may refuse what it takes behind a profile.
        self._refused_betas = RefusedBetas(clocks)

    async def count(
        self, translation: Translation, resolution: Resolution, estimate: Estimate, *, is_long: bool = False
    ) -> Count:
        """The request is sound: no failure of the counting is an error of the caller.

        Nobody is asked if the conversation must not be sent to the gateway's own Region.

        `is_long`: it is written in a thread, because it would hold up the other streams.
        """
        model = resolution.model
        if not resolution.region_permitted:
            return Count(self.calibration.tokens(model, estimate), is_exact=False)
        if is_long:
            question = await asyncio.to_thread(to_question, translation, model, estimate)
        else:
            question = to_question(translation, model, estimate)
        tokens = await self._count_upstream(question)
        if tokens is None:
            return Count(self.calibration.tokens(model, question.estimate), is_exact=False)
        return Count(tokens + question.left_out, is_exact=not question.left_out)

    async def _count_upstream(self, question: Question) -> int | None:
        if not 0 < len(question.body) <= MAX_ASKED_BYTES:
            return None
        ability = self._abilities.setdefault(question.model.model_id, Ability())
        tokens = self._known.get(question.key)
        if tokens is None and not self._rests(ability):
            with suppress(TimeoutError):
                tokens = await self._in_turn(ability, question)
        return tokens

    async def _in_turn(self, ability: Ability, question: Question) -> int | None:
        """Raises TimeoutError when the turn does not come. While nothing is known about the model one asks alone."""
        if not ability.proven:
            async with asyncio.timeout(TURN_SECONDS):
                await ability.probing.acquire()
            try:
                if not ability.proven:
                    return await self._ask(ability, question)
            finally:
                ability.probing.release()
        async with asyncio.timeout(TURN_SECONDS):
            await self._slots.acquire()
        try:
            return await self._ask(ability, question)
        finally:
            self._slots.release()

    async def _ask(self, ability: Ability, question: Question) -> int | None:
        # While this request waited, another one may have had the same body, or bad luck.
        if question.key in self._known or self._rests(ability):
            return self._known.get(question.key)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                tokens = await self._send(question)
        except TimeoutError:
            self._rest(ability, question.model, PAUSE_SECONDS, "no answer in time")
            return None
        except GatewayError as refusal:
            if seconds := rest_after(refusal):
                self._rest(ability, question.model, seconds, getattr(refusal.__cause__, "summary", refusal.type))
            return None
        ability.proven = True
        self._remember(question.key, tokens)
        self.calibration.learn(question.model, question.estimate, tokens + question.left_out)
        return tokens

    async def _send(self, question: Question) -> int:
        """Two calls at most. Without betas where the model refuses them, as the conversation goes too."""
        model_id, translation = question.model.model_id, question.translation
        betas = translation.request.get("additionalModelRequestFields", {}).get(BETAS, [])
        if translation.without_betas is None or not self._refused_betas.refuses(model_id, betas):
            try:
                return await self._counting.count(model_id, question.body)
            except InvalidBeta:
                if translation.without_betas is None:
                    raise
                self._refused_betas.add(model_id, betas)
        return await self._counting.count(model_id, encode_count(translation.request, translation.without_betas))

    def _rests(self, ability: Ability) -> bool:
        return self._clocks.seconds_since(ability.rests_since) < ability.rest_seconds

    def _rest(self, ability: Ability, model: Model, seconds: float, reason: str) -> None:
        if not self._rests(ability):
            _log.warning("CountTokens does not serve %s, estimating for %d s: %s", model.name, seconds, reason)
        ability.proven, ability.rest_seconds, ability.rests_since = False, seconds, self._clocks.now()

    def _remember(self, key: bytes, tokens: int) -> None:
        self._known[key] = tokens
        if len(self._known) > MAX_KNOWN_COUNTS:
            self._known.popitem(last=False)


def rest_after(refusal: GatewayError) -> float:
    """How long the model is not asked again. 0 for a refusal that is about this one request."""
    if isinstance(refusal, PermissionDenied | NotFound):
        return UNABLE_SECONDS
    if isinstance(refusal, RequestTooLarge):
        return 0.0
    if isinstance(refusal, InvalidRequest):
        return UNABLE_SECONDS if CANNOT_COUNT.search(refusal.message) else 0.0
    return PAUSE_SECONDS
