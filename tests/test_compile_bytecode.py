"""The bytecode of the image: all of a module but its docstrings, and used without a look at the source."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMPILER = ROOT / "deploy" / "compile_bytecode.py"
MODULE = '''"""Of the module."""
from __future__ import annotations

class Empty:
    """Of a class that has nothing else."""

class Full:
    """Of a class."""
    text = "no docstring"

    def method(self) -> None:
        """Of a method that has nothing else."""

async def coroutine():
    """Of a coroutine."""
    return """no docstring"""

def function():
    "Of a function."
    def inner():
        """Of an inner function."""
        return 1
    return inner

def expression():
    1
    """No docstring: it is not the first."""

def fail():
    """Of a function."""
    assert False, "assertions stay"
'''
SCRIPT = """
import asyncio, json, traceback, sample
documented = [sample, sample.Empty, sample.Full, sample.Full.method, sample.coroutine, sample.function]
print([each.__doc__ for each in [*documented, sample.function(), sample.expression, sample.fail]])
print(sample.Full.text, asyncio.run(sample.coroutine()), sample.function()(), sample.expression())
try:
    sample.fail()
except AssertionError as error:
    print(error, traceback.extract_tb(error.__traceback__)[-1].lineno)
print("Of a" in open(sample.__cached__, encoding="latin-1").read())
"""


def compiled(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, str(COMPILER), *arguments)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "PYTHONPYCACHEPREFIX": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_everything_but_docstrings_stays_line_numbers_and_assertions_too(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "sample.py").write_text(MODULE)
    assert compiled(tmp_path, "code").returncode == 0
    failing_line = MODULE.splitlines().index('    assert False, "assertions stay"') + 1
    done = run(tmp_path, "-c", f"import sys; sys.path.insert(0, 'code'){SCRIPT}")
    assert done.stdout.splitlines() == [
        str([None] * 9),
        "no docstring no docstring 1 None",
        f"assertions stay {failing_line}",
        "False",
    ], done.stderr


def test_it_is_used_without_a_look_at_the_source(tmp_path: Path) -> None:
    """Layers of an image do not keep time stamps."""
    source = tmp_path / "sample.py"
    source.write_text("print('compiled')\n")
    assert compiled(tmp_path, ".").returncode == 0
    source.write_text("print('changed since')\n")
    assert run(tmp_path, "-c", "import sample").stdout == "compiled\n"


@pytest.mark.parametrize("source", [b"def broken(:\n", b"# -*- coding: utf-8 -*-\nx = '\xff'\n", b"x = 1\x00\n"])
def test_a_source_that_cannot_be_compiled_is_named_and_fails(tmp_path: Path, source: bytes) -> None:
    (tmp_path / "good.py").write_text("x = 1\n")
    (tmp_path / "bad.py").write_bytes(source)
    done = compiled(tmp_path, ".")
    assert done.returncode == 1
    assert "bad.py: " in done.stderr
    assert "good.py" not in done.stderr
    assert len(list((tmp_path / "cache").rglob("good*.pyc"))) == 1
    assert compiled(tmp_path, "--except", r"bad\.py$", ".").returncode == 0


def test_the_gateway_without_docstrings_is_the_gateway(tmp_path: Path) -> None:
    assert compiled(tmp_path, str(ROOT / "gateway")).returncode == 0
    script = (
        "import pkgutil, importlib, gateway;"
        "names = [each.name for each in pkgutil.walk_packages(gateway.__path__, 'gateway.')];"
        "names = [name for name in names if '__main__' not in name];"
        "modules = [importlib.import_module(name) for name in names];"
        "print(len(modules), {each.__doc__ for each in modules})"
    )
    done = run(tmp_path, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}")
    number, _, documents = done.stdout.partition(" ")
    assert int(number) > 100, done.stderr
    assert documents == "{None}\n"
