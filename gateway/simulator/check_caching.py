"""What Bedrock asks of cachePoint blocks. Inside a toolResult they are unknown members, see `request_shapes.py`."""

from collections.abc import Iterator
from typing import Final

from gateway.simulator.contents import JsonObject, blocks_of, members, messages_of, tool_entries
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import invalid, model_refuses

MAX_CACHE_POINTS: Final = 4


def check_caching(request: JsonObject, model: ServedModel) -> None:
    points: list[JsonObject] = []
    for place, blocks in cacheable_lists(request):
        if blocks and blocks[0].get("cachePoint"):
            raise invalid("There is nothing available to cache.")
        found = members(blocks, "cachePoint")
        if found and _column(place) not in model.capabilities.cache_points:
            raise invalid(
                "You invoked an unsupported model or your request did not allow prompt caching. "
                "See the documentation for more information."
            )
        points += found
    if len(points) > MAX_CACHE_POINTS:
        raise model_refuses(f"A maximum of 4 blocks with cache_control may be provided. Found {len(points)}.")
    _check_ttls(points, model)


def _check_ttls(points: list[JsonObject], model: ServedModel) -> None:
    if any(point.get("ttl") == "1h" for point in points) and not model.capabilities.cache_ttl_1h:
        raise model_refuses("cache_control.ephemeral.ttl: Extra inputs are not permitted")
    ttls = [point.get("ttl") or "5m" for point in points]
    if "5m" in ttls and "1h" in ttls[ttls.index("5m") :]:
        raise model_refuses(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
            "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
        )


def _column(place: str) -> str:
    return place if place in ("tools", "system") else "messages"


def cacheable_lists(request: JsonObject) -> Iterator[tuple[str, list[JsonObject]]]:
    """The lists that make up a prompt, in the order in which it is cached: tools, system, then message by message."""
    yield "tools", tool_entries(request)
    yield "system", request.get("system") or []
    for message in messages_of(request):
        yield message["role"], blocks_of(message)
