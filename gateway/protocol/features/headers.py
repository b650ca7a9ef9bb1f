"""Rows: the headers of a request that mean something, beyond keys and betas."""

from typing import Final

from gateway.protocol.features.feature import Feature, dropped, kept

_HEADER: Final = "header"

HEADERS: Final[tuple[Feature, ...]] = (
    kept(
        "header:anthropic-version",
        _HEADER,
        "2023-06-01 and 2026-10-21 are served alike, and a missing one is tolerated: what differs between them is only "
        "what they refuse.",
    ),
    kept("header:x-chatrix-strict", _HEADER, "`1` refuses what would be approximated or dropped, for this request."),
    kept(
        "header:x-amzn-bedrock-guardrailidentifier",
        _HEADER,
        "`guardrailConfig`, together with x-amzn-bedrock-guardrailversion; the names of Bedrock's InvokeModel.",
    ),
    dropped(
        "header:x-amzn-bedrock-guardrailidentifier/operators",
        _HEADER,
        "The operator has set a guardrail (CHATRIX_GUARDRAIL): callers cannot choose another one, or another version.",
    ),
    kept(
        "header:x-amzn-bedrock-trace",
        _HEADER,
        "`guardrailConfig.trace`: ENABLED, DISABLED or ENABLED_FULL. Bedrock is asked for the trace, and it stands in "
        "Bedrock's own invocation log. It is in no reply and in no log of the gateway: it quotes the conversation and "
        "names ARNs.",
    ),
    dropped(
        "header:x-amzn-bedrock-trace/without_guardrail",
        _HEADER,
        "There is no guardrail, neither the caller's nor the operator's: there is nothing to trace.",
        harmless=True,
    ),
    kept(
        "header:x-amzn-bedrock-service-tier",
        _HEADER,
        "`serviceTier`: priority, default, flex or reserved. It outranks CHATRIX_SERVICE_TIER.",
    ),
    dropped(
        "header:x-amzn-bedrock-performanceconfig-latency",
        _HEADER,
        "The gateway does not pass it on: the answer comes with the standard latency.",
    ),
    dropped(
        "header:anthropic-user-profile-id",
        _HEADER,
        "It belongs to Anthropic's own platform. The answer is the same.",
        harmless=True,
    ),
    dropped(
        "header:anthropic-workspace-id",
        _HEADER,
        "It belongs to Anthropic's own platform. The answer is the same.",
        harmless=True,
    ),
    kept("header:x-claude-code-session-id", _HEADER, "Stands in the log line."),
)
