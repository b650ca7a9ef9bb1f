"""What the functions that play markers read and fill."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.simulator.contents import JsonObject
from gateway.simulator.markers import Marker
from gateway.simulator.plan import Cut, Failure, HttpFault, Plan
from gateway.simulator.refusals import Refusal
from gateway.simulator.script import Script, ScriptCounters


@dataclass(slots=True)
class Stage:
    """`position` is the place of the marker being played in its turn."""

    request: JsonObject
    script: Script
    counters: ScriptCounters
    streamed: bool
    plan: Plan = field(default_factory=Plan)
    position: int = 0

    def instead(self, answer: Refusal | HttpFault) -> None:
        """The first one stands."""
        if self.plan.instead is None:
            self.plan.instead = answer

    def counts(self, first: int) -> bool:
        """Whether this is one of the first so many times; a request that ends earlier has not come this far."""
        if self.plan.instead is not None or any(isinstance(step, Failure | Cut) for step in self.plan.steps):
            return False
        return self.counters.is_among_first(first, self.script, self.position)


Staging: TypeAlias = Callable[[Stage, Marker], None]
