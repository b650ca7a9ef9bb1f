"""The image for the other kind of processor (arm64 on an amd64 machine), built without emulation, then run with it.

The kernel here has no binary format registered, so that no program of the other architecture can run by accident: a
build that needed one would fail. Afterwards qemu is called by name, as the first program in a container.
"""

import shutil
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from gateway.simulator import Simulator
from tests.image.build import Image, build
from tests.image.conftest import ARGUMENTS, NAME, absent
from tests.image.containers import File, ask, environment_options, export, free_port, started_from_folder, wait_healthy
from tests.image.engine import Engine, ToolsMissing, host_architecture, install_missing
from tests.image.stand_ins import OTHER_ARCHITECTURE, BaseImages, base_images_of_both_architectures
from tests.support.gateway import asking, aws_environment

Say = Callable[[str], None]
OTHER: Final = OTHER_ARCHITECTURE[host_architecture()]
# ELF's e_machine.
MACHINES: Final = {"amd64": 62, "arm64": 183}
EMULATORS: Final = {"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}
EMULATED_START_SECONDS: Final = 90.0


@pytest.fixture(scope="session")
def other_image(engine: Engine, images: BaseImages) -> Image:
    both = base_images_of_both_architectures(engine, images)
    return build(engine, both, tag=f"{NAME}:{OTHER}", platform=f"linux/{OTHER}", arguments=ARGUMENTS)


@pytest.fixture(scope="session")
def other_files(engine: Engine, other_image: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, File]:
    return export(engine, other_image.name, tmp_path_factory.mktemp("export") / "other.tar")


def machine_of(file: File) -> int:
    content = file.read()
    assert content[:4] == b"\x7fELF"
    machine: int = struct.unpack_from("<H", content, 18)[0]
    return machine


def test_it_is_built_without_emulation(other_image: Image, say: Say) -> None:
    say(f"built for {OTHER} in {other_image.seconds:.0f} s")
    assert (other_image.inspected["Os"], other_image.inspected["Architecture"]) == ("linux", OTHER)


def test_its_base_and_all_its_extension_modules_are_for_the_other_processor(other_files: dict[str, File]) -> None:
    """buildah 1.28 would take the base of the build stage, if the last FROM did not name its platform."""
    compiled = {
        path: machine_of(file) for path, file in other_files.items() if path.startswith("app/") and path.endswith(".so")
    }
    assert len(compiled) >= 10
    python = [path for path in other_files if path.startswith(("usr/bin/python3.", "usr/local/bin/python3."))]
    compiled |= {path: machine_of(other_files[path]) for path in python if other_files[path].entry.isfile()}
    assert set(compiled.values()) == {MACHINES[OTHER]}, compiled


def test_apart_from_them_it_is_the_same_as_ours(files: dict[str, File], other_files: dict[str, File]) -> None:
    def without_extensions(found: dict[str, File]) -> dict[str, int]:
        return {
            path: file.entry.size
            for path, file in found.items()
            if path.startswith("app/") and file.entry.isfile() and not path.endswith((".so", "/WHEEL"))
        }

    assert without_extensions(other_files) == without_extensions(files)


async def test_it_answers_when_its_programs_are_emulated(
    engine: Engine, other_image: Image, other_files: dict[str, File], simulator: Simulator, tmp_path: Path, say: Say
) -> None:
    emulator = EMULATORS[OTHER]
    try:
        install_missing({emulator: "qemu-user-static"})
    except ToolsMissing as error:
        absent(error)
    root = tmp_path / "root"
    with tarfile.open(next(iter(other_files.values())).archive) as archive:
        archive.extractall(root, filter="tar")
    shutil.copy(shutil.which(emulator) or "", root / emulator)
    port = free_port()
    variables = {**other_image.environment, **aws_environment(simulator.url)}
    variables |= {"AWS_REGION": "us-west-2", "HOST": "127.0.0.1", "PORT": str(port)}
    command = (f"/{emulator}", "/usr/local/bin/python", *other_image.config["Cmd"][1:])
    options = [*environment_options(variables), f"--user={other_image.config['User']}"]
    with started_from_folder(engine, root, *options, command=command) as name:
        url = f"http://127.0.0.1:{port}"
        await wait_healthy(engine, name, url, EMULATED_START_SECONDS)
        status, reply = await ask(url, asking("[[say:hello]]"))
    say(f"answered from an emulated {OTHER}")
    assert (status, reply["content"]) == (200, [{"type": "text", "text": "hello"}])
