"""Fixtures that take a request from JSON to Converse as the handler does."""

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from gateway.catalog import Model, resolve
from gateway.protocol.disposition import Disposition
from gateway.protocol.parsing import parse_count
from gateway.protocol.to_converse import Translation, encode, to_converse

CAPTURES = Path(__file__).parents[2] / "captures"


@dataclass(frozen=True)
class Outcome:
    """What a request became. `request` is read back from the encoded bytes: what Bedrock would see."""

    request: dict[str, Any]
    body: bytes
    translation: Translation
    model: Model
    dropped: tuple[str, ...]
    approximated: tuple[str, ...]

    @property
    def turns(self) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = self.request["messages"]
        return turns

    @property
    def claude_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.request.get("additionalModelRequestFields", {})
        return fields


def translate_request(request: dict[str, Any]) -> Outcome:
    """Notes what is present, as the handler does."""
    parsed, presence = parse_count(orjson.dumps(request))
    resolution = resolve(parsed.model, "us-west-2")
    assert resolution is not None, parsed.model
    disposition = Disposition()
    presence.note(disposition)
    translation = to_converse(parsed, resolution.model, disposition)
    body = encode(translation.request)
    return Outcome(
        orjson.loads(body), body, translation, resolution.model, disposition.dropped, disposition.approximated
    )


@pytest.fixture(scope="session")
def translate() -> Callable[..., Any]:
    """`translate(messages, model=..., **fields)`; a plain string is one user message."""

    def run(messages: str | list[dict[str, Any]] = "Hello.", **fields: Any) -> Outcome:
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        return translate_request({"model": "claude-sonnet-4-5", "max_tokens": 1000, "messages": messages, **fields})

    return run


@pytest.fixture(scope="session")
def translate_content(translate: Callable[..., Any]) -> Callable[..., Any]:
    """`translate_content(*blocks)`: the Converse content of one user message with these blocks."""

    def run(*blocks: dict[str, Any], role: str = "user", **fields: Any) -> Any:
        return translate([{"role": role, "content": list(blocks)}], **fields).turns[0]["content"]

    return run


@pytest.fixture(scope="session")
def captured_requests() -> dict[str, dict[str, Any]]:
    """Bodies of the captured POST requests by name."""
    captures = [orjson.loads(path.read_bytes()) for path in sorted(CAPTURES.glob("*.json"))]
    return {capture["name"]: capture["body"] for capture in captures if capture["body"]}


@pytest.fixture(scope="session")
def bedrock_takes() -> Callable[[dict[str, Any]], None]:
    """Holds a Converse request against botocore's own service model: members, types, lengths, enums and patterns."""
    service = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
    shape = service.operation_model("ConverseStream").input_shape

    def check(request: dict[str, Any]) -> None:
        parameters = _with_blobs(request, shape)
        report = ParamValidator().validate({"modelId": "m", **parameters}, shape)
        assert not report.has_errors(), report.generate_report()
        assert list(_violations(request, shape, "")) == []

    return check


def _with_blobs(value: Any, shape: Any) -> Any:
    """botocore wants bytes where the wire has base64."""
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            return {key: _with_blobs(below, shape.members[key]) for key, below in value.items()}
        case "list":
            return [_with_blobs(below, shape.member) for below in value]
        case "blob":
            return b64decode(value, validate=True)
        case _:
            return value


def _violations(value: Any, shape: Any, path: str) -> Any:
    """What botocore knows but does not check: enums, patterns and maxima."""
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            for key, below in value.items():
                yield from _violations(below, shape.members[key], f"{path}.{key}")
        case "list":
            for index, below in enumerate(value):
                yield from _violations(below, shape.member, f"{path}.{index}")
        case "string":
            allowed, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
            if allowed and value not in allowed:
                yield f"{path}: {value!r} is none of {allowed}"
            if pattern and not re.fullmatch(pattern, value):
                yield f"{path}: {value!r} does not match {pattern}"
            if len(value) > shape.metadata.get("max", len(value)):
                yield f"{path}: too long"
