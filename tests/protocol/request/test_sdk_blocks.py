"""The feature table against the public SDK: each block, source and citation that its request types know has a row."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import typing_extensions
from anthropic.types.beta import BetaContentBlockParam, BetaSystemMessageParam, BetaToolResultBlockParam

from gateway.protocol.features import FEATURES

# Rows of their own, the same for every block.
CACHE_CONTROL = "cache_control"


def structures(annotation: Any) -> Iterator[Any]:
    """The dictionaries that a type is made of; lists of them as well. What is a model is a reply's, not a request's."""
    if typing_extensions.is_typeddict(annotation):
        yield annotation
    for below in () if get_origin(annotation) is Literal else get_args(annotation):
        yield from structures(below)


def hints(structure: Any) -> dict[str, Any]:
    """Fields of a dictionary type, without `Required[...]`."""
    return dict(get_type_hints(structure))


def kinds(structure: Any) -> tuple[str, ...]:
    return get_args(hints(structure)["type"]) if "type" in hints(structure) else ()


BLOCKS = {
    kind: structure
    for union in (
        BetaContentBlockParam,
        hints(BetaSystemMessageParam)["content"],
        hints(BetaToolResultBlockParam)["content"],
    )
    for structure in structures(union)
    for kind in kinds(structure)
}


def without_a_row(name: str, structure: Any) -> Iterator[str]:
    """Names of what the table does not know: the field itself, or one below it."""
    row = FEATURES.get(name)
    if row is None:
        yield name
        return
    if row.fate in ("dropped", "refused"):
        return
    for field, annotation in hints(structure).items():
        below = f"{name}.{field}"
        if below in FEATURES:
            yield from without_rows_below(below, annotation)
        elif field not in row.members and field != CACHE_CONTROL:
            yield below


def without_rows_below(name: str, annotation: Any) -> Iterator[str]:
    if FEATURES[name].fate in ("dropped", "refused"):
        return
    for structure in structures(annotation):
        for kind in kinds(structure):
            yield from without_a_row(f"{name}.{kind}", structure)


@pytest.mark.parametrize("kind", sorted(BLOCKS))
def test_each_block_of_the_sdk_and_each_of_its_fields_has_a_row(kind: str) -> None:
    assert list(without_a_row(f"content.{kind}", BLOCKS[kind])) == []


@pytest.mark.parametrize("block", ["image", "document"])
def test_each_source_of_the_sdk_and_each_of_its_fields_has_a_row(block: str) -> None:
    sources = list(structures(hints(BLOCKS[block])["source"]))
    assert len(sources) >= 3
    for structure in sources:
        for kind in kinds(structure):
            assert list(without_a_row(f"content.{block}.source.{kind}", structure)) == [], kind


def test_each_citation_of_the_sdk_has_a_row() -> None:
    citations = [kind for structure in structures(hints(BLOCKS["text"])["citations"]) for kind in kinds(structure)]
    assert len(citations) >= 5
    assert [kind for kind in citations if f"content.text.citations.{kind}" not in FEATURES] == []


def test_the_sdk_has_no_fewer_blocks_than_when_this_was_written() -> None:
    assert len(BLOCKS) >= 26
