"""docs/terraform.md names every variable and output with its default, and the example holds nothing that is refused."""

import json
import re
from typing import Any, Final

import pytest

from tests.infra.terraform import REPOSITORY, ROOT, Terraform

DOCUMENT: Final = REPOSITORY / "docs/terraform.md"
VARIABLE: Final = re.compile(r'^variable "(?P<name>\w+)" \{(?P<body>.*?)^\}', re.MULTILINE | re.DOTALL)
OUTPUT: Final = re.compile(r'^output "(\w+)"', re.MULTILINE)
ROW: Final = re.compile(r"^\| `(?P<name>\w+)` \|(?P<rest>.*)\|$", re.MULTILINE)
CANNOT_BE_WRONG: Final = {"ecr_force_delete"}


def declared() -> dict[str, str]:
    return {match["name"]: match["body"] for match in VARIABLE.finditer((ROOT / "variables.tf").read_text())}


def section(title: str) -> dict[str, str]:
    text = DOCUMENT.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    return {match["name"]: match["rest"] for match in ROW.finditer(text)}


def test_every_variable_has_a_type_a_description_and_a_validation() -> None:
    for name, body in declared().items():
        assert re.search(r"^  type +=", body, re.MULTILINE), name
        assert re.search(r'^  description = "[^"]{20,}', body, re.MULTILINE), name
        assert "nullable" in body, name
        assert ("validation {" in body) != (name in CANNOT_BE_WRONG), name


def test_the_document_names_every_variable_and_no_other() -> None:
    assert set(section("Variables")) == set(declared())


def test_the_document_names_every_output_and_no_other() -> None:
    assert set(section("Outputs")) == set(OUTPUT.findall((ROOT / "outputs.tf").read_text()))


def test_the_document_has_the_defaults(initialised: Terraform) -> None:
    for name, body in declared().items():
        default = re.search(r"^  default +=\s*(?P<value>\[.*?^  \]|\S.*?)$", body, re.MULTILINE | re.DOTALL)
        assert default, f"{name} has no default, so that terraform would ask for it"
        if "\n" not in default["value"]:
            assert f"`{default['value'].strip(chr(34)) or chr(34) * 2}`" in section("Variables")[name], name


@pytest.fixture(scope="module")
def example_plan(on_moto: Terraform) -> dict[str, Any]:
    return on_moto.plan(**example_variables())


def example_variables() -> dict[str, Any]:
    """What the example sets: plain values and one list."""
    text = (ROOT / "terraform.tfvars.example").read_text()
    return {name: json.loads(value) for name, value in re.findall(r"^(\w+) += (.+)$", text, re.MULTILINE)}


def test_the_example_names_variables_and_can_be_planned(example_plan: dict[str, Any]) -> None:
    assert set(example_variables()) <= set(declared())
    assert example_plan["variables"]["alarm_emails"]["value"] == ["you@example.com"]


def test_what_the_example_shows_in_comments_can_be_planned(on_moto: Terraform) -> None:
    text = (ROOT / "terraform.tfvars.example").read_text()
    european = re.findall(r"^# (\w+) += (\[.*\])$", text, re.MULTILINE)
    assert {name for name, _ in european} == {"foundation_models", "inference_regions"}
    on_moto.plan(**{name: json.loads(value) for name, value in european})
