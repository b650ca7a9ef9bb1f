"""A request's body to what Bedrock is sent: any bytes.

The gateway may raise `InvalidRequest` and nothing else, whose message begins with the place of what is wrong. What it
sends is JSON with turns that alternate, and what it tells the caller fits into a header.

The first byte of an input chooses the model, the second one what stands beside the body (`Beside`). The rest is the
body.
"""

import json
import random
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.catalog import MODELS, Model, resolve
from gateway.protocol.disposition import Disposition, disclosure
from gateway.protocol.errors import InvalidRequest, encode_error
from gateway.protocol.estimate import estimate_input
from gateway.protocol.options import Guardrail, Options
from gateway.protocol.parsing import parse, parse_count
from gateway.protocol.request_body import RequestBody
from gateway.protocol.to_converse import to_converse
from tests.faults.fuzz.json_mutation import Vocabulary, dumps, mutate_json
from tests.faults.fuzz.target import MutateBytes, Target

MAX_BYTES: Final = 8192
MAX_REFUSAL_CHARACTERS: Final = 700
TESTS: Final = Path(__file__).parents[2]
# Of a body that has no places, because it is none.
ABOUT_THE_WHOLE: Final = "The request "
HEADER_TEXT: Final = re.compile(r"[\x20-\x7e]*")
# What may stand in the path of Bedrock's URL. botocore writes `..` as it is: no part may be made of dots alone.
MODEL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*(/[A-Za-z0-9-]+)?")


@dataclass(frozen=True, slots=True)
class Beside:
    """What of a request is not in its body."""

    model: Model
    strict: bool
    counts: bool
    options: Options

    @classmethod
    def of(cls, choice: bytes) -> "Beside":
        model, flags = choice.ljust(2, b"\0")[:2]
        options = Options(
            betas=("context-1m-2025-08-07", "interleaved-thinking-2025-05-14", "new-2099-01-01") if flags & 4 else (),
            operator_text="The operator's words." if flags & 8 else "",
            guardrail=Guardrail("abc", "DRAFT", "enabled") if flags & 16 else None,
            service_tier="flex" if flags & 16 else None,
        )
        return cls(MODELS[model % len(MODELS)], bool(flags & 1), bool(flags & 2), options)


def check(data: bytes) -> None:
    beside, body = Beside.of(data[:2]), data[2:]
    try:
        translate(body, beside)
    except InvalidRequest as refusal:
        check_refusal(refusal)


def translate(body: bytes, beside: Beside) -> None:
    """The steps of `understanding.py`, in its order."""
    request, presence = (parse_count if beside.counts else parse)(body)
    check_model_name(request.model)
    disposition = Disposition(strict=beside.strict)
    presence.note(disposition)
    translation = to_converse(request, beside.model, disposition, beside.options)
    estimate = estimate_input(translation.request, beside.model)
    sent = translation.encode()
    assert estimate.tokens > 0
    check_sent(sent, translation.tool_names)
    for header in disclosure(disposition.dropped, disposition.approximated).values():
        assert HEADER_TEXT.fullmatch(header), f"cannot stand in a header: {header!r}"


def check_model_name(name: str) -> None:
    resolution = resolve(name, "us-west-2")
    if resolution is None:
        return
    assert MODEL_ID.fullmatch(resolution.model_id), f"{name!r} goes upstream as {resolution.model_id!r}"
    assert HEADER_TEXT.fullmatch(resolution.name), f"{name!r} is told as {resolution.name!r}"


def check_refusal(refusal: InvalidRequest) -> None:
    message = refusal.message
    place, colon, reason = message.partition(": ")
    assert message.startswith(ABOUT_THE_WHOLE) or (place and colon and reason.strip()), f"says no place: {message!r}"
    assert len(message) <= MAX_REFUSAL_CHARACTERS, f"{len(message)} characters: {message[:100]!r}"
    assert orjson.loads(encode_error(refusal, "req_1"))["error"]["message"] == message


def check_sent(sent: RequestBody, tool_names: Any) -> None:
    whole = orjson.loads(sent.whole)
    turns = whole["messages"]
    assert all(one["role"] != other["role"] for one, other in pairwise(turns)), "two turns of one role"
    assert all(turn["content"] for turn in turns), "a turn without content"
    assert len(set(tool_names.values())) == len(tool_names), "two tools of one name"
    if sent.other_end is not None:
        other = orjson.loads(sent.without_betas().whole)
        fields = {"additionalModelRequestFields"}
        assert {**other, **{name: whole[name] for name in fields}} == whole, (
            "without betas more is different than betas"
        )
        assert "anthropic_beta" not in other.get("additionalModelRequestFields", {})


# --- mutations: of the JSON


def mutate(data: bytes, chance: random.Random, mutate_bytes: MutateBytes) -> bytes:
    choice, body = data[:2].ljust(2, b"\0"), data[2:]
    if chance.random() < 0.1:
        return bytes((chance.randrange(len(MODELS)), chance.randrange(32))) + body
    if chance.random() < 0.05:
        return choice + mutate_bytes(body, MAX_BYTES)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return choice + chance.choice(SEEDS)[2:]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        value = mutate_json(value, chance, WORDS, mutate_bytes)
    return choice + dumps(value)


def trimmed(value: Any) -> Any:
    """With its shape, but without its bulk."""
    if isinstance(value, dict):
        return {name: trimmed(below) for name, below in list(value.items())[:12]}
    if isinstance(value, list):
        return [trimmed(below) for below in value[:4]]
    return value[:60] if isinstance(value, str) else value


def bodies() -> list[Any]:
    """What Claude Code was seen to send, and the requests of the transcripts."""
    captures = [json.loads(path.read_text())["body"] for path in sorted((TESTS / "captures").glob("*.json"))]
    requests = [json.loads(path.read_text()) for path in sorted((TESTS / "transcripts").rglob("request.json"))]
    return [trimmed(body) for body in captures if body] + [trimmed(body) for body in requests]


def seeds() -> list[bytes]:
    found = (bytes((place % len(MODELS), 0)) + dumps(body) for place, body in enumerate(bodies()))
    return [seed for seed in found if len(seed) <= MAX_BYTES]


SEEDS: Final = seeds()
WORDS: Final = Vocabulary(bodies())
TARGET: Final = Target("request", check, mutate, seeds, MAX_BYTES)
