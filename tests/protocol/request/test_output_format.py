"""An answer in JSON of the caller's schema: Converse's own field, a forced tool, or the prompt."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.protocol.errors import InvalidRequest

Translate = Callable[..., Any]

SCHEMA = {
    "type": "object",
    "properties": {"zeta": {"type": "string"}, "alpha": {"type": "integer", "const": 2**63}},
    "required": ["zeta"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "schema": SCHEMA}
NATIVE, BY_TOOL, BY_PROMPT = "claude-sonnet-4-5", "claude-haiku-5-5", "claude-opus-5-5"
TOOL = {"name": "a", "input_schema": {"type": "object"}}


def run(translate: Translate, model: str, **fields: Any) -> Any:
    return translate(model=model, **{"output_config": {"format": FORMAT}, **fields})


def test_the_models_that_have_it_get_the_schema_as_a_text(translate: Translate) -> None:
    outcome = run(translate, NATIVE)
    [structure] = [outcome.request["outputConfig"]["textFormat"]["structure"]["jsonSchema"]]
    assert structure == {"schema": orjson.dumps(SCHEMA).decode()}
    assert outcome.request["outputConfig"]["textFormat"]["type"] == "json_schema"
    assert outcome.claude_fields == {}
    assert outcome.translation.format_tool is None
    assert (outcome.dropped, outcome.approximated) == ((), ())


def test_there_it_may_stand_beside_tools_and_thinking(translate: Translate) -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    outcome = run(translate, NATIVE, tools=[TOOL], thinking=thinking, max_tokens=8000)
    assert "outputConfig" in outcome.request
    assert outcome.approximated == ()


@pytest.mark.parametrize("model", [BY_TOOL, "claude-sonnet-4-6", "claude-opus-4-8", "kimi-k2.5", "nova-pro"])
def test_elsewhere_the_schema_is_a_tool_that_must_be_called(translate: Translate, model: str) -> None:
    outcome = run(translate, model)
    [entry] = outcome.request["toolConfig"]["tools"]
    name = entry["toolSpec"]["name"]
    assert entry["toolSpec"]["inputSchema"] == {"json": SCHEMA}
    forced = {"any": {}} if model == "kimi-k2.5" else {"tool": {"name": name}}
    assert outcome.request["toolConfig"]["toolChoice"] == forced
    assert outcome.translation.format_tool == name
    assert outcome.approximated == ("output_config.format",)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (BY_PROMPT, {}),
        ("minimax-m2", {}),
        ("deepseek-r1", {}),
        (BY_TOOL, {"tools": [TOOL]}),
        (BY_TOOL, {"thinking": {"type": "adaptive"}}),
        (BY_TOOL, {"output_config": {"format": {"type": "json_schema", "schema": {"type": "array"}}}}),
        (BY_TOOL, {"output_config": {"format": {"type": "json_schema", "schema": {**SCHEMA, "anyOf": [{}]}}}}),
    ],
    ids=["no forced choice", "no choice", "no tools", "other tools", "thinking", "no object", "no tool has such"],
)
def test_where_nothing_can_be_forced_the_system_prompt_asks_for_it(
    translate: Translate, model: str, fields: dict[str, Any]
) -> None:
    outcome = run(translate, model, system="Be kind.", **fields)
    schema = fields.get("output_config", {"format": FORMAT})["format"]["schema"]
    first, last = outcome.request["system"]
    assert first == {"text": "Be kind."}
    assert last["text"].endswith("\n" + orjson.dumps(schema).decode())
    assert outcome.translation.format_tool is None
    assert outcome.approximated == ("output_config.format",)


def test_thinking_that_is_off_does_not_stand_in_the_way_of_the_tool(translate: Translate) -> None:
    assert run(translate, BY_TOOL, thinking={"type": "disabled"}).translation.format_tool is not None


@pytest.mark.parametrize("model", [NATIVE, BY_TOOL, BY_PROMPT])
def test_the_older_name_means_the_same(translate: Translate, model: str) -> None:
    assert translate(model=model, output_format=FORMAT).request == run(translate, model).request


@pytest.mark.parametrize("model", [NATIVE, BY_TOOL, BY_PROMPT])
def test_both_names_with_one_value_are_one(translate: Translate, model: str) -> None:
    assert run(translate, model, output_format=FORMAT).request == run(translate, model).request


def test_both_names_with_two_values_are_refused(translate: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^output_format: differs"):
        run(translate, NATIVE, output_format={"type": "json_schema", "schema": {"type": "object"}})


@pytest.mark.parametrize("wanted", [{"type": "text"}, {"type": "json_schema"}, "json"])
def test_an_odd_format_is_refused_with_its_path(translate: Translate, wanted: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^output_config\.format"):
        translate(output_config={"format": wanted})


@pytest.mark.parametrize("model", [NATIVE, BY_TOOL, BY_PROMPT])
def test_the_same_schema_is_the_same_bytes_on_every_turn(translate: Translate, model: str) -> None:
    assert run(translate, model).body == run(translate, model).body


def test_effort_and_format_do_not_disturb_each_other(translate: Translate) -> None:
    outcome = translate(model="claude-opus-4-6", output_config={"effort": "low", "format": FORMAT})
    assert outcome.claude_fields == {"output_config": {"effort": "low"}}
    assert "outputConfig" in outcome.request
