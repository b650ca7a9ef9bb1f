"""The image, built once for all tests, and what they look at: its files, those of its base, a running container."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest

from gateway.simulator import Simulator, SimulatorOptions, open_simulator
from tests.image.build import Image, build
from tests.image.containers import Container, File, export, serving
from tests.image.engine import Engine, ToolsMissing, prepare
from tests.image.stand_ins import BaseImages, base_images

FOLDER: Final = Path(__file__).parent
CHECK_TIMEOUT_SECONDS: Final = 120
NAME: Final = "localhost/chatrix-test/image"
ARGUMENTS: Final = {"VERSION": "1.2.3", "REVISION": "0123abc", "SOURCE": "https://example.com/chatrix"}
SLOW_TOKENS_PER_SECOND: Final = 20


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only the check is timed: the fixtures that make a Debian and build the image have limits of their own."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.timeout(CHECK_TIMEOUT_SECONDS, func_only=True))


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a measured value, also when the test passes."""

    def show(line: str) -> None:
        with capfd.disabled():
            print(f"\n  {line}", end="", flush=True)

    return show


def absent(error: ToolsMissing) -> None:
    """In CI an absence is a failure: nothing would have been proven."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


@pytest.fixture(scope="session")
def engine() -> Engine:
    try:
        return prepare()
    except ToolsMissing as error:
        absent(error)
        raise


@pytest.fixture(scope="session")
def images(engine: Engine) -> BaseImages:
    try:
        return base_images(engine)
    except ToolsMissing as error:
        absent(error)
        raise


@pytest.fixture(scope="session")
def image(engine: Engine, images: BaseImages) -> Image:
    return build(engine, images, tag=f"{NAME}:built", arguments=ARGUMENTS)


@pytest.fixture(scope="session")
def files(engine: Engine, image: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, File]:
    return export(engine, image.name, tmp_path_factory.mktemp("export") / "image.tar")


@pytest.fixture(scope="session")
def base_files(engine: Engine, images: BaseImages, tmp_path_factory: pytest.TempPathFactory) -> dict[str, File]:
    return export(engine, images.python, tmp_path_factory.mktemp("export") / "base.tar")


@pytest.fixture(scope="module")
async def simulator() -> AsyncIterator[Simulator]:
    """A Bedrock on loopback, outside of the container, that talks slowly enough to see a stream."""
    async with open_simulator(SimulatorOptions(tokens_per_second=SLOW_TOKENS_PER_SECOND)) as running:
        yield running


@pytest.fixture
async def container(engine: Engine, image: Image, simulator: Simulator) -> AsyncIterator[Container]:
    async with serving(engine, image.name, simulator.url) as running:
        yield running
