"""`additionalModelResponseFieldPaths`: JSON pointers into the model's own answer.

A stream is read against the native `message_delta` event, a whole answer against the native message. What a pointer
finds comes back under the same names; what it does not find is left out. A stream takes the short form as well.
"""

from collections.abc import Iterable
from typing import Any, Final

from gateway.simulator.caching import InputUsage
from gateway.simulator.contents import JsonObject

_MISSING: Final = object()


def native_answer(
    *, stop_sequence: str | None, stop_details: JsonObject | None, usage: JsonObject, streamed: bool
) -> JsonObject:
    ending: JsonObject = {"stop_sequence": stop_sequence, "stop_details": stop_details}
    native = {**ending, "usage": usage}
    return native | {"delta": ending} if streamed else native


def native_usage(given: InputUsage, output_tokens: int, thinking_tokens: int) -> JsonObject:
    written = dict(given.written)
    return {
        "input_tokens": given.input_tokens,
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": thinking_tokens},
        "cache_creation": {
            "ephemeral_5m_input_tokens": written.get("5m", 0),
            "ephemeral_1h_input_tokens": written.get("1h", 0),
        },
    }


def response_fields(paths: Iterable[str], native: JsonObject) -> JsonObject:
    fields: JsonObject = {}
    for path in paths:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
        value = _resolve(native, steps)
        if value is not _MISSING:
            _put(fields, steps, value)
    return fields


def _resolve(native: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(native, dict) or step not in native:
            return _MISSING
        native = native[step]
    return native


def _put(fields: JsonObject, steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        inner = fields.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        fields = inner
    fields[steps[-1]] = value
