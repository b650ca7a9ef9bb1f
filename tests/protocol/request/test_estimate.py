"""The local token count: never below what Bedrock is known to have counted, and not absurdly above it."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.catalog import Model, resolve
from gateway.protocol.estimate import estimate_input_tokens

Translate = Callable[..., Any]
# Requests and usage from the recorded tests of pydantic/pydantic-ai (MIT), `tests/models/cassettes`.
RECORDED = orjson.loads((Path(__file__).parent / "recorded_usage.json").read_bytes())


def model(name: str) -> Model:
    resolution = resolve(name, "us-west-2")
    assert resolution is not None
    return resolution.model


def estimate(*content: Any, name: str = "claude-sonnet-4-5", **fields: Any) -> int:
    request: Any = {"messages": [{"role": "user", "content": list(content)}], **fields}
    return estimate_input_tokens(request, model(name))


def image(head: bytes) -> dict[str, Any]:
    return {"image": {"format": "png", "source": {"bytes": b64encode(head + bytes(40)).decode()}}}


def size(width: int, height: int, length: int = 2, byteorder: Any = "big") -> bytes:
    return width.to_bytes(length, byteorder) + height.to_bytes(length, byteorder)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: str(recorded["recording"]))
def test_no_recorded_usage_is_above_its_estimate(recorded: dict[str, Any]) -> None:
    tokens = estimate_input_tokens(recorded["request"], model(recorded["model"]))
    assert recorded["input_tokens"] <= tokens <= 2 * recorded["input_tokens"] + 40


def test_an_empty_request_has_at_least_one_token() -> None:
    assert estimate_input_tokens({"messages": []}, model("haiku")) >= 1


def test_the_5_generation_takes_30_percent_more() -> None:
    text = {"text": "word " * 10_000}
    assert estimate(text, name="claude-sonnet-5") == pytest.approx(1.3 * estimate(text), rel=0.01)


def test_scripts_of_more_bytes_count_for_more() -> None:
    assert estimate({"text": "\u6f22" * 1000}) > 2 * estimate({"text": "a" * 1000})


@pytest.mark.parametrize(
    "block",
    [
        {"text": "x" * 3500},
        {"toolUse": {"toolUseId": "1", "name": "a", "input": {"command": "x" * 3500}}},
        {"toolResult": {"toolUseId": "1", "status": "success", "content": [{"text": "x" * 3500}]}},
        {"reasoningContent": {"reasoningText": {"text": "x" * 3500, "signature": "s"}}},
        {"reasoningContent": {"reasoningText": {"text": "", "signature": "x" * 3500}}},
        {"reasoningContent": {"redactedContent": "x" * 3500}},
        {"document": {"format": "txt", "name": "a", "source": {"bytes": "x" * 4668}}},
        {"document": {"format": "txt", "name": "a", "source": {"content": [{"text": "x" * 3500}]}}},
        {"document": {"format": "txt", "name": "a", "context": "x" * 3500, "source": {"bytes": "YQ=="}}},
    ],
)
def test_every_kind_of_text_counts(block: dict[str, Any]) -> None:
    assert estimate(block) - estimate() == pytest.approx(1005, abs=8)


def test_system_and_tools_count() -> None:
    tool = {"toolSpec": {"name": "a", "description": "x" * 3500, "inputSchema": {"json": {}}}}
    assert estimate(system=[{"text": "x" * 3500}, {"cachePoint": {"type": "default"}}]) - estimate() == 1000
    assert estimate(toolConfig={"tools": [tool]}) - estimate() > 1600


@pytest.mark.parametrize(
    "head",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + size(1500, 1000, 4),
        b"GIF89a" + size(1500, 1000, 2, "little"),
        b"\xff\xd8\xff\xe0\x00\x10"
        + bytes(14)
        + b"\xff\xdb\x00\x43"
        + bytes(65)
        + b"\xff\xc0\x00\x11\x08"
        + size(1000, 1500),
        b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + size(1499, 999, 3, "little"),
        b"RIFF\0\0\0\0WEBPVP8L" + bytes(4) + b"\x2f" + (1499 | 999 << 14).to_bytes(4, "little"),
        b"RIFF\0\0\0\0WEBPVP8 " + bytes(7) + b"\x9d\x01\x2a" + size(1500, 1000, 2, "little"),
    ],
    ids=["png", "gif", "jpeg", "webp extended", "webp lossless", "webp lossy"],
)
def test_an_image_counts_by_its_size(head: bytes) -> None:
    assert estimate(image(head)) - estimate() - 3 == 2000


@pytest.mark.parametrize("head", [b"?", b"\xff\xd8\xff\xe0\x00\x10", b"RIFF\0\0\0\0WEBPnone", b"\x89PNG"])
def test_an_image_that_does_not_say_its_size_counts_as_a_usual_one(head: bytes) -> None:
    block = {"image": {"format": "png", "source": {"bytes": b64encode(head).decode()}}}
    assert estimate(block) - estimate() - 3 == 1600


def test_a_huge_image_counts_as_what_the_model_looks_at() -> None:
    assert estimate(image(b"GIF89a" + size(8000, 8000, 2, "little"))) - estimate() - 3 == 4800


def test_an_image_in_a_tool_result_counts() -> None:
    picture = image(b"GIF89a" + size(1500, 1000, 2, "little"))
    result = {"toolResult": {"toolUseId": "1", "status": "success", "content": [picture]}}
    assert estimate(result) - estimate() >= 2000


@pytest.mark.parametrize(
    ("pdf", "pages"),
    [(b"%PDF /Type /Pages /Type /Page /Type/Page>>", 2), (b"%PDF" + bytes(120_000), 3), (b"%PDF", 1)],
)
def test_a_pdf_counts_by_its_pages(pdf: bytes, pages: int) -> None:
    block = {"document": {"format": "pdf", "name": "a", "source": {"bytes": b64encode(pdf).decode()}}}
    assert estimate(block) - estimate() - 4 == 3000 * pages
