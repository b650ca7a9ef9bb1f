"""The operator's own text in the system prompt."""

from typing import Any

import orjson
import pytest

from gateway.catalog import MODELS
from gateway.protocol.disposition import Disposition
from gateway.protocol.options import Options
from gateway.protocol.parsing import parse_count
from gateway.protocol.to_converse import to_converse

MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}
HOUSE_RULES = {"text": "Answer in English.\n"}


def text(value: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **fields}


def translate(system: Any, operator_text: str = HOUSE_RULES["text"], messages: Any = None) -> tuple[Any, Disposition]:
    body = {"model": "claude", "system": system, "messages": messages or [{"role": "user", "content": "Hello."}]}
    request, _ = parse_count(orjson.dumps(body))
    disposition = Disposition()
    translation = to_converse(request, MODELS[0], disposition, Options(operator_text=operator_text))
    return translation.request, disposition


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (None, [HOUSE_RULES]),
        ("You code.", [{"text": "You code."}, HOUSE_RULES]),
        ([text("a", **MARK), text("b")], [{"text": "a"}, POINT, {"text": "b"}, HOUSE_RULES]),
        ([text("a"), text("b", **MARK)], [{"text": "a"}, {"text": "b"}, HOUSE_RULES, POINT]),
        ([text("x-anthropic-billing-header: cc_version=2;", **MARK)], [HOUSE_RULES]),
    ],
)
def test_it_is_the_last_text_and_a_cache_point_at_the_end_covers_it(system: Any, expected: list[Any]) -> None:
    request, disposition = translate(system)
    assert request["system"] == expected
    assert "system" in disposition.approximated


@pytest.mark.parametrize("nothing", ["", " \n"])
def test_without_one_nothing_is_added(nothing: str) -> None:
    request, disposition = translate("You code.", nothing)
    assert request["system"] == [{"text": "You code."}]
    assert disposition.approximated == ()


def test_it_is_the_same_on_every_turn() -> None:
    messages = [{"role": role, "content": "a"} for role in ("user", "assistant", "user", "assistant", "user")]
    systems = [translate([text("a", **MARK)], messages=messages[:count])[0]["system"] for count in (1, 3, 5)]
    assert systems[0] == systems[1] == systems[2]
