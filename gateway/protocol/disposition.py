"""What became of a request's features: the short names that the reply's headers and the log line disclose.

Names come partly from the caller (unknown fields, betas), so they are cut to a harmless alphabet, length and count
before they can reach a header.
"""

import re
from typing import Final

MAX_NAMES: Final = 40
MAX_NAME_CHARACTERS: Final = 64
# Stands last when there were more names than a header should hold.
MORE: Final = "and_more"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.:-]")

# What is removed without a word, and why. Everything else that goes missing has a name in `dropped`.
REMOVED_SILENTLY: Final = {
    "messages.content.text": "Blank text: Bedrock refuses the request, and no model reads anything in it.",
    "stop_sequences": "Empty ones: Bedrock refuses them, and nothing can stop at them.",
    "tools": "Claude Code's DeferredToolPlaceholder, which stands for what is not loaded: calling it does nothing.",
    "system.text": "Claude Code's attribution line: only api.anthropic.com reads it, and it changes with the "
    "conversation, which would defeat prompt caching.",
}


class Disposition:
    """Names in the order in which they came up, each one once."""

    def __init__(self) -> None:
        self._dropped: dict[str, None] = {}
        self._approximated: dict[str, None] = {}

    def drop(self, name: str) -> None:
        _add(self._dropped, name)

    def approximate(self, name: str) -> None:
        _add(self._approximated, name)

    @property
    def dropped(self) -> tuple[str, ...]:
        return tuple(self._dropped)

    @property
    def approximated(self) -> tuple[str, ...]:
        return tuple(self._approximated)


def _add(names: dict[str, None], name: str) -> None:
    name = harmless(name)
    if name not in names and len(names) < MAX_NAMES:
        names[name if len(names) < MAX_NAMES - 1 else MORE] = None


def harmless(name: str) -> str:
    """A name that can stand in a header: no spaces, commas or control characters, and short."""
    return _UNSAFE.sub("_", name[:MAX_NAME_CHARACTERS])
