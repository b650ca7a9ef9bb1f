"""Terraform as a deployment uses it: plans go to a file, and only a plan that was shown is applied.

Which image runs is a variable. It is kept in `image.auto.tfvars.json` beside the configuration, which Terraform reads
by itself: a `terraform apply` by hand then changes nothing about the image. The state has it too (output
`image_digest`), for a checkout that has never deployed.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.programs import DeployError, exit_code, read, require, run

OLDEST: Final = (1, 11)
INSTALL: Final = "Version 1.11 or newer: https://developer.hashicorp.com/terraform/install"
IMAGE_FILE: Final = "image.auto.tfvars.json"
PLAN_FILE: Final = "deploy.tfplan"
# When `init` went well last; in the folder that it makes.
INIT_STAMP: Final = ".terraform/deploy.stamp"
VARIABLES: Final = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
# `plan -detailed-exitcode`.
NO_CHANGES: Final = 0
CHANGES: Final = 2
# What says where the deployment is, and for which processor.
PLACE: Final = ("aws_region", "function_name", "architecture")


@dataclass(frozen=True, slots=True)
class Terraform:
    folder: Path
    binary: str

    @classmethod
    def find(cls, folder: Path) -> "Terraform":
        """Raises DeployError when it is missing or too old."""
        binary = require("terraform", INSTALL)
        version = re.search(r"Terraform v(\d+)\.(\d+)", read([binary, "version"]))
        if version is None or (int(version[1]), int(version[2])) < OLDEST:
            raise DeployError(f"terraform is too old. {INSTALL}")
        return cls(folder, binary)

    def init(self) -> bool:
        """False: nothing has changed since the last time, which spares seconds."""
        stamp = self.folder / INIT_STAMP
        if stamp.exists() and all(each.stat().st_mtime <= stamp.stat().st_mtime for each in self.folder.glob("*.tf")):
            return False
        run(self._words("init"), variables=VARIABLES)
        stamp.touch()
        return True

    def outputs(self) -> dict[str, Any]:
        """Empty before the first apply."""
        found = json.loads(read(self._words("output", "-json"), variables=VARIABLES))
        return {name: output["value"] for name, output in found.items()}

    def settings(self) -> dict[str, str]:
        """The variables in PLACE as they are set now; an output says how they were at the last apply."""
        wanted = ", ".join(f"{name} = var.{name}" for name in PLACE)
        said = read(self._words("console"), variables=VARIABLES, standard_input=f"jsonencode({{{wanted}}})\n")
        found: dict[str, str] = json.loads(json.loads(said))
        return found

    def has_function(self) -> bool:
        """By the state, and not by an output: an apply that was broken off may have made it without saying so."""
        state = json.loads(read(self._words("show", "-json"), variables=VARIABLES))
        resources = state.get("values", {}).get("root_module", {}).get("resources", [])
        return any(each["type"] == "aws_lambda_function" for each in resources)

    def plan(self) -> bool:
        """Writes the plan, and shows it. False: there is nothing to change."""
        words = self._words("plan", "-detailed-exitcode", f"-out={PLAN_FILE}")
        code = exit_code(words, variables=VARIABLES)
        if code not in (NO_CHANGES, CHANGES):
            raise DeployError("`terraform plan` failed; what it said stands above.")
        return code == CHANGES

    def apply(self) -> None:
        """The plan that was written last. Terraform refuses it if the state has moved on since."""
        if not (self.folder / PLAN_FILE).exists():
            raise DeployError("There is no plan to apply: run `python -m deploy plan` first.")
        try:
            run(self._words("apply", PLAN_FILE), variables=VARIABLES)
        finally:
            # It holds the values of variables, and is good for once.
            self.discard_plan()

    def discard_plan(self) -> None:
        (self.folder / PLAN_FILE).unlink(missing_ok=True)

    # --- the image's variable

    @property
    def image_digest(self) -> str:
        """What the configuration says now; empty: nothing yet."""
        path = self.folder / IMAGE_FILE
        return str(json.loads(path.read_text())["image_digest"]) if path.exists() else ""

    def choose_image(self, digest: str) -> None:
        (self.folder / IMAGE_FILE).write_text(json.dumps({"image_digest": digest}, indent=2) + "\n")

    def recall_image(self) -> None:
        """In a checkout that has never deployed: what the state says, so that no plan takes the function away."""
        if not (self.folder / IMAGE_FILE).exists() and (digest := self.outputs().get("image_digest")):
            self.choose_image(digest)

    def _words(self, command: str, *options: str) -> list[str]:
        return [self.binary, f"-chdir={self.folder}", command, *options]
