"""What only some models take: earlier reasoning, results beside text, citations, guardrails, tools that Bedrock runs.

Each rule is a column of the catalog. Where no recording has the words, they follow Bedrock's usual sentence.
"""

from typing import Final

from gateway.simulator.contents import (
    JsonObject,
    all_blocks,
    blocks_of,
    cites,
    members,
    messages_of,
    nested_blocks,
    tool_entries,
    tool_results,
)
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import invalid, model_refuses, unsupported_block, unsupported_field

# In the service model; no model of the catalog takes them through Converse, as far as anyone has seen.
UNPROVEN_BLOCKS: Final = ("toolAddition", "toolRemoval")
RESULT_COMPANIONS: Final = ("text", "image", "document", "searchResult", "guardContent")


def check_features(request: JsonObject, model: ServedModel) -> None:
    _check_unproven(request)
    _check_citations(request, model)
    _check_reasoning_history(request, model)
    _check_results(request, model)


def _check_unproven(request: JsonObject) -> None:
    for name in UNPROVEN_BLOCKS:
        if members(all_blocks(request), name):
            raise unsupported_block(name)
    if members(tool_entries(request), "systemTool"):
        raise unsupported_field("toolConfig.tools.systemTool")
    for name in ("toolUse", "toolResult"):
        if any(block.get("type") for block in members(all_blocks(request), name)):
            raise unsupported_field(f"{name}.type")
    if request.get("promptVariables"):
        raise invalid("The promptVariables field can only be used with a prompt from Prompt management.")


def _check_citations(request: JsonObject, model: ServedModel) -> None:
    blocks = list(nested_blocks(request))
    documents = [document for document in members(blocks, "document") if document.get("citations")]
    if not model.capabilities.citations:
        if documents:
            raise unsupported_field("document.citations")
        for name in ("citationsContent", "searchResult"):
            if members(blocks, name):
                raise unsupported_block(name)
    for name in ("document", "searchResult"):
        if len({cites(source) for source in members(blocks, name)}) > 1:
            raise model_refuses(f"messages: citations must be enabled on all or none of the {name} blocks in a request")
    for block in members(blocks, "citationsContent"):
        if not any(text.strip() for text in members(block.get("content") or [], "text")):
            raise model_refuses("messages: text content blocks must contain non-whitespace text")


def _check_reasoning_history(request: JsonObject, model: ServedModel) -> None:
    reasoning = members(all_blocks(request), "reasoningContent")
    if not reasoning or model.is_claude:
        return
    if model.capabilities.reasoning_history == "none":
        raise invalid(
            "User messages cannot contain reasoning content. Please remove the reasoning content and try again."
        )
    if members(reasoning, "redactedContent"):
        raise unsupported_field("reasoningContent.redactedContent")
    if any(text.get("signature") for text in members(reasoning, "reasoningText")):
        raise unsupported_field("reasoningContent.reasoningText.signature")


def _check_results(request: JsonObject, model: ServedModel) -> None:
    for at, message in enumerate(messages_of(request)):
        results, blocks = tool_results(message), blocks_of(message)
        if any(result.get("status") for result in results) and not model.capabilities.tool_result_status:
            raise unsupported_field("toolResult.status")
        if any(not result.get("content") for result in results) and not model.capabilities.empty_tool_result:
            raise invalid(f"The content field in the ToolResult object at messages.{at}.content is empty.")
        if not results or model.capabilities.results_with_text:
            continue
        if any(members(blocks, name) for name in RESULT_COMPANIONS):
            raise invalid(
                f"messages.{at}.content: Conversation blocks and tool result blocks "
                "cannot be provided in the same turn."
            )
