"""One timer for all silences."""

import asyncio
from typing import Final

from gateway.rounds import LOOKS_A_LIMIT, Rounds

SOON_SECONDS: Final = 5.0
LIMIT_SECONDS: Final = 0.1


class Watcher:
    def __init__(self) -> None:
        self.looks = 0
        self._looked = asyncio.Event()

    def look(self) -> None:
        self.looks += 1
        self._looked.set()

    async def wait(self, looks: int) -> None:
        async with asyncio.timeout(SOON_SECONDS):
            while self.looks < looks:
                self._looked.clear()
                await self._looked.wait()


async def test_a_limit_has_ten_looks_and_never_more() -> None:
    rounds, watcher, loop = Rounds(LIMIT_SECONDS), Watcher(), asyncio.get_running_loop()
    began = loop.time()
    rounds.join(watcher)
    await watcher.wait(LOOKS_A_LIMIT)
    assert loop.time() - began >= LIMIT_SECONDS * 0.99


async def test_who_joins_twice_is_looked_at_once_and_who_has_left_never() -> None:
    rounds, stays, leaves = Rounds(LIMIT_SECONDS), Watcher(), Watcher()
    for _ in range(2):
        rounds.join(stays)
        rounds.join(leaves)
    await leaves.wait(2)
    assert abs(stays.looks - leaves.looks) <= 1
    rounds.leave(leaves)
    rounds.leave(leaves)
    seen = leaves.looks
    await stays.wait(seen + 3)
    assert leaves.looks == seen


async def test_one_may_leave_while_all_are_looked_at() -> None:
    rounds, other = Rounds(LIMIT_SECONDS), Watcher()

    class Leaving(Watcher):
        def look(self) -> None:
            super().look()
            rounds.leave(self)

    leaving = Leaving()
    rounds.join(leaving)
    rounds.join(other)
    await other.wait(3)
    assert leaving.looks == 1


async def test_they_begin_again_after_a_rest() -> None:
    rounds, first, second = Rounds(LIMIT_SECONDS), Watcher(), Watcher()
    rounds.join(first)
    await first.wait(1)
    rounds.leave(first)
    await asyncio.sleep(LIMIT_SECONDS / LOOKS_A_LIMIT * 3)
    rounds.join(second)
    await second.wait(2)
    assert first.looks == 1
