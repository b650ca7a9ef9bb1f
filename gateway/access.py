"""Who may come in: an API key to its caller, and how many at once.

Keys exist here as SHA-256 only. Every candidate is compared with every stored hash in constant time and to the end, so
that the time an answer takes says nothing about the keys.
"""

import hmac
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from gateway.clocks import Clocks, TokenBucket
from gateway.key_ring import SINGLE_KEY_NAME, KeyEntry, KeyRing, could_be_key, hash_key, parse_secret
from gateway.protocol.errors import Overloaded, RateLimited, Unauthenticated
from gateway.secret_store import SECONDS_PER_EARLY_READ, Secret, SecretReader, SecretStore
from gateway.settings import Settings

HOW_TO_SEND: Final = (
    "Send it in the header `x-api-key: KEY` or `Authorization: Bearer KEY` (Claude Code: set ANTHROPIC_AUTH_TOKEN)."
)
NO_KEY: Final = f"The request has no API key. {HOW_TO_SEND}"
NOT_A_KEY: Final = f"What was sent as API key cannot be one. {HOW_TO_SEND}"
UNKNOWN_KEY: Final = f"The API key is not valid. Ask whoever runs this gateway for one. {HOW_TO_SEND}"
EXPIRED_KEY: Final = "This API key ({name}) expired at {when}. Ask whoever runs this gateway for a new one."
GUESSING: Final = (
    "The API key is none of those that the gateway knows, and too many such keys have been tried here lately. If it is "
    "a new key, send it again in a few seconds; if not, ask whoever runs this gateway for one."
)
# Wrong keys that are told so, for all callers together: a few mistakes of people at once, and nobody's dictionary.
WRONG_KEYS_AT_ONCE: Final = 10.0
SECONDS_PER_WRONG_KEY: Final = 1.0
# By then the guesses themselves have had the secret read again, so that a new key gets in by its client's own retry.
GUESSING_HEADERS: Final[Mapping[str, str]] = {"retry-after": f"{SECONDS_PER_EARLY_READ:g}", "connection": "close"}
CLOSING: Final = "The gateway is shutting down. Send the request again."
FULL: Final = "The gateway is answering as many requests as it may at once. Try again in a moment."
FULL_OF_BODIES: Final = "The gateway is reading as many large requests as its memory allows. Try again in a moment."

# A child of the application's logger (logs.py), so that its lines come out as JSON with the others.
_log: Final = logging.getLogger("chatrix.access")


class Caller(msgspec.Struct, frozen=True):
    name: str
    models: tuple[str, ...] = ()

    def may_use(self, model_name: str) -> bool:
        return not self.models or any(fnmatchcase(model_name, glob) for glob in self.models)


class Gatekeeper:
    def __init__(
        self,
        store: SecretStore[KeyRing],
        *,
        previous_grace_seconds: float,
        clocks: Clocks,
    ) -> None:
        self._store = store
        self._previous_grace_seconds = previous_grace_seconds
        self._wall = clocks.wall
        self._wrong_keys = TokenBucket(clocks, WRONG_KEYS_AT_ONCE, SECONDS_PER_WRONG_KEY)

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """Raises Unauthenticated, RateLimited while somebody guesses, or ApiError when the keys are not readable.

        While somebody guesses, an unknown key neither waits nor has the secret read. And nothing is delayed on purpose:
        that would take a place away from those who have a key, and on Lambda be billed.

        `headers` must not mind the case of names, as aiohttp's do not. A request that has no key costs no read.
        """
        hashes = candidate_hashes(headers)
        matches: list[KeyEntry] = []

        def find_valid(secret: Secret[KeyRing]) -> KeyEntry | None:
            matches[:] = _matches(self._entries(secret), hashes)
            return next((entry for entry in matches if self._is_valid(entry)), None)

        def may_look() -> bool:
            """An expired key is looked for again like an unknown one: it may have been prolonged a moment ago."""
            return bool(matches) or not self._wrong_keys.is_empty()

        entry = await self._store.find(find_valid, may_look)
        if entry is not None:
            return Caller(entry.name, entry.models)
        if matches:
            raise Unauthenticated(_expiry_text(matches[0]), fault="key_refused")
        # Taken only now, and not before the look: a thousand uses of a new key are not one guess.
        if not self._wrong_keys.take():
            raise RateLimited(GUESSING, headers=GUESSING_HEADERS, fault="guessing")
        raise Unauthenticated(UNKNOWN_KEY, fault="key_refused")

    async def warm(self) -> None:
        """Reads the keys if there are none yet. Raises ApiError when that fails."""
        await self._store.find(lambda secret: secret)

    def _is_valid(self, entry: KeyEntry) -> bool:
        return entry.expires is None or self._wall() < entry.expires

    def _entries(self, secret: Secret[KeyRing]) -> Sequence[KeyEntry]:
        """With a list, overlap is two entries; only a single key leaves its predecessor valid for a time."""
        current, previous = secret.current, secret.previous
        # Without a grace the date of the rotation is not asked: two clocks never agree to the second.
        if previous is None or not self._previous_grace_seconds or not (current.is_single and previous.is_single):
            return current.entries
        ends = secret.current_created + self._previous_grace_seconds
        return *current.entries, *(KeyEntry(SINGLE_KEY_NAME, entry.key_hash, ends) for entry in previous.entries)


