"""One initialised copy of terraform/, one moto server and one plan for all tests of a process.

terraform is needed for everything here. Where it is missing, a person sees a skip with the reason; in CI (CI=true) it
is a failure, because nothing may be passed by skipping.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.infra.evidence import DEPLOYED, Evidence
from tests.infra.terraform import REPOSITORY, ROOT, Terraform, copy_root, find_binary, surroundings

MISSING: Final = (
    "terraform is not installed (1.11 or newer is needed): https://developer.hashicorp.com/terraform/install"
)
FOLDER: Final = Path(__file__).parent
STARTS_WITHIN_SECONDS: Final = 40
CHECK_TIMEOUT_SECONDS: Final = 500


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """terraform loads its provider anew for each command, which takes seconds."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.timeout(CHECK_TIMEOUT_SECONDS))


@pytest.fixture(scope="session")
def terraform_binary() -> str:
    binary = find_binary()
    if binary is not None:
        return binary
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING, pytrace=False)
    pytest.skip(MISSING)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return surroundings(tmp_path_factory.mktemp("terraform"), os.environ.get("TF_PLUGIN_DIR"))


@pytest.fixture(scope="session")
def initialised(
    terraform_binary: str, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Terraform:
    """A copy of terraform/ to make further copies of. Nobody applies it."""
    folder = copy_root(ROOT, tmp_path_factory.mktemp("roots") / "original")
    terraform = Terraform(terraform_binary, folder, environment)
    terraform.init()
    return terraform


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("moto") / "moto.log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [sys.executable, str(FOLDER / "moto_server.py"), str(port)],
            env=os.environ | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_LAMBDA_STUB_ECR": "false"},
            stdout=written,
            stderr=written,
        )
    try:
        wait_until_open(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def on_moto(initialised: Terraform, moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """A copy of terraform/ whose AWS is moto. For plans: what is applied is applied in a copy of one's own."""
    return copy_of(initialised, tmp_path_factory.mktemp("roots") / "planned", {"AWS_ENDPOINT_URL": moto_url})


@pytest.fixture(scope="session")
def evidence(on_moto: Terraform) -> Evidence:
    return Evidence(on_moto.plan(**DEPLOYED), on_moto.plan(), REPOSITORY)


def copy_of(
    original: Terraform, folder: Path, further: dict[str, str] | None = None, source: Path | None = None
) -> Terraform:
    """With the provider that `original` has initialised: the second init costs seconds, a link nothing."""
    copy_root(source or original.folder, folder)
    (folder / ".terraform").symlink_to(original.folder / ".terraform", target_is_directory=True)
    (folder / ".terraform.lock.hcl").symlink_to(original.folder / ".terraform.lock.hcl")
    return replace(original, folder=folder, environment={**original.environment, **(further or {})})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until_open(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"moto's server ended with {server.returncode}:\n{log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"moto's server did not open its port within {STARTS_WITHIN_SECONDS} s:\n{log.read_text()}")
