"""What Bedrock reports corrects later estimates: upward at once, downward with care, and never without bounds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import MODELS, Model, resolve
from gateway.protocol.calibration import HIGHEST_FACTOR, LOWEST_FACTOR, Calibration
from gateway.protocol.estimate import Estimate
from gateway.protocol.usage import Usage

TEN_THOUSAND = Estimate(texts=10_000, pictures=0)


def model(name: str = "claude-sonnet-4-5") -> Model:
    resolution = resolve(name, "us-west-2")
    assert resolution is not None
    return resolution.model


def after(*reported: int, estimate: Estimate = TEN_THOUSAND, times: int = 1, of: Estimate = TEN_THOUSAND) -> int:
    """The estimate `of`, after answers that reported these numbers for `estimate`."""
    calibration = Calibration()
    for _ in range(times):
        for number in reported:
            calibration.learn(model(), estimate, number)
    return calibration.tokens(model(), of)


def test_without_an_answer_the_estimate_stands() -> None:
    assert after() == 10_000


def test_one_answer_that_was_dearer_raises_the_next_estimate_and_one_that_was_cheaper_hardly_lowers_it() -> None:
    assert after(15_000) >= 11_000
    assert 9_500 <= after(7_000) < 10_000


@pytest.mark.parametrize("reported", [6_500, 8_000, 10_000, 13_000, 19_000])
def test_steady_answers_are_approached(reported: int) -> None:
    assert after(reported, times=100) == pytest.approx(reported, rel=0.02)


def test_of_mixed_prompts_the_dense_ones_decide() -> None:
    assert after(8_000, 12_000, times=50) > 11_000


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_correction_stays_within_its_bounds_and_the_same_answers_give_the_same(
    reported: list[int], texts: int, pictures: int
) -> None:
    estimate = Estimate(texts, pictures)
    corrected = after(*reported, estimate=estimate, of=estimate)
    assert LOWEST_FACTOR * texts + pictures <= corrected <= HIGHEST_FACTOR * texts + pictures + 1
    assert corrected == after(*reported, estimate=estimate, of=estimate)


def test_a_tiny_request_teaches_nothing() -> None:
    assert after(499, estimate=Estimate(100, 0), times=50) == 10_000


def test_pictures_neither_teach_nor_are_corrected() -> None:
    assert after(9_000, estimate=Estimate(1_000, 30_000), times=50) == 10_000
    assert after(20_000, times=50, of=Estimate(0, 4_800)) == 4_800


def test_all_buckets_of_the_usage_count_and_an_answer_without_usage_teaches_nothing() -> None:
    calibration = Calibration()
    for _ in range(100):
        calibration.observe(model(), TEN_THOUSAND, Usage(input=2_000, cache_read=10_000, cache_write=3_000, output=9))
        calibration.observe(model(), TEN_THOUSAND, Usage())
    assert calibration.tokens(model(), TEN_THOUSAND) == pytest.approx(15_000, rel=0.02)


def test_only_models_with_the_same_tokeniser_learn_from_each_other() -> None:
    calibration = Calibration()
    calibration.learn(model("claude-sonnet-4-5"), TEN_THOUSAND, 15_000)
    assert calibration.tokens(model("claude-sonnet-4-6"), TEN_THOUSAND) > 11_000
    assert calibration.tokens(model("claude-sonnet-5"), TEN_THOUSAND) == 10_000
    assert calibration.tokens(model("claude-opus-4-5"), TEN_THOUSAND) == 10_000


def test_memory_is_bounded_by_the_catalog() -> None:
    calibration = Calibration()
    for row in MODELS * 3:
        calibration.learn(row, TEN_THOUSAND, 12_000)
    kept: dict[Any, Any] = calibration._factors
    assert len(kept) <= len(MODELS)
