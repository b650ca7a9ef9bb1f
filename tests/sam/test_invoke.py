"""`sam local invoke`: one event, one container, one answer."""

import json
import time
from collections.abc import Callable

from tests.sam.conftest import Built, Machine


def test_the_event_of_samconfig_is_answered_by_the_simulator_inside(
    built: Built, machine: Machine, say: Callable[[str], None]
) -> None:
    started = time.monotonic()
    done = built.project.run("local", "invoke")
    say(f"sam local invoke: {time.monotonic() - started:.0f} s")
    answer = json.loads(done.stdout)
    assert answer["statusCode"] == 200
    message = json.loads(answer["body"])
    assert message["type"] == "message"
    assert message["stop_reason"] == "end_turn"
    assert "chatrix simulator" in message["content"][0]["text"]
    assert machine.sam_containers() == []
