"""podman's service: the socket behind which SAM takes podman for Docker.

The service reads its configuration when it starts. Nothing can be mounted into a build through Docker's protocol, so
that the service for builds mounts this machine's pip configuration into each of its containers, and the service for
running functions is another one.
"""

import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.image.engine import Engine

# podman lowers its own limits before it starts a container, so that the hard ones of this process can be too high.
OPEN_FILES: Final = 4096
PROCESSES: Final = 4096
START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.05


@contextmanager
def podman_service(engine: Engine, folder: Path, *, volumes: Sequence[str] = ()) -> Iterator[str]:
    """The value for DOCKER_HOST. `folder` has a short path: a socket's may have 107 characters."""
    folder.mkdir()
    configuration, socket = folder / "containers.conf", folder / "podman.sock"
    configuration.write_text(containers_conf(volumes), encoding="utf-8")
    with (folder / "log").open("w") as log:
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", f"unix://{socket}"],
            env={**engine.environment, "CONTAINERS_CONF": str(configuration)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(socket, service, folder / "log")
        yield f"unix://{socket}"
    finally:
        service.terminate()
        service.wait(STOP_SECONDS)


def containers_conf(volumes: Sequence[str]) -> str:
    limits = {"nofile": (resource.RLIMIT_NOFILE, OPEN_FILES), "nproc": (resource.RLIMIT_NPROC, PROCESSES)}
    given = [f"{name}={limit(number, most)}:{limit(number, most)}" for name, (number, most) in limits.items()]
    return (
        f"[containers]\ndefault_ulimits = {quoted(given)}\nvolumes = {quoted(volumes)}\n"
        '[engine]\nruntime = "runc"\n[network]\nnetwork_backend = "netavark"\n'
    )


def limit(number: int, most: int) -> int:
    hard = resource.getrlimit(number)[1]
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


def quoted(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def wait_for(socket: Path, service: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not socket.is_socket():
        if service.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"podman's service did not open its socket:\n{log.read_text()}")
        time.sleep(POLL_SECONDS)
