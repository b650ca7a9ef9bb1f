"""`serve` refuses to start beside a stranger's code, on the weak parser, and without asserts.

Each environment here is a real one: `python -m venv`, without pip, and with a `.pth` file that names the folder of our
packages. That one runs no code, so it is also the proof that such files are let pass.
"""

import contextlib
import json
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from gateway.settings import UNSAFE_STARTS, Settings
from gateway.startup import (
    KNOWN_CODE,
    STANDARD_LIBRARY,
    check_start,
    code_in,
    code_lines,
    customizing_modules,
    site_folders,
)
from tests.server.test_serve import ROOT, environment, process

START_SECONDS = 30
# What a stranger's file does here: it leaves a trace in the interpreter, and nothing else.
STRANGER = "import sys; sys.chatrix_stranger = True\n"
MOST_MILLISECONDS = 10.0


class Environment:
    """A virtual environment of its own, in which `serve` can be started."""

    def __init__(self, folder: Path, *, sees_system: bool = False) -> None:
        venv.create(folder, system_site_packages=sees_system, symlinks=True)
        self.python = str(folder / "bin" / "python")
        (self.packages,) = folder.glob("lib/python3*/site-packages")
        (self.packages / "our-packages.pth").write_text(f"# what is locked\n{package_folder()}\n")

    def serve(self, *options: str, **variables: str) -> tuple[int | None, str]:
        """Exit code and error output. None: it was still running when it had said where it listens."""
        with self.starting(*options, **variables) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            for line in running.stdout:
                if line.startswith("chatrix "):
                    running.kill()
                    return None, running.stderr.read()
            return running.wait(START_SECONDS), running.stderr.read()

    @contextlib.contextmanager
    def starting(self, *options: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
        command = [self.python, *options, "-m", "gateway", "serve", "--simulate"]
        running = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(PORT="0", **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with running:
            try:
                yield running
            finally:
                running.kill()


def package_folder() -> Path:
    """Where our packages are, whoever installed them."""
    return Path(aiohttp.__file__).parents[1]


@pytest.fixture
def clean(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


def test_files_that_only_name_folders_are_let_pass(clean: Environment) -> None:
    assert clean.serve() == (None, "")


def test_code_that_would_run_at_every_start_is_refused_and_named(clean: Environment) -> None:
    strangers = {
        "stranger.pth": STRANGER,
        "distutils-precedence.pth": STRANGER,  # a known name
        "other.pth": "import _virtualenv\n",  # a known line
        "last-line.pth": f"# a comment\n\n{package_folder()}\n{STRANGER}",
        "from-python-3.15.start": "stranger:begin\n",
        "sitecustomize.py": STRANGER,
        "usercustomize.py": STRANGER,
        "sitecustomize/__init__.py": STRANGER,
        "_virtualenv.py": "",  # so that Python itself has nothing to complain about
    }
    for name, text in strangers.items():
        path = clean.packages / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    code, errors = clean.serve()
    assert code == 2
    sentences = errors.splitlines()
    for name in sorted({name.partition("/")[0] for name in strangers} - {"_virtualenv.py"}):
        (sentence,) = [each for each in sentences if f"{str(clean.packages / name)!r} runs code" in each]
        assert sentence.startswith("chatrix: ")
        assert sentence.endswith("CHATRIX_ALLOW_UNSAFE_START=pth.")
        sentences.remove(sentence)
    assert sentences == [], "one sentence each, and no traceback"


def test_the_files_of_the_users_own_folder_are_looked_at_where_python_reads_them(tmp_path: Path) -> None:
    seeing = Environment(tmp_path / "environment", sees_system=True)
    mine = tmp_path / "mine" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    mine.mkdir(parents=True)
    (mine / "stranger.pth").write_text(STRANGER)
    code, errors = seeing.serve(PYTHONUSERBASE=str(tmp_path / "mine"))
    assert (code, str(mine / "stranger.pth") in errors) == (2, True)
    # With -s Python does not read it, and then it harms nobody.
    _, errors = seeing.serve("-s", PYTHONUSERBASE=str(tmp_path / "mine"))
    assert str(mine) not in errors


def test_everything_that_is_wrong_is_told_at_once(clean: Environment) -> None:
    (clean.packages / "stranger.pth").write_text(STRANGER)
    code, errors = clean.serve("-O", AIOHTTP_NO_EXTENSIONS="1")
    assert code == 2
    code_runs, parser, asserts = errors.splitlines()
    assert "stranger.pth" in code_runs
    assert parser.startswith("chatrix: aiohttp runs without its C parser (AIOHTTP_NO_EXTENSIONS is set)")
    assert asserts.startswith("chatrix: Python runs without asserts")
    for check, sentence in zip(UNSAFE_STARTS, (code_runs, parser, asserts), strict=True):
        assert sentence.endswith(f"CHATRIX_ALLOW_UNSAFE_START={check}.")


def test_one_permission_is_not_another(clean: Environment) -> None:
    (clean.packages / "stranger.pth").write_text(STRANGER)
    code, errors = clean.serve(PYTHONOPTIMIZE="1", CHATRIX_ALLOW_UNSAFE_START="pth,parser")
    assert code == 2
    assert errors.startswith("chatrix: Python runs without asserts")
    assert errors.count("\n") == 1


async def test_what_is_let_pass_is_told_on_the_terminal_and_in_the_log() -> None:
    variables = {"AIOHTTP_NO_EXTENSIONS": "1", "CHATRIX_ALLOW_UNSAFE_START": "parser"}
    async with process("serve", "--simulate", **variables) as (_, _, lines):
        told = [line for line in lines if line.startswith("chatrix: WARNING: aiohttp runs without its C parser")]
        logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(told) == 1
    assert [entry["level"] for entry in logged if "C parser" in entry["message"]] == ["WARNING"]


# --- which lines of a file Python runs


@pytest.mark.parametrize(
    "text",
    [
        b"import a",
        b"import\ta",
        b"/folder\nimport a\n",
        b"/folder\rimport a",
        b"/folder\r\nimport a",
        # From Python 3.13 on: a mark at the beginning is skipped, and lines end where `str.splitlines` says.
        b"\xef\xbb\xbfimport a",
        b"/folder\x0cimport a",
        b"/folder\x1eimport a",
        b"/folder\x85import a",
        "/folder\u2028import a".encode(),
        b"import a; \xff\xfe",
    ],
)
def test_a_line_that_python_runs_is_seen(text: bytes) -> None:
    assert code_lines(text)


@pytest.mark.parametrize("line_break", [b"\x0b", b"\x0c", b"\x1c", b"\x85", "\u2028".encode()])
def test_code_behind_what_only_some_versions_take_for_a_line_break_is_not_known(
    tmp_path: Path, line_break: bytes
) -> None:
    (tmp_path / "_virtualenv.pth").write_bytes(b"import _virtualenv%b; import stranger\n" % line_break)
    assert list(code_in([str(tmp_path)])) == [str(tmp_path / "_virtualenv.pth")]


@pytest.mark.parametrize("text", [b"", b"\n\n", b"/folder", b"# import a", b" import a", b"importa", b"../import a"])
def test_a_line_that_python_does_not_run_is_none(text: bytes) -> None:
    assert code_lines(text) == set()


def test_python_itself_runs_what_is_seen_and_not_what_is_not(tmp_path: Path) -> None:
    """The rule, against the interpreter that is here: each file leaves its number if it ran."""
    texts = ["import sys; sys.n.append({})", "import\tsys; sys.n.append({})", " import sys; sys.n.append({})"]
    texts += ["# import sys; sys.n.append({})", "/x\nimport sys; sys.n.append({})", "/x\rimport sys; sys.n.append({})"]
    expected = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.pth"
        path.write_bytes(text.format(number).encode())
        expected += [number] if code_lines(path.read_bytes()) else []
    script = f"import sys, site; sys.n = []; site.addsitedir({str(tmp_path)!r}); print(sys.n)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == expected == [0, 1, 4, 5]


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in KNOWN_CODE.items() for line in lines])
def test_known_code_is_known_by_its_name_and_its_text(tmp_path: Path, name: str, line: bytes) -> None:
    (tmp_path / name).write_bytes(line + b" \n")
    assert list(code_in([str(tmp_path)])) == []
    (tmp_path / name).write_bytes(line + b"; import stranger\n")
    assert list(code_in([str(tmp_path)])) == [str(tmp_path / name)]
    (tmp_path / name).unlink()
    (tmp_path / "other.pth").write_bytes(line + b"\n")
    assert list(code_in([str(tmp_path)])) == [str(tmp_path / "other.pth")]


def test_what_the_lock_installs_for_development_is_known() -> None:
    """An upgrade of coverage or setuptools that brings other code fails here, and not at somebody's start."""
    assert (package_folder() / "a1_coverage.pth").exists(), "the example that this test rests on"
    assert list(code_in([str(package_folder())])) == []
    assert str(package_folder()) in site_folders()


def test_a_file_that_nobody_can_read_and_a_folder_that_nobody_made_are_no_reason_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "broken.pth").symlink_to(tmp_path / "nowhere")
    assert list(code_in([str(tmp_path), str(tmp_path / "nowhere")])) == []


def test_a_distributions_own_customizing_module_is_let_pass(tmp_path: Path) -> None:
    """Debian, Ubuntu and Homebrew have one beside the standard library."""
    (tmp_path / "sitecustomize.py").write_text("")
    (tmp_path / "sitecustomize_of_another_name.py").write_text("")
    assert list(customizing_modules([str(tmp_path)], standard_library=str(tmp_path))) == []
    assert list(customizing_modules([str(tmp_path)], STANDARD_LIBRARY)) == [str(tmp_path / "sitecustomize.py")]
    assert STANDARD_LIBRARY in sys.path


def test_the_checks_cost_a_few_milliseconds() -> None:
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        check_start(Settings().allow_unsafe_start)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) * 1000 < MOST_MILLISECONDS
