"""Keys and Secrets Manager: every row of the fault matrix, as those who knock at the door see it.

Times are real. What must pass (a TTL of half a second, the pause after a failure) is waited for; limits on how long an
answer takes leave room for a busy machine and still lie far below what the fault itself would take.
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from gateway.secret_store import FIRST_PAUSE_SECONDS
from gateway.simulator import Refusal, SimulatorOptions, Trouble, open_simulator
from tests.faults.key_door import (
    KEY,
    NEW_KEY,
    WRONG_KEY,
    Door,
    Fault,
    Knock,
    SimulatedSecrets,
    answer,
    open_door,
    single,
)
from tests.faults.raw_http import converse
from tests.server.test_serve import process
from tests.support.gateway import aws_environment

TTL_SECONDS: Final = 0.5
# The setting's default: how long one request may wait for Secrets Manager.
PATIENCE_SECONDS: Final = 2.0
# What a busy machine may add to anything.
SLACK_SECONDS: Final = 1.5
# Whoever waited for a hanging Secrets Manager took no less than the patience; whoever did not took a fraction of it.
WAITED_SECONDS: Final = 1.9
HANG: Final = Trouble(hang=True)


@dataclass(frozen=True, slots=True)
class Outage:
    name: str
    fault: Fault
    hangs: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def raw(self) -> bool:
        return not isinstance(self.fault, Trouble)


def refused(name: str, code: str) -> Outage:
    return Outage(name, Trouble(Refusal(code, "arn:aws:iam::123456789012:role/x")))


VERSION: Final = json.dumps({"SecretString": single(KEY), "CreatedDate": 1.0}).encode()
OUTAGES: Final = (
    Outage("refused", "away"),
    Outage("hangs", HANG, hangs=True),
    Outage("hangs in its answer", "stall", hangs=True),
    Outage("closed in its answer", answer(200, VERSION[:20], announced=len(VERSION))),
    Outage("500", answer(500, b'{"__type": "InternalServiceError"}')),
    Outage("empty 500", answer(500, b"")),
    Outage("HTML 503", answer(503, b"<html>busy</html>")),
    refused("throttled", "ThrottlingException"),
    refused("denied", "AccessDeniedException"),
    refused("lost", "ResourceNotFoundException"),
    refused("marked for deletion", "InvalidRequestException"),
    refused("cannot decrypt", "DecryptionFailure"),
    refused("own credentials expired", "ExpiredTokenException"),
    Outage("nonsense", b"\x00\xff nothing of HTTP \r\n\r\n"),
    Outage("nonsense in HTTP", answer(200, b"\x00\xff")),
    Outage("200 with nothing", answer(200, b"")),
    Outage("200 with HTML", answer(200, b"<html>sign in</html>")),
    Outage("200 cut", answer(200, VERSION[:-2])),
    Outage("redirect", b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n"),
    Outage("reset", "reset"),
    Outage("closed", "close"),
)


def worst(knocks: list[Knock]) -> float:
    return max(knock.seconds for knock in knocks)


def statuses(knocks: list[Knock]) -> set[int]:
    return {knock.status for knock in knocks}


async def past_the_ttl() -> None:
    await asyncio.sleep(TTL_SECONDS)


@pytest.mark.parametrize("outage", OUTAGES, ids=str)
async def test_in_an_outage_good_keys_go_on_bad_ones_do_not_nobody_waits_long_and_calls_are_few(outage: Outage) -> None:
    async with open_door(raw=outage.raw, secret_ttl_seconds=TTL_SECONDS) as door:
        assert (await door.knock()).status == 200
        await door.secrets.break_with(outage.fault)
        await past_the_ttl()
        before = door.secrets.reads
        crowd = await door.knock_at_once(30)
        wrong = await door.knock(WRONG_KEY)
        later = await door.knock_at_once(30)
        reads = door.secrets.reads - before
        print(f"{outage}: {reads} reads, worst of 60 {worst(crowd + later):.3f} s, wrong key {wrong.seconds:.3f} s")
        assert statuses(crowd + later) == {200}
        assert (wrong.status, wrong.type) == (401, "authentication_error")
        assert worst([*crowd, wrong, *later]) < PATIENCE_SECONDS + SLACK_SECONDS
        assert sum(knock.seconds > WAITED_SECONDS for knock in crowd) == outage.hangs
        assert reads <= 4  # the TTL's, the wrong key's, and what a slow machine takes longer than a pause for
        await door.secrets.mend()
        door.secrets.hold(single(NEW_KEY))
        assert [(await door.knock(key)).status for key in (NEW_KEY, KEY, WRONG_KEY)] == [200, 200, 401]


@pytest.mark.parametrize(
    "outage",
    [each for each in OUTAGES if each.name in {"refused", "hangs", "denied", "lost", "reset", "nonsense"}],
    ids=str,
)
async def test_a_start_in_an_outage_is_the_gateways_trouble_and_ends_with_it(outage: Outage) -> None:
    async with open_door(raw=outage.raw, broken_with=outage.fault) as door:
        knocks = [*await door.knock_at_once(10), await door.knock(WRONG_KEY)]
        assert {(knock.status, knock.type) for knock in knocks} == {(500, "api_error")}
        assert worst(knocks) < PATIENCE_SECONDS + SLACK_SECONDS
        for knock in knocks:
            assert "Your API key was not judged" in knock.message
            assert "123456789012" not in knock.message
        ready = await door.knock(None, "/ready")
        assert (ready.status, ready.message[:40]) == (503, knocks[0].message[:40])
        assert (await door.knock(None, "/health")).status == 200
        await door.secrets.mend()
        assert await until_in(door) < 10


async def until_in(door: Door) -> float:
    """How long it takes until the right key is let in again, by nothing but asking. Bounded by a hundred tries."""
    began = time.monotonic()
    for _ in range(100):
        if (await door.knock()).status == 200:
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    pytest.fail("the gateway did not recover")


async def test_two_cold_gateways_in_an_outage_recover_both() -> None:
    throttled = Trouble(Refusal("ThrottlingException"))
    async with open_door(broken_with=throttled) as first, open_door(broken_with=throttled) as second:
        for door in (first, second):
            assert (await door.knock()).status == 500
            await door.secrets.mend()
        assert max([await until_in(door) for door in (first, second)]) < 10


async def test_a_thousand_requests_on_a_cold_cache_are_one_refresh() -> None:
    """The first answer of Secrets Manager takes a second, so that all of them come before it."""
    # The read at the start is refused, so that there are no keys when all of them come.
    async with open_door(secret_timeout_seconds=20, broken_with=Trouble(Refusal("ThrottlingException"))) as door:
        await asyncio.sleep(FIRST_PAUSE_SECONDS)
        await door.secrets.break_with(Trouble(delay_seconds=1.0, times=1))
        before = door.secrets.reads
        knocks = await door.knock_at_once(1000)
        print(f"1,000 on a cold cache: {door.secrets.reads - before} read, worst {worst(knocks):.2f} s")
        assert statuses(knocks) == {200}
        assert door.secrets.reads == before + 1


async def test_past_the_ttl_one_good_key_waits_for_a_slow_refresh_and_no_other_does() -> None:
    async with open_door(secret_ttl_seconds=TTL_SECONDS) as door:
        await door.knock()
        await door.secrets.break_with(Trouble(delay_seconds=60))
        await past_the_ttl()
        knocks = await door.knock_at_once(100)
        waiting = [knock for knock in knocks if knock.seconds > WAITED_SECONDS]
        print(f"a refresh of 60 s: {len(waiting)} waited {worst(waiting):.3f} s")
        assert statuses(knocks) == {200}
        assert len(waiting) == 1
        assert waiting[0].seconds < PATIENCE_SECONDS + SLACK_SECONDS
        assert door.secrets.reads == 2


async def test_a_rotated_key_works_on_its_first_use_its_predecessor_still_and_the_one_before_not() -> None:
    async with open_door() as door:
        await door.knock()
        door.secrets.hold(single(NEW_KEY))
        first_use = await door.knock(NEW_KEY)
        print(f"first use of a rotated key: {first_use.seconds * 1000:.0f} ms, {door.secrets.reads} reads")
        assert first_use.status == 200
        assert door.secrets.reads == 2
        assert (await door.knock(KEY)).status == 200
        door.secrets.hold(single(f"{NEW_KEY}-2"))
        keys = (f"{NEW_KEY}-2", NEW_KEY, KEY)
        assert [(await door.knock(key)).status for key in keys] == [200, 200, 401]


async def test_three_hundred_wrong_keys_are_few_calls() -> None:
    async with open_door() as door:
        await door.knock()
        began = time.monotonic()
        knocks = [await door.knock(f"{WRONG_KEY}-{number}") for number in range(300)]
        seconds = time.monotonic() - began
        answers = [knock.status for knock in knocks]
        print(f"300 wrong keys in {seconds:.2f} s: {answers.count(401)} x 401, {door.secrets.reads - 1} reads")
        assert set(answers) == {401, 429}
        assert answers[:10] == [401] * 10
        assert answers.count(401) <= 10 + math.ceil(seconds)
        assert door.secrets.reads <= 1 + 2 + seconds / 5
        assert (await door.knock()).status == 200


async def test_a_slowed_guess_is_a_429_that_ends_its_connection() -> None:
    async with open_door() as door:
        await door.knock()
        wrong = f"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: {WRONG_KEY}\r\n\r\n".encode()
        conversation = await converse(door.url, wrong * 30)
        *others, last = conversation.answers
        assert {each.status for each in others} == {401}
        assert 10 <= len(others) <= 20
        assert (last.status, last.error["type"]) == (429, "rate_limit_error")
        assert last.headers["connection"] == "close"
        assert int(last.headers["retry-after"]) >= 1
        # Neither the guesses behind it nor the last request were looked at.
        assert not conversation.in_step


async def test_no_key_at_all_is_never_a_guess() -> None:
    async with open_door() as door:
        at_start = door.secrets.reads
        knocks = [await door.knock(None) for _ in range(50)]
        assert statuses(knocks) == {401}
        assert door.secrets.reads == at_start
        assert (await door.knock(WRONG_KEY)).status == 401


@asynccontextmanager
async def serving_process() -> AsyncIterator[Door]:
    """The gateway in a process of its own, so that those who guess take no time away from it but the machine's."""
    options = SimulatorOptions(tokens_per_second=0, secret_string=single(KEY))
    async with open_simulator(options) as simulator:
        variables = {**aws_environment(simulator.url), "LOG_LEVEL": "ERROR"}
        async with process("serve", **variables) as (_, url, _):
            door = Door(url, SimulatedSecrets(simulator))
            try:
                yield door
            finally:
                await door.close()


