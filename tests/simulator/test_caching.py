"""Prompt caching: what is written, read, renewed and forgotten, and that the three sums are disjoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from gateway.simulator import SimulatorOptions, open_simulator
from gateway.simulator.caching import (
    LOOK_BACK_BLOCKS,
    MINIMUM_PREFIX_TOKENS,
    InputUsage,
    PromptCache,
    prompt_characters,
)

if TYPE_CHECKING:
    from tests.simulator.conftest import WireClient

MODEL: Final = "us.anthropic.claude-opus-5-5"
POINT: Final = {"cachePoint": {"type": "default"}}
HOUR_POINT: Final = {"cachePoint": {"type": "default", "ttl": "1h"}}
# 4,000 characters: 1,000 tokens.
THOUSAND: Final = "abcd" * 1_000
SMALL_TOOL: Final = {"toolSpec": {"name": "x", "inputSchema": {"json": {}}}}
FIVE_MINUTES: Final = 300.0
HOUR: Final = 3600.0


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> PromptCache:
    return PromptCache(clock)


def asking(*blocks: Any, system: Any = (), tools: Any = ()) -> dict[str, Any]:
    content = [{"text": block} if isinstance(block, str) else block for block in blocks]
    request: dict[str, Any] = {"messages": [{"role": "user", "content": content}], "system": list(system)}
    return {**request, "toolConfig": {"tools": list(tools)}} if tools else request


def prompt(*after: Any) -> dict[str, Any]:
    """2,000 tokens of system before a point, then what a turn adds."""
    return asking(*after, system=[{"text": THOUSAND * 2}, POINT])


def sums(usage: InputUsage) -> tuple[int, int, int]:
    return usage.input_tokens, usage.read_tokens, usage.write_tokens


def test_the_first_time_writes_and_the_next_reads(cache: PromptCache) -> None:
    first = cache.account(prompt("x" * 40), MODEL)
    assert sums(first) == (10, 0, 2000)
    assert first.written == (("5m", 2000),)
    second = cache.account(prompt("y" * 80), MODEL)
    assert sums(second) == (20, 2000, 0)
    assert second.written == ()


def test_without_points_all_is_input(cache: PromptCache) -> None:
    assert sums(cache.account(asking(THOUSAND), MODEL)) == (1000, 0, 0)


def test_another_model_has_its_own_cache(cache: PromptCache) -> None:
    cache.account(prompt("a"), MODEL)
    assert cache.account(prompt("a"), "eu.anthropic.claude-opus-5-5").read_tokens == 0


@pytest.mark.parametrize(
    "changed",
    [
        asking("a", system=[{"text": "!" + THOUSAND * 2}, POINT]),
        asking(
            "a",
            system=[{"text": THOUSAND * 2}, POINT],
            tools=[{"toolSpec": {"name": "x", "inputSchema": {"json": {}}}}],
        ),
    ],
)
def test_a_changed_prefix_is_another_prefix(cache: PromptCache, changed: dict[str, Any]) -> None:
    cache.account(prompt("a"), MODEL)
    assert cache.account(changed, MODEL).read_tokens == 0


def test_tools_come_before_system_and_system_before_messages(cache: PromptCache) -> None:
    tool = {"toolSpec": {"name": "t", "description": THOUSAND * 2, "inputSchema": {"json": {}}}}
    request = asking("m", POINT, system=[{"text": THOUSAND}, POINT], tools=[tool, POINT])
    written = cache.account(request, MODEL).write_tokens
    changed_message = asking("n", POINT, system=[{"text": THOUSAND}, POINT], tools=[tool, POINT])
    changed_system = asking("m", POINT, system=[{"text": "!" + THOUSAND}, POINT], tools=[tool, POINT])
    assert written > 3000
    assert cache.account(changed_message, MODEL).read_tokens == 3000
    assert cache.account(changed_system, MODEL).read_tokens == 2000


def test_a_conversation_reads_what_it_had_and_writes_what_it_adds(cache: PromptCache) -> None:
    cache.account(asking(THOUSAND, THOUSAND, POINT), MODEL)
    # The mark has moved on; the look-back finds where it stood.
    later = cache.account(asking(THOUSAND, THOUSAND, THOUSAND, POINT, "x" * 4), MODEL)
    assert sums(later) == (1, 2000, 1000)


def test_the_look_back_has_an_end(cache: PromptCache) -> None:
    cache.account(asking(THOUSAND * 2, POINT), MODEL)
    within = asking(THOUSAND * 2, *["y" * 4] * (LOOK_BACK_BLOCKS - 1), POINT)
    beyond = asking(THOUSAND * 2, *["z" * 4] * LOOK_BACK_BLOCKS, POINT)
    assert cache.account(within, MODEL).read_tokens == 2000
    assert cache.account(beyond, MODEL).read_tokens == 0


def test_short_prefixes_are_silently_not_cached(cache: PromptCache) -> None:
    short = asking("x" * (MINIMUM_PREFIX_TOKENS * 4 - 4), POINT, "rest")
    assert sums(cache.account(short, MODEL)) == (1024, 0, 0)
    assert sums(cache.account(short, MODEL)) == (1024, 0, 0)
    enough = asking("x" * MINIMUM_PREFIX_TOKENS * 4, POINT, "rest")
    assert sums(cache.account(enough, MODEL)) == (1, 0, 1024)


def test_five_minutes_pass_and_reading_renews_them(cache: PromptCache, clock: Clock) -> None:
    cache.account(prompt("a"), MODEL)
    for _ in range(3):
        clock.now += FIVE_MINUTES - 1
        assert cache.account(prompt("a"), MODEL).read_tokens == 2000
    clock.now += FIVE_MINUTES
    again = cache.account(prompt("a"), MODEL)
    assert (again.read_tokens, again.write_tokens) == (0, 2000)


def test_an_hour_is_an_hour(cache: PromptCache, clock: Clock) -> None:
    request = asking("a", system=[{"text": THOUSAND * 2}, HOUR_POINT])
    assert cache.account(request, MODEL).written == (("1h", 2000),)
    clock.now += HOUR - 1
    assert cache.account(request, MODEL).read_tokens == 2000
    clock.now += HOUR
    assert cache.account(request, MODEL).read_tokens == 0


def test_each_ttl_pays_for_its_own_part(cache: PromptCache, clock: Clock) -> None:
    request = asking(THOUSAND, POINT, "end", system=[{"text": THOUSAND * 2}, HOUR_POINT])
    first = cache.account(request, MODEL)
    assert first.written == (("1h", 2000), ("5m", 1000))
    assert first.write_tokens == 3000
    clock.now += FIVE_MINUTES
    later = cache.account(request, MODEL)
    assert (later.read_tokens, later.written) == (2000, (("5m", 1000),))


def test_all_parts_add_up_to_the_whole_input(cache: PromptCache) -> None:
    for request in (prompt("a" * 41), prompt("b" * 39, POINT, "c" * 7), asking(THOUSAND + "x", THOUSAND, POINT, "yz")):
        assert sum(sums(cache.account(request, MODEL))) == prompt_characters(request) // 4


def test_forgotten_prefixes_are_the_oldest(clock: Clock) -> None:
    cache = PromptCache(clock, max_prefixes=2)
    for name in "abc":
        cache.account(asking(name + THOUSAND * 2, POINT), MODEL)
    assert cache.account(asking("c" + THOUSAND * 2, POINT), MODEL).read_tokens > 0
    assert cache.account(asking("a" + THOUSAND * 2, POINT), MODEL).read_tokens == 0


# On the wire


async def test_the_usage_of_a_stream_shows_it(wire: WireClient) -> None:
    system = [{"text": THOUSAND * 2}, HOUR_POINT]
    first, second = [(await wire.stream("[[say:abcd]]", system=system)).usage for _ in range(2)]
    assert first == {
        "cacheDetails": [{"inputTokens": 2000, "ttl": "1h"}],
        "cacheReadInputTokenCount": 0,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokenCount": 2000,
        "cacheWriteInputTokens": 2000,
        "inputTokens": 3,
        "outputTokens": 1,
        "serverToolUsage": {},
        "totalTokens": 2004,
    }
    assert (second["cacheReadInputTokens"], second["cacheWriteInputTokens"]) == (2000, 0)
    assert "cacheDetails" not in second
    assert second["totalTokens"] == 2004


async def test_a_refused_request_writes_nothing(wire: WireClient) -> None:
    system = [{"text": THOUSAND * 2}, POINT]
    await wire.stream("[[error:ThrottlingException]]", system=system)
    assert (await wire.stream("[[say:a]]", system=system)).usage["cacheReadInputTokens"] == 0


async def test_the_clock_of_the_cache_can_be_given(clock: Clock) -> None:
    options = SimulatorOptions(tokens_per_second=0)
    async with open_simulator(options, clock=clock) as simulator, aiohttp.ClientSession() as session:

        async def read_tokens() -> int:
            body = {**prompt("[[say:a]]")}
            async with session.post(f"{simulator.url}/model/{MODEL}/converse", json=body) as response:
                return int((await response.json())["usage"]["cacheReadInputTokens"])

        assert [await read_tokens(), await read_tokens()] == [0, 2000]
        clock.now += FIVE_MINUTES
        assert await read_tokens() == 0
