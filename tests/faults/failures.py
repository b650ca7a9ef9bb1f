"""What the tests of Bedrock's failures share: what nobody may be told, and the frames of small answers."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from gateway.protocol.eventstream import encode_event
from tests.faults.logged_gateway import Answer, LoggedGateway, serving
from tests.faults.raw_bedrock import AnswerTo, RawBedrock, open_raw_bedrock

STREAMED: Final = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])

ACCOUNT: Final = "123456789012"
TELLTALE: Final = (
    f"User: arn:aws:sts::{ACCOUNT}:assumed-role/gateway/i-0123 may not call "
    f"arn:aws:bedrock:us-west-2:{ACCOUNT}:inference-profile/x at bedrock-runtime.us-west-2.amazonaws.com (10.1.2.3), "
    f"account {ACCOUNT}"
)
# Ours may be named: Bedrock, AWS, and the settings.
FORBIDDEN: Final = re.compile(
    r"arn:aws|\b\d{12}\b|\b\d+\.\d+\.\d+\.\d+\b|amazonaws\.com|localhost|\.invalid|aiohttp|botocore|asyncio|"
    r"Traceback|Errno|Exception\b.*line \d",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """`calls`: how often Bedrock is asked. `script` is the prompt, for the simulator or the raw double."""

    name: str
    script: str
    status: int
    type: str
    fault: str
    calls: int = 1

    def __str__(self) -> str:
        return self.name


def check_refusal(answer: Answer, row: Row) -> None:
    assert (answer.status, answer.error["type"]) == (row.status, row.type), answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.error["message"]
    check_words(answer)
    line = answer.line
    assert (line["status"], line["fault"], line["error_type"]) == (row.status, row.fault, row.type)
    assert line["upstream_calls"] == row.calls


def check_words(answer: Answer) -> None:
    """Neither the caller nor the log is told what nobody needs to know."""
    told = answer.error["message"]
    assert not FORBIDDEN.search(told), told
    logged = json.dumps({name: value for name, value in answer.line.items() if name.startswith("error")})
    assert not FORBIDDEN.search(logged), logged


def beginning_of(text: str) -> bytes:
    """Two frames: the message begins, and says this."""
    delta = json.dumps({"contentBlockIndex": 0, "delta": {"text": text}})
    return encode_event("messageStart", b'{"role":"assistant"}') + encode_event("contentBlockDelta", delta.encode())


def stream_of(text: str) -> bytes:
    return beginning_of(text) + b"".join(
        (
            encode_event("contentBlockStop", b'{"contentBlockIndex":0}'),
            encode_event("messageStop", b'{"stopReason":"end_turn"}'),
            encode_event("metadata", b'{"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2}}'),
        )
    )


@asynccontextmanager
async def serving_raw(answer_to: AnswerTo, **variables: str) -> AsyncIterator[tuple[LoggedGateway, RawBedrock]]:
    """A gateway before a raw double."""
    async with (
        open_raw_bedrock(answer_to) as bedrock,
        serving(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url, **variables) as gateway,
    ):
        yield gateway, bedrock
