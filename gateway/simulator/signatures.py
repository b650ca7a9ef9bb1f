"""The simulator's signatures of reasoning: they can be checked when the text comes back."""

from hashlib import sha256
from typing import Final

SIGNATURE_PREFIX: Final = "SIG"


def sign(text: str) -> str:
    return SIGNATURE_PREFIX + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_ours(signature: str) -> bool:
    return signature.startswith(SIGNATURE_PREFIX)
