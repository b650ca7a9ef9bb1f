"""The rows of the catalog agree with each other, with the wire and with Anthropic's own words."""

import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any, get_args, get_type_hints

import pytest
from anthropic.types import OutputConfigParam
from anthropic.types.beta import BetaThinkingConfigParam

import gateway.catalog
from gateway.catalog import (
    CLAUDE_FAMILIES,
    GEOGRAPHIES,
    MODELS,
    PROFILE_PREMIUMS,
    PROVIDER_ID,
    REGION,
    SHORT_NAMES,
    Capabilities,
    Model,
    resolve,
)
from gateway.catalog.entry import ClaudeFamily, OtherFamily
from gateway.protocol.disposition import Disposition
from gateway.protocol.parsing import parse
from gateway.protocol.to_converse import to_converse
from tests.support.botocore_model import shape

ROWS = {row.name: row for row in MODELS}
IN_SERVICE = [row for row in MODELS if row.is_active]


def names(rows: list[Model]) -> list[str]:
    return [row.name for row in rows]


def test_names_ids_and_aliases_are_unique_however_they_are_written() -> None:
    written = [name.replace(".", "-") for row in MODELS for name in (row.name, *row.aliases)]
    assert len(set(written)) == len(written)
    assert len({row.model_id for row in MODELS}) == len(MODELS)
    assert set(SHORT_NAMES).isdisjoint(written)


@pytest.mark.parametrize("row", MODELS, ids=names(list(MODELS)))
def test_a_rows_id_is_one_that_may_be_called_under_each_of_its_profiles(row: Model) -> None:
    assert set(row.profiles) <= set(GEOGRAPHIES) - {REGION}
    assert len(set(row.profiles)) == len(row.profiles)
    for geography in row.geographies("us-west-2"):
        assert PROVIDER_ID.fullmatch(row.id_in(geography))


@pytest.mark.parametrize("row", MODELS, ids=names(list(MODELS)))
def test_a_rows_ids_fit_the_wire_of_converse(row: Model) -> None:
    pattern = shape("ConversationalModelId")["pattern"]
    assert all(re.fullmatch(pattern, row.id_in(geography)) for geography in row.geographies("us-west-2"))


@pytest.mark.parametrize("row", MODELS, ids=names(list(MODELS)))
def test_limits_are_positive_and_an_answer_fits_into_the_window(row: Model) -> None:
    assert 0 < row.max_output_tokens <= row.context_tokens
    assert 1 <= row.capabilities.min_max_tokens <= row.max_output_tokens
    assert row.cache_minimum_tokens > 0


@pytest.mark.parametrize("row", IN_SERVICE, ids=names(IN_SERVICE))
def test_prices_are_plausible_and_name_their_source_and_day(row: Model) -> None:
    prices = row.prices
    assert prices is not None
    assert 0 < prices.cache_read_usd <= prices.input_usd <= prices.cache_write_5m_usd <= prices.cache_write_1h_usd
    assert prices.input_usd <= prices.output_usd
    assert prices.source.startswith("https://")
    assert prices.as_of.year == 2026
    if row.capabilities.cache_points:
        assert prices.cache_read_usd < prices.input_usd
    if prices.regional_premium and row.is_claude:
        assert set(row.profiles) - {"global", "apac"} <= set(PROFILE_PREMIUMS)
    if prices.long_context is not None:
        assert prices.long_context.over_tokens <= row.context_tokens
        assert min(prices.long_context.input_factor, prices.long_context.output_factor) > 1


def test_every_model_on_its_way_out_names_a_successor_of_its_family_that_is_in_service() -> None:
    for row in MODELS:
        if row.lifecycle != "active" or row.end_of_life is not None:
            successor = ROWS[row.successor or ""]
            assert successor.lifecycle == "active"
            assert successor.family == row.family
        else:
            assert row.successor is None


def test_every_family_has_a_row_and_every_short_name_a_model_for_everyone() -> None:
    assert {row.family for row in MODELS} == {*get_args(ClaudeFamily), *get_args(OtherFamily)}
    assert set(get_args(ClaudeFamily)) == CLAUDE_FAMILIES
    for name in SHORT_NAMES:
        resolution = resolve(name, "us-east-1")
        assert resolution is not None
        assert resolution.model.lifecycle == "active"
        assert not resolution.model.limited_access


def test_the_rows_of_a_claude_are_those_of_anthropic() -> None:
    assert all(row.is_claude == row.model_id.startswith("anthropic.claude-") for row in MODELS)
    assert all(row.name.startswith("claude-") == row.is_claude for row in MODELS)


