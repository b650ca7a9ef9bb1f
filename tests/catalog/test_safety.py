"""Only names that match a pattern of ours in full ever become part of a URL."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.catalog import (
    ARN,
    MODELS,
    PROVIDER_ID,
    ApplicationProfile,
    Discovered,
    NotInGeography,
    Preferences,
    Resolution,
    parse_aliases,
    resolve,
)

PIECES = st.sampled_from(
    [
        *(row.name for row in MODELS),
        *(row.model_id for row in MODELS),
        *("us.", "global.", "region.", "anthropic.", "claude-", "opus", "sonnet", "[1m]", "-latest", "@20250929"),
        *("-v1:0", "-20270101", "..", "/", "\\", "%2f", "?", "#", "\n", "\x00", " ", ":", "\u0130", "\u017f", "\u212a"),
        *("arn:aws:bedrock:", "us-west-2", "::foundation-model/", ":123456789012:inference-profile/"),
        *(":123456789012:application-inference-profile/", "abcdef123456"),
    ]
)
NAMES = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=6).map("".join))
REGIONS = st.sampled_from(["us-west-2", "eu-west-1", "ap-south-1", "us-gov-west-1", "sa-east-1", ""])
GEOGRAPHIES = st.lists(st.sampled_from(["global", "us", "eu", "jp", "region"]), unique=True, max_size=3).map(tuple)


def resolved(name: str, region: str, preferences: Preferences, discovered: Discovered) -> Resolution | None:
    try:
        return resolve(name, region, preferences, discovered)
    except NotInGeography:
        return None


def is_callable(model_id: str) -> bool:
    return PROVIDER_ID.fullmatch(model_id) is not None or re.fullmatch(ARN, model_id) is not None


@settings(deadline=None, max_examples=400)
@given(NAMES, REGIONS, GEOGRAPHIES)
def test_any_string_is_refused_or_becomes_an_id_that_may_be_called(
    name: str, region: str, geographies: tuple[str, ...]
) -> None:
    told = Discovered({"claude-opus-9": ("us.anthropic.claude-opus-9", "../evil", "eu.anthropic.claude-opus-9\n")})
    resolution = resolved(name, region, Preferences(geographies, parse_aliases("fast=haiku")), told)
    if resolution is not None:
        assert is_callable(resolution.model_id)
        assert resolution.model_id.isascii()
        assert not set(resolution.model_id) & set(" ?#%\\\n\x00")
        if geographies and resolution.geography not in (*geographies, "region"):
            raise AssertionError(resolution)


@settings(deadline=None)
@given(NAMES)
def test_whatever_the_control_plane_says_only_our_patterns_are_called(profile_id: str) -> None:
    """A list of profiles comes over the network; so does what is behind an ARN."""
    told = Discovered(profiles={"claude-opus-9": (profile_id,)})
    resolution = resolve("claude-opus-9", "us-west-2", discovered=told)
    assert resolution is not None
    assert is_callable(resolution.model_id)
    arn = "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abcdef123456"
    told = Discovered(applications={arn: ApplicationProfile(profile_id, ("us-west-2",))})
    by_arn = resolve(arn, "us-west-2", discovered=told)
    assert by_arn is None or by_arn.model_id == arn


@settings(deadline=None)
@given(NAMES.filter(lambda name: not set(name) & set(",=")), NAMES)
@example("claude-fable", "ARN:")
def test_an_accepted_alias_means_what_its_target_means(target: str, name: str) -> None:
    try:
        (alias,) = parse_aliases(f"{name}={target}")
    except ValueError:
        return
    by_alias = resolve(alias.name, "us-west-2", Preferences(aliases=(alias,)))
    assert by_alias == resolve(alias.target, "us-west-2")
