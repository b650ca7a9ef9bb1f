"""What people read of a run is what was measured, and the gate lets nothing pass that has become slower."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.bench import GATE, RESULTS, SLACK, worse_than
from benchmarks.plots import bars

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def full() -> Any:
    return json.loads((RESULTS / "full.json").read_text())


@pytest.fixture(scope="module")
def committed() -> dict[str, float]:
    ratios: dict[str, float] = json.loads(GATE.read_text())
    return ratios


def test_the_page_shows_the_run_that_is_committed(full: Any) -> None:
    page = report.PAGE.read_text()
    assert report.goals_table(full) in page
    assert report.numbers_table(full) in page
    for file, picture in report.plots(full).items():
        assert (report.PICTURES / file).read_text() == picture
        assert f"({report.PICTURES.name}/{file})" in page


def test_every_goal_was_measured(full: Any) -> None:
    assert {goal.name for goal in report.GOALS} <= set(full["ratios"])


def test_what_is_as_it_was_passes(committed: dict[str, float]) -> None:
    assert worse_than(committed, committed) == []
    slower = {name: ratio * (1 + SLACK) * 0.99 for name, ratio in committed.items()}
    assert worse_than(committed, slower) == []


@pytest.mark.parametrize("name", report.watched())
def test_what_has_become_slower_does_not(committed: dict[str, float], name: str) -> None:
    limit = max(committed[name] * (1 + SLACK), report.ENOUGH.get(name, 0.0))
    (line,) = worse_than(committed, committed | {name: limit * 1.01})
    assert line.startswith(f"{name} is ")


def test_the_gate_takes_the_least_of_the_rounds() -> None:
    """A neighbour on the machine only ever adds: what one round lost, another may show."""
    rounds = {
        scenario: {"chatrix": [{number: 9.0}, {number: 3.0}], "naive": [{number: 6.0}, {number: 8.0}]}
        for scenario, number in report.WATCHED
    }
    assert report.least_ratios(rounds) == dict.fromkeys(report.watched(), 0.5)


def test_a_picture_has_a_bar_for_each_and_the_longest_is_the_greatest(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text(bars("Cost <of> it", {"chatrix": 10.0, "other": 1000.0, "least": 0.5}))
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    lengths = [float(each.attrib["width"]) for each in root.iter(f"{SVG}rect")]
    assert lengths[1] > lengths[0] > lengths[2] > 0
    assert [each.text for each in root.iter(f"{SVG}text")] == [
        *("Cost <of> it", "chatrix", "10.0", "other", "1,000", "least", "0.5")
    ]