@pytest.mark.parametrize("row", MODELS, ids=names(list(MODELS)))
def test_literal_columns_hold_only_their_literals(row: Model) -> None:
    """mypy checks the file, but not what `replace` was given."""
    for name, hint in get_type_hints(Capabilities).items():
        value = getattr(row.capabilities, name)
        choices = get_args(hint)
        if choices and all(isinstance(choice, str) for choice in choices):
            assert value in choices, name
        elif isinstance(value, bool):
            assert hint is bool, name
    assert row.family in (*get_args(ClaudeFamily), *get_args(OtherFamily))


def literals(hint: Any) -> list[str]:
    """Every literal string inside a type, in its order."""
    return [hint] if isinstance(hint, str) else [text for part in get_args(hint) for text in literals(part)]


def test_efforts_are_anthropics_own_words_in_their_own_order() -> None:
    words = literals(get_type_hints(OutputConfigParam)["effort"])
    for row in MODELS:
        assert list(row.capabilities.effort) == [word for word in words if word in row.capabilities.effort]


def test_thinking_types_are_anthropics_own_words() -> None:
    known = {text for config in get_args(BetaThinkingConfigParam) for text in literals(get_type_hints(config)["type"])}
    for row in MODELS:
        assert set(row.capabilities.thinking) <= known
        assert bool(row.capabilities.thinking) == row.is_claude


def test_what_only_claude_has_no_other_model_is_given() -> None:
    for row in MODELS:
        columns = row.capabilities
        if row.is_claude:
            assert columns.reasoning_effort == "no"
            assert columns.reasoning_history == "signed"
        else:
            assert not columns.betas
            assert not columns.native_tool_choice
            assert not columns.response_field_paths
            assert not columns.citations
            assert not columns.cache_ttl_1h
            assert not columns.counts_tokens
            assert columns.reasoning_history != "signed"


def test_columns_about_one_thing_do_not_contradict_each_other() -> None:
    for row in MODELS:
        columns = row.capabilities
        assert columns.tools or not columns.tools_in_streams
        assert columns.tools_in_streams or not columns.tool_choices or columns.tools
        assert columns.images or not columns.images_in_tool_results
        assert columns.sampling or not columns.sampling_together
        assert bool(columns.effort) or columns.reasoning_effort == "no"
        assert not columns.effort_needs_beta or "effort-2025-11-24" in columns.betas
        assert set(columns.tool_choices) <= set(shape("ToolChoice")["members"])
        assert len(set(columns.betas)) == len(columns.betas)


@pytest.mark.parametrize("row", MODELS, ids=names(list(MODELS)))
def test_a_plain_request_can_be_translated_for_every_row(row: Model) -> None:
    body = b'{"model":"x","max_tokens":64,"messages":[{"role":"user","content":"hello"}]}'
    request, _ = parse(body)
    translated = to_converse(request, row, Disposition()).request
    assert translated["messages"] == [{"role": "user", "content": [{"text": "hello"}]}]


def test_names_for_people_and_release_dates() -> None:
    assert ROWS["claude-opus-5-5"].display_name == "Claude Opus 5.5"
    assert ROWS["claude-3-5-haiku"].display_name == "Claude 3.5 Haiku"
    assert ROWS["kimi-k2.5"].display_name == "Kimi K2.5"
    assert ROWS["gpt-oss-120b"].display_name == "gpt-oss 120B"
    assert ROWS["claude-sonnet-4-5"].released == "2025-09-29T00:00:00Z"
    assert ROWS["kimi-k3"].released == "2026-09-18T00:00:00Z"
    assert ROWS["claude-opus-5-5"].released == "1970-01-01T00:00:00Z"


NEW_ROW = """
    Model(
        name="claude-opus-7",
        model_id="anthropic.claude-opus-7",
        family="opus",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_OPUS_5_5,
        profiles=("global", "eu"),
    ),
"""


def test_adding_a_model_is_one_row_and_no_code(tmp_path: Path) -> None:
    """A copy of the package with one more row in its data, in a process of its own."""
    copytree(Path(gateway.catalog.__file__).parent, tmp_path / "gateway" / "catalog")
    (tmp_path / "gateway" / "__init__.py").touch()
    data = tmp_path / "gateway" / "catalog" / "models.py"
    head, opening, rest = data.read_text().partition("MODELS: Final[tuple[Model, ...]] = (")
    data.write_text(head + opening + NEW_ROW + rest)
    program = (
        "from gateway.catalog import resolve\n"
        "for name in ('claude-opus-7', 'opus', 'claude-opus-7-20270101', 'eu.anthropic.claude-opus-7'):\n"
        "    print(resolve(name, 'eu-west-1').model_id)\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert printed.splitlines() == ["eu.anthropic.claude-opus-7"] * 4
