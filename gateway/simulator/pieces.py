"""Cutting texts into deltas the way models do: a few words at a time, at least two pieces if it can be two."""

import re
from collections.abc import Iterator
from typing import Final

# Deltas in the recordings carry 1 to 40 characters, mostly one to four words.
DELTA_CHARACTERS: Final = 16
# One long word (`[[long:N]]`) comes in bigger pieces, or it would be thousands of events.
LONG_WORD_CHARACTERS: Final = 256
ARGUMENT_CHARACTERS: Final = 24

_WORD: Final = re.compile(rf"\s*\S{{1,{LONG_WORD_CHARACTERS}}}|\s+")


def cut_text(text: str, chunk: int | None) -> Iterator[str]:
    """An empty text is one empty delta. `chunk`: exactly so many characters each."""
    if chunk is not None or not text:
        yield from _slices(text, chunk or 1)
        return
    delta = ""
    sent = False
    for word in _WORD.findall(text):
        if delta and len(delta) + len(word) > DELTA_CHARACTERS:
            yield delta
            delta, sent = "", True
        delta += word
    if sent or len(delta) < 2:
        yield delta
    else:
        yield from _slices(delta, -(-len(delta) // 2))


def cut_arguments(arguments: str, chunk: int | None) -> Iterator[str]:
    """A tool without arguments gets one empty fragment, as Claude sends it."""
    if arguments == "{}":
        yield ""
        return
    yield from _slices(arguments, chunk or min(ARGUMENT_CHARACTERS, -(-len(arguments) // 3)))


def _slices(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text) or 1, size):
        yield text[start : start + size]
