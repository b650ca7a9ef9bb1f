"""What must hold before the gateway takes AWS credentials: no stranger's code, the right parser, asserts.

Python runs code from `.pth` files at every start, whatever is started, even after the package that left them is gone.
On 2026-03-24 that is how a poisoned release of another gateway took its users' AWS credentials. Such code has run
before this check, and could hide from it. What the check stops is every start of the gateway beside code that does not
take that trouble, and it names the file.

`-O` and PYTHONOPTIMIZE take out asserts: one release of aiohttp went round in circles without them. And aiohttp
without its C parser is another, weaker reader of HTTP, which is where smuggled requests get in.
"""

import os
import re
import site
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

from aiohttp import http_parser
from aiohttp.helpers import NO_EXTENSIONS

SETUPTOOLS: Final = (
    b"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, '%b') == 'local'; "
    b"enabled and __import__('_distutils_hack').add_shim();"
)
# As it is locked for development. It does nothing without its two variables.
COVERAGE: Final = (
    rb"import sys; exec('import os\n\nif os.getenv("
    rb'"COVERAGE_PROCESS_START") or os.getenv("COVERAGE_PROCESS_CONFIG"):'
    rb"""\n try:\n  import coverage\n except:\n  pass\n else:\n  coverage.process_startup(slug="pth")')"""
)
# The only code that may run at every start, by the name of the file and by its lines. It comes with Python's own tools.
# An editable install of the gateway is not among it: that names a folder, which runs nothing.
KNOWN_CODE: Final[Mapping[str, frozenset[bytes]]] = {
    "distutils-precedence.pth": frozenset({SETUPTOOLS % b"stdlib", SETUPTOOLS % b"local"}),  # before and since 60
    "_virtualenv.pth": frozenset({b"import _virtualenv"}),  # virtualenv's and uv's
    "a1_coverage.pth": frozenset({COVERAGE}),
}
# Where Python sees a new line: the versions that read `.pth` files as files are read, and those that take them for
# text, with all that `str.splitlines` knows, in UTF-8. What is run must be known in both ways of reading it.
LINE_BREAKS: Final = (re.compile(rb"[\n\r]"), re.compile(rb"[\n\r\x0b\x0c\x1c-\x1e\x85]|\xe2\x80[\xa8\xa9]"))
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
RUNS_CODE: Final = (b"import ", b"import\t")
# Every line of it is called at the start, from Python 3.15 on (PEP 829).
ENTRY_POINTS: Final = ".start"
# Imported at every start, wherever on the path they are found.
CUSTOMIZING: Final = frozenset({"sitecustomize", "usercustomize"})
STANDARD_LIBRARY: Final = os.path.dirname(os.__file__)  # noqa: PTH120
MODULE_ENDINGS: Final = (".py", ".pyc", ".so", ".abi3.so")

VARIABLE: Final = "CHATRIX_ALLOW_UNSAFE_START"
STRANGER: Final = (
    "{path!r} runs code at every start of Python and is none of the files that are known to. Find out who left it "
    "there and remove it, or make the environment anew (`make clean install`)."
)
NO_C_PARSER: Final = (
    "aiohttp runs without its C parser ({reason}), and the one in Python reads HTTP less strictly: requests could be "
    "smuggled in. {remedy}"
)
OPTIMIZED: Final = (
    "Python runs without asserts (`-O` or PYTHONOPTIMIZE), and libraries rely on them to stop on bad input. Start it "
    "without."
)
ON_PURPOSE: Final = " If it is meant to be so: {variable}={check}."
TOLD_TO: Final = " Let pass, because {variable} says `{check}`."


class UnsafeStartError(Exception):
    """The gateway must not start. `sentences`: what is wrong, where, and what to do, one for each finding."""

    def __init__(self, sentences: Collection[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


class Finding(NamedTuple):
    check: str
    """Its name in CHATRIX_ALLOW_UNSAFE_START."""
    sentence: str


def check_start(allowed: Collection[str]) -> list[str]:
    """Raises UnsafeStartError; returns a sentence for each thing that is `allowed` to be wrong, and is."""
    findings = [*strange_code(), *weak_parser(), *missing_asserts()]
    refused = [
        each.sentence + ON_PURPOSE.format(variable=VARIABLE, check=each.check)
        for each in findings
        if each.check not in allowed
    ]
    if refused:
        raise UnsafeStartError(refused)
    return [each.sentence + TOLD_TO.format(variable=VARIABLE, check=each.check) for each in findings]


def strange_code() -> Iterator[Finding]:
    paths = [*code_in(site_folders()), *customizing_modules(sys.path, STANDARD_LIBRARY)]
    for path in dict.fromkeys(paths):
        yield Finding("pth", STRANGER.format(path=path))


def site_folders() -> list[str]:
    """The folders whose `.pth` files this Python reads. Those on PYTHONPATH are not among them."""
    if sys.flags.no_site:
        return []
    return [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]


def code_in(folders: Iterable[str]) -> Iterator[str]:
    for folder in folders:
        for name in names_in(folder):
            path = os.path.join(folder, name)  # noqa: PTH118  # pathlib would cost as much as all of this
            if name.endswith(ENTRY_POINTS) or (name.endswith(".pth") and has_strange_lines(path, name)):
                yield path


def has_strange_lines(path: str, name: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return not code_lines(file.read()) <= KNOWN_CODE.get(name, frozenset())
    except OSError:
        return False  # Python cannot read it either, and goes on


def code_lines(text: bytes) -> set[bytes]:
    """What Python would run. All other lines are comments, or name folders to look for modules in."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    lines = chain.from_iterable(line_break.split(text) for line_break in LINE_BREAKS)
    return {line.strip() for line in lines if line.startswith(RUNS_CODE)}


def customizing_modules(path: Iterable[str], standard_library: str) -> Iterator[str]:
    """Not those beside the standard library: distributions put one there, and who can write there needs none."""
    for folder in path:
        if folder == standard_library:
            continue
        for name in names_in(folder or "."):
            module, dot, _ = name.partition(".")
            if module in CUSTOMIZING and (not dot or name.endswith(MODULE_ENDINGS)):
                yield os.path.join(folder, name)  # noqa: PTH118


def names_in(folder: str) -> list[str]:
    """None where there is no such folder: the path names archives, and folders that nobody made."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []


def weak_parser() -> Iterator[Finding]:
    if http_parser.HttpRequestParser is not http_parser.HttpRequestParserPy:
        return
    if NO_EXTENSIONS:
        reason, remedy = "AIOHTTP_NO_EXTENSIONS is set", "Unset the variable."
    else:
        reason, remedy = "it is not installed", "Install aiohttp from a wheel for this machine (`make clean install`)."
    yield Finding("parser", NO_C_PARSER.format(reason=reason, remedy=remedy))


def missing_asserts() -> Iterator[Finding]:
    if sys.flags.optimize:
        yield Finding("optimize", OPTIMIZED)
