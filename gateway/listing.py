"""`GET /v1/models` and `GET /v1/models/{id}`: the catalog in Anthropic's shape, as far as the caller's key may use it.

The list costs no call to AWS: clients ask when they start, and give up after three seconds. Whether the account may use
a model is therefore not known here.
Source: https://docs.claude.com/en/api/models-list and the types of Anthropic's public SDK.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

import msgspec
import orjson
from aiohttp import web
from msgspec.structs import replace

from gateway.access import Caller
from gateway.catalog import MODELS, UNKNOWN_RELEASE, Capabilities, Model, Resolution, served_models
from gateway.intake import authenticate
from gateway.protocol.errors import InvalidRequest, NotFound
from gateway.resolving import RESOLVER, resolve_model, shown

Stage = Literal["active", "deprecated", "retired"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
# Anthropic's answer when nothing is asked for: all that still answer.
DEFAULT_STAGES: Final[frozenset[Stage]] = frozenset({"active", "deprecated"})
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 1000
# Anthropic's `line`; other families have none.
LINES: Final = frozenset({"haiku", "sonnet", "opus", "fable", "mythos"})
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
THINKING_TYPES: Final = ("adaptive", "between_tools", "disabled", "enabled")
CONTEXT_EDITS: Final = ("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112")


class PageQuery(msgspec.Struct, frozen=True):
    limit: int
    after_id: str
    before_id: str
    stages: frozenset[Stage]


async def list_models(request: web.Request) -> web.StreamResponse:
    """`GET /v1/models`. Raises `InvalidRequest` for a query that cannot be served as it was meant."""
    caller = await authenticate(request)
    query = read_query(request)
    models = [model for model in listed_models(request, caller) if stage(model) in query.stages]
    page, has_more = cut_page(models, query)
    return _reply(
        {
            "data": [describe(model) for model in page],
            "has_more": has_more,
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        }
    )


async def retrieve_model(request: web.Request) -> web.StreamResponse:
    """`GET /v1/models/{id}`: the model that answers to this name. Ids of providers may be percent-encoded or not."""
    name = request.path.partition("/models/")[2].strip("/")
    caller = await authenticate(request)
    resolution = await resolve_model(request.app, name)
    if not caller.may_use(resolution.name):
        # The text of a name that nobody has: a key learns nothing about models it may not use.
        raise NotFound(f"model: {shown(name)}. GET /v1/models lists what there is.")
    headers = {"x-chatrix-approximated": "model"} if resolution.substituted else {}
    return _reply(describe_answering(resolution), headers)


def listed_models(request: web.Request, caller: Caller) -> list[Model]:
    """What can be had where requests may go, and the retired. In the catalog's order: newest first in a family."""
    resolver = request.app[RESOLVER]
    served = {model.name for model in served_models(resolver.region, resolver.preferences)}
    known = (model for model in MODELS if model.name in served or not model.is_active)
    return [model for model in known if caller.may_use(model.name)]


def read_query(request: web.Request) -> PageQuery:
    query = request.query
    after_id, before_id = query.get("after_id", ""), query.get("before_id", "")
    if after_id and before_id:
        raise InvalidRequest("before_id: cannot be combined with after_id")
    # Anthropic's SDKs write lists with brackets.
    wanted = [*query.getall("lifecycle[]", ()), *query.getall("lifecycle", ())]
    stages = frozenset(stage for stage in STAGES if stage in wanted)
    if set(wanted) - stages:
        raise InvalidRequest(f"lifecycle: must be one or more of {', '.join(STAGES)}")
    return PageQuery(_limit(query.get("limit")), after_id, before_id, stages or DEFAULT_STAGES)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidRequest(f"limit: must be a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def cut_page(models: Sequence[Model], query: PageQuery) -> tuple[Sequence[Model], bool]:
    """The page, and whether there is more in the direction that was asked for."""
    if query.before_id:
        end = _position(models, "before_id", query.before_id)
        start = max(0, end - query.limit)
        return models[start:end], start > 0
    start = _position(models, "after_id", query.after_id) + 1 if query.after_id else 0
    end = start + query.limit
    return models[start:end], end < len(models)


def _position(models: Sequence[Model], parameter: str, cursor: str) -> int:
    for index, model in enumerate(models):
        if model.name == cursor:
            return index
    # An empty page would tell a client that it has seen everything.
    raise InvalidRequest(f"{parameter}: no model in this list has the id {shown(cursor)}")


def stage(model: Model) -> Stage:
    """Anthropic calls a model active only as long as no retirement is scheduled."""
    if model.lifecycle == "retired":
        return "retired"
    return "deprecated" if model.lifecycle == "legacy" or model.end_of_life else "active"


def describe(model: Model) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.display_name,
        "created_at": model.released,
        "lifecycle": stage(model),
        # Bedrock announces when a model ends, not when that was announced.
        "deprecated_at": None,
        "retires_at": f"{model.end_of_life}T00:00:00Z" if model.end_of_life else None,
        "line": model.family if model.family in LINES else None,
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
        "capabilities": describe_capabilities(model.capabilities),
        "allowed_fallback_models": [],
    }


def describe_answering(resolution: Resolution) -> dict[str, Any]:
    """The model of a name. Of one that is in no row only the abilities of its nearest kin are known."""
    model, name = resolution.model, resolution.name
    if name == model.name:
        return describe(model)
    return describe(replace(model, name=name, shown_as=name, end_of_life=None)) | {"created_at": UNKNOWN_RELEASE}


def describe_capabilities(capabilities: Capabilities) -> dict[str, Any]:
    """What works through this gateway: neither batches nor server tools do, whatever the model."""
    thinks = any(kind != "disabled" for kind in capabilities.thinking)
    thinking = {kind: _support(kind in capabilities.thinking) for kind in THINKING_TYPES}
    if not thinks:
        thinking["disabled"] = _support(True)  # as Anthropic has it: what is always off can be asked to be off
    return {
        "batch": _support(False),
        "citations": _support(capabilities.citations),
        "code_execution": _support(False),
        "compaction": {**_support(False), "summarize": _support(False)},
        "context_management": {**_support(False), **{edit: _support(False) for edit in CONTEXT_EDITS}},
        "effort": {
            **_support(bool(capabilities.effort)),
            **{level: _support(level in capabilities.effort) for level in EFFORTS},
        },
        "image_input": _support(capabilities.images),
        "pdf_input": _support(capabilities.documents),
        "server_tools": {**_support(False), "code_execution": _support(False), "web_search": _support(False)},
        "structured_outputs": _support(capabilities.native_format == "yes" or capabilities.strict_tools),
        "thinking": {**_support(thinks), "types": thinking},
    }


def _support(supported: bool) -> dict[str, bool]:
    return {"supported": supported}


def _reply(value: object, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", headers=headers)
