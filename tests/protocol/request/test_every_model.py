"""A conversation of every kind of block, on every model in service: the strict simulator takes what it becomes."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any, get_args

import pytest

from gateway.catalog import MODELS, Model
from gateway.protocol.blocks import RequestBlock, ResultBlock
from gateway.simulator.checks import check_body, check_prompt
from gateway.simulator.models import serve
from gateway.simulator.request_shapes import CONVERSE_STREAM

Translate = Callable[..., Any]
PNG = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30)).decode()
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
IN_SERVICE = [
    model
    for model in MODELS
    if model.lifecycle != "retired" and model.capabilities.tools and model.capabilities.tools_in_streams
]


def text(value: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **fields}


def documents(cited: bool) -> list[dict[str, Any]]:
    plain = {"type": "text", "media_type": "text/plain", "data": "Grass is green."}
    sources = [plain, {"type": "content", "content": [text("a"), text("b")]}]
    return [{"type": "document", "source": source, "citations": {"enabled": cited}} for source in sources]


def found(cited: bool) -> dict[str, Any]:
    content = [text("Grass is green.")]
    return {"type": "search_result", "source": "s", "title": "t", "content": content, "citations": {"enabled": cited}}


def pictures(model: Model) -> list[dict[str, Any]]:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    return [image] if model.capabilities.images else []


CITATION = {"type": "char_location", "cited_text": "G", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
FROM_ELSEWHERE: list[dict[str, Any]] = [
    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
    *(
        {"type": f"{kind}_tool_result", "tool_use_id": "s1", "content": []}
        for kind in (
            "web_search", "web_fetch", "advisor", "code_execution", "bash_code_execution", "text_editor_code_execution",
            "tool_search", "mcp",
        )
    ),
    {"type": "mcp_tool_use", "id": "m1", "name": "n", "server_name": "s", "input": {}},
    {"type": "mcp_tool_listing", "mcp_server_name": "s", "tools": []},
    {"type": "compaction", "content": None, "encrypted_content": "x"},
    {"type": "fallback", "from": {}, "to": {}},
]  # fmt: skip


def conversation(model: Model, cited: bool) -> list[dict[str, Any]]:
    thoughts = [{"type": "thinking", "thinking": "", "signature": "Eq"}, {"type": "redacted_thinking", "data": "EqQB"}]
    calls: list[dict[str, Any]] = [
        {"type": "tool_use", "id": name, "name": "Read", "input": {}} for name in ("c1", "c2")
    ]
    inside = [
        text("r"),
        *documents(cited),
        found(cited),
        {"type": "tool_reference", "tool_name": "Read"},
        {"type": "browser_state", "tabs": []},
        *pictures(model),
    ]
    result = {"type": "tool_result", "tool_use_id": "c1", "content": inside, "is_error": True}
    return [
        {"role": "user", "content": [*documents(cited), found(cited), *pictures(model)]},
        {"role": "assistant", "content": [*thoughts, text("g", citations=[CITATION]), *FROM_ELSEWHERE, *calls]},
        {"role": "system", "content": [text("n", **HOUR)]},
        {"role": "user", "content": [result, text("and"), *documents(cited)]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c2"}]},
    ]


@pytest.mark.parametrize("cited", [True, False])
@pytest.mark.parametrize("model", IN_SERVICE, ids=lambda model: model.name)
def test_the_simulator_takes_every_block_on_every_model(translate: Translate, model: Model, cited: bool) -> None:
    outcome = translate(
        conversation(model, cited),
        model=model.name,
        system=[text("s", **HOUR)],
        tools=[{"name": "Read", "input_schema": {"type": "object"}}],
        **HOUR,
    )
    check_prompt(check_body(CONVERSE_STREAM, outcome.request), serve(outcome.model.model_id))


def test_that_conversation_has_every_block() -> None:
    blocks = [block for said in conversation(MODELS[0], cited=True) for block in said["content"]]
    blocks += [inner for block in blocks for inner in block.get("content") or [] if isinstance(inner, dict)]
    tags = {member.__struct_config__.tag for member in (*get_args(RequestBlock), *get_args(ResultBlock))}
    # Only an operator's note adds and removes tools, and only what `tools` offers.
    assert tags - {block["type"] for block in blocks} == {"tool_addition", "tool_removal"}
