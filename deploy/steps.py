"""The steps of a deployment. Each finds out by itself what is done already: all can be run again at any point."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.aws import DIGEST, Aws, a_key_of
from deploy.image import PLATFORMS, Engine, check_disk, labels_of, tag_of_checkout
from deploy.programs import DeployError, run
from deploy.terraform import Terraform

# A key for the smoke test.
KEY_VARIABLE: Final = "CHATRIX_API_KEY"
# The smoke test reads these too, and they could hold another key.
CLIENT_KEY_VARIABLES: Final = ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY")


@dataclass(slots=True)
class Deployment:
    """What the steps know of each other."""

    terraform: Terraform
    assume_yes: bool = False
    build_options: Sequence[str] = ()
    engine: str | None = None
    """docker or podman; None: the one that is there."""
    smoke_url: str | None = None
    """Another address for the smoke test than the function's: a domain of one's own, or a proxy."""
    new_key: str | None = None
    checkout: str = field(default_factory=tag_of_checkout)
    known_settings: dict[str, str] = field(default_factory=dict)
    known_outputs: dict[str, Any] = field(default_factory=dict)

    def outputs(self) -> dict[str, Any]:
        """Asked for once until the next apply. Raises DeployError before the bootstrap."""
        self.known_outputs = self.known_outputs or self.terraform.outputs()
        if "ecr_repository_url" not in self.known_outputs:
            raise DeployError(
                "Nothing has been deployed yet: run `python -m deploy bootstrap` first, or `make deploy`."
            )
        return self.known_outputs

    @property
    def settings(self) -> dict[str, str]:
        self.known_settings = self.known_settings or self.terraform.settings()
        return self.known_settings

    @property
    def tag(self) -> str:
        """With the processor, or a change of `architecture` would find the image for the other one."""
        return f"{self.checkout}-{self.settings['architecture']}"

    def aws(self) -> Aws:
        return Aws.sign_in(self.outputs()["aws_region"])

    @property
    def image(self) -> str:
        return f"{self.outputs()['ecr_repository_url']}:{self.tag}"


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def note(text: str) -> None:
    print(f"   {text}", flush=True)


def confirm(deployment: Deployment) -> None:
    """Raises DeployError unless a person says yes."""
    if deployment.assume_yes:
        return
    if not sys.stdin.isatty():
        raise DeployError("Nobody can be asked whether to apply this plan. `--yes` says so beforehand.")
    if input("\nApply this plan? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DeployError("Nothing was changed. Run it again whenever you want.")


# --- before anything


def init(deployment: Deployment) -> None:
    say("Preparing Terraform")
    if not deployment.terraform.init():
        note("It is prepared already.")
    deployment.terraform.recall_image()


def bootstrap(deployment: Deployment) -> None:
    """The registry, the secret, the role, the logs: all that an image needs before it can be the function's."""
    say("Registry, secret, role")
    refuse_to_move(deployment)
    if deployment.terraform.has_function():
        note("They are there already.")
        return
    # Also when some of them are there: a repository that was not finished would be made anew, after the push.
    plan_and_apply(deployment)


def refuse_to_move(deployment: Deployment) -> None:
    """Raises DeployError when the variables are about another place than the state."""
    was = deployment.terraform.outputs()
    for name in ("aws_region", "function_name"):
        now = deployment.settings[name]
        if was.get(name, now) != now:
            raise DeployError(
                f"{name} is {now} now, and {was[name]} is deployed. Terraform would remove that one with its URL and "
                "its key. Destroy it first, or use another state for the new one (docs/terraform.md)."
            )


# --- the image


def build(deployment: Deployment) -> None:
    say(f"Image {deployment.tag}")
    if pushed_digest(deployment) is not None:
        note("The registry has it already: it is used as it is.")
        return
    check_disk()
    architecture = deployment.settings["architecture"]
    engine, image = Engine.find(deployment.engine), deployment.image
    engine.build(image, architecture, labels_of(deployment.checkout), deployment.build_options)
    built = engine.architecture(image)
    if built != PLATFORMS[architecture]:
        raise DeployError(
            f"The image is for {built}, the function for {architecture} (the variable `architecture`): Lambda would "
            "say `exec format error`. Build on another machine, or change the variable."
        )


