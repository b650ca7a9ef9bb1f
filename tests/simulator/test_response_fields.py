"""What a request can ask for by JSON pointers: the model's own fields, in the form of stream or message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.simulator.conftest import SONNET_4_6

if TYPE_CHECKING:
    from tests.simulator.conftest import WireClient

REFUSAL: Final = {"type": "refusal", "category": "cyber", "explanation": "Not this one."}
THINKING: Final = {"thinking": {"type": "adaptive"}}


async def fields(wire: WireClient, prompt: Any, *paths: str, **members: Any) -> Any:
    reply = await wire.stream(prompt, SONNET_4_6, additionalModelResponseFieldPaths=list(paths), **members)
    return reply.payload("messageStop").get("additionalModelResponseFields")


async def whole_fields(wire: WireClient, prompt: Any, *paths: str, **members: Any) -> Any:
    reply = await wire.whole(prompt, SONNET_4_6, additionalModelResponseFieldPaths=list(paths), **members)
    return reply.body.get("additionalModelResponseFields")


async def test_a_refusal_tells_its_reason_by_its_path(wire: WireClient) -> None:
    prompt = "[[say:No.]][[refuse:cyber Not this one.]]"
    assert await fields(wire, prompt, "/delta/stop_details", "/delta/stop_sequence") == {
        "delta": {"stop_details": REFUSAL, "stop_sequence": None}
    }
    assert await whole_fields(wire, prompt, "/stop_details") == {"stop_details": REFUSAL}
    assert (await wire.stream(prompt)).stop_reason == "content_filtered"


async def test_an_answer_without_refusal_has_no_details(wire: WireClient) -> None:
    assert await fields(wire, "[[say:a]]", "/delta/stop_details") == {"delta": {"stop_details": None}}
    assert await fields(wire, "[[refuse]]", "/stop_details") == {
        "stop_details": {"type": "refusal", "category": None, "explanation": None}
    }


async def test_thinking_tokens_are_counted(wire: WireClient) -> None:
    path = "/usage/output_tokens_details"
    for ask in (fields, whole_fields):
        thought = await ask(wire, "[[think:" + "t" * 40 + "]][[say:a]]", path, additionalModelRequestFields=THINKING)
        assert thought == {"usage": {"output_tokens_details": {"thinking_tokens": 10}}}
        assert (await ask(wire, "[[say:a]]", path))["usage"]["output_tokens_details"] == {"thinking_tokens": 0}


async def test_cache_writes_are_split_by_their_ttl(wire: WireClient) -> None:
    hour, minutes = ({"cachePoint": {"type": "default", "ttl": ttl}} for ttl in ("1h", "5m"))
    system = [{"text": "s" * 8000}, hour, {"text": "t" * 4000}, minutes]
    written = await fields(wire, "[[say:a]]", "/usage/cache_creation", system=system)
    assert written == {
        "usage": {"cache_creation": {"ephemeral_1h_input_tokens": 2000, "ephemeral_5m_input_tokens": 1000}}
    }
    system[0] = {"text": "u" * 8000}
    usage = (await wire.stream("[[say:a]]", SONNET_4_6, system=system)).usage
    assert usage["cacheDetails"] == [{"inputTokens": 2000, "ttl": "1h"}, {"inputTokens": 1000, "ttl": "5m"}]


async def test_unknown_pointers_are_ignored_and_escapes_are_read(wire: WireClient) -> None:
    assert await fields(wire, "[[say:a]]", "/nothing", "/usage/none/at/all", "/delta~1stop_sequence") is None


async def test_more_than_ten_pointers_are_refused(wire: WireClient) -> None:
    paths = [f"/path{number}" for number in range(11)]
    reply = await wire.stream("[[say:a]]", additionalModelResponseFieldPaths=paths)
    assert reply.status == 400
    assert "Member must have length less than or equal to 10" in reply.message
