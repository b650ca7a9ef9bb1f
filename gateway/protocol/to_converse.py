"""MessagesRequest to ConverseRequest: the one translation of requests.

What Converse cannot say and Claude can goes into `additionalModelRequestFields`, field by field and never blindly:
Bedrock refuses the whole request for one field that it does not know. What is lost or changed on the way is named in
the `Disposition`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.catalog import Model
from gateway.protocol.caching import limit_points, mark_whole
from gateway.protocol.converse import ConverseRequest, InferenceConfig
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.scope import Scope
from gateway.protocol.system_prompt import to_system
from gateway.protocol.thinking import to_effort, to_thinking
from gateway.protocol.tools import to_tool_config
from gateway.protocol.turns import to_turns

MIN_MAX_TOKENS: Final = 1
# Which stop sequence was hit: where a whole reply has it, and where a stream has it. The other one is ignored.
STOP_SEQUENCE_PATHS: Final = ("/stop_sequence", "/delta/stop_sequence")
# The default of temperature and of top_p: leaving it out says the same.
DEFAULT_SAMPLING: Final = 1


@dataclass(frozen=True, slots=True)
class Translation:
    request: ConverseRequest
    """Without `modelId`, ready for `encode`."""
    tool_names: Mapping[str, str]
    """Name on the wire to the client's name; only those that differ."""
    stop_sequences: tuple[str, ...]


def to_converse(request: MessagesRequest, model: Model, disposition: Disposition) -> Translation:
    """Raises `InvalidRequest`, its message beginning with the JSON path, for what cannot be passed on."""
    _refuse_what_changes_the_conversation(request)
    scope = Scope(model, disposition)
    # First the definitions, so that a clash of names is reported where the tool is defined.
    tool_config, tool_choice = to_tool_config(request, scope)
    converse: ConverseRequest = {"messages": to_turns(request.messages, scope)}
    if system := to_system(request.system, scope):
        converse["system"] = system
    stop_sequences = tuple(sequence for sequence in request.stop_sequences or () if sequence)
    if inference := _inference_config(request, stop_sequences, scope):
        converse["inferenceConfig"] = inference
    if tool_config is not None:
        converse["toolConfig"] = tool_config
    if fields := _claude_fields(request, converse, tool_choice, scope):
        converse["additionalModelRequestFields"] = fields
    if stop_sequences:
        converse["additionalModelResponseFieldPaths"] = list(STOP_SEQUENCE_PATHS)
    limit_points(converse, scope)
    mark_whole(converse, request.cache_control, scope)
    return Translation(converse, scope.tool_names.renamed(), stop_sequences)


def encode(request: ConverseRequest) -> bytes:
    """The body that goes upstream."""
    try:
        return orjson.dumps(request)
    except TypeError as error:  # orjson writes 254 levels; `parsing` lets 200 of the caller's through
        raise InvalidRequest(f"The request cannot be written as JSON for Bedrock: {error}") from None


def _refuse_what_changes_the_conversation(request: MessagesRequest) -> None:
    if request.thread is not None:
        raise InvalidRequest("thread: Bedrock keeps no conversations; send the whole conversation in `messages`")
    if request.mcp_servers:
        raise InvalidRequest("mcp_servers: Bedrock has no MCP connector; run the MCP server on the client's side")


def _inference_config(request: MessagesRequest, stop_sequences: tuple[str, ...], scope: Scope) -> InferenceConfig:
    inference: InferenceConfig = {}
    if request.max_tokens is not None:
        inference["maxTokens"] = _max_tokens(request.max_tokens, scope)
    temperature = _sampling("temperature", request.temperature, scope)
    if temperature is not None:
        inference["temperature"] = temperature
    top_p = _sampling("top_p", request.top_p, scope)
    if top_p is not None:
        inference["topP"] = top_p
    if stop_sequences:
        inference["stopSequences"] = list(stop_sequences)
    return inference


def _max_tokens(wanted: int, scope: Scope) -> int:
    """Within the model's limits: Bedrock refuses more, and, unlike Anthropic, 0 (which only warms the cache)."""
    max_tokens = max(MIN_MAX_TOKENS, min(wanted, scope.model.max_output_tokens))
    if max_tokens != wanted:
        scope.disposition.approximate("max_tokens")
    return max_tokens


def _sampling(name: str, value: float | None, scope: Scope) -> float | None:
    """Models without sampling refuse even the default. A caller who wants another value must hear it from Bedrock."""
    if value == DEFAULT_SAMPLING and not scope.model.capabilities.sampling:
        scope.disposition.drop(name)
        return None
    return value


def _claude_fields(
    request: MessagesRequest, converse: ConverseRequest, tool_choice: dict[str, Any] | None, scope: Scope
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    max_tokens = converse.get("inferenceConfig", {}).get("maxTokens")
    thinking = to_thinking(request, converse["messages"], max_tokens, scope)
    if thinking is not None:
        fields["thinking"] = thinking
    effort = to_effort(request, thinking, scope)
    if effort is not None:
        fields["output_config"] = {"effort": effort}
    if request.top_k is not None:
        fields["top_k"] = request.top_k
    if tool_choice is not None:
        fields["tool_choice"] = tool_choice
    return fields
