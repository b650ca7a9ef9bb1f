"""Which model a name means, and under which id it goes upstream."""

import pytest

from gateway.catalog import MODELS, Discovered, Model, resolve

IN_SERVICE = [row for row in MODELS if row.is_active]
RETIRED = [row for row in MODELS if not row.is_active]


def resolved(name: str, region: str = "us-west-2") -> tuple[str, str, bool] | None:
    resolution = resolve(name, region)
    if resolution is None:
        return None
    return resolution.model.name, resolution.model_id, resolution.substituted


@pytest.mark.parametrize("row", IN_SERVICE, ids=[row.name for row in IN_SERVICE])
def test_every_row_in_service_is_found_by_its_name(row: Model) -> None:
    resolution = resolve(row.name, "us-east-1")
    assert resolution is not None
    assert resolution.model is row
    assert resolution.name == row.name
    assert resolution.model_id == row.id_in(resolution.geography)
    assert not resolution.substituted


@pytest.mark.parametrize("row", MODELS, ids=[row.name for row in MODELS])
def test_every_row_is_found_by_its_ids_and_called_by_them(row: Model) -> None:
    for geography in {*row.profiles, "region"}:
        assert resolved(row.id_in(geography), "eu-west-1") == (row.name, row.id_in(geography), False)


@pytest.mark.parametrize("row", RETIRED, ids=[row.name for row in RETIRED])
def test_a_retired_name_goes_to_its_successor_and_says_so(row: Model) -> None:
    resolution = resolve(row.name, "us-east-1")
    assert resolution is not None
    assert resolution.model.name == resolution.name == row.successor
    assert resolution.model.family == row.family
    assert resolution.substituted


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
        ("kimi-k2-thinking", "kimi-k2-thinking"),
        ("kimi-k2-thinking[1m]", "kimi-k2-thinking"),
        ("kimi-k2.5-thinking", "kimi-k2.5"),
        ("fable", "claude-fable-5-1"),
        ("Kimi-K2.5", "kimi-k2.5"),
        ("kimi-k2-5", "kimi-k2.5"),
        ("glm-4.7-flash", "glm-4.7-flash"),
        ("gpt-5-6-sol", "gpt-5.6-sol"),
        ("deepseek-v3", "deepseek-v3.1"),
        ("nova-pro-v1:0", "nova-pro"),
        ("llama3.3-70b", "llama3.3-70b"),
    ],
)
def test_ways_of_writing_a_known_name(name: str, row: str) -> None:
    resolution = resolve(name, "us-west-2")
    assert resolution is not None
    assert (resolution.model.name, resolution.name, resolution.substituted) == (row, row, False)


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
        ("nova-premier", "nova-2-lite"),
    ],
)
def test_retired_and_unknown_names_are_served_by_another_model_of_the_family(name: str, row: str) -> None:
    resolution = resolve(name, "us-west-2")
    assert resolution is not None
    assert (resolution.model.name, resolution.name, resolution.substituted) == (row, row, True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "gpt-4o",
        "gpt-oss",
        "nova",
        "v3.2",
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
        "amazon.titan-text-express-v1",
        "cohere.command-r-v1:0",
        "us.anthropic.claude-opus-5/converse",
        "us.anthropic..claude-opus-5",
        "anthropic.claude-",
        "anthropic.claude",
        "openai.claude-opus-5",
        "mars.anthropic.claude-opus-5",
        "region.anthropic.claude-opus-5",
        "arn:aws:bedrock:us-west-2::foundation-model/us.anthropic.claude-opus-5",
        "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-opus-5/../x",
        "arn:aws:bedrock:us-west-2:123456789012:inference-profile/anthropic.claude-opus-5",
        "arn:aws:bedrock:us-west-2:123456789012:foundation-model/anthropic.claude-opus-5",
        "arn:aws:bedrock:us-west-2::inference-profile/us.anthropic.claude-opus-5",
        "arn:aws:bedrock:us-west-2:123456789012:imported-model/abcdefghijkl",
        "arn:aws:s3:::bucket",
        "claude-opus-" + "5" * 300,
    ],
)
def test_anything_else_is_unknown(name: str) -> None:
    assert resolve(name, "us-west-2") is None


