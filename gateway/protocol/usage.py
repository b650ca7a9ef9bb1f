"""Token counts: Converse's `usage` in Anthropic's disjoint buckets.

In both protocols the input count excludes cached tokens, so the buckets add up to the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one reply. `cache_write_1h` is the part of `cache_write` kept for an hour; the rest lasts 5 minutes."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0

    def as_anthropic(self) -> dict[str, Any]:
        """The `usage` object of message_delta and of a whole message."""
        return {
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.cache_write,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_write - self.cache_write_1h,
                "ephemeral_1h_input_tokens": self.cache_write_1h,
            },
            "output_tokens": self.output,
        }


# Of message_start, when nothing is known yet. SDKs take the counts of message_delta instead, but not the split.
UNKNOWN_USAGE: Final = {**Usage().as_anthropic(), "service_tier": "standard"}


def from_converse_usage(usage: Mapping[str, Any]) -> Usage:
    """Missing or odd counts are zero: a missing number must not break an answer that is whole."""
    cache_write = _count(usage.get("cacheWriteInputTokens"))
    return Usage(
        input=_count(usage.get("inputTokens")),
        output=_count(usage.get("outputTokens")),
        cache_read=_count(usage.get("cacheReadInputTokens")),
        cache_write=cache_write,
        cache_write_1h=min(_written_for_an_hour(usage.get("cacheDetails")), cache_write),
    )


def _written_for_an_hour(details: object) -> int:
    if not isinstance(details, list):
        return 0
    return sum(
        _count(entry.get("inputTokens")) for entry in details if isinstance(entry, dict) and entry.get("ttl") == "1h"
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
