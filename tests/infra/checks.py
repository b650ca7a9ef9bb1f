"""One function for each mistake that must not be ours. Each returns what is wrong, or nothing."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import yaml

from tests.infra.evidence import ACCOUNT, DEPLOYED, Evidence, decoded, planned

WORKFLOW: Final = ".github/workflows/deploy.yml"
DOCUMENTS: Final = ("README.md", "docs/*.md")
# Everything that may carry out a deployment.
DEPLOYERS: Final = ("deploy/*.py", WORKFLOW)
ANSWER: Final = "bedrock:InvokeModelWithResponseStream"
BEDROCK_ACTIONS: Final = frozenset(
    {ANSWER, "bedrock:CountTokens", "bedrock:ListInferenceProfiles", "bedrock:GetInferenceProfile"}
)

Problems = Iterator[str]


def reserved_names_in_the_environment(seen: Evidence) -> Problems:
    for name in seen.resource("aws_lambda_function")["environment"][0]["variables"]:
        if name.startswith(("AWS_", "LAMBDA_", "_X_AMZN")):
            yield f"{name} is a reserved name: the real Lambda refuses it"


def function_before_its_image(seen: Evidence) -> Problems:
    for kind in ("aws_lambda_function", "aws_lambda_alias", "aws_lambda_function_url", "aws_cloudformation_stack"):
        if planned(seen.bootstrap, kind):
            yield f"the bootstrap makes {kind}, whose image no repository can hold yet"
    if not planned(seen.bootstrap, "aws_ecr_repository"):
        yield "the bootstrap makes no repository"


def tags_move(seen: Evidence) -> Problems:
    if seen.resource("aws_ecr_repository")["image_tag_mutability"] != "IMMUTABLE":
        yield "tags in the repository can move"


def image_by_tag(seen: Evidence) -> Problems:
    if "var.image_digest" not in seen.expressions("aws_lambda_function")["image_uri"]["references"]:
        yield "the function's image is not named by its digest"


def code_updated_outside_terraform(seen: Evidence) -> Problems:
    for name, text in seen.texts(*DEPLOYERS):
        if re.search(r"update-function-code|update_function_code|UpdateFunctionCode", text):
            yield f"{name} changes the function's code behind Terraform's back"


def prevent_destroy(seen: Evidence) -> Problems:
    for name, text in seen.texts("terraform/*.tf"):
        if "prevent_destroy" in text:
            yield f"{name}: prevent_destroy cannot be a variable, and `terraform destroy` fails"
    if "var.ecr_force_delete" not in seen.expressions("aws_ecr_repository")["force_delete"]["references"]:
        yield "the repository's force_delete is not a variable"


def null_provider_not_declared(seen: Evidence) -> Problems:
    for folder in ("terraform", "terraform/local"):
        text = "".join(text for _, text in seen.texts(f"{folder}/*.tf"))
        if "null_resource" in text and not re.search(r'source\s*=\s*"hashicorp/null"', text):
            yield f"{folder} has a null_resource and does not declare its provider"


def docker_context_without_a_dockerfile(seen: Evidence) -> Problems:
    found = re.search(r'docker_context\s*=\s*"([^"]+)"', seen.text("terraform/local/main.tf"))
    if found is None:
        yield "docker_context is no plain path; SAM takes it from terraform/local, and path.root is that folder"
    elif not (seen.folder / "terraform/local" / found[1] / "Dockerfile").is_file():
        yield f"docker_context {found[1]} has no Dockerfile"


def samconfig_without_parameters(seen: Evidence) -> Problems:
    for command, table in tomllib.loads(seen.text("samconfig.toml"))["default"].items():
        if set(table) != {"parameters"}:
            yield f"samconfig.toml: SAM ignores what is under [default.{command}] and not under .parameters"


def start_api_without_a_route(seen: Evidence) -> Problems:
    text = "".join(text for _, text in seen.texts("terraform/local/*.tf"))
    wanted = (
        r'resource "aws_apigatewayv2_route"',
        r'route_key\s*=\s*"\$default"',
        r'integration_type\s*=\s*"AWS_PROXY"',
    )
    if not all(re.search(each, text) for each in wanted):
        yield "terraform/local has no route of API Gateway: SAM serves no Function URL, start-api would have none"


def url_that_buffers(seen: Evidence) -> Problems:
    if seen.resource("aws_lambda_function_url").get("invoke_mode") != "RESPONSE_STREAM":
        yield "the Function URL sends an answer when it is whole"


def adapter_that_buffers(seen: Evidence) -> Problems:
    if not re.search(r"\bAWS_LWA_INVOKE_MODE=response_stream\b", seen.text("Dockerfile")):
        yield "the adapter in the image does not stream"


def timeout_that_cuts_answers(seen: Evidence) -> Problems:
    if seen.resource("aws_lambda_function").get("timeout") != 900:
        yield "the function's timeout is not Lambda's own limit: longer answers are cut in the middle"


def models_of_one_region(seen: Evidence) -> Problems:
    allowed = resources_of(seen, ANSWER)
    if "arn:aws:bedrock:*::foundation-model/anthropic.claude-*" not in allowed:
        yield "Claude may not be called in the regions that a profile routes to"


def profiles_left_out(seen: Evidence) -> Problems:
    allowed = resources_of(seen, ANSWER)
    if f"arn:aws:bedrock:us-west-2:{ACCOUNT}:inference-profile/*" not in allowed:
        yield "system inference profiles may not be called: the newer Claude models are to be had by them alone"
    if not set(DEPLOYED["application_inference_profile_arns"]) <= set(allowed):
        yield "application inference profiles may not be called"


def actions_that_do_not_exist(seen: Evidence) -> Problems:
    for statement in seen.statements():
        for action in statement["actions"]:
            if action.startswith("bedrock:") and action not in BEDROCK_ACTIONS:
                yield f"{action} is not what the gateway's calls need"


def cors_with_credentials(seen: Evidence) -> Problems:
    for rules in seen.resource("aws_lambda_function_url")["cors"]:
        if rules.get("allow_credentials"):
            yield "CORS lets cookies travel; keys travel in headers"
        if "*" in rules["allow_origins"]:
            yield "CORS lets every origin in"
    if any(url["cors"] for url in planned(seen.bootstrap, "aws_lambda_function_url")):
        yield "CORS is on without being asked for"


def url_without_invoke_permission(seen: Evidence) -> Problems:
    grants = list(permissions_by_stack(seen))
    if not any(grant["Action"] == "lambda:InvokeFunction" and grant["Principal"] == "*" for grant in grants):
        yield "nothing grants lambda:InvokeFunction: a URL made since October 2025 answers 403"


def invoke_permission_for_everybody(seen: Evidence) -> Problems:
    for grant in permissions_by_stack(seen):
        if grant["Action"] == "lambda:InvokeFunction" and grant.get("InvokedViaFunctionUrl") is not True:
            yield "lambda:InvokeFunction is not limited to calls through the URL: any AWS account could invoke"
    for grant in seen.resources("aws_lambda_permission"):
        if grant["action"] == "lambda:InvokeFunction" and not grant.get("invoked_via_function_url"):
            yield "aws_lambda_permission grants lambda:InvokeFunction without the condition"


def no_architecture(seen: Evidence) -> Problems:
    if seen.resource("aws_lambda_function").get("architectures") != ["arm64"]:
        yield "the function's architecture is not the variable's: Lambda's default is x86_64"


def image_index_instead_of_an_image(seen: Evidence) -> Problems:
    text = "".join(text for _, text in seen.texts(*DEPLOYERS))
    for option in ("--provenance=false", "--sbom=false"):
        if option not in text:
            yield f"the image is not built with {option}: buildx makes an OCI index, which Lambda refuses"


def lifecycle_expires_what_runs(seen: Evidence) -> Problems:
    for rule in decoded(seen.resource("aws_ecr_lifecycle_policy")["policy"])["rules"]:
        if rule["selection"]["tagStatus"] != "untagged":
            yield "images with a tag expire: the one in use, or the one to go back to"


def log_group_comes_back(seen: Evidence) -> Problems:
    allowed = {action for statement in seen.statements() for action in statement["actions"]}
    if {action for action in allowed if action.startswith("logs:")} != {"logs:CreateLogStream", "logs:PutLogEvents"}:
        yield "the role may do more to logs than write: a destroyed group would come back without retention"
    if seen.resources("aws_iam_role_policy_attachment"):
        yield "the role has a managed policy, which allows more"


def logs_elsewhere(seen: Evidence) -> Problems:
    for logging in seen.resource("aws_lambda_function")["logging_config"]:
        if logging.get("log_group") != seen.resource("aws_cloudwatch_log_group")["name"]:
            yield "the function does not write to the log group that has the retention"


def adapter_prints_keys(seen: Evidence) -> Problems:
    for logging in seen.resource("aws_lambda_function")["logging_config"]:
        if logging.get("application_log_level") != "INFO":
            yield "the adapter's log level follows this one, and on DEBUG it prints every request's key"


def secret_name_stays_taken(seen: Evidence) -> Problems:
    if seen.resource("aws_secretsmanager_secret")["recovery_window_in_days"] != 0:
        yield "after a destroy the secret's name is taken for days, and the next apply fails"


def state_without_a_lock(seen: Evidence) -> Problems:
    text = seen.text("terraform/backend.tf.example")
    if 'backend "s3"' not in text or not re.search(r"use_lockfile\s*=\s*true", text):
        yield "the backend example has no lock"
    if re.search(r"^\s*dynamodb_table", text, re.MULTILINE):
        yield "the backend example locks by DynamoDB, which is deprecated"


def workflow_with_local_state(seen: Evidence) -> Problems:
    if "-backend-config=bucket" not in seen.text(WORKFLOW):
        yield "the workflow has no S3 backend: every runner begins with an empty state"


def deployments_side_by_side(seen: Evidence) -> Problems:
    concurrency = yaml.safe_load(seen.text(WORKFLOW)).get("concurrency")
    if not isinstance(concurrency, dict) or not concurrency.get("group"):
        yield "the workflow has no concurrency group"
    elif concurrency.get("cancel-in-progress"):
        yield "the workflow cancels a deployment in the middle of an apply"


def applied_without_the_plan(seen: Evidence) -> Problems:
    text = "".join(text for _, text in seen.texts(*DEPLOYERS))
    if not re.search(r"[\"' ]-out=", text):
        yield "no plan is written to a file, so that what is applied is not what was shown"


def smoke_of_a_doubled_slash(seen: Evidence) -> Problems:
    if not re.search(r"trimsuffix\([^)]*function_url, \"/\"\)", seen.text("terraform/outputs.tf")):
        yield "the output lambda_function_url ends in a slash: URL/health is another path then"


def clients_with_a_wrong_url(seen: Evidence) -> Problems:
    for name, text in seen.texts(*DOCUMENTS):
        if "ANTHROPIC_API_URL" in text:
            yield f"{name}: clients read ANTHROPIC_BASE_URL"
        if re.search(r"ANTHROPIC_BASE_URL=[\"']?https?://[^\s\"']*(/v1|/)[\"']?(\s|$)", text):
            yield f"{name}: ANTHROPIC_BASE_URL has neither /v1 nor a slash at its end"


def troubleshooting_of_another_policy(seen: Evidence) -> Problems:
    """Ours is inline, so `get-role-policy` is right, and the commands for attached policies show nothing."""
    if seen.resource("aws_iam_role_policy")["name"] != "gateway":
        yield "the role's policy has another name than the documents say"
    for name, text in seen.texts(*DOCUMENTS):
        if re.search(r"list-attached-role-policies|get-policy-version", text):
            yield f"{name}: the role's policy is inline; use aws iam get-role-policy --policy-name gateway"


def no_hard_cap(seen: Evidence) -> Problems:
    if not 0 < seen.resource("aws_lambda_function").get("reserved_concurrent_executions", -1) <= 100:
        yield "nothing caps how much a public URL can cost"


def alarms_left_out(seen: Evidence) -> Problems:
    watched = {alarm["metric_name"] for alarm in seen.resources("aws_cloudwatch_metric_alarm")}
    for metric in ("Errors", "Throttles", "TimeToFirstEvent", "ConcurrentExecutions"):
        if metric not in watched:
            yield f"no alarm watches {metric}"


def facts_of_another_project(seen: Evidence) -> Problems:
    for name, text in seen.texts("Dockerfile", "terraform/*.tf", *DOCUMENTS):
        if found := re.search(r"index\.js|fastify|npm start", text, re.IGNORECASE):
            yield f"{name} speaks of {found[0]}: this is a Python project"


def first_step(seen: Evidence, wanted: str) -> int:
    """The place of the first step of the workflow's deploy that says `wanted`; past the last when there is none."""
    texts = [str(step.get("run", "")) for job in jobs(seen) for step in job["steps"]]
    return next((index for index, text in enumerate(texts) if re.search(wanted, text)), len(texts))


def push_before_the_repository(seen: Evidence) -> Problems:
    bootstrap, push = first_step(seen, "bootstrap"), first_step(seen, r"\bpush\b")
    if bootstrap > push:
        yield "the workflow pushes an image before a bootstrap has made the repository"


def jobs(seen: Evidence) -> list[dict[str, Any]]:
    return list(yaml.safe_load(seen.text(WORKFLOW))["jobs"].values())


def permissions_by_stack(seen: Evidence) -> Iterator[dict[str, Any]]:
    for stack in seen.resources("aws_cloudformation_stack"):
        for resource in decoded(stack["template_body"])["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Permission":
                yield resource["Properties"]


def resources_of(seen: Evidence, action: str) -> list[str]:
    return [arn for each in seen.statements() if action in each["actions"] for arn in each["resources"] or []]
