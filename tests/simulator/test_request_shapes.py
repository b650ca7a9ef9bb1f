"""The shapes the simulator checks requests against are those of botocore's service model, apart from one role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.simulator.request_shapes import CONVERSE, CONVERSE_STREAM, COUNT_TOKENS
from gateway.simulator.shapes import Blob, ListOf, MapOf, Number, Shape, Structure, Text
from tests.support.botocore_model import service_model

if TYPE_CHECKING:
    from collections.abc import Iterator


def differences(ours: Shape, name: str, path: str = "") -> Iterator[str]:
    theirs = service_model()["shapes"][name]
    match ours:
        case Structure():
            yield from structure_differences(ours, name, path)
        case ListOf(item):
            yield from differences(item, theirs["member"]["shape"], f"{path}/*")
        case MapOf(key, value):
            yield from differences(key, theirs["key"]["shape"], f"{path}/key")
            yield from differences(value, theirs["value"]["shape"], f"{path}/value")
        case _:
            pass
    if constraints(ours) != modelled_constraints(theirs):
        yield f"{path}: {modelled_constraints(theirs)}"


def structure_differences(ours: Structure, name: str, path: str) -> Iterator[str]:
    theirs = service_model()["shapes"][name]
    # The model id stands in the path.
    modelled = {member: ref["shape"] for member, ref in theirs["members"].items() if member != "modelId"}
    if set(modelled) != set(ours.members):
        yield f"{path}: members {set(modelled) ^ set(ours.members)}"
    if set(theirs.get("required", ())) - {"modelId"} != set(ours.required):
        yield f"{path}: required"
    if ours.union_name != (name if theirs.get("union") else None):
        yield f"{path}: union {name}"
    for member in set(modelled) & set(ours.members):
        yield from differences(ours.members[member], modelled[member], f"{path}/{member}")


def constraints(ours: Shape) -> tuple[Any, ...]:
    match ours:
        case Text(minimum, maximum, pattern, choices):
            return "string", minimum, maximum, pattern, choices
        case ListOf(_, minimum, maximum):
            return "list", minimum, maximum, None, ()
        case MapOf(_, _, minimum, maximum):
            return "map", minimum, maximum, None, ()
        case Number(minimum, maximum, whole):
            return "integer" if whole else "float", minimum, maximum, None, ()
        case Blob(minimum):
            return "blob", minimum, None, None, ()
        case _:
            return type(ours).__name__, 0, None, None, ()


def modelled_constraints(theirs: dict[str, Any]) -> tuple[Any, ...]:
    kind = theirs["type"]
    if kind in ("boolean", "structure"):
        return {"boolean": "Flag"}.get(kind, "Document" if theirs.get("document") else "Structure"), 0, None, None, ()
    # How large a blob may be is the body limit's business.
    maximum = None if kind == "blob" else theirs.get("max")
    return kind, theirs.get("min", 0), maximum, theirs.get("pattern"), tuple(theirs.get("enum", ()))


@pytest.mark.parametrize(
    ("shape", "name"),
    [(CONVERSE, "ConverseRequest"), (CONVERSE_STREAM, "ConverseStreamRequest"), (COUNT_TOKENS, "CountTokensRequest")],
)
def test_the_shapes_are_those_of_the_service_model(shape: Structure, name: str) -> None:
    # No Claude takes the `system` role yet, and Bedrock says so.
    expected = {"('string', 0, None, None, ('user', 'assistant', 'system'))"}
    found = set(differences(shape, name))
    assert {text.partition(": ")[2] for text in found} <= expected, found
