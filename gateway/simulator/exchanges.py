"""What the simulator has seen: one `Exchange` a request, kept for the tests that run in the same process.

Bounded twice, by number and by bytes: `make run` lives for days, and a request of Claude Code is 50 to 500 KB.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

MAX_EXCHANGES: Final = 1_000
MAX_KEPT_BODY_BYTES: Final = 64 * 1024 * 1024

# `refused`: an error status that Bedrock itself would give. `faulted`: broken on purpose by a fault marker.
# `client_gone`: the peer closed before the end.
Outcome: TypeAlias = Literal["open", "complete", "refused", "faulted", "client_gone"]


@dataclass(slots=True, eq=False)
class Exchange:
    """Times are `loop.time()`; header names are in lower case; `body` is the parsed JSON, None if it was not JSON.

    `model_id` is what the URL names: a model, or the profile that GetInferenceProfile asks for.
    """

    operation: str
    model_id: str | None
    body: Any
    headers: dict[str, str]
    started: float
    body_bytes: int = 0
    query: dict[str, str] = field(default_factory=dict)
    ended: float | None = None
    outcome: Outcome = "open"
    status: int | None = None
    # A fault marker broke the answer; the simulator itself closed the connection.
    damaged: bool = field(default=False, repr=False)
    ended_by_simulator: bool = field(default=False, repr=False)


class ExchangeLog:
    """`wait_until` wakes its waiters at every change, so a test never polls."""

    def __init__(self) -> None:
        self.exchanges: deque[Exchange] = deque()
        self.open_count = 0
        self._kept_bytes = 0
        self._changed = asyncio.Event()

    def open(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self.open_count += 1
        self._kept_bytes += exchange.body_bytes
        while len(self.exchanges) > MAX_EXCHANGES or (
            self._kept_bytes > MAX_KEPT_BODY_BYTES and len(self.exchanges) > 1
        ):
            self._kept_bytes -= self.exchanges.popleft().body_bytes
        self._notify()

    def finish(self, exchange: Exchange, outcome: Outcome) -> None:
        """The first outcome stands: a reset that the simulator made is not the client's."""
        if exchange.outcome != "open":
            return
        exchange.outcome = outcome
        exchange.ended = asyncio.get_running_loop().time()
        self.open_count -= 1
        self._notify()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
