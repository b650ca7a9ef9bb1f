"""`python -m tests.faults.jumping_clock serve`: the gateway on a machine that freezes as Lambda does.

There the monotonic clock may stand still during a freeze, and the wall clock goes on. Where SIGSTOP stands in for the
freeze both go on. So with each SIGCONT the wall clock is an hour ahead; that is the machine's clock, before anything of
the gateway is loaded, and nothing of the gateway is changed.
"""

import signal
import time
from typing import Final

FROZEN_SECONDS: Final = 3_600.0


def jump_at_each_thaw() -> None:
    clock, jumped = time.time, 0.0

    def thawed(*_: object) -> None:
        nonlocal jumped
        jumped += FROZEN_SECONDS

    time.time = lambda: clock() + jumped
    signal.signal(signal.SIGCONT, thawed)


if __name__ == "__main__":
    jump_at_each_thaw()
    from gateway.__main__ import run

    run()
