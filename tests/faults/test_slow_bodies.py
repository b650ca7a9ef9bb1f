"""What was made to be slow: large requests, and those that are aimed at a loop or at a pattern of ours.

Some patterns find an answer in microseconds and refuse a text of the same length in hours, and Python lets no other
task run while they do. Time here is CPU time of a `serve` process.
"""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest

from tests.faults.logged_gateway import LoggedGateway, serving
from tests.faults.measured import post, within
from tests.support.gateway import HELLO, asking


@pytest.fixture(scope="module")
async def serve() -> AsyncIterator[LoggedGateway]:
    """A process with the settings that it has by default."""
    async with serving() as running:
        assert (await running.ask("[[say:warm]]")).status == 200
        yield running


def schema_of_a_megabyte() -> dict[str, Any]:
    fields = {f"field_{number}": {"type": "string", "description": "x" * 60} for number in range(10_000)}
    return {"type": "object", "properties": fields}


async def test_a_schema_of_a_megabyte_and_3_000_tools_are_quick(serve: LoggedGateway) -> None:
    large = [{"name": "large", "input_schema": schema_of_a_megabyte()}]
    many = [
        {"name": f"mcp__server__{'x' * 80}_{number}", "description": "a" * 200, "input_schema": {"type": "object"}}
        for number in range(3_000)
    ]
    for tools in (large, many, many + large):
        body = json.dumps(asking("[[probe]]", tools=tools)).encode()
        with within(serve):
            status, answer = await post(serve, body)
        assert status == 200
        assert json.loads(answer["content"][0]["text"].removeprefix("PROBE "))["tools"] == len(tools)


def text(said: str, **members: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **members}


def document(title: str) -> dict[str, Any]:
    return {"type": "document", "title": title, "source": {"type": "text", "media_type": "text/plain", "data": "a"}}


def from_user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [text("[[say:done]]"), *blocks]}]}


MARK: Final = {"type": "ephemeral"}
# Each is aimed at a loop or a pattern of ours: for every one there is a way of writing it that takes hours.
SLOW: Final[dict[str, dict[str, Any]]] = {
    "a name of a model with tags that can be read in two ways": {"model": "a" + "@-latest" * 31 + ":"},
    "a name of a model of nothing but decoration": {"model": "a" + "[1m]" * 63},
    "a name of a model of dots and digits": {"model": "a" + "1.1-v1:" * 36},
    "an ARN of a model that does not end": {"model": "arn:aws:bedrock:us-west-2::foundation-model/" + "a." * 100_000},
    "documents of one title": from_user(*[document("a")] * 4_000),
    "documents whose long titles end alike": from_user(
        *[document("x" * 195 + f"{number:05}") for number in range(4_000) for _ in range(2)]
    ),
    "titles of white space and dots": from_user(
        document("a " * 250_000), document("." * 500_000), document(" " * 500_000)
    ),
    "a cache mark on each block": from_user(*[text("a", cache_control=MARK)] * 10_000),
    "a cache mark behind much thinking": {
        "messages": [
            {
                "role": "assistant",
                "content": [
                    *[{"type": "thinking", "thinking": "a", "signature": "a"}] * 10_000,
                    *[text("a", cache_control=MARK)] * 10_000,
                ],
            },
            {"role": "user", "content": "[[say:done]]"},
        ]
    },
    "unknown fields": {f"unknown_{number}": 1 for number in range(50_000)},
    "stop sequences": {"stop_sequences": [f"stop {number}" for number in range(50_000)]},
    "betas": {"anthropic_beta": [f"beta-{number}" for number in range(50_000)]},
    "a kind that looks like a path": from_user({"type": " - at `$[0].a" * 100_000}),
    "a kind that looks like a missing field": from_user({"type": "Object missing required field `" * 30_000}),
    "a tool of a long kind": {"tools": [{"type": "a" * 5_000_000, "name": "b" * 1_000_000}]},
    "commas in a text": from_user(text("," * 12_000_000)),
    "quotes in a text": from_user(text('"' * 5_000_000 + "," * 2_000_000)),
    "backslashes in a text": from_user(text("\\" * 4_000_000 + "," * 2_500_000)),
    "base64 in many lines": from_user(
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A\n" * 2_000_000}}
    ),
    "system blocks": {"system": [text("a")] * 10_000},
    "attributions": {"system": [text("x-anthropic-billing-header:" * 50_000)]},
    "calls without results": {
        "messages": [
            {"role": "user", "content": "a"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": f"t{n}", "name": "a", "input": {}} for n in range(10_000)],
            },
        ]
    },
}


@pytest.mark.parametrize("name", SLOW)
async def test_no_body_takes_long_to_answer(serve: LoggedGateway, name: str) -> None:
    """Whatever the answer is. The simulator is another process, so its time does not count."""
    body = json.dumps({**HELLO, **SLOW[name]}).encode()
    with within(serve):
        status, _ = await post(serve, body)
    assert status in (200, 400, 404, 413)


@pytest.mark.parametrize(
    "said",
    [
        "bucket" + " " * 15_900 + "end",
        "bucket " * 2_000,
        "a." * 8_000,
        "arn:aws" * 2_000,
        "AKIA" * 4_000,
        "1.1.1." * 2_600,
        "maximum context length is 1 tokens" * 400,
        "prompt is too long: " + "1," * 7_000,
    ],
    ids=lambda said: said[:20].strip(),
)
async def test_no_sentence_of_bedrock_takes_long_to_pass_on(serve: LoggedGateway, said: str) -> None:
    """It quotes what a client has sent."""
    with within(serve):
        answer = await serve.ask(f"[[error:ValidationException {said}]]")
    assert answer.status in (400, 413)


async def test_no_path_takes_long_to_refuse_without_a_key(serve: LoggedGateway) -> None:
    """It stands in the log, with what looks like AWS's taken out."""
    path = "/bucket" + "%20" * 2_600
    with within(serve):
        async with aiohttp.ClientSession() as session:
            for _ in range(30):
                async with session.get(serve.url + path) as response:
                    assert response.status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"anthropic-beta": "," * 8_000},
        {"anthropic-beta": ",".join(f"b{number}" for number in range(1_300))},
        {"authorization": "Bearer" + " " * 8_000},
        {"x-chatrix-strict": ",".join("0" * 4_000)},
        {
            "x-amzn-bedrock-guardrailidentifier": "arn:aws:bedrock:" + "a" * 8_000,
            "x-amzn-bedrock-guardrailversion": "1",
        },
        {"cookie": "a=b;" * 2_000},
        {"accept-encoding": "gzip;q=0.5," * 700},
        {"content-type": "application/json;" + "a=b;" * 2_000},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_no_header_takes_long_to_answer(serve: LoggedGateway, headers: dict[str, str]) -> None:
    body = json.dumps(asking("[[say:done]]")).encode()
    with within(serve, seconds=0.5):
        status, _ = await post(serve, body, **headers)
    assert status in (200, 400)
