"""Data residency: once geographies are set, nothing is answered anywhere else."""

import re

import pytest

from gateway.catalog import (
    ApplicationProfile,
    Discovered,
    NotInGeography,
    Preferences,
    parse_aliases,
    parse_geographies,
    read_name,
    resolve,
    served_models,
    wanted_application,
)

ACCOUNT = "arn:aws:bedrock:eu-west-1:123456789012"
TEAM = f"{ACCOUNT}:application-inference-profile/abcdef123456"


def model_id(name: str, region: str, *geographies: str) -> str:
    resolution = resolve(name, region, Preferences(geographies))
    assert resolution is not None
    return resolution.model_id


@pytest.mark.parametrize(
    ("name", "geographies", "expected"),
    [
        ("claude-opus-5-5", ("eu", "global"), "eu.anthropic.claude-opus-5-5"),
        ("claude-opus-5-5", ("global", "eu"), "global.anthropic.claude-opus-5-5"),
        ("claude-opus-5-5", ("region",), "anthropic.claude-opus-5-5"),
        ("claude-opus-5-5", ("region", "eu"), "anthropic.claude-opus-5-5"),
        ("claude-sonnet-4-5", ("region", "eu"), "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("kimi-k3", ("eu", "global"), "global.moonshotai.kimi-k3"),
        ("nova-pro", ("region",), "amazon.nova-pro-v1:0"),
        ("kimi-k2.5", ("eu",), "moonshotai.kimi-k2.5"),
        ("kimi-k2.5", ("global",), "moonshotai.kimi-k2.5"),
    ],
)
def test_the_first_allowed_geography_that_has_the_model_is_used(
    name: str, geographies: tuple[str, ...], expected: str
) -> None:
    assert model_id(name, "eu-west-1", *geographies) == expected


@pytest.mark.parametrize(
    ("name", "geographies"),
    [
        ("claude-opus-4-1", ("eu", "global")),
        ("claude-opus-5-5", ("apac",)),
        ("claude-fable-5-1", ("region",)),
        ("claude-sonnet-4-5", ("region",)),
        ("claude-3-7-sonnet", ("ca",)),
        ("claude-opus-9", ("apac", "in", "ca")[1:]),
        ("kimi-k3", ("eu",)),
        ("kimi-k2.5", ("us",)),
        ("us.anthropic.claude-opus-5-5", ("eu", "global")),
        ("global.anthropic.claude-opus-5-5", ("eu",)),
        ("us.anthropic.claude-opus-9", ("eu",)),
        ("anthropic.claude-opus-5-5", ("us",)),
        (f"{ACCOUNT}:inference-profile/us.anthropic.claude-opus-5-5", ("eu", "region")),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5-5", ("eu", "region")),
    ],
)
def test_a_model_an_id_or_an_arn_outside_them_is_refused_with_what_is_allowed(
    name: str, geographies: tuple[str, ...]
) -> None:
    with pytest.raises(NotInGeography, match=re.escape(f"({', '.join(geographies)})")) as refusal:
        resolve(name, "eu-west-1", Preferences(geographies))
    assert "123456789012" not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        "eu.anthropic.claude-opus-5-5",
        "eu.anthropic.claude-opus-9",
        "anthropic.claude-opus-5-5",
        "moonshotai.kimi-k2.5",
        f"{ACCOUNT}:inference-profile/eu.anthropic.claude-opus-5-5",
        "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-opus-5-5",
        "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-opus-5-5",
    ],
)
def test_what_stays_inside_is_called_as_it_is(name: str) -> None:
    assert model_id(name, "eu-west-1", "eu") == name


def test_the_arn_of_a_base_model_in_another_region_is_anywhere_too() -> None:
    arn = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5-5"
    assert model_id(arn, "eu-west-1", "eu", "global") == arn


def test_a_short_name_means_the_newest_that_is_to_be_had_there() -> None:
    assert model_id("opus", "ap-south-1", "apac") == "apac.anthropic.claude-opus-4-6-v1"
    assert model_id("claude-opus-9", "ap-south-1", "apac") == "apac.anthropic.claude-opus-4-6-v1"


def test_one_request_may_ask_for_one_of_the_allowed_geographies() -> None:
    preferences = Preferences(("eu", "global"))
    resolution = resolve("claude-opus-5-5", "eu-west-1", preferences.narrowed("global"))
    assert resolution is not None
    assert resolution.model_id == "global.anthropic.claude-opus-5-5"
    with pytest.raises(NotInGeography, match=r"inference_geo is not served .* \(eu, global\)"):
        preferences.narrowed("us")
    with pytest.raises(NotInGeography, match="global, us-gov, us"):
        Preferences().narrowed("mars")
    anywhere = resolve("claude-opus-5-5", "eu-west-1", Preferences().narrowed("us"))
    assert anywhere is not None
    assert anywhere.model_id == "us.anthropic.claude-opus-5-5"


@pytest.mark.parametrize("base", ["", "=claude-sonnet-4-6"])
def test_what_a_request_asks_for_outweighs_the_operators_word_for_an_application_profile(base: str) -> None:
    """An alias opens the operator's own rule; the geography that a caller asks for has to be proven."""
    preferences = Preferences(("eu", "us"), parse_aliases(f"team={TEAM}{base}"))
    inside = Discovered(applications={TEAM: ApplicationProfile("anthropic.claude-sonnet-4-6", ("us-east-1",))})
    assert resolve("team", "us-west-2", preferences, inside) is not None
    assert resolve("team", "us-west-2", preferences.narrowed("us"), inside) is not None
    with pytest.raises(NotInGeography, match=r"claude-sonnet-4-6 by this profile is not served .* \(eu\)"):
        resolve("team", "us-west-2", preferences.narrowed("eu"), inside)


