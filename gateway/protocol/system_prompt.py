"""`system` to Converse's `system`: text and cache points, without what Bedrock refuses or must not see.

The operator's own text comes last, but before a cache point that ends the caller's prompt: the point then covers both,
and since the text is the same on every turn, it is read from the cache with the rest.
"""

import re
from typing import Final

from gateway.protocol.blocks import TextBlock
from gateway.protocol.caching import mark
from gateway.protocol.converse import SystemBlock
from gateway.protocol.request_citations import plain_text
from gateway.protocol.scope import Scope

# One line of its own, in a block of its own. A longer text that merely begins like it is the caller's.
_ATTRIBUTION: Final = re.compile(r"x-anthropic-billing-header:[^\n]*\n?")


def to_system(system: str | tuple[TextBlock, ...] | None, scope: Scope) -> list[SystemBlock]:
    blocks = (TextBlock(system),) if isinstance(system, str) else system or ()
    content: list[SystemBlock] = []
    for index, block in enumerate(blocks):
        if not block.text.strip():
            scope.note("system/blank", f"system.{index}")
        elif _ATTRIBUTION.fullmatch(block.text) is not None:
            scope.note("system/attribution", f"system.{index}")
        else:
            content.append({"text": plain_text(block, f"system.{index}", scope)})
        mark(content, block.cache_control, scope, "system.cache_control")
    if scope.options.operator_text.strip():
        _add_operators(content, scope)
    return content


def _add_operators(content: list[SystemBlock], scope: Scope) -> None:
    scope.note("system/operator", "system")
    end = len(content) - 1 if content and "cachePoint" in content[-1] else len(content)
    content.insert(end, {"text": scope.options.operator_text})
