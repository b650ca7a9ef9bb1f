"""The GitHub workflows: nothing here can run them, and one bad line hands out the account or leaves half a deployment.

Each rule yields what is wrong. It finds nothing in the real files, and it must find something in a copy with one
mistake, so that there is no rule that cannot fail.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.__main__ import COMMANDS, FAILED, main

ROOT: Final = Path(__file__).parent.parent
CI: Final = ".github/workflows/ci.yml"
DEPLOY: Final = ".github/workflows/deploy.yml"
LONGEST_MINUTES: Final = 30
# The only secret that GitHub keeps for us: AWS is reached without one.
SECRETS: Final = {"CHATRIX_API_KEY"}
EXACT_VERSION: Final = re.compile(r"[\w-]+/[\w./-]+@v\d+\.\d+\.\d+")
EXPRESSION: Final = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
LONG_LIVED: Final = re.compile(r"aws[-_]secret[-_]access[-_]key|aws[-_]access[-_]key[-_]id", re.IGNORECASE)
DEPLOYMENT: Final = ("bootstrap", "build", "push", "plan", "apply", "secret", "smoke")

Step = Mapping[str, Any]
Problems = Iterator[str]


@dataclass(frozen=True, slots=True)
class Workflow:
    name: str
    text: str

    @property
    def content(self) -> dict[Any, Any]:
        return parsed(self.text)

    @property
    def triggers(self) -> dict[str, Any]:
        return dict(self.content[True])  # YAML 1.1, which PyYAML speaks, takes `on` for a truth value

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        return dict(self.content["jobs"])

    @property
    def deploys(self) -> bool:
        return any("environment" in job for job in self.jobs.values())

    def steps(self) -> Iterator[tuple[str, Step]]:
        for name, job in self.jobs.items():
            for step in job["steps"]:
                yield name, step

    def scripts(self) -> Iterator[str]:
        """What is run. With a matrix: once for each of its values."""
        for name, step in self.steps():
            yield from with_each_value(str(step.get("run", "")), self.jobs[name].get("strategy", {}).get("matrix", {}))

    def actions(self, name: str) -> Iterator[Step]:
        for _, step in self.steps():
            if str(step.get("uses", "")).startswith(f"{name}@"):
                yield step


@cache  # PyYAML takes its time
def parsed(text: str) -> dict[Any, Any]:
    return dict(yaml.safe_load(text))


def with_each_value(script: str, matrix: Mapping[str, Any]) -> Iterator[str]:
    used = [name for name in matrix if f"matrix.{name}" in script]
    if not used:
        yield script
        return
    (name,) = used
    for value in matrix[name]:
        yield script.replace(f"${{{{ matrix.{name} }}}}", str(value))


def read(name: str) -> Workflow:
    return Workflow(name, (ROOT / name).read_text())


def deploy_calls(script: str) -> Iterator[list[str]]:
    """The words after `python -m deploy`, for each time that it is called."""
    for line in script.splitlines():
        if found := re.search(r"python -m deploy( .*)?$", re.sub(r"\s*>\s*\S+$", "", line)):
            yield shlex.split(found[1] or "")


def command_of(step: Step) -> str:
    """Which part of a deployment the step is; empty: none."""
    words = [word for call in deploy_calls(str(step.get("run", ""))) for word in call]
    return next((word for word in words if word in COMMANDS), "")


# --- the rules of every workflow


def more_rights_than_needed(workflow: Workflow) -> Problems:
    if workflow.content.get("permissions") != {"contents": "read"}:
        yield "the workflow may do more than read this repository, or does not say what it may do"
    for name, job in workflow.jobs.items():
        wanted = {"contents": "read", "id-token": "write"} if "environment" in job else {"contents": "read"}
        if job.get("permissions", {"contents": "read"}) != wanted:
            yield f"job {name}: a token for AWS is for the job in the environment, and nothing else is wanted"


def others_start_it(workflow: Workflow) -> Problems:
    for trigger in workflow.triggers:
        if trigger in ("pull_request_target", "workflow_run", "issue_comment"):
            yield f"`{trigger}` runs with this repository's rights for what others wrote"
    if "secrets." in workflow.text and set(workflow.triggers) - {"push", "workflow_dispatch"}:
        yield "a workflow with secrets runs for something else than main"
    if workflow.triggers["push"].get("branches") != ["main"]:
        yield "it runs for other branches than main"


def side_by_side(workflow: Workflow) -> Problems:
    concurrency = workflow.content.get("concurrency", {})
    if not concurrency.get("group"):
        yield "there is no concurrency group"
    if workflow.deploys and concurrency.get("cancel-in-progress") is not False:
        yield "a deployment is cut off when the next one comes"
    if workflow.deploys and "${{" in str(concurrency.get("group")):
        yield "there is more than one group: two deployments could meet"


def actions_that_move(workflow: Workflow) -> Problems:
    for _, step in workflow.steps():
        if "uses" in step and not EXACT_VERSION.fullmatch(step["uses"]):
            yield f"{step['uses']} is not an exact version"


def keys_that_stay(workflow: Workflow) -> Problems:
    if LONG_LIVED.search(workflow.text):
        yield "AWS is reached by a key that lives on, instead of by OIDC"
    for name in set(re.findall(r"secrets\.(\w+)", workflow.text)) - SECRETS:
        yield f"a further secret: {name}"


def values_in_scripts(workflow: Workflow) -> Problems:
    """GitHub puts a value into the script before a shell reads it: whoever chooses the value writes the script."""
    for name, step in workflow.steps():
        for expression in EXPRESSION.findall(str(step.get("run", ""))):
            if not re.fullmatch(r"\s*matrix\.\w+( == '\w+' && '\w+' \|\| '\w+')?\s*", expression):
                yield f"job {name}: `{expression.strip()}` in a script; hand it over by `env`"


def jobs_without_an_end(workflow: Workflow) -> Problems:
    for name, job in workflow.jobs.items():
        if not 0 < job.get("timeout-minutes", 0) <= LONGEST_MINUTES:
            yield f"job {name} may run longer than {LONGEST_MINUTES} minutes"


def token_left_behind(workflow: Workflow) -> Problems:
    for step in workflow.actions("actions/checkout"):
        if step.get("with", {}).get("persist-credentials") is not False:
            yield "the checkout leaves GitHub's token where every later program can read it"


def terraform_in_a_wrapper(workflow: Workflow) -> Problems:
    for step in workflow.actions("hashicorp/setup-terraform"):
        if step["with"].get("terraform_wrapper") is not False:
            yield "the wrapper around terraform swallows exit codes and outputs"
        if not re.fullmatch(r"\d+\.\d+\.\d+", str(step["with"].get("terraform_version"))):
            yield "terraform's version is not exact"


def targets_that_do_not_exist(workflow: Workflow) -> Problems:
    targets = set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {name for script in workflow.scripts() for name in re.findall(r"\bmake (\S+)", script)}
    yield from (f"there is no `make {name}`" for name in called - targets)


# --- the rules of the deployment


def out_of_order(workflow: Workflow) -> Problems:
    steps = workflow.jobs["deploy"]["steps"]
    order = [command for step in steps if (command := command_of(step)) in DEPLOYMENT]
    if order != list(DEPLOYMENT):
        yield f"the steps are {order}, and not {list(DEPLOYMENT)}, each once"


def applied_is_not_what_was_planned(workflow: Workflow) -> Problems:
    steps = [command_of(step) for step in workflow.jobs["deploy"]["steps"]]
    if ("plan", "apply") not in pairwise(steps):
        yield "something comes between the plan and its apply"
    if re.search(r"terraform (-\S+ )*(plan|apply|destroy)\b|-auto-approve", workflow.text):
        yield "terraform is called past `python -m deploy`, which applies only the plan that it wrote"


def everybody_can_deploy(workflow: Workflow) -> Problems:
    trusted = default_of("github_environment")
    for name, job in workflow.jobs.items():
        if job.get("permissions", {}).get("id-token") == "write" and job.get("environment") != trusted:
            yield f"job {name} gets a token outside of the environment `{trusted}`, which alone the role trusts"
    roles = [step["with"].get("role-to-assume") for step in workflow.actions("aws-actions/configure-aws-credentials")]
    if roles != ["${{ vars.AWS_ROLE_ARN }}"]:
        yield "the role is not taken on once"


def default_of(variable: str) -> str:
    """What terraform/github gives the role, unless somebody says otherwise."""
    text = (ROOT / "terraform/github/variables.tf").read_text()
    found = re.search(rf'variable "{variable}" {{.*?default\s+= "([^"]*)"', text, re.DOTALL)
    assert found, f"terraform/github has no default for {variable}"
    return found[1]


def untested(workflow: Workflow) -> Problems:
    if workflow.jobs["deploy"].get("needs") != "check":
        yield "what is deployed has passed no test"
    if not {"!failure()", "!cancelled()"} <= set(re.findall(r"!\w+\(\)", workflow.jobs["deploy"]["if"])):
        yield "a test that failed stops nothing, or a rollback, which has none, is skipped"


def state_of_its_own(workflow: Workflow) -> Problems:
    """Every runner would begin with an empty state, and make everything anew."""
    steps = workflow.jobs["deploy"]["steps"]
    scripts = [str(step.get("run", "")) for step in steps]
    first = next(at for at, step in enumerate(steps) if command_of(step))
    if not any("cp terraform/backend.tf.example terraform/backend.tf\n" in script for script in scripts[:first]):
        yield "the backend is not there before the first step that reads the state"
    arguments = str(workflow.jobs["deploy"].get("env", {}).get("TF_CLI_ARGS_init"))
    for setting in ("bucket=${{ vars.TF_STATE_BUCKET }}", f"key={default_of('state_key')}", "region="):
        if f"-backend-config={setting}" not in arguments:
            yield f"the backend is not told its {setting.partition('=')[0]}, or another one than the role may use"


def key_in_the_log(workflow: Workflow) -> Problems:
    for script in workflow.scripts():
        if re.search(r"deploy secret(?! > /dev/null$)", script):
            yield "a new API key is printed into a log that others read"


def rollback_builds(workflow: Workflow) -> Problems:
    """It is one or the other."""
    commands = {command_of(step): step.get("if") for step in workflow.jobs["deploy"]["steps"]}
    for command in ("build", "push", "plan", "apply"):
        if commands.get(command) != "inputs.image_digest == ''":
            yield f"a rollback also does `{command}`"
    if commands.get("rollback") != "inputs.image_digest != ''":
        yield "nothing rolls back, or every deployment does"


RULES_OF_EVERY_WORKFLOW: Final = (
    more_rights_than_needed,
    others_start_it,
    side_by_side,
    actions_that_move,
    keys_that_stay,
    values_in_scripts,
    jobs_without_an_end,
    token_left_behind,
    terraform_in_a_wrapper,
    targets_that_do_not_exist,
)
RULES_OF_THE_DEPLOYMENT: Final = (
    out_of_order,
    applied_is_not_what_was_planned,
    everybody_can_deploy,
    untested,
    state_of_its_own,
    key_in_the_log,
    rollback_builds,
)

Rule = Callable[[Workflow], Problems]
RULES: Final[tuple[tuple[Rule, str], ...]] = (
    *((rule, name) for rule in RULES_OF_EVERY_WORKFLOW for name in (CI, DEPLOY)),
    *((rule, DEPLOY) for rule in RULES_OF_THE_DEPLOYMENT),
)

PLAN: Final = (
    "      - name: Plan\n        if: inputs.image_digest == ''\n        run: .venv/bin/python -m deploy plan\n"
)
PUSH: Final = (
    "      - name: Push it under its commit\n        if: inputs.image_digest == ''\n"
    "        run: .venv/bin/python -m deploy push\n"
)
# A rule, the file, a text in it, and the mistake in its place.
MISTAKES: Final[tuple[tuple[Rule, str, str, str], ...]] = (
    (more_rights_than_needed, CI, "permissions:\n  contents: read\n", ""),
    (more_rights_than_needed, CI, "permissions:\n  contents: read\n", "permissions: write-all\n"),
    (more_rights_than_needed, DEPLOY, "      id-token: write", "      packages: write\n      id-token: write"),
    (others_start_it, CI, "  pull_request:", "  pull_request_target:"),
    (others_start_it, DEPLOY, "  workflow_dispatch:", "  workflow_run:\n    workflows: [ci]\n  workflow_dispatch:"),
    (others_start_it, DEPLOY, "  workflow_dispatch:", "  pull_request:\n  workflow_dispatch:"),
    (others_start_it, DEPLOY, "    branches: [main]\n", ""),
    (side_by_side, CI, "concurrency:", "unrelated:"),
    (side_by_side, DEPLOY, "cancel-in-progress: false", "cancel-in-progress: true"),
    (side_by_side, DEPLOY, "group: deploy-production", "group: deploy-${{ github.ref }}"),
    (actions_that_move, CI, "actions/setup-node@v6.4.0", "actions/setup-node@v6"),
    (actions_that_move, DEPLOY, "hashicorp/setup-terraform@v4.0.1", "hashicorp/setup-terraform@main"),
    (keys_that_stay, DEPLOY, "mask-aws-account-id: true", "aws-access-key-id: ${{ vars.ID }}"),
    (keys_that_stay, CI, "    name: make e2e\n", "    env:\n      TOKEN: ${{ secrets.TOKEN }}\n"),
    (values_in_scripts, DEPLOY, '"$IMAGE_DIGEST"', "${{ inputs.image_digest }}"),
    (values_in_scripts, DEPLOY, "deploy smoke", "deploy smoke ${{ secrets.CHATRIX_API_KEY }}"),
    (values_in_scripts, CI, "run: make e2e", "run: make e2e TITLE=${{ github.event.pull_request.title }}"),
    (jobs_without_an_end, CI, "    timeout-minutes: 15\n", ""),
    (jobs_without_an_end, DEPLOY, "timeout-minutes: 30", "timeout-minutes: 360"),
    (token_left_behind, CI, "          persist-credentials: false", "          fetch-depth: 1"),
    (terraform_in_a_wrapper, CI, "          terraform_wrapper: false\n", ""),
    (terraform_in_a_wrapper, DEPLOY, 'terraform_version: "1.11.4"', 'terraform_version: "~1.11"'),
    (targets_that_do_not_exist, CI, "run: make matrix-flips", "run: make matrix-flip"),
    (targets_that_do_not_exist, CI, "suite: [image-test,", "suite: [images-test,"),
    (out_of_order, DEPLOY, "deploy push", "deploy status"),
    (out_of_order, DEPLOY, "deploy bootstrap --yes", "deploy build"),
    (applied_is_not_what_was_planned, DEPLOY, PUSH + PLAN, PLAN + PUSH),
    (applied_is_not_what_was_planned, DEPLOY, "-m deploy apply --yes", "-m deploy plan && terraform apply"),
    (everybody_can_deploy, DEPLOY, "    environment: production\n", ""),
    (everybody_can_deploy, DEPLOY, "    environment: production\n", "    environment: staging\n"),
    (everybody_can_deploy, DEPLOY, "aws-actions/configure-aws-credentials@", "example/configure-aws-credentials@"),
    (untested, DEPLOY, "    needs: check\n", ""),
    (untested, DEPLOY, "!failure() && ", "always() && "),
    (state_of_its_own, DEPLOY, "cp terraform/backend.tf.example terraform/backend.tf\n", "true\n"),
    (state_of_its_own, DEPLOY, "key=chatrix.tfstate", "key=other.tfstate"),
    (key_in_the_log, DEPLOY, "deploy secret > /dev/null", "deploy secret"),
    (rollback_builds, DEPLOY, PLAN, PLAN.replace("        if: inputs.image_digest == ''\n", "")),
    (rollback_builds, DEPLOY, "        if: inputs.image_digest != ''\n", ""),
)


@pytest.mark.parametrize(("rule", "name"), RULES)
def test_the_workflows_keep_the_rule(rule: Rule, name: str) -> None:
    assert list(rule(read(name))) == []


@pytest.mark.parametrize(("rule", "name", "text", "mistake"), MISTAKES)
def test_the_rule_finds_the_mistake(rule: Rule, name: str, text: str, mistake: str) -> None:
    workflow = read(name)
    assert text in workflow.text, "the mistake has nowhere to go: the workflow was changed"
    assert list(rule(Workflow(name, workflow.text.replace(text, mistake, 1)))) != []


def test_every_rule_has_been_seen_to_fail() -> None:
    assert {rule for rule, _, _, _ in MISTAKES} == {rule for rule, _ in RULES}


# --- what the workflows call, and where


CALLS: Final = [call for script in read(DEPLOY).scripts() for call in deploy_calls(script)]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_deploy_takes_the_words_that_it_is_called_with(
    call: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a PATH it stops at terraform, which is missing: after its words, and before it does anything."""
    monkeypatch.setenv("PATH", "")
    assert main(call) == FAILED
    assert "terraform" in capsys.readouterr().err


