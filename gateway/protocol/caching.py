"""`cache_control` marks to `cachePoint` elements.

A mark stands on a block, a cache point right behind it. Bedrock takes no point at the head of a list, behind reasoning,
behind a document that is not a PDF, or inside a tool result, and four at most in all. A point that has to move or go is
disclosed. Clients move their marks on every turn, so a mark must never change the content around it. The TTLs of a
request must not increase on the way: where blocks change places, the points keep their order (`in_their_order`).
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from gateway.catalog.capabilities import CachePlace
from gateway.protocol.blocks import CacheControl
from gateway.protocol.converse import CachePoint, ContentBlock, ConverseRequest, SystemBlock, ToolEntry
from gateway.protocol.scope import Scope

MAX_CACHE_POINTS: Final = 4
# How far before its place a point is put at most. Bedrock itself looks for cached text 20 blocks back, and a walk
# without an end would be repeated for every mark of a request made to be slow.
MAX_STEPS_BACK: Final = 40
# Of a point that does not say.
DEFAULT_TTL: Final = "5m"

# Where the points of a mark stand, by the name under which it is disclosed.
PLACES: Final[Mapping[str, CachePlace]] = {
    "tools.cache_control": "tools",
    "system.cache_control": "system",
    "content.cache_control": "messages",
    "cache_control": "messages",
}

Element = TypeVar("Element", ContentBlock, SystemBlock, ToolEntry)


def mark(content: list[Element], control: CacheControl | None, scope: Scope, name: str) -> None:
    """Puts a cache point at the end of `content`, or as near before it as Bedrock allows. `name` is for disclosure."""
    if control is None:
        return
    scope.note(name)
    if PLACES[name] not in scope.model.capabilities.cache_points:
        scope.note(f"{name}/not_on_this_model")
        return
    end = _last_place(content)
    if end == 0:
        scope.note(f"{name}/no_place")
        return
    if end < len(content):
        scope.note(f"{name}/moved")
    point = _cache_point(control, scope)
    before = content[end - 1].get("cachePoint")
    if before is None:
        content.insert(end, {"cachePoint": point})
    elif _ttl(before) != _ttl(point):
        scope.note(f"{name}/moved")


def _last_place(content: Sequence[Mapping[str, object]]) -> int:
    """The index behind the last block that takes a point. 0: there is none, or none near the end."""
    last = len(content)
    for end in range(last, max(last - MAX_STEPS_BACK, 0), -1):
        if not _takes_no_point(content[end - 1]):
            return end
    return 0


def in_their_order(moved: list[ContentBlock], before: list[ContentBlock], scope: Scope) -> list[ContentBlock]:
    """The blocks of a turn that have changed places, with their cache points in the order of the caller's."""
    points = (block for block in before if "cachePoint" in block)
    content = [next(points) if "cachePoint" in block else block for block in moved]
    if content != moved:
        scope.note("content.cache_control/moved")
    return content


def _ttl(point: CachePoint) -> str:
    return point.get("ttl", DEFAULT_TTL)


def _takes_no_point(block: Mapping[str, object]) -> bool:
    document = block.get("document")
    return "reasoningContent" in block or (isinstance(document, dict) and document["format"] != "pdf")


def _cache_point(control: CacheControl, scope: Scope) -> CachePoint:
    if control.ttl is None:
        return {"type": "default"}
    if scope.model.capabilities.cache_ttl_1h:
        return {"type": "default", "ttl": control.ttl}
    if control.ttl != DEFAULT_TTL:
        scope.note("cache_control.ttl/not_on_this_model")
    return {"type": "default"}


def mark_whole(request: ConverseRequest, control: CacheControl | None, scope: Scope) -> None:
    """Top-level `cache_control`: one more point, at the end of the conversation, if there is one left."""
    if control is None:
        return
    last = request["messages"][-1]["content"]
    if _points(request) < MAX_CACHE_POINTS or "cachePoint" in last[-1]:
        mark(last, control, scope, "cache_control")
    else:
        scope.note("cache_control/no_point_left")


def limit_points(request: ConverseRequest, scope: Scope) -> None:
    """Takes points away until four are left: the earliest of the messages first, then the system's, then the tools'."""
    surplus = _points(request) - MAX_CACHE_POINTS
    if surplus <= 0:
        return
    for turn in request["messages"]:
        surplus -= _remove_first(turn["content"], surplus, scope, "content.cache_control")
    surplus -= _remove_first(request.get("system", []), surplus, scope, "system.cache_control")
    if "toolConfig" in request:
        _remove_first(request["toolConfig"]["tools"], surplus, scope, "tools.cache_control")


def _remove_first(content: list[Element], surplus: int, scope: Scope, name: str) -> int:
    """How many it removed, `surplus` at most."""
    points = [index for index, block in enumerate(content) if "cachePoint" in block]
    doomed = frozenset(points[: max(surplus, 0)])
    if doomed:
        scope.note(f"{name}/over_four")
        content[:] = [block for index, block in enumerate(content) if index not in doomed]
    return len(doomed)


def _points(request: ConverseRequest) -> int:
    in_turns = sum("cachePoint" in block for turn in request["messages"] for block in turn["content"])
    in_system = sum("cachePoint" in block for block in request.get("system", []))
    in_tools = sum("cachePoint" in tool for tool in request["toolConfig"]["tools"]) if "toolConfig" in request else 0
    return in_turns + in_system + in_tools


def only_1h_points(request: ConverseRequest) -> bool:
    """There are cache points, and each of them keeps for an hour."""
    blocks = [*request.get("system", []), *(block for turn in request["messages"] for block in turn["content"])]
    ttls = {_ttl(block["cachePoint"]) for block in blocks if "cachePoint" in block}
    ttls |= {
        _ttl(tool["cachePoint"]) for tool in request.get("toolConfig", {"tools": []})["tools"] if "cachePoint" in tool
    }
    return ttls == {"1h"}