async def test_whoever_guesses_learns_nothing_and_those_with_a_key_do_not_notice(long_mode: bool) -> None:
    async with serving_process() as door:
        await door.knock()
        seconds = 60.0 if long_mode else 4.0
        alone = sorted([(await door.knock()).seconds for _ in range(200)])
        ends = time.monotonic() + seconds
        guessers = [asyncio.create_task(guess_until(ends, door, number)) for number in range(8)]
        right = []
        while time.monotonic() < ends:
            right.append(await door.knock())
        guesses = [knock for each in guessers for knock in await each]
        times = sorted(knock.seconds for knock in right)
        print(f"{len(guesses)} guesses in {seconds:g} s, {door.secrets.reads} reads")
        print(f"a right key meanwhile (ms): {told(times)}; alone: {told(alone)}")
        assert statuses(right) == {200}
        assert statuses(guesses) == {401, 429}
        assert sum(knock.status == 401 for knock in guesses) <= 10 + seconds + SLACK_SECONDS
        assert door.secrets.reads <= 1 + 2 + (seconds + SLACK_SECONDS) / 5
        assert percentile(times, 99) < 0.5


async def guess_until(ends: float, door: Door, guesser: int) -> list[Knock]:
    knocks: list[Knock] = []
    while time.monotonic() < ends:
        knocks.append(await door.knock(f"{WRONG_KEY}-{guesser}-{len(knocks)}"))
    return knocks


def percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def told(ordered: list[float]) -> str:
    p50, p99, worst_of_all = (value * 1000 for value in (percentile(ordered, 50), percentile(ordered, 99), ordered[-1]))
    return f"{len(ordered)} times, p50 {p50:.1f}, p99 {p99:.1f}, worst {worst_of_all:.1f}"


async def test_a_new_key_gets_in_while_somebody_guesses_by_the_retries_that_clients_make() -> None:
    """Its first use may be a 429: the guesses use up the early reads. They also make them, every 5 s."""
    async with open_door() as door:
        await door.knock()
        guesser = asyncio.create_task(guess_until(time.monotonic() + 14, door, 0))
        await asyncio.sleep(1)  # the guesses have used up what there was
        door.secrets.hold(single(NEW_KEY))
        rotated = time.monotonic()
        knock = await door.knock(NEW_KEY)
        for _ in range(2):  # as often as the SDKs do
            if knock.status != 200:
                assert knock.status == 429
                await asyncio.sleep(float(knock.headers["retry-after"]))
                knock = await door.knock(NEW_KEY)
        print(f"a new key among guesses works after {time.monotonic() - rotated:.1f} s")
        assert knock.status == 200
        guesser.cancel()
        await asyncio.wait([guesser])


MALFORMED: Final = (
    "",
    " ",
    "null",
    "[]",
    "no JSON",
    "7",
    KEY,
    "{}",
    '{"api_key": ""}',
    '{"api_key": null}',
    '{"api_key": 7}',
    '{"api_key": ["ck_in-a-list-of-keys"]}',
    '{"api_key": {"api_key": "ck_inside-of-an-object"}}',
    '{"api_key": "short"}',
    '{"api_key": "ck_with a space in it"}',
    '{"api_keys": []}',
    '{"api_keys": null}',
    '{"api_keys": [""]}',
    '{"api_keys": [{"name": "nobody", "key": ""}]}',
    '{"api_keys": [{"name": "nobody", "key_sha256": ""}]}',
    "[" * 5000,
)


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda text: repr(text[:40]))
async def test_a_malformed_secret_changes_nothing_and_a_mended_one_works_at_once(malformed: str) -> None:
    async with open_door(secret_ttl_seconds=TTL_SECONDS) as door:
        await door.knock()
        door.secrets.hold(malformed)
        await past_the_ttl()
        assert [(await door.knock()).status for _ in range(5)] == [200] * 5
        for key in ("", " ", "null", "7", "short", "[]", "ck_in-a-list-of-keys", "ck_inside-of-an-object"):
            assert (await door.knock(key)).status == 401, key
        door.secrets.hold(single(NEW_KEY))
        assert await seconds_until(door, NEW_KEY) < TTL_SECONDS + SLACK_SECONDS


