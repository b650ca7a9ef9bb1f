"""The role may do what the gateway's code calls, on what it calls it on, and nothing else."""

import ast
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.session import get_session

from gateway.catalog import MODELS
from tests.infra.evidence import ACCOUNT, DEPLOYED, NAME, Evidence, decoded, planned
from tests.infra.terraform import REPOSITORY, ROOT, Terraform, copy_root

GATEWAY: Final = REPOSITORY / "gateway"
# The action that AWS asks for, where it is not the operation's name.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
ACTIONS: Final = {
    "ConverseStream": "bedrock:InvokeModelWithResponseStream",
    "CountTokens": "bedrock:CountTokens",
    "ListInferenceProfiles": "bedrock:ListInferenceProfiles",
    "GetInferenceProfile": "bedrock:GetInferenceProfile",
    "GetSecretValue": "secretsmanager:GetSecretValue",
}
# Lambda's, for what the process prints.
LOGGING: Final = {"logs:CreateLogStream", "logs:PutLogEvents"}
SERVICES: Final = ("bedrock-runtime", "bedrock", "secretsmanager")
PROFILE: Final = DEPLOYED["application_inference_profile_arns"][0]


def operations_by_method(services: tuple[str, ...]) -> dict[str, str]:
    """`get_secret_value` to `GetSecretValue`, for all operations of the services."""
    session = get_session()
    session.set_credentials("test", "test")
    found: dict[str, str] = {}
    for service in services:
        client = session.create_client(service, region_name="us-west-2")
        found |= client.meta.method_to_api_mapping
    return found


def called() -> set[str]:
    """The operations whose method names gateway/ uses. The simulator answers, and calls none."""
    methods = operations_by_method(SERVICES)
    found = set()
    for path in sorted(GATEWAY.rglob("*.py")):
        if "simulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
            if isinstance(name, str) and name in methods and is_a_call(path, name):
                found.add(methods[name])
    return found


def is_a_call(path: Path, name: str) -> bool:
    """`converse_stream` is a method of ours too; it is the client's own where `_client` or `_call` stands before it."""
    text = path.read_text()
    return f"client.{name}(" in text or f'_call("{name}"' in text


def allowed(seen: Evidence) -> dict[str, list[str]]:
    return {action: each["resources"] or [] for each in seen.statements() for action in each["actions"]}


def test_the_code_calls_what_the_table_says() -> None:
    assert called() == set(ACTIONS)


def test_the_role_may_do_exactly_that_and_write_its_logs(evidence: Evidence) -> None:
    assert set(allowed(evidence)) == set(ACTIONS.values()) | LOGGING


def test_only_an_action_without_resources_is_allowed_on_everything(evidence: Evidence) -> None:
    for action, resources in allowed(evidence).items():
        assert ("*" in resources) == (action == "bedrock:ListInferenceProfiles"), action


def test_nothing_is_denied_negated_or_matched_by_a_wildcard_action(evidence: Evidence) -> None:
    for statement in evidence.statements():
        assert statement["effect"] in (None, "Allow")
        assert not statement.get("not_actions")
        assert not statement.get("not_resources")
        assert not [action for action in statement["actions"] if "*" in action]


def test_every_model_of_the_catalog_may_answer_in_any_region_and_be_counted_in_ours(evidence: Evidence) -> None:
    answer, count = allowed(evidence)["bedrock:InvokeModelWithResponseStream"], allowed(evidence)["bedrock:CountTokens"]
    for model in MODELS:
        for region in ("us-west-2", "eu-central-1", ""):  # global profiles name the region as empty
            arn = f"arn:aws:bedrock:{region}::foundation-model/{model.model_id}"
            assert any(fnmatchcase(arn, pattern) for pattern in answer), arn
        counted = f"arn:aws:bedrock:us-west-2::foundation-model/{model.model_id}"
        assert any(fnmatchcase(counted, pattern) for pattern in count), counted


def test_profiles_of_this_account_and_region_and_the_named_ones_may_answer(evidence: Evidence) -> None:
    answer = allowed(evidence)["bedrock:InvokeModelWithResponseStream"]
    assert f"arn:aws:bedrock:us-west-2:{ACCOUNT}:inference-profile/*" in answer
    assert PROFILE in answer
    assert allowed(evidence)["bedrock:GetInferenceProfile"] == [PROFILE]
    assert not [arn for arn in answer if ":application-inference-profile/" in arn and arn != PROFILE]


