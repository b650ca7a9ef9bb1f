"""How a caller's own words stand in a message."""

from typing import Final

MAX_SHOWN_CHARACTERS: Final = 100


def shown(text: str) -> str:
    """Quoted, and not at any length."""
    return repr(text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}...")
