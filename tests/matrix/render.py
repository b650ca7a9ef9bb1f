"""Writes docs/compatibility.md from the feature table and the cases that prove it: `make matrix`."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from gateway.protocol.features import FATES, FEATURES, Fate, Feature, Kind
from gateway.protocol.features.converse_members import UNUSED_CONVERSE
from tests.matrix.all_cases import MODULES

FILE: Final = Path(__file__).parents[2] / "docs" / "compatibility.md"
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
TITLES: Final[dict[Kind, str]] = {
    "request field": "Request fields",
    "content block": "Content blocks",
    "tool": "Tools",
    "tool choice": "Tool choice",
    "thinking": "Thinking",
    "beta": "Betas",
    "header": "Headers",
    "response field": "Replies",
    "stop reason": "Stop reasons",
    "stream event": "Stream events",
}
INTRODUCTION: Final = (Path(__file__).parent / "introduction.md").read_text()
UNUSED: Final = """\

## What Converse has and chatrix does not use

Nothing in the Messages API asks for it. A test compares the list with botocore's model of ConverseStream.

| member | why |
| --- | --- |
"""


def render() -> str:
    rows = list(FEATURES.values())
    parts = [INTRODUCTION, _summary(rows)]
    for kind in KINDS:
        parts.append(_table(TITLES[kind], [row for row in rows if row.kind == kind]))
    parts.append(UNUSED + "".join(f"| `{member}` | {_cell(why)} |\n" for member, why in UNUSED_CONVERSE.items()))
    return "".join(parts)


def _summary(rows: list[Feature]) -> str:
    counts: Counter[tuple[Kind, Fate]] = Counter((row.kind, row.fate) for row in rows)
    lines = [f"\n| | {' | '.join(FATES)} |\n", f"| --- |{' --- |' * len(FATES)}\n"]
    for kind in KINDS:
        title = TITLES[kind]
        cells = " | ".join(str(counts[kind, fate]) for fate in FATES)
        lines.append(f"| [{title}](#{title.lower().replace(' ', '-')}) | {cells} |\n")
    return "".join(lines)


def _table(title: str, rows: list[Feature]) -> str:
    lines = "".join(_line(row) for row in rows)
    return f"\n## {title}\n\n| what | when | fate | how, and why | proof |\n| --- | --- | --- | --- | --- |\n{lines}"


def _line(row: Feature) -> str:
    condition = row.name.removeprefix(row.disclosed).removeprefix("/").replace("_", " ")
    module = MODULES[row.name]
    cells = (_what(row), condition, ", ".join(_fate(row)), row.reason, f"[{module}](../tests/matrix/{module}.py)")
    return f"| {' | '.join(map(_cell, cells))} |\n"


def _what(row: Feature) -> str:
    members = [f"`{member}`" for member in row.members if member != "type"]
    return f"`{row.disclosed}`" + (f" with {', '.join(members)}" if members else "")


def _fate(row: Feature) -> Iterator[str]:
    yield row.fate
    if row.silent:
        yield "silent"
    if row.harmless:
        yield "harmless"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def write() -> None:
    FILE.write_text(render())


if __name__ == "__main__":
    write()
