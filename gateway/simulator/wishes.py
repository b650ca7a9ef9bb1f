"""`run: COMMAND`, `read FILE`, `write FILE: TEXT`: what a prompt can ask for, and the offered tool that does it."""

import json
import re
from dataclasses import dataclass
from typing import Final

from gateway.simulator.contents import JsonObject
from gateway.simulator.plan import ToolUseBlock
from gateway.simulator.schema_examples import example_of

# `read` takes the whole line, so that "read the manual and tell me" is no wish.
_RUN: Final = re.compile(r"^\s*run:\s*(?P<target>\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)
_READ: Final = re.compile(r"^\s*read:?\s+(?P<target>\S+)\s*$", re.IGNORECASE | re.MULTILINE)
_WRITE: Final = re.compile(
    r"^\s*write\s+(?P<target>\S+?):[ \t]*(?P<content>.*)", re.IGNORECASE | re.MULTILINE | re.DOTALL
)

_COMMAND_MEMBERS: Final = ("command", "cmd")
_PATH_MEMBERS: Final = ("file_path", "path", "filename", "file")
_CONTENT_MEMBERS: Final = ("content", "contents", "text", "file_text")


@dataclass(frozen=True, slots=True)
class Wish:
    verb: str
    target: str
    content: str | None = None


@dataclass(frozen=True, slots=True)
class _Fit:
    """How a tool is recognised: by its name, else by words of its description and the members it takes."""

    name: str
    words: tuple[str, ...]
    target_members: tuple[str, ...]
    content_members: tuple[str, ...] = ()


_FITS: Final = {
    "run": _Fit("bash", ("bash", "shell", "command"), _COMMAND_MEMBERS),
    "read": _Fit("read", ("read",), _PATH_MEMBERS),
    "write": _Fit("write", ("write",), _PATH_MEMBERS, _CONTENT_MEMBERS),
}


def find_wish(prompt: str) -> Wish | None:
    if found := _RUN.search(prompt):
        return Wish("run", found["target"])
    if found := _WRITE.search(prompt):
        return Wish("write", found["target"], found["content"])
    if found := _READ.search(prompt):
        return Wish("read", found["target"])
    return None


def tool_call(wish: Wish, specs: list[JsonObject]) -> ToolUseBlock | None:
    fit = _FITS[wish.verb]
    candidates = sorted(specs, key=lambda spec: spec["name"].lower() != fit.name)
    for spec in candidates:
        arguments = _arguments(wish, fit, spec)
        if arguments is not None and (spec["name"].lower() == fit.name or _is_described(spec, fit)):
            return ToolUseBlock(spec["name"], json.dumps(arguments, ensure_ascii=False))
    return None


def _is_described(spec: JsonObject, fit: _Fit) -> bool:
    description = (spec.get("description") or "").lower()
    return any(word in description for word in fit.words)


def _arguments(wish: Wish, fit: _Fit, spec: JsonObject) -> JsonObject | None:
    """None when the tool takes no such arguments. What it requires besides gets an example."""
    schema = spec["inputSchema"]["json"]
    properties = schema.get("properties") or {}
    target = next((name for name in fit.target_members if name in properties), None)
    content = next((name for name in fit.content_members if name in properties), None)
    if target is None or (fit.content_members and content is None):
        return None
    arguments: JsonObject = {target: wish.target}
    if content is not None:
        arguments[content] = wish.content or ""
    required = example_of(schema)
    return {**(required if isinstance(required, dict) else {}), **arguments}
