"""Secrets Manager slow, broken or asked by a thousand at once: what callers see, and how often AWS is called."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Final

import pytest

from gateway.access import Caller, Gatekeeper, gatekeeper_for
from gateway.clocks import Clocks
from gateway.protocol.errors import ApiError, RateLimited, Unauthenticated
from gateway.secret_store import SecretVersion
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
    (400, b'{"__type": ["a", "list"]}'),
    (400, b'{"__type": {"an": "object"}}'),
    (400, b'{"__type": 7, "message": {"an": "object"}}'),
    (400, b'{"__type": null}'),
    (400, b"\xff\xfe"),
    (200, b'{"SecretString": "{}", "CreatedDate": 1e300}'),
]


def with_key(key: str) -> dict[str, str]:
    return {"x-api-key": key}


async def status_of(gatekeeper: Gatekeeper, key: str) -> int:
    try:
        await gatekeeper.authenticate(with_key(key))
    except (ApiError, RateLimited, Unauthenticated) as error:
        return error.status
    return 200


async def warm(gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn) -> None:
    stand_in.hold(SECRET)
    assert await status_of(gatekeeper, KEY) == 200
    stand_in.asked.clear()


async def test_a_thousand_requests_on_a_cold_cache_are_one_read(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    callers = await asyncio.gather(*(gatekeeper.authenticate(with_key(KEY)) for _ in range(1000)))
    assert set(callers) == {Caller("default")}
    assert stand_in.asked == ["AWSCURRENT", "AWSPREVIOUS"]


async def test_a_thousand_wrong_keys_on_a_cold_cache_are_at_most_three_reads(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    statuses = await asyncio.gather(*(status_of(gatekeeper, f"{WRONG_KEY}{n}") for n in range(1000)))
    assert set(statuses) == {401, 429}
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
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    await warm(gatekeeper, stand_in)
    stand_in.hold(NEW_SECRET)
    statuses = await asyncio.gather(*(status_of(gatekeeper, NEW_KEY) for _ in range(1000)))
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
        assert await status_of(gatekeeper, f"{WRONG_KEY}{number}") == (401 if number < 10 else 429)
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


async def test_keys_that_could_not_be_read_for_too_long_count_no_more(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect, clock: TestClock
) -> None:
    gatekeeper = await connect(stand_in_url, Settings(secret_max_stale_seconds=3600))
    await warm(gatekeeper, stand_in)
    stand_in.refuse("InternalServiceError", status=500)
    clock.pass_seconds(3599)
    assert [await status_of(gatekeeper, key) for key in (KEY, WRONG_KEY)] == [200, 401]
    clock.freeze(2)
    assert [await status_of(gatekeeper, key) for key in (KEY, WRONG_KEY)] == [500, 500]
    stand_in.answer = None
    clock.pass_seconds(60)
    assert [await status_of(gatekeeper, key) for key in (KEY, WRONG_KEY)] == [200, 401]


async def test_keys_that_may_not_grow_old_are_read_anew_before_they_do(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect, clock: TestClock
) -> None:
    gatekeeper = await connect(stand_in_url, Settings(secret_max_stale_seconds=60))
    await warm(gatekeeper, stand_in)
    for _ in range(10):
        clock.pass_seconds(60)
        assert await status_of(gatekeeper, KEY) == 200
    assert stand_in.reads == 10


async def test_too_old_keys_are_the_gateways_trouble_and_cost_few_reads(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect, clock: TestClock
) -> None:
    gatekeeper = await connect(stand_in_url, Settings(secret_max_stale_seconds=3600))
    await warm(gatekeeper, stand_in)
    stand_in.refuse("InternalServiceError", status=500)
    clock.pass_seconds(3601)
    for _ in range(300):
        with pytest.raises(ApiError, match="older than CHATRIX_SECRET_MAX_STALE_SECONDS") as trouble:
            await gatekeeper.authenticate(with_key(KEY))
        assert trouble.value.status == 500
    with pytest.raises(ApiError):
        await gatekeeper.warm()
    assert stand_in.reads == 1


async def test_a_wall_clock_turned_back_in_an_outage_makes_limited_keys_too_old(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect, clock: TestClock
) -> None:
    """How old they are cannot be known any more; who set a limit wants them to count as old then."""
    gatekeeper = await connect(stand_in_url, Settings(secret_max_stale_seconds=3600))
    await warm(gatekeeper, stand_in)
    stand_in.refuse("InternalServiceError", status=500)
    clock.turn_back(10)
    assert await status_of(gatekeeper, KEY) == 500
    stand_in.answer = None
    clock.pass_seconds(1)
    assert await status_of(gatekeeper, KEY) == 200


async def guess_until_slowed(gatekeeper: Gatekeeper) -> None:
    for number in range(20):
        if await status_of(gatekeeper, f"{WRONG_KEY}{number}") == 429:
            return
    pytest.fail("nobody slows guesses")


async def test_while_somebody_guesses_a_wrong_key_reads_nothing_even_if_a_read_is_due(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect, clock: TestClock
) -> None:
    gatekeeper = await connect(stand_in_url, Settings(secret_ttl_seconds=0.5))
    await warm(gatekeeper, stand_in)
    await guess_until_slowed(gatekeeper)
    stand_in.asked.clear()
    clock.pass_seconds(0.9)
    assert [await status_of(gatekeeper, WRONG_KEY) for _ in range(100)] == [429] * 100
    assert stand_in.reads == 0
    assert await status_of(gatekeeper, KEY) == 200
    assert stand_in.reads == 1


async def test_while_somebody_guesses_a_wrong_key_does_not_wait_for_a_hanging_read(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect, clock: TestClock
) -> None:
    gatekeeper = await connect(stand_in_url, Settings(secret_ttl_seconds=0.5, secret_timeout_seconds=0.5))
    await warm(gatekeeper, stand_in)
    await guess_until_slowed(gatekeeper)
    clock.pass_seconds(0.9)
    stand_in.answer = HANG
    reading = asyncio.create_task(gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    assert [await status_of(gatekeeper, WRONG_KEY) for _ in range(100)] == [429] * 100
    assert not reading.done()
    assert await reading == Caller("default")


@pytest.mark.parametrize("after_seconds", [0.0, 1.3, 2.6, 3.9, 4.9])
async def test_while_somebody_guesses_a_new_key_works_when_its_client_tries_again(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock, after_seconds: float
) -> None:
    """The SDKs try again by themselves after a 429, when `retry-after` says."""
    await warm(gatekeeper, stand_in)
    await guess_for(gatekeeper, clock, 10 + after_seconds)
    stand_in.hold(NEW_SECRET)
    for _ in range(2):  # as often as the SDKs do
        try:
            await gatekeeper.authenticate(with_key(NEW_KEY))
        except RateLimited as refusal:
            await guess_for(gatekeeper, clock, float(refusal.headers["retry-after"]))
    assert await status_of(gatekeeper, NEW_KEY) == 200
    assert stand_in.reads <= 2 + (10 + after_seconds + 10) / 5


async def guess_for(gatekeeper: Gatekeeper, clock: TestClock, seconds: float) -> None:
    """Twenty times a second."""
    for number in range(round(seconds * 20)):
        assert await status_of(gatekeeper, f"{WRONG_KEY}{number}") in (401, 429)
        clock.pass_seconds(0.05)


async def test_without_that_limit_an_outage_may_last_for_a_month(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    await warm(gatekeeper, stand_in)
    stand_in.refuse("InternalServiceError", status=500)
    clock.pass_seconds(30 * 86_400)
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
    about_credentials = b"ExpiredToken" in nonsense[1]
    told = "renew its credentials" if about_credentials else "secretsmanager:GetSecretValue"
    assert told in trouble.value.message
    assert trouble.value.fault == ("credentials" if about_credentials else "secret")
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
    hasty_gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock, settings: Settings
) -> None:
    await warm(hasty_gatekeeper, stand_in)
    stand_in.answer = HANG
    clock.pass_seconds(TTL_SECONDS)
    began = time.monotonic()
    reading = asyncio.create_task(hasty_gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    for _ in range(100):
        await hasty_gatekeeper.authenticate(with_key(KEY))
    assert not reading.done()
    assert await reading == Caller("default")
    assert settings.secret_timeout_seconds * 0.9 < time.monotonic() - began < settings.secret_timeout_seconds + 0.5
    assert stand_in.reads == 1


async def test_on_a_cold_cache_nobody_waits_longer_than_the_limit(
    hasty_gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, settings: Settings
) -> None:
    stand_in.answer = HANG
    began = time.monotonic()
    statuses = await asyncio.gather(*(status_of(hasty_gatekeeper, KEY) for _ in range(50)))
    assert set(statuses) == {500}
    assert time.monotonic() - began < settings.secret_timeout_seconds + 0.5
    # On a busy machine the limit may be over before the one read has arrived.
    assert stand_in.reads <= 1


async def test_wrong_keys_wait_no_longer_than_the_limit_either(
    hasty_gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, settings: Settings
) -> None:
    await warm(hasty_gatekeeper, stand_in)
    stand_in.answer = HANG
    began = time.monotonic()
    statuses = await asyncio.gather(*(status_of(hasty_gatekeeper, WRONG_KEY) for _ in range(50)))
    assert set(statuses) == {401, 429}
    assert time.monotonic() - began < settings.secret_timeout_seconds + 0.5
    assert stand_in.reads <= 2


async def test_a_caller_who_hangs_up_while_reading_leaves_the_read_to_the_others(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    stand_in.answer = HANG
    first = asyncio.create_task(gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    others = [asyncio.create_task(gatekeeper.authenticate(with_key(KEY))) for _ in range(20)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    stand_in.released.set()
    assert set(await asyncio.gather(*others)) == {Caller("default")}
    assert first.cancelled()
    assert stand_in.reads == 1


@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
async def test_callers_who_all_hang_up_cost_one_read(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock, *, is_warm: bool
) -> None:
    """Without a key, too: or whoever knocks and leaves would have Secrets Manager asked, and billed, each time."""
    if is_warm:
        await warm(gatekeeper, stand_in)
        clock.pass_seconds(TTL_SECONDS)
    stand_in.hold(SECRET)
    before = stand_in.reads
    stand_in.answer = HANG
    for _ in range(20):
        knocking = asyncio.create_task(gatekeeper.warm())
        await stand_in.hanging.wait()
        knocking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await knocking
    stand_in.released.set()
    await gatekeeper.authenticate(with_key(KEY))
    assert stand_in.reads == before + 1


async def test_a_read_that_began_for_somebody_else_is_not_taken_for_news(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    await warm(gatekeeper, stand_in)
    clock.pass_seconds(TTL_SECONDS)
    stand_in.answer_by_stage["AWSPREVIOUS"] = HANG
    first = asyncio.create_task(gatekeeper.authenticate(with_key(KEY)))
    await stand_in.hanging.wait()
    # Its current value has been read; only then is there a new one.
    stand_in.hold(NEW_SECRET)
    late = asyncio.create_task(gatekeeper.authenticate(with_key(NEW_KEY)))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    stand_in.released.set()
    assert await late == Caller("default")


class TurnsReader:
    """Answers in memory, after some turns of the event loop."""

    async def prepare(self) -> None:
        """It needs nothing."""

    async def read(self, stage: str) -> SecretVersion | None:
        await asyncio.sleep(0)
        return SecretVersion(SECRET, 0.0) if stage == "AWSCURRENT" else None


@pytest.mark.timeout(5)
@pytest.mark.parametrize("turns", range(12))
async def test_whoever_comes_in_any_turn_of_a_read_is_judged(turns: int) -> None:
    """In the one between the end of a read and its news, somebody once waited for what was done, and all for him."""
    gatekeeper = gatekeeper_for(TurnsReader(), Settings())
    first = asyncio.create_task(status_of(gatekeeper, KEY))
    for _ in range(turns):
        await asyncio.sleep(0)
    assert await status_of(gatekeeper, WRONG_KEY) == 401
    assert await status_of(gatekeeper, KEY) == 200
    assert await first == 200


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
    hasty_gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn
) -> None:
    stand_in.hold(SECRET)
    stand_in.answer_by_stage["AWSPREVIOUS"] = HANG
    assert await status_of(hasty_gatekeeper, KEY) == 200


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
    assert set(await asyncio.gather(*(status_of(gatekeeper, WRONG_KEY) for _ in range(100)))) == {401, 429}
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


@pytest.mark.parametrize("status", [200, 400, 500, 502])
async def test_no_body_that_holds_the_secret_comes_into_the_log(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Botocore makes a broken body the message of the error."""
    caplog.set_level(logging.DEBUG, logger="chatrix")
    for body in (json.dumps({"SecretString": SECRET})[:-2], SECRET, json.dumps({"message": SECRET})):
        stand_in.answer = (status, body.encode())
        await status_of(gatekeeper, KEY)
    assert "is unreadable" in caplog.text
    assert KEY not in caplog.text


async def test_aws_words_in_the_log_name_no_account(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="chatrix")
    who = "User: arn:aws:sts::123456789012:assumed-role/gateway/i-0"
    stand_in.refuse("AccessDeniedException", f"{who} is not authorized to perform: secretsmanager:GetSecretValue")
    assert await status_of(gatekeeper, KEY) == 500
    assert "User: (ARN) is not authorized to perform: secretsmanager:GetSecretValue" in caplog.text
    assert "123456789012" not in caplog.text


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
