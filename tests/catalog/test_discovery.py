"""What the catalog does not know, Bedrock's control plane is asked: seldom, in time, and never at a request's cost."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiobotocore.session import get_session
from aiohttp import web
from msgspec import structs

from gateway.catalog import parse_aliases
from gateway.clocks import Clocks
from gateway.settings import Settings
from gateway.simulator import Refusal, Simulator, SimulatorOptions, Trouble, open_simulator
from gateway.upstreams.inference_profiles import (
    DEADLINE_SECONDS,
    FAILURE_KEPT_SECONDS,
    KEPT_SECONDS,
    InferenceProfiles,
    open_inference_profiles,
)
from tests.support.gateway import HELLO, Gateway, aws_environment, run_both, run_gateway

LIST, GET = "ListInferenceProfiles", "GetInferenceProfile"
DENIED = Refusal("AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/r is not authorized")
ARN = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/"
TEAM, NEWS, NOBODY = f"{ARN}simulatedteam", f"{ARN}simulatednews", f"{ARN}nobody"


@dataclass(frozen=True)
class Answered:
    status: int
    model_id: str | None
    """That reached Bedrock."""
    name: str | None
    approximated: str
    message: str


async def ask(gateway: Gateway, model: str, **headers: str) -> Answered:
    before = len(gateway.calls())
    async with gateway.post({**HELLO, "model": model}, headers=headers) as response:
        body = await response.json()
    calls = gateway.calls()[before:]
    return Answered(
        response.status,
        calls[-1].model_id if calls else None,
        response.headers.get("x-chatrix-model"),
        response.headers.get("x-chatrix-approximated", ""),
        body.get("error", {}).get("message", ""),
    )


def count(simulator: Simulator, operation: str) -> int:
    return sum(exchange.operation == operation for exchange in simulator.exchanges)


@pytest.fixture
async def fresh() -> AsyncIterator[Gateway]:
    """A gateway that has not asked anything yet."""
    async with run_both() as running:
        yield running


async def test_a_claude_that_only_bedrock_knows_is_called_by_exactly_its_profile(fresh: Gateway) -> None:
    answered = await ask(fresh, "claude-opus-6")
    assert answered == Answered(200, "us.anthropic.claude-opus-6", "claude-opus-6", "", "")
    dated = await ask(fresh, "claude-saga-1-20270101")
    assert (dated.model_id, dated.name) == ("eu.anthropic.claude-saga-1-20270101-v1:0", "claude-saga-1")
    assert count(fresh.simulator, LIST) == 1


async def test_a_claude_that_nobody_knows_is_served_by_the_newest_of_its_family_and_told(fresh: Gateway) -> None:
    answered = await ask(fresh, "claude-sonnet-99")
    assert (answered.status, answered.name) == (200, "claude-sonnet-5-5")
    assert "model" in answered.approximated
    unknown = await ask(fresh, "claude-zen-99")
    assert (unknown.status, unknown.model_id) == (404, None)
    assert unknown.message.startswith("model: claude-zen-99")


async def test_known_names_ask_nobody(fresh: Gateway) -> None:
    for model in ("opus", "claude-sonnet-4-5-20250929", "us.anthropic.claude-opus-9", "kimi-k2.5", "claude-3-opus"):
        assert (await ask(fresh, model)).status == 200
    assert (await ask(fresh, "gpt-4o")).status == 404
    assert count(fresh.simulator, LIST) == count(fresh.simulator, GET) == 0


async def test_thirty_requests_at_once_ask_once(fresh: Gateway) -> None:
    answers = await asyncio.gather(*(ask(fresh, "claude-opus-6") for _ in range(30)))
    assert {answered.status for answered in answers} == {200}
    assert count(fresh.simulator, LIST) == 1


async def test_without_the_permission_the_family_serves_and_nobody_asks_again_at_once(fresh: Gateway) -> None:
    fresh.simulator.troubles[LIST] = Trouble(refusal=DENIED)
    for _ in range(3):
        answered = await ask(fresh, "claude-opus-6")
        assert (answered.status, answered.name) == (200, "claude-opus-5-5")
        assert "model" in answered.approximated
    assert count(fresh.simulator, LIST) == 1


async def test_a_control_plane_that_hangs_costs_one_deadline_for_all(fresh: Gateway) -> None:
    fresh.simulator.troubles[LIST] = Trouble(hang=True)
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(ask(fresh, "claude-opus-6") for _ in range(5)))
    assert {answered.name for answered in answers} == {"claude-opus-5-5"}
    assert asyncio.get_running_loop().time() - started < 2 * DEADLINE_SECONDS
    assert count(fresh.simulator, LIST) == 1


async def redirect(_: web.Request) -> web.Response:
    raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/elsewhere")


async def page(_: web.Request) -> web.Response:
    return web.Response(text="<html>proxy</html>", content_type="text/html")


async def broken_page(_: web.Request) -> web.Response:
    return web.Response(status=502, text="<html>proxy</html>", content_type="text/html")


async def another_shape(_: web.Request) -> web.Response:
    return web.json_response({"inferenceProfileSummaries": {"inferenceProfileId": 7}, "models": "no"})


async def list_of_nothing(_: web.Request) -> web.Response:
    return web.json_response([None])


@asynccontextmanager
async def served(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("handler", [redirect, page, broken_page, another_shape, list_of_nothing])
@pytest.mark.parametrize(("model", "status"), [("claude-opus-6", 200), (TEAM, 404)])
async def test_whatever_answers_in_place_of_the_control_plane_fails_no_request(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], model: str, status: int
) -> None:
    async with (
        open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator,
        served(handler) as url,
        run_gateway(simulator, AWS_ENDPOINT_URL_BEDROCK=url) as gateway,
    ):
        assert (await ask(gateway, model)).status == status


async def test_an_application_profile_is_called_by_its_arn_and_named_by_its_model(fresh: Gateway) -> None:
    assert await ask(fresh, TEAM) == Answered(200, TEAM, "claude-sonnet-4-6", "", "")
    assert await ask(fresh, NEWS) == Answered(200, NEWS, "claude-opus-6", "", "")
    await ask(fresh, TEAM)
    assert count(fresh.simulator, GET) == 2


async def test_an_arn_that_cannot_be_looked_up_is_a_404_that_names_no_account(fresh: Gateway) -> None:
    for _ in range(2):
        answered = await ask(fresh, NOBODY)
        assert (answered.status, answered.model_id) == (404, None)
        assert answered.message.startswith("model: nobody.")
    assert count(fresh.simulator, GET) == 1
    # The refusal was about that ARN alone.
    assert (await ask(fresh, TEAM)).status == 200


async def test_without_the_permission_to_look_arns_up_each_is_a_404_without_a_call(fresh: Gateway) -> None:
    fresh.simulator.troubles[GET] = Trouble(refusal=DENIED)
    assert (await ask(fresh, TEAM)).status == 404
    assert (await ask(fresh, NEWS)).status == 404
    assert count(fresh.simulator, GET) == 1


async def test_a_key_is_held_to_its_models_behind_aliases_and_arns() -> None:
    key = "ck_only_for_opus_models"
    secret = {"api_keys": [{"name": "ci", "key": key, "models": ["claude-opus-*"]}]}
    aliases = parse_aliases(f"best=opus,claude-opus-cheap=haiku,own={TEAM}=claude-sonnet-4-6")
    async with (
        open_simulator(SimulatorOptions(tokens_per_second=0, secret_string=json.dumps(secret))) as simulator,
        run_gateway(simulator, model_aliases=aliases) as gateway,
    ):
        for model in ("best", "claude-opus-6", NEWS):
            assert (await ask(gateway, model, **{"x-api-key": key})).status == 200, model
        for model in ("claude-opus-cheap", "own", TEAM, "fable"):
            assert (await ask(gateway, model, **{"x-api-key": key})).status == 403, model


async def test_an_alias_with_its_model_needs_no_call() -> None:
    aliases = parse_aliases(f"team={NOBODY}=claude-sonnet-4-5")
    async with run_both(model_aliases=aliases) as gateway:
        assert await ask(gateway, "team") == Answered(200, NOBODY, "claude-sonnet-4-5", "", "")
        assert count(gateway.simulator, GET) == 0


async def test_nothing_leaves_the_allowed_geographies() -> None:
    async with run_both(inference_geos=("eu",)) as gateway:
        inside = await ask(gateway, "opus")
        assert inside.model_id == "eu.anthropic.claude-opus-5-5"
        for model in ("claude-opus-4-1", "us.anthropic.claude-opus-5-5", "claude-opus-6", "kimi-k3", TEAM):
            refused = await ask(gateway, model)
            assert (refused.status, refused.model_id) == (404, None), model
            assert "may send requests (eu)" in refused.message
    async with run_both(inference_geos=("us",)) as gateway:
        assert (await ask(gateway, TEAM)).model_id == TEAM
        assert (await ask(gateway, "claude-opus-6")).model_id == "us.anthropic.claude-opus-6"


class SetClocks:
    """Two clocks that a test sets."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.monotonic = 500.0

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.monotonic)


