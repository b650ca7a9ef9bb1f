"""One copy of the repository, built once by `sam build`, and the sockets, stand-ins and processes that it needs.

`sam` and podman are real, and so is the Dockerfile. Stand-ins, each only where the real thing cannot be had: the two
base images (tests/image), and Terraform's null provider.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.image.build import pip_mounts
from tests.image.engine import Engine, ToolsMissing, prepare
from tests.image.stand_ins import BaseImages, base_images
from tests.infra.terraform import find_binary
from tests.sam.api import Api, start_api
from tests.sam.installation import SamMissing, installed_sam
from tests.sam.null_provider_process import null_provider
from tests.sam.podman import podman_service
from tests.sam.project import Project, make_project

FOLDER: Final = Path(__file__).parent
CHECK_TIMEOUT_SECONDS: Final = 180


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only the check is timed: the fixtures that install SAM and build the image have limits of their own."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.timeout(CHECK_TIMEOUT_SECONDS, func_only=True))


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine has for us. `scratch` has a short path, for sockets."""

    engine: Engine
    images: BaseImages
    sam: Path
    scratch: Path

    def sam_containers(self) -> list[str]:
        """The ids of the containers that `sam` has made and not removed."""
        label = "label=sam.cli.container.type=lambda"
        return self.engine.podman("ps", "--all", "--quiet", "--filter", label).stdout.split()


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a measured value, also when the test passes."""

    def show(line: str) -> None:
        with capfd.disabled():
            print(f"\n  {line}", end="", flush=True)

    return show


def absent(reason: str) -> None:
    """In CI an absence is a failure: nothing would have been proven."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    if find_binary() is None:
        absent("terraform is not installed (1.11 or newer is needed)")
    with tempfile.TemporaryDirectory(prefix="chatrix-sam-") as scratch:
        try:
            engine = prepare()
            yield Machine(engine, base_images(engine), installed_sam(), Path(scratch))
        except ToolsMissing as error:
            absent(str(error))
        except SamMissing as error:
            pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def project(machine: Machine) -> Iterator[Project]:
    """Not built yet, and without a container engine."""
    plugin_folder = os.environ.get("TF_PLUGIN_DIR")
    build_args = {"PYTHON_IMAGE": machine.images.python, "LWA_IMAGE": machine.images.adapter}
    copied = make_project(machine.sam / "sam", machine.scratch / "files", plugin_folder, build_args)
    if not plugin_folder:
        yield copied
        return
    # A folder of plugins means that there is no registry, and ours holds the AWS provider alone.
    with null_provider(machine.sam / "python", machine.scratch / "null.sock") as reattach:
        yield copied.with_variables(TF_REATTACH_PROVIDERS=reattach)


@pytest.fixture(scope="session")
def build_socket(machine: Machine) -> Iterator[str]:
    mounts = [option.removeprefix("--volume=") for option in pip_mounts()]
    with podman_service(machine.engine, machine.scratch / "build", volumes=mounts) as docker_host:
        yield docker_host


@pytest.fixture(scope="session")
def run_socket(machine: Machine) -> Iterator[str]:
    with podman_service(machine.engine, machine.scratch / "run") as docker_host:
        yield docker_host


@dataclass(frozen=True, slots=True)
class Built:
    """A project after `sam build`, ready for `sam local`."""

    project: Project
    seconds: float
    log: str


@pytest.fixture(scope="session")
def built(project: Project, build_socket: str, run_socket: str) -> Built:
    return build(project, build_socket, run_socket)


def build(project: Project, build_socket: str, run_socket: str) -> Built:
    started = time.monotonic()
    done = project.with_variables(DOCKER_HOST=build_socket).run("build")
    seconds = time.monotonic() - started
    return Built(project.with_variables(DOCKER_HOST=run_socket), seconds, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def api(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with start_api(built.project, tmp_path_factory.mktemp("api") / "log") as running:
        yield running
