"""Requests of the real Claude Code with a few places changed, by the hundreds: refused or answered, never our fault."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from gateway.simulator import LOCAL_API_KEY
from tests.faults.logged_gateway import LoggedGateway, serving
from tests.faults.wrong_types import WHOLE

CAPTURES: Final = Path(__file__).parents[1] / "captures"
FUZZ_BODIES: Final = 800
LONG_FUZZ_BODIES: Final = 1_000_000
FUZZ_BATCH: Final = 20


@pytest.fixture(scope="module")
async def serve() -> AsyncIterator[LoggedGateway]:
    """A process with the settings that it has by default."""
    async with serving() as running:
        assert (await running.ask("[[say:warm]]")).status == 200
        yield running


def captured() -> list[Any]:
    bodies = [json.loads(path.read_text())["body"] for path in sorted(CAPTURES.glob("*.json"))]
    return [body for body in bodies if body] + [WHOLE]


ODDITIES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 2**63, 2**64 - 1, -(2**63), 0.5, 1e3, 1e308, "", " ", "\0", "\u202e", "a" * 3_000,
    "[[say:fuzz]]", [], {}, [[]], [None], {"": ""}, {"type": "text"}, {"type": "text", "text": "a"},
    "user", "assistant", "system", "ephemeral", "auto", "enabled", "adaptive", "claude-opus-5-5", "text", "tool_result",
)  # fmt: skip


def mutated(body: Any, chance: random.Random) -> Any:
    """The body with a few of its places changed: another value, gone, twice, or that of another place."""
    body = json.loads(json.dumps(body))
    for _ in range(chance.randint(1, 4)):
        places = list(containers(body))
        place = chance.choice(places)
        keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            continue
        key = chance.choice(keys)
        match chance.randint(0, 4):
            case 0:
                place[key] = chance.choice(ODDITIES)
            case 1:
                del place[key]
            case 2 if isinstance(place, list):
                place.insert(key, place[key])
            case 2:
                place[f"{key}_2"] = place[key]
            case 3:
                place[key] = chance.choice(places)
                body = without_circles(body)
            case _ if isinstance(place[key], str):
                place[key] = place[key][: chance.randint(0, len(place[key]))] + chance.choice(
                    ("", "\\", '"', "é", "\0")
                )
    return body


def containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


def without_circles(value: Any, levels: int = 12) -> Any:
    """What stands in itself ends somewhere."""
    if levels == 0:
        return None
    if isinstance(value, dict):
        return {key: without_circles(inner, levels - 1) for key, inner in value.items()}
    return [without_circles(inner, levels - 1) for inner in value] if isinstance(value, list) else value


def fuzzed_bytes(body: Any, chance: random.Random) -> bytes:
    """Mostly a mutated request, and in one of eight some bytes of it as well."""
    raw = bytearray(json.dumps(mutated(body, chance)).encode())
    if chance.random() < 1 / 8:
        for _ in range(chance.randint(1, 8)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw)


async def test_no_mutated_request_is_answered_with_a_fault_of_ours(serve: LoggedGateway, long_mode: bool) -> None:
    """Seeded, so that a failure can be played again: its number is the seed."""
    count = LONG_FUZZ_BODIES if long_mode else FUZZ_BODIES
    bodies = captured()
    async with aiohttp.ClientSession() as session:
        for first in range(0, count, FUZZ_BATCH):
            batch = (ask_fuzzed(serve, session, bodies, seed) for seed in range(first, min(first + FUZZ_BATCH, count)))
            await asyncio.gather(*batch)


async def ask_fuzzed(gateway: LoggedGateway, session: aiohttp.ClientSession, bodies: list[Any], seed: int) -> None:
    chance = random.Random(seed)
    body = fuzzed_bytes(chance.choice(bodies), chance)
    path = chance.choice(("/v1/messages", "/v1/messages", "/v1/messages/count_tokens"))
    headers = {"x-api-key": LOCAL_API_KEY, "content-type": "application/json"}
    async with asyncio.timeout(20):
        async with session.post(gateway.url + path, data=BytesIO(body), headers=headers) as response:
            raw = await response.read()
    assert response.status in (200, 400, 404, 413), (seed, raw[:500])
    if response.status != 200:
        answer = json.loads(raw)
        assert answer["type"] == "error", seed
        assert answer["error"]["type"] in ("invalid_request_error", "not_found_error", "request_too_large"), seed
        assert answer["request_id"] == response.headers["request-id"], seed
    elif response.headers["content-type"].startswith("application/json"):
        answer = json.loads(raw)
        assert "input_tokens" in answer or answer["type"] == "message", seed
    else:
        assert b"event: message_stop\n" in raw, (seed, raw[-500:])