def test_whoever_asks_for_a_geography_has_an_application_profile_looked_up() -> None:
    preferences = Preferences(aliases=parse_aliases(f"team={TEAM}=claude-sonnet-4-6"))
    wanted = read_name("team", preferences.aliases)
    assert wanted_application(wanted, preferences) is None
    assert wanted_application(wanted, preferences.narrowed("us")) == TEAM


def told(*regions: str) -> Discovered:
    return Discovered(applications={TEAM: ApplicationProfile("anthropic.claude-sonnet-4-6", regions)})


@pytest.mark.parametrize(
    ("geographies", "regions"),
    [
        (("eu",), ("eu-west-1", "eu-central-1")),
        (("region",), ("eu-west-1",)),
        (("global",), ("us-east-1", "ap-south-1")),
        (("global",), ("",)),
        (("eu", "us"), ("eu-west-1", "us-east-1")),
        ((), ("us-east-1",)),
    ],
)
def test_an_application_profile_is_called_when_all_its_regions_are_allowed(
    geographies: tuple[str, ...], regions: tuple[str, ...]
) -> None:
    resolution = resolve(TEAM, "eu-west-1", Preferences(geographies), told(*regions))
    assert resolution is not None
    assert (resolution.model_id, resolution.name) == (TEAM, "claude-sonnet-4-6")


@pytest.mark.parametrize(
    ("geographies", "regions"),
    [
        (("eu",), ("eu-west-1", "us-east-1")),
        (("eu",), ("",)),
        (("eu",), ()),
        (("region",), ("eu-west-1", "eu-central-1")),
        (("us", "jp"), ("eu-west-1",)),
    ],
)
def test_an_application_profile_is_refused_unless_its_regions_prove_it(
    geographies: tuple[str, ...], regions: tuple[str, ...]
) -> None:
    with pytest.raises(NotInGeography):
        resolve(TEAM, "eu-west-1", Preferences(geographies), told(*regions))


def test_an_alias_is_the_operators_word_for_an_application_profile_but_not_for_another_geography() -> None:
    aliases = parse_aliases(f"team={TEAM}=claude-sonnet-4-6, far=us.anthropic.claude-opus-5-5")
    preferences = Preferences(("eu",), aliases)
    for name in ("team", TEAM):
        resolution = resolve(name, "eu-west-1", preferences)
        assert resolution is not None
        assert resolution.model_id == TEAM
    with pytest.raises(NotInGeography):
        resolve("far", "eu-west-1", preferences)


def test_only_models_that_are_to_be_had_are_listed() -> None:
    everywhere = {row.name for row in served_models("eu-west-1")}
    inside = {row.name for row in served_models("eu-west-1", Preferences(("eu",)))}
    assert {"claude-opus-4-1", "kimi-k3", "deepseek-r1"} <= everywhere - inside
    assert {"claude-opus-5-5", "nova-pro", "kimi-k2.5"} <= inside
    assert "claude-3-7-sonnet" not in everywhere


@pytest.mark.parametrize(
    ("text", "geographies"), [("eu,global", ("eu", "global")), (" Region ", ("region",)), ("us-gov", ("us-gov",))]
)
def test_geographies_are_written_as_a_list_in_order(text: str, geographies: tuple[str, ...]) -> None:
    assert parse_geographies(text) == geographies


@pytest.mark.parametrize("text", ["europe", "eu global", "eu,eu", "eu,", "eu.anthropic"])
def test_other_words_for_a_geography_are_refused_with_the_right_ones(text: str) -> None:
    with pytest.raises(ValueError, match="global, us-gov, us, eu"):
        parse_geographies(text)


@pytest.mark.parametrize("name", ["kimi-k2.5", "moonshotai.kimi-k2.5"])
def test_what_is_answered_in_canada_is_not_answered_in_the_us(name: str) -> None:
    assert model_id(name, "ca-central-1", "ca") == "moonshotai.kimi-k2.5"
    with pytest.raises(NotInGeography):
        resolve(name, "ca-central-1", Preferences(("us",)))
    assert model_id("claude-opus-5-5", "ca-central-1", "us") == "us.anthropic.claude-opus-5-5"


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_another_partition_has_none_of_the_commercial_profiles(region: str) -> None:
    for name in ("claude-fable-5", "us.anthropic.claude-fable-5", "global.anthropic.claude-fable-5"):
        for geographies in ((), ("global",), ("us", "global")):
            with pytest.raises(NotInGeography):
                resolve(name, region, Preferences(geographies))
    with pytest.raises(NotInGeography, match=r"\(.*region\)"):
        resolve("claude-fable-5", region)
    assert "claude-fable-5" not in {row.name for row in served_models(region)}
    assert model_id("nova-pro", region) == "amazon.nova-pro-v1:0"


def test_govcloud_has_its_own_profiles() -> None:
    assert model_id("claude-opus-5-5", "us-gov-west-1") == "us-gov.anthropic.claude-opus-5-5"
    assert model_id("claude-opus-5-5", "us-gov-west-1", "global", "us-gov") == "us-gov.anthropic.claude-opus-5-5"


@pytest.mark.parametrize("family", ["opus", "sonnet", "haiku", "fable"])
def test_the_latest_of_a_family_is_what_was_asked_for(family: str) -> None:
    latest, short = resolve(f"claude-{family}-latest", "us-west-2"), resolve(family, "us-west-2")
    assert latest == short
    assert latest is not None
    assert not latest.substituted
