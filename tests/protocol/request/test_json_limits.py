"""Depth and integers: what orjson would not write, or would round."""

from typing import Any

import orjson
import pytest

from gateway.protocol.errors import InvalidRequest
from gateway.protocol.json_limits import MAX_VALUES, decode
from gateway.protocol.parsing import parse


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def body_with_input(tool_input: Any) -> bytes:
    block = {"type": "tool_use", "id": "a", "name": "b", "input": tool_input}
    return orjson.dumps({"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": [block]}]})


def test_two_hundred_levels_of_the_callers_own_are_kept() -> None:
    request, _ = parse(body_with_input(nested(200)))
    assert request.messages[0].content[0].input == nested(200)  # type: ignore[union-attr] # it is a tool_use


def test_deeper_is_refused_with_the_path() -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.0\.content\.0\.input\.a\.a.*: nested more than 200 levels"):
        parse(body_with_input(nested(201)))


@pytest.mark.parametrize("levels", [2000, 100_000])
def test_absurd_depth_is_refused_without_recursion(levels: int) -> None:
    with pytest.raises(InvalidRequest):
        decode(b'{"a":' * levels + b"1" + b"}" * levels)


def test_depth_that_orjson_reads_is_refused_without_recursion() -> None:
    with pytest.raises(InvalidRequest, match="nested more than"):
        decode(b"[" * 1000 + b"]" * 1000)


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 0, 2**53 + 1])
def test_a_64_bit_integer_is_exact(number: int) -> None:
    assert decode(b'{"a": [%d]}' % number) == {"a": [number]}


@pytest.mark.parametrize("digits", ["18446744073709551616", "-9223372036854775809", "1" + "0" * 30, "-" + "9" * 300])
def test_a_larger_integer_is_refused_with_its_path(digits: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^a\.1\.b: an integer outside 64 bits"):
        decode(b'{"a": [1.5, {"b": %s}]}' % digits.encode())


@pytest.mark.parametrize("number", ["1e30", "-1e30", "18446744073709551616.0", "1.5", "-9223372036854775809e1"])
def test_large_floats_are_floats(number: str) -> None:
    assert decode(b'{"a": %s}' % number.encode()) == {"a": float(number)}


def test_digits_in_text_are_text() -> None:
    assert decode(b'{"a": "18446744073709551616", "18446744073709551616": 1e30}')


def test_the_path_in_a_message_is_short() -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode(b'{"%s": {"b": 18446744073709551616}}' % (b"a" * 100_000))
    assert len(refused.value.message) < 300


def test_an_integer_too_large_for_a_float_is_refused_too() -> None:
    with pytest.raises(InvalidRequest, match="number is infinity"):
        decode(b'{"a": %s}' % (b"9" * 100_000))


@pytest.mark.parametrize("value", [b"[]", rb'"\\"'])
def test_a_body_of_countless_values_is_refused_before_it_is_built(value: bytes) -> None:
    body = b"[" + b",".join([value] * (MAX_VALUES + 1)) + b"]"
    with pytest.raises(InvalidRequest, match="more than 1,000,000 values"):
        decode(body)


@pytest.mark.parametrize("text", [rb"{\"a\": [1, 2], \"b\": 3}", rb"\\\", ["])
def test_text_may_look_like_as_many_values_as_it_likes(text: bytes) -> None:
    body = b'{"text": "' + text * (MAX_VALUES // 4 * 3) + b'"}'
    assert list(decode(body)) == ["text"]


def test_as_many_values_as_are_allowed_are_read() -> None:
    assert len(decode(b"[" + b",".join([b'"1, 2"'] * (MAX_VALUES - 1)) + b"]")) == MAX_VALUES - 1
