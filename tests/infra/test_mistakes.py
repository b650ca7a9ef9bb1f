"""None of the first plan's mistakes is ours, and each check notices the mistake that it is about.

Three copies of the repository hold several mistakes of the plan at once, in places that do not touch: in each, exactly
the checks of those mistakes must complain. A mistake in a file alone gets a copy of its own.
"""

import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.infra.conftest import copy_of
from tests.infra.evidence import DEPLOYED, Evidence
from tests.infra.mistakes import MISTAKES, ROWS_OF_THE_FIRST_PLAN, Check, Edit, Group, Proof
from tests.infra.terraform import REPOSITORY, Terraform

PROOFS: Final = tuple(proof for mistake in MISTAKES for proof in mistake.proofs)
IN_PLANS: Final[tuple[Group, ...]] = ("first plan", "second plan", "bootstrap")
# What checks read, and nothing that is large.
SHOWN: Final = ("README.md", "Dockerfile", "samconfig.toml", "docs", "terraform", "deploy", ".github")


def copy_of_the_repository(folder: Path) -> Path:
    folder.mkdir()
    for name in SHOWN:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
        elif source.exists():
            shutil.copy(source, folder / name)
    return folder


def make(edit: Edit, folder: Path) -> None:
    """The text must stand there exactly once: otherwise the edit is not the one that was meant."""
    files = [path for path in sorted(folder.glob(edit.path)) if path.is_file()]
    found = {path: path.read_text().count(edit.old) for path in files}
    assert sum(found.values()) == 1, f"{edit.old!r} stands in {edit.path} {sum(found.values())} times, and must once"
    path = next(path for path in files if found[path])
    path.write_text(path.read_text().replace(edit.old, edit.new))


def complaints(checks: set[Check], seen: Evidence) -> dict[str, list[str]]:
    """By check, of those that complain."""
    found = {check.__name__: list(check(seen)) for check in checks}
    return {name: problems for name, problems in found.items() if problems}


def proof_name(proof: Proof) -> str:
    return proof.check.__name__


def test_every_mistake_of_the_first_plan_is_in_the_table() -> None:
    names = [mistake.name for mistake in MISTAKES]
    assert len(names) == len(set(names)) == ROWS_OF_THE_FIRST_PLAN
    for mistake in MISTAKES:
        assert bool(mistake.proofs) != bool(mistake.why_unseen), (
            f"{mistake.name}: a check, or the reason why there is none"
        )


def test_every_check_is_proven_once() -> None:
    checks = [proof.check for proof in PROOFS]
    assert len(checks) == len(set(checks))


@pytest.mark.parametrize("proof", PROOFS, ids=proof_name)
def test_the_mistake_is_not_ours(proof: Proof, evidence: Evidence) -> None:
    assert list(proof.check(evidence)) == []


@pytest.mark.parametrize("proof", [proof for proof in PROOFS if proof.group == "files"], ids=proof_name)
def test_a_file_with_the_mistake_is_noticed(proof: Proof, evidence: Evidence, tmp_path: Path) -> None:
    folder = copy_of_the_repository(tmp_path / "mistaken")
    make(proof.edit, folder)
    assert list(proof.check(Evidence(evidence.plan, evidence.bootstrap, folder)))


@pytest.mark.parametrize("group", IN_PLANS)
def test_a_plan_with_mistakes_is_noticed_by_exactly_their_checks(
    group: Group, on_moto: Terraform, evidence: Evidence, tmp_path: Path
) -> None:
    folder = copy_of_the_repository(tmp_path / "mistaken")
    proofs = [proof for proof in PROOFS if proof.group == group]
    for proof in proofs:
        make(proof.edit, folder)
    mistaken = copy_of(on_moto, tmp_path / "root", source=folder / "terraform")
    seen = mistaken_evidence(group, mistaken, evidence, folder)
    of_plans = {proof.check for proof in PROOFS if proof.group in IN_PLANS}
    assert set(complaints(of_plans, seen)) == {proof.check.__name__ for proof in proofs}


def mistaken_evidence(group: Group, mistaken: Terraform, evidence: Evidence, folder: Path) -> Evidence:
    if group == "bootstrap":
        return Evidence(evidence.plan, mistaken.plan(), folder)
    return Evidence(mistaken.plan(**DEPLOYED), evidence.bootstrap, folder)
