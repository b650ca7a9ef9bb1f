"""Every field of the request that the translation reads, with every type that it must not have.

One whole request holds each of the fields once, and is good as it stands. A case puts one wrong value in one place of
it. `null` means absent everywhere, so it is wrong only where something must stand. Left out on purpose: a tool call's
`input`, which models have been seen to get wrong, and which is repaired and disclosed.
Source of the types: https://docs.claude.com/en/api/messages.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

WHOLE: Final[Mapping[str, Any]] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 4000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
    "stream": False,
    "temperature": 1.0,
    "top_k": 40,
    "stop_sequences": ["STOP"],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "high"},
    "anthropic_beta": ["interleaved-thinking-2025-05-14"],
    "tools": [
        {
            "name": "look",
            "description": "Looks.",
            "input_schema": {"type": "object", "properties": {}},
            "strict": False,
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "bash_20250124", "name": "bash"},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "[[say:fine]]"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "a note"},
                    "title": "note",
                    "context": "found",
                    "citations": {"enabled": False},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "c2ln"},
                {"type": "text", "text": "looking"},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "is_error": False,
                    "content": [{"type": "text", "text": "seen"}],
                },
                {
                    "type": "search_result",
                    "source": "here",
                    "title": "found",
                    "content": [{"type": "text", "text": "it"}],
                },
            ],
        },
    ],
}

TEXT: Final = (5, True, ["a"], {"a": "b"})
# 1e3 is a float although its value is whole, and `true` is an integer to Python.
INTEGER: Final = ("5", True, 1.5, 1e3, [5], {"a": 5})
NUMBER: Final = ("0.5", True, [0.5], {"a": 0.5})
SWITCH: Final = ("true", 1, 0, [True], {"a": True})
ARRAY: Final = ("a", 5, True, {"a": "b"})
OBJECT: Final = ("a", 5, True, ["a"])
# Text, or an array of blocks.
CONTENT: Final = (5, True, {"type": "text", "text": "a"}, [5], ["a"], [["a"]], [None])

WRONG: Final[Mapping[str, tuple[object, ...]]] = {
    "model": (*TEXT, None),
    "max_tokens": (*INTEGER, None, -1),
    "stream": SWITCH,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "top_k": INTEGER,
    "stop_sequences": (*ARRAY, [5], [None], [["a"]]),
    "anthropic_beta": (5, True, {"a": "b"}, [5], [None]),
    "inference_geo": TEXT,
    "cache_control": OBJECT,
    "system": CONTENT,
    "system.0.type": (*TEXT, None, "image", "tool_use"),
    "system.0.text": (*TEXT, None),
    "system.0.cache_control": OBJECT,
    "system.0.cache_control.type": (*TEXT, None, "forever"),
    "system.0.cache_control.ttl": (*TEXT, "2h"),
    "thinking": OBJECT,
    "thinking.type": (*TEXT, None, "sometimes"),
    "thinking.budget_tokens": (*INTEGER, None),
    "output_config": OBJECT,
    "output_config.effort": TEXT,
    "output_config.format": OBJECT,
    "tools": (*ARRAY, [5], ["look"], [None]),
    "tools.0.name": (*TEXT, None, ""),
    "tools.0.description": TEXT,
    "tools.0.input_schema": (*OBJECT, None),
    "tools.0.strict": SWITCH,
    "tools.0.type": (5, True, ["custom"], {"a": "b"}, "custom_20990101"),
    "tools.0.cache_control": OBJECT,
    "tools.1.name": (*TEXT, None, "zsh"),
    "tool_choice": OBJECT,
    "tool_choice.type": (*TEXT, None, "maybe"),
    "tool_choice.disable_parallel_tool_use": SWITCH,
    "messages": (*ARRAY, None, [5], ["hello"], [None], []),
    "messages.0.role": (*TEXT, None, "robot", "User", "tool", "developer", ""),
    "messages.0.content": (*CONTENT, None),
    "messages.0.content.0.type": (*TEXT, None, "hologram", "TEXT", ""),
    "messages.0.content.0.text": (*TEXT, None),
    "messages.0.content.1.source": (*OBJECT, None),
    "messages.0.content.1.source.type": (*TEXT, None, "s3"),
    "messages.0.content.1.source.media_type": (*TEXT, None),
    "messages.0.content.1.source.data": (*TEXT, None, "", "not base64!"),
    "messages.0.content.2.source": (*OBJECT, None),
    "messages.0.content.2.source.data": (*TEXT, None),
    "messages.0.content.2.title": TEXT,
    "messages.0.content.2.context": TEXT,
    "messages.0.content.2.citations": OBJECT,
    "messages.0.content.2.citations.enabled": SWITCH,
    "messages.1.content.0.thinking": (*TEXT, None),
    "messages.1.content.0.signature": TEXT,
    "messages.1.content.1.data": (*TEXT, None),
    "messages.1.content.3.id": (*TEXT, None),
    "messages.1.content.3.name": (*TEXT, None, ""),
    "messages.2.content.0.tool_use_id": (*TEXT, None),
    "messages.2.content.0.is_error": SWITCH,
    "messages.2.content.0.content": CONTENT,
    "messages.2.content.0.content.0.text": (*TEXT, None),
    "messages.2.content.1.source": (*TEXT, None),
    "messages.2.content.1.title": (*TEXT, None),
    "messages.2.content.1.content": ("a", 5, True, [5], None),
}


@dataclass(frozen=True, slots=True)
class WrongType:
    path: str
    value: object

    @property
    def body(self) -> dict[str, Any]:
        """The whole request with the wrong value in its place."""
        body: dict[str, Any] = copy.deepcopy(dict(WHOLE))
        *way, last = self.path.split(".")
        place: Any = body
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        place[last] = self.value
        return body

    def __str__(self) -> str:
        return f"{self.path}={self.value!r}"


CASES: Final = tuple(WrongType(path, value) for path, values in WRONG.items() for value in values)
