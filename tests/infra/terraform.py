"""Runs the real terraform on copies of terraform/, with a CLI configuration of its own.

The provider comes from the registry, or from a folder on disk that TF_PLUGIN_DIR names: a filesystem mirror, or any
folder that holds the unpacked binary, from which a mirror is made by symlink.
"""

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).parents[2]
ROOT: Final = REPOSITORY / "terraform"
# What the copies leave out: SAM's own root has its own tests, and a person's state and settings are none of ours.
LEFT_OUT: Final = (
    "local",
    ".terraform",
    ".terraform.lock.hcl",
    "*.tfstate*",
    "*.tfplan",
    "*.tfvars",
    "*.tfvars.json",
    "backend.tf",
)

BINARY: Final = re.compile(r"terraform-provider-aws_v(\d+\.\d+\.\d+)\w*")
MIRRORED: Final = "registry.terraform.io/hashicorp/aws"
MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}

# An apply against moto takes half a minute; a call that moto does not know is repeated for many.
TIMEOUT_SECONDS: Final = 150


class TerraformFailed(AssertionError):
    """The whole output is the message: terraform says what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Terraform:
    """A root module in `folder`. `variables` go along with each command that takes them."""

    binary: str
    folder: Path
    environment: Mapping[str, str]
    variables: Mapping[str, Any] = field(default_factory=dict)

    def run(self, *arguments: str, accepted: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                [self.binary, *arguments],
                cwd=self.folder,
                env=dict(self.environment),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as slow:
            shown = (slow.stdout or b"").decode()
            raise TerraformFailed(
                f"terraform {' '.join(arguments)}: no end after {TIMEOUT_SECONDS} s\n{shown}"
            ) from None
        if done.returncode not in accepted:
            raise TerraformFailed(f"terraform {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def init(self) -> None:
        self.run("init", "-no-color", "-input=false", "-backend=false")

    def apply(self, **variables: Any) -> None:
        self.run("apply", "-no-color", "-input=false", "-auto-approve", *self._given(variables))

    def destroy(self, **variables: Any) -> None:
        self.run("destroy", "-no-color", "-input=false", "-auto-approve", *self._given(variables))

    def would_change(self, **variables: Any) -> str:
        """What a plan would do, as terraform shows it; empty when nothing."""
        done = self.run(
            "plan", "-no-color", "-input=false", "-detailed-exitcode", *self._given(variables), accepted=(0, 2)
        )
        return done.stdout if done.returncode else ""

    def plan(self, **variables: Any) -> dict[str, Any]:
        self.run("plan", "-no-color", "-input=false", "-out=tested.tfplan", *self._given(variables))
        return dict(json.loads(self.run("show", "-json", "tested.tfplan").stdout))

    def state(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "terraform.tfstate").read_text()))

    def outputs(self) -> dict[str, Any]:
        return {name: output["value"] for name, output in self.state()["outputs"].items()}

    def _given(self, variables: Mapping[str, Any]) -> list[str]:
        return [f"-var={name}={as_hcl(value)}" for name, value in {**self.variables, **variables}.items()]


def as_hcl(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def find_binary() -> str | None:
    return shutil.which("terraform")


def copy_root(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return folder


def surroundings(scratch: Path, plugin_folder: str | None) -> dict[str, str]:
    """The environment of terraform: nothing of the person's AWS, and a CLI configuration of our own.

    The machine's TF_CLI_CONFIG_FILE may name a file that is not there.
    """
    configuration = scratch / "terraform.rc"
    configuration.write_text(cli_configuration(scratch, plugin_folder))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    return kept | {
        "TF_CLI_CONFIG_FILE": str(configuration),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # The provider's default is 25 tries.
        "AWS_MAX_ATTEMPTS": "2",
    }


def cli_configuration(scratch: Path, plugin_folder: str | None) -> str:
    if not plugin_folder:
        return "disable_checkpoint = true\n"
    mirror = find_mirror(Path(plugin_folder), scratch)
    return f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'


def find_mirror(folder: Path, scratch: Path) -> Path:
    """`folder` itself when it is a mirror's root, or else a mirror with a link to the binary that lies in it."""
    if (folder / MIRRORED).is_dir():
        return folder
    found = [
        match for each in sorted(folder.glob("terraform-provider-aws_v*")) if (match := BINARY.fullmatch(each.name))
    ]
    if not found:
        raise TerraformFailed(
            f"TF_PLUGIN_DIR is {folder}, which has neither {MIRRORED} nor a file terraform-provider-aws_v... in it: "
            "name the root of a filesystem mirror, or the folder with the unpacked provider, or unset it."
        )
    machine = MACHINES.get(platform.machine(), platform.machine())
    place = scratch / "mirror" / MIRRORED / found[-1][1] / f"{platform.system().lower()}_{machine}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(folder.resolve(), target_is_directory=True)
    return scratch / "mirror"