@dataclass
class Asked:
    profiles: InferenceProfiles
    simulator: Simulator
    time: SetClocks


@pytest.fixture
async def asked(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Asked]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(open_simulator(SimulatorOptions(tokens_per_second=0)))
        for name, value in aws_environment(simulator.url).items():
            monkeypatch.setenv(name, value)
        time = SetClocks()
        profiles = open_inference_profiles(
            get_session(), structs.replace(Settings(), region="us-west-2"), time.clocks()
        )
        yield Asked(await stack.enter_async_context(profiles), simulator, time)


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
async def test_the_list_is_kept_until_either_clock_says_it_is_old(asked: Asked, clock: str) -> None:
    """Lambda stops the monotonic clock, and wall clocks get set."""
    assert (await asked.profiles.system())["claude-opus-6"]
    setattr(asked.time, clock, getattr(asked.time, clock) + KEPT_SECONDS - 1)
    await asked.profiles.system()
    assert count(asked.simulator, LIST) == 1
    setattr(asked.time, clock, getattr(asked.time, clock) + 2)
    await asked.profiles.system()
    assert count(asked.simulator, LIST) == 2


async def test_an_old_list_outlives_a_failure_and_the_failure_is_tried_again_later(asked: Asked) -> None:
    known = await asked.profiles.system()
    asked.time.wall += KEPT_SECONDS + 1
    asked.simulator.troubles[LIST] = Trouble(refusal=DENIED, times=1)
    assert await asked.profiles.system() == known
    assert await asked.profiles.system() == known
    assert count(asked.simulator, LIST) == 2
    asked.time.wall += FAILURE_KEPT_SECONDS + 1
    del asked.simulator.profiles[:]
    assert await asked.profiles.system() == {}
    assert count(asked.simulator, LIST) == 3


