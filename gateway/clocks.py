"""How old something is, on a machine that may have been stopped meanwhile.

Lambda freezes the process between requests. The monotonic clock may stand still then; the wall clock goes on, and may
be set. Neither alone is enough.
"""

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

# Between two looks at both clocks. Less is drift, and the correction of it.
JUMP_SECONDS: Final = 2.0


class Instant(NamedTuple):
    wall: float
    monotonic: float


class Clocks(msgspec.Struct, frozen=True):
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


class TokenBucket:
    """`capacity` at once, and one more each `seconds_per_token`. A freeze counts as time, whichever clock saw it."""

    def __init__(self, clocks: Clocks, capacity: float, seconds_per_token: float) -> None:
        self._clocks = clocks
        self._capacity = capacity
        self._seconds_per_token = seconds_per_token
        self._tokens = capacity
        self._counted = clocks.now()

    def is_empty(self) -> bool:
        grown = self._clocks.seconds_since(self._counted) / self._seconds_per_token
        self._counted = self._clocks.now()
        self._tokens = min(self._capacity, self._tokens + grown)
        return self._tokens < 1

    def take(self) -> bool:
        """False: there is none left."""
        if self.is_empty():
            return False
        self._tokens -= 1
        return True


class FreezeDetector:
    """Tells whether the process stood still since it was last asked: then the two clocks went different ways."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._seen = clocks.now()

    def thawed(self) -> bool:
        now, seen = self._clocks.now(), self._seen
        self._seen = now
        return abs((now.wall - seen.wall) - (now.monotonic - seen.monotonic)) > JUMP_SECONDS
