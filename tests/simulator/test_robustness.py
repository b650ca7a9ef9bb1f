"""Whatever a request holds where anything may stand, the simulator answers or refuses; it never falls over."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.simulator import Refusal
from gateway.simulator.checks import check_body, check_prompt
from gateway.simulator.conversation import plan_conversation
from gateway.simulator.models import serve
from gateway.simulator.request_shapes import CONVERSE
from tests.simulator.conftest import CLAUDE, GPT_OSS, OPUS_5_5

if TYPE_CHECKING:
    from gateway.simulator.contents import JsonObject
    from tests.simulator.conftest import WireClient

MODEL_IDS: Final = (CLAUDE, OPUS_5_5, GPT_OSS, "us.amazon.nova-pro-v1:0", "us.anthropic.claude-opus-6")
WORDS: Final = st.sampled_from(
    ["auto", "any", "tool", "none", "enabled", "adaptive", "disabled", "bash_20250124", "bash", "low", "object", "x"]
)
SCALARS: Final = st.none() | st.booleans() | st.integers(-5, 70_000) | WORDS
NAMES: Final = st.sampled_from(
    [
        "type",
        "name",
        "effort",
        "format",
        "schema",
        "budget_tokens",
        "display",
        "properties",
        "required",
        "items",
        "$ref",
    ]
)
ANYTHING: Final = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
FIELD_NAMES: Final = st.sampled_from(
    [
        "anthropic_beta",
        "thinking",
        "output_config",
        "tool_choice",
        "tools",
        "top_k",
        "inferenceConfig",
        "reasoning_effort",
    ]
)
PROMPTS: Final = st.sampled_from(["Hello?", "run: ls", "write a.txt: b"])


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    model_id=st.sampled_from(MODEL_IDS),
    prompt=PROMPTS,
    fields=st.dictionaries(FIELD_NAMES, ANYTHING, max_size=3) | ANYTHING,
    schema=ANYTHING,
    answer_schema=st.none() | ANYTHING.map(json.dumps),
)
def test_free_members_never_break_it(
    model_id: str, prompt: str, fields: Any, schema: Any, answer_schema: str | None
) -> None:
    request: JsonObject = {
        "messages": [{"role": "user", "content": [{"text": prompt}]}],
        "additionalModelRequestFields": fields,
        "toolConfig": {"tools": [{"toolSpec": {"name": "Bash", "inputSchema": {"json": schema}}}]},
    }
    if answer_schema is not None:
        structure = {"jsonSchema": {"schema": answer_schema}}
        request["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
    model = serve(model_id)
    try:
        check_prompt(check_body(CONVERSE, request), model)
    except Refusal:
        return
    plan_conversation(request, model, 1)


@pytest.mark.parametrize("depth", [300, 900, 2000])
async def test_deep_bodies_are_refused(wire: WireClient, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    body = '{"messages":[{"role":"user","content":[{"text":"a"}]}],"additionalModelRequestFields":%s}' % deep  # noqa: UP031
    assert (await wire.send("converse-stream", body.encode())).status == 400


async def test_a_deep_schema_for_the_answer_is_refused_or_read(wire: WireClient) -> None:
    schema = '{"items":' * 900 + "{}" + "}" * 900
    text_format = {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema}}}
    assert (await wire.stream("a", outputConfig={"textFormat": text_format})).status in (200, 400)


@pytest.mark.parametrize("changes", [{"tools": 5}, {"tools": [5]}, {"tools": [{"type": []}]}, {"messages": [5]}])
async def test_broken_invoke_bodies_are_refused(wire: WireClient, changes: dict[str, Any]) -> None:
    body = {"anthropic_version": "x", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}], **changes}
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    model_id = CLAUDE.removeprefix("us.")
    assert (await wire.send("count-tokens", {"input": {"invokeModel": {"body": encoded}}}, model_id)).status == 400
