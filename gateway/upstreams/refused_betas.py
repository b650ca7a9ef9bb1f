"""Which models have lately answered `invalid beta flag`: their next requests go without betas at once.

Acceptance differs by model, and changes with Bedrock's own releases; so what was learned is forgotten after a while.
"""

from typing import Final

from gateway.secret_store import Clocks, Instant

TTL_SECONDS: Final = 3600
# Far more than one gateway serves: profile ids of callers could otherwise grow it without end.
MAX_MODELS: Final = 256


class RefusedBetas:
    """Bounded: the model that was refused longest ago is forgotten first."""

    def __init__(self, clocks: Clocks | None = None) -> None:
        self._clocks = clocks or Clocks()
        self._refused: dict[str, Instant] = {}

    def __contains__(self, model_id: str) -> bool:
        since = self._refused.get(model_id)
        return since is not None and self._clocks.seconds_since(since) < TTL_SECONDS

    def add(self, model_id: str) -> None:
        self._refused.pop(model_id, None)
        self._refused[model_id] = self._clocks.now()
        if len(self._refused) > MAX_MODELS:
            del self._refused[next(iter(self._refused))]
