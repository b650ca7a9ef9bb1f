"""The documents name what there is. What a user can set, install, type or click must be found in them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway import __version__
from gateway.catalog import MODELS
from gateway.handlers import ROUTES
from gateway.settings import Settings, SettingsError, settings_by_field

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
DEPENDENCIES = (ROOT / "docs/dependencies.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def first_column(document: str) -> set[str]:
    """The names in code style in the first cell of each table row."""
    cells = re.findall(r"^\| (.+?) \|", document, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def package_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[ \[<>=]", requirement)[0] for requirement in requirements}


def test_every_setting_is_documented_and_nothing_else() -> None:
    variables = {variable for rule in settings_by_field().values() for variable in rule.variables}
    assert first_column(CONFIGURATION) == variables


def test_the_documented_defaults_are_the_real_ones() -> None:
    rows = re.findall(r"^\| `(\w+)`.*? \| (?:`(.+?)`|(none)) \|", CONFIGURATION, re.MULTILINE)
    documented = {variable: default or none for variable, default, none in rows}
    for name, rule in settings_by_field().items():
        default = getattr(Settings(), name)
        assert documented[rule.variables[0]] == as_text(default)


def as_text(default: object) -> str:
    match default:
        case bool():
            return "1" if default else "0"
        case float():
            return f"{default:.15g}"
        case None | "" | ():
            return "none"
        case _:
            return str(default)


def test_the_documented_bounds_are_the_real_ones() -> None:
    """Each bound is tried: the documented ends are accepted, what lies beyond them is not."""
    rows = re.findall(r"^\| `(\w+)`.*? \| `.+?` \| ([\d.]+) to (\d+)", CONFIGURATION, re.MULTILINE)
    numbers = [rule for name, rule in settings_by_field().items() if type(getattr(Settings(), name)) in (int, float)]
    assert {variable for variable, _, _ in rows} == {rule.variables[0] for rule in numbers}
    for variable, low, high in rows:
        Settings.from_env({variable: low})
        Settings.from_env({variable: high})
        with pytest.raises(SettingsError, match=f"{variable} is .* from {low} to {high}"):
            Settings.from_env({variable: f"{high}0"})


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    wanted = package_names(PROJECT["project"]["dependencies"]) | package_names(PROJECT["dependency-groups"]["dev"])
    assert first_column(DEPENDENCIES) == wanted


def test_every_make_target_is_in_the_readme_and_explains_itself() -> None:
    targets = set(re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE))
    explained = set(re.findall(r"^([a-z0-9-]+):.*## ", MAKEFILE, re.MULTILINE))
    in_readme = {name.removeprefix("make ") for name in first_column(README) if name.startswith("make ")}
    assert targets == explained == in_readme


def test_every_endpoint_is_in_the_readme() -> None:
    documented = {tuple(entry.split(" ", 1)) for entry in re.findall(r"`((?:GET|POST|HEAD) /\S*)`", README)}
    served = {(method, path) for path, methods in ROUTES.items() for method in methods}
    assert documented <= served
    assert {path for _, path in documented} == set(ROUTES)


def test_every_model_is_in_the_docs_with_its_id_and_its_state() -> None:
    rows = {cells[0]: cells for cells in table_rows((ROOT / "docs" / "models.md").read_text())}
    assert set(rows) == {model.name for model in MODELS}
    for model in MODELS:
        assert rows[model.name][1] == model.model_id
        assert rows[model.name][4].startswith(model.lifecycle)


def table_rows(document: str) -> list[list[str]]:
    """The cells of each row that begins with a name in code marks, without these marks."""
    lines = re.findall(r"^\| `.*\|$", document, re.MULTILINE)
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_the_readme_shows_the_current_version() -> None:
    assert f"chatrix {__version__} on http://127.0.0.1:3000" in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_paths_in_the_readmes_layout_exist() -> None:
    paths = re.findall(r"^(gateway/[\w./]+)  ", README, re.MULTILINE)
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_lock_files_hold_every_dependency_with_hashes() -> None:
    for lock, wanted in (
        ("requirements.txt", package_names(PROJECT["project"]["dependencies"])),
        ("requirements-dev.txt", package_names(PROJECT["dependency-groups"]["dev"])),
    ):
        entries = re.findall(
            r"^([\w.-]+)(?:\[[\w,]+\])?==\S+(.*(?:\n    .*)*)", (ROOT / lock).read_text(), re.MULTILINE
        )
        locked = {name.lower().replace("_", "-") for name, _ in entries}
        assert {name.lower().replace("_", "-") for name in wanted} <= locked
        assert all("--hash=sha256:" in rest for _, rest in entries)
