"""Names and ids that Bedrock does not take, made into ones that it takes.

Everything is a function of the name alone: the service keeps no state between requests, and a conversation must be the
same bytes on every turn. Bedrock's patterns: tool names `[a-zA-Z0-9_-]{1,64}` (Anthropic allows 128 characters, and MCP
tools of Claude Code use them), tool use ids `[a-zA-Z0-9_.:-]{1,64}`.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from gateway.protocol.errors import InvalidRequest
from gateway.protocol.wording import shown

MAX_CHARACTERS: Final = 64
HASH_CHARACTERS: Final = 10
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_IN_TOOL_NAMES: Final = re.compile(r"[^a-zA-Z0-9_-]")
_TOOL_USE_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NOT_IN_TOOL_USE_IDS: Final = re.compile(r"[^a-zA-Z0-9_.:-]")


def wire_tool_name(name: str) -> str:
    if _TOOL_NAME.fullmatch(name):
        return name
    return _with_hash(_NOT_IN_TOOL_NAMES.sub("_", name), name)


def wire_tool_use_id(tool_use_id: str) -> str:
    """The same for a call and its result. Not turned back: Bedrock chooses the ids of its own calls."""
    if _TOOL_USE_ID.fullmatch(tool_use_id):
        return tool_use_id
    return _with_hash(_NOT_IN_TOOL_USE_IDS.sub("_", tool_use_id), tool_use_id)


def _with_hash(readable: str, name: str) -> str:
    digest = sha256(name.encode()).hexdigest()[:HASH_CHARACTERS]
    return f"{readable[: MAX_CHARACTERS - HASH_CHARACTERS - 1]}_{digest}"


class ToolNames:
    """The tool names of one request. Two names that would be the same on the wire are refused."""

    def __init__(self) -> None:
        self._to_wire: dict[str, str] = {}
        self._to_client: dict[str, str] = {}

    def on_wire(self, name: str, path: str) -> str:
        known = self._to_wire.get(name)
        if known is not None:
            return known
        wire = wire_tool_name(name)
        other = self._to_client.setdefault(wire, name)
        if other != name:
            raise InvalidRequest(f"{path}: the tool names {shown(name)} and {shown(other)} would both become {wire!r}")
        self._to_wire[name] = wire
        return wire

    def renamed(self) -> Mapping[str, str]:
        """Name on the wire to the client's name, where they differ."""
        return {wire: name for wire, name in self._to_client.items() if wire != name}
