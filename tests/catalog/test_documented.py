"""docs/models.md says what the rows say."""

import re
from pathlib import Path

import pytest

from gateway.catalog import GEOGRAPHIES, MODELS, Model

DOCUMENT = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
TABLE = {
    cells[0]: cells
    for line in re.findall(r"^\| `.*\|$", DOCUMENT, re.MULTILINE)
    if (cells := [cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
}


def thousands(number: int) -> str:
    return f"{number / 1000:,.0f}k"


def where(row: Model) -> str:
    region = {True: ["region"], False: [] if row.profiles else ["region"]}
    here = ["region (some)"] if isinstance(row.in_region, tuple) else region[row.in_region]
    return ", ".join([*row.profiles, *here])


def test_there_is_one_table_row_for_each_model() -> None:
    assert set(TABLE) == {row.name for row in MODELS}


@pytest.mark.parametrize("row", MODELS, ids=[row.name for row in MODELS])
def test_a_models_documented_ids_limits_and_geographies_are_the_real_ones(row: Model) -> None:
    _, model_id, limits, geographies, state = TABLE[row.name]
    assert model_id == row.model_id
    assert limits == f"{thousands(row.context_tokens)} / {thousands(row.max_output_tokens)}"
    assert geographies == where(row)
    assert state.startswith(row.lifecycle)
    assert ("limited access" in state) == row.limited_access
    if row.successor is not None:
        assert row.successor in state
    if row.end_of_life is not None and row.is_active:
        assert str(row.end_of_life) in state


def test_every_family_of_other_vendors_has_its_quirks_in_words() -> None:
    for row in MODELS:
        if not row.is_claude:
            assert re.search(rf"^\| {row.family.replace('-', '.')}", DOCUMENT, re.MULTILINE | re.IGNORECASE), row.family


def test_every_geography_is_named() -> None:
    assert all(f"`{geography}`" in DOCUMENT for geography in GEOGRAPHIES)
