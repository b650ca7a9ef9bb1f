"""Names for documents: Bedrock requires one on each, of a narrow alphabet and unique over the whole request.

A name depends on the document and on those before it, never on those after: the beginning of a conversation keeps its
bytes on every turn.
"""

import re
from hashlib import sha256
from typing import Final

MAX_CHARACTERS: Final = 200
# What is left of a title of that length beside the longest number.
STEM_CHARACTERS: Final = MAX_CHARACTERS - len(" (1000000)")
# Bedrock: "alphanumeric characters, whitespace characters (no more than one in a row), hyphens, parentheses, and
# square brackets".
_NOT_ALLOWED: Final = re.compile(r"[^a-zA-Z0-9()\[\] -]+")
_SPACES: Final = re.compile(r" {2,}")
_EXTENSION: Final = re.compile(r"\.[a-zA-Z][a-zA-Z0-9]{0,4}$")


class DocumentNames:
    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._repeats: dict[str, int] = {}
        """By what names that are cut for their number have in common: numbers that are taken are passed over once."""

    def name(self, title: str | None, content: str) -> str:
        """A name like the title, or one made from the content; the second of a kind gets ` (2)`."""
        wanted = _cleaned(title or "") or f"document-{sha256(content.encode()).hexdigest()[:8]}"
        name = wanted
        stem = wanted[:STEM_CHARACTERS]
        while name in self._taken:
            self._repeats[stem] = self._repeats.get(stem, 1) + 1
            suffix = f" ({self._repeats[stem]})"
            name = wanted[: MAX_CHARACTERS - len(suffix)].rstrip() + suffix
        self._taken.add(name)
        return name


def _cleaned(title: str) -> str:
    allowed = _NOT_ALLOWED.sub(" ", _EXTENSION.sub("", title))
    return _SPACES.sub(" ", allowed).strip()[:MAX_CHARACTERS].strip()
