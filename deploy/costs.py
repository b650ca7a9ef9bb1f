"""What chatrix costs: the table of the README's "Costs", computed from the catalog's prices and AWS's.

    python -m deploy.costs            prints the tables; a test compares them with the README
    python -m deploy.costs --write    puts them there

What is surprising: the gateway is noise beside the model. What can be dear is an answer that waits: Lambda bills the
whole time from the first byte of the request to the last of the answer, so slow models cost more there.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final

from gateway.catalog import MODELS
from gateway.catalog.entry import PROFILE_PREMIUMS, Model

README: Final = Path(__file__).parent.parent / "README.md"
BEGIN: Final = "<!-- costs: made by `python -m deploy.costs --write` -->"
END: Final = "<!-- end of costs -->"

# USD, us-east-1, list prices without free tiers and discounts, as of November 2026. Sources:
# https://aws.amazon.com/lambda/pricing/ https://aws.amazon.com/secrets-manager/pricing/
# https://aws.amazon.com/cloudwatch/pricing/ https://aws.amazon.com/ecr/pricing/ https://aws.amazon.com/fargate/pricing/
LAMBDA_GB_SECOND_ARM64: Final = Decimal("0.0000133334")
LAMBDA_REQUEST: Final = Decimal("0.0000002")
LOGS_GB_INGESTED: Final = Decimal("0.50")
LOGS_GB_MONTH: Final = Decimal("0.03")
METRIC_MONTH: Final = Decimal("0.30")
ALARM_MONTH: Final = Decimal("0.10")
DASHBOARD_MONTH: Final = Decimal(3)
SECRET_MONTH: Final = Decimal("0.40")
SECRET_CALL: Final = Decimal("0.000005")
ECR_GB_MONTH: Final = Decimal("0.10")
FARGATE_VCPU_HOUR_ARM64: Final = Decimal("0.03238")
FARGATE_GB_HOUR_ARM64: Final = Decimal("0.00356")
HOURS_PER_MONTH: Final = Decimal(730)

GB: Final = Decimal(10**9)
MILLION: Final = Decimal(10**6)

# Measured on a request of Claude Code's size: the log line, the metrics' record, Lambda's own three lines. A test
# measures the first two again.
LOG_BYTES_PER_REQUEST: Final = 2_500
# Base image, packages and adapter as ECR keeps them, compressed; the images of ten deployments share most layers.
IMAGE_GB: Final = Decimal("0.1")
# What terraform/observability.tf makes.
METRICS: Final = 10
ALARMS: Final = 6
RETENTION_MONTHS: Final = 1


@dataclass(frozen=True, slots=True)
class Habit:
    """One developer's day with Claude Code. The defaults are a busy day; measure your own in the dashboard."""

    requests_per_day: int = 400
    days_per_month: int = 21
    seconds_per_request: int = 15
    memory_mb: int = 1024
    cache_read_tokens: int = 40_000
    cache_write_tokens: int = 1_500
    input_tokens: int = 100
    output_tokens: int = 500

    @property
    def requests_per_month(self) -> int:
        return self.requests_per_day * self.days_per_month


EXAMPLE_MODELS: Final = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")


def lambda_request(memory_mb: int, seconds: int) -> Decimal:
    """USD for one answer. Everything streamed beyond 6 MB costs besides; no answer of a model is that long."""
    return LAMBDA_REQUEST + Decimal(memory_mb) / 1024 * seconds * LAMBDA_GB_SECOND_ARM64


def log_request() -> Decimal:
    return LOG_BYTES_PER_REQUEST / GB * (LOGS_GB_INGESTED + RETENTION_MONTHS * LOGS_GB_MONTH)


def bedrock_request(model: Model, habit: Habit, geography: str = "us") -> Decimal:
    """USD for one answer through the inference profile of a geography."""
    prices = model.prices
    assert prices is not None, f"{model.name} has no prices in the catalog"  # noqa: S101  # a wrong table otherwise
    premium = PROFILE_PREMIUMS.get(geography, Decimal(1)) if prices.regional_premium else Decimal(1)
    usd_per_million = (
        prices.input_usd * habit.input_tokens
        + prices.cache_read_usd * habit.cache_read_tokens
        + prices.cache_write_5m_usd * habit.cache_write_tokens
        + prices.output_usd * habit.output_tokens
    )
    return usd_per_million * premium / MILLION


