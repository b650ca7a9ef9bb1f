"""Cases: forms of thinking, and betas."""

from collections.abc import Mapping
from typing import Any, Final

from tests.matrix.building_blocks import DEEPSEEK, HISTORY, MISTRAL, TOOL
from tests.matrix.cases import ABSENT, RequestCase, approximated, dropped, kept
from tests.matrix.tool_cases import BETAS, NATIVE, tool

THINKING: Final = "additionalModelRequestFields.thinking"
BUDGET: Final[Mapping[str, Any]] = {"type": "enabled", "budget_tokens": 2000}
ALWAYS: Final = "claude-opus-5-5"
BETWEEN: Final = "claude-sonnet-5-5"
BOTH: Final = "claude-opus-4-6"
ADAPTIVE_ONLY: Final = "claude-opus-4-7"


def thinking(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "thinking": fields}


_THINKING: Final[tuple[RequestCase, ...]] = (
    kept("thinking", thinking("claude-sonnet-4-5", **BUDGET), sent={THINKING: BUDGET}),
    kept("thinking.enabled", thinking("claude-sonnet-4-5", **BUDGET), sent={THINKING: BUDGET}),
    kept("thinking.adaptive", thinking(BOTH, type="adaptive"), sent={THINKING: {"type": "adaptive"}}),
    kept("thinking.disabled", thinking(BOTH, type="disabled"), sent={THINKING: {"type": "disabled"}}),
    kept("thinking.between_tools", thinking(BETWEEN, type="between_tools"), sent={THINKING: {"type": "between_tools"}}),
    approximated(
        "thinking.disabled/between_tools",
        thinking(BETWEEN, type="disabled"),
        sent={THINKING: {"type": "between_tools"}},
        at="thinking",
    ),
    approximated(
        "thinking.disabled/always_on",
        thinking(ALWAYS, type="disabled"),
        sent={THINKING: ABSENT},
        at="thinking",
    ),
    approximated("thinking/nearest_form", thinking(ADAPTIVE_ONLY, **BUDGET), sent={THINKING: {"type": "adaptive"}}),
    approximated(
        "thinking/as_effort",
        thinking(DEEPSEEK, **BUDGET),
        sent={"additionalModelRequestFields": {"reasoning_effort": "low"}},
    ),
    dropped(
        "thinking/not_on_this_model",
        thinking(MISTRAL, **BUDGET),
        sent={"additionalModelRequestFields": ABSENT},
    ),
    dropped(
        "thinking/tool_loop_without_thinking",
        {"thinking": BUDGET, "tools": [TOOL], "messages": HISTORY},
        sent={THINKING: ABSENT},
    ),
    approximated(
        "thinking.enabled.budget_tokens/too_large",
        {"max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 3000}},
        sent={THINKING: {"type": "enabled", "budget_tokens": 2999}},
        at="thinking.budget_tokens",
    ),
    kept(
        "thinking.display",
        thinking(BOTH, type="adaptive", display="omitted"),
        sent={THINKING: {"type": "adaptive", "display": "omitted"}},
    ),
    approximated(
        "thinking.display/updates_as_summary",
        thinking(BOTH, type="adaptive", display="updates"),
        sent={THINKING: {"type": "adaptive", "display": "summarized"}},
    ),
    dropped(
        "thinking.display/not_taken",
        thinking("claude-sonnet-4-5", **BUDGET, display="omitted"),
        sent={THINKING: BUDGET},
        harmless=True,
    ),
    kept(
        "thinking.block_binding",
        thinking(ALWAYS, type="adaptive", block_binding={"prefix_mismatch_behavior": "drop_block"}),
        sent={
            THINKING: {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}},
            BETAS: ["thinking-binding-controls-2026-08-01"],
        },
    ),
    dropped(
        "thinking.block_binding/not_on_this_model",
        thinking(BOTH, type="adaptive", block_binding={"prefix_mismatch_behavior": "drop_block"}),
        sent={THINKING: {"type": "adaptive"}},
        harmless=True,
    ),
)


def asking_for(beta: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"body": dict(body or {}), "headers": {"anthropic-beta": beta}}


