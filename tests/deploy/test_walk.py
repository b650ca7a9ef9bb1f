"""A deployment from nothing to a rollback. The tests build on each other, in this order, as a person's commands do."""

import os
import platform
import re
import signal
import subprocess
import time
from typing import Any, Final

import boto3
import pytest

from tests.deploy.conftest import ARCHITECTURES, REGION, Checkout

KEY: Final = re.compile(r"ANTHROPIC_AUTH_TOKEN=(ck_[\w-]{40,})")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
ACCOUNT_ID: Final = "123456789012"


@pytest.fixture(scope="module")
def aws(account: str) -> Any:
    def client(service: str) -> Any:
        return boto3.client(
            service, region_name=REGION, endpoint_url=account, aws_access_key_id="t", aws_secret_access_key="t"
        )

    return client


def running(aws: Any) -> tuple[str, str]:
    """The version behind the alias, and the digest of its image."""
    version = aws("lambda").get_alias(FunctionName="chatrix", Name="live")["FunctionVersion"]
    code = aws("lambda").get_function(FunctionName="chatrix", Qualifier=version)["Code"]
    return version, code["ImageUri"].partition("@")[2]


def own_lines(output: str) -> str:
    """What we print, between what terraform and podman do."""
    return "\n".join(line for line in output.splitlines() if re.match(r"(== |deploy:| {3}\S)", line))


def test_without_a_yes_nothing_is_made(checkout: Checkout, aws: Any) -> None:
    done = checkout.deploy()
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert aws("ecr").describe_repositories()["repositories"] == []


def test_steps_out_of_their_order_say_which_comes_first(checkout: Checkout) -> None:
    for command in ("build", "secret", "status", "rollback"):
        done = checkout.deploy("--yes", command)
        assert done.returncode == 1, command
        assert "python -m deploy bootstrap" in done.stderr
    done = checkout.deploy("--yes", "apply")
    assert "python -m deploy plan" in done.stderr


def test_credentials_that_are_not_there_are_said_so(checkout: Checkout) -> None:
    bootstrapped = checkout.deploy("--yes", "bootstrap")
    assert bootstrapped.returncode == 0, bootstrapped.stdout + bootstrapped.stderr
    done = checkout.deploy("--yes", "build", without="AWS_SECRET_ACCESS_KEY")
    assert done.returncode == 1
    assert "aws sso login" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_goes_on_where_it_was_interrupted(checkout: Checkout, aws: Any) -> None:
    with subprocess.Popen(
        checkout.words("--yes"),
        cwd=checkout.folder,
        env=checkout.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as begun:
        assert begun.stdout is not None
        for line in begun.stdout:
            if "STEP 1" in line:
                break
        time.sleep(0.5)
        os.killpg(begun.pid, signal.SIGINT)
        rest = begun.stdout.read()
    assert begun.returncode in (1, 130, -signal.SIGINT), rest
    assert aws("lambda").list_functions()["Functions"] == []

    done = checkout.deploy("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.index("Nothing to change.") < done.stdout.index("== Image"), "the bootstrap was done"
    assert running(aws)[0] == "1"
    keys = KEY.findall(done.stdout)
    assert len(keys) == 1, "shown once"
    assert keys[0] in aws("secretsmanager").get_secret_value(SecretId="prod/chatrix/api-key")["SecretString"]
    assert "export ANTHROPIC_BASE_URL=" in done.stdout
    assert ACCOUNT_ID not in own_lines(done.stdout)


def test_run_again_it_finds_everything_done_and_keeps_the_key(checkout: Checkout, aws: Any) -> None:
    before = running(aws), aws("secretsmanager").get_secret_value(SecretId="prod/chatrix/api-key")["VersionId"]
    done = checkout.deploy("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The registry has it already" in done.stdout
    assert "Nothing to change." in done.stdout
    assert "STEP" not in done.stdout + done.stderr, "nothing was built"
    assert not KEY.search(done.stdout)
    after = running(aws), aws("secretsmanager").get_secret_value(SecretId="prod/chatrix/api-key")["VersionId"]
    assert after == before


def test_a_checkout_that_never_deployed_does_not_take_the_function_away(checkout: Checkout, aws: Any) -> None:
    """Another laptop, the same state: the image that runs is taken from there."""
    (checkout.folder / "terraform/image.auto.tfvars.json").unlink()
    done = checkout.deploy("plan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing to change." in done.stdout


def test_a_new_commit_is_a_new_version_and_rollback_puts_the_old_image_back(checkout: Checkout, aws: Any) -> None:
    _, first = running(aws)
    with (checkout.folder / "LICENSE").open("a") as file:
        file.write("\nAnother line.\n")
    commit = checkout.commit()
    done = checkout.deploy("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    version, second = running(aws)
    assert (version, second != first) == ("2", True)
    tags = [each["imageTags"] for each in aws("ecr").describe_images(repositoryName="chatrix")["imageDetails"]]
    assert [f"{commit}-{ARCHITECTURES[platform.machine()]}"] in tags

    back = checkout.deploy("--yes", "rollback")
    assert back.returncode == 0, back.stdout + back.stderr
    assert running(aws) == ("3", first)


def test_a_rollback_to_what_is_no_image_changes_nothing(checkout: Checkout, aws: Any) -> None:
    before = running(aws), (checkout.folder / "terraform/image.auto.tfvars.json").read_text()
    mistyped = checkout.deploy("--yes", "rollback", "latest")
    assert mistyped.returncode == 1
    assert "64 hexadecimal digits" in mistyped.stderr
    assert checkout.deploy("--yes", "rollback", f"sha256:{'0' * 64}").returncode == 1
    assert (running(aws), (checkout.folder / "terraform/image.auto.tfvars.json").read_text()) == before


def test_another_processor_or_another_name_is_not_taken_for_the_same_deployment(checkout: Checkout) -> None:
    settings = checkout.folder / "terraform/terraform.tfvars"
    before = settings.read_text()
    try:
        settings.write_text(f'{before}function_name = "another"\n')
        done = checkout.deploy("bootstrap")
        assert done.returncode == 1
        assert "function_name is another now" in done.stderr
        other = "arm64" if '"x86_64"' in before else "x86_64"
        settings.write_text(re.sub(r'architecture = "\w+"', f'architecture = "{other}"', before))
        done = checkout.deploy("push")
        assert done.returncode == 1, "the registry has this commit for one processor only"
        assert "The registry has it already" not in done.stdout
    finally:
        settings.write_text(before)


def test_changes_that_are_in_no_commit_get_a_tag_of_their_own(checkout: Checkout) -> None:
    with (checkout.folder / "Dockerfile").open("a") as file:
        file.write("# A change.\n")
    done = checkout.deploy("--yes", "push")
    assert done.returncode == 1, "there is no such image yet"
    assert checkout.deploy("--yes", "build").returncode == 0


def test_an_image_for_another_processor_is_refused_before_it_is_pushed(checkout: Checkout) -> None:
    done = checkout.deploy("--build-option=--platform=linux/s390x", "--yes", "build")
    assert done.returncode == 1
    assert "exec format error" in done.stderr or "no wheels for" in done.stdout + done.stderr


def test_status_says_what_runs(checkout: Checkout) -> None:
    done = checkout.deploy("status")
    assert done.returncode == 0
    assert DIGEST.search(done.stdout)
    assert f"aws_region: {REGION}" in done.stdout
