"""terraform's own checks: format, validation, and the tests in terraform/tests, which mock the provider."""

import subprocess
from pathlib import Path

import pytest

from tests.infra.conftest import copy_of
from tests.infra.terraform import REPOSITORY, ROOT, Terraform, TerraformFailed, copy_root, find_mirror


def test_every_file_is_formatted(initialised: Terraform) -> None:
    initialised.run("fmt", "-check", "-diff", "-recursive", str(ROOT))


def test_the_configuration_is_valid(initialised: Terraform) -> None:
    initialised.run("validate", "-no-color")


def test_its_own_tests_pass(initialised: Terraform) -> None:
    report = initialised.run("test", "-no-color").stdout
    assert "0 failed" in report
    assert report.count("... pass") >= 10, report


def test_a_wrong_output_fails_its_own_tests(initialised: Terraform, tmp_path: Path) -> None:
    broken = copy_of(initialised, tmp_path / "broken")
    outputs = broken.folder / "outputs.tf"
    outputs.write_text(outputs.read_text().replace('trimsuffix(url.function_url, "/")', "url.function_url"))
    with pytest.raises(TerraformFailed, match="no slash at its end"):
        broken.run("test", "-no-color", "-filter=tests/deployment.tftest.hcl")


def test_the_role_for_github_is_valid(initialised: Terraform, tmp_path: Path) -> None:
    folder = copy_root(ROOT / "github", tmp_path / "github")
    role = Terraform(initialised.binary, folder, initialised.environment)
    role.init()
    role.run("validate", "-no-color")


def test_what_is_a_machines_own_cannot_be_committed_by_mistake() -> None:
    """It holds ARNs, names an account, or is a person's settings."""
    names = (
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "any.tfplan",
        "terraform.tfvars",
        "backend.tf",
        ".terraform/x",
    )
    for name in names:
        ignored = subprocess.run(["git", "check-ignore", "--quiet", f"terraform/{name}"], cwd=REPOSITORY, check=False)
        assert ignored.returncode == 0, f"terraform/{name} is missing in .gitignore"


def test_a_folder_with_the_unpacked_provider_serves_as_mirror(tmp_path: Path) -> None:
    leaf = tmp_path / "unpacked"  # of version 6: .ci/run searches the disk for a real version 5
    leaf.mkdir()
    (leaf / "terraform-provider-aws_v6.0.0_x5").touch()
    mirror = find_mirror(leaf, tmp_path / "scratch")
    found = list(mirror.glob("registry.terraform.io/hashicorp/aws/6.0.0/*_*/terraform-provider-aws_v6.0.0_x5"))
    assert len(found) == 1
    assert find_mirror(mirror, tmp_path / "other") == mirror


def test_a_folder_without_a_provider_is_named(tmp_path: Path) -> None:
    with pytest.raises(TerraformFailed, match="TF_PLUGIN_DIR"):
        find_mirror(tmp_path, tmp_path / "scratch")
