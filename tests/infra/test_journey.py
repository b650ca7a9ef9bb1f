"""A deployment's life against moto's server: bootstrap, first image, update, roll back, destroy.

moto checks that the image is in its ECR, and keeps what it was told; it enforces no IAM, no CORS and no streaming. The
tests build on each other, in this order, as a person's commands do.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import boto3
import pytest

from tests.infra.conftest import copy_of
from tests.infra.terraform import Terraform, TerraformFailed

REGION: Final = "us-west-2"
SETTINGS: Final = {"aws_region": REGION, "alarm_emails": ["you@example.com"], "environment": {"CHATRIX_STRICT": "1"}}
Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def deployment(on_moto: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    return replace(copy_of(on_moto, tmp_path_factory.mktemp("roots") / "applied"), variables=SETTINGS)


@pytest.fixture(scope="module")
def client(moto_url: str) -> Client:
    def open_client(service: str) -> Any:
        return boto3.client(
            service, region_name=REGION, endpoint_url=moto_url, aws_access_key_id="t", aws_secret_access_key="t"
        )

    return open_client


def push(client: Client, tag: str) -> str:
    """The digest of an image that `docker push` would have put into the repository."""
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"digest": f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}", "size": 1},
            "layers": [],
        }
    )
    digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    client("ecr").put_image(repositoryName="chatrix", imageManifest=manifest, imageTag=tag, imageDigest=digest)
    return digest


def running(client: Client) -> tuple[str, str]:
    """The version behind the alias, and the digest of its image."""
    version = client("lambda").get_alias(FunctionName="chatrix", Name="live")["FunctionVersion"]
    code = client("lambda").get_function(FunctionName="chatrix", Qualifier=version)["Code"]
    return version, code["ImageUri"].partition("@")[2]


def test_bootstrap_makes_all_but_the_function_and_leaves_nothing_to_do(deployment: Terraform, client: Client) -> None:
    deployment.apply()
    assert deployment.would_change() == ""
    assert client("lambda").list_functions()["Functions"] == []
    outputs = deployment.outputs()
    assert outputs["lambda_function_url"] == ""
    assert outputs["ecr_repository_url"].endswith(f".dkr.ecr.{REGION}.amazonaws.com/chatrix")


def test_an_image_that_is_nowhere_cannot_come_first(deployment: Terraform) -> None:
    """Which is what one apply of repository and function together would be."""
    with pytest.raises(TerraformFailed, match="ImageNotFoundException"):
        deployment.apply(image_digest=f"sha256:{'0' * 64}")


def test_the_secret_has_no_value_and_the_state_knows_none(deployment: Terraform, client: Client) -> None:
    secret = client("secretsmanager").describe_secret(SecretId="prod/chatrix/api-key")
    assert not secret.get("VersionIdsToStages")
    resources = deployment.state()["resources"]
    assert not [each for each in resources if each["type"] == "aws_secretsmanager_secret_version"]


def test_the_first_image_makes_the_function_behind_its_url(deployment: Terraform, client: Client) -> None:
    digest = push(client, "first")
    deployment.apply(image_digest=digest)
    assert running(client) == ("1", digest)
    assert deployment.would_change(image_digest=digest) == ""
    url = client("lambda").get_function_url_config(FunctionName="chatrix", Qualifier="live")
    assert (url["InvokeMode"], url["AuthType"]) == ("RESPONSE_STREAM", "NONE")
    outputs = deployment.outputs()
    assert outputs["lambda_function_url"] == url["FunctionUrl"].rstrip("/")
    assert outputs["image_digest"] == digest


def test_the_url_has_both_permissions_and_the_second_is_for_calls_through_it(client: Client) -> None:
    policy = json.loads(client("lambda").get_policy(FunctionName="chatrix", Qualifier="live")["Policy"])
    statements = {each["Action"]: each for each in policy["Statement"]}
    assert set(statements) == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    assert statements["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "NONE"
    assert statements["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True
    assert statements["lambda:InvokeFunction"]["FunctionName"].endswith(":function:chatrix:live")


def test_the_function_has_what_was_asked_for(client: Client) -> None:
    function = client("lambda").get_function(FunctionName="chatrix")
    configuration = function["Configuration"]
    assert configuration["Environment"]["Variables"] == {
        "CHATRIX_STRICT": "1",
        "LOG_LEVEL": "INFO",
        "SecretName": "prod/chatrix/api-key",
    }
    assert configuration["Architectures"] == ["arm64"]
    assert configuration["Timeout"] == 900
    assert function["Concurrency"] == {"ReservedConcurrentExecutions": 10}


def test_an_update_moves_the_alias_and_going_back_is_the_digest_from_before(
    deployment: Terraform, client: Client
) -> None:
    first = deployment.outputs()["image_digest"]
    second = push(client, "second")
    deployment.apply(image_digest=second)
    assert running(client) == ("2", second)
    assert deployment.would_change(image_digest=second) == ""
    deployment.apply(image_digest=first)
    assert running(client) == ("3", first)


def test_destroy_stops_at_a_repository_with_images_until_told_otherwise(deployment: Terraform, client: Client) -> None:
    images = client("ecr").describe_images(repositoryName="chatrix")["imageDetails"]
    digest = deployment.outputs()["image_digest"]
    assert len(images) == 2
    deployment.apply(image_digest=digest, ecr_force_delete=True)
    deployment.destroy(image_digest=digest, ecr_force_delete=True)
    assert deployment.state()["resources"] == []
    assert remains(client) == []


def remains(client: Client) -> list[str]:
    """Whatever still bears our name, asked of the services themselves and not of the state."""
    names = [
        *(each["FunctionName"] for each in client("lambda").list_functions()["Functions"]),
        *(each["repositoryName"] for each in client("ecr").describe_repositories()["repositories"]),
        *(each["Name"] for each in client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"]),
        *(each["RoleName"] for each in client("iam").list_roles()["Roles"]),
        *(each["logGroupName"] for each in client("logs").describe_log_groups()["logGroups"]),
        *(each["AlarmName"] for each in client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(each["DashboardName"] for each in client("cloudwatch").list_dashboards()["DashboardEntries"]),
        *(each["TopicArn"] for each in client("sns").list_topics()["Topics"]),
        *(each["StackName"] for each in client("cloudformation").list_stacks()["StackSummaries"] if alive(each)),
        *(each["BudgetName"] for each in client("budgets").describe_budgets(AccountId="123456789012")["Budgets"]),
    ]
    return [name for name in names if "chatrix" in name]


def alive(stack: dict[str, Any]) -> bool:
    return bool(stack["StackStatus"] != "DELETE_COMPLETE")
