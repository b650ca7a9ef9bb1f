"""`sam build`: what the hook reads out of Terraform's plan, and the image that comes of it."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.image.build import build
from tests.image.engine import host_architecture
from tests.sam.conftest import Built, Machine
from tests.sam.installation import ROOT
from tests.sam.project import Project

FUNCTION: Final = "aws_lambda_function.gateway"
# What only the run under SAM has.
LOCAL_VARIABLES: Final = {"AWS_LWA_INVOKE_MODE"}
PLAN_SECONDS: Final = 60


def environment(project: Project) -> dict[str, Any]:
    variables: dict[str, Any] = project.metadata()[FUNCTION]["Properties"]["Environment"]["Variables"]
    return variables


def test_the_hook_finds_the_function_and_how_to_build_it(built: Built, say: Callable[[str], None]) -> None:
    say(f"sam build, with the hook: {built.seconds:.0f} s")
    function = built.project.metadata()[FUNCTION]
    assert function["Properties"]["PackageType"] == "Image"
    assert function["Properties"]["Timeout"] == 900
    assert function["Metadata"]["DockerContext"] == str(built.project.root)
    assert function["Metadata"]["Dockerfile"] == "Dockerfile"
    assert function["Metadata"]["DockerBuildArgs"]["RUN_AS"] == "0"
    assert "Running Prepare Hook" in built.log


def test_the_hook_finds_the_route_that_start_api_serves(built: Built) -> None:
    resources = built.project.metadata()
    assert resources["aws_apigatewayv2_route.everything"]["Properties"]["RouteKey"] == "$default"
    assert resources["aws_apigatewayv2_integration.gateway"]["Properties"]["PayloadFormatVersion"] == "2.0"


def test_the_function_has_the_variables_of_the_deployed_one_and_is_buffered(built: Built) -> None:
    deployed = (ROOT / "terraform/main.tf").read_text(encoding="utf-8")
    block = re.search(r"environment \{\s+variables = merge\(var\.environment, \{(.*?)\}\)", deployed, re.DOTALL)
    assert block, "terraform/main.tf no longer sets the environment as it did: look at this test and at terraform/local"
    names = set(re.findall(r"^\s+(\w+) +=", block[1], re.MULTILINE))
    assert set(environment(built.project)) == names | LOCAL_VARIABLES
    assert environment(built.project)["AWS_LWA_INVOKE_MODE"] == "buffered"


def test_the_image_is_that_of_the_dockerfile_for_root(built: Built, machine: Machine) -> None:
    template = (built.project.folder / ".aws-sam/build/template.yaml").read_text(encoding="utf-8")
    name = re.search(r"ImageUri: (\S+)", template)
    assert name, "sam build has not written an ImageUri"
    config = json.loads(machine.engine.podman("image", "inspect", name[1]).stdout)[0]["Config"]
    assert config["Labels"]["org.opencontainers.image.title"] == "chatrix"
    assert config["Cmd"] == ["python", "-m", "gateway", "serve"]
    assert config["User"] == "0:0"


def test_the_image_for_root_is_not_taken_for_the_one_that_is_deployed(built: Built, machine: Machine) -> None:
    """buildah 1.28 overlooks build arguments in its cache: see RUN_AS in the Dockerfile.

    It reuses layers of one format only, and through Docker's protocol that is Docker's.
    """
    name, platform = "localhost/chatrix-test/built-after-sam", f"linux/{host_architecture()}"
    deployed = build(machine.engine, machine.images, tag=name, platform=platform, options=("--format=docker",))
    assert "Using cache" in deployed.log
    assert deployed.config["User"] == "65532:65532"


@pytest.mark.parametrize("bedrock", ["nonsense", "http://127.0.0.1:3001/path"])
def test_a_bedrock_that_makes_no_sense_is_refused_by_name(built: Built, bedrock: str) -> None:
    done = terraform_plan(built.project, TF_VAR_bedrock=bedrock)
    assert done.returncode != 0
    assert "bedrock must be simulator, aws, or a URL" in " ".join(done.stderr.replace("│", "").split())


def test_for_aws_the_image_starts_as_it_is_deployed(built: Built) -> None:
    done = terraform_plan(built.project, TF_VAR_bedrock="aws")
    assert done.returncode == 0, done.stderr
    assert "AWS_LWA_INVOKE_MODE" in done.stdout
    assert "AWS_ENDPOINT_URL" not in done.stdout
    assert "--simulate" not in done.stdout


def terraform_plan(project: Project, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["terraform", "plan", "-no-color", "-input=false"],
        cwd=project.folder,
        env={**project.environment, **variables},
        capture_output=True,
        text=True,
        timeout=PLAN_SECONDS,
        check=False,
    )
