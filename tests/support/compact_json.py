"""JSON for people: what fits into a line stands in one."""

import json
from typing import Any, Final

LINE_CHARACTERS: Final = 120
INDENT: Final = "  "


def compact_json(value: Any) -> str:
    return _written(value, "", 0) + "\n"


def _written(value: Any, indent: str, used: int) -> str:
    """`used`: characters of the line before and behind it."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + used + len(line) <= LINE_CHARACTERS or not value or not isinstance(value, dict | list | tuple):
        return line
    deeper = indent + INDENT
    if isinstance(value, dict):
        keys = ((json.dumps(key, ensure_ascii=False) + ": ", below) for key, below in value.items())
        parts, ends = [key + _written(below, deeper, len(key) + 1) for key, below in keys], "{}"
    else:
        parts, ends = [_written(below, deeper, 1) for below in value], "[]"
    return f"{ends[0]}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}{ends[1]}"
