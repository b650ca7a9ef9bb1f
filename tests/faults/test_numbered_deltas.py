"""Of thousands of numbered deltas none is lost, doubled or out of order, whatever ends their stream.

Quick: 20,000 of them, and a thousand before each kind of end. Long: five million.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.faults.logged_gateway import LoggedGateway, serving

# What may stand behind the last number, and whether the answer is then whole.
ENDS: Final = {
    "": True,
    "[[garbage:64]]": False,
    "[[crc]]": False,
    "[[badjson]]": False,
    "[[cut:clean]]": False,
    "[[cut:boundary]]": False,
    "[[cut:fin]]": False,
    "[[cut:rst]]": False,
    "[[exc:throttlingException]]": False,
    "[[errormsg]]": False,
    "[[hugeframe:1073741824]]": False,
}
# What is received and not yet read when a connection breaks is lost; a true beginning is what is promised then.
BREAKS: Final = ("[[cut:fin]]", "[[cut:rst]]")
FORMS: Final = ("", "[[split:random]]", "[[split:700]]")
QUICK_NUMBERS: Final = 20_000
LONG_NUMBERS: Final = 5_000_000
NUMBERS_A_STREAM: Final = 10_000
STREAMS_AT_ONCE: Final = 4
LONG_SECONDS: Final = 7200
_DELTA: Final = re.compile(rb'"delta":\{"type":"text_delta","text":"([^"]*)"\}')


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[LoggedGateway]:
    async with serving() as gateway:
        assert (await gateway.ask("[[say:ok]]")).status == 200
        yield gateway


def check_numbers(body: bytes, count: int, end: str) -> int:
    """How many came. Fast: a strict reading of millions of events would take an hour."""
    said = b"".join(_DELTA.findall(body)).split()
    assert said == [b"%d" % number for number in range(len(said))], "lost, doubled or out of order"
    assert len(said) == count if end not in BREAKS else len(said) <= count
    is_whole, is_error = body.count(b"event: message_stop\n"), body.count(b"event: error\n")
    assert (is_whole, is_error) == ((1, 0) if ENDS[end] else (0, 1))
    assert body.endswith(b"\n\n")
    return len(said)


async def count_in_streams(gateway: LoggedGateway, wanted: int, seed: int) -> int:
    """Streams with seeded forms and ends, until so many numbers were sent."""
    chosen = random.Random(seed)  # the same choice in every run
    came = 0
    for _ in range(wanted // NUMBERS_A_STREAM):
        form, end = chosen.choice(FORMS), chosen.choice(list(ENDS))
        answer = await gateway.ask(f"{form}[[seq:{NUMBERS_A_STREAM}]]{end}", stream=True)
        came += check_numbers(answer.body, NUMBERS_A_STREAM, end)
    return came


@pytest.mark.timeout(LONG_SECONDS)
async def test_of_many_numbered_deltas_none_is_lost_doubled_or_reordered(
    served: LoggedGateway, long_mode: bool
) -> None:
    wanted = LONG_NUMBERS if long_mode else QUICK_NUMBERS
    seeds = range(STREAMS_AT_ONCE) if long_mode else range(2)
    came = await asyncio.gather(*(count_in_streams(served, wanted // len(seeds), seed) for seed in seeds))
    assert sum(came) > wanted * 0.9


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end or "whole")
async def test_numbered_deltas_before_each_kind_of_end(served: LoggedGateway, end: str) -> None:
    answer = await served.ask(f"[[split:random]][[seq:1000]]{end}", stream=True)
    came = check_numbers(answer.body, 1000, end)
    # A break comes after a moment in which all of it was there to be read.
    assert came > 900


async def test_paced_deltas_of_many_streams_do_not_mix(served: LoggedGateway) -> None:
    async def ask(number: int) -> None:
        end = list(ENDS)[number % len(ENDS)]
        answer = await served.ask(f"[[pace:0.002]][[seq:100]]{end}", stream=True)
        check_numbers(answer.body, 100, end)

    await asyncio.gather(*(ask(number) for number in range(33)))
