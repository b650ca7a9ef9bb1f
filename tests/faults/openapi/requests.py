"""The request's schemas: msgspec's own description of the types that the parser converts to, so that both agree."""

from typing import Any, Final

import msgspec

from gateway.catalog.geography import GEOGRAPHIES
from gateway.protocol.messages import MessagesRequest
from tests.faults.openapi.replies import Schema, ref

TEMPLATE: Final = "#/components/schemas/{name}"


def request_schemas() -> dict[str, Schema]:
    """`CountTokensRequest` is the whole request; `MessagesRequest` the same, and it must have `max_tokens`."""
    _, schemas = msgspec.json.schema_components([MessagesRequest], ref_template=TEMPLATE)
    body = schemas.pop("MessagesRequest")
    body.pop("title")
    body["description"] = (
        "Fields that are not listed here are no error: they are left out and named in `x-chatrix-dropped`. "
        "docs/compatibility.md says for each field what becomes of it. A `null` means that the field is absent."
    )
    body["properties"]["inference_geo"] = {"enum": [*GEOGRAPHIES, None]}
    # Where there is only one kind, its name may be left out.
    schemas["OutputFormat"]["required"] = ["schema"]
    schemas["OnlyTextBlock"] = {**schemas["TextBlock"], "required": ["text"]}
    for place in (body["properties"]["system"]["anyOf"][1], schemas["SearchResultBlock"]["properties"]["content"]):
        place["items"] = ref("OnlyTextBlock")
    _let_custom_tools_have_no_type(schemas, body)
    return {
        **{name: _plain(schema) for name, schema in schemas.items()},
        "CountTokensRequest": body,
        "MessagesRequest": {
            "allOf": [
                ref("CountTokensRequest"),
                {
                    "type": "object",
                    "required": ["max_tokens"],
                    "properties": {"max_tokens": {"type": "integer", "minimum": 0}},
                },
            ]
        },
    }


def _let_custom_tools_have_no_type(schemas: dict[str, Schema], body: Schema) -> None:
    """`parsing` puts it in. And a discriminator must always be there, so this union has none."""
    tool = schemas["CustomTool"]
    tool["required"] = [name for name in tool["required"] if name != "type"]
    tool["properties"]["type"] = {"enum": ["custom", None]}
    for choice in body["properties"]["tools"]["anyOf"]:
        choice.get("items", {}).pop("discriminator", None)


def _plain(schema: Schema) -> Schema:
    """Without the name that it has in Python, which is the component's already."""
    return {name: value for name, value in schema.items() if name != "title"}


def example(**changes: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 256,
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        **changes,
    }


EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "whole": {"summary": "A question, answered in one piece", "value": example()},
    "streamed": {"summary": "The same, as server-sent events", "value": example(stream=True)},
    "tools": {
        "summary": "A tool's call and its result",
        "value": example(
            tools=[
                {
                    "name": "get_weather",
                    "description": "The weather in a city",
                    "input_schema": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                }
            ],
            messages=[
                {"role": "user", "content": "How is the weather in Paris?"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "tool_use", "id": "toolu_01", "name": "get_weather", "input": {"city": "Paris"}}
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "toolu_01", "content": "18 degrees, sunny"}],
                },
            ],
        ),
    },
    "thinking": {
        "summary": "With thinking, and a system prompt that is cached",
        "value": example(
            max_tokens=4096,
            thinking={"type": "enabled", "budget_tokens": 2048},
            system=[{"type": "text", "text": "Answer in one word.", "cache_control": {"type": "ephemeral"}}],
        ),
    },
}
