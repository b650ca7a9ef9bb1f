"""The whole reply, gathered from the stream: tool input to the byte, and nothing broken passed off as whole."""

import pytest

from tests.protocol.reply.wire import METADATA, START, block_stop, delta, stop, stream_of, tool_start, whole
from tests.support.translation import accumulate, translate


def test_a_whole_reply_keeps_an_integer_beyond_64_bits() -> None:
    number = "123456789012345678901234567890"
    frames = [tool_start(0), delta(0, toolUse={"input": '{"n": ' + number + "}"}), block_stop(0)]
    stream = stream_of(START, *frames, stop("tool_use"), METADATA)
    assert number.encode() in accumulate(stream)


def test_a_tool_call_cut_short_by_max_tokens_keeps_what_is_whole() -> None:
    frames = [tool_start(0), delta(0, toolUse={"input": '{"path": "a.txt", "text": "unfin'}), block_stop(0)]
    message = whole(START, *frames, stop("max_tokens"), METADATA)
    assert message["stop_reason"] == "max_tokens"
    assert message["content"][0]["input"] == {"path": "a.txt"}


def test_a_broken_tool_call_is_never_part_of_a_whole_reply() -> None:
    frames = [tool_start(0), delta(0, toolUse={"input": '{"path": '}), block_stop(0)]
    stream = stream_of(START, *frames, stop("tool_use"), METADATA)
    with pytest.raises(Exception, match="not valid JSON"):
        accumulate(stream)


def test_a_stream_that_was_not_whole_does_not_accumulate() -> None:
    stream, _ = translate([START + delta(0, text="a")])
    with pytest.raises(Exception, match="not whole"):
        accumulate(stream)


def test_half_a_surrogate_pair_in_a_tool_call_passes_in_both_forms() -> None:
    frames = [tool_start(0), delta(0, toolUse={"input": '{"a": "\\ud83d"}'}), block_stop(0)]
    stream = stream_of(START, *frames, stop("tool_use"), METADATA)
    assert b'{"a": "\\ud83d"}' in accumulate(stream)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_tool_call_with_what_only_python_takes_for_json_is_no_reply(constant: str) -> None:
    frames = [tool_start(0), delta(0, toolUse={"input": '{"a": ' + constant + "}"}), block_stop(0)]
    stream = stream_of(START, *frames, stop("tool_use"), METADATA)
    with pytest.raises(Exception, match="not valid JSON"):
        accumulate(stream)
