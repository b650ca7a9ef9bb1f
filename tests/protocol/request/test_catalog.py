"""Which model a name means, and under which id it goes upstream."""

import pytest

from gateway.catalog import MODELS, SHORT_NAMES, Model, resolve

NAMES = {row.name: row for row in MODELS}


def resolved(name: str, region: str = "us-west-2") -> tuple[str, str, bool] | None:
    resolution = resolve(name, region)
    if resolution is None:
        return None
    return resolution.model.name, resolution.model_id, resolution.substituted


@pytest.mark.parametrize("row", [row for row in MODELS if row.lifecycle != "retired"], ids=lambda row: str(row.name))
def test_every_row_in_service_is_found_by_its_name(row: Model) -> None:
    resolution = resolve(row.name, "us-east-1")
    assert resolution is not None
    assert resolution.model is row
    assert resolution.model_id.endswith(f".{row.model_id}")
    assert not resolution.substituted
    assert resolution.name == row.name


@pytest.mark.parametrize("row", [row for row in MODELS if row.lifecycle == "retired"], ids=lambda row: str(row.name))
def test_a_retired_name_goes_to_its_successor_and_says_so(row: Model) -> None:
    resolution = resolve(row.name, "us-east-1")
    assert resolution is not None
    assert resolution.model.name == row.successor
    assert resolution.model.family == row.family
    assert resolution.substituted


def test_every_model_on_its_way_out_names_a_successor_in_the_table() -> None:
    for row in MODELS:
        if row.lifecycle != "active" or row.end_of_life is not None:
            assert row.successor in NAMES, row.name
            assert NAMES[row.successor].lifecycle == "active"


def test_names_and_ids_are_unique() -> None:
    assert len(NAMES) == len(MODELS) == len({row.model_id for row in MODELS})


def test_every_row_in_service_has_prices_and_profiles() -> None:
    for row in MODELS:
        if row.is_active:
            assert row.profiles, row.name
            assert row.prices is not None, row.name
            assert row.prices.cache_read_usd < row.prices.input_usd < row.prices.cache_write_5m_usd
            assert row.prices.cache_write_5m_usd < row.prices.cache_write_1h_usd < row.prices.output_usd


def test_efforts_and_thinking_types_are_known_words() -> None:
    for row in MODELS:
        assert set(row.capabilities.thinking) <= {"enabled", "adaptive", "disabled", "between_tools"}
        assert set(row.capabilities.effort) <= {"low", "medium", "high", "xhigh", "max"}
        assert row.max_output_tokens < row.context_tokens


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("Claude-Opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-sonnet-4-6[200k]", "claude-sonnet-4-6"),
        ("claude-haiku-5-5-latest", "claude-haiku-5-5"),
        ("claude-sonnet-4-6-thinking", "claude-sonnet-4-6"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-opus-4-6-v1", "claude-opus-4-6"),
        ("claude-sonnet-4-5-thinking[1m]", "claude-sonnet-4-5"),
        ("claude-mythos-5", "claude-mythos-5"),
        ("sonnet", "claude-sonnet-5-5"),
        ("opus[1m]", "claude-opus-5-5"),
        ("haiku", "claude-haiku-5-5"),
        ("fable", "claude-fable-5-1"),
    ],
)
def test_ways_of_writing_a_known_name(name: str, row: str) -> None:
    resolution = resolve(name, "us-west-2")
    assert resolution is not None
    assert (resolution.model.name, resolution.substituted) == (row, False)
    assert resolution.name == row


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("claude-3-7-sonnet-20250219", "claude-sonnet-4-5"),
        ("claude-3-5-sonnet-20241022", "claude-sonnet-4-5"),
        ("claude-3-5-sonnet-latest", "claude-sonnet-4-5"),
        ("claude-3.5-haiku", "claude-haiku-4-5"),
        ("claude-3-opus-20240229", "claude-opus-4-5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4-5"),
        ("claude-sonnet-4-0", "claude-sonnet-4-5"),
        ("claude-opus-4-20250514", "claude-opus-4-5"),
        ("claude-fable-5-2", "claude-fable-5-1"),
        ("claude-opus-6-20270101", "claude-opus-5-5"),
        ("claude-9-haiku-preview", "claude-haiku-5-5"),
    ],
)
def test_retired_and_unknown_names_are_served_by_another_model_of_the_family(name: str, row: str) -> None:
    resolution = resolve(name, "us-west-2")
    assert resolution is not None
    assert (resolution.model.name, resolution.substituted) == (row, True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "gpt-6",
        "claude",
        "claude-2.1",
        "claude-mythos-6",
        "mythos",
        "sonnet-4-5",
        "my-opus",
        "anthropic/claude-opus-5",
        "../claude-opus-5",
        "..",
        "claude-opus-5?x=1",
        "claude-opus-5\n",
        "claude opus 5",
        "claude-öpus-5",
        "amazon.nova-pro-v1:0",
        "us.anthropic.claude-opus-5/converse",
        "us.anthropic..claude-opus-5",
        "anthropic.claude-",
        "mars.anthropic.claude-opus-5",
        "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-opus-5",
        "claude-opus-" + "5" * 300,
    ],
)
def test_anything_else_is_unknown(name: str) -> None:
    assert resolve(name, "us-west-2") is None


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("us-gov.anthropic.claude-opus-5-5", "claude-opus-5-5"),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-3-7-sonnet"),
        ("eu.anthropic.claude-opus-7", "claude-opus-5-5"),
        ("anthropic.claude-instant-v1", "claude-sonnet-5-5"),
    ],
)
def test_a_provider_style_id_goes_upstream_as_it_is(name: str, row: str) -> None:
    assert resolved(name, "eu-west-1") == (row, name, False)


