"""`make deploy` as a person runs it, in a checkout of its own: real terraform, podman and registry, and moto for AWS.

Two things stand in: moto for the account, and a gateway on loopback for the function's URL, which moto does not serve.
That gateway reads its keys from moto, so that the key which the deployment makes is the one that opens it.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.ecr import mirroring
from tests.deploy.registry import Registry, serve
from tests.image.build import pip_mounts
from tests.image.conftest import engine, images  # noqa: F401  # fixtures
from tests.image.engine import Engine, ToolsMissing, install_missing, ulimits
from tests.image.stand_ins import BaseImages
from tests.infra.conftest import environment, moto_url, terraform_binary  # noqa: F401  # fixtures
from tests.server.test_serve import process
from tests.support.gateway import aws_environment

ROOT: Final = Path(__file__).parents[2]
REGION: Final = "us-west-2"
# A build, two plans and an apply.
TEST_SECONDS: Final = 300
ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name == "test_walk.py":
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of the repository as git sees it, with a commit."""

    folder: Path
    variables: dict[str, str]
    registry: Registry
    options: tuple[str, ...]

    def words(self, *arguments: str) -> list[str]:
        return self.registry.reaching([str(ROOT / ".venv/bin/python"), "-m", "deploy", *self.options, *arguments])

    def deploy(self, *arguments: str, without: str = "") -> subprocess.CompletedProcess[str]:
        """`without` is a variable to leave out."""
        variables = {name: value for name, value in self.variables.items() if name != without}
        return subprocess.run(
            self.words(*arguments),
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def commit(self) -> str:
        for words in (["add", "--all"], ["commit", "--quiet", "--message", "A change"]):
            self._git(*words)
        return self._git("rev-parse", "--short=12", "HEAD").strip()

    def _git(self, *words: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    try:
        install_missing({"docker-registry": "docker-registry", "unshare": "util-linux"})
    except ToolsMissing as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    with serve(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def account(moto_url: str, registry: Registry) -> Iterator[str]:  # noqa: F811  # the fixture
    """moto's address. Its ECR knows what has been pushed to the registry."""
    with mirroring(moto_url, REGION):
        yield moto_url


@pytest.fixture(scope="module")
async def gateway_url(account: str) -> AsyncIterator[str]:
    # Both are processes: the tests wait for others, and no event loop runs meanwhile.
    async with process("simulate", "--port", "0") as (_, simulator_url, _):
        variables = {
            **aws_environment(simulator_url),
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": account,
            "AWS_REGION": REGION,
            "CHATRIX_SECRET_TTL_SECONDS": "0",
        }
        async with process("serve", **variables) as (_, url, _):
            yield url


@pytest.fixture(scope="module")
def checkout(
    account: str,
    gateway_url: str,
    registry: Registry,
    engine: Engine,  # noqa: F811
    images: BaseImages,  # noqa: F811
    environment: dict[str, str],  # noqa: F811
    terraform_binary: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Checkout:
    folder = tmp_path_factory.mktemp("checkout")
    copy_checkout(folder)
    architecture = ARCHITECTURES[platform.machine()]
    (folder / "terraform/terraform.tfvars").write_text(
        f'aws_region = "{REGION}"\narchitecture = "{architecture}"\nalarm_emails = ["you@example.com"]\n'
    )
    variables = {
        **engine.environment,
        **environment,
        **registry.variables,
        "AWS_ENDPOINT_URL": account,
        "REGISTRY_AUTH_FILE": str(tmp_path_factory.mktemp("login") / "auth.json"),
    }
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    made = Checkout(folder, variables, registry, build_options(images, gateway_url))
    made.commit()
    return made


def copy_checkout(folder: Path) -> None:
    """What git knows, and what it would be told of."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def build_options(images: BaseImages, gateway_url: str) -> tuple[str, ...]:  # noqa: F811
    """How the build finds its base images and packages on this machine, and where the smoke test asks."""
    options = [
        f"--build-arg=PYTHON_IMAGE={images.python}",
        f"--build-arg=LWA_IMAGE={images.adapter}",
        "--pull=never",
        "--network=host",
        *(f"--ulimit={limit}" for limit in ulimits()),
        *pip_mounts(),
    ]
    chosen = (f"--build-option={option}" for option in options)
    return ("--engine=podman", f"--smoke-url={gateway_url}", *chosen)
