"""Compiles the rig: two C programs, so cheap that the gateway is what is measured."""

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "bench"
PROGRAMS = ("upstream", "load")
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")


def build() -> Path:
    """The folder with both programs. Raises `SystemExit` where there is no C compiler, or it refuses."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("The bench needs a C compiler (`apt-get install gcc`, or Xcode's command line tools).")
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        source, program = HERE / f"{name}.c", BUILD / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([compiler, *FLAGS, "-o", str(program), str(source)], check=True)
    return BUILD
