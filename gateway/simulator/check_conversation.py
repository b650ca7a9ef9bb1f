"""What Bedrock asks of the messages: whose turn it is, no blank text, every toolUse answered in the next message."""

from itertools import pairwise

from gateway.simulator.contents import JsonObject, blocks_of, members, messages_of, tool_entries, tool_results
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import invalid, model_refuses


def check_conversation(request: JsonObject, _model: ServedModel) -> None:
    messages = messages_of(request)
    for index, message in enumerate(messages):
        if not blocks_of(message):
            raise invalid(
                f"The content field in the Message object at messages.{index} is empty. "
                "Add a ContentBlock object to the content field and try again."
            )
    _check_turns(messages)
    _check_blank_texts(request)
    _check_sides(messages)
    _check_tool_blocks(request)


def _check_turns(messages: list[JsonObject]) -> None:
    if not messages or messages[0]["role"] != "user":
        raise invalid(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    if any(earlier["role"] == later["role"] for earlier, later in pairwise(messages)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        )


def _check_blank_texts(request: JsonObject) -> None:
    for index, block in enumerate(request.get("system") or []):
        if block.get("text") is not None and not block["text"].strip():
            raise _blank("SystemContentBlock", f"system.{index}")
    for at, message in enumerate(messages_of(request)):
        for index, block in enumerate(blocks_of(message)):
            if block.get("text") is not None and not block["text"].strip():
                raise _blank("ContentBlock", f"messages.{at}.content.{index}")
            if block.get("toolResult"):
                _check_result_content(block["toolResult"], f"messages.{at}.content.{index}.toolResult")


def _blank(kind: str, where: str) -> Exception:
    return invalid(
        f"The text field in the {kind} object at {where} is blank. Add text to the text field, and try again."
    )


def _check_result_content(result: JsonObject, where: str) -> None:
    content = result.get("content") or []
    if not content and result.get("status") == "error":
        raise invalid(f"The content field at {where} cannot be empty when status value is error.")
    for text in members(content, "text"):
        if not text:
            raise model_refuses("messages: text content blocks must be non-empty")
        if not text.strip():
            raise model_refuses("messages: text content blocks must contain non-whitespace text")


# Which blocks belong to one side only; `model_refuses` words as the model's own validator has them.
USER_BLOCKS = ("image", "document", "video", "audio", "searchResult", "guardContent")
USER_TOOL_BLOCK = "toolResult"
ASSISTANT_BLOCKS = ("toolUse", "reasoningContent", "citationsContent")
BLOCK_NAMES = {"toolUse": "tool_use", "toolResult": "tool_result", "reasoningContent": "thinking"}


def _check_sides(messages: list[JsonObject]) -> None:
    for index, message in enumerate(messages):
        role = message["role"]
        strangers = (*USER_BLOCKS, USER_TOOL_BLOCK) if role == "assistant" else ASSISTANT_BLOCKS
        for block in blocks_of(message):
            for name in strangers:
                if block.get(name) is not None:
                    raise model_refuses(
                        f"messages.{index}.content: '{BLOCK_NAMES.get(name, name)}' blocks are not permitted "
                        f"within {role} turns."
                    )


def _check_tool_blocks(request: JsonObject) -> None:
    messages = messages_of(request)
    used = [members(blocks_of(message), "toolUse") for message in messages]
    answered = [tool_results(message) for message in messages]
    if any(used) or any(answered):
        if not tool_entries(request):
            raise invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        for index in range(len(messages)):
            _check_unique(used[index], "toolUse", index)
            _check_unique(answered[index], "toolResult", index)
        for index in range(len(messages)):
            _check_pair(used[index - 1] if index else [], answered[index], index)
        # A toolUse in the last message has nobody to answer it.
        _check_pair(used[-1], [], len(messages))


def _check_unique(blocks: list[JsonObject], name: str, index: int) -> None:
    ids = [block["toolUseId"] for block in blocks]
    repeated = sorted({one for one in ids if ids.count(one) > 1})
    if repeated:
        raise invalid(f"The {name} blocks at messages.{index}.content contain duplicate Ids: {', '.join(repeated)}")


def _check_pair(uses: list[JsonObject], results: list[JsonObject], index: int) -> None:
    # The service runs a server tool by itself, and its result stands in the same message.
    wanted = [use["toolUseId"] for use in uses if use.get("type") != "server_tool_use"]
    given = {result["toolUseId"] for result in results}
    missing = [one for one in wanted if one not in given]
    if missing:
        raise invalid(
            f"Expected toolResult blocks at messages.{index}.content for the following Ids: {', '.join(missing)}"
        )
    if len(results) > len(wanted):
        raise invalid(
            f"The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks "
            "of previous turn."
        )
