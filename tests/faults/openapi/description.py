"""The whole description: paths, headers, what each status means."""

from typing import Any, Final

from gateway import __version__
from tests.faults.openapi.replies import Schema, ref, reply_schemas
from tests.faults.openapi.requests import EXAMPLES, request_schemas

JSON: Final = "application/json"
SSE: Final = "text/event-stream"
OPEN: Final[list[Any]] = []

STATUSES: Final[dict[str, str]] = {
    "400": "The request is not valid; the message begins with the place in the JSON. Or Bedrock refused it.",
    "401": "No key, an unknown one, or one that has expired.",
    "403": "The key may not use this model, or the gateway's role may not.",
    "404": "No such path, or no such model.",
    "405": "The path takes other methods; `allow` names them.",
    "408": "The body did not arrive in time.",
    "413": "The body is larger than the gateway takes, or than Bedrock does.",
    "415": "The body is compressed.",
    "429": "Bedrock throttles, a quota is used up, or it was a wrong key after many others.",
    "431": "A header or the URL is too long.",
    "500": "Bedrock failed, or the gateway cannot read its keys or use its AWS credentials. Never the caller's key.",
    "503": "Not ready: the keys cannot be read yet.",
    "504": "Bedrock did not begin in time, or the model took too long.",
    "529": "Bedrock cannot be reached or is busy, or the gateway has as many requests as it may.",
}
# What any request may get, whatever it asks for.
ALWAYS: Final = ("400", "405", "431")
WITH_KEY: Final = (*ALWAYS, "401", "429", "500")
OF_MESSAGES: Final = (*WITH_KEY, "403", "404", "408", "413", "415", "504", "529")

REQUEST_ID: Final[Schema] = {
    "description": "The id of this request, in the gateway's log and in errors.",
    "required": True,
    "schema": {"type": "string", "pattern": "^req_[0-9a-f]{24}$"},
}


def header(description: str, schema: Schema | None = None) -> Schema:
    return {"description": description, "schema": schema or {"type": "string"}}


DISCLOSURE: Final = {
    "request-id": REQUEST_ID,
    "x-chatrix-model": header("The model that answers, by its name in the catalog."),
    "x-chatrix-dropped": header("Fields of the request that had no effect, separated by commas."),
    "x-chatrix-approximated": header("Fields that became something close to what was asked for."),
}


def described() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chatrix",
            "version": __version__,
            "summary": "The Anthropic Messages API, answered by Amazon Bedrock.",
            "description": (
                "What this gateway serves of the Messages API. docs/compatibility.md says field by field what becomes "
                "of a request. A request that this description allows may still be refused with a 400 that names the "
                "place: roles that do not fit, a tool result without its call, a model that cannot do what is asked "
                "for.\n\n"
                "Do not edit: `make openapi` writes it from the request's types and the table of routes."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "http://127.0.0.1:3000", "description": "`make run`"}],
        "security": [{"apiKey": []}, {"bearer": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": _schemas(),
            "responses": {f"Error{status}": _error(status) for status in STATUSES},
        },
    }


def _schemas() -> dict[str, Schema]:
    asked, answered = request_schemas(), reply_schemas()
    if both := asked.keys() & answered.keys():
        raise ValueError(f"{both} are names of a request's and of a reply's schema")
    return asked | answered


def _error(status: str) -> dict[str, Any]:
    headers: dict[str, Any] = {"request-id": REQUEST_ID}
    if status == "405":
        headers["allow"] = {**header("The methods that the path takes."), "required": True}
    if status in ("429", "529"):
        headers["retry-after"] = header("Seconds to wait, where they are known.")
    return {"description": STATUSES[status], "headers": headers, "content": {JSON: {"schema": ref("Error")}}}


def _operation(
    operation_id: str, summary: str, replies: dict[str, Any], errors: tuple[str, ...], **more: Any
) -> Schema:
    refused = {status: {"$ref": f"#/components/responses/Error{status}"} for status in sorted(set(errors))}
    return {"operationId": operation_id, "summary": summary, **more, "responses": {**replies, **refused}}


def _ok(schema: str, description: str, **headers: Schema) -> dict[str, Any]:
    return {
        "200": {
            "description": description,
            "headers": headers or {"request-id": REQUEST_ID},
            "content": {JSON: {"schema": ref(schema)}},
        }
    }


def _head() -> dict[str, Any]:
    return {"200": {"description": "As GET, without a body.", "headers": {"request-id": REQUEST_ID}}}


