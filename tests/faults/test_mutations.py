"""The list of mutations fits the code as it is today, and whoever tries them tells the truth.

That each one is noticed takes minutes and is `make mutants`. A runner that called everything killed would pass that;
so here it gets mutations of another kind, and must tell them apart.
"""

import subprocess
import sys
from collections import Counter
from typing import Final

import pytest

from tests.faults.mutants import OPTIONS, ROOT, FailsUnchanged, Verdict, exit_code, summary, try_all
from tests.faults.mutations import MUTATIONS, THE_COPY, Mutation

PATH: Final = "gateway/protocol/accumulate.py"
OLD: Final = "        if not self._whole:\n"
TEST: Final = "tests/protocol/reply/test_accumulate.py::test_a_stream_that_was_not_whole_does_not_accumulate"
# Enough for that test many times over, and soon over for one that hangs.
TEST_SECONDS: Final = 5.0
MADE_UP: Final = {
    Mutation("harmless", PATH, OLD, f"        # Nothing.\n{OLD}", TEST): Verdict.SURVIVED,
    Mutation("broken", PATH, OLD, "        if False:\n", TEST): Verdict.KILLED,
    Mutation("endless", PATH, OLD, f"        while not self._whole:\n            pass\n{OLD}", TEST): Verdict.HUNG,
    Mutation("no Python", PATH, OLD, "        if not self._whole\n", TEST): Verdict.NONE,
    Mutation("no import", PATH, "import orjson\n", "import orjson_of_tomorrow as orjson\n", TEST): Verdict.NONE,
    THE_COPY: Verdict.KILLED,
}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_finds_its_text_once_and_leaves_python(mutation: Mutation) -> None:
    text = (ROOT / mutation.path).read_text()
    assert text.count(mutation.old) == 1, "the code has changed: change the mutation, or take it out with its promise"
    compile(text.replace(mutation.old, mutation.new), mutation.path, "exec")


def test_no_two_mutations_are_the_same() -> None:
    assert not [name for name, times in Counter(each.name for each in MUTATIONS).items() if times > 1]
    assert len({(each.path, each.old, each.new) for each in MUTATIONS}) == len(MUTATIONS)


def test_each_named_test_exists() -> None:
    """With its case, where one is named: pytest itself looks for them."""
    tests = sorted({mutation.test for mutation in MUTATIONS})
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", *OPTIONS, *tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


async def test_the_four_verdicts_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    before = (ROOT / PATH).read_text()
    outcomes = await try_all(list(MADE_UP), TEST_SECONDS)
    assert {outcome.mutation: outcome.verdict for outcome in outcomes} == MADE_UP
    for outcome in outcomes:
        assert exit_code([outcome]) == (0 if outcome.verdict in (Verdict.KILLED, Verdict.HUNG) else 1)
    assert exit_code(outcomes) == 1
    told = summary(outcomes)
    assert f"SURVIVED: harmless\n  in {PATH}, not noticed by {TEST}" in told
    assert "orjson_of_tomorrow" in told
    assert told.endswith("6 mutations, 3 noticed (1 by hanging)")
    assert capsys.readouterr().out.count("killed ") == 2
    assert (ROOT / PATH).read_text() == before


async def test_what_fails_without_a_mutation_proves_nothing() -> None:
    never = Mutation("never", PATH, OLD, "", "tests/protocol/reply/test_accumulate.py::test_that_nobody_wrote")
    with pytest.raises(FailsUnchanged, match="test_that_nobody_wrote does not pass on the unchanged gateway"):
        await try_all([never])


def test_words_that_no_name_has_are_told() -> None:
    """Otherwise a misspelt name would prove everything."""
    tried = subprocess.run(
        [sys.executable, "-m", "tests.faults.mutants", "a promis that"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 2
    assert "a promis that" in tried.stderr
