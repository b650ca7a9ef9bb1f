"""The `anthropic-beta` header. Nothing is forwarded: one value that Bedrock does not know fails the whole request."""

from typing import Final

from gateway.protocol.disposition import MORE, Disposition

# Claude Code sends about a dozen.
MAX_BETAS: Final = 24


def drop_betas(header: str, disposition: Disposition) -> None:
    """Name each value of the header as dropped, as `beta:NAME`."""
    names, rest = header.split(",", MAX_BETAS)[:MAX_BETAS], header.count(",") - MAX_BETAS + 1
    for name in names:
        if name.strip():
            disposition.drop(f"beta:{name.strip()}")
    if rest > 0:
        disposition.drop(f"beta:{MORE}")
