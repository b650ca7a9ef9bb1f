"""Claude Code at a terminal, as a person uses it: keys go in, what the screen is sent is kept."""

import asyncio
import fcntl
import json
import os
import re
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tests.e2e.claude_code import ClaudeCode
from tests.e2e.surroundings import found_by

ROWS: Final = 50
COLUMNS: Final = 160
READ_BYTES: Final = 65_536
SCREEN_TIMEOUT_SECONDS: Final = 20
# The client takes keys that come together with a return for something pasted.
KEYS_SETTLE_SECONDS: Final = 0.3
ENTER: Final = b"\r"
# What stands before the line one types in.
PROMPT: Final = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
# Cursor movements, colours; and other sequences that end with BEL, but for the window's title.
_CONTROL: Final = re.compile(rb"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\](?!0;)[^\x07\x1b]*(?:\x07|\x1b\\)")


@dataclass(slots=True)
class Terminal:
    """`written` is everything the client has sent to the screen."""

    master: int
    written: bytes = b""

    @property
    def text(self) -> str:
        """Words that a movement of the cursor keeps apart on the screen are kept apart by a space."""
        return re.sub(r"\s+", " ", _CONTROL.sub(b" ", self.written).decode(errors="replace"))

    async def shows(self, words: str) -> None:
        """Waits until they have been on the screen, or in the title of the window."""
        try:
            await found_by(lambda: words in self.text or None, SCREEN_TIMEOUT_SECONDS)
        except TimeoutError:
            raise AssertionError(f"{words!r} was never shown: {self.text[-3_000:]}") from None

    async def enter(self, line: str) -> None:
        os.write(self.master, line.encode())
        await asyncio.sleep(KEYS_SETTLE_SECONDS)
        os.write(self.master, ENTER)

    def read(self) -> None:
        try:
            self.written += os.read(self.master, READ_BYTES)
        except OSError:  # how Linux says that the other side is closed
            asyncio.get_running_loop().remove_reader(self.master)


@asynccontextmanager
async def open_terminal(claude: ClaudeCode, *arguments: str, **variables: str) -> AsyncIterator[Terminal]:
    """A running client that waits for its first prompt. The questions of a first start are answered already."""
    trust = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
    answered = {"hasCompletedOnboarding": True, "theme": "dark", "projects": {str(claude.folder): trust}}
    (claude.home / ".claude.json").write_text(json.dumps(answered))
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    terminal, loop = Terminal(master), asyncio.get_running_loop()
    try:
        variables = {"TERM": "xterm-256color", **variables}
        async with claude.started(*arguments, stdin=slave, stdout=slave, stderr=slave, variables=variables):
            loop.add_reader(master, terminal.read)
            await terminal.shows(PROMPT)
            yield terminal
    finally:
        loop.remove_reader(master)
        os.close(slave)
        os.close(master)
