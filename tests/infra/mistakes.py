"""The mistakes of the deployment plan that this project started from: each with its check and a copy that fails it.

There are twenty-six. An edit is made to a copy of the file and must find its text exactly once, so that a proof cannot
quietly stop proving. `plan` edits share a plan, because one costs ten seconds: `group` says which.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tests.infra import checks
from tests.infra.evidence import Evidence

Check = Callable[[Evidence], Iterator[str]]
# What has to be planned anew: the deployment's plan in one of two copies, the bootstrap's, or nothing.
Group = Literal["first plan", "second plan", "bootstrap", "files"]

MAIN: Final = "terraform/main.tf"
IAM: Final = "terraform/iam.tf"
LOCAL: Final = "terraform/local/main.tf"
DEPLOYERS: Final = "deploy/*.py"


@dataclass(frozen=True, slots=True)
class Edit:
    """`path` may be a pattern, where it does not matter in which file the text stands."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Proof:
    check: Check
    group: Group
    edit: Edit


@dataclass(frozen=True, slots=True)
class Mistake:
    """`why_unseen` is for what no file of the repository can show."""

    name: str
    proofs: tuple[Proof, ...]
    why_unseen: str = ""


def mistake(name: str, *proofs: tuple[Check, Group, str, str, str]) -> Mistake:
    return Mistake(name, tuple(Proof(check, group, Edit(*edit)) for check, group, *edit in proofs))


def end_of(path: str, text: str) -> str:
    """For documents, which others write: their title is all that is sure to stand there once."""
    return f"{path}\n{text}"


