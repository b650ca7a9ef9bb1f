"""Rows: values of the `anthropic-beta` header.

Known ones: `AnthropicBetaParam` of the anthropic SDK 2.12, and what Claude Code sends. A beta that switches on a field
or a tool is lost without harm where it is dropped: the field or the tool has a row of its own.
"""

from collections.abc import Iterable
from typing import Final

from gateway.protocol.features.feature import Feature, dropped, kept

_BETA: Final = "beta"

# A value that the caller's header asks for.
_SENT_WHEN_ASKED: Final = (
    (
        "interleaved-thinking-2025-05-14",
        "Sent with `thinking.enabled` where the model has it.",
        "Newer models think between tools by themselves, older ones cannot.",
        "There is no `thinking.enabled` in what is sent: nothing could be interleaved.",
    ),
    (
        "fine-grained-tool-streaming-2025-05-14",
        "Sent with tools where the model has it.",
        "The same tool inputs come, only later.",
        "There are no tools in what is sent.",
    ),
)
# A value that goes with a field or a tool of the body, whether or not the header has it.
_SENT_WHEN_NEEDED: Final = (
    ("effort-2025-11-24", "`output_config.effort` on the model that wants the beta for it."),
    ("computer-use-2025-01-24", "The tool `computer_20250124`."),
    ("computer-use-2025-11-24", "The tool `computer_20251124`."),
    ("thinking-binding-controls-2026-08-01", "`thinking.block_binding`."),
    ("thinking-display-updates-2026-08-18", "`thinking.display` of `updates`."),
)


def _dropped(reason: str, *names: str) -> Iterable[Feature]:
    return (dropped(f"beta:{name}", _BETA, reason, harmless=True) for name in names)


BETAS: Final[tuple[Feature, ...]] = (
    kept("anthropic_beta", "request field", "Read as values of the header `anthropic-beta`."),
    kept("betas", "request field", "Read as values of the header `anthropic-beta`."),
    dropped("beta:*", _BETA, "A beta that nobody here knows: one unknown value fails the whole request on Bedrock."),
    *(kept(f"beta:{name}", _BETA, reason) for name, reason, _, _ in _SENT_WHEN_ASKED),
    *(
        dropped(f"beta:{name}/not_on_this_model", _BETA, reason, harmless=True)
        for name, _, reason, _ in _SENT_WHEN_ASKED
    ),
    *(dropped(f"beta:{name}/without_use", _BETA, reason, harmless=True) for name, _, _, reason in _SENT_WHEN_ASKED),
    kept("beta:context-1m-2025-08-07", _BETA, "Sent where the model has it."),
    dropped(
        "beta:context-1m-2025-08-07/not_on_this_model",
        _BETA,
        "Newer models have the window without it, older ones not at all: a prompt that is too long is refused.",
        harmless=True,
    ),
    *(kept(f"beta:{name}", _BETA, f"Sent with what needs it: {use}") for name, use in _SENT_WHEN_NEEDED),
    *(
        dropped(
            f"beta:{name}/without_use",
            _BETA,
            f"What it is for is not sent, or needs no beta on this model: {use}",
            harmless=True,
        )
        for name, use in _SENT_WHEN_NEEDED
    ),
    *_dropped(
        "It names the client. Bedrock refuses it on some models.",
        "claude-code-20250219",
        "oauth-2025-04-20",
        "ccr-byoc-2025-07-29",
        "afk-mode-2026-01-31",
    ),
    *_dropped(
        "Bedrock's models do so without it.",
        "message-batches-2024-09-24",
        "model-context-window-exceeded-2025-08-26",
        "output-128k-2025-02-19",
        "pdfs-2024-09-25",
        "prompt-caching-2024-07-31",
        "prompt-caching-scope-2026-01-05",
        "extended-cache-ttl-2025-04-11",
        "token-counting-2024-11-01",
        "token-efficient-tools-2025-02-19",
    ),
    *_dropped(
        "chatrix asks Bedrock for the count in its own way.",
        "thinking-token-count-2026-05-13",
    ),
    *_dropped(
        "`output_config.format` has a row of its own, and Converse a field.",
        "structured-outputs-2025-11-13",
        "structured-outputs-2025-12-15",
    ),
    *_dropped(
        "It allows a field or a tool of the request, which has a row of its own.",
        "advanced-tool-use-2025-11-20",
        "advisor-tool-2026-03-01",
        "agent-memory-2026-07-22",
        "cache-diagnosis-2026-04-07",
        "code-execution-2025-05-22",
        "code-execution-2025-08-25",
        "compact-2026-01-12",
        "compact-2026-09-04",
        "computer-use-2024-10-22",
        "context-management-2025-06-27",
        "dangerous-tool-use-2026-09-03",
        "fallback-credit-2026-06-01",
        "fallback-credit-2026-07-01",
        "fast-mode-2026-02-01",
        "files-api-2025-04-14",
        "inline-tools-2026-09-15",
        "mcp-client-2025-04-04",
        "mcp-client-2025-11-20",
        "mcp-client-2026-09-15",
        "message-threads-2026-08-12",
        "mid-conversation-output-config-2026-07-01",
        "mid-conversation-system-clear-at-2026-08-21",
        "mid-conversation-tool-changes-2026-07-01",
        "per-turn-control-2026-07-01",
        "server-side-fallback-2026-06-01",
        "server-side-fallback-2026-07-01",
        "skills-2025-10-02",
        "task-budgets-2026-03-13",
        "tool-search-tool-2025-10-19",
        "user-profiles-2026-03-24",
        "user-profiles-2026-08-18",
        "user-profiles-2026-09-04",
        "user-profiles-billing-2026-10-01",
        "web-fetch-2025-09-10",
        "web-search-2025-03-05",
    ),
    *_dropped(
        "It belongs to other endpoints of Anthropic's platform.",
        "admin-user-sign-out-2026-10-08",
        "analytics-usage-cost-2026-08-24",
        "ce-claude-code-managed-settings-2026-10-06",
        "ce-plugins-2026-09-01",
        "ce-user-management-2026-07-13",
        "dreaming-2026-04-21",
        "experimental-claude-tag-2026-10-21",
        "managed-agents-2026-04-01",
        "mcp-tunnels-2026-06-22",
        "spend-limit-reads-2026-09-26",
        "telemetry-destinations-2026-08-11",
        "webhooks-2026-10-07",
    ),
    dropped(
        "beta:output-300k-2026-03-24",
        _BETA,
        "Bedrock's models write as much as the catalog says: a larger max_tokens is cut, and that is disclosed.",
        harmless=True,
    ),
    dropped(
        "beta:redact-thinking-2026-02-12",
        _BETA,
        "Bedrock does not redact thinking: it may be shown, unless `thinking.display` says `omitted`.",
        harmless=True,
    ),
    dropped("beta:dev-full-thinking-2025-05-14", _BETA, "Bedrock shows thinking as a summary only."),
)
