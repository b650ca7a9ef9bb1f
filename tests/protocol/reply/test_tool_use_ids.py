"""Ids of tool calls: as Bedrock gave them where that is possible, legal and unique for clients in any case."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.tool_use_ids import ToolUseIds
from gateway.protocol.wire_names import wire_tool_use_id
from tests.protocol.reply.wire import METADATA, START, block_stop, read, stop, tool_start

# https://docs.claude.com/en/api/messages: what Anthropic's API takes back.
ANTHROPIC_ID = re.compile(r"[a-zA-Z0-9_-]+")
KIMIS_ID = "functions.get_weather:0"


def ids(*upstream: str, message_id: str = "msg_1", history: tuple[str, ...] = ()) -> list[str]:
    frames = [
        frame
        for index, tool_use_id in enumerate(upstream)
        for frame in (tool_start(index, tool_use_id=tool_use_id), block_stop(index))
    ]
    reply = read(START, *frames, stop("tool_use"), METADATA, message_id=message_id, tool_use_ids=history)
    return [block["id"] for block in reply.blocks]


def test_an_id_of_bedrocks_own_passes_as_it_is() -> None:
    assert ids("tooluse_W9DaUFg4Tj2cRPpndqxWSg", "toolu_01-a") == ["tooluse_W9DaUFg4Tj2cRPpndqxWSg", "toolu_01-a"]


def test_an_id_with_dots_and_colons_becomes_one_that_anthropic_takes() -> None:
    (made,) = ids(KIMIS_ID)
    assert ANTHROPIC_ID.fullmatch(made)
    assert made.startswith("functions_get_weather_0_")


def test_an_id_that_comes_again_on_the_next_turn_is_another_one_for_the_client() -> None:
    first, second = ids(KIMIS_ID, message_id="msg_1"), ids(KIMIS_ID, message_id="msg_2")
    assert first != second
    assert ids("call_0") == ["call_0"]
    (again,) = ids("call_0", history=("call_0",))
    assert again != "call_0"


def test_two_calls_of_one_answer_never_share_an_id() -> None:
    made = ids("call_0", "call_0", KIMIS_ID, KIMIS_ID, "")
    assert len(set(made)) == 5


def test_the_same_answer_gets_the_same_ids_streamed_and_whole() -> None:
    assert ids(KIMIS_ID, "call_0", "call_0") == ids(KIMIS_ID, "call_0", "call_0")


@given(st.lists(st.text(max_size=80), max_size=6), st.sets(st.text(max_size=10)))
@settings(deadline=None)
def test_every_id_is_legal_for_the_client_and_stays_itself_on_the_way_back(
    upstream: list[str], history: set[str]
) -> None:
    names = ToolUseIds("msg_1", history)
    made = [names.for_client(tool_use_id) for tool_use_id in upstream]
    assert len({*made, *history}) == len(made) + len(history)
    for client_id in made:
        assert ANTHROPIC_ID.fullmatch(client_id)
        assert wire_tool_use_id(client_id) == client_id
