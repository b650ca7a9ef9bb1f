"""The tool choice: `toolConfig.toolChoice`, or Claude's own `tool_choice`.

Converse has no `none`, and no way to forbid parallel calls: such a choice goes whole into Claude's own `tool_choice`
through `additionalModelRequestFields`, and then `toolChoice` is left out, because the two may not both name a type
(https://github.com/BerriAI/litellm/issues/36536, and pull request 34347 for the live proof). So does the choice of one
of Claude's own tools, which `toolConfig` does not list.
"""

from collections.abc import Collection
from typing import Any, Final, Literal

import msgspec

from gateway.protocol.converse import ToolChoiceConfig
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import ToolChoice, ToolChoiceNone, ToolChoiceTool
from gateway.protocol.scope import Scope
from gateway.protocol.wording import shown

NO_TOOL: Final = {"type": "none"}
# Kinds of Claude's `thinking` that are not off.
THINKING: Final = ("enabled", "adaptive", "between_tools")

Form = Literal["auto", "any", "tool"]


class Choice(msgspec.Struct, frozen=True):
    """In one of the two places, or in neither."""

    converse: ToolChoiceConfig | None = None
    native: dict[str, Any] | None = None

    @property
    def is_forced(self) -> bool:
        kinds = {*(self.converse or {}), (self.native or {}).get("type")}
        return bool(kinds & {"any", "tool"})


LEFT_OUT: Final = Choice()


def to_choice(choice: ToolChoice | None, offered: Collection[str], native: Collection[str], scope: Scope) -> Choice:
    """`offered` are all tool names on the wire, `native` those of them that are Claude's own tools.

    Raises `InvalidRequest` when it demands a tool that is not offered: to a model that cannot be told the name, the
    choice of another one would be silent.
    """
    if choice is None:
        return LEFT_OUT
    if isinstance(choice, ToolChoiceNone):
        return no_choice(scope)
    name = scope.tool_names.on_wire(choice.name, "tool_choice.name") if isinstance(choice, ToolChoiceTool) else None
    if isinstance(choice, ToolChoiceTool) and name not in offered:
        raise InvalidRequest(f"tool_choice.name: `tools` offers no {shown(choice.name)}")
    form = _accepted(_form(choice), offered, scope)
    one_at_a_time = _one_at_a_time(choice, scope)
    if form is None:
        return LEFT_OUT
    # A choice among one is a choice of that one.
    name = (name or next(iter(offered))) if form == "tool" else None
    if one_at_a_time or name in native:
        return Choice(native=_native(form, name, one_at_a_time=one_at_a_time))
    return Choice(converse=_converse(form, name))


def no_choice(scope: Scope) -> Choice:
    """None of the tools, although they are offered."""
    if scope.model.capabilities.native_tool_choice:
        return Choice(native=dict(NO_TOOL))
    scope.note("tool_choice.none/not_on_this_model", "tool_choice")
    return LEFT_OUT


def refuse_forced_thinking(choice: Choice, thinking: dict[str, Any] | None, scope: Scope) -> None:
    """Claude refuses both at once, here as on Anthropic's own API. Said before anything is sent."""
    if choice.is_forced and thinking is not None and thinking.get("type") in THINKING:
        scope.note("tool_choice/forced_while_thinking", "tool_choice")


def _form(choice: ToolChoice) -> Form:
    form: Form = choice.__struct_config__.tag  # type: ignore[assignment]  # the tags of the union without `none`
    return form


def _accepted(form: Form, offered: Collection[str], scope: Scope) -> Form | None:
    """The same form, or one that means the same here, or else the nearest. None: nothing may be said."""
    accepted = scope.model.capabilities.tool_choices
    if form in accepted:
        return form
    if form != "auto":
        other: Form = "tool" if form == "any" else "any"
        if other in accepted and len(offered) == 1:
            return other
        scope.note("tool_choice/not_forced", "tool_choice")
    # The demanded tool, if it has to be one: any of them is nearer than none.
    nearest: tuple[Form, ...] = ("any", "auto") if form == "tool" else ("auto",)
    return next((nearer for nearer in nearest if nearer in accepted), None)


def _one_at_a_time(choice: ToolChoice, scope: Scope) -> bool:
    if isinstance(choice, ToolChoiceNone) or not choice.disable_parallel_tool_use:
        return False
    path = "tool_choice.disable_parallel_tool_use"
    if not scope.model.capabilities.native_tool_choice:
        scope.note("tool_choice.disable_parallel_tool_use/not_on_this_model", path)
        return False
    scope.note("tool_choice.disable_parallel_tool_use", path)
    return True


def _converse(form: Form, name: str | None) -> ToolChoiceConfig:
    if name is not None:
        return {"tool": {"name": name}}
    return {"any": {}} if form == "any" else {"auto": {}}


def _native(form: Form, name: str | None, *, one_at_a_time: bool) -> dict[str, Any]:
    native: dict[str, Any] = {"type": form}
    if name is not None:
        native["name"] = name
    if one_at_a_time:
        native["disable_parallel_tool_use"] = True
    return native
