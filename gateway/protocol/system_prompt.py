"""`system` to Converse's `system`: text and cache points, without what Bedrock refuses or must not see."""

import re
from typing import Final

from gateway.protocol.caching import mark
from gateway.protocol.converse import SystemBlock
from gateway.protocol.messages import TextBlock
from gateway.protocol.scope import Scope

# One line of its own, in a block of its own. A longer text that merely begins like it is the caller's.
_ATTRIBUTION: Final = re.compile(r"x-anthropic-billing-header:[^\n]*\n?")


def to_system(system: str | tuple[TextBlock, ...] | None, scope: Scope) -> list[SystemBlock]:
    blocks = (TextBlock(system or ""),) if isinstance(system, str | None) else system
    content: list[SystemBlock] = []
    for block in blocks:
        if block.text.strip() and _ATTRIBUTION.fullmatch(block.text) is None:
            content.append({"text": block.text})
        mark(content, block.cache_control, scope, "system.cache_control")
    return content