async def seconds_until(door: Door, key: str) -> float:
    """Until this key is let in; bounded by a hundred tries. Past the TTL good keys have the secret read anew."""
    began = time.monotonic()
    for _ in range(100):
        await door.knock()
        if (await door.knock(key)).status == 200:
            return time.monotonic() - began
        await asyncio.sleep(0.05)
    pytest.fail("the mended secret was not read")


@pytest.mark.parametrize("malformed", ["", '{"api_key": ""}', '{"api_key": null}', '{"api_keys": []}', "null"])
async def test_a_start_with_a_malformed_secret_lets_nobody_in(malformed: str) -> None:
    async with open_door(secret=malformed) as door:
        for key in (KEY, "", "null", None):
            expected = 500 if key == KEY else 401
            assert (await door.knock(key)).status == expected
        door.secrets.hold(single(KEY))
        assert await until_in(door) < 10


async def test_keys_may_be_given_an_age_beyond_which_an_outage_refuses_everybody() -> None:
    async with open_door(secret_ttl_seconds=TTL_SECONDS, secret_max_stale_seconds=1.5) as door:
        await door.knock()
        await door.secrets.break_with(Trouble(Refusal("AccessDeniedException")))
        await past_the_ttl()
        assert (await door.knock()).status == 200
        await asyncio.sleep(1.5)
        knocks = [*await door.knock_at_once(20), await door.knock(WRONG_KEY)]
        assert {(knock.status, knock.type) for knock in knocks} == {(500, "api_error")}
        assert "CHATRIX_SECRET_MAX_STALE_SECONDS" in knocks[0].message
        await door.secrets.mend()
        assert await until_in(door) < 5


