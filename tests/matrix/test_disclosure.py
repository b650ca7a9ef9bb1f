"""Where a caller finds what became of a request: the same in every form of a reply."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

from tests.support.gateway import HELLO, Gateway, run_both

LOSING: Final[dict[str, Any]] = {
    **HELLO,
    "model": "claude-3-7-sonnet-20250219",
    "metadata": {"user_id": "someone"},
    "speed": "fast",
    "from_the_future": 1,
}
DROPPED: Final = "speed, metadata, from_the_future"


def in_any_order(header: str) -> set[str]:
    return {name.strip() for name in header.split(",")}


async def test_headers_disclose_streamed_whole_and_counted_alike(gateway: Gateway) -> None:
    for path, fields in (
        ("/v1/messages", {"stream": True}),
        ("/v1/messages", {"stream": False}),
        ("/v1/messages/count_tokens", {}),
    ):
        async with gateway.post({**LOSING, **fields}, path) as response:
            assert response.status == 200, await response.text()
            assert in_any_order(response.headers["x-chatrix-dropped"]) == in_any_order(DROPPED)
            assert response.headers["x-chatrix-approximated"] == "model"
            await response.read()


async def test_a_request_that_loses_nothing_has_no_such_headers(gateway: Gateway) -> None:
    async with gateway.post(HELLO) as response:
        assert not [
            name for name in response.headers if name.lower() in ("x-chatrix-dropped", "x-chatrix-approximated")
        ]


async def test_an_operators_strictness_holds_for_every_request() -> None:
    async with run_both(strict=True) as gateway:
        async with gateway.post({**HELLO, "speed": "fast"}, headers={"x-chatrix-strict": "0"}) as response:
            assert response.status == 400
            message = (await response.json())["error"]["message"]
        async with gateway.post({**HELLO, "metadata": {"user_id": "someone"}}) as response:
            assert response.status == 200
            assert response.headers["x-chatrix-dropped"] == "metadata"
        assert message.startswith("speed: strict mode is on, and this would be dropped.")


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What the running gateway writes of its requests. All gateways of a process share one logger."""
    logger = logging.getLogger("chatrix")
    level = logger.level
    logger.setLevel(logging.INFO)
    written = io.StringIO()
    try:
        with redirect_stdout(written):
            yield written
    finally:
        logger.setLevel(level)


async def test_the_log_line_has_the_same_names_and_the_session(gateway: Gateway) -> None:
    with logged() as written:
        async with gateway.post(LOSING, headers={"x-claude-code-session-id": "5c1b"}) as response:
            await response.read()
    (line,) = [json.loads(text) for text in written.getvalue().splitlines() if '"/v1/messages"' in text]
    assert set(line["dropped"]) == in_any_order(DROPPED)
    assert line["approximated"] == ["model"]
    assert line["session_id"] == "5c1b"
