"""What can be said of an invocation afterwards, as in the REPORT line of Lambda's log and a little more."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.doubles.invocation import Invocation


@dataclass(frozen=True, slots=True)
class Report:
    """Times are `time.monotonic()`. `lines` is what the application wrote during the invocation, with the times."""

    request_id: str
    started_at: float
    ended_at: float | None
    piece_times: tuple[float, ...]
    error: str | None
    lines: tuple[tuple[float, str], ...]

    @property
    def seconds(self) -> float:
        assert self.ended_at is not None, "the invocation is still running"
        return self.ended_at - self.started_at


def report_of(invocation: Invocation, next_one: Invocation | None, lines: Sequence[tuple[float, str]]) -> Report:
    """`next_one`: the invocation that the same environment had afterwards. The lines from then on are its own."""
    until = next_one.started_at if next_one is not None else float("inf")
    return Report(
        request_id=invocation.request_id,
        started_at=invocation.started_at,
        ended_at=invocation.ended_at,
        piece_times=tuple(time for time, _ in invocation.pieces),
        error=invocation.failure,
        lines=tuple((time, line) for time, line in lines if invocation.started_at <= time < until),
    )
