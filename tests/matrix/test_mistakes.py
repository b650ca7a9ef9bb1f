"""The mistakes that other gateways make with requests, and with clients: one test a row, over real sockets.

Rows of the list in `mistakes.py`; where an issue is named, it is somebody else's. Those about replies stand in
tests/protocol/reply/test_known_mistakes.py.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from gateway.handlers import BEDROCK
from tests.matrix.building_blocks import (
    CALL,
    MARK,
    PDF_SOURCE,
    POINT,
    RESULT,
    SIGNATURE,
    TEXT_SOURCE,
    THOUGHT,
    TOOL,
    USER,
    document,
)
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import HELLO, Gateway, run_both

LONG_NAME: Final = "mcp__" + "a_server_with_a_long_name__" * 2 + "and_a_tool_with_one"
HISTORY: Final = [USER, {"role": "assistant", "content": [CALL]}, {"role": "user", "content": [RESULT]}]


async def ask(gateway: Gateway, headers: Mapping[str, str] | None = None, **body: Any) -> tuple[Any, Mapping[str, str]]:
    """What Bedrock was sent, and the headers of the answer, which Bedrock's own rules have let pass."""
    async with gateway.post({**HELLO, "max_tokens": 4000, **body}, headers=headers) as response:
        assert response.status == 200, await response.text()
        return gateway.calls()[-1].body, response.headers


async def reply(gateway: Gateway, **body: Any) -> str:
    async with gateway.post({**HELLO, "max_tokens": 4000, **body}) as response:
        assert response.status == 200, await response.text()
        return await response.text()


# --- messages-to-converse, section 11


async def test_row_10_tool_history_without_tools_gets_its_tool_config(gateway: Gateway) -> None:
    """Bedrock refuses the history otherwise (dify#17545, vercel#7537)."""
    converse, _ = await ask(gateway, messages=HISTORY)
    assert [tool["toolSpec"]["name"] for tool in converse["toolConfig"]["tools"]] == ["clock"]
    assert converse["additionalModelRequestFields"]["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
async def test_row_11_blank_text_is_taken_out_and_nothing_blank_put_in_its_place(gateway: Gateway, blank: str) -> None:
    """Blank text is refused, and so are the placeholders of OpenHands#5339 and hermes#67978."""
    blocks = [{"type": "text", "text": blank}, {"type": "text", "text": "[[say:ok]]"}]
    result = {**RESULT, "content": [{"type": "text", "text": blank}]}
    turns = [{"role": "user", "content": blocks}, {"role": "assistant", "content": [CALL]}]
    converse, _ = await ask(
        gateway, system=blank, tools=[TOOL], messages=[*turns, {"role": "user", "content": [result]}]
    )
    assert texts(converse["messages"]) == ["[[say:ok]]", "(no output)"]
    assert "system" not in converse


async def test_row_12_document_names_are_legal_unique_and_stay_as_the_conversation_grows(gateway: Gateway) -> None:
    """Two documents of one name, or one name with a dot, fail the request (bifrost#7003, vercel#20366)."""
    twice = [document(TEXT_SOURCE, title="a.b/c.txt"), document(PDF_SOURCE, title="a.b/c.pdf")]
    blocks = [*twice, {"type": "text", "text": "[[say:ok]]"}]
    first, _ = await ask(gateway, messages=[{"role": "user", "content": blocks}])
    in_result = {**RESULT, "content": [document(TEXT_SOURCE, title="a.b/c.txt")]}
    longer = [
        {"role": "user", "content": blocks},
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [in_result]},
    ]
    second, _ = await ask(gateway, messages=longer, tools=[TOOL])
    assert names_of_documents(first) == ["a b c", "a b c (2)"]
    assert names_of_documents(second) == ["a b c", "a b c (2)", "a b c (3)"]


async def test_row_13_a_name_that_bedrock_refuses_is_another_one_there_and_the_same_for_the_client(
    gateway: Gateway,
) -> None:
    """One long or odd name fails the request elsewhere (RooCode#10022)."""
    for name in (LONG_NAME, "files.read"):
        tools = [{**TOOL, "name": name, "description": "WANTED"}]
        answer = json.loads(
            await reply(gateway, tools=tools, messages=[{"role": "user", "content": "[[tooldesc:WANTED {}]]"}])
        )
        assert answer["content"][0]["name"] == name
        history = [USER, {"role": "assistant", "content": [{**CALL, "name": name}]}, HISTORY[2]]
        converse, _ = await ask(gateway, tools=tools, messages=history, tool_choice={"type": "tool", "name": name})
        on_wire = converse["toolConfig"]["tools"][0]["toolSpec"]["name"]
        assert len(on_wire) <= 64
        assert converse["messages"][1]["content"][0]["toolUse"]["name"] == on_wire
        assert converse["toolConfig"]["toolChoice"] == {"tool": {"name": on_wire}}


