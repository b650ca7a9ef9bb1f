"""What Bedrock and Claude ask of `toolConfig`."""

from gateway.simulator.contents import JsonObject, model_fields, thinking_type, tool_entries, tool_specs
from gateway.simulator.models import is_claude
from gateway.simulator.refusals import invalid, model_refuses


def check_tools(request: JsonObject, model_id: str) -> None:
    for index, entry in enumerate(tool_entries(request)):
        if entry.get("toolSpec"):
            _check_schema(entry["toolSpec"]["inputSchema"]["json"], index, claude=is_claude(model_id))
    names = [spec["name"] for spec in tool_specs(request)]
    if len(set(names)) < len(names):
        raise model_refuses("tools: Tool names must be unique.")
    choice = (request.get("toolConfig") or {}).get("toolChoice") or {}
    named = (choice.get("tool") or {}).get("name")
    if named is not None and named not in names:
        raise model_refuses(f"tool_choice: Tool '{named}' not found in provided tools")
    if is_claude(model_id) and choice:
        _check_claude_choice(request, choice)


def _check_schema(schema: object, index: int, *, claude: bool) -> None:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise invalid(
            f"The value at toolConfig.tools.{index}.toolSpec.inputSchema.json.type "
            "must be one of the following: object."
        )
    if claude and any(word in schema for word in ("oneOf", "anyOf", "allOf")):
        raise model_refuses(
            f"tools.{index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"
        )


def _check_claude_choice(request: JsonObject, choice: JsonObject) -> None:
    if thinking_type(request) != "off" and "auto" not in choice:
        raise model_refuses("Thinking may not be enabled when tool_choice forces tool use.")
    for_the_model = model_fields(request).get("tool_choice")
    if isinstance(for_the_model, dict) and "type" in for_the_model:
        raise model_refuses("tool_choice.type: Extra inputs are not permitted")