def fixed_month() -> dict[str, Decimal]:
    return {
        "Secrets Manager: one secret": SECRET_MONTH,
        f"ECR: an image of {IMAGE_GB * 1000:.0f} MB, compressed": IMAGE_GB * ECR_GB_MONTH,
        f"CloudWatch: {METRICS} metrics (free in an account that has no others)": METRICS * METRIC_MONTH,
        f"CloudWatch: {ALARMS} alarms (the same)": ALARMS * ALARM_MONTH,
        "CloudWatch: one dashboard (the same)": DASHBOARD_MONTH,
        "AWS Budgets: one budget": Decimal(0),
    }


def fargate_month(vcpu: Decimal, memory_gb: Decimal) -> Decimal:
    return (vcpu * FARGATE_VCPU_HOUR_ARM64 + memory_gb * FARGATE_GB_HOUR_ARM64) * HOURS_PER_MONTH


def secret_calls(habit: Habit) -> Decimal:
    """USD a month: each environment reads the secret's two versions once in a TTL of 300 s while it is in use."""
    working_seconds = Decimal(habit.days_per_month * 8 * 3600)
    return working_seconds / 300 * 2 * SECRET_CALL


def tables(habit: Habit) -> str:
    return "\n".join((*request_table(habit), "", *month_table(habit), "", *_fargate_sentence(habit)))


def request_table(habit: Habit) -> Iterator[str]:
    yield (
        f"One request of Claude Code ({habit.cache_read_tokens:,} tokens from the cache, {habit.cache_write_tokens:,} "
        f"new to it, {habit.output_tokens:,} of output, {habit.seconds_per_request} s):"
    )
    yield ""
    yield "| Part | USD |"
    yield "| --- | --- |"
    for memory_mb in (512, 1024):
        yield f"| Lambda, arm64, {memory_mb} MB | {usd(lambda_request(memory_mb, habit.seconds_per_request))} |"
    yield f"| Log and metrics, {LOG_BYTES_PER_REQUEST:,} bytes | {usd(log_request())} |"
    for model in example_models():
        yield f"| Bedrock, `{model.name}`, profile `us` | {usd(bedrock_request(model, habit))} |"


def month_table(habit: Habit) -> Iterator[str]:
    count = habit.requests_per_month
    lambda_usd = count * lambda_request(habit.memory_mb, habit.seconds_per_request)
    yield f"One developer's month ({habit.requests_per_day} requests on {habit.days_per_month} days):"
    yield ""
    yield "| Part | USD |"
    yield "| --- | --- |"
    for part, price in fixed_month().items():
        yield f"| {part} | {usd(price)} |"
    yield f"| Secrets Manager: reading it | {usd(secret_calls(habit))} |"
    yield f"| Lambda, {habit.memory_mb} MB | {usd(lambda_usd)} |"
    yield f"| Log and metrics | {usd(count * log_request())} |"
    for model in example_models():
        yield f"| Bedrock, `{model.name}` | {usd(count * bedrock_request(model, habit))} |"


def _fargate_sentence(habit: Habit) -> Iterator[str]:
    task = fargate_month(Decimal("0.5"), Decimal(1))
    busy = lambda_request(habit.memory_mb, int(HOURS_PER_MONTH * 3600))
    yield f"One Lambda environment that is never idle costs {usd(busy)} USD a month at {habit.memory_mb} MB and answers"
    yield f"one request at a time. A Fargate task of 0.5 vCPU and 1 GB costs {usd(task)}, without a load balancer, and"
    yield "answers hundreds at once."


def example_models() -> list[Model]:
    return [next(model for model in MODELS if model.name == name) for name in EXAMPLE_MODELS]


def usd(amount: Decimal) -> str:
    """Cents for what is a month's, three digits that count for what is a request's."""
    if amount == 0:
        return "0"
    digits = 2 if amount >= Decimal("0.10") else 2 - amount.adjusted()
    return f"{amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):f}"


def in_readme(text: str, rendered: str) -> str:
    return re.sub(
        f"{re.escape(BEGIN)}\n.*?{re.escape(END)}",
        lambda _: f"{BEGIN}\n{rendered}\n{END}",
        text,
        count=1,
        flags=re.DOTALL,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.costs", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into the README")
    if parser.parse_args(arguments).write:
        README.write_text(in_readme(README.read_text(), tables(Habit())))
    else:
        print(tables(Habit()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
