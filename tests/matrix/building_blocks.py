"""What requests of the cases are made of: blocks, tools, models that are special in one thing, conversations."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

USER: Final[Mapping[str, Any]] = {"role": "user", "content": "[[say:ok]]"}
MARK: Final[Mapping[str, Any]] = {"type": "ephemeral"}
POINT: Final[Mapping[str, Any]] = {"cachePoint": {"type": "default"}}
TOOL: Final[Mapping[str, Any]] = {"name": "clock", "description": "Tells the time.", "input_schema": {"type": "object"}}
CALL: Final[Mapping[str, Any]] = {"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {}}
RESULT: Final[Mapping[str, Any]] = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}
# Models, by what is special about them.
NO_SAMPLING: Final = "claude-opus-4-7"
NO_EFFORT: Final = "claude-sonnet-4-5"
OLD_CACHE: Final = "claude-opus-4-1"
NOVA: Final = "nova-pro"
GPT: Final = "gpt-6-sol"
DEEPSEEK: Final = "deepseek-v3.2"
MISTRAL: Final = "mistral-large-3"
TEXT: Final[Mapping[str, Any]] = {"type": "text", "text": "[[say:ok]]"}
PNG_1X1: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF: Final = b64encode(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF\n").decode()
IMAGE: Final[Mapping[str, Any]] = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": PNG_1X1},
}
TEXT_SOURCE: Final[Mapping[str, Any]] = {"type": "text", "media_type": "text/plain", "data": "Alpha."}
PDF_SOURCE: Final[Mapping[str, Any]] = {"type": "base64", "media_type": "application/pdf", "data": PDF}
ALPHA: Final = b64encode(b"Alpha.").decode()
SEARCH: Final[Mapping[str, Any]] = {
    "type": "search_result",
    "source": "https://example.com",
    "title": "A page",
    "content": [{"type": "text", "text": "Alpha."}],
    "citations": {"enabled": True},
}
CITED: Final[Mapping[str, Any]] = {"citations": {"enabled": True}}
SIGNATURE: Final = "SIG" + sha256(b"Hm.").hexdigest()
THOUGHT: Final[Mapping[str, Any]] = {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE}
REDACTED: Final[Mapping[str, Any]] = {"type": "redacted_thinking", "data": "Eu8ECkYIAxgCKkA="}
# Where the first block of a request stands, and of the Converse request made from it.
FIRST: Final = "messages.0.content.0"
# A tool was called, and has answered.
HISTORY: Final[tuple[Mapping[str, Any], ...]] = (
    USER,
    {"role": "assistant", "content": [CALL]},
    {"role": "user", "content": [RESULT]},
)


def marked(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text, "cache_control": MARK} for text in texts]


def holds(text: str) -> Any:
    return lambda found: isinstance(found, str) and text in found


def user(*blocks: Mapping[str, Any], model: str = "claude-sonnet-4-5") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": [*blocks, TEXT]}]}


def document(source: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **fields}


def answered(*blocks: Mapping[str, Any], model: str = "claude-sonnet-4-5", **fields: Any) -> dict[str, Any]:
    """A conversation in which the assistant has said something; that is `messages.1`."""
    messages = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": list(blocks)}, USER]
    return {"model": model, "messages": messages, **fields}


def tool_result(
    content: Any = "noon", *, model: str = "claude-sonnet-4-5", beside: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A conversation that ends with a result; that is `messages.2.content.0`."""
    result = {**RESULT, "content": content, **fields}
    return {
        "model": model,
        "tools": [TOOL],
        "messages": [
            USER,
            {"role": "assistant", "content": [CALL]},
            {"role": "user", "content": [result, beside] if beside else [result]},
        ],
    }