@pytest.mark.parametrize(
    ("model_id", "name", "kin"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-3-7-sonnet", "claude-3-7-sonnet"),
        ("us-gov.anthropic.claude-opus-5-5", "claude-opus-5-5", "claude-opus-5-5"),
        ("eu.anthropic.claude-opus-7", "claude-opus-7", "claude-opus-5-5"),
        ("global.anthropic.claude-mythos-6", "claude-mythos-6", "claude-mythos-5-1"),
        ("us.anthropic.claude-opus-6-v1:0", "claude-opus-6", "claude-opus-5-5"),
        ("anthropic.claude-instant-v1", "claude-instant", "claude-sonnet-5-5"),
        ("in.openai.gpt-5.6-terra", "gpt-5.6-terra", "gpt-5.6-terra"),
        ("openai.gpt-7", "gpt-7", "gpt-6-astra"),
        ("moonshot.kimi-k9-thinking", "kimi-k9-thinking", "kimi-k2-thinking"),
        ("openai.gpt-oss-300b-1:0", "gpt-oss-300b-1:0", "gpt-oss-120b"),
        ("qwen.qwen3-coder-plus", "qwen3-coder-plus", "qwen3-coder-next"),
        ("us.zai.glm-5.3", "glm-5.3", "glm-5"),
        ("mistral.mistral-large-2402-v1:0", "mistral-large-2402", "mistral-large-3"),
    ],
)
def test_a_providers_id_is_called_as_it_is_and_keeps_its_own_name(model_id: str, name: str, kin: str) -> None:
    """Permissions and the header go by `name`: the kin only lends its capabilities."""
    resolution = resolve(model_id, "eu-west-1")
    assert resolution is not None
    assert (resolution.model_id, resolution.name, resolution.model.name) == (model_id, name, kin)
    assert not resolution.substituted


@pytest.mark.parametrize("name", ["claude-opus-7", "eu.anthropic.claude-opus-7"])
def test_a_claude_that_no_row_has_gets_no_betas(name: str) -> None:
    """One that it does not know would fail the request, and nobody can say which it knows."""
    listed = Discovered(profiles={"claude-opus-7": ("eu.anthropic.claude-opus-7",)})
    resolution = resolve(name, "eu-west-1", discovered=listed)
    assert resolution is not None
    assert resolution.name == "claude-opus-7"
    assert resolution.model.capabilities.betas == ()


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


@pytest.mark.parametrize(
    ("name", "region", "model_id"),
    [
        ("claude-opus-4-1", "eu-west-1", "us.anthropic.claude-opus-4-1-20250805-v1:0"),
        ("claude-opus-4-6", "ap-south-1", "apac.anthropic.claude-opus-4-6-v1"),
        ("nova-pro", "ap-northeast-1", "apac.amazon.nova-pro-v1:0"),
        ("nova-pro", "sa-east-1", "amazon.nova-pro-v1:0"),
        ("gpt-oss-120b", "eu-west-1", "openai.gpt-oss-120b-1:0"),
        ("gpt-oss-120b", "us-gov-east-1", "us-gov.openai.gpt-oss-120b-1:0"),
        ("kimi-k2.5", "us-west-2", "moonshotai.kimi-k2.5"),
        ("kimi-k3", "eu-west-1", "global.moonshotai.kimi-k3"),
        ("deepseek-r1", "eu-west-1", "us.deepseek.r1-v1:0"),
    ],
)
def test_without_a_profile_around_the_region_it_is_global_then_the_region_itself_then_any(
    name: str, region: str, model_id: str
) -> None:
    resolution = resolve(name, region)
    assert resolution is not None
    assert resolution.model_id == model_id


@pytest.mark.parametrize(
    ("arn", "name", "geography"),
    [
        ("arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-opus-5", "claude-opus-5", "region"),
        (
            "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-sonnet-4-5",
            "us",
        ),
        (
            "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.openai.gpt-oss-120b-1:0",
            "gpt-oss-120b",
            "us-gov",
        ),
        (
            "arn:aws:bedrock:us-west-2:123456789012:inference-profile/global.anthropic.claude-opus-9",
            "claude-opus-9",
            "global",
        ),
    ],
)
def test_the_arn_of_a_model_or_a_system_profile_says_itself_what_it_is(arn: str, name: str, geography: str) -> None:
    resolution = resolve(arn, "us-west-2")
    assert resolution is not None
    assert (resolution.model_id, resolution.name, resolution.geography) == (arn, name, geography)