def test_what_is_not_configured_is_not_allowed(on_moto: Terraform) -> None:
    bare = on_moto.plan(inference_regions=["eu-west-1"], foundation_models=["anthropic.claude-*"])
    allowed_here = allowed(Evidence(bare, bare, REPOSITORY))
    assert "bedrock:GetInferenceProfile" not in allowed_here
    assert "bedrock:ApplyGuardrail" not in allowed_here
    assert "kms:Decrypt" not in allowed_here
    assert [arn for arn in allowed_here["bedrock:InvokeModelWithResponseStream"] if "foundation-model" in arn] == [
        "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-*"
    ]


def test_a_guardrail_and_a_key_of_ones_own_are_allowed_when_they_are_named(on_moto: Terraform) -> None:
    guardrail = f"arn:aws:bedrock:us-west-2:{ACCOUNT}:guardrail/abc"
    key = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/0a1b2c3d"
    plan = on_moto.plan(guardrail_arns=[guardrail], kms_key_arn=key)
    statements = Evidence(plan, plan, REPOSITORY).statements()
    by_sid = {each["sid"]: each for each in statements}
    assert by_sid["ApplyGuardrails"]["resources"] == [guardrail]
    assert by_sid["DecryptKeys"]["resources"] == [key]
    assert by_sid["DecryptKeys"]["condition"][0]["values"] == ["secretsmanager.us-west-2.amazonaws.com"]


def test_only_lambda_of_this_account_takes_the_role_and_pulls_the_image(evidence: Evidence) -> None:
    (role,) = planned(evidence.plan, "aws_iam_role")
    (trust,) = decoded(role["assume_role_policy"])["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    (repository,) = planned(evidence.plan, "aws_ecr_repository_policy")
    (pull,) = decoded(repository["policy"])["Statement"]
    function = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:{NAME}"
    assert pull["Condition"] == {"ArnLike": {"aws:SourceArn": [function, f"{function}:*"]}}
    assert pull["Action"] == ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]


@pytest.fixture(scope="module")
def github(initialised: Terraform, moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """With a provider that is there already, everything is known before the apply."""
    folder = copy_root(ROOT / "github", tmp_path_factory.mktemp("github") / "role")
    terraform = Terraform(initialised.binary, folder, {**initialised.environment, "AWS_ENDPOINT_URL": moto_url})
    terraform.init()
    issuer = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    return terraform.plan(github_repository="acme/chatrix", state_bucket="acme", oidc_provider_arn=issuer)


def test_githubs_role_is_for_one_environment_of_one_repository(github: dict[str, Any]) -> None:
    (role,) = planned(github, "aws_iam_role")
    (trust,) = decoded(role["assume_role_policy"])["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:acme/chatrix:environment:production",
        }
    }


def test_githubs_role_names_its_actions_deletes_nothing_that_matters_and_fits(github: dict[str, Any]) -> None:
    (inline,) = planned(github, "aws_iam_role_policy")
    policy = inline["policy"]
    assert len(policy) < 10_240  # what IAM takes for all inline policies of a role
    actions = {action for each in decoded(policy)["Statement"] for action in as_list(each["Action"])}
    assert not [action for action in actions if "*" in action]
    lost = {"ecr:DeleteRepository", "iam:DeleteRole", "lambda:DeleteFunction", "secretsmanager:DeleteSecret"}
    assert not actions & lost
    everywhere = [each["Action"] for each in decoded(policy)["Statement"] if each["Resource"] == "*"]
    assert everywhere == ["ecr:GetAuthorizationToken"]


def test_githubs_role_may_do_what_the_deployment_program_calls(github: dict[str, Any]) -> None:
    (inline,) = planned(github, "aws_iam_role_policy")
    allowed_here = {action for each in decoded(inline["policy"])["Statement"] for action in as_list(each["Action"])}
    text = "".join(path.read_text() for path in sorted((REPOSITORY / "deploy").glob("*.py")))
    needed = set()
    for service in ("ecr", "lambda", "secretsmanager"):
        for method, operation in operations_by_method((service,)).items():
            if re.search(rf"\.{method}\(|paginator\(\"{method}\"\)", text):
                needed.add(f"{service}:{operation}")
    assert {"ecr:GetAuthorizationToken", "secretsmanager:PutSecretValue", "lambda:GetAlias"} <= needed
    assert needed <= allowed_here


def as_list(value: str | list[str]) -> list[str]:
    """A policy's list of one is written without its brackets."""
    return [value] if isinstance(value, str) else value
