"""Bedrock's sentences about limits, in the words by which clients help themselves (messages-to-converse 8.2).

Claude Code compacts the conversation on `prompt is too long`, and lowers `max_tokens` on two other sentences. A number
is told only if Bedrock told it. Everything else keeps Bedrock's words. Asked on validation errors alone: "Too many
tokens, please wait" is a throttle, and compacting a throttled conversation would throw history away.
"""

import re
from typing import Final

_NUMBER: Final = r"(\d[\d,]*)"

# Context overflow, in all wordings seen.
_OVERFLOW: Final = re.compile(
    r"input is too long|prompt is too long|input tokens exceeded|maximum context length|context_length_exceeded"
    r"|exceeds the context window|exceed model maximum|too many input tokens|too many total text bytes"
    r"|is longer than the model's context length",
    re.IGNORECASE,
)
# Tokens, then the maximum.
_OVERFLOW_NUMBERS: Final = (
    re.compile(rf"prompt is too long: {_NUMBER} tokens > {_NUMBER} maximum", re.IGNORECASE),
    re.compile(rf"prompt tokens \({_NUMBER}\) exceed model maximum \({_NUMBER}\)", re.IGNORECASE),
)
# OpenAI's words, which the servers of the open models use too: the maximum, then the tokens.
_OVERFLOW_NUMBERS_REVERSED: Final = re.compile(
    rf"maximum context length is {_NUMBER} tokens[^0-9]{{1,60}}messages resulted in {_NUMBER} tokens", re.IGNORECASE
)
# The maximum, the prompt, and what was left for the answer. Here a smaller max_tokens helps, and compacting need not.
_TOO_MUCH_TOGETHER: Final = re.compile(
    rf"maximum context length is {_NUMBER} tokens[^0-9]{{1,60}}you requested {_NUMBER} tokens "
    rf"\({_NUMBER} in the messages, {_NUMBER} in the completion\)",
    re.IGNORECASE,
)
_SHRINKABLE: Final = "input length and `max_tokens` exceed context limit"
_MAX_TOKENS_LIMIT: Final = re.compile(rf"maximum tokens you requested exceeds the model limit of {_NUMBER}")
_BODY_TOO_LARGE: Final = re.compile(
    r"(?:request|payload|body|entity) (?:is )?too large|request (?:body|payload|entity|size) exceeds"
    r"|request exceeds the maximum size",
    re.IGNORECASE,
)
_INVALID_BETA: Final = re.compile(r"invalid beta flag|anthropic-beta`? header|\Aanthropic_beta\b", re.IGNORECASE)


def is_invalid_beta(message: str) -> bool:
    """Bedrock's sentence, and the one of Anthropic's API."""
    return _INVALID_BETA.search(message) is not None


def is_too_large(message: str) -> bool:
    """The bytes of the body, not its tokens: no compaction was asked for, and none may help."""
    return _BODY_TOO_LARGE.search(message) is not None and not _OVERFLOW.search(message)


def about_limits(message: str, max_tokens: int | None) -> str:
    """The recognised sentence for `message`; itself, if it is about something else."""
    if _SHRINKABLE in message:
        return message
    if limit := _MAX_TOKENS_LIMIT.search(message):
        return message if max_tokens is None else _too_many_asked(max_tokens, _count(limit[1]))
    if found := _TOO_MUCH_TOGETHER.search(message):
        maximum, _, prompt, answer = map(_count, found.groups())
        return _together(prompt, answer, maximum) if prompt < maximum else _too_long(prompt, maximum)
    if not _OVERFLOW.search(message):
        return message
    for pattern in _OVERFLOW_NUMBERS:
        if found := pattern.search(message):
            return _too_long(_count(found[1]), _count(found[2]))
    if found := _OVERFLOW_NUMBERS_REVERSED.search(message):
        return _too_long(_count(found[2]), _count(found[1]))
    return "prompt is too long"


def _too_long(tokens: int, maximum: int) -> str:
    return f"prompt is too long: {tokens} tokens > {maximum} maximum"


def _together(prompt: int, answer: int, maximum: int) -> str:
    return f"{_SHRINKABLE}: {prompt} + {answer} > {maximum}, decrease input length or `max_tokens` and try again"


def _too_many_asked(max_tokens: int, limit: int) -> str:
    return f"max_tokens: {max_tokens} > {limit}, which is the maximum allowed number of output tokens for this model"


def _count(digits: str) -> int:
    return int(digits.replace(",", ""))
