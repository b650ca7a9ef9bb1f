"""Thousands of mixed requests, good and bad, at one process: what it has at the end it had after a third of them.

Memory grows at first: to the largest request, the most streams at once, what the allocator keeps. Then it must not.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any, Final

import aiohttp
import pytest

from tests.faults.raw_http import connect
from tests.faults.serve_process import (
    MIB,
    ServeProcess,
    client_of,
    request_bytes,
    serve_and_simulate,
    tell,
    until,
)
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import asking

QUICK_REQUESTS: Final = 2_000
LONG_REQUESTS: Final = 100_000
AT_ONCE: Final = 16
SAMPLES: Final = 30
MOST_DRIFT_BYTES: Final = 8 * MIB
LONG_TEXT: Final = "x" * 200_000
TOOLS: Final = [{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}]
# The log, Secrets Manager's call, a connection that is being closed.
SPARE_DESCRIPTORS: Final = 4

# Each plays one request and says what it was told, to be counted. `number` is the request's own.
Play = Callable[[ServeProcess, aiohttp.ClientSession, int], Awaitable[str]]


async def whole(_: ServeProcess, client: aiohttp.ClientSession, number: int) -> str:
    async with client.post("/v1/messages", json=asking(f"[[think:hm]][[say:{number}]]")) as response:
        answer = await response.json()
    assert response.status == 200, answer
    assert answer["content"][-1]["text"] == str(number)
    return "whole"


async def streamed(_: ServeProcess, client: aiohttp.ClientSession, number: int) -> str:
    script = f'[[seq:50]][[say:{number}]][[tool:Bash {{"command": "ls"}}]]'
    async with client.post("/v1/messages", json=asking(script, stream=True, tools=TOOLS)) as response:
        reply = read_stream(await response.read())
    assert reply.whole
    assert reply.text.endswith(str(number))
    return "streamed"


async def long_one(_: ServeProcess, client: aiohttp.ClientSession, number: int) -> str:
    async with client.post("/v1/messages", json=asking(f"{LONG_TEXT}[[long:100000]][[say:{number}]]")) as response:
        assert response.status == 200
        assert len(await response.read()) > 100_000
    return "long"


FAULTS: Final = (
    "[[cut:rst]]",
    "[[cut:boundary]]",
    "[[crc]]",
    "[[badjson]]",
    "[[hugeframe:1073741824]]",
    "[[exc:throttlingException]]",
    "[[error:ValidationException no]]",
    "[[error:ThrottlingException slow down]]",
    "[[html]]",
)


async def faulty(_: ServeProcess, client: aiohttp.ClientSession, number: int) -> str:
    """Cut, corrupt or refused, in turn; never whole."""
    stream = number % 2 == 0
    script = f"[[say:{number}]]{FAULTS[number % len(FAULTS)]}"
    async with client.post("/v1/messages", json=asking(script, stream=stream)) as response:
        body = await response.read()
    if response.status == 200:
        reply = read_stream(body)
        assert reply.error is not None
        assert not reply.whole
    else:
        assert json.loads(body)["type"] == "error"
    return "faulty"


async def left(process: ServeProcess, _: aiohttp.ClientSession, number: int) -> str:
    """Before the answer, in it, or in its own request."""
    sent = request_bytes("[[delay:20]]" if number % 3 else "[[pace:0.001]][[seq:100000]]", stream=True)
    reader, writer = await connect(process.url)
    writer.write(sent if number % 2 else sent[: len(sent) // 2])
    if number % 2 and not number % 3:
        await reader.readuntil(b"text_delta")
    await writer.drain()
    writer.close()
    return "left"


REFUSED: Final[tuple[tuple[int, dict[str, Any]], ...]] = (
    (400, {"json": {"model": "claude-sonnet-4-5"}}),
    (400, {"data": b"{not json"}),
    (404, {"json": asking("hello", model="gpt-none")}),
    (401, {"json": asking("hello"), "headers": {"x-api-key": "a"}}),
    (415, {"data": b"x", "headers": {"content-encoding": "br"}}),
)


async def refused(_: ServeProcess, client: aiohttp.ClientSession, number: int) -> str:
    status, sent = REFUSED[number % len(REFUSED)]
    async with client.post("/v1/messages", **sent) as response:
        assert response.status == status, await response.read()
        assert (await response.json())["type"] == "error"
    return "refused"


async def guessed(_: ServeProcess, client: aiohttp.ClientSession, number: int) -> str:
    headers = {"x-api-key": f"ck_a_key_that_nobody_has_{number}"}
    async with client.post("/v1/messages", json=asking("hello"), headers=headers) as response:
        assert response.status in (401, 429)
        assert (await response.json())["type"] == "error"
    return "guessed"


async def counted(_: ServeProcess, client: aiohttp.ClientSession, number: int) -> str:
    body = asking("word " * (number % 100 + 1))
    del body["max_tokens"]
    async with client.post("/v1/messages/count_tokens", json=body) as response:
        assert (await response.json())["input_tokens"] >= 1
    return "counted"


async def listed(_: ServeProcess, client: aiohttp.ClientSession, number: int) -> str:
    async with client.get("/v1/models") as response:
        assert (await response.json())["data"]
    return "listed"


# With how often each comes.
MIX: Final[dict[Play, int]] = {
    whole: 5,
    streamed: 5,
    long_one: 1,
    faulty: 4,
    left: 3,
    refused: 3,
    guessed: 1,
    counted: 2,
    listed: 1,
}


@pytest.mark.timeout(7_200)
async def test_memory_and_descriptors_stay_what_they_were(long_mode: bool) -> None:
    requests = LONG_REQUESTS if long_mode else QUICK_REQUESTS
    async with serve_and_simulate() as process:
        base = process.descriptors()
        plays = random.Random(5).choices(list(MIX), weights=list(MIX.values()), k=requests)
        began = asyncio.get_running_loop().time()
        samples, told = await soak(process, plays)
        took = asyncio.get_running_loop().time() - began
        async with asyncio.timeout(30):
            await process.simulator.wait_until_idle()
        await process.wait_until(lambda: process.requests_logged >= requests, seconds=30)
        # As many connections to Bedrock are kept as there were requests at once.
        await until(lambda: process.descriptors() <= base + AT_ONCE + SPARE_DESCRIPTORS)
        descriptors = process.descriptors()
        stray = process.other_lines
    third, last = median(samples[SAMPLES // 3 : SAMPLES // 3 + 5]), median(samples[-5:])
    drift = last - third
    shown = f"{third / MIB:.1f} -> {last / MIB:.1f} MiB, descriptors {base} -> {descriptors}"
    tell(
        f"memory and descriptors over {requests:,} mixed requests",
        "< 8 MiB drift after the first third; descriptors back to base + pool",
        f"{shown}, {requests / took:.0f} a second",
    )
    print(dict(told))
    assert told == Counter(play.__name__.removesuffix("_one") for play in plays)
    assert drift < MOST_DRIFT_BYTES
    assert not [line for line in stray if not line.startswith("{")], "something else than JSON in the log"
    assert not [line for line in process.lines if "trace" in line]


async def soak(process: ServeProcess, plays: list[Play]) -> tuple[list[int], Counter[str]]:
    """Plays all of them; the memory at as many moments as there are samples, and what came of the requests."""
    samples: list[int] = []
    told: Counter[str] = Counter()
    waiting = iter(enumerate(plays))

    async def play_in_turn(client: aiohttp.ClientSession) -> None:
        for number, play in waiting:
            told[await play(process, client, number)] += 1
            if told.total() * SAMPLES // len(plays) > len(samples):
                samples.append(process.memory_bytes())

    async with client_of(process) as client:
        await asyncio.gather(*(play_in_turn(client) for _ in range(AT_ONCE)))
    assert len(samples) == SAMPLES
    return samples, told
