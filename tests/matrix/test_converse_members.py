"""Every member of ConverseStream in botocore's model is written, read, or listed with the reason why not."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, get_args, get_type_hints

import pytest
from typing_extensions import is_typeddict

from gateway.protocol.converse import ConverseRequest
from gateway.protocol.features.converse_members import UNUSED_CONVERSE
from tests.matrix.answers import START, answer, call, delta, end, metadata, stop_block, text
from tests.matrix.ending_cases import EVERYTHING
from tests.support.botocore_model import service_model, shape
from tests.support.scripted_bedrock import EXCEPTION, Event, to_wire
from tests.support.translation import accumulate, translate

# The path of the URL.
IN_THE_URL: Final = "ConverseStreamRequest.modelId"
OPERATION: Final[Mapping[str, Any]] = service_model()["operations"]["ConverseStream"]
# Besides the cases of replies: what only exceptions and Bedrock's own tools have.
MORE: Final[tuple[tuple[Event, ...], ...]] = (
    answer(
        *call(type="server_tool_use"),
        ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolResult": {"toolUseId": "tooluse_abc"}}}),
        delta(1, toolResult=[{"text": "noon"}, {"json": {"hour": 12}}]),
        stop_block(1),
    ),
    answer(
        ends=end("stop_sequence", {"delta": {"stop_sequence": "STOP"}}), says=metadata(serviceTier={"type": "flex"})
    ),
    answer(
        delta(0, text="A."),
        delta(0, citation={"location": {"web": {"domain": "example.com"}}, "sourceContent": [{"text": "Alpha."}]}),
        stop_block(0),
    ),
    *(
        (START, *text(), (f"{EXCEPTION}{name}", {"message": "It failed."}))
        for name in (
            "internalServerException",
            "modelStreamErrorException",
            "serviceUnavailableException",
            "throttlingException",
            "validationException",
        )
    ),
    # Words that decide which of ours a caller reads, or that are the request's own affair.
    (START, *text(), (f"{EXCEPTION}throttlingException", {"message": "Too many tokens per day."})),
    (START, *text(), (f"{EXCEPTION}modelStreamErrorException", {"message": "No.", "originalStatusCode": 400})),
    (
        START,
        (
            f"{EXCEPTION}modelStreamErrorException",
            {"message": "It failed.", "originalStatusCode": 400, "originalMessage": "max_tokens is wrong."},
        ),
    ),
)


def unwritten(shape_name: str, typed: Any, seen: set[tuple[str, Any]]) -> Iterator[str]:
    """Members of a shape that our TypedDict does not have, and members of ours that Bedrock does not have."""
    if (shape_name, typed) in seen:
        return
    seen.add((shape_name, typed))
    description = shape(shape_name)
    if description["type"] == "list":
        yield from unwritten(description["member"]["shape"], typed, seen)
        return
    hints = get_type_hints(typed)
    members = description.get("members", {})
    yield from (f"{shape_name}.{name}, which Bedrock does not have" for name in set(hints) - set(members))
    for name, member in members.items():
        if name not in hints:
            yield f"{shape_name}.{name}"
        for below in typed_dicts(hints.get(name)):
            yield from unwritten(member["shape"], below, seen)


def typed_dicts(hint: Any) -> Iterator[Any]:
    if is_typeddict(hint):
        yield hint
    for argument in get_args(hint):
        yield from typed_dicts(argument)


def test_every_member_of_the_request_is_written_or_listed() -> None:
    missing = set(unwritten(OPERATION["input"]["shape"], ConverseRequest, set())) - {IN_THE_URL}
    assert sorted(missing - set(UNUSED_CONVERSE)) == []
    assert sorted(set(UNUSED_CONVERSE) - missing - set(stream_members())) == [], "listed, but used or gone"


@cache
def stream_members() -> dict[str, tuple[str, ...]]:
    """Each member below the stream's events and exceptions, and the path on which it is first met."""
    found: dict[str, tuple[str, ...]] = {}
    for event, member in shape("ConverseStreamOutput")["members"].items():
        _collect(member["shape"], (event,), found)
    return found


def _collect(shape_name: str, path: tuple[str, ...], found: dict[str, tuple[str, ...]]) -> None:
    description = shape(shape_name)
    if description["type"] == "list":
        _collect(description["member"]["shape"], path, found)
    for name, member in description.get("members", {}).items():
        key = f"{shape_name}.{name}"
        if key not in found:
            found[key] = (*path, name)
            if key not in UNUSED_CONVERSE:
                _collect(member["shape"], (*path, name), found)


READ: Final = {key: path for key, path in stream_members().items() if key not in UNUSED_CONVERSE}


@pytest.mark.parametrize("key", READ)
def test_a_member_of_the_stream_that_is_not_listed_is_read(key: str) -> None:
    """Without it at least one reply is another one."""
    path = READ[key]
    assert any(replies(events) != replies(tuple(without(events, path))) for events in (*EVERYTHING, *MORE))


def without(events: tuple[Event, ...], path: tuple[str, ...]) -> Iterator[Event]:
    """The events, the last step of the path taken out of those of its name."""
    for name, payload in events:
        copy = json.loads(json.dumps(payload))
        if name.removeprefix(EXCEPTION) == path[0]:
            _remove(copy, path[1:])
        yield name, copy


def _remove(value: Any, path: tuple[str, ...]) -> None:
    if isinstance(value, list):
        for each in value:
            _remove(each, path)
    elif isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            del value[path[0]]
        else:
            _remove(value[path[0]], path[1:])


def replies(events: tuple[Event, ...]) -> tuple[bytes, bytes | str]:
    """Streamed and whole; an error by its type and its words."""
    stream, error = translate([to_wire(events)])
    return stream, accumulate(stream) if error is None else f"{error.type}: {error.message}"
