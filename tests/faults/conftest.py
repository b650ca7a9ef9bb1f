"""The suite of faults: `make faults` plays each of them once or a few hundred times, `--long` a night's worth."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="a night's worth of faults: millions of events and bodies")


@pytest.fixture(scope="session")
def long_mode(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--long"))
