"""The costs in the README are what the prices give, and the amounts they rest on are real."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from deploy import costs
from gateway import metrics
from tests.server.test_metrics import serve
from tests.support.gateway import HELLO

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_tables_of_the_readme_are_the_computed_ones() -> None:
    assert costs.in_readme(README, costs.tables(costs.Habit())) == README
    assert README.count(costs.BEGIN) == README.count(costs.END) == 1


def test_a_price_that_changes_changes_the_tables() -> None:
    busier = costs.Habit(seconds_per_request=60)
    assert costs.in_readme(README, costs.tables(busier)) != README


def test_an_answer_costs_what_its_tokens_and_its_seconds_do() -> None:
    model = next(model for model in costs.example_models() if model.name == "claude-sonnet-5-5")
    assert model.prices is not None
    habit = costs.Habit(cache_read_tokens=0, cache_write_tokens=0, input_tokens=1_000_000, output_tokens=0)
    assert costs.bedrock_request(model, habit, "global") == model.prices.input_usd
    assert costs.bedrock_request(model, habit, "us") == model.prices.input_usd * Decimal("1.10")
    # A minute at 1 GB, by hand: 60 x 0.0000133334 + 0.0000002.
    assert costs.lambda_request(1024, 60) == Decimal("0.000800204")


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "0"), ("1.675", "1.68"), ("0.4", "0.40"), ("0.0142", "0.0142"), ("0.00000133", "0.00000133")],
)
def test_amounts_are_shown_with_the_digits_that_count(amount: str, shown: str) -> None:
    assert costs.usd(Decimal(amount)) == shown


async def test_a_request_writes_no_more_than_is_reckoned_with() -> None:
    """Lambda's own START, END and REPORT lines take some 400 bytes of it."""
    async with serve() as served:
        await served.ask(str(HELLO["messages"][0]["content"]), stream=True)
        written = await served.raw_lines()
    assert len(written) == 2
    assert sum(len(line) for line in written) <= costs.LOG_BYTES_PER_REQUEST - 400


def test_there_are_as_many_metrics_and_alarms_as_are_paid_for() -> None:
    terraform = (Path(__file__).parent.parent / "terraform" / "observability.tf").read_text()
    assert len(metrics.METRICS) == costs.METRICS
    assert len(re.findall(r"^      statistic +=", terraform, re.MULTILINE)) == costs.ALARMS
