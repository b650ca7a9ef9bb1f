"""`additionalModelRequestFields`: what Converse has no place for, in the model's own words.

Field by field and never blindly: Bedrock refuses the whole request for one field that it does not know. The same fields
are written a second time without betas when they hold some, for the one retry after `invalid beta flag`: what needs a
beta goes together with it.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gateway.protocol.betas import to_betas
from gateway.protocol.converse import ConverseRequest
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.inference import top_k_fields
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.reasoning_effort import to_reasoning_effort
from gateway.protocol.scope import Scope
from gateway.protocol.thinking import note_other_efforts, to_effort, to_thinking
from gateway.protocol.tool_choice import refuse_forced_thinking
from gateway.protocol.tools import Tools

BETAS: Final = "anthropic_beta"


class WithoutBetas(msgspec.Struct, frozen=True):
    """The fields for a model that refuses betas, and what the caller has to be told besides."""

    fields: dict[str, Any]
    dropped: tuple[str, ...]
    approximated: tuple[str, ...]


def to_model_fields(
    request: MessagesRequest, converse: ConverseRequest, tools: Tools, scope: Scope
) -> tuple[dict[str, Any], WithoutBetas | None]:
    """The fields, and how they would be without betas. None: they have no betas, or cannot do without."""
    fields = _fields(request, converse, tools, scope)
    if BETAS not in fields or tools.betas:
        return fields, None
    return fields, _without_betas(request, converse, tools, scope)


def _without_betas(
    request: MessagesRequest, converse: ConverseRequest, tools: Tools, scope: Scope
) -> WithoutBetas | None:
    """Translated once more, as if the catalog knew of no betas."""
    model = replace(scope.model, capabilities=replace(scope.model.capabilities, betas=()))
    known = scope.disposition
    disposition = Disposition(strict=known.strict)
    try:
        fields = _fields(request, converse, tools, replace(scope, model=model, disposition=disposition))
    except InvalidRequest:
        # Strict mode wants what needs the beta, or a refusal: Bedrock's own it will be.
        return None
    return WithoutBetas(
        fields,
        tuple(name for name in disposition.dropped if name not in known.dropped),
        tuple(name for name in disposition.approximated if name not in known.approximated),
    )


def _fields(request: MessagesRequest, converse: ConverseRequest, tools: Tools, scope: Scope) -> dict[str, Any]:
    is_claude = scope.model.is_claude
    note_other_efforts(request, scope)
    fields = _thinking_fields(request, converse, tools, scope) if is_claude else to_reasoning_effort(request, scope)
    fields |= top_k_fields(request, scope) | tools.fields
    betas = to_betas(request, fields, tools, scope)
    if betas:
        fields[BETAS] = betas
    return fields


def _thinking_fields(request: MessagesRequest, converse: ConverseRequest, tools: Tools, scope: Scope) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    max_tokens = converse.get("inferenceConfig", {}).get("maxTokens")
    thinking = to_thinking(request, converse["messages"], max_tokens, scope)
    refuse_forced_thinking(tools.choice, thinking, scope)
    if thinking is not None:
        fields["thinking"] = thinking
    effort = to_effort(request, thinking, scope)
    if effort is not None:
        fields["output_config"] = {"effort": effort}
    return fields