async def test_row_14_a_schema_gets_the_type_that_bedrock_wants_and_is_otherwise_the_callers(gateway: Gateway) -> None:
    """A missing type is refused, and a rewritten `anyOf` is no longer the caller's schema (senpi#1947, pi#8279)."""
    properties = {"zone": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}}
    converse, _ = await ask(gateway, tools=[{**TOOL, "input_schema": {"properties": properties}}])
    schema = converse["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]
    assert schema == {"properties": properties, "type": "object"}


async def test_row_15_no_beta_goes_to_a_model_that_does_not_take_it(gateway: Gateway) -> None:
    """One unknown value fails every request after an update of the client (claude-code#49370, #56595)."""
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14,context-1m-2025-08-07,from-the-future-2027-01-01"
    converse, headers = await ask(gateway, {"anthropic-beta": betas}, model="claude-opus-4-7")
    assert "anthropic_beta" not in converse.get("additionalModelRequestFields", {})
    assert {f"beta:{beta}" for beta in betas.split(",")} <= names(headers["x-chatrix-dropped"])


async def test_row_16_a_note_of_the_operators_stays_in_its_place(gateway: Gateway) -> None:
    """Hoisted into `system` it changes the first bytes of the request, and voids the cache (litellm#41043)."""
    before, _ = await ask(gateway, system="Be brief.", messages=[USER])
    note = {"role": "system", "content": "The date has changed."}
    after, _ = await ask(gateway, system="Be brief.", messages=[USER, note])
    assert after["system"] == before["system"]
    assert after["messages"][0]["content"][:1] == before["messages"][0]["content"]
    assert "The date has changed." in after["messages"][0]["content"][1]["text"]


async def test_row_17_cache_points_keep_their_ttl_and_stand_where_bedrock_takes_them(gateway: Gateway) -> None:
    """A point first in a list or behind a document is refused (strands harness-sdk#3677, #2042)."""
    hour = {"type": "ephemeral", "ttl": "1h"}
    converse, _ = await ask(
        gateway,
        tools=[{**TOOL, "cache_control": hour}],
        system=[{"type": "text", "text": " ", "cache_control": MARK}, {"type": "text", "text": "A."}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "[[say:ok]]"},
                    document(TEXT_SOURCE, title="Notes", cache_control=MARK),
                ],
            }
        ],
    )
    assert converse["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert converse["system"] == [{"text": "A."}]
    assert [next(iter(block)) for block in converse["messages"][0]["content"]] == ["text", "cachePoint", "document"]


async def test_row_18_tokens_are_counted_by_the_base_id_and_not_by_the_profile(gateway: Gateway) -> None:
    """Bedrock counts none by a profile (litellm#34272)."""
    body = {key: value for key, value in HELLO.items() if key != "max_tokens"}
    async with gateway.post(body, "/v1/messages/count_tokens") as response:
        assert response.headers["x-chatrix-count"] == "exact"
    (counted,) = [each for each in gateway.simulator.exchanges if each.operation == "CountTokens"]
    assert counted.model_id == "anthropic.claude-sonnet-4-5-20250929-v1:0"


async def test_row_19_bedrock_may_be_silent_for_ten_minutes(gateway: Gateway) -> None:
    """The library's own limit of 60 s cuts off models that think (dial-adapter#486, bagofwords#746)."""
    assert gateway.runner.app is not None
    assert gateway.runner.app[BEDROCK].client.meta.config.read_timeout >= 600


@pytest.mark.parametrize("ttl", ["5m", "1h"])
async def test_row_21_the_ttl_of_a_cache_mark_is_sent(gateway: Gateway, ttl: str) -> None:
    """Converse can say it; dropped as "not representable" elsewhere, which shows on the bill (envoy ai-gateway)."""
    block = {"type": "text", "text": "[[say:ok]]", "cache_control": {"type": "ephemeral", "ttl": ttl}}
    converse, _ = await ask(gateway, messages=[{"role": "user", "content": [block]}])
    assert converse["messages"][0]["content"][1] == {"cachePoint": {"type": "default", "ttl": ttl}}


async def test_row_22_a_document_by_url_is_refused_and_one_without_a_title_gets_a_name(gateway: Gateway) -> None:
    """Sent as an address in S3 elsewhere, and without the name that Bedrock wants (Portkey)."""
    by_url = document({"type": "url", "url": "https://example.com/a.pdf"})
    calls = len(gateway.calls())
    async with gateway.post({**HELLO, "messages": [{"role": "user", "content": [by_url]}]}) as response:
        assert response.status == 400
        assert (await response.json())["error"]["message"].startswith("messages.0.content.0.source")
    assert len(gateway.calls()) == calls
    blocks = [document(TEXT_SOURCE), {"type": "text", "text": "[[say:ok]]"}]
    converse, _ = await ask(gateway, messages=[{"role": "user", "content": blocks}])
    (name,) = names_of_documents(converse)
    assert name.startswith("document-")


# --- claude-code, section 9


async def test_client_row_1_context_management_is_taken_out_and_named(gateway: Gateway) -> None:
    """Passed on, it is "Extra inputs are not permitted" (claude-code#21612, #49548)."""
    edits = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    converse, headers = await ask(gateway, context_management=edits)
    assert "context_management" not in json.dumps(converse)
    assert "context_management" in names(headers["x-chatrix-dropped"])


async def test_client_row_2_a_beta_that_bedrock_refuses_after_an_update_costs_no_answer() -> None:
    """`invalid beta flag` ended the session elsewhere (claude-code#49648, #82549)."""
    async with run_both() as gateway:
        gateway.simulator.refused_betas.add("context-1m-2025-08-07")
        converse, headers = await ask(gateway, {"anthropic-beta": "context-1m-2025-08-07"})
        assert "anthropic_beta" not in converse.get("additionalModelRequestFields", {})
        assert "beta:context-1m-2025-08-07" in names(headers["x-chatrix-dropped"])
        assert len(gateway.calls()) == 2


async def test_client_row_3_a_deferred_tool_does_not_send_its_field(gateway: Gateway) -> None:
    """`tools.N.custom.defer_loading: Extra inputs...`, even with Anthropic's own gateway (claude-code#82549)."""
    reference = {**RESULT, "content": [{"type": "tool_reference", "tool_name": "clock"}]}
    history = [*HISTORY[:2], {"role": "user", "content": [reference]}]
    deferred = {**TOOL, "name": "calendar", "defer_loading": True}
    converse, _ = await ask(gateway, tools=[{**TOOL, "defer_loading": True}, deferred], messages=history)
    assert [tool["toolSpec"]["name"] for tool in converse["toolConfig"]["tools"]] == ["clock"]
    assert "defer" not in json.dumps(converse)


async def test_client_row_4_a_scope_a_suffix_and_a_new_name_are_served(gateway: Gateway) -> None:
    """Refused or unknown elsewhere (claude-relay-service#965, litellm#38790)."""
    block = {"type": "text", "text": "[[say:ok]]", "cache_control": {"type": "ephemeral", "scope": "global"}}
    for model, is_known in (("claude-sonnet-4-5[1m]", True), ("claude-opus-9-20300101", False)):
        converse, headers = await ask(gateway, model=model, messages=[{"role": "user", "content": [block]}])
        assert ("model" in names(headers.get("x-chatrix-approximated", ""))) == (not is_known)
        assert converse["messages"][0]["content"][1] == POINT
        assert "cache_control.scope" in names(headers["x-chatrix-dropped"])


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5-5", "nova-pro"])
async def test_client_row_5_a_system_message_in_the_middle_is_taken_on_every_model(
    gateway: Gateway, model: str
) -> None:
    """A strict schema answers 400 or 422, in words that the client cannot place (claude-code#77698)."""
    history = [*HISTORY, {"role": "system", "content": [{"type": "text", "text": "A note.", "cache_control": MARK}]}]
    converse, _ = await ask(gateway, model=model, tools=[TOOL], messages=history)
    assert {turn["role"] for turn in converse["messages"]} == {"user", "assistant"}
    content = converse["messages"][2]["content"]
    assert "toolResult" in content[0], "the result comes first"
    assert any("A note." in block.get("text", "") for block in content)


async def test_client_row_6_a_client_hears_something_while_the_model_thinks() -> None:
    """After 180 to 300 s of silence it gives up, and asks again beside the first answer (bitrouter#422)."""
    async with run_both(ping_seconds=0.05) as gateway:
        body = {**HELLO, "stream": True, "messages": [{"role": "user", "content": "[[slow:0.4]][[say:a]]"}]}
        async with gateway.post(body) as response:
            answer = read_stream(await response.read())
    assert answer.whole
    assert answer.pings >= 3


async def test_client_row_7_long_names_same_documents_and_no_choice_go_together(gateway: Gateway) -> None:
    """Each of them alone fails the request elsewhere (agentgateway#2382, archestra#3705)."""
    notes = document(TEXT_SOURCE, title="Notes")
    converse, _ = await ask(
        gateway,
        tools=[{**TOOL, "name": LONG_NAME}],
        tool_choice={"type": "none"},
        messages=[
            {"role": "user", "content": [notes, notes, {"type": "text", "text": "[[say:ok]]"}]},
            {"role": "assistant", "content": [{**CALL, "name": LONG_NAME}]},
            HISTORY[2],
        ],
    )
    assert len(converse["toolConfig"]["tools"][0]["toolSpec"]["name"]) <= 64
    assert names_of_documents(converse) == ["Notes", "Notes (2)"]
    assert "toolChoice" not in converse["toolConfig"]
    assert converse["additionalModelRequestFields"]["tool_choice"] == {"type": "none"}


async def test_client_row_8_thinking_keeps_its_place_among_texts_and_calls(gateway: Gateway) -> None:
    """Lost or put elsewhere it is "Expected thinking, but found text" (claude-code#51985, litellm#29441)."""
    said = [THOUGHT, {"type": "text", "text": "One."}, THOUGHT, {"type": "text", "text": "Two."}, CALL]
    converse, _ = await ask(
        gateway,
        thinking={"type": "enabled", "budget_tokens": 2000},
        tools=[TOOL],
        messages=[USER, {"role": "assistant", "content": said}, HISTORY[2]],
    )
    content = converse["messages"][1]["content"]
    kinds = ["reasoningContent", "text", "reasoningContent", "text", "toolUse"]
    assert [next(iter(block)) for block in content] == kinds
    reasoning = {"reasoningText": {"text": "Hm.", "signature": SIGNATURE}}
    assert content[0]["reasoningContent"] == content[2]["reasoningContent"] == reasoning


async def test_client_row_9_every_delta_belongs_to_a_block_that_was_opened_with_its_type(gateway: Gateway) -> None:
    """Bedrock opens tool calls only; a delta without its block ends the client's session (higress#3788)."""
    script = f"[[think:Hm.]][[redacted:abc]][[say:a]][[tool:{TOOL['name']} {{}}]]"
    body = {"stream": True, "tools": [TOOL], "messages": [{"role": "user", "content": script}]}
    answer = read_stream((await reply(gateway, **body)).encode())
    assert answer.whole
    assert [block["type"] for block in answer.blocks] == ["thinking", "redacted_thinking", "text", "tool_use"]


@pytest.mark.parametrize("model", ["mistral-large-3", "gpt-oss-120b", "deepseek-v3.2", "kimi-k3", "llama4-scout"])
async def test_client_row_10_other_models_get_no_cache_points_and_no_betas(gateway: Gateway, model: str) -> None:
    """They answer 403 (Portkey docs#1025)."""
    block = {"type": "text", "text": "[[say:ok]]", "cache_control": MARK}
    converse, headers = await ask(
        gateway,
        {"anthropic-beta": "context-1m-2025-08-07,claude-code-20250219"},
        model=model,
        system=[{**block, "text": "Be brief."}],
        messages=[{"role": "user", "content": [block]}],
    )
    assert "cachePoint" not in json.dumps(converse)
    assert "anthropic_beta" not in json.dumps(converse)
    assert {"content.cache_control", "system.cache_control"} <= names(headers["x-chatrix-dropped"])


def texts(messages: list[dict[str, Any]]) -> list[str]:
    """Of messages and of tool results in them."""
    blocks = [block for message in messages for block in message["content"]]
    inner = [piece for block in blocks for piece in block.get("toolResult", {}).get("content", [])]
    return [block["text"] for block in [*blocks, *inner] if "text" in block]


def names_of_documents(converse: Mapping[str, Any]) -> list[str]:
    blocks = [block for message in converse["messages"] for block in message["content"]]
    inner = [piece for block in blocks for piece in block.get("toolResult", {}).get("content", [])]
    return [block["document"]["name"] for block in [*blocks, *inner] if "document" in block]


def names(header: str) -> set[str]:
    return {name.strip() for name in header.split(",")}
