"""Each row of the feature table is true: a request, or an answer of Bedrock's, on which it shows."""

from collections import Counter

import pytest

from gateway.protocol.features import FEATURES
from tests.matrix.all_cases import ALL_CASES, CASES
from tests.matrix.cases import RequestCase
from tests.matrix.prove import Matrix


def test_every_row_has_its_case_and_every_case_its_row() -> None:
    assert sorted(set(FEATURES) - set(CASES)) == [], "rows without a case"
    assert sorted(set(CASES) - set(FEATURES)) == [], "cases without a row"
    assert [row for row, count in Counter(case.row for case in ALL_CASES).items() if count > 1] == []


@pytest.mark.parametrize("row", CASES)
async def test_row(matrix: Matrix, row: str) -> None:
    await matrix.prove(CASES[row])


@pytest.mark.parametrize("row", [case.row for case in ALL_CASES if isinstance(case, RequestCase)])
def test_the_row_says_of_itself_what_its_case_says(row: str) -> None:
    case = CASES[row]
    assert isinstance(case, RequestCase)
    feature = FEATURES[row]
    assert (feature.fate, feature.harmless, feature.silent) == (case.fate, case.harmless, case.silent)