def gatekeeper_for(reader: SecretReader, settings: Settings, clocks: Clocks | None = None) -> Gatekeeper:
    clocks = clocks or Clocks()
    store = SecretStore(reader, parse_secret, settings, clocks=clocks, announce=log_key_ring)
    return Gatekeeper(store, previous_grace_seconds=settings.previous_grace_seconds, clocks=clocks)


def log_key_ring(ring: KeyRing) -> None:
    """What was read, each time it changes: counts and mistakes, never a key."""
    _log.info("key secret read, usable keys in it: %d", len(ring.entries))
    for problem in ring.problems:
        _log.warning("left out of the key secret: %s", problem)
    if ring.ignored_fields:
        _log.warning("fields of the key secret that have no effect: %s", ", ".join(ring.ignored_fields))


def candidate_hashes(headers: Mapping[str, str]) -> list[bytes]:
    """Both headers count: Claude Code sends two different values when both of its variables are set."""
    sent = [headers.get("x-api-key", "").strip(" \t"), _bearer_token(headers.get("authorization", ""))]
    sent = [key for key in sent if key]
    if not sent:
        raise Unauthenticated(NO_KEY, fault="key_refused")
    hashes = [hash_key(key) for key in sent if could_be_key(key)]
    if not hashes:
        raise Unauthenticated(NOT_A_KEY, fault="key_refused")
    return hashes


def _bearer_token(authorization: str) -> str:
    scheme, _, token = authorization.strip(" \t").partition(" ")
    return token.strip(" \t") if scheme.lower() == "bearer" else ""


def _matches(entries: Sequence[KeyEntry], hashes: Sequence[bytes]) -> list[KeyEntry]:
    return [entry for key_hash in hashes for entry in entries if hmac.compare_digest(entry.key_hash, key_hash)]


def _expiry_text(entry: KeyEntry) -> str:
    when = datetime.fromtimestamp(entry.expires or 0, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return EXPIRED_KEY.format(name=entry.name, when=when)


class Admission:
    """At most `limit` requests inside, and `bodies_bytes` of their bodies. Refusing early is cheap; a queue would only
    make everybody late.
    """

    def __init__(self, limit: int, bodies_bytes: int) -> None:
        self._limit = limit
        self._bodies_bytes = bodies_bytes
        self._inside = 0
        self._held_bytes = 0
        self._closed = False

    @property
    def inside(self) -> int:
        return self._inside

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def close(self) -> None:
        """Whoever is inside may stay; nobody else comes in."""
        self._closed = True

    @contextmanager
    def enter(self) -> Iterator["Place"]:
        if self._closed:
            raise Overloaded(CLOSING, headers={"retry-after": "1"}, fault="shed")
        if self._inside >= self._limit:
            raise Overloaded(FULL, headers={"retry-after": "1"}, fault="shed")
        self._inside += 1
        place = Place(self)
        try:
            yield place
        finally:
            place.let_go()
            self._inside -= 1

    def hold(self, more_bytes: int, own_bytes: int) -> None:
        """Raises Overloaded where others hold so much that it would be too much. A body alone is never too much."""
        others = self._held_bytes - own_bytes
        if others and self._held_bytes + more_bytes > self._bodies_bytes:
            raise Overloaded(FULL_OF_BODIES, headers={"retry-after": "1"}, fault="shed")
        self._held_bytes += more_bytes

    def let_go(self, held_bytes: int) -> None:
        self._held_bytes -= held_bytes


class Place:
    """One request's. What it holds of bodies is let go when Bedrock has them, or with the place."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held_bytes = 0

    def hold(self, more_bytes: int) -> None:
        self._admission.hold(more_bytes, self._held_bytes)
        self._held_bytes += more_bytes

    def let_go(self) -> None:
        self._admission.let_go(self._held_bytes)
        self._held_bytes = 0
