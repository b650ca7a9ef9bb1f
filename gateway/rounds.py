"""One timer for what has to be looked at every now and then: the silence of each open stream, on both sides.

A timer for each stream would be made and cancelled with it, among all others that wait: that costs a short request a
tenth of a millisecond with cold caches, and nobody cares whether silence is found a tenth of its limit later.
"""

import asyncio
from typing import Final, Protocol

# In one limit: so much later than it what is over the limit may be found.
LOOKS_A_LIMIT: Final = 10
LEAST_SECONDS: Final = 0.005


class Watcher(Protocol):
    def look(self) -> None:
        """Must not raise: others wait behind it."""


class Rounds:
    """Goes from one watcher to the next, a tenth of `limit_seconds` after it did so last; rests while there is none."""

    def __init__(self, limit_seconds: float) -> None:
        self._seconds = max(limit_seconds / LOOKS_A_LIMIT, LEAST_SECONDS)
        self._watchers: set[Watcher] = set()
        self._is_going = False

    def join(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        if not self._is_going:
            self._is_going = True
            asyncio.get_running_loop().call_later(self._seconds, self._go)

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    def _go(self) -> None:
        self._is_going = bool(self._watchers)
        if self._is_going:
            asyncio.get_running_loop().call_later(self._seconds, self._go)
        for watcher in tuple(self._watchers):
            watcher.look()
