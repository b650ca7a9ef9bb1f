"""Which betas a model has lately answered with `invalid beta flag`: requests with the same go without betas at once.

Which one of them it was, Bedrock does not say; so a caller with other betas is not made to go without. Acceptance
differs by model, and changes with Bedrock's own releases; so what was learned is forgotten after a while.
"""

from collections.abc import Collection
from typing import Final

from gateway.clocks import Clocks, Instant

TTL_SECONDS: Final = 3600
# Far more than one gateway serves: profile ids of callers could otherwise grow it without end.
MAX_REFUSALS: Final = 256


class RefusedBetas:
    """Bounded: what was refused longest ago is forgotten first."""

    def __init__(self, clocks: Clocks | None = None) -> None:
        self._clocks = clocks or Clocks()
        self._refused: dict[tuple[str, frozenset[str]], Instant] = {}

    def refuses(self, model_id: str, betas: Collection[str]) -> bool:
        """The model has refused all or a part of these."""
        return any(
            model == model_id and refused <= set(betas) and self._clocks.seconds_since(since) < TTL_SECONDS
            for (model, refused), since in self._refused.items()
        )

    def add(self, model_id: str, betas: Collection[str]) -> None:
        key = model_id, frozenset(betas)
        self._refused.pop(key, None)
        self._refused[key] = self._clocks.now()
        if len(self._refused) > MAX_REFUSALS:
            del self._refused[next(iter(self._refused))]