def push(deployment: Deployment) -> None:
    """And from now on it is the image that plans are about."""
    say("Pushing the image")
    digest = pushed_digest(deployment)
    if digest is None:
        engine, image = Engine.find(deployment.engine), deployment.image
        user, password = deployment.aws().registry_login()
        engine.login(image.partition("/")[0], user, password)
        digest = engine.push(image)
    else:
        note("The registry has it already.")
    deployment.terraform.choose_image(digest)
    note(digest)


def pushed_digest(deployment: Deployment) -> str | None:
    repository = deployment.outputs()["ecr_repository_url"].partition("/")[2]
    return deployment.aws().digest_of(repository, deployment.tag)


# --- the function


def plan(deployment: Deployment) -> bool:
    """False: there is nothing to change."""
    say("Planning")
    changes = deployment.terraform.plan()
    if not changes:
        note("Nothing to change.")
    return changes


def apply(deployment: Deployment) -> None:
    """What was planned last."""
    say("Applying the plan")
    try:
        confirm(deployment)
    except DeployError:
        # What was refused must not be there for a later `apply`.
        deployment.terraform.discard_plan()
        raise
    deployment.terraform.apply()
    deployment.known_outputs = {}


def plan_and_apply(deployment: Deployment) -> None:
    if plan(deployment):
        apply(deployment)


def secret(deployment: Deployment) -> None:
    """A first API key, if there is none. An existing one is never touched."""
    say("API key")
    aws, secret_id = deployment.aws(), deployment.outputs()["secret_arn"]
    if aws.stored_secret(secret_id) is not None:
        note("The secret has a value already: it stays.")
        return
    deployment.new_key = aws.make_first_key(secret_id)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        note("A new key is in the secret. It is not shown here, where others can read: look there.")
        return
    # At once: no later step that fails may keep it from whoever waits for it.
    note("A new key is in the secret, which keeps it. It is shown this once:")
    print(f"\n    export ANTHROPIC_AUTH_TOKEN={deployment.new_key}")


# --- is it good?


def smoke(deployment: Deployment) -> None:
    """Two short answers, from the model and for their price: do they stream?"""
    say("Smoke test")
    url, key = address(deployment), a_key(deployment)
    if key is None:
        note("Left out: the secret holds no key in clear text. Set CHATRIX_API_KEY and run `python -m deploy smoke`.")
        return
    run(
        [sys.executable, "-m", "gateway", "smoke", url],
        variables={KEY_VARIABLE: key, **dict.fromkeys(CLIENT_KEY_VARIABLES, "")},
    )


def address(deployment: Deployment) -> str:
    url = deployment.smoke_url or str(deployment.outputs()["lambda_function_url"])
    if not url:
        raise DeployError("There is no function yet: run `make deploy`.")
    return url


def a_key(deployment: Deployment) -> str | None:
    """The new one, the environment's, or one that the secret holds in clear text.

    Not ANTHROPIC_API_KEY: that is often a key for Anthropic itself, which is nothing for this URL.
    """
    if found := deployment.new_key or os.environ.get(KEY_VARIABLE):
        return found
    stored = deployment.aws().stored_secret(deployment.outputs()["secret_arn"])
    return None if stored is None else a_key_of(stored)


def tell(deployment: Deployment) -> None:
    """What Claude Code needs."""
    say("Done. For Claude Code:")
    key = "the key above" if deployment.new_key else "the key that you have"
    print(f"\n    export ANTHROPIC_BASE_URL={address(deployment)}\n    export ANTHROPIC_AUTH_TOKEN=...    # {key}\n")


# --- back


def roll_back(deployment: Deployment, digest: str | None) -> None:
    """To the image of the version before this one, or to a digest."""
    say("Rolling back")
    if digest is None:
        digest = next(deployment.aws().earlier_digests(deployment.outputs()["function_name"]), None)
    if digest is None:
        raise DeployError("There is no version with another image before this one.")
    if not DIGEST.fullmatch(digest):
        raise DeployError("An image is named by its digest here: sha256: and 64 hexadecimal digits.")
    note(digest)
    before = deployment.terraform.image_digest
    deployment.terraform.choose_image(digest)
    try:
        plan_and_apply(deployment)
    except DeployError:
        # The next plan is not to be about an image that could not be had, or that nobody wanted.
        deployment.terraform.choose_image(before)
        raise


def status(deployment: Deployment) -> None:
    outputs = deployment.outputs()
    for name in ("function_name", "aws_region", "architecture", "lambda_function_url", "image_digest", "dashboard_url"):
        note(f"{name}: {outputs.get(name) or '(none yet)'}")


def terraform_in(folder: Path) -> Terraform:
    return Terraform.find(folder)
