"""A real registry in the place of ECR: Debian's docker-registry on a loopback address of its own.

ECR's host name has to lead there. It does in a mount namespace, where /etc/hosts is another file: no name server, no
change to the machine, and podman is told that this one host speaks plain HTTP.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# All of 127/8 is loopback. Port 80 on one that nobody else uses: clients of a registry take no port from us.
ADDRESS: Final = "127.0.0.77"
PORT: Final = 80
STARTS_WITHIN_SECONDS: Final = 20
HOST: Final = "123456789012.dkr.ecr.us-west-2.amazonaws.com"

CONFIGURATION: Final = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}:{port}"}}
"""
REGISTRIES: Final = f"""\
unqualified-search-registries = []
[[registry]]
location = "{HOST}"
insecure = true
"""


@dataclass(frozen=True, slots=True)
class Registry:
    hosts: Path
    registries_conf: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"CONTAINERS_REGISTRIES_CONF": str(self.registries_conf)}

    def reaching(self, words: Sequence[str]) -> list[str]:
        """The command, in a place where ECR's name leads to this registry."""
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, str(self.hosts), *words]


@contextmanager
def serve(folder: Path) -> Iterator[Registry]:
    program = shutil.which("docker-registry")
    assert program is not None, "the fixture looks for it first"
    configuration = folder / "registry.yml"
    configuration.write_text(CONFIGURATION.format(folder=folder / "images", address=ADDRESS, port=PORT))
    registry = Registry(folder / "hosts", folder / "registries.conf")
    registry.hosts.write_text(f"127.0.0.1 localhost\n{ADDRESS} {HOST}\n")
    registry.registries_conf.write_text(REGISTRIES)
    with (folder / "registry.log").open("wb") as log:
        running = subprocess.Popen([program, "serve", str(configuration)], stdout=log, stderr=log)
    try:
        wait_until_open()
        yield registry
    finally:
        running.terminate()
        running.wait()


def wait_until_open() -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((ADDRESS, PORT), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the registry did not open its port")