async def test_an_application_profile_once_known_outlives_a_failure(asked: Asked) -> None:
    known = await asked.profiles.application(TEAM)
    assert known is not None
    assert known.base_id == "anthropic.claude-sonnet-4-6"
    asked.time.wall += KEPT_SECONDS + 1
    asked.simulator.troubles[GET] = Trouble(refusal=DENIED)
    assert await asked.profiles.application(TEAM) == known


async def test_a_profile_that_was_missing_is_looked_for_again_after_a_while(asked: Asked) -> None:
    assert await asked.profiles.application(NOBODY) is None
    newcomer = replace(
        next(profile for profile in asked.simulator.profiles if profile.arn == TEAM), profile_id="nobody"
    )
    asked.simulator.profiles.append(newcomer)
    assert await asked.profiles.application(NOBODY) is None
    asked.time.monotonic += FAILURE_KEPT_SECONDS + 1
    assert await asked.profiles.application(NOBODY) is not None


async def test_a_caller_who_hangs_up_hands_the_question_over(asked: Asked) -> None:
    asked.simulator.troubles[LIST] = Trouble(delay_seconds=0.2)
    first = asyncio.create_task(asked.profiles.system())
    await asked.simulator.wait_until(lambda: count(asked.simulator, LIST) == 1)
    second = asyncio.create_task(asked.profiles.system())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await second)["claude-opus-6"]


async def test_a_long_list_is_read_to_its_end(asked: Asked) -> None:
    some = next(profile for profile in asked.simulator.profiles if profile.type == "SYSTEM_DEFINED")
    many: list[Any] = [replace(some, profile_id=f"us.anthropic.claude-opus-{number}") for number in range(100, 1300)]
    asked.simulator.profiles[:] = many
    assert len(await asked.profiles.system()) == len(many)
    assert count(asked.simulator, LIST) == 2
