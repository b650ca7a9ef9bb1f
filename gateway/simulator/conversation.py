"""The answer when no marker directs it: a short, friendly talk for somebody who tries the gateway without a model.

It greets, says what arrived, and uses a tool when the last prompt asks for one: `run: ls`, `read FILE`,
`write FILE: text`. Questions that clients ask on the side get the form they need: JSON for a schema, a tool call when
one is forced, and `no` for Claude Code's question whether a command has to be blocked.
"""

import json
from typing import Any, Final

import orjson

from gateway.simulator.check_tools import chosen_kind
from gateway.simulator.citations import cited_sentences
from gateway.simulator.contents import (
    JsonObject,
    messages_of,
    model_fields,
    quote_tool_results,
    system_text,
    text_of,
    thinking_type,
    tool_specs,
    without_reminders,
)
from gateway.simulator.families import always_reasons, leaks_a_tag
from gateway.simulator.models import ServedModel
from gateway.simulator.plan import CitedText, Content, Plan, ReasoningBlock, TextBlock, ToolUseBlock
from gateway.simulator.schema_examples import example_of
from gateway.simulator.tokens import CHARACTERS_PER_TOKEN
from gateway.simulator.wishes import Wish, find_wish, tool_call

MAX_NAMED_TOOLS: Final = 6
MAX_QUOTED_CHARACTERS: Final = 200
# Claude Code's question whether a command is dangerous has two forms, told apart by the stop sequence.
HARMLESS: Final = {"</block>": "<block>no", "</severity>": "<severity>0"}
HOW_TO_USE: Final = "run: ls\nread README.md\nwrite notes.txt: hello"


def plan_conversation(request: JsonObject, model: ServedModel, input_tokens: int) -> Plan:
    answer = _answer(request, model.model_id, input_tokens)
    if isinstance(answer, TextBlock) and leaks_a_tag(model) and _wanted_schema(request) is None:
        answer = TextBlock(f" <think> {answer.text}")
    steps: list[Content] = [answer]
    if isinstance(answer, TextBlock) and _wanted_schema(request) is None:
        steps += cited_sentences(request)
    if _reasons(request, model):
        steps.insert(0, _reasoning(request, model, answer))
    return _within_limits(request, steps)


def _reasons(request: JsonObject, model: ServedModel) -> bool:
    if model.is_claude:
        return thinking_type(request) != "off"
    fields = model_fields(request)
    return always_reasons(model) or any(name in fields for name in ("reasoning_effort", "reasoning", "reasoningConfig"))


def _answer(request: JsonObject, model_id: str, input_tokens: int) -> Content:
    last = messages_of(request)[-1]
    quoted = quote_tool_results(last)
    if quoted is not None:
        return TextBlock(quoted)
    forced = _forced_tool(request)
    if forced is not None:
        return ToolUseBlock(forced["name"], _json(example_of(forced["inputSchema"]["json"])))
    schema = _wanted_schema(request)
    if schema is not None:
        return TextBlock(_json(example_of(schema)))
    for end, verdict in HARMLESS.items():
        if end in _stop_sequences(request):
            return TextBlock(verdict + end)
    prompt = without_reminders(text_of(last))
    wish = find_wish(prompt)
    if wish is None:
        return TextBlock(_small_talk(request, model_id, input_tokens, prompt))
    return tool_call(wish, _usable_tools(request)) or TextBlock(_no_such_tool(request, wish))


def _reasoning(request: JsonObject, model: ServedModel, answer: Content) -> ReasoningBlock:
    thought = "The user wants a tool used: I call it." if isinstance(answer, ToolUseBlock) else _THOUGHT
    unsaid = "omitted" if model.omits_thinking else "summarized"
    display = (model_fields(request).get("thinking") or {}).get("display") or unsaid
    return ReasoningBlock(thought, shown=display != "omitted")


_THOUGHT: Final = "I am a simulator, so there is not much to think about. I say what I received and what I can do."


def _small_talk(request: JsonObject, model_id: str, input_tokens: int, prompt: str) -> str:
    arrived = _what_arrived(request, model_id, input_tokens)
    answered_before = any(message["role"] == "assistant" for message in messages_of(request))
    if answered_before and prompt:
        quoted = prompt if len(prompt) <= MAX_QUOTED_CHARACTERS else prompt[:MAX_QUOTED_CHARACTERS] + "..."
        return f'You wrote: "{quoted}"\n\n{arrived}\n\n{_invitation(request)}'
    return (
        "Hello! I am the chatrix simulator. I stand in for Amazon Bedrock on this machine: no model has read your "
        f"message, and nothing has left this computer.\n\n{arrived}\n\n{_invitation(request)}"
    )


