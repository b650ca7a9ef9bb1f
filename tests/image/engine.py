"""podman as the tests use it: tools, configuration, one place that runs it. `stand_ins.py` and `build.py` build on it.

What is surprising: inside a CI container podman's defaults do not start anything. crun refuses the mixed cgroups, and
raising a limit above the hard one is forbidden. So podman gets a configuration of our own, by CONTAINERS_CONF: runc,
and limits that are low enough. It also counts for podman's service (SAM talks to that one), if it is started with
`Engine.environment`.

For tests/sam and tests/deploy:

    engine = prepare()                         # installs the tools in CI; ToolsMissing(reason) on a user's machine
    images = base_images(engine)               # stand_ins.py: the names for PYTHON_IMAGE and LWA_IMAGE
    image = build(engine, images, tag=...)     # build.py: the real Dockerfile
    engine.podman("run", ...)                  # or engine.environment with a command of your own
"""

import os
import platform
import resource
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = ROOT / ".cache" / "image"
# Each command and the Debian package that has it.
TOOLS: Final[Mapping[str, str]] = {"podman": "podman", "runc": "runc"}
# Python's names for processors, and those of images.
ARCHITECTURES: Final[Mapping[str, str]] = {"x86_64": "amd64", "aarch64": "arm64"}
COMMAND_SECONDS: Final = 120.0
INSTALL_SECONDS: Final = 600.0


class ToolsMissing(Exception):
    """On a user's machine a reason to skip. In CI it is never raised before an installation was tried."""


class CommandFailed(AssertionError):
    """With the command and the end of what it wrote."""


@dataclass(frozen=True, slots=True)
class Engine:
    """podman, and the environment in which it works here."""

    environment: Mapping[str, str]

    def podman(
        self, *arguments: str, check: bool = True, timeout_seconds: float = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        return run(["podman", *arguments], self.environment, check=check, timeout_seconds=timeout_seconds)


def prepare() -> Engine:
    """The engine, with its tools installed if this is CI. Raises ToolsMissing."""
    install_missing(TOOLS)
    CACHE.mkdir(parents=True, exist_ok=True)
    configuration = CACHE / "containers.conf"
    write(configuration, containers_conf())
    return Engine({**os.environ, "CONTAINERS_CONF": str(configuration)})


def install_missing(tools: Mapping[str, str]) -> None:
    """`tools` are commands and their Debian packages. Installs in CI; raises ToolsMissing on a user's machine."""
    missing = [package for command, package in tools.items() if shutil.which(command) is None]
    if not missing:
        return
    if os.environ.get("CI") != "true":
        raise ToolsMissing(f"not installed: {' '.join(missing)}. On Debian: apt-get install {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        run([*as_root, "apt-get", "-qq", *command], environment, timeout_seconds=INSTALL_SECONDS)


def write(path: Path, text: str) -> None:
    """In one move, for our eyes only: other suites read these files at the same time, and one may hold a password."""
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.rename(path)


def host_architecture() -> str:
    return ARCHITECTURES[platform.machine()]


def containers_conf() -> str:
    limits = ", ".join(f'"{limit}"' for limit in ulimits())
    return f'[containers]\ndefault_ulimits = [{limits}]\n[engine]\nruntime = "runc"\n'


def ulimits() -> list[str]:
    """Enough for any test, and not above this process's hard limits: to raise those is forbidden here.

    Far below, in fact: somewhere on its way to runc the limit of processes is lowered, and runc may not undo that.
    """
    enough = {"nofile": (resource.RLIMIT_NOFILE, 8_192), "nproc": (resource.RLIMIT_NPROC, 4_096)}
    limits = {}
    for name, (number, wanted) in enough.items():
        hard = resource.getrlimit(number)[1]
        limits[name] = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    return [f"{name}={limit}:{limit}" for name, limit in limits.items()]


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    check: bool = True,
    timeout_seconds: float = COMMAND_SECONDS,
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, check=False, timeout=timeout_seconds
    )
    if check and done.returncode != 0:
        written = (done.stdout + done.stderr)[-4_000:]
        raise CommandFailed(f"{' '.join(command[:6])} ... ended with {done.returncode}:\n{written}")
    return done
