"""Keys in a real Secrets Manager API: what its own rotation, deletion and versions do to callers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from multidict import CIMultiDict

from gateway.access import Caller
from gateway.protocol.errors import ApiError, Unauthenticated
from gateway.settings import Settings

if TYPE_CHECKING:
    from tests.access.conftest import Connect, MotoSecret, TestClock

FIRST: Final = "ck_first-key-of-the-test"
SECOND: Final = "ck_second-key-of-the-test"
THIRD: Final = "ck_third-key-of-the-test"
GRACE_SECONDS: Final = Settings().previous_grace_seconds
TTL_SECONDS: Final = Settings().secret_ttl_seconds


def single(key: str) -> str:
    return json.dumps({"api_key": key})


async def come_in(secret: MotoSecret, key: str) -> Caller:
    return await secret.gatekeeper.authenticate(CIMultiDict({"X-Api-Key": key}))


async def test_the_key_of_the_secret_comes_in(moto_secret: MotoSecret) -> None:
    await moto_secret.create(single(FIRST))
    assert await come_in(moto_secret, FIRST) == Caller("default")


async def test_a_key_that_is_not_in_the_secret_is_refused(moto_secret: MotoSecret) -> None:
    await moto_secret.create(single(FIRST))
    with pytest.raises(Unauthenticated) as refusal:
        await come_in(moto_secret, SECOND)
    assert refusal.value.status == 401
    assert SECOND not in refusal.value.message


async def test_after_a_rotation_the_new_key_works_at_once_and_the_old_one_still(moto_secret: MotoSecret) -> None:
    await moto_secret.create(single(FIRST))
    await come_in(moto_secret, FIRST)
    await moto_secret.rotate(single(SECOND))
    assert await come_in(moto_secret, SECOND) == Caller("default")
    assert await come_in(moto_secret, FIRST) == Caller("default")


async def test_the_key_before_the_previous_one_is_refused(moto_secret: MotoSecret, clock: TestClock) -> None:
    await moto_secret.create(single(FIRST))
    await moto_secret.rotate(single(SECOND))
    await moto_secret.rotate(single(THIRD))
    with pytest.raises(Unauthenticated, match="not valid"):
        await come_in(moto_secret, FIRST)
    await come_in(moto_secret, SECOND)
    await come_in(moto_secret, THIRD)


async def test_the_previous_key_ends_with_its_grace(moto_secret: MotoSecret, clock: TestClock) -> None:
    await moto_secret.create(single(FIRST))
    await moto_secret.rotate(single(SECOND))
    clock.pass_seconds(GRACE_SECONDS - 10)
    await come_in(moto_secret, FIRST)
    clock.pass_seconds(20)
    with pytest.raises(Unauthenticated, match="expired at"):
        await come_in(moto_secret, FIRST)
    await come_in(moto_secret, SECOND)


async def test_a_rotation_back_revives_the_old_key_on_its_first_use(moto_secret: MotoSecret, clock: TestClock) -> None:
    await moto_secret.create(single(FIRST))
    await moto_secret.rotate(single(SECOND))
    clock.pass_seconds(GRACE_SECONDS + 10)
    await come_in(moto_secret, SECOND)
    await moto_secret.rotate(single(FIRST))
    assert await come_in(moto_secret, FIRST) == Caller("default")


async def test_with_no_grace_the_previous_key_is_dead_at_once_whatever_the_clocks_say(
    moto_secret: MotoSecret, moto_url: str, connect: Connect, clock: TestClock
) -> None:
    clock.turn_back(60)
    strict = await connect(moto_url, Settings(secret_name=moto_secret.name, previous_grace_seconds=0))
    await moto_secret.create(single(FIRST))
    await moto_secret.rotate(single(SECOND))
    with pytest.raises(Unauthenticated):
        await strict.authenticate({"x-api-key": FIRST})


async def test_a_key_taken_out_of_the_list_is_dead_within_the_ttl(moto_secret: MotoSecret, clock: TestClock) -> None:
    laptop, ci = {"name": "laptop", "key": FIRST}, {"name": "ci", "key": SECOND}
    await moto_secret.create(json.dumps({"api_keys": [laptop, ci]}))
    assert await come_in(moto_secret, FIRST) == Caller("laptop")
    await moto_secret.rotate(json.dumps({"api_keys": [ci]}))
    assert await come_in(moto_secret, FIRST) == Caller("laptop")
    clock.pass_seconds(TTL_SECONDS)
    with pytest.raises(Unauthenticated):
        await come_in(moto_secret, FIRST)
    assert await come_in(moto_secret, SECOND) == Caller("ci")


async def test_a_list_gives_its_single_key_predecessor_no_grace(moto_secret: MotoSecret) -> None:
    await moto_secret.create(single(FIRST))
    await moto_secret.rotate(json.dumps({"api_keys": [{"key": SECOND}]}))
    assert await come_in(moto_secret, SECOND) == Caller("key-1")
    with pytest.raises(Unauthenticated):
        await come_in(moto_secret, FIRST)


async def test_a_single_key_gives_its_list_predecessor_no_grace(moto_secret: MotoSecret) -> None:
    await moto_secret.create(json.dumps({"api_keys": [{"key": SECOND, "models": ["claude-haiku-*"]}]}))
    await moto_secret.rotate(single(FIRST))
    with pytest.raises(Unauthenticated):
        await come_in(moto_secret, SECOND)


async def test_a_deleted_secret_leaves_the_known_keys_working(moto_secret: MotoSecret, clock: TestClock) -> None:
    await moto_secret.create(single(FIRST))
    await come_in(moto_secret, FIRST)
    await moto_secret.delete()
    clock.pass_seconds(TTL_SECONDS)
    await come_in(moto_secret, FIRST)
    with pytest.raises(Unauthenticated):
        await come_in(moto_secret, SECOND)


async def test_a_secret_that_never_existed_is_the_gateways_trouble_and_not_the_keys(
    moto_secret: MotoSecret, clock: TestClock
) -> None:
    with pytest.raises(ApiError, match=f"cannot read its key secret {moto_secret.name}: it does not exist") as trouble:
        await come_in(moto_secret, FIRST)
    assert trouble.value.status == 500
    await moto_secret.create(single(FIRST))
    clock.pass_seconds(1)
    await come_in(moto_secret, FIRST)


@pytest.mark.parametrize("malformed", ["", "no JSON", "null", "[]", '{"api_key": ""}', '{"api_keys": []}'])
async def test_a_malformed_new_secret_leaves_the_last_good_key_and_a_mended_one_works(
    moto_secret: MotoSecret, clock: TestClock, malformed: str
) -> None:
    await moto_secret.create(single(FIRST))
    await come_in(moto_secret, FIRST)
    await moto_secret.rotate(malformed or " ")
    clock.pass_seconds(TTL_SECONDS)
    await come_in(moto_secret, FIRST)
    with pytest.raises(Unauthenticated):
        await come_in(moto_secret, "")
    await moto_secret.rotate(single(SECOND))
    await come_in(moto_secret, SECOND)