def _what_arrived(request: JsonObject, model_id: str, input_tokens: int) -> str:
    messages, tools = messages_of(request), tool_specs(request)
    parts = [_counted(len(messages), "message")]
    if tools:
        parts.append(f"{_counted(len(tools), 'tool')} ({_named(tools)})")
    if system_text(request):
        parts.append("a system prompt")
    return f"What I received for `{model_id}`: {', '.join(parts)}, about {_counted(input_tokens, 'token')} in all."


def _invitation(request: JsonObject) -> str:
    if not tool_specs(request):
        return "With a real model behind the gateway, its answer would stand here."
    return f"I can use your tools, if you ask me in one of these forms:\n\n{HOW_TO_USE}"


def _no_such_tool(request: JsonObject, wish: Wish) -> str:
    tools = _usable_tools(request)
    offered = f"It offers {_named(tools)}." if tools else "It offers no tools at all."
    return (
        f"I understood that you want me to {wish.verb} `{wish.target}`, but this request has no tool for it. {offered}"
    )


def _named(tools: list[JsonObject]) -> str:
    names = [tool["name"] for tool in tools]
    return ", ".join(names[:MAX_NAMED_TOOLS]) + (", ..." if len(names) > MAX_NAMED_TOOLS else "")


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _forced_tool(request: JsonObject) -> JsonObject | None:
    """From Converse's choice, or from Claude's own."""
    choice = (request.get("toolConfig") or {}).get("toolChoice") or {}
    native = model_fields(request).get("tool_choice") or {}
    specs = tool_specs(request)
    match chosen_kind(request):
        case "tool":
            name = native.get("name") or (choice.get("tool") or {}).get("name")
            return next((spec for spec in specs if spec["name"] == name), None)
        case "any":
            return specs[0] if specs else None
        case _:
            return None


def _usable_tools(request: JsonObject) -> list[JsonObject]:
    return [] if chosen_kind(request) == "none" else tool_specs(request)


def _wanted_schema(request: JsonObject) -> Any | None:
    """From Converse's `outputConfig`, or from the field for the model."""
    text_format = (request.get("outputConfig") or {}).get("textFormat") or {}
    wanted = ((text_format.get("structure") or {}).get("jsonSchema") or {}).get("schema")
    if wanted is not None:
        try:
            return orjson.loads(wanted)
        except orjson.JSONDecodeError:
            return {}
    native = model_fields(request).get("output_config")
    native_format = native.get("format") if isinstance(native, dict) else None
    return native_format.get("schema") if isinstance(native_format, dict) else None


def _stop_sequences(request: JsonObject) -> list[str]:
    return (request.get("inferenceConfig") or {}).get("stopSequences") or []


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _within_limits(request: JsonObject, steps: list[Content]) -> Plan:
    """Stops where a model would: at a stop sequence, or when `maxTokens` are spent."""
    plan = Plan()
    characters_left = ((request.get("inferenceConfig") or {}).get("maxTokens") or 0) * CHARACTERS_PER_TOKEN or None
    for step in steps:
        shortened, plan.stop_sequence = _at_stop_sequence(step, _stop_sequences(request))
        if plan.stop_sequence is not None:
            plan.stop_reason = "stop_sequence"
        if characters_left is not None:
            used = _length(shortened)
            if used > characters_left:
                plan.stop_reason, plan.stop_sequence = "max_tokens", None
                plan.steps.append(_cut(shortened, characters_left))
                return plan
            characters_left -= used
        plan.steps.append(shortened)
    return plan


def _at_stop_sequence(step: Content, sequences: list[str]) -> tuple[Content, str | None]:
    if not isinstance(step, TextBlock):
        return step, None
    hits = [(step.text.find(sequence), sequence) for sequence in sequences if sequence in step.text]
    if not hits:
        return step, None
    at, sequence = min(hits)
    return TextBlock(step.text[:at]), sequence


def _length(step: Content) -> int:
    match step:
        case TextBlock(text=text) | ReasoningBlock(text=text) | CitedText(text=text):
            return len(text)
        case ToolUseBlock(name, arguments):
            return len(name) + len(arguments)
        case _:
            return 0


def _cut(step: Content, characters: int) -> Content:
    match step:
        case TextBlock(text=text):
            return TextBlock(text[:characters])
        case CitedText(text, citations):
            return CitedText(text[:characters], citations)
        case ReasoningBlock(text, shown):
            return ReasoningBlock(text[:characters], shown)
        case ToolUseBlock(name, arguments):
            return ToolUseBlock(name, arguments[: max(0, characters - len(name))])
        case _:
            return step
