"""What a test can lay in the way of an operation, above all of those that no conversation directs."""

import asyncio
from dataclasses import dataclass

from gateway.simulator.connection import until_connection_lost
from gateway.simulator.refusals import Refusal


@dataclass(slots=True)
class Trouble:
    """First the delay, then silence for ever or the refusal. `times`: only for the next so many requests."""

    refusal: Refusal | None = None
    delay_seconds: float = 0.0
    hang: bool = False
    times: int | None = None

    async def meet(self) -> None:
        """May raise `Refusal`; a hang is left by cancellation only."""
        if self.times is not None:
            if self.times == 0:
                return
            self.times -= 1
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.hang:
            await until_connection_lost()
        if self.refusal is not None:
            raise self.refusal
