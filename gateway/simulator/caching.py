"""Prompt caching, accounted as Bedrock bills it.

A prompt is one sequence of blocks: tools, system, messages. After each block its prefix has a hash; a cachePoint makes
the prefix before it worth keeping. A later request reads the longest kept prefix that one of its points finds within
its look-back, which renews it, and writes what its points add. Nothing but hashes and times is kept.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import orjson

from gateway.simulator.check_caching import cacheable_lists
from gateway.simulator.contents import JsonObject
from gateway.simulator.tokens import CHARACTERS_PER_TOKEN, block_characters, input_tokens

TTL_SECONDS: Final = {"5m": 300.0, "1h": 3600.0}
# Of a model that the catalog does not have. A shorter prefix is silently not cached.
MINIMUM_PREFIX_TOKENS: Final = 1024
# How many blocks back from a cachePoint a kept prefix is looked for.
LOOK_BACK_BLOCKS: Final = 20
MAX_PREFIXES: Final = 10_000


@dataclass(frozen=True, slots=True)
class InputUsage:
    """Disjoint: the whole input is the sum of the three. `written` says how much went in for which TTL."""

    input_tokens: int
    read_tokens: int = 0
    write_tokens: int = 0
    written: tuple[tuple[str, int], ...] = ()
    has_points: bool = False


@dataclass(frozen=True, slots=True)
class _Prefix:
    digest: bytes
    tokens: int


@dataclass(frozen=True, slots=True)
class _Point:
    position: int
    ttl: str


@dataclass(slots=True)
class _Kept:
    ttl_seconds: float
    expires: float


class PromptCache:
    """One for all models: the model id is part of every hash."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_prefixes: int = MAX_PREFIXES) -> None:
        self._clock = clock
        self._max_prefixes = max_prefixes
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    def account(self, request: JsonObject, model_id: str, minimum_tokens: int = MINIMUM_PREFIX_TOKENS) -> InputUsage:
        """What this request reads, writes and pays in full. Keeps what it writes."""
        prefixes, points, characters = _measure(request, model_id)
        total_tokens = input_tokens(characters)
        read_tokens = self._longest_read(prefixes, points)
        written: dict[str, int] = {}
        covered_tokens = read_tokens
        for point in points:
            prefix = prefixes[point.position]
            if prefix.tokens < minimum_tokens:
                continue
            if prefix.tokens > covered_tokens:
                written[point.ttl] = written.get(point.ttl, 0) + prefix.tokens - covered_tokens
                covered_tokens = prefix.tokens
            self._keep(prefix.digest, TTL_SECONDS[point.ttl])
        write_tokens = covered_tokens - read_tokens
        return InputUsage(
            input_tokens=total_tokens - read_tokens - write_tokens,
            read_tokens=read_tokens,
            write_tokens=write_tokens,
            # The real order: 1h before 5m.
            written=tuple((ttl, written[ttl]) for ttl in ("1h", "5m") if ttl in written),
            has_points=bool(points),
        )

    def _longest_read(self, prefixes: list[_Prefix], points: list[_Point]) -> int:
        best: _Prefix | None = None
        for point in points:
            for position in range(point.position, max(-1, point.position - LOOK_BACK_BLOCKS), -1):
                prefix = prefixes[position]
                if best is not None and prefix.tokens <= best.tokens:
                    break
                if self._is_kept(prefix.digest):
                    best = prefix
                    break
        if best is None:
            return 0
        self._keep(best.digest, self._kept[best.digest].ttl_seconds)
        return best.tokens

    def _is_kept(self, digest: bytes) -> bool:
        kept = self._kept.get(digest)
        return kept is not None and kept.expires > self._clock()

    def _keep(self, digest: bytes, ttl_seconds: float) -> None:
        """Being read or written again starts the time anew; a shorter TTL does not shorten a longer one."""
        now = self._clock()
        kept = self._kept.get(digest)
        expires = now + ttl_seconds
        if kept is not None and kept.expires > expires:
            expires, ttl_seconds = kept.expires, kept.ttl_seconds
        self._kept[digest] = _Kept(ttl_seconds, expires)
        self._kept.move_to_end(digest)
        while len(self._kept) > self._max_prefixes:
            self._kept.popitem(last=False)


def prompt_characters(request: JsonObject) -> int:
    return sum(block_characters(block) for _, blocks in cacheable_lists(request) for block in blocks)


def _measure(request: JsonObject, model_id: str) -> tuple[list[_Prefix], list[_Point], int]:
    """The prefix after each block, the cachePoints by the position of the block before them, all characters."""
    running = blake2b(model_id.encode(), digest_size=16)
    prefixes: list[_Prefix] = []
    points: list[_Point] = []
    characters = 0
    for place, blocks in cacheable_lists(request):
        running.update(place.encode())
        for block in blocks:
            if block.get("cachePoint"):
                points.append(_Point(len(prefixes) - 1, block["cachePoint"].get("ttl") or "5m"))
                continue
            running.update(orjson.dumps(block))
            characters += block_characters(block)
            prefixes.append(_Prefix(running.copy().digest(), characters // CHARACTERS_PER_TOKEN))
    return prefixes, points, characters