RIGHT_FORMS: Final = (
    f"x-api-key: {KEY}",
    f"X-API-KEY:   {KEY}  ",
    f"authorization: Bearer {KEY}",
    f"AUTHORIZATION: bearer {KEY}",
    f"authorization: BEARER  {KEY}",
    f"x-api-key: {WRONG_KEY}\r\nauthorization: Bearer {KEY}",
    f"x-api-key: {KEY}\r\nauthorization: Bearer {WRONG_KEY}",
    f"x-api-key: {KEY}\r\nauthorization: Basic eDp5",
    f"x-api-key: \r\nauthorization: Bearer {KEY}",
)
WRONG_FORMS: Final = (
    "",
    "x-api-key:",
    "authorization: Bearer",
    "authorization: Bearer ",
    f"authorization: {KEY}",
    f"authorization: Basic {KEY}",
    f"authorization: Token {KEY}",
    f"authorization: Bearer{KEY}",
    f"authorization: Bearer: {KEY}",
    f"authorization: Bearer Bearer {KEY}",
    f"authorization: Bearer {KEY} {KEY}",
    f"authorization: Bearer {KEY}, Bearer {KEY}",
    f'authorization: Bearer "{KEY}"',
    f"x-api-key: Bearer {KEY}",
    f"x-api-key: {KEY}, {KEY}",
    f"x-api-key: {KEY};",
    f"x-api-key: '{KEY}'",
    f"x-api-key: {KEY[:-1]}",
    f"x-api-key: {KEY}x",
    f"x-api-key: x{KEY}",
    f"x-api-key: {KEY.upper()}",
    f"x-api-key: {KEY.swapcase()}",
    f"x-api-key: {KEY.replace('k', '%6b')}",
    f"x-api-key: {KEY.replace('-', chr(0x2010))}",
    f"x-api-key: {KEY.replace('k', chr(0x212A))}",  # the Kelvin sign: a k when its case is folded
    f"x-api-key: {KEY}\u00a0",
    f"x-api-key: {KEY}\u00e9",
    "x-api-key: ключ-ключ-ключ-ключ",
    f"x-api_key: {KEY}",
    f"x_api_key: {KEY}",
    f"api-key: {KEY}",
    f"x-goog-api-key: {KEY}",
    f"proxy-authorization: Bearer {KEY}",
    f"cookie: x-api-key={KEY}",
    f"cookie: authorization=Bearer {KEY}",
    f"x-forwarded-authorization: Bearer {KEY}",
    f"anthropic-beta: {KEY}",
)
WRONG_PATHS: Final = (
    f"/v1/models?x-api-key={KEY}",
    f"/v1/models?api_key={KEY}&key={KEY}&access_token={KEY}",
    f"/v1/models?authorization=Bearer%20{KEY}",
    f"/v1/models#{KEY}",
    f"/v1/models/{KEY}",
    f"/{KEY}/v1/models",
)


async def status_of(door: Door, lines: str, path: str = "/v1/models") -> int:
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\n" + (f"{lines}\r\n" if lines else "") + "\r\n"
    answers = (await converse(door.url, head.encode())).answers
    return answers[0].status


async def test_the_exact_key_in_either_header_comes_in() -> None:
    async with open_door() as door:
        for form in RIGHT_FORMS:
            assert await status_of(door, form) == 200, form


async def test_nothing_else_comes_in_wherever_it_stands_and_however_it_is_written() -> None:
    """One gateway for all, which therefore slows some of them: what is refused differs, that it is refused does not."""
    async with open_door() as door:
        for form in WRONG_FORMS:
            assert await status_of(door, form) in (401, 429), form
        for path in WRONG_PATHS:
            assert await status_of(door, "", path) in (400, 401, 404), path
        assert await status_of(door, RIGHT_FORMS[0]) == 200


async def test_the_right_key_in_latin_1_bytes_beside_it_is_wrong() -> None:
    """Bytes that are no UTF-8 reach the comparison as surrogates; they must not end it."""
    async with open_door() as door:
        for byte in (0x80, 0xA0, 0xE9, 0xFF):
            sent = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: %b%c\r\n\r\n" % (KEY.encode(), byte)
            answers = (await converse(door.url, sent)).answers
            assert answers[0].status in (400, 401), byte
