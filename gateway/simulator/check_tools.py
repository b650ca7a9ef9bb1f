"""What Bedrock and the models ask of tools: `toolConfig`, Claude's own tools, and who may choose."""

from typing import Any, Final

from gateway.simulator.contents import (
    JsonObject,
    model_fields,
    native_tools,
    offered_names,
    thinking_type,
    tool_entries,
    tool_specs,
)
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import Refusal, invalid, model_refuses, not_permitted, unsupported_field

FORCED_CHOICES: Final = ("any", "tool")
CHOICE_FIELDS: Final = {
    "auto": frozenset({"type", "disable_parallel_tool_use"}),
    "any": frozenset({"type", "disable_parallel_tool_use"}),
    "tool": frozenset({"type", "name", "disable_parallel_tool_use"}),
    "none": frozenset({"type"}),
}
# Claude's own tools with the name each must have. Those above the line need no beta, as recorded (CountTokens).
OPEN_TOOLS: Final = {
    "bash_20250124": "bash",
    "text_editor_20250124": "str_replace_editor",
    "text_editor_20250429": "str_replace_based_edit_tool",
    "text_editor_20250728": "str_replace_based_edit_tool",
    # Not in that recording, which is older than the tool.
    "memory_20250818": "memory",
}
COMPUTER_TOOLS: Final = {
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
}


def check_tools(request: JsonObject, model: ServedModel) -> None:
    if tool_entries(request) and not model.capabilities.tools:
        raise invalid("This model doesn't support tool use.")
    for index, entry in enumerate(tool_entries(request)):
        if entry.get("toolSpec"):
            _check_spec(entry["toolSpec"], index, model)
    _check_native_tools(request, model)
    names = offered_names(request)
    if len(set(names)) < len(names):
        raise model_refuses("tools: Tool names must be unique.")
    _check_converse_choice(request, model)
    if model.is_claude:
        _check_native_choice(request, model)
        _check_forced(request, model)


def _check_spec(spec: JsonObject, index: int, model: ServedModel) -> None:
    schema = spec["inputSchema"]["json"]
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise invalid(
            f"The value at toolConfig.tools.{index}.toolSpec.inputSchema.json.type "
            "must be one of the following: object."
        )
    if model.is_claude and any(word in schema for word in ("oneOf", "anyOf", "allOf")):
        raise model_refuses(
            f"tools.{index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"
        )
    if spec.get("strict") is not None and not model.capabilities.strict_tools:
        raise not_permitted(f"tools.{index}.custom.strict")


def _check_native_tools(request: JsonObject, model: ServedModel) -> None:
    """Only Claude has them; on other models the field itself is refused with its fellows."""
    betas = model_fields(request).get("anthropic_beta") or []
    taken = {kind for kind, beta in COMPUTER_TOOLS.items() if beta in betas} | {*OPEN_TOOLS, "custom"}
    for index, tool in enumerate(native_tools(request) if model.is_claude else ()):
        kind = str(tool.get("type"))
        if kind not in taken:
            tags = ", ".join(f"'{tag}'" for tag in sorted(taken))
            raise model_refuses(
                f"tools.{index}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
            )
        wanted = OPEN_TOOLS.get(kind, "computer" if kind in COMPUTER_TOOLS else tool.get("name"))
        if tool.get("name") != wanted:
            raise model_refuses(f"tools.{index}.{kind}.name: Input should be '{wanted}'")


def _check_converse_choice(request: JsonObject, model: ServedModel) -> None:
    choice = (request.get("toolConfig") or {}).get("toolChoice") or {}
    named = (choice.get("tool") or {}).get("name")
    if named is not None and named not in offered_names(request):
        raise _unknown_tool(named)
    accepted = model.capabilities.tool_choices
    for kind in choice:
        if choice[kind] is not None and kind not in accepted and not model.is_claude:
            raise unsupported_field(f"toolConfig.toolChoice.{kind}")


def _unknown_tool(name: str) -> Refusal:
    return model_refuses(f"tool_choice: Tool '{name}' not found in provided tools")


def _check_native_choice(request: JsonObject, model: ServedModel) -> None:
    """`toolChoice` names the type, or this does; never both."""
    choice = model_fields(request).get("tool_choice")
    if choice is None:
        return
    if not model.capabilities.native_tool_choice:
        raise not_permitted("tool_choice")
    if not isinstance(choice, dict):
        raise model_refuses("tool_choice: Input should be an object")
    chosen = (request.get("toolConfig") or {}).get("toolChoice")
    if chosen and "type" in choice:
        raise not_permitted("tool_choice.type")
    kind = choice.get("type") or next(iter(chosen or {}), None)
    if not isinstance(kind, str) or kind not in CHOICE_FIELDS:
        raise model_refuses("tool_choice: Unable to extract tag using discriminator 'type'")
    for name in choice:
        if name not in CHOICE_FIELDS[kind]:
            raise not_permitted(f"tool_choice.{kind}.{name}")
    if not offered_names(request):
        raise model_refuses("tool_choice may only be specified while providing tools")
    if choice.get("type") == "tool" and choice.get("name") not in offered_names(request):
        raise _unknown_tool(str(choice.get("name")))


def _check_forced(request: JsonObject, model: ServedModel) -> None:
    if chosen_kind(request) not in FORCED_CHOICES:
        return
    if "any" not in model.capabilities.tool_choices:
        raise model_refuses('tool_choice: type "tool" and "any" are not supported for this model.')
    if thinking_type(request) != "off":
        raise model_refuses("Thinking may not be enabled when tool_choice forces tool use.")


def chosen_kind(request: JsonObject) -> str | None:
    """`auto`, `any`, `tool`, `none`, from whichever of the two places says it."""
    native = model_fields(request).get("tool_choice")
    if isinstance(native, dict) and native.get("type"):
        return str(native["type"])
    choice: dict[str, Any] = (request.get("toolConfig") or {}).get("toolChoice") or {}
    return next((kind for kind, value in choice.items() if value is not None), None)


def check_streamed_tools(request: JsonObject, model: ServedModel) -> None:
    if tool_specs(request) and not model.capabilities.tools_in_streams:
        raise invalid("This model doesn't support tool use in streaming mode.")
