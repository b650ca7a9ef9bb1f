"""The local estimate covers whatever becomes a part of the prompt, and is never below what Bedrock counted."""

import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.catalog import Model, resolve
from gateway.protocol.disposition import Disposition
from gateway.protocol.estimate import estimate_input, estimate_input_tokens
from gateway.protocol.parsing import parse_count
from gateway.protocol.to_converse import to_converse
from tests.support.botocore_model import shape

COUNTED = sorted((Path(__file__).parents[1] / "recordings" / "count_tokens").glob("*.json"))
CAPTURES = Path(__file__).parents[1] / "captures"
LONG = "x" * 3500  # 1,000 tokens
# pydantic/pydantic-ai (MIT), cassettes of test_bedrock_native_output_supported_model (211 tokens on Sonnet 4.6) and of
# test_bedrock_native_output_stream (210 on Sonnet 4.5).
NATIVE_OUTPUT: Any = {
    "messages": [
        {
            "role": "user",
            "content": [{"text": "What is the capital of France? Give me the city name, country, and population."}],
        }
    ],
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {
                "jsonSchema": {
                    "name": "CityInfo",
                    "schema": '{"additionalProperties": false, "properties": {"city": {"type": "string"}, "country": '
                    '{"type": "string"}, "population": {"type": "integer"}}, "required": ["city", "country", '
                    '"population"], "type": "object"}',
                    "description": "Information about a city.",
                }
            },
        }
    },
}


def model(name: str = "claude-sonnet-4-5") -> Model:
    resolution = resolve(name, "us-west-2")
    assert resolution is not None
    return resolution.model


def tokens(*content: Any, **fields: Any) -> int:
    request: Any = {"messages": [{"role": "user", "content": list(content)}], **fields}
    return estimate_input_tokens(request, model())


@pytest.mark.parametrize("path", COUNTED, ids=lambda path: path.stem)
def test_no_recorded_count_is_above_its_estimate(path: Path) -> None:
    recording = orjson.loads(path.read_bytes())
    counted = recording["response"]["body"]["inputTokens"]
    name = recording["request"]["path"].split("/")[2].replace("%3A", ":")
    request = recording["request"]["body"]["input"]["converse"]
    assert counted <= estimate_input_tokens(request, model(name)) <= 2 * counted + 40


def test_an_output_schema_counts_with_what_explains_it() -> None:
    assert 211 <= estimate_input_tokens(NATIVE_OUTPUT, model("claude-sonnet-4-6")) <= 2 * 211


def search_result(text: str, *, cited: bool) -> dict[str, Any]:
    return {"searchResult": {"source": "s", "title": "t", "content": [{"text": text}], "citations": {"enabled": cited}}}


@pytest.mark.parametrize(
    "block",
    [
        search_result(LONG, cited=False),
        {"toolResult": {"toolUseId": "1", "content": [search_result(LONG, cited=False)]}},
        {"citationsContent": {"content": [{"text": LONG}], "citations": []}},
        {"toolResult": {"toolUseId": "1", "content": [{"json": {"a": LONG}}]}},
        {"reasoningContent": {"reasoningText": {"text": LONG}}},
        {"aKindFromTheFuture": {"text": LONG}},
        {"document": {"format": "txt", "name": "a", "source": {"text": LONG}}},
    ],
    ids=lambda block: next(iter(block)),
)
def test_no_kind_of_text_is_free(block: dict[str, Any]) -> None:
    assert 1000 <= tokens(block) - tokens() <= 1300


def test_cited_documents_count_for_more() -> None:
    def document(form: str, **more: Any) -> Any:
        return {"document": {"format": form, "name": "a", "source": {"bytes": "QUFB" * 2000}, **more}}

    cited = {"citations": {"enabled": True}}
    for form in ("txt", "pdf"):
        assert tokens(document(form, **cited)) > 1.1 * tokens(document(form))
        assert tokens(document(form, citations={"enabled": False})) == tokens(document(form))
    assert tokens(search_result("a", cited=True)) > tokens(search_result("a", cited=False)) + 100


def test_tools_of_anthropic_count_although_their_definition_is_not_sent() -> None:
    bash = {"type": "bash_20250124", "name": "bash"}
    assert tokens(additionalModelRequestFields={"tools": [bash]}) - tokens() > 800


def test_a_format_in_claudes_own_fields_counts() -> None:
    wanted = {"type": "json_schema", "schema": {"type": "object", "description": LONG}}
    assert tokens(additionalModelRequestFields={"output_config": {"format": wanted}}) - tokens() > 1150


@pytest.mark.parametrize("fields", [{"thinking": "enabled"}, {"output_config": 1}, {"tools": 1}, {"tools": []}])
def test_claudes_own_fields_of_another_form_are_no_obstacle(fields: dict[str, Any]) -> None:
    assert tokens(additionalModelRequestFields=fields) == tokens()


def test_pictures_are_counted_apart_from_texts() -> None:
    gif = b64encode(b"GIF89a" + (1500).to_bytes(2, "little") + (1000).to_bytes(2, "little")).decode()
    picture = {"image": {"format": "gif", "source": {"bytes": gif}}}
    request: Any = {"messages": [{"role": "user", "content": [{"text": LONG}, picture]}]}
    estimate = estimate_input(request, model())
    assert estimate.pictures == 2000
    assert 1000 <= estimate.texts < 1100
    assert estimate.tokens == estimate.texts + estimate.pictures


def test_every_kind_of_content_that_converse_has_is_counted() -> None:
    """Except what is no content: a cache point. An upgrade of botocore that adds a kind is counted as its JSON."""
    free = {kind for kind in shape("ContentBlock")["members"] if not _counts(kind)}
    assert free == {"cachePoint"}


def _counts(kind: str) -> bool:
    samples: dict[str, Any] = {
        "text": "a",
        "toolUse": {"toolUseId": "1", "name": "a", "input": {}},
        "toolResult": {"toolUseId": "1", "content": [{"text": "a"}]},
        "reasoningContent": {"reasoningText": {"text": "a"}},
        "document": {"format": "txt", "name": "a", "source": {"text": "a"}},
        "image": {"format": "png", "source": {"bytes": ""}},
        "cachePoint": {"type": "default"},
    }
    return tokens({kind: samples.get(kind, {"a": "b"})}) > tokens({"cachePoint": {"type": "default"}})


def best_seconds(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


@pytest.mark.parametrize(
    "name", ["auto_mode_classifier", "compact", "sonnet45_tool_result", "opus55_image", "opus55_deferred_tools"]
)
def test_the_estimate_costs_less_than_understanding_the_request(name: str) -> None:
    """Compared in one run: it is made for each request."""
    body = orjson.loads((CAPTURES / f"{name}.json").read_bytes())["body"]
    raw = orjson.dumps(body)

    def understand() -> Any:
        parsed, presence = parse_count(raw)
        disposition = Disposition()
        presence.note(disposition)
        return to_converse(parsed, model(parsed.model), disposition).request

    request = understand()
    estimated = best_seconds(lambda: estimate_input_tokens(request, model(body["model"])))
    assert estimated < best_seconds(understand)
