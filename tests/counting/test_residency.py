"""Counting sends the whole conversation to the gateway's own Region: only where that is allowed."""

from typing import Any

import pytest

from gateway.catalog import parse_aliases
from tests.support.gateway import Gateway, asking, run_both

COUNT = "/v1/messages/count_tokens"
IRELAND = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"
TEAM = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/simulatedteam"
SYSTEM = "arn:aws:bedrock:eu-west-1:000000000000:inference-profile/global.anthropic.claude-sonnet-4-5-20250929-v1:0"


async def count(gateway: Gateway, **fields: Any) -> str:
    """How it was counted. An estimate must have asked nobody."""
    async with gateway.post(asking("hello", **fields), COUNT) as response:
        assert response.status == 200, await response.text()
        how = response.headers["x-chatrix-count"]
    asked = any(exchange.operation == "CountTokens" for exchange in gateway.simulator.exchanges)
    assert asked == (how == "exact")
    return how


@pytest.mark.parametrize(
    ("geographies", "how"), [((), "exact"), (("us",), "exact"), (("global",), "exact"), (("eu",), "estimate")]
)
async def test_the_operators_geographies_hold(geographies: tuple[str, ...], how: str) -> None:
    async with run_both(inference_geos=geographies, region="us-west-2") as gateway:
        assert await count(gateway) == how


@pytest.mark.parametrize(
    ("fields", "how"),
    [
        ({"inference_geo": "eu"}, "estimate"),
        ({"inference_geo": "us"}, "exact"),
        ({"model": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}, "estimate"),
        ({"model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}, "exact"),
        ({"model": IRELAND}, "estimate"),
        ({"model": IRELAND.replace("eu-west-1", "us-west-2")}, "exact"),
        ({"model": SYSTEM}, "estimate"),
        ({"model": SYSTEM.replace("eu-west-1", "us-west-2")}, "exact"),
    ],
)
async def test_where_a_caller_wants_to_be_answered_holds(fields: dict[str, Any], how: str) -> None:
    async with run_both(region="us-west-2") as gateway:
        assert await count(gateway, **fields) == how


@pytest.mark.parametrize(
    ("target", "how"),
    [
        (IRELAND, "estimate"),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "estimate"),
        ("claude-sonnet-4-5", "exact"),
        (f"{TEAM}=claude-sonnet-4-6", "estimate"),
    ],
)
async def test_an_alias_does_not_hide_where_its_target_is(target: str, how: str) -> None:
    """What is behind the last one only Bedrock can tell, and the operator's word spares it the question."""
    async with run_both(region="us-west-2", model_aliases=parse_aliases(f"team={target}")) as gateway:
        assert await count(gateway, model="team") == how


async def test_an_application_profile_is_counted_where_bedrock_says_that_it_is_answered() -> None:
    async with run_both(region="us-west-2") as gateway:
        assert await count(gateway, model=TEAM) == "exact"
    async with run_both(region="us-west-2") as gateway:
        gateway.simulator.profiles.clear()
        async with gateway.post(asking("hello", model=TEAM), COUNT) as response:
            assert response.status == 404
        assert not any(exchange.operation == "CountTokens" for exchange in gateway.simulator.exchanges)
