"""The `usage` member, with the members botocore does not model."""

from gateway.simulator.caching import InputUsage
from gateway.simulator.contents import JsonObject

OVERRIDABLE = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


def usage_member(given: InputUsage, output_tokens: int, overrides: JsonObject, *, streamed: bool) -> JsonObject:
    """Recorded streams without cachePoints have no cache members at all; whole answers always have them."""
    usage: JsonObject = {"inputTokens": given.input_tokens, "outputTokens": output_tokens, "serverToolUsage": {}}
    if given.has_points or not streamed:
        usage |= {"cacheReadInputTokens": given.read_tokens, "cacheWriteInputTokens": given.write_tokens}
    usage |= overrides
    if given.written and usage.get("cacheWriteInputTokens") == given.write_tokens:
        usage["cacheDetails"] = [{"inputTokens": tokens, "ttl": ttl} for ttl, tokens in given.written]
    for name in ("cacheReadInputTokens", "cacheWriteInputTokens"):
        if name in usage:
            usage[name.removesuffix("s") + "Count"] = usage[name]
    usage["totalTokens"] = sum(usage.get(name, 0) for name in OVERRIDABLE)
    return dict(sorted(usage.items()))
