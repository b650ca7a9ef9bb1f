"""Secrets Manager slow, broken or asked by a thousand at once: what callers see, and how often AWS is called."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Final

import pytest

from gateway.access import Caller, Gatekeeper
from gateway.protocol.errors import ApiError, Unauthenticated
from gateway.secret_store import Clocks
from gateway.settings import Settings

if TYPE_CHECKING:
    from tests.access.conftest import Connect, SecretsManagerStandIn, TestClock

KEY: Final = "ck_key-of-this-test-file"
NEW_KEY: Final = "ck_new-key-of-this-test-file"
WRONG_KEY: Final = "ck_wrong-key-of-this-test-file"
SECRET: Final = json.dumps({"api_key": KEY})
NEW_SECRET: Final = json.dumps({"api_key": NEW_KEY})
TTL_SECONDS: Final = Settings().secret_ttl_seconds
HANG: Final = "hang"
NONSENSE: Final = [
    (200, b""),
    (200, b"<html>502</html>"),
    (200, b"[]"),
    (200, b"null"),
    (200, b'"text"'),
    (200, b"{}"),
    (200, b'{"SecretString": 7}'),
    (200, b'{"SecretBinary": "AAAA"}'),
    (200, b'{"SecretString": "{}", "CreatedDate": "yesterday"}'),
    (200, b"\xff\xfe"),
    (302, b""),
    (404, b""),
    (500, b""),
    (500, b'{"__type": "InternalServiceError"}'),
    (503, b"<html>busy</html>"),
    (400, b'{"__type": "AccessDeniedException", "message": "arn:aws:iam::123456789012:user/x may not"}'),
    (400, b'{"__type": "DecryptionFailure"}'),
    (400, b'{"__type": "InvalidRequestException"}'),
    (400, b'{"__type": "ThrottlingException"}'),
    (400, b'{"__type": "ExpiredTokenException"}'),
    (400, b"[1, 2"),
]


def with_key(key: str) -> dict[str, str]:
    return {"x-api-key": key}


async def status_of(gatekeeper: Gatekeeper, key: str) -> int:
    try:
        await gatekeeper.authenticate(with_key(key))
    except (ApiError, Unauthenticated) as error:
        return error.status
    return 200


async def warm(gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn) -> None:
    stand_in.hold(SECRET)
    assert await status_of(gatekeeper, KEY) == 200
    stand_in.asked.clear()


async def test_a_thousand_requests_on_a_cold_cache_are_one_read(
    patient_gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    callers = await asyncio.gather(*(patient_gatekeeper.authenticate(with_key(KEY)) for _ in range(1000)))
    assert set(callers) == {Caller("default")}
    assert stand_in.asked == ["AWSCURRENT", "AWSPREVIOUS"]


async def test_a_thousand_wrong_keys_on_a_cold_cache_are_at_most_three_reads(
    patient_gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    statuses = await asyncio.gather(*(status_of(patient_gatekeeper, f"{WRONG_KEY}{n}") for n in range(1000)))
    assert set(statuses) == {401}
    assert stand_in.reads <= 3


async def test_a_request_without_a_key_reads_nothing(gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn) -> None:
    with pytest.raises(Unauthenticated):
        await gatekeeper.authenticate({})
    assert stand_in.asked == []


async def test_within_the_ttl_nothing_is_read_again(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    await warm(gatekeeper, stand_in)
    clock.pass_seconds(TTL_SECONDS - 1)
    assert await status_of(gatekeeper, KEY) == 200
    assert stand_in.reads == 0
    clock.pass_seconds(1)
    assert await status_of(gatekeeper, KEY) == 200
    assert stand_in.reads == 1


@pytest.mark.parametrize("jump", ["freeze", "pass_with_wall_stopped", "turn_back"])
async def test_the_ttl_ends_by_whichever_clock_says_so(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock, jump: str
) -> None:
    await warm(gatekeeper, stand_in)
    getattr(clock, jump)(TTL_SECONDS)
    assert await status_of(gatekeeper, KEY) == 200
    assert stand_in.reads == 1
    assert await status_of(gatekeeper, KEY) == 200
    assert stand_in.reads == 1


async def test_a_new_key_used_by_a_thousand_at_once_works_for_all_of_them(
    patient_gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    await warm(patient_gatekeeper, stand_in)
    stand_in.hold(NEW_SECRET)
    statuses = await asyncio.gather(*(status_of(patient_gatekeeper, NEW_KEY) for _ in range(1000)))
    assert set(statuses) == {200}
    assert stand_in.reads == 1


async def test_a_key_that_came_into_force_during_a_read_works_on_its_first_use(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    await warm(gatekeeper, stand_in)
    clock.pass_seconds(TTL_SECONDS)
    stand_in.answer_by_stage["AWSPREVIOUS"] = HANG
    reading = asyncio.create_task(gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    stand_in.hold(NEW_SECRET)  # the read that is under way has the old value already
    newcomer = asyncio.create_task(gatekeeper.authenticate(with_key(NEW_KEY)))
    await asyncio.sleep(0)
    del stand_in.answer_by_stage["AWSPREVIOUS"]
    stand_in.released.set()
    assert await newcomer == await reading == Caller("default")


async def test_three_hundred_wrong_keys_cost_two_reads_and_one_more_every_five_seconds(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    await warm(gatekeeper, stand_in)
    for number in range(300):
        assert await status_of(gatekeeper, f"{WRONG_KEY}{number}") == 401
    assert stand_in.reads == 2
    clock.pass_seconds(4.9)
    await status_of(gatekeeper, WRONG_KEY)
    assert stand_in.reads == 2
    clock.pass_seconds(0.2)
    for _ in range(10):
        await status_of(gatekeeper, WRONG_KEY)
    assert stand_in.reads == 3
    clock.pass_seconds(3600)
    for _ in range(10):
        await status_of(gatekeeper, WRONG_KEY)
    assert stand_in.reads == 3 + 1 + 2  # the TTL's own read, and the two that have grown back
    assert await status_of(gatekeeper, KEY) == 200


@pytest.mark.parametrize("nonsense", NONSENSE, ids=str)
async def test_no_answer_of_secrets_manager_fails_a_good_key_or_passes_a_bad_one(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock, nonsense: tuple[int, bytes]
) -> None:
    await warm(gatekeeper, stand_in)
    stand_in.answer = nonsense
    clock.pass_seconds(TTL_SECONDS)
    assert await status_of(gatekeeper, KEY) == 200
    assert await status_of(gatekeeper, WRONG_KEY) == 401
    assert stand_in.reads == 2


@pytest.mark.parametrize("nonsense", NONSENSE, ids=str)
async def test_an_unreadable_secret_at_the_start_is_a_500_that_names_no_account(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, nonsense: tuple[int, bytes]
) -> None:
    stand_in.answer = nonsense
    with pytest.raises(ApiError) as trouble:
        await gatekeeper.authenticate(with_key(KEY))
    assert trouble.value.status == 500
    assert "prod/chatrix/api-key" in trouble.value.message
    assert "secretsmanager:GetSecretValue" in trouble.value.message
    assert "123456789012" not in trouble.value.message
    assert "arn:" not in trouble.value.message


async def test_a_secret_named_by_its_arn_is_shown_without_the_account(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect
) -> None:
    settings = Settings(secret_name="arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/key-AbCdEf")
    stand_in.refuse("AccessDeniedException")
    gatekeeper = await connect(stand_in_url, settings)
    with pytest.raises(ApiError, match="secret prod/key-AbCdEf") as trouble:
        await gatekeeper.authenticate(with_key(KEY))
    assert "123456789012" not in trouble.value.message


async def test_a_secrets_manager_that_is_not_there_is_said_to_be_out_of_reach(
    stand_in: SecretsManagerStandIn, connect: Connect, unused_tcp_port: int, settings: Settings
) -> None:
    nobody = await connect(f"http://127.0.0.1:{unused_tcp_port}", settings)
    with pytest.raises(ApiError, match="could not be reached"):
        await nobody.authenticate(with_key(KEY))


async def test_only_the_request_that_reads_waits_for_a_hanging_secrets_manager(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock, settings: Settings
) -> None:
    await warm(gatekeeper, stand_in)
    stand_in.answer = HANG
    clock.pass_seconds(TTL_SECONDS)
    began = time.monotonic()
    reading = asyncio.create_task(gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    for _ in range(100):
        await gatekeeper.authenticate(with_key(KEY))
    assert not reading.done()
    assert await reading == Caller("default")
    assert settings.secret_timeout_seconds * 0.9 < time.monotonic() - began < settings.secret_timeout_seconds + 0.5
    assert stand_in.reads == 1


async def test_on_a_cold_cache_nobody_waits_longer_than_the_limit(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, settings: Settings
) -> None:
    stand_in.answer = HANG
    began = time.monotonic()
    statuses = await asyncio.gather(*(status_of(gatekeeper, KEY) for _ in range(50)))
    assert set(statuses) == {500}
    assert time.monotonic() - began < settings.secret_timeout_seconds + 0.5
    # On a busy machine the limit may be over before the one read has arrived.
    assert stand_in.reads <= 1


async def test_wrong_keys_wait_no_longer_than_the_limit_either(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, settings: Settings
) -> None:
    await warm(gatekeeper, stand_in)
    stand_in.answer = HANG
    began = time.monotonic()
    statuses = await asyncio.gather(*(status_of(gatekeeper, WRONG_KEY) for _ in range(50)))
    assert set(statuses) == {401}
    assert time.monotonic() - began < settings.secret_timeout_seconds + 0.5
    assert stand_in.reads <= 2


async def test_a_caller_who_hangs_up_while_reading_hands_the_read_over(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    stand_in.answer = HANG
    first = asyncio.create_task(gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    others = [asyncio.create_task(gatekeeper.authenticate(with_key(KEY))) for _ in range(20)]
    await asyncio.sleep(0)
    stand_in.answer = None
    first.cancel()
    assert set(await asyncio.gather(*others)) == {Caller("default")}
    assert first.cancelled()
    assert stand_in.reads == 2


async def test_a_read_cut_short_by_a_hang_up_is_not_taken_for_news(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    await warm(gatekeeper, stand_in)
    clock.pass_seconds(TTL_SECONDS)
    stand_in.hold(NEW_SECRET)
    stand_in.answer = HANG
    first = asyncio.create_task(gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    second, third = (asyncio.create_task(gatekeeper.authenticate(with_key(NEW_KEY))) for _ in range(2))
    await asyncio.sleep(0)
    stand_in.hanging.clear()
    first.cancel()
    await stand_in.hanging.wait()
    stand_in.answer = None
    second.cancel()
    assert await third == Caller("default")


async def test_a_value_is_as_old_as_the_beginning_of_its_read(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    stand_in.hold(SECRET)
    stand_in.answer_by_stage["AWSPREVIOUS"] = HANG
    reading = asyncio.create_task(gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    clock.pass_seconds(10)
    stand_in.released.set()
    await reading
    clock.pass_seconds(TTL_SECONDS - 10)
    await gatekeeper.authenticate(with_key(KEY))
    assert stand_in.reads == 2


async def test_after_failures_the_pauses_grow_to_thirty_seconds_and_no_further(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    await warm(gatekeeper, stand_in)
    stand_in.answer = (500, b"")
    clock.pass_seconds(TTL_SECONDS)
    times = []
    for second in range(150):
        before = stand_in.reads
        assert await status_of(gatekeeper, KEY) == 200
        if stand_in.reads > before:
            times.append(second)
        clock.pass_seconds(1)
    assert times == [0, 1, 3, 7, 15, 31, 61, 91, 121]


async def test_a_recovery_makes_the_next_pause_a_short_one_again(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    await warm(gatekeeper, stand_in)
    for _ in range(2):
        stand_in.answer = (500, b"")
        clock.pass_seconds(TTL_SECONDS)
        for _ in range(5):
            await gatekeeper.authenticate(with_key(KEY))
            clock.pass_seconds(30)
        stand_in.answer = None
        await gatekeeper.authenticate(with_key(KEY))
    stand_in.answer = (500, b"")
    clock.pass_seconds(TTL_SECONDS)
    await gatekeeper.authenticate(with_key(KEY))
    clock.pass_seconds(1)
    stand_in.asked.clear()
    await gatekeeper.authenticate(with_key(KEY))
    assert stand_in.reads == 1


async def test_a_pause_is_never_longer_than_the_ttl(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect, clock: TestClock
) -> None:
    settings = Settings(secret_ttl_seconds=3)
    gatekeeper = await connect(stand_in_url, settings)
    stand_in.answer = (500, b"")
    for _ in range(10):
        assert await status_of(gatekeeper, KEY) == 500
        clock.pass_seconds(3)
    assert stand_in.reads == 10
    stand_in.answer = None
    stand_in.hold(SECRET)
    assert await status_of(gatekeeper, KEY) == 200


async def test_a_start_during_an_outage_recovers_by_itself(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    stand_in.hold(SECRET)
    stand_in.refuse("InternalServiceError", status=500)
    assert [await status_of(gatekeeper, KEY) for _ in range(5)] == [500] * 5
    assert stand_in.reads == 1
    stand_in.answer = None
    clock.pass_seconds(1)
    assert await status_of(gatekeeper, KEY) == 200


async def test_without_its_previous_version_the_current_key_still_counts(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    await warm(gatekeeper, stand_in)
    stand_in.answer_by_stage["AWSPREVIOUS"] = (400, b'{"__type": "AccessDeniedException"}')
    stand_in.hold(NEW_SECRET)
    assert await status_of(gatekeeper, NEW_KEY) == 200
    assert await status_of(gatekeeper, KEY) == 200


async def test_an_unreadable_previous_version_at_the_start_does_not_stop_the_current_one(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    stand_in.answer_by_stage["AWSPREVIOUS"] = HANG
    assert await status_of(gatekeeper, KEY) == 200


async def test_an_outage_of_the_previous_version_alone_does_not_end_its_grace(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    stand_in.hold(SECRET)
    stand_in.hold(NEW_SECRET)
    assert await status_of(gatekeeper, KEY) == 200
    stand_in.answer_by_stage["AWSPREVIOUS"] = (500, b"")
    clock.pass_seconds(TTL_SECONDS)
    assert await status_of(gatekeeper, NEW_KEY) == 200
    assert await status_of(gatekeeper, KEY) == 200


async def test_a_malformed_previous_version_is_nobodys_worry(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold("not JSON")
    stand_in.hold(SECRET)
    assert await status_of(gatekeeper, KEY) == 200


async def test_without_a_date_a_previous_key_has_no_grace(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    stand_in.hold(NEW_SECRET)
    del stand_in.stages["AWSCURRENT"]["CreatedDate"]
    assert await status_of(gatekeeper, NEW_KEY) == 200
    assert await status_of(gatekeeper, KEY) == 401


async def test_a_ttl_of_nothing_reads_for_every_request(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect
) -> None:
    settings = Settings(secret_ttl_seconds=0)
    gatekeeper = await connect(stand_in_url, settings)
    stand_in.hold(SECRET)
    for _ in range(3):
        assert await status_of(gatekeeper, KEY) == 200
    assert stand_in.reads == 3
    stand_in.asked.clear()
    assert set(await asyncio.gather(*(status_of(gatekeeper, WRONG_KEY) for _ in range(100)))) == {401}
    assert stand_in.reads <= 2  # those who waited for a read that began after they came share it


async def test_the_log_tells_of_failures_and_recovery_and_never_of_keys(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock, caplog: pytest.LogCaptureFixture
) -> None:
    # By name: another test's gateway may have given this logger a level of its own.
    caplog.set_level(logging.INFO, logger="chatrix")
    entries = [{"key": KEY, "budget_usd": 5}, {"key": "short"}, {NEW_KEY: "in the wrong place"}]
    stand_in.hold(json.dumps({"api_keys": entries, NEW_KEY: 1}))
    assert await status_of(gatekeeper, KEY) == 200
    stand_in.answer = (400, b'{"__type": "AccessDeniedException"}')
    clock.pass_seconds(TTL_SECONDS)
    assert await status_of(gatekeeper, KEY) == 200
    stand_in.answer = None
    clock.pass_seconds(1)
    assert await status_of(gatekeeper, KEY) == 200
    assert "usable keys in it: 1" in caplog.text
    assert "api_keys[0].budget_usd" in caplog.text
    assert "api_keys[1] is no key" in caplog.text
    assert "the last good value stays: the gateway's role may not read it" in caplog.text
    assert "readable again, failed reads before: 1" in caplog.text
    assert KEY not in caplog.text
    assert NEW_KEY not in caplog.text


def test_age_is_the_larger_of_both_clocks() -> None:
    now = {"wall": 100.0, "monotonic": 10.0}
    clocks = Clocks(wall=lambda: now["wall"], monotonic=lambda: now["monotonic"])
    then = clocks.now()
    now.update(wall=105.0, monotonic=12.0)
    assert clocks.seconds_since(then) == 5
    now.update(wall=101.0, monotonic=17.0)
    assert clocks.seconds_since(then) == 7
    now.update(wall=99.9)
    assert clocks.seconds_since(then) == float("inf")