def _paths() -> dict[str, Any]:
    return {
        "/v1/messages": {"post": _messages()},
        "/v1/messages/count_tokens": {"post": _count_tokens()},
        "/v1/models": {"get": _list_models()},
        "/v1/models/{id}": {"get": _one_model()},
        "/": _knock("root", "Clients knock here when they start"),
        "/api/hello": _knock("hello", "Clients knock here too"),
        "/health": _knock("health", "The process is alive: no key, no AWS", "Health"),
        "/ready": {
            "get": _operation(
                "ready", "There is a key to compare with", _ok("Health", "Ready."), (*ALWAYS, "503"), security=OPEN
            ),
            "head": _operation(
                "readyHead",
                "The same, without a body",
                {**_head(), "503": {"description": "Not ready."}},
                ALWAYS,
                security=OPEN,
            ),
        },
        "/version": {
            "get": _operation("version", "The gateway's version", _ok("Version", "It."), ALWAYS, security=OPEN)
        },
        "/protocol": {
            "get": _operation(
                "protocol",
                "The feature table: what becomes of each field",
                _ok("Protocol", "Its rows."),
                ALWAYS,
                security=OPEN,
            )
        },
        "/events": {
            "post": _operation(
                "events",
                "What the Lambda Web Adapter makes of an invocation that is no HTTP request: always refused",
                {},
                ALWAYS,
                security=OPEN,
            )
        },
    }


def _knock(name: str, summary: str, schema: str = "Name") -> dict[str, Any]:
    return {
        "get": _operation(name, summary, _ok(schema, "There."), ALWAYS, security=OPEN),
        "head": _operation(f"{name}Head", summary, _head(), ALWAYS, security=OPEN),
    }


def _messages() -> Schema:
    return _operation(
        "createMessage",
        "Ask a model, streamed or not",
        {
            "200": {
                "description": "The answer: one message, or its events. A broken stream ends with an `error` event.",
                "headers": {
                    **DISCLOSURE,
                    "x-amzn-requestid": header("Bedrock's own id of the request, which AWS support asks for."),
                },
                "content": {
                    JSON: {"schema": ref("MessageReply")},
                    SSE: {"schema": ref("ServerSentEvent")},
                },
            }
        },
        OF_MESSAGES,
        parameters=_request_headers(),
        requestBody=_body("MessagesRequest"),
    )


def _count_tokens() -> Schema:
    counted = header(
        "`exact` where Bedrock counted, else `estimate`.", {"type": "string", "enum": ["exact", "estimate"]}
    )
    return _operation(
        "countTokens",
        "What a request would cost as input",
        _ok("TokenCount", "The number of tokens.", **DISCLOSURE, **{"x-chatrix-count": counted}),
        OF_MESSAGES,
        parameters=_request_headers(),
        requestBody=_body("CountTokensRequest"),
    )


def _body(schema: str) -> dict[str, Any]:
    examples = {name: each for name, each in EXAMPLES.items() if schema == "MessagesRequest" or name != "streamed"}
    return {"required": True, "content": {JSON: {"schema": ref(schema), "examples": examples}}}


def _request_headers() -> list[dict[str, Any]]:
    return [
        _parameter("anthropic-version", "Taken as it is; only one is known.", example="2023-06-01"),
        _parameter(
            "anthropic-beta", "Betas, separated by commas. Those that Bedrock does not take are named as dropped."
        ),
        _parameter(
            "x-chatrix-strict",
            "`1`: a 400 where something would be approximated or lost.",
            schema={"type": "string", "enum": ["", "0", "1"]},
        ),
    ]


def _parameter(name: str, description: str, schema: Schema | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema or {"type": "string"}, **more}


def _list_models() -> Schema:
    def query(name: str, description: str, schema: Schema) -> dict[str, Any]:
        return {"name": name, "in": "query", "description": description, "schema": schema}

    return _operation(
        "listModels",
        "The models that the key may use",
        _ok("ModelList", "A page, newest first in a family."),
        WITH_KEY,
        parameters=[
            query("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20}),
            query("after_id", "The page behind this model.", {"type": "string"}),
            query("before_id", "The page before this model.", {"type": "string"}),
        ],
    )


def _one_model() -> Schema:
    return _operation(
        "getModel",
        "The model that answers to a name",
        _ok(
            "Model", "It.", **{"request-id": REQUEST_ID, "x-chatrix-approximated": DISCLOSURE["x-chatrix-approximated"]}
        ),
        (*WITH_KEY, "404"),
        parameters=[
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "A name, an alias, a Bedrock id.",
                "schema": {"type": "string", "minLength": 1},
                "example": "claude-sonnet-4-5",
            }
        ],
    )
