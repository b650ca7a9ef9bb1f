"""Ids of the tool calls in a reply, as Messages clients need them: legal, and unique in the whole conversation.

Bedrock's own ids are both and pass as they are. Some models bring theirs: Kimi writes `functions.name:0` and begins
anew on every turn, while clients match results to calls by the id alone, and Anthropic's API refuses dots and colons.
Such an id gets another one for good: the client sends it back with the result, Bedrock takes it, and call and result
agree on every later turn. The service keeps no state for that.
"""

import re
from collections.abc import Collection
from hashlib import sha256
from typing import Final

# Anthropic's pattern, in Bedrock's length.
CLIENT_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_IN_CLIENT_IDS: Final = re.compile(r"[^a-zA-Z0-9_-]")
MAX_READABLE_CHARACTERS: Final = 40
HASH_CHARACTERS: Final = 16


class ToolUseIds:
    """The ids of one reply. `in_history` are those of the calls that the request brought along."""

    def __init__(self, message_id: str, in_history: Collection[str] = ()) -> None:
        self._message_id = message_id
        self._taken = set(in_history)
        self._calls = 0

    def for_client(self, upstream_id: str) -> str:
        self._calls += 1
        if CLIENT_ID.fullmatch(upstream_id) and upstream_id not in self._taken:
            self._taken.add(upstream_id)
            return upstream_id
        return self._made_unique(upstream_id)

    def _made_unique(self, upstream_id: str) -> str:
        """A function of the reply's own id and the place in it, so that no two replies make the same one."""
        digest = sha256(f"{self._message_id} {self._calls} {upstream_id}".encode("utf-8", "surrogatepass")).hexdigest()
        readable = _NOT_IN_CLIENT_IDS.sub("_", upstream_id[:MAX_READABLE_CHARACTERS]) or "call"
        return f"{readable}_{digest[:HASH_CHARACTERS]}"
