"""Cases: turns, texts with their citations, and thinking in the history."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from tests.matrix.building_blocks import (
    CALL,
    CITED,
    FIRST,
    MISTRAL,
    REDACTED,
    RESULT,
    SIGNATURE,
    TEXT_SOURCE,
    THOUGHT,
    TOOL,
    USER,
    answered,
    document,
    holds,
    user,
)
from tests.matrix.cases import ABSENT, RequestCase, approximated, dropped, kept

_MESSAGES: Final[tuple[RequestCase, ...]] = (
    approximated(
        "messages.role.system",
        {"messages": [USER, {"role": "system", "content": "The date has changed."}]},
        sent={
            "messages.1": ABSENT,
            "messages.0.content.1.text": "<system-reminder>\nThe date has changed.\n</system-reminder>",
        },
        at="messages.1",
    ),
    dropped(
        "messages.clear_at",
        {"messages": [USER, {"role": "system", "content": "A note.", "clear_at": "next_user_message"}]},
        sent={"messages.0.content.1.text": holds("A note."), "messages.0.clear_at": ABSENT},
        at="messages.1.clear_at",
    ),
    dropped(
        "messages.output_config",
        {
            "model": "claude-opus-4-6",
            "output_config": {"effort": "low"},
            "messages": [{**USER, "output_config": {"effort": "low"}}],
        },
        sent={"messages.0.output_config": ABSENT, "additionalModelRequestFields.output_config.effort": "low"},
        at="messages.0.output_config",
        harmless=True,
    ),
    dropped(
        "messages.output_config/another_effort",
        {
            "model": "claude-opus-4-6",
            "output_config": {"effort": "high"},
            "messages": [{**USER, "output_config": {"effort": "low"}}],
        },
        sent={"messages.0.output_config": ABSENT, "additionalModelRequestFields.output_config.effort": "high"},
        at="messages.0.output_config.effort",
    ),
    approximated(
        "messages.order",
        {
            "tools": [TOOL],
            "messages": [
                USER,
                {"role": "assistant", "content": [CALL, {"type": "text", "text": "Behind it."}]},
                {"role": "user", "content": [RESULT]},
            ],
        },
        sent={"messages.1.content.0.text": "Behind it.", "messages.1.content.1.toolUse.name": "clock"},
    ),
    approximated(
        "messages.turns",
        {
            "model": MISTRAL,
            "tools": [TOOL],
            "messages": [
                USER,
                {"role": "assistant", "content": [CALL]},
                {"role": "user", "content": [RESULT, {"type": "text", "text": "And now?"}]},
            ],
        },
        sent={
            "messages.2.content.1": ABSENT,
            "messages.3": {"role": "assistant", "content": [{"text": "."}]},
            "messages.4.content.0.text": "And now?",
        },
    ),
    approximated(
        "messages.turns/begun_by_the_assistant",
        {"model": MISTRAL, "messages": [{"role": "assistant", "content": "Welcome."}, USER]},
        sent={"messages.0": {"role": "user", "content": [{"text": "."}]}, "messages.1.content.0.text": "Welcome."},
        at="messages.0",
    ),
)


def cited(citation: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    said = {"type": "text", "text": "It is alpha.", "citations": [citation]}
    messages = [
        {"role": "user", "content": [document(TEXT_SOURCE, title="Notes", **CITED), {"type": "text", "text": "What?"}]},
        {"role": "assistant", "content": [said]},
        USER,
    ]
    return {"messages": messages, **rest}


def _place(kind: str, unit: str) -> dict[str, Any]:
    return {
        "type": kind,
        "cited_text": "Alpha.",
        "document_index": 0,
        "document_title": "Notes",
        f"start_{unit}": 1,
        f"end_{unit}": 2,
    }


PLACES: Final = (
    ("char_location", "char_index", "documentChar"),
    ("page_location", "page_number", "documentPage"),
    ("content_block_location", "block_index", "documentChunk"),
)

CITATION: Final = "messages.1.content.0.citationsContent.citations.0"

_CHAR: Final = _place("char_location", "char_index")


def _converse_citation(location: str) -> dict[str, Any]:
    return {
        "location": {location: {"documentIndex": 0, "start": 1, "end": 2}},
        "title": "Notes",
        "sourceContent": [{"text": "Alpha."}],
    }


_TEXT: Final[tuple[RequestCase, ...]] = (
    kept("content.text", user(), sent={FIRST: {"text": "[[say:ok]]"}}),
    dropped(
        "content.text/blank",
        user({"type": "text", "text": " \n"}),
        sent={"messages.0.content": [{"text": "[[say:ok]]"}]},
        silent=True,
    ),
    approximated(
        "content.text/prefill",
        {"messages": [USER, {"role": "assistant", "content": "The answer is "}]},
        sent={"messages.1.content": [{"text": "The answer is"}]},
    ),
    kept(
        "content.text.citations",
        cited(_CHAR),
        sent={"messages.1.content.0.citationsContent.content": [{"text": "It is alpha."}]},
    ),
    approximated(
        "content.text.citations/without_place",
        answered({"type": "text", "text": "It is alpha.", "citations": [_CHAR]}, model=MISTRAL),
        sent={"messages.1.content": [{"text": "It is alpha."}]},
        at="messages.1.content.0.citations",
    ),
    *(
        kept(
            f"content.text.citations.{kind}",
            cited(_place(kind, unit)),
            sent={CITATION: _converse_citation(location)},
        )
        for kind, unit, location in PLACES
    ),
    *(
        dropped(
            f"content.text.citations.{kind}.file_id",
            cited({**_place(kind, unit), "file_id": "file_1"}),
            sent={CITATION: _converse_citation(location)},
            harmless=True,
        )
        for kind, unit, location in PLACES
    ),
    *(
        approximated(
            f"content.text.citations.{kind}",
            cited({"type": kind, "cited_text": "Alpha.", "title": "A page", **fields}),
            sent={"messages.1.content": [{"text": "It is alpha."}]},
            at="messages.1.content.0.citations.0",
        )
        for kind, fields in (
            (
                "search_result_location",
                {"search_result_index": 0, "source": "https://x", "start_block_index": 0, "end_block_index": 1},
            ),
            ("web_search_result_location", {"url": "https://x", "encrypted_index": "abc"}),
        )
    ),
)

_THINKING: Final[tuple[RequestCase, ...]] = (
    kept(
        "content.thinking",
        answered(THOUGHT, {"type": "text", "text": "Hi."}),
        sent={"messages.1.content.0": {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": SIGNATURE}}}},
    ),
    dropped(
        "content.thinking/unsigned",
        answered({**THOUGHT, "signature": ""}, {"type": "text", "text": "Hi."}),
        sent={"messages.1.content": [{"text": "Hi."}]},
        at="messages.1.content.0",
    ),
    dropped(
        "content.thinking/not_taken_back",
        answered(THOUGHT, {"type": "text", "text": "Hi."}, model=MISTRAL),
        sent={"messages.1.content": [{"text": "Hi."}]},
        at="messages.1.content.0",
    ),
    kept(
        "content.redacted_thinking",
        answered(REDACTED, {"type": "text", "text": "Hi."}),
        sent={
            "messages.1.content.0": {"reasoningContent": {"redactedContent": b64encode(b"Eu8ECkYIAxgCKkA=").decode()}}
        },
    ),
    dropped(
        "content.redacted_thinking/not_taken_back",
        answered(REDACTED, {"type": "text", "text": "Hi."}, model=MISTRAL),
        sent={"messages.1.content": [{"text": "Hi."}]},
        at="messages.1.content.0",
    ),
)

MESSAGE_CASES: Final = (*_MESSAGES, *_TEXT, *_THINKING)
