"""The anthropic SDK's own types, walked under the names of the feature table: what they have and no row knows.

Names are those that `gateway.protocol.presence` finds in a request: a block is `content.TAG` wherever it stands, any
other kind `FIELD.TAG`. A row speaks for its `members` (fields, or kinds of a field), and a dropped or refused row for
everything below it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from anthropic.types import (
    Message,
    RawMessageStreamEvent,
    StopReason,
    message_count_tokens_params,
    message_create_params,
)
from anthropic.types.anthropic_beta_param import AnthropicBetaParam
from anthropic.types.beta import (
    BetaMessage,
    BetaRawMessageStreamEvent,
    BetaStopReason,
)
from anthropic.types.beta import message_count_tokens_params as beta_count_tokens_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from msgspec import Struct
from pydantic import BaseModel
from typing_extensions import is_typeddict

from gateway.protocol.features import FEATURES, Feature
from gateway.protocol.messages import MessagesRequest

REQUESTS: Final[tuple[Any, ...]] = (
    message_create_params.MessageCreateParamsBase,
    beta_message_create_params.MessageCreateParamsBase,
    message_count_tokens_params.MessageCountTokensParams,
    beta_count_tokens_params.MessageCountTokensParams,
)
REPLIES: Final[tuple[Any, ...]] = (Message, BetaMessage)
EVENTS: Final[tuple[Any, ...]] = (RawMessageStreamEvent, BetaRawMessageStreamEvent)
STOP_REASONS: Final[tuple[Any, ...]] = (StopReason, BetaStopReason)
# Where the blocks of a request stand, which share one name: `content.TAG`.
BLOCK_FIELDS: Final = frozenset(
    {
        "messages.content",
        "system",
        "content.tool_result.content",
        "content.document.source.content.content",
        "content.search_result.content",
    }
)
CACHE_CONTROL: Final = "cache_control"
Table = Mapping[str, Feature]
# `Required`, `NotRequired` and their like say nothing about what a field holds.
_WRAPPERS: Final = ("Required", "NotRequired", "ReadOnly")


def missing_request_rows(table: Table = FEATURES) -> list[str]:
    return _missing(table, "", *REQUESTS)


def request_values() -> dict[str, set[str]]:
    """By field; without the names of models and betas, which have tables of their own."""
    walk = _Walk(FEATURES)
    for each in REQUESTS:
        walk.fields(each, "")
    return {name: values for name, values in walk.values.items() if name not in ("model", "betas")}


def missing_struct_rows(table: Table = FEATURES) -> list[str]:
    """The same for what our own Structs read: a field that has a Struct's place and no row would be lost in silence."""
    return _missing(table, "", MessagesRequest)


def missing_reply_rows(table: Table = FEATURES) -> list[str]:
    return _missing(table, "reply", *REPLIES)


def missing_event_rows(table: Table = FEATURES) -> list[str]:
    walk = _Walk(table)
    for union in EVENTS:
        for event in _alternatives(union):
            walk.kind(f"event.{_tags(event)[0]}", event)
    return sorted(walk.missing)


def missing_stop_reason_rows(table: Table = FEATURES) -> list[str]:
    reasons = {reason for union in STOP_REASONS for reason in _literals(union)}
    return sorted(reason for reason in reasons if f"stop_reason.{reason}" not in table)


def missing_beta_rows(table: Table = FEATURES) -> list[str]:
    return sorted(beta for beta in _literals(AnthropicBetaParam) if f"beta:{beta}" not in table)


def _missing(table: Table, name: str, *types: Any) -> list[str]:
    walk = _Walk(table)
    for each in types:
        walk.fields(each, name)
    return sorted(walk.missing)


@dataclass
class _Walk:
    table: Table
    missing: set[str] = field(default_factory=set)
    values: dict[str, set[str]] = field(default_factory=dict)
    """The literal values of the fields that are neither dropped nor refused."""
    _seen: set[tuple[str, Any]] = field(default_factory=set)

    def fields(self, type_: Any, name: str) -> None:
        """Each field of a type that stands under `name`."""
        if (name, type_) in self._seen:
            return
        self._seen.add((name, type_))
        for field_name, hint in _hints(type_).items():
            if field_name != "type" or not _tags(type_):
                self._field(f"{name}.{field_name}".lstrip("."), field_name, name, hint)

    def kind(self, name: str, type_: Any) -> None:
        if name not in self.table:
            self.missing.add(name)
        elif self.table[name].fate not in ("dropped", "refused"):
            self.fields(type_, name)

    def _field(self, name: str, field_name: str, holder: str, hint: Any) -> None:
        kinds = list(_kinds(hint, name, field_name))
        is_member = holder in self.table and field_name in self.table[holder].members
        row = self.table.get(name)
        if row is None and not is_member and not any(kind != name for kind, _ in kinds):
            self.missing.add(name)
            return
        if row is not None and row.fate in ("dropped", "refused"):
            return
        if not kinds and (values := set(_literals(hint))):
            self.values.setdefault(name, set()).update(values)
        # A member speaks for all below it, unless the kinds below it have rows of their own.
        if is_member and name not in BLOCK_FIELDS and not any(kind in self.table for kind, _ in kinds):
            return
        for kind, type_ in kinds:
            if kind == name:
                self.fields(type_, name)
            elif row is None or kind.removeprefix(f"{name}.") not in row.members:
                self.kind(kind, type_)


def _kinds(hint: Any, name: str, field_name: str) -> Iterator[tuple[str, Any]]:
    """The structured alternatives of a field, by their names in the table."""
    for type_ in _alternatives(hint):
        tags = _tags(type_)
        if field_name == CACHE_CONTROL:
            yield CACHE_CONTROL, type_
        elif name == "tools":
            # A custom tool is the one that may come without a type.
            yield f"tools.{tags[0] if tags and tags[0] != 'custom' else 'custom'}", type_
        elif not tags:
            yield name, type_
        else:
            yield f"content.{tags[0]}" if name in BLOCK_FIELDS else f"{name}.{tags[0]}", type_


def _alternatives(hint: Any) -> Iterator[Any]:
    """The TypedDicts or models in a hint, however it wraps them."""
    if _is_structured(hint):
        yield hint
        return
    for argument in get_args(hint):
        yield from _alternatives(argument)


def _is_structured(hint: Any) -> bool:
    return is_typeddict(hint) or (isinstance(hint, type) and issubclass(hint, BaseModel | Struct))


def _hints(type_: Any) -> dict[str, Any]:
    if is_typeddict(type_):
        return get_type_hints(type_, include_extras=True)
    if issubclass(type_, Struct):
        names = zip(type_.__struct_fields__, type_.__struct_encode_fields__, strict=True)
        hints = get_type_hints(type_, include_extras=True)
        return {encoded: hints[name] for name, encoded in names}
    # A name of Python's own carries an underscore in a model: `from_`.
    return {each.alias or name: each.annotation for name, each in type_.model_fields.items()}


def _tags(type_: Any) -> tuple[str, ...]:
    if isinstance(type_, type) and issubclass(type_, Struct) and type_.__struct_config__.tag:
        return (str(type_.__struct_config__.tag),)
    return tuple(_literals(_hints(type_).get("type")))


def _literals(hint: Any) -> Iterator[str]:
    """The literal values of a hint, of which a union may have some."""
    origin = get_origin(hint)
    if origin is Literal:
        yield from get_args(hint)
    elif origin is Annotated or origin is not None or getattr(hint, "_name", "") in _WRAPPERS:
        for argument in get_args(hint):
            yield from _literals(argument)
