"""What a request's headers ask for beside its body: betas, a guardrail, a service tier, strictness.

The names of Bedrock's own headers are those of its InvokeModel operation, which Claude Code's Bedrock mode sends.
"""

import re
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace
from multidict import CIMultiDictProxy

from gateway.protocol.disposition import MORE, UNKNOWN_BETA, Disposition
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.options import (
    GUARDRAIL_IDENTIFIER,
    GUARDRAIL_TRACES,
    GUARDRAIL_VERSION,
    SERVICE_TIERS,
    Guardrail,
    Options,
)
from gateway.settings import Settings

Headers = CIMultiDictProxy[str]

STRICT: Final = "x-chatrix-strict"
BETA: Final = "anthropic-beta"
GUARDRAIL: Final = "x-amzn-bedrock-guardrailidentifier"
GUARDRAIL_VERSION_HEADER: Final = "x-amzn-bedrock-guardrailversion"
TRACE: Final = "x-amzn-bedrock-trace"
TIER: Final = "x-amzn-bedrock-service-tier"
LATENCY: Final = "x-amzn-bedrock-performanceconfig-latency"
# Those that have a row of their own; the version belongs to the guardrail.
NOTED: Final = (
    "anthropic-version",
    "anthropic-user-profile-id",
    "anthropic-workspace-id",
    "x-claude-code-session-id",
    STRICT,
    GUARDRAIL,
    TRACE,
    TIER,
    LATENCY,
)
# Claude Code sends about a dozen.
MAX_BETAS: Final = 40


def is_strict(headers: Headers, settings: Settings) -> bool:
    """The header can switch strictness on for one request; it cannot switch off what the operator has set.

    Raises `InvalidRequest` for any other word: a caller who wants to hear of losses must not lose the wish itself.
    A `0` that a proxy or a library adds beside it does not take it away.
    """
    wishes = [_chosen(value, STRICT, ("1", "0")) for value in _values(headers, STRICT)]
    return "1" in wishes or settings.strict


def read_options(headers: Headers, settings: Settings, disposition: Disposition) -> Options:
    """Raises `InvalidRequest` for a value that cannot be passed on."""
    for name in NOTED:
        if name in headers:
            disposition.note(f"header:{name}", name)
    return Options(
        betas=_betas(headers, disposition),
        operator_text=settings.system_prompt,
        guardrail=_guardrail(headers, settings, disposition),
        service_tier=_choice(headers, TIER, SERVICE_TIERS) or settings.service_tier,
    )


def _betas(headers: Headers, disposition: Disposition) -> tuple[str, ...]:
    betas = dict.fromkeys(_values(headers, BETA))
    for beta in list(betas)[MAX_BETAS:]:
        disposition.note_unknown(UNKNOWN_BETA, f"beta:{MORE}", BETA)
        del betas[beta]
    return tuple(betas)


def _values(headers: Headers, name: str) -> Iterator[str]:
    """Of a header that may come more than once, or with several values."""
    for header in headers.getall(name, []):
        for value in header.split(","):
            if value.strip():
                yield value.strip()


def _guardrail(headers: Headers, settings: Settings, disposition: Disposition) -> Guardrail | None:
    trace = _choice(headers, TRACE, GUARDRAIL_TRACES) or settings.guardrail_trace
    wished = [name for name in (GUARDRAIL, GUARDRAIL_VERSION_HEADER) if name in headers]
    if settings.guardrail is not None:
        if wished:
            disposition.note(f"header:{GUARDRAIL}/operators", wished[0])
        return replace(settings.guardrail, trace=trace)
    if not wished:
        if TRACE in headers:
            disposition.note(f"header:{TRACE}/without_guardrail", TRACE)
        return None
    identifier = _matching(headers, GUARDRAIL, GUARDRAIL_IDENTIFIER, "the id or the ARN of a guardrail")
    version = _matching(headers, GUARDRAIL_VERSION_HEADER, GUARDRAIL_VERSION, "DRAFT or a number")
    return Guardrail(identifier, version, trace)


def _matching(headers: Headers, name: str, expression: str, allowed: str) -> str:
    value = headers.get(name, "").strip()
    if not re.fullmatch(expression, value):
        raise InvalidRequest(f"{name}: must be {allowed}")
    return value


def _choice(headers: Headers, name: str, choices: tuple[str, ...]) -> str | None:
    value = headers.get(name, "").strip().lower()
    return _chosen(value, name, choices) if value else None


def _chosen(value: str, name: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InvalidRequest(f"{name}: must be one of {', '.join(choices)}")
    return value
