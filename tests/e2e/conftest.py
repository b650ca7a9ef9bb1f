"""Each check gets a client of its own, with a fresh home, a gateway process and a simulator."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.simulator import SimulatorOptions, open_simulator
from tests.e2e.claude_code import ClaudeCode, describe
from tests.e2e.installation import ClientMissing, installed_client
from tests.e2e.surroundings import open_dead_end, serve

FOLDER: Final = Path(__file__).parent
CHECK_TIMEOUT_SECONDS: Final = 120
SHOWN_LOG_CHARACTERS: Final = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only the check is timed: the fixture that installs the client may take minutes, and has a limit of its own."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.timeout(CHECK_TIMEOUT_SECONDS, func_only=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed check shows what the client printed, what reached Bedrock and the gateway's log."""
    report = yield
    claude = getattr(item, "funcargs", {}).get("claude")
    if report.failed and report.when == "call" and isinstance(claude, ClaudeCode):
        report.sections.append(("Claude Code and Bedrock", describe(claude)))
        report.sections.append(("gateway log", claude.gateway.log.read_text()[-SHOWN_LOG_CHARACTERS:]))
    return report


@pytest.fixture(scope="session")
def client_binary(request: pytest.FixtureRequest) -> Path:
    """A missing client fails every check: without it nothing here would be proven."""
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():  # an installation that takes minutes should say so
            return installed_client()
    except ClientMissing as error:
        problem = str(error)
    pytest.fail(problem, pytrace=False)


@pytest.fixture
def gateway_variables() -> dict[str, str]:
    """The gateway's settings; a file that needs others has a fixture of this name."""
    return {}


@pytest.fixture
async def claude(client_binary: Path, tmp_path: Path, gateway_variables: dict[str, str]) -> AsyncIterator[ClaudeCode]:
    home, folder = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    folder.mkdir()
    async with (
        open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator,
        serve(simulator, tmp_path / "gateway.log", gateway_variables) as gateway,
        open_dead_end() as proxy,
    ):
        yield ClaudeCode(client_binary, gateway, simulator, home, folder, proxy)
