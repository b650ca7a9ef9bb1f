"""The betas of a request: what of them Bedrock is sent.

One value that Bedrock does not know for this model fails the whole request with `invalid beta flag`. So nothing is
passed on blindly: a value goes out when something in the request needs it, or when the caller asks for it, the catalog
says that the model takes it, and there is a use for it. The table names what becomes of each value asked for.
"""

from collections.abc import Iterator
from typing import Any, Final

from gateway.catalog.models import (
    BINDING_CONTROLS,
    CONTEXT_1M,
    DISPLAY_UPDATES,
    EFFORT,
    FINE_GRAINED,
    INTERLEAVED,
)
from gateway.protocol.disposition import MORE, UNKNOWN_BETA
from gateway.protocol.features import FEATURES
from gateway.protocol.messages import CustomTool, MessagesRequest
from gateway.protocol.scope import Scope
from gateway.protocol.tools import Tools
from gateway.protocol.wording import shown

# Values that may go out although nothing in the body needs them.
ON_REQUEST: Final = (INTERLEAVED, CONTEXT_1M, FINE_GRAINED)
MAX_BETAS_IN_BODY: Final = 40
# What stands before a refusal, wherever the beta came from.
HEADER: Final = "anthropic-beta"


def to_betas(request: MessagesRequest, fields: dict[str, Any], tools: Tools, scope: Scope) -> list[str]:
    """For `anthropic_beta`. `fields` are the model's own fields as they are sent; only what is in them needs a beta."""
    asked = asked_betas(request, scope)
    sent = dict.fromkeys([*_needed(fields, tools, scope), *_eager(request, tools, scope)])
    useful = {*sent, *_useful(fields, tools)}
    for beta in asked:
        if beta in ON_REQUEST and beta in useful and beta in scope.model.capabilities.betas:
            sent[beta] = None
        _disclose(beta, beta in sent, scope)
    return list(sent)


def asked_betas(request: MessagesRequest, scope: Scope) -> list[str]:
    """Of the header, and of the body, where Bedrock's InvokeModel has them; each one once."""
    in_body = list(dict.fromkeys([*_values(request.anthropic_beta), *_values(request.betas)]))
    if len(in_body) > MAX_BETAS_IN_BODY:
        scope.disposition.note_unknown(UNKNOWN_BETA, f"beta:{MORE}", HEADER)
    return list(dict.fromkeys([*scope.options.betas, *in_body[:MAX_BETAS_IN_BODY]]))


def _values(betas: str | tuple[str, ...] | None) -> Iterator[str]:
    for value in (betas,) if isinstance(betas, str) else betas or ():
        yield from (name for part in value.split(",") if (name := part.strip()))


def _needed(fields: dict[str, Any], tools: Tools, scope: Scope) -> Iterator[str]:
    yield from tools.betas
    if "output_config" in fields and scope.model.capabilities.effort_needs_beta:
        yield EFFORT
    thinking = fields.get("thinking", {})
    if "block_binding" in thinking:
        yield BINDING_CONTROLS
    if thinking.get("display") == "updates":
        yield DISPLAY_UPDATES


def _eager(request: MessagesRequest, tools: Tools, scope: Scope) -> Iterator[str]:
    for index, tool in enumerate((request.tools or ()) if tools.config is not None else ()):
        if not isinstance(tool, CustomTool) or not tool.eager_input_streaming:
            continue
        if FINE_GRAINED in scope.model.capabilities.betas:
            yield FINE_GRAINED
        else:
            path = f"tools.{index}.eager_input_streaming"
            scope.note("tools.custom.eager_input_streaming/not_on_this_model", path)


def _useful(fields: dict[str, Any], tools: Tools) -> Iterator[str]:
    yield CONTEXT_1M
    if fields.get("thinking", {}).get("type") == "enabled":
        yield INTERLEAVED
    if tools.config is not None:
        yield FINE_GRAINED


def _disclose(beta: str, sent: bool, scope: Scope) -> None:
    row, path = f"beta:{beta}", f"{HEADER}: {shown(beta)}"
    if row not in FEATURES:
        scope.disposition.note_unknown(UNKNOWN_BETA, row, path)
        return
    if not sent:
        reason = "/not_on_this_model" if beta not in scope.model.capabilities.betas else "/without_use"
        row = next(name for name in (row + reason, f"{row}/without_use", row) if name in FEATURES)
    scope.note(row, path)
