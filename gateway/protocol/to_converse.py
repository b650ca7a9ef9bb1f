"""MessagesRequest to ConverseRequest: the one translation of requests.

What Converse cannot say and the model can goes into `additionalModelRequestFields`. What is lost or changed on the way
is named in the `Disposition`.
"""

from collections.abc import Mapping

import msgspec

from gateway.catalog import Model
from gateway.protocol.blocks import ToolUseBlock
from gateway.protocol.caching import limit_points, mark_whole, only_1h_points
from gateway.protocol.converse import ConverseRequest
from gateway.protocol.disposition import Disposition
from gateway.protocol.inference import to_inference_config, to_stop_sequences
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.model_fields import WithoutBetas, to_model_fields
from gateway.protocol.options import NO_OPTIONS, Options
from gateway.protocol.output_format import add_output_format
from gateway.protocol.request_body import RequestBody, encode, encode_both
from gateway.protocol.response_fields import RESPONSE_FIELD_PATHS
from gateway.protocol.scope import Scope
from gateway.protocol.system_prompt import to_system
from gateway.protocol.tools import to_tools
from gateway.protocol.turns import to_turns

__all__ = ["Translation", "encode", "to_converse"]


class Translation(msgspec.Struct, frozen=True):
    request: ConverseRequest
    """Without `modelId`, ready for `encode`."""
    tool_names: Mapping[str, str]
    """Name on the wire to the client's name; only those that differ."""
    stop_sequences: tuple[str, ...]
    without_betas: WithoutBetas | None = None
    """What changes when Bedrock refuses the betas."""
    format_tool: str | None = None
    """The tool, by its name on the wire, whose input is the text of the answer."""
    tool_use_ids: frozenset[str] = frozenset()
    """Of the calls in the conversation so far, as the client wrote them: a new call must not repeat one."""
    only_1h_cache: bool = False
    """Each cache point keeps for an hour: so does what Bedrock writes without saying how long."""

    def encode(self) -> RequestBody:
        """The bytes that go upstream. Raises `InvalidRequest` for what JSON cannot hold."""
        return encode_both(self.request, self.without_betas)


def to_converse(
    request: MessagesRequest, model: Model, disposition: Disposition, options: Options = NO_OPTIONS
) -> Translation:
    """Raises `InvalidRequest`, its message beginning with the JSON path, for what cannot be passed on."""
    scope = Scope(model, disposition, options)
    # First the definitions, so that a clash of names is reported where the tool is defined.
    tools = to_tools(request, scope)
    converse: ConverseRequest = {"messages": to_turns(request.messages, scope)}
    if system := to_system(request.system, scope):
        converse["system"] = system
    stop_sequences = to_stop_sequences(request, scope)
    if inference := to_inference_config(request, stop_sequences, scope):
        converse["inferenceConfig"] = inference
    if tools.config is not None:
        converse["toolConfig"] = tools.config
    format_tool = add_output_format(converse, request, tools, scope)
    fields, without_betas = to_model_fields(request, converse, tools, scope)
    if fields:
        converse["additionalModelRequestFields"] = fields
    if model.capabilities.response_field_paths:
        converse["additionalModelResponseFieldPaths"] = list(RESPONSE_FIELD_PATHS)
    _add_options(converse, options)
    limit_points(converse, scope)
    mark_whole(converse, request.cache_control, scope)
    return Translation(
        converse,
        scope.tool_names.renamed(),
        stop_sequences,
        without_betas,
        format_tool,
        _tool_use_ids(request),
        only_1h_points(converse),
    )


def _tool_use_ids(request: MessagesRequest) -> frozenset[str]:
    blocks = (block for message in request.messages if isinstance(message.content, tuple) for block in message.content)
    return frozenset(block.id for block in blocks if isinstance(block, ToolUseBlock))


def _add_options(converse: ConverseRequest, options: Options) -> None:
    if options.guardrail is not None:
        guardrail = options.guardrail
        converse["guardrailConfig"] = {
            "guardrailIdentifier": guardrail.identifier,
            "guardrailVersion": guardrail.version,
        }
        if guardrail.trace is not None:
            converse["guardrailConfig"]["trace"] = guardrail.trace
    if options.service_tier is not None:
        converse["serviceTier"] = {"type": options.service_tier}