@pytest.mark.parametrize(
    ("region", "model_id"),
    [
        ("us-west-2", "us.anthropic.claude-opus-5-5"),
        ("ca-central-1", "us.anthropic.claude-opus-5-5"),
        ("us-gov-west-1", "us-gov.anthropic.claude-opus-5-5"),
        ("eu-central-1", "eu.anthropic.claude-opus-5-5"),
        ("ap-northeast-1", "jp.anthropic.claude-opus-5-5"),
        ("ap-northeast-3", "jp.anthropic.claude-opus-5-5"),
        ("ap-southeast-2", "au.anthropic.claude-opus-5-5"),
        ("ap-southeast-4", "au.anthropic.claude-opus-5-5"),
        ("ap-south-1", "global.anthropic.claude-opus-5-5"),
        ("sa-east-1", "global.anthropic.claude-opus-5-5"),
        ("", "global.anthropic.claude-opus-5-5"),
    ],
)
def test_the_profile_is_that_of_the_regions_geography_or_global(region: str, model_id: str) -> None:
    assert resolved("claude-opus-5-5", region) == ("claude-opus-5-5", model_id, False)


def test_a_model_without_that_geography_and_without_global_takes_its_first_profile() -> None:
    resolution = resolve("claude-opus-4-1", "eu-west-1")
    assert resolution is not None
    assert resolution.model_id == "us.anthropic.claude-opus-4-1-20250805-v1:0"


def test_asia_outside_japan_and_australia_uses_apac_where_it_exists() -> None:
    resolution = resolve("claude-opus-4-6", "ap-south-1")
    assert resolution is not None
    assert resolution.model_id == "apac.anthropic.claude-opus-4-6-v1"


def test_every_short_name_has_a_model() -> None:
    assert all(resolve(name, "us-east-1") for name in SHORT_NAMES)


def test_names_for_people_and_release_dates() -> None:
    assert NAMES["claude-opus-5-5"].display_name == "Claude Opus 5.5"
    assert NAMES["claude-3-5-haiku"].display_name == "Claude 3.5 Haiku"
    assert NAMES["claude-sonnet-4-5"].released == "2025-09-29T00:00:00Z"
    assert NAMES["claude-opus-5-5"].released == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("model_id", "name", "kin"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("global.anthropic.claude-mythos-6", "claude-mythos-6", "claude-sonnet-5-5"),
        ("us.anthropic.claude-opus-6-v1:0", "claude-opus-6", "claude-opus-5-5"),
    ],
)
def test_a_providers_id_is_called_as_it_is_and_keeps_its_own_name(model_id: str, name: str, kin: str) -> None:
    """Permissions and the header go by `name`: the kin only lends its capabilities."""
    resolution = resolve(model_id, "us-west-2")
    assert resolution is not None
    assert (resolution.model_id, resolution.name, resolution.model.name) == (model_id, name, kin)