def test_deploy_does_not_take_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit):
        main(["bootstrap", "--no-such-option"])


def test_both_workflows_use_the_same_versions() -> None:
    used = {step["uses"] for name in (CI, DEPLOY) for _, step in read(name).steps() if "uses" in step}
    assert len(used) == len({action.partition("@")[0] for action in used})
    terraforms = [step for name in (CI, DEPLOY) for step in read(name).actions("hashicorp/setup-terraform")]
    assert len({step["with"]["terraform_version"] for step in terraforms}) == 1


def test_a_pull_request_passes_all_that_a_change_must() -> None:
    """`.ci/run` is the list."""
    run = (ROOT / ".ci/run").read_text()
    suites = re.findall(r"^for suite in (.+); do$", run, re.MULTILINE)
    wanted = {*re.findall(r"^make ([a-z0-9-]+)$", run, re.MULTILINE), *" ".join(suites).split()}
    called = {name for script in read(CI).scripts() for name in re.findall(r"\bmake (\S+)", script)}
    assert {"check", "e2e", "image-test", "deploy-test"} <= wanted <= called


def test_a_push_deploys_when_what_is_deployed_has_changed() -> None:
    paths = read(DEPLOY).triggers["push"]["paths"]
    assert [path for path in paths if not (ROOT / path.removesuffix("/**")).exists()] == []
    copied = re.findall(r"^COPY (?!--from)(\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {path for path in copied if path != "LICENSE"} <= {path.removesuffix("/**") for path in paths}
