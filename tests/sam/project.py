"""A copy of what `sam` needs of the repository, and `sam` itself, started in terraform/local as a person does."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from deploy.image import CONTEXT
from tests.infra.terraform import surroundings
from tests.sam.installation import ROOT

# The image's context, of which the gateway's folder is copied without its caches, and what sam itself reads.
COPIED: Final = (*(name for name in CONTEXT if name != "gateway"), "samconfig.toml", "test-event.json")
# What a person's own runs have left there.
LEFT_OUT: Final = (".aws-sam*", ".terraform*", "*.tfstate*", "*.tfvars")
COMMAND_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Project:
    """`folder` is terraform/local of the copy; `home` replaces the person's."""

    sam: Path
    folder: Path
    environment: Mapping[str, str]

    @property
    def root(self) -> Path:
        return self.folder.parents[1]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.sam, *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"sam {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def metadata(self) -> dict[str, dict[str, Any]]:
        """The resources that the hook has found in Terraform's plan, by their Terraform addresses."""
        template = json.loads((self.folder / ".aws-sam-iacs/iacs_metadata/template.json").read_text())
        return {resource["Metadata"]["SamResourceId"]: resource for resource in template["Resources"].values()}

    def with_variables(self, **variables: str) -> "Project":
        return replace(self, environment={**self.environment, **variables})

    def copy(self, root: Path) -> "Project":
        """Another copy, with the provider that this one has initialised, but not with what it has built."""
        copied = copy_repository(self.root, root)
        for name in (".terraform", ".terraform.lock.hcl"):
            (copied / name).symlink_to(self.folder / name)
        return replace(self, folder=copied)


def copy_repository(source: Path, root: Path) -> Path:
    """terraform/local of the copy. Links stay links: SAM finds its configuration by one."""
    root.mkdir()
    for name in COPIED:
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(source / name, root / name)
    shutil.copytree(source / "gateway", root / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    ignore = shutil.ignore_patterns(*LEFT_OUT)
    return Path(shutil.copytree(source / "terraform/local", root / "terraform/local", symlinks=True, ignore=ignore))


def make_project(sam: Path, scratch: Path, plugin_folder: str | None, build_args: Mapping[str, str]) -> Project:
    """`scratch` takes the copy and a home, in which SAM neither asks for its newest version nor sends telemetry."""
    settings = scratch / "home/.aws-sam"
    settings.mkdir(parents=True)
    (settings / "metadata.json").write_text(json.dumps({"telemetryEnabled": False, "lastVersionCheck": time.time()}))
    environment = surroundings(scratch, plugin_folder) | {
        "HOME": str(scratch / "home"),
        "SAM_CLI_TELEMETRY": "0",
        "NO_PROXY": "127.0.0.1,localhost",
        "TF_VAR_build_args": json.dumps(dict(build_args)),
    }
    return Project(sam, copy_repository(ROOT, scratch / "repository"), environment)
