"""What of a request stands outside its body: headers, and what the operator of the gateway has set."""

from typing import Final

import msgspec

# botocore's GuardrailConfiguration and ServiceTier.
GUARDRAIL_IDENTIFIER: Final = (
    r"[a-z0-9]{1,2048}|arn:aws(?:-[^:]{1,64})?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]{1,2000}"
)
GUARDRAIL_VERSION: Final = r"[1-9][0-9]{0,7}|DRAFT"
GUARDRAIL_TRACES: Final = ("enabled", "disabled", "enabled_full")
SERVICE_TIERS: Final = ("priority", "default", "flex", "reserved")


class Guardrail(msgspec.Struct, frozen=True):
    identifier: str
    version: str
    trace: str | None = None
    """`enabled`, `disabled` or `enabled_full`."""


class Options(msgspec.Struct, frozen=True):
    betas: tuple[str, ...] = ()
    """The values of the `anthropic-beta` headers, in their order, each once."""
    operator_text: str = ""
    """Stands last in the system prompt (CHATRIX_SYSTEM_PROMPT_FILE)."""
    guardrail: Guardrail | None = None
    service_tier: str | None = None
    """`priority`, `default`, `flex` or `reserved`."""


NO_OPTIONS = Options()
