"""Token counts: Converse's `usage` in Anthropic's disjoint buckets.

In both protocols the input count excludes cached tokens, so the buckets add up to the whole. Every member that the
Messages API declares is there, null where Bedrock says nothing: strictly typed clients do not parse less.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.protocol.payloads import as_count
from gateway.protocol.response_fields import NO_FIELDS, ResponseFields

# Bedrock's tiers in Anthropic's words, which has none for `flex` and `reserved`: they are not `priority`.
SERVICE_TIERS: Final[Mapping[str, str]] = {
    "default": "standard",
    "flex": "standard",
    "priority": "priority",
    "reserved": "standard",
}
STANDARD: Final = "standard"


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one reply. `cache_write_1h` is the part of `cache_write` kept for an hour; the rest lasts 5 minutes."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    thinking: int | None = None
    """The part of `output` that was thinking; None if Bedrock does not say."""
    service_tier: str = STANDARD

    def as_anthropic(self) -> dict[str, Any]:
        """The `usage` of message_delta. Clients that gather the stream take all but the split and the tier from it."""
        return {
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.cache_write,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_write - self.cache_write_1h,
                "ephemeral_1h_input_tokens": self.cache_write_1h,
            },
            "output_tokens": self.output,
            "output_tokens_details": None if self.thinking is None else {"thinking_tokens": self.thinking},
            "server_tool_use": None,
            "service_tier": self.service_tier,
            "iterations": None,
        }


# Bedrock never told: an answer without `metadata`. Zeros because the protocol wants numbers here; a real request never
# costs 0 input tokens, so nobody takes them for a bill, as they would an estimate. What may be null is null.
UNREPORTED: Final[Mapping[str, Any]] = {**Usage().as_anthropic(), "cache_creation": None, "service_tier": None}


def usage_at_start(input_tokens_estimate: int) -> dict[str, Any]:
    """The `usage` of message_start, where only an estimate of the whole input is known.

    Anthropic's SDKs replace the counts by message_delta's, but keep these split and tier: null, rather than untrue.
    """
    return {**UNREPORTED, "input_tokens": input_tokens_estimate, "inference_geo": None, "speed": None}


def is_told(usage: object) -> bool:
    """Without both numbers nobody knows what the answer cost: it must not count as nothing."""
    return isinstance(usage, dict) and None not in (
        as_count(usage.get("inputTokens")),
        as_count(usage.get("outputTokens")),
    )


def from_converse_usage(
    usage: Mapping[str, Any],
    fields: ResponseFields = NO_FIELDS,
    service_tier: object = None,
    *,
    only_1h_cache: bool = False,
) -> Usage:
    """`usage` is told (`is_told`). Other counts that are missing or odd are zero.

    `only_1h_cache`: the request asked for no cache of 5 minutes, which decides where nothing else tells the split.
    """
    output = as_count(usage.get("outputTokens")) or 0
    cache_write = as_count(usage.get("cacheWriteInputTokens")) or 0
    return Usage(
        input=as_count(usage.get("inputTokens")) or 0,
        output=output,
        cache_read=as_count(usage.get("cacheReadInputTokens")) or 0,
        cache_write=cache_write,
        cache_write_1h=_kept_for_an_hour(usage.get("cacheDetails"), fields, cache_write, only_1h_cache=only_1h_cache),
        thinking=fields.thinking_tokens if (fields.thinking_tokens or 0) <= output else None,
        service_tier=_service_tier(service_tier),
    )


def _kept_for_an_hour(details: object, fields: ResponseFields, cache_write: int, *, only_1h_cache: bool) -> int:
    """Of two sources only one that adds up to the tokens written is believed: the parts are priced differently."""
    split = fields.cache_creation
    if split is not None and split.five_minutes + split.one_hour == cache_write:
        return split.one_hour
    by_ttl = _by_ttl(details)
    if by_ttl and sum(by_ttl.values()) == cache_write:
        return by_ttl.get("1h", 0)
    return cache_write if only_1h_cache else 0


def _by_ttl(details: object) -> dict[str, int]:
    """Converse's `cacheDetails`. A TTL from the future counts among the rest, as 5 minutes would."""
    tokens: dict[str, int] = {}
    for entry in details if isinstance(details, list) else ():
        if isinstance(entry, dict):
            ttl = str(entry.get("ttl"))
            tokens[ttl] = tokens.get(ttl, 0) + (as_count(entry.get("inputTokens")) or 0)
    return tokens


def _service_tier(tier: object) -> str:
    kind = tier.get("type") if isinstance(tier, dict) else None
    return SERVICE_TIERS.get(str(kind), STANDARD)
