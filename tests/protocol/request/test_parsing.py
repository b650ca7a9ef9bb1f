"""Bytes in, a typed request or a refusal with its path out."""

from typing import Any

import orjson
import pytest

from gateway.protocol.blocks import TextBlock
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import CustomTool
from gateway.protocol.parsing import parse, parse_count

HELLO: dict[str, Any] = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}


def request(**fields: Any) -> bytes:
    return orjson.dumps({**HELLO, **fields})


def content(*blocks: Any, **fields: Any) -> bytes:
    return request(messages=[{"role": "user", "content": list(blocks)}], **fields)


def refusal(body: bytes) -> str:
    with pytest.raises(InvalidRequest) as refused:
        parse(body)
    return refused.value.message


def test_a_small_request_is_read() -> None:
    parsed, presence = parse(request(system="Be kind."))
    assert parsed.model == "m"
    assert parsed.max_tokens == 10
    assert parsed.system == "Be kind."
    assert parsed.messages[0].content == "Hi"
    assert presence.unknown == {}


def test_null_means_absent() -> None:
    fields = dict.fromkeys(["system", "tools", "tool_choice", "thinking", "temperature", "stop_sequences", "metadata"])
    parsed, presence = parse(content({"type": "text", "text": "a", "cache_control": None, "citations": None}, **fields))
    assert parsed.tools is None
    assert parsed.messages[0].content == (TextBlock("a"),)
    assert presence.unknown == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"model": "m"} x',
        b'{"model": NaN}',
        b'{"model": Infinity}',
        b'{"model": -Infinity}',
        b'{"model": 1e999}',
        b'{"model": "\\ud800"}',
        b'{"model": "\xff"}',
        b'{"model": "\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        b'{"model": "m",}',
        '{"model": "m"}'.encode("utf-16"),
    ],
)
def test_what_is_not_strict_json_in_utf_8_is_refused(body: bytes) -> None:
    assert refusal(body).startswith("The request body is not valid JSON in UTF-8: ")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"3", b"true"])
def test_the_body_must_be_an_object(body: bytes) -> None:
    assert refusal(body) == "The request body must be a JSON object"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (content({"type": "text", "text": 1}), "messages.0.content.0.text: Expected `str`, got `int`"),
        (content({"type": "text"}), "messages.0.content.0.text: Field required"),
        (content({"text": "a"}), "messages.0.content.0.type: Field required"),
        (content(3), "messages.0.content.0: Expected `object`, got `int`"),
        (orjson.dumps({}), "model: Field required"),
        (request(max_tokens="10"), "max_tokens: Expected `int | null`, got `str`"),
        (request(max_tokens=True), "max_tokens: Expected `int | null`, got `bool`"),
        (request(max_tokens=-1), "max_tokens: Expected `int` >= 0"),
        (request(max_tokens=None), "max_tokens: Field required"),
        (request(messages=None), "messages: Expected `array`, got `null`"),
        (request(messages=[{"role": "robot", "content": ""}]), "messages.0.role: Invalid enum value 'robot'"),
        (request(messages=[{"role": "user"}]), "messages.0.content: Field required"),
        (request(tools=[{"name": "a"}]), "tools.0.input_schema: Field required"),
        (request(tools=[3]), "tools.0: Expected `object`, got `int`"),
        (request(tools=[{"name": "", "input_schema": {}}]), "tools.0.name: Expected `str` of length >= 1"),
        (request(thinking={"type": "enabled"}), "thinking.budget_tokens: Field required"),
        (request(thinking={"type": "deep"}), "thinking.type: 'deep' is not supported by this gateway"),
        (
            content({"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "2h"}}),
            "messages.0.content.0.cache_control.ttl: Invalid enum value '2h'",
        ),
        (
            content({"type": "container_upload", "file_id": "a"}),
            "messages.0.content.0.type: 'container_upload': Bedrock has no containers",
        ),
        (content({"type": "tool_reference", "tool_name": "a"}), "messages.0.content.0.type: 'tool_reference' is not"),
    ],
)
def test_a_refusal_begins_with_the_path(body: bytes, message: str) -> None:
    assert refusal(body).startswith(message)


@pytest.mark.parametrize("number", ["1e3", "1000.0", "10.5"])
def test_a_number_with_a_fraction_or_an_exponent_is_no_integer(number: str) -> None:
    body = request(max_tokens=1234567).replace(b"1234567", number.encode())
    assert refusal(body) == "max_tokens: Expected `int | null`, got `float`"


def test_a_callers_words_cannot_pretend_to_be_the_path() -> None:
    assert refusal(content({"type": "x` - at `$.model"})).startswith("messages.0.content.0.type: ")


def test_a_refusal_does_not_repeat_a_long_word() -> None:
    assert len(refusal(content({"type": "x" * 100_000}))) < 300
    assert len(refusal(request(tools=[{"type": "y" * 100_000, "name": "z" * 100_000}]))) < 500


def test_a_server_tool_is_refused_by_name_and_type() -> None:
    message = refusal(request(tools=[{"type": "web_search_20250305", "name": "web_search"}]))
    assert message.startswith("tools.0.type: the tool 'web_search' is of type 'web_search_20250305'")
    assert "Amazon Bedrock has no such tool" in message


@pytest.mark.parametrize("extra", [{}, {"type": None}, {"type": "custom"}])
def test_a_custom_tool_needs_no_type(extra: dict[str, Any]) -> None:
    parsed, presence = parse(request(tools=[{"name": "a", "input_schema": {"type": "object"}, **extra}]))
    assert parsed.tools == (CustomTool("a", {"type": "object"}),)
    assert presence.unknown == {}


def test_counting_needs_no_max_tokens() -> None:
    body = orjson.dumps({key: value for key, value in HELLO.items() if key != "max_tokens"})
    parsed, _ = parse_count(body)
    assert parsed.max_tokens is None
    assert refusal(body) == "max_tokens: Field required"


def test_unknown_fields_are_named_at_every_level() -> None:
    body = request(
        metadata={"user_id": "u"},
        system=[{"type": "text", "text": "a", "s": 1}],
        tools=[{"name": "a", "input_schema": {"unknown": 1}, "input_examples": []}],
        output_config={"effort": "low", "z": {"a": 1}},
        messages=[
            {
                "role": "user",
                "output_config": {"effort": "low"},
                "content": [
                    {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "scope": "global"}},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "", "x": 1}},
                    {"type": "tool_use", "id": "a", "name": "b", "input": {"unknown": 1}, "caller": {}},
                    {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "", "y": 1}]},
                ],
            }
        ],
    )
    _, presence = parse(body)
    assert presence.unknown == {
        "output_config.z": "output_config.z",
        "content.text.s": "system.0.s",
        "content.image.source.base64.x": "messages.0.content.1.source.x",
        "content.text.y": "messages.0.content.3.content.0.y",
    }
    known = {"metadata", "messages.output_config", "cache_control.scope"}
    assert known <= presence.known.keys()
    assert presence.known["cache_control.scope"] == "messages.0.content.0.cache_control.scope"


def test_a_flood_of_unknown_fields_is_bounded() -> None:
    _, presence = parse(request(**{f"field_{number}": 1 for number in range(1000)}))
    assert len(presence.unknown) == 64
