"""What the gateway answers, as schemas. All members that a reply always has are required: clients rely on them."""

from typing import Any, Final

from gateway.protocol.errors import GatewayError

Schema = dict[str, Any]

COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
SUPPORT: Final[Schema] = {"type": "object", "required": ["supported"], "properties": {"supported": {"type": "boolean"}}}
# The events of a stream, and the schemas of their data.
EVENTS: Final = {
    "message_start": "MessageStartEvent",
    "content_block_start": "ContentBlockStartEvent",
    "content_block_delta": "ContentBlockDeltaEvent",
    "content_block_stop": "ContentBlockStopEvent",
    "message_delta": "MessageDeltaEvent",
    "message_stop": "MessageStopEvent",
    "ping": "PingEvent",
}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def obj(description: str = "", optional: tuple[str, ...] = (), /, **members: Schema) -> Schema:
    """An object that has all `members` but the `optional` ones; `type_` stands for `type`."""
    properties = {name.removesuffix("_"): schema for name, schema in members.items()}
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        **({"description": description} if description else {}),
        "required": required,
        "properties": properties,
    }


def const(value: str) -> Schema:
    return {"type": "string", "const": value}


def text(description: str = "") -> Schema:
    return {"type": "string", **({"description": description} if description else {})}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def error_types() -> list[str]:
    kinds: list[type[GatewayError]] = [GatewayError, *_all_subclasses(GatewayError)]
    return sorted({kind.type for kind in kinds})


def _all_subclasses(kind: type[GatewayError]) -> list[type[GatewayError]]:
    return [each for direct in kind.__subclasses__() for each in (direct, *_all_subclasses(direct))]


def reply_schemas() -> dict[str, Schema]:
    return {**_errors(), **_blocks(), **_message(), **_events(), **_models(), **_others()}


def _errors() -> dict[str, Schema]:
    return {
        "Error": obj(
            "Every refusal has this shape, before and inside a stream.",
            type_=const("error"),
            error=obj(
                type_={"type": "string", "enum": error_types()}, message=text("What was wrong, where, what to do.")
            ),
            request_id=text("The same as in the header `request-id`, and in the gateway's log."),
        )
    }


def _blocks() -> dict[str, Schema]:
    citation = {
        "type": "object",
        "description": "A citation in Anthropic's form; the members depend on its `type`.",
        "required": ["type"],
        "properties": {"type": {"type": "string"}},
    }
    return {
        "TextReply": obj(
            "",
            ("citations",),
            type_=const("text"),
            text={"type": "string"},
            citations=or_null(array(citation)),
        ),
        "ThinkingReply": obj(type_=const("thinking"), thinking={"type": "string"}, signature={"type": "string"}),
        "RedactedThinkingReply": obj(type_=const("redacted_thinking"), data={"type": "string"}),
        "ToolUseReply": obj(
            type_=const("tool_use"),
            id={"type": "string", "pattern": "^[a-zA-Z0-9_.:-]{1,64}$"},
            name={"type": "string"},
            input={"type": "object"},
        ),
        "ContentReply": {
            "oneOf": [ref(name) for name in ("TextReply", "ThinkingReply", "RedactedThinkingReply", "ToolUseReply")]
        },
    }


def _usage(*, at_start: bool) -> Schema:
    members = {
        "input_tokens": COUNT,
        "output_tokens": COUNT,
        "cache_creation_input_tokens": COUNT,
        "cache_read_input_tokens": COUNT,
        "cache_creation": or_null(obj(ephemeral_5m_input_tokens=COUNT, ephemeral_1h_input_tokens=COUNT)),
        "output_tokens_details": or_null(obj(thinking_tokens=COUNT)),
        "server_tool_use": {"type": "null"},
        "service_tier": or_null({"type": "string", "enum": ["standard", "priority"]}),
    }
    description = "Tokens by bucket; together they are the whole. "
    description += "At the start only an estimate of the input is known." if at_start else ""
    return obj(description.strip(), **members)


def _message() -> dict[str, Schema]:
    return {
        "Usage": _usage(at_start=False),
        "MessageReply": obj(
            "A whole answer.",
            id=text("Begins with `msg_bdrk_`."),
            type_=const("message"),
            role=const("assistant"),
            model=text("The name that was asked for. The header `x-chatrix-model` says which model answered."),
            content=array(ref("ContentReply")),
            stop_reason=text(
                "`end_turn`, `tool_use`, `max_tokens`, `stop_sequence`, `refusal`, `model_context_window_exceeded`, "
                "`pause_turn`; one that nobody knows yet is passed on."
            ),
            stop_sequence=or_null({"type": "string"}),
            usage=ref("Usage"),
        ),
    }


def _events() -> dict[str, Schema]:
    index = {"index": COUNT}
    delta = {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {
                "type": "string",
                "enum": ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta"],
            }
        },
    }
    return {
        "MessageStartEvent": obj(type_=const("message_start"), message={"type": "object"}),
        "ContentBlockStartEvent": obj(type_=const("content_block_start"), **index, content_block={"type": "object"}),
        "ContentBlockDeltaEvent": obj(type_=const("content_block_delta"), **index, delta=delta),
        "ContentBlockStopEvent": obj(type_=const("content_block_stop"), **index),
        "MessageDeltaEvent": obj(
            type_=const("message_delta"),
            delta=obj(stop_reason={"type": "string"}, stop_sequence=or_null({"type": "string"})),
            usage=ref("Usage"),
        ),
        "MessageStopEvent": obj("Only an answer that ends with it is whole.", type_=const("message_stop")),
        "PingEvent": obj(type_=const("ping")),
        "StreamEvent": {"oneOf": [ref(name) for name in (*EVENTS.values(), "Error")]},
        "ServerSentEvent": obj(
            "One event. A stream is `message_start`, for each block `content_block_start`, deltas and "
            "`content_block_stop`, then `message_delta` and `message_stop`, with a `ping` in every silence. A broken "
            "one ends with `error`.",
            event={"type": "string", "enum": [*EVENTS, "error"]},
            data={"type": "string", "contentMediaType": "application/json", "contentSchema": ref("StreamEvent")},
        ),
    }


def _models() -> dict[str, Schema]:
    number = or_null({"type": "integer", "minimum": 1})
    return {
        "Model": obj(
            type_=const("model"),
            id={"type": "string"},
            display_name={"type": "string"},
            created_at=text("RFC 3339; the epoch where nobody knows."),
            lifecycle={"type": "string", "enum": ["active", "deprecated", "retired"]},
            deprecated_at={"type": "null"},
            retires_at=or_null({"type": "string"}),
            line=or_null({"type": "string"}),
            max_input_tokens=number,
            max_tokens=number,
            capabilities={"type": "object", "additionalProperties": SUPPORT},
            allowed_fallback_models=array({"type": "string"}),
        ),
        "ModelList": obj(
            data=array(ref("Model")),
            has_more={"type": "boolean"},
            first_id=or_null({"type": "string"}),
            last_id=or_null({"type": "string"}),
        ),
    }


def _others() -> dict[str, Schema]:
    return {
        "TokenCount": obj(input_tokens=COUNT),
        "Name": obj(name=const("chatrix"), version={"type": "string"}),
        "Version": obj(version={"type": "string"}),
        "Health": obj(status={"type": "string", "enum": ["ok", "ready"]}),
        "Protocol": obj(
            features=array(
                {"type": "object", "required": ["name", "fate"], "description": "A row of docs/compatibility.md."}
            )
        ),
    }
