"""Which headers let in whom, what a refused caller is told, and how many may be inside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from multidict import CIMultiDict

from gateway.access import Admission, Caller, Gatekeeper
from gateway.key_ring import KeyEntry, KeyRing, hash_key
from gateway.protocol.errors import ApiError, Overloaded, RateLimited, Unauthenticated
from gateway.secret_store import SecretStore, SecretVersion
from gateway.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.access.conftest import Connect, SecretsManagerStandIn, TestClock

LAPTOP_KEY: Final = "ck_laptop-0123456789"
CI_KEY: Final = "ck_ci-0123456789abcd"
OLD_KEY: Final = "ck_old-0123456789abc"
EMPTY_HASH: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SECRET: Final = json.dumps(
    {
        "api_keys": [
            {"name": "laptop", "key": LAPTOP_KEY},
            {"name": "ci", "key_sha256": hash_key(CI_KEY).hex(), "models": ["claude-haiku-*", "claude-sonnet-5"]},
            {"name": "old", "key": OLD_KEY, "expires": "2020-02-29"},
            {"name": "hash of nothing", "key_sha256": EMPTY_HASH},
        ]
    }
)


@pytest.fixture(autouse=True)
def held_secret(stand_in: SecretsManagerStandIn) -> None:
    stand_in.hold(SECRET)


async def name_of(gatekeeper: Gatekeeper, **headers: str) -> str:
    sent = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return (await gatekeeper.authenticate(sent)).name


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": LAPTOP_KEY},
        {"X_API_KEY": f"  {LAPTOP_KEY} "},
        {"authorization": f"Bearer {LAPTOP_KEY}"},
        {"Authorization": f"bearer {LAPTOP_KEY}"},
        {"authorization": f" BEARER   {LAPTOP_KEY}\t"},
        {"x_api_key": LAPTOP_KEY, "authorization": "Bearer ck_something-else-here"},
        {"x_api_key": "ck_something-else-here", "authorization": f"Bearer {LAPTOP_KEY}"},
        {"x_api_key": OLD_KEY, "authorization": f"Bearer {LAPTOP_KEY}"},
        {"x_api_key": "", "authorization": f"Bearer {LAPTOP_KEY}"},
        {"x_api_key": LAPTOP_KEY, "authorization": f"Bearer {CI_KEY}"},
        {"x_api_key": LAPTOP_KEY, "authorization": "Basic dXNlcjpwYXNz"},
    ],
)
async def test_a_good_key_in_either_header_comes_in(gatekeeper: Gatekeeper, headers: dict[str, str]) -> None:
    assert await name_of(gatekeeper, **headers) == "laptop"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_api_key": ""},
        {"x_api_key": "   "},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": LAPTOP_KEY},
        {"authorization": f"Basic {LAPTOP_KEY}"},
        {"authorization": f"Bearer{LAPTOP_KEY}"},
        {"authorization": f"Bearer Bearer {LAPTOP_KEY}"},
        {"authorization": f"Bearer {LAPTOP_KEY} extra"},
        {"authorization": f"Bearer {LAPTOP_KEY},{CI_KEY}"},
        {"x_api_key": f"Bearer {LAPTOP_KEY}"},
        {"x_api_key": LAPTOP_KEY.upper()},
        {"x_api_key": LAPTOP_KEY[:-1]},
        {"x_api_key": LAPTOP_KEY + "0"},
        {"x_api_key": f"{LAPTOP_KEY}\x00"},
        {"x_api_key": hash_key(CI_KEY).hex()},
        {"x_api_key": "ключ-ключ-ключ-ключ"},
        {"x_api_key": "\udcff" * 20},
        {"x_api_key": "x" * 4097},
        {"x_api_key": "x" * 1_000_000},
        {"cookie": f"x-api-key={LAPTOP_KEY}"},
        {"api_key": LAPTOP_KEY},
    ],
    ids=lambda headers: repr(headers)[:60],
)
async def test_everything_else_is_a_401_that_says_how_and_does_not_repeat_what_was_sent(
    gatekeeper: Gatekeeper, headers: dict[str, str]
) -> None:
    with pytest.raises(Unauthenticated, match="x-api-key") as refusal:
        await name_of(gatekeeper, **headers)
    assert refusal.value.status == 401
    assert "Bearer KEY" in refusal.value.message
    assert "ck_" not in refusal.value.message
    assert len(refusal.value.message) < 300


async def test_guessing_is_slowed_for_all_and_no_right_key_is_affected(
    gatekeeper: Gatekeeper, clock: TestClock
) -> None:
    for number in range(10):
        with pytest.raises(Unauthenticated):
            await name_of(
                gatekeeper, x_api_key=f"ck_guess-0123456789-{number}", authorization="Bearer ck_another-guess-1"
            )
    for _ in range(3):
        with pytest.raises(RateLimited) as refusal:
            await name_of(gatekeeper, x_api_key="ck_guess-0123456789")
        assert refusal.value.headers == {"retry-after": "5", "connection": "close"}
        assert await name_of(gatekeeper, x_api_key=LAPTOP_KEY) == "laptop"
    clock.pass_seconds(1)
    with pytest.raises(Unauthenticated):
        await name_of(gatekeeper, x_api_key="ck_guess-0123456789")
    with pytest.raises(RateLimited):
        await name_of(gatekeeper, x_api_key="ck_guess-0123456789")


@pytest.mark.parametrize("headers", [{}, {"x_api_key": "short"}, {"x_api_key": OLD_KEY}])
async def test_only_what_could_be_a_guess_counts_as_one(gatekeeper: Gatekeeper, headers: dict[str, str]) -> None:
    for _ in range(30):
        with pytest.raises(Unauthenticated):
            await name_of(gatekeeper, **headers)
    with pytest.raises(Unauthenticated):
        await name_of(gatekeeper, x_api_key="ck_guess-0123456789")


async def test_however_long_nobody_guessed_ten_wrong_keys_are_told_so_and_no_more(
    gatekeeper: Gatekeeper, clock: TestClock
) -> None:
    for _ in range(3):
        statuses = [await refusal_of(gatekeeper, f"ck_guess-0123456789-{number}") for number in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        clock.pass_seconds(3600)


async def test_while_somebody_guesses_an_expired_key_is_still_told_so_and_a_prolonged_one_works(
    stand_in: SecretsManagerStandIn, stand_in_url: str, connect: Connect, clock: TestClock
) -> None:
    gatekeeper = await connect(stand_in_url, Settings(secret_ttl_seconds=0.5))
    statuses = [await refusal_of(gatekeeper, f"ck_guess-0123456789-{number}") for number in range(11)]
    assert statuses == [401] * 10 + [429]
    assert await refusal_of(gatekeeper, OLD_KEY) == 401
    clock.pass_seconds(0.9)
    stand_in.hold(json.dumps({"api_keys": [{"name": "old", "key": OLD_KEY, "expires": "2999-12-31"}]}))
    assert await refusal_of(gatekeeper, "ck_guess-0123456789") == 429
    assert await name_of(gatekeeper, x_api_key=OLD_KEY) == "old"


async def refusal_of(gatekeeper: Gatekeeper, key: str) -> int:
    with pytest.raises((Unauthenticated, RateLimited)) as refusal:
        await name_of(gatekeeper, x_api_key=key)
    status: int = refusal.value.status
    return status


@pytest.mark.parametrize("place", [0, 5, 9])
async def test_every_candidate_is_compared_with_every_key_wherever_it_matches(place: int, clock: TestClock) -> None:
    """The time of an answer says nothing about where a key stands, and nothing about whether the other header had one.

    That one comparison takes the same time wherever two hashes differ is hmac.compare_digest's promise.
    """
    keys = [f"ck_of-caller-number-{number}" for number in range(10)]
    entries = CountedEntries(KeyEntry(f"caller-{number}", hash_key(key)) for number, key in enumerate(keys))
    store = SecretStore(OneSecret(), lambda _: KeyRing(entries, is_single=False), Settings(), clocks=clock.clocks())
    gatekeeper = Gatekeeper(store, previous_grace_seconds=0, clocks=clock.clocks())
    await gatekeeper.warm()
    assert await name_of(gatekeeper, x_api_key=keys[place]) == f"caller-{place}"
    assert entries.compared == 10
    assert await name_of(gatekeeper, x_api_key=keys[place], authorization=f"Bearer {keys[0]}") == f"caller-{place}"
    assert entries.compared == 10 + 20


class CountedEntries(tuple[KeyEntry, ...]):
    """Counts how many of its entries were looked at."""

    compared = 0

    def __iter__(self) -> Iterator[KeyEntry]:
        for entry in super().__iter__():
            self.compared += 1
            yield entry


class OneSecret:
    """Secrets Manager, as far as a store sees it."""

    async def prepare(self) -> None:
        """It needs nothing."""

    async def read(self, stage: str) -> SecretVersion | None:
        return SecretVersion("", created=0) if stage == "AWSCURRENT" else None


async def test_an_expired_key_is_told_so_and_nobody_else_learns_of_it(gatekeeper: Gatekeeper) -> None:
    with pytest.raises(Unauthenticated, match=r"\(old\) expired at 2020-02-29 23:59:59 UTC") as refusal:
        await name_of(gatekeeper, x_api_key=OLD_KEY)
    assert OLD_KEY not in refusal.value.message
    with pytest.raises(Unauthenticated, match="not valid"):
        await name_of(gatekeeper, x_api_key=OLD_KEY + "0")


async def test_a_key_ends_at_its_expiry_by_the_wall_clock(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    clock.wall_now = 1_800_000_000.0
    stand_in.hold(json.dumps({"api_keys": [{"key": LAPTOP_KEY, "expires": "2027-01-15T08:01:00Z"}]}))
    clock.pass_seconds(59.9)
    assert await name_of(gatekeeper, x_api_key=LAPTOP_KEY) == "key-1"
    clock.pass_seconds(0.1)
    with pytest.raises(Unauthenticated, match="expired"):
        await name_of(gatekeeper, x_api_key=LAPTOP_KEY)


async def test_a_prolonged_key_works_on_its_next_use(gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn) -> None:
    with pytest.raises(Unauthenticated, match="expired"):
        await name_of(gatekeeper, x_api_key=OLD_KEY)
    stand_in.hold(json.dumps({"api_keys": [{"name": "old", "key": OLD_KEY, "expires": "2999-12-31"}]}))
    assert await name_of(gatekeeper, x_api_key=OLD_KEY) == "old"


async def test_the_callers_models_come_from_the_secret(gatekeeper: Gatekeeper) -> None:
    caller = await gatekeeper.authenticate({"x-api-key": CI_KEY})
    assert caller == Caller("ci", ("claude-haiku-*", "claude-sonnet-5"))


def test_an_allow_list_matches_whole_names_in_their_case() -> None:
    caller = Caller("ci", ("claude-haiku-*", "claude-sonnet-5"))
    assert caller.may_use("claude-haiku-4-5")
    assert caller.may_use("claude-sonnet-5")
    assert not caller.may_use("claude-sonnet-5-5")
    assert not caller.may_use("Claude-Haiku-4-5")
    assert not caller.may_use("x-claude-haiku-4-5")
    assert not caller.may_use("")


def test_without_an_allow_list_every_model_is_allowed() -> None:
    assert Caller("laptop").may_use("anything")


async def test_warming_reads_the_keys_once_and_says_when_it_cannot(
    gatekeeper: Gatekeeper, stand_in: SecretsManagerStandIn, clock: TestClock
) -> None:
    stand_in.answer = (500, b"")
    with pytest.raises(ApiError, match="cannot read its key secret"):
        await gatekeeper.warm()
    stand_in.answer = None
    clock.pass_seconds(1)
    await gatekeeper.warm()
    assert await name_of(gatekeeper, x_api_key=LAPTOP_KEY) == "laptop"
    assert stand_in.reads == 2


def test_one_more_than_the_limit_is_refused_at_once_and_told_to_come_back() -> None:
    admission = Admission(2, 0)
    with admission.enter(), admission.enter():
        assert admission.inside == 2
        with pytest.raises(Overloaded) as refusal, admission.enter():
            pytest.fail("a third came in")
    assert refusal.value.status == 529
    assert refusal.value.headers == {"retry-after": "1"}
    assert admission.inside == 0


def test_a_place_is_free_again_however_its_request_ended() -> None:
    admission = Admission(1, 0)
    with pytest.raises(ZeroDivisionError), admission.enter():
        _ = 1 / 0
    with admission.enter():
        assert admission.inside == 1


def test_bodies_are_held_up_to_a_sum_and_whoever_is_alone_is_never_too_much() -> None:
    admission = Admission(3, 100)
    with admission.enter() as first:
        first.hold(90)
        first.hold(90)
        with admission.enter() as second:
            with pytest.raises(Overloaded) as refusal:
                second.hold(1)
            assert refusal.value.headers == {"retry-after": "1"}
            first.let_go()
            second.hold(60)
            with admission.enter() as third:
                third.hold(40)
                with pytest.raises(Overloaded):
                    third.hold(1)
        assert admission.held_bytes == 0
