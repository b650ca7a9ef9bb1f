"""Start-up is quick because nothing is compiled at it: the image has bytecode for everything, and it is the right one.

The bytecode is never compared with its source when it is used (`unchecked-hash`), so it has to be compared here.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from gateway.simulator import Simulator
from tests.image.build import Image
from tests.image.containers import run_python, serving
from tests.image.engine import Engine

Say = Callable[[str], None]
# PEP 552: bit 0 says that a hash of the source follows, bit 1 that it is to be checked.
UNCHECKED_HASH: Final = 1
# Runs in the image. For each module below the folders: the flags of its bytecode, and whether its hash is the source's.
SURVEY: Final = """
import importlib.util, _imp, json, os, sysconfig
from pathlib import Path
found = {}
def survey(source, folder):
    cached = Path(importlib.util.cache_from_source(str(source)))
    if not cached.exists():
        return "missing"
    head = cached.read_bytes()[:16]
    if head[:4] != importlib.util.MAGIC_NUMBER:
        return "another Python's"
    if int.from_bytes(head[4:8], "little") != 1:
        return "checked at use"
    magic = int.from_bytes(head[:2], "little") | 0x0A0D0000
    return "right" if _imp.source_hash(magic, source.read_bytes()) == head[8:] else "stale"
for folder in ("/app/gateway", "/app/packages", sysconfig.get_path("stdlib")):
    for source in Path(folder).rglob("*.py"):
        found[str(source)] = survey(source, folder)
print(json.dumps(found))
"""
# As the Dockerfile has it.
LEFT_OUT: Final = re.compile(
    r"/(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|(site|dist)-packages)/"
)


@pytest.fixture(scope="module")
def surveyed(engine: Engine, image: Image) -> dict[str, str]:
    found: dict[str, str] = json.loads(run_python(engine, image.name, SURVEY))
    return found


def test_every_module_has_bytecode_that_is_used_unchecked_and_belongs_to_its_source(surveyed: dict[str, str]) -> None:
    expected = {path for path in surveyed if path.startswith("/app/") or not LEFT_OUT.search(path)}
    assert len(expected) > 1_000
    assert {path: state for path, state in surveyed.items() if path in expected and state != "right"} == {}


async def test_a_start_compiles_nothing(engine: Engine, image: Image, simulator: Simulator) -> None:
    """`python -v` names for each module what its code came from."""
    command = ("python", "-v", "-m", "gateway", "serve")
    async with serving(engine, image.name, simulator.url, command=command) as running:
        origins = re.findall(r"^# code object from '?(/[^'\n]+)'?$", running.log(), re.MULTILINE)
    assert len([path for path in origins if path.endswith(".pyc")]) > 400
    assert [path for path in origins if not path.endswith(".pyc")] == []


async def test_the_bytecode_makes_the_start_faster(
    engine: Engine, image: Image, simulator: Simulator, say: Say
) -> None:
    async def start(*options: str) -> float:
        async with serving(engine, image.name, simulator.url, options=options) as running:
            return running.ready_seconds

    with_bytecode = min([await start() for _ in range(3)])
    without = min([await start("--env=PYTHONPYCACHEPREFIX=/nowhere") for _ in range(2)])
    say(f"process start to /health: {with_bytecode:.2f} s; without the bytecode {without:.2f} s")
    assert with_bytecode < 0.8 * without


def test_bytecode_of_another_python_is_not_found_instead_of_wrong(image: Image) -> None:
    """The version is that of the last stage's base; the path was written with that of the build stage's."""
    variables: dict[str, Any] = image.environment
    assert variables["PYTHONPYCACHEPREFIX"] == f"/app/pycache/{variables['PYTHON_VERSION']}"
    assert re.fullmatch(r"3\.\d+\.\d+\S*", variables["PYTHON_VERSION"])