MISTAKES: Final[tuple[Mistake, ...]] = (
    mistake(
        "AWS_REGION in the environment",
        (
            checks.reserved_names_in_the_environment,
            "first plan",
            MAIN,
            "LOG_LEVEL  = var.log_level",
            "LOG_LEVEL  = var.log_level\n      AWS_REGION = var.aws_region",
        ),
    ),
    mistake(
        "the function before its image",
        (
            checks.function_before_its_image,
            "bootstrap",
            MAIN,
            'deployed = var.image_digest == "" ? 0 : 1',
            "deployed = 1",
        ),
    ),
    mistake(
        "tags that move",
        (checks.tags_move, "first plan", MAIN, '"IMMUTABLE"', '"MUTABLE"'),
        (checks.image_by_tag, "second plan", MAIN, "repository_url}@${var.image_digest}", "repository_url}:latest"),
        (
            checks.code_updated_outside_terraform,
            "files",
            checks.WORKFLOW,
            "-m deploy plan",
            "-m deploy plan && aws lambda update-function-code",
        ),
    ),
    mistake(
        "prevent_destroy",
        (
            checks.prevent_destroy,
            "files",
            MAIN,
            '  image_tag_mutability = "IMMUTABLE"',
            "  lifecycle {\n    prevent_destroy = true\n  }",
        ),
    ),
    mistake(
        "null_resource without its provider",
        (checks.null_provider_not_declared, "files", "terraform/local/*.tf", '"hashicorp/null"', '"hashicorp/random"'),
    ),
    mistake(
        "docker_context is the Terraform folder",
        (
            checks.docker_context_without_a_dockerfile,
            "files",
            LOCAL,
            'docker_context = "../.."',
            "docker_context = path.root",
        ),
    ),
    mistake(
        "samconfig without .parameters",
        (
            checks.samconfig_without_parameters,
            "files",
            "samconfig.toml",
            "[default.local_start_api.parameters]",
            "[default.local_start_api]",
        ),
    ),
    mistake(
        "start-api without a route",
        (
            checks.start_api_without_a_route,
            "files",
            "terraform/local/*.tf",
            'route_key = "$default"',
            'route_key = "GET /"',
        ),
    ),
    mistake(
        "a URL that buffers",
        (checks.url_that_buffers, "first plan", MAIN, '"RESPONSE_STREAM"', '"BUFFERED"'),
        (
            checks.adapter_that_buffers,
            "files",
            "Dockerfile",
            "AWS_LWA_INVOKE_MODE=response_stream",
            "AWS_LWA_INVOKE_MODE=buffered",
        ),
    ),
    mistake(
        "a timeout of 30 s",
        (
            checks.timeout_that_cuts_answers,
            "first plan",
            MAIN,
            "timeout       = var.timeout_seconds",
            "timeout       = 30",
        ),
    ),
    mistake(
        "IAM for this region's models only",
        (checks.models_of_one_region, "first plan", IAM, "bedrock}:${pair[0]}::", "bedrock}:${var.aws_region}::"),
        (checks.profiles_left_out, "second plan", IAM, "      local.system_profile_arns,\n", ""),
        (checks.actions_that_do_not_exist, "first plan", IAM, '["bedrock:CountTokens"]', '["bedrock:Converse"]'),
    ),
    mistake(
        "CORS with credentials",
        (
            checks.cors_with_credentials,
            "second plan",
            MAIN,
            "max_age        = 3600",
            "max_age        = 3600\n      allow_credentials = true",
        ),
    ),
    mistake(
        "no permission to invoke",
        (
            checks.url_without_invoke_permission,
            "second plan",
            MAIN,
            '"lambda:InvokeFunction"',
            '"lambda:InvokeFunctionUrl"',
        ),
        (checks.invoke_permission_for_everybody, "first plan", MAIN, "InvokedViaFunctionUrl = true", "# nothing"),
    ),
    mistake(
        "no architecture",
        (
            checks.no_architecture,
            "first plan",
            MAIN,
            "architectures = [var.architecture]",
            'architectures = ["x86_64"]',
        ),
    ),
    mistake(
        "an image index with attestations",
        (checks.image_index_instead_of_an_image, "files", DEPLOYERS, '"--provenance=false"', '"--provenance=true"'),
    ),
    mistake(
        "a lifecycle that expires what runs",
        (checks.lifecycle_expires_what_runs, "first plan", MAIN, '"untagged"', '"any"'),
    ),
    mistake(
        "AWSLambdaBasicExecutionRole",
        (
            checks.log_group_comes_back,
            "first plan",
            IAM,
            '["logs:CreateLogStream", "logs',
            '["logs:CreateLogGroup", "logs',
        ),
        (
            checks.logs_elsewhere,
            "second plan",
            MAIN,
            "aws_cloudwatch_log_group.gateway.name\n",
            '"/aws/lambda/other"\n',
        ),
        (
            checks.adapter_prints_keys,
            "second plan",
            MAIN,
            'application_log_level = "INFO"',
            'application_log_level = "DEBUG"',
        ),
    ),
    mistake(
        "a secret's name that stays taken",
        (
            checks.secret_name_stays_taken,
            "first plan",
            "terraform/secrets.tf",
            "= var.secret_recovery_days",
            "= 7",
        ),
    ),
    mistake(
        "local state in the workflow",
        (
            checks.state_without_a_lock,
            "files",
            "terraform/backend.tf.example",
            "use_lockfile = true",
            'dynamodb_table = "locks"',
        ),
        (checks.workflow_with_local_state, "files", checks.WORKFLOW, "-backend-config=bucket", "-reconfigure"),
    ),
    mistake(
        "plan and apply as two runs",
        (checks.deployments_side_by_side, "files", checks.WORKFLOW, "\nconcurrency:", "\nnot_concurrency:"),
        (checks.applied_without_the_plan, "files", DEPLOYERS, "-out=", "-no-color="),
    ),
    mistake(
        "a push before the repository",
        (checks.push_before_the_repository, "files", checks.WORKFLOW, "-m deploy bootstrap", "-m deploy status"),
    ),
    mistake(
        "clients with a wrong URL",
        (
            checks.clients_with_a_wrong_url,
            "files",
            "README.md",
            "# chatrix\n",
            end_of("# chatrix", "    export ANTHROPIC_BASE_URL=https://example.com/v1\n"),
        ),
    ),
    mistake(
        "a doubled slash",
        (
            checks.smoke_of_a_doubled_slash,
            "files",
            "terraform/outputs.tf",
            'trimsuffix(url.function_url, "/")',
            "url.function_url",
        ),
    ),
    mistake(
        "troubleshooting of another policy",
        (
            checks.troubleshooting_of_another_policy,
            "files",
            "README.md",
            "# chatrix\n",
            end_of("# chatrix", "    aws iam list-attached-role-policies --role-name chatrix\n"),
        ),
    ),
    mistake(
        "no hard cap and no alarms",
        (
            checks.no_hard_cap,
            "first plan",
            MAIN,
            "reserved_concurrent_executions = var.reserved_concurrency",
            "reserved_concurrent_executions = -1",
        ),
        (
            checks.alarms_left_out,
            "second plan",
            "terraform/observability.tf",
            'metric      = "TimeToFirstEvent"',
            'metric      = "Duration"',
        ),
    ),
    mistake(
        "facts of a Node project",
        (
            checks.facts_of_another_project,
            "files",
            "README.md",
            "# chatrix\n",
            end_of("# chatrix", "Start it with npm start.\n"),
        ),
    ),
)
ROWS_OF_THE_FIRST_PLAN: Final = 26
