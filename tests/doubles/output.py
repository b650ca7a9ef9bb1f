"""What a process writes: its lines with the times at which they were read, and a hand over the pipe.

A pipe that is held back is how a test proves an order: a process that must write before it goes on, cannot go on.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# One page, the least that Linux has. A line that does not fit into what is left of it has to wait.
PIPE_BYTES: Final = 4096
READ_BYTES: Final = 65_536


class Output:
    """Needs a running loop. `writing_end` is for the process; `begin` when it has been started."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str]] = []
        self._reading_end, self.writing_end = os.pipe()
        fcntl.fcntl(self.writing_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(self._reading_end, False)
        self._rest = b""
        self._ended = asyncio.Event()

    def begin(self) -> None:
        """From now on the process alone holds the writing end, so that its end is the end of the output."""
        os.close(self.writing_end)
        asyncio.get_running_loop().add_reader(self._reading_end, self._read)

    async def wait_ended(self) -> None:
        await self._ended.wait()

    @contextmanager
    def held_back(self, *, room_bytes: int) -> Iterator[None]:
        """Nothing is read, and the pipe takes `room_bytes` more. What was written before has been read."""
        self._read()
        asyncio.get_running_loop().remove_reader(self._reading_end)
        # Not a copy of the process's own end, which would become non-blocking with it.
        filling = os.open(f"/proc/self/fd/{self._reading_end}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(filling, b"\n" * (PIPE_BYTES - room_bytes))
            yield
        finally:
            os.close(filling)
            asyncio.get_running_loop().add_reader(self._reading_end, self._read)

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def _read(self) -> None:
        try:
            while piece := os.read(self._reading_end, READ_BYTES):
                *lines, self._rest = (self._rest + piece).split(b"\n")
                self.lines += [(time.monotonic(), line.decode()) for line in lines if line]
        except BlockingIOError:
            return
        asyncio.get_running_loop().remove_reader(self._reading_end)
        os.close(self._reading_end)
        self._ended.set()
