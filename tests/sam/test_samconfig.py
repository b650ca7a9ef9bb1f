"""SAM reads its defaults from samconfig.toml in the folder where it is started, and only under `.parameters`."""

import re
from collections.abc import Mapping
from typing import Final

import pytest

from tests.sam.installation import ROOT
from tests.sam.project import Project

SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "[default.build.parameters]": ("build",),
    "[default.local_start_api.parameters]": ("local", "start-api"),
}
TESTED: Final = {"sam build", "sam local invoke", "sam local start-api"}


@pytest.fixture(scope="module")
def mutated(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The sections without `.parameters`."""
    copied = project.copy(tmp_path_factory.mktemp("mutated") / "repository")
    path = copied.root / "samconfig.toml"
    text = path.read_text(encoding="utf-8")
    for section in SECTIONS:
        assert text.count(section) == 1
        text = text.replace(section, section.replace(".parameters", ""))
    path.write_text(text, encoding="utf-8")
    return copied


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_without_parameters_is_ignored_and_no_hook_runs(mutated: Project, section: str) -> None:
    done = mutated.run(*SECTIONS[section], check=False)
    assert done.returncode != 0
    assert "Prepare Hook" not in done.stdout + done.stderr
    assert "Template file not found" in done.stderr


def test_the_file_at_the_top_is_the_one_that_sam_reads(project: Project) -> None:
    link = project.folder / "samconfig.toml"
    assert link.is_symlink()
    assert link.resolve() == (project.root / "samconfig.toml").resolve()


def test_the_documented_commands_are_those_that_are_run_here() -> None:
    documented = set(re.findall(r"^sam .+$", (ROOT / "docs/sam.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert documented == TESTED
