"""Bytecode of all Python files in some folders, as `compileall` makes it, without the docstrings.

    PYTHONPYCACHEPREFIX=WHERE python compile_bytecode.py [--except PATTERN] FOLDER...

A running gateway never reads one: of its memory at rest they are 2.5 MB, and of its start the time to read them.
Python's own switch for that (`-OO`) takes the assertions away too, and libraries have been found to need theirs
(CVE-2025-69227 in aiohttp). The files are `unchecked-hash` (PEP 552): used as they are, no time stamp is compared.
"""

import argparse
import ast
import importlib.util
import marshal
import os
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# A hash follows, and nobody compares it with the source's.
UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def without_docstrings(tree: ast.Module) -> ast.Module:
    """All else, line numbers too, stays as it is. Changes the tree that it is given."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            if isinstance(node, ast.Module) or len(node.body) > 1:
                del node.body[0]
            else:
                node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    return tree


def compile_file(file: Path) -> None:
    """Raises SyntaxError, or ValueError for a source with null bytes."""
    source = file.read_bytes()
    code = compile(without_docstrings(ast.parse(source, file)), file, "exec", dont_inherit=True, optimize=0)
    target = Path(importlib.util.cache_from_source(str(file), optimization=""))
    target.parent.mkdir(parents=True, exist_ok=True)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source)
    target.write_bytes(header + marshal.dumps(code))


def failure_of(file: Path) -> str | None:
    try:
        compile_file(file)
    except (SyntaxError, ValueError) as error:
        return f"{file}: {error}"
    return None


def sources(folders: Iterable[Path], excepted: str | None) -> Iterator[Path]:
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            if excepted is None or not re.search(excepted, str(file)):
                yield file


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile without docstrings.")
    parser.add_argument("--except", dest="excepted", metavar="PATTERN", help="leave out paths in which it is found")
    parser.add_argument("folders", type=Path, nargs="+")
    arguments = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = sources(arguments.folders, arguments.excepted)
        failures = [each for each in pool.map(failure_of, files, chunksize=16) if each is not None]
    print("\n".join(failures), file=sys.stderr, end="\n" if failures else "")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