# Sent with what they are for: a request that has it, and one on which they are of no use.
_SENT: Final[Mapping[str, Mapping[str, Any]]] = {
    "interleaved-thinking-2025-05-14": thinking("claude-sonnet-4-5", **BUDGET),
    "fine-grained-tool-streaming-2025-05-14": tool(),
    "context-1m-2025-08-07": {},
    "effort-2025-11-24": {"model": "claude-opus-4-5", "output_config": {"effort": "low"}},
    "computer-use-2025-01-24": {
        "model": "claude-sonnet-4-5",
        "tools": [TOOL, {"type": "computer_20250124", **NATIVE["computer_20250124"][1]}],
    },
    "computer-use-2025-11-24": {
        "model": BOTH,
        "tools": [TOOL, {"type": "computer_20251124", **NATIVE["computer_20251124"][1]}],
    },
    "thinking-binding-controls-2026-08-01": thinking(
        ALWAYS, type="adaptive", block_binding={"prefix_mismatch_behavior": "drop_block"}
    ),
    "thinking-display-updates-2026-08-18": thinking(ALWAYS, type="adaptive", display="updates"),
}
_WITHOUT_USE: Final = tuple(beta for beta in _SENT if beta != "context-1m-2025-08-07")
_NOT_ON_THIS_MODEL: Final[Mapping[str, Mapping[str, Any]]] = {
    "interleaved-thinking-2025-05-14": {"model": ADAPTIVE_ONLY, "thinking": {"type": "adaptive"}},
    "fine-grained-tool-streaming-2025-05-14": {"model": MISTRAL, "tools": [TOOL]},
    "context-1m-2025-08-07": {"model": BOTH},
}
# Not sent, and nothing is lost by it.
_HARMLESS: Final = (
    "claude-code-20250219", "oauth-2025-04-20", "ccr-byoc-2025-07-29", "afk-mode-2026-01-31",
    "message-batches-2024-09-24", "model-context-window-exceeded-2025-08-26", "output-128k-2025-02-19",
    "pdfs-2024-09-25", "prompt-caching-2024-07-31", "prompt-caching-scope-2026-01-05",
    "extended-cache-ttl-2025-04-11", "token-counting-2024-11-01", "token-efficient-tools-2025-02-19",
    "thinking-token-count-2026-05-13", "structured-outputs-2025-11-13", "structured-outputs-2025-12-15",
    "advanced-tool-use-2025-11-20", "advisor-tool-2026-03-01", "agent-memory-2026-07-22",
    "cache-diagnosis-2026-04-07", "code-execution-2025-05-22", "code-execution-2025-08-25", "compact-2026-01-12",
    "compact-2026-09-04", "computer-use-2024-10-22", "context-management-2025-06-27", "dangerous-tool-use-2026-09-03",
    "fallback-credit-2026-06-01", "fallback-credit-2026-07-01", "fast-mode-2026-02-01", "files-api-2025-04-14",
    "inline-tools-2026-09-15", "mcp-client-2025-04-04", "mcp-client-2025-11-20", "mcp-client-2026-09-15",
    "message-threads-2026-08-12", "mid-conversation-output-config-2026-07-01",
    "mid-conversation-system-clear-at-2026-08-21", "mid-conversation-tool-changes-2026-07-01",
    "per-turn-control-2026-07-01", "server-side-fallback-2026-06-01", "server-side-fallback-2026-07-01",
    "skills-2025-10-02", "task-budgets-2026-03-13", "tool-search-tool-2025-10-19", "user-profiles-2026-03-24",
    "user-profiles-2026-08-18", "user-profiles-2026-09-04", "user-profiles-billing-2026-10-01",
    "web-fetch-2025-09-10", "web-search-2025-03-05",
    "admin-user-sign-out-2026-10-08", "analytics-usage-cost-2026-08-24", "ce-claude-code-managed-settings-2026-10-06",
    "ce-plugins-2026-09-01", "ce-user-management-2026-07-13", "dreaming-2026-04-21",
    "experimental-claude-tag-2026-10-21", "managed-agents-2026-04-01", "mcp-tunnels-2026-06-22",
    "spend-limit-reads-2026-09-26", "telemetry-destinations-2026-08-11", "webhooks-2026-10-07",
    "output-300k-2026-03-24", "redact-thinking-2026-02-12",
)  # fmt: skip

_BETAS: Final[tuple[RequestCase, ...]] = (
    kept(
        "anthropic_beta",
        {"anthropic_beta": ["context-1m-2025-08-07"]},
        sent={BETAS: ["context-1m-2025-08-07"]},
    ),
    kept("betas", {"betas": ["context-1m-2025-08-07"]}, sent={BETAS: ["context-1m-2025-08-07"]}),
    dropped(
        "beta:*",
        **asking_for("from-the-future-2027-01-01"),
        name="beta:from-the-future-2027-01-01",
        at="anthropic-beta",
        sent={BETAS: ABSENT},
    ),
    *(kept(f"beta:{beta}", **asking_for(beta, body), sent={BETAS: [beta]}) for beta, body in _SENT.items()),
    *(
        dropped(f"beta:{beta}/without_use", **asking_for(beta), sent={BETAS: ABSENT}, harmless=True)
        for beta in _WITHOUT_USE
    ),
    *(
        dropped(f"beta:{beta}/not_on_this_model", **asking_for(beta, body), sent={BETAS: ABSENT}, harmless=True)
        for beta, body in _NOT_ON_THIS_MODEL.items()
    ),
    *(dropped(f"beta:{beta}", **asking_for(beta), sent={BETAS: ABSENT}, harmless=True) for beta in _HARMLESS),
    dropped(
        "beta:dev-full-thinking-2025-05-14",
        **asking_for("dev-full-thinking-2025-05-14"),
        sent={BETAS: ABSENT},
        at="anthropic-beta",
    ),
)

THINKING_CASES: Final = (*_THINKING, *_BETAS)
