"""Names of the operator's own, and the ARNs of application inference profiles."""

import re

import pytest

from gateway.catalog import (
    Alias,
    ApplicationProfile,
    Discovered,
    Preferences,
    parse_aliases,
    read_name,
    resolve,
    wanted_application,
    wants_profiles,
)

TEAM = "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abcdef123456"
ALIASES = parse_aliases(
    f"fast=haiku, Best = us.anthropic.claude-opus-5-5 ,claude-sonnet-4-5=claude-sonnet-5-5,"
    f"team={TEAM}=claude-sonnet-4-6,hidden={TEAM[:-1]}7,gone=claude-3-7-sonnet,nova.pro=kimi-k3"
)
PREFERENCES = Preferences(aliases=ALIASES)


def resolved(name: str, discovered: Discovered | None = None) -> tuple[str, str, bool] | None:
    resolution = resolve(name, "us-west-2", PREFERENCES, discovered or Discovered())
    return None if resolution is None else (resolution.name, resolution.model_id, resolution.substituted)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fast", ("claude-haiku-5-5", "us.anthropic.claude-haiku-5-5", False)),
        ("FAST[1m]", ("claude-haiku-5-5", "us.anthropic.claude-haiku-5-5", False)),
        ("best", ("claude-opus-5-5", "us.anthropic.claude-opus-5-5", False)),
        ("claude-sonnet-4-5", ("claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5", False)),
        ("claude-sonnet-4-5@20250929", ("claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5", False)),
        ("team", ("claude-sonnet-4-6", TEAM, False)),
        (TEAM, ("claude-sonnet-4-6", TEAM, False)),
        ("gone", ("claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", True)),
        ("nova.pro", ("kimi-k3", "us.moonshotai.kimi-k3", False)),
    ],
)
def test_an_alias_wins_over_the_catalog_and_permissions_are_about_the_model_that_answers(
    name: str, expected: tuple[str, str, bool]
) -> None:
    assert resolved(name) == expected


def test_other_names_mean_what_they_always_mean() -> None:
    assert resolved("claude-sonnet-4-6") == ("claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6", False)
    assert resolved("faster") is None


def test_an_alias_of_an_alias_is_no_alias() -> None:
    with pytest.raises(ValueError, match="'loop' a target that is no model's name"):
        parse_aliases("fast=haiku,loop=fast")


def test_without_a_base_the_control_plane_is_asked_what_an_application_profile_is() -> None:
    hidden = f"{TEAM[:-1]}7"
    assert wanted_application(read_name("hidden", ALIASES)) == hidden
    assert wanted_application(read_name("team", ALIASES)) is None
    assert wanted_application(read_name(TEAM)) == TEAM
    assert wanted_application(read_name("fast", ALIASES)) is None
    assert resolved("hidden") is None
    told = Discovered(applications={hidden: ApplicationProfile("anthropic.claude-opus-9", ("us-west-2",))})
    assert resolved("hidden", told) == ("claude-opus-9", hidden, False)


def test_only_unknown_claude_names_are_looked_for_in_the_list_of_profiles() -> None:
    assert wants_profiles(read_name("claude-opus-9", ALIASES))
    assert wants_profiles(read_name("claude-9", ALIASES))
    for known in ("fast", "opus", "claude-opus-5-5", "claude-3-opus", "us.anthropic.claude-opus-9", "gpt-9", TEAM):
        assert not wants_profiles(read_name(known, ALIASES))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fast", "must say fast=TARGET"),
        ("fast=", "must say fast=TARGET"),
        ("=haiku", "has a name that cannot be one"),
        ("fast/er=haiku", "has a name that cannot be one"),
        ("fast=haiku,FAST=opus", "gives 'fast' twice"),
        ("fast=gpt-9000", "'fast' a target that is no model's name, profile id or ARN"),
        ("fast=haiku=claude-haiku-5-5", "names a model behind 'fast'"),
        (f"team={TEAM}=gpt-9000", "names a model behind 'team'"),
        (f"team={TEAM}=a=b", "must say team=TARGET, or team=ARN=MODEL"),
        ("team=arn:aws:bedrock:us-west-2:123456789012:imported-model/abc", "a target that is no model's name"),
    ],
)
def test_a_mistake_in_the_aliases_is_told_without_the_account_number(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as refusal:
        parse_aliases(text)
    assert "123456789012" not in str(refusal.value)


def test_aliases_may_be_written_over_several_lines_with_a_comma_at_the_end() -> None:
    assert parse_aliases("fast = haiku,\n  slow=opus,\n") == (Alias("fast", "haiku"), Alias("slow", "opus"))
