"""The markers that break things: errors before the answer, faults inside it, and what a client sees of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from gateway.protocol.eventstream import PRELUDE_BYTES, FrameError
from gateway.simulator.refusals import STATUSES
from tests.support.botocore_model import exceptions_of

if TYPE_CHECKING:
    from gateway.simulator import Simulator
    from tests.simulator.conftest import Reply, WireClient


def test_statuses_are_those_of_the_service_model() -> None:
    modelled = {**exceptions_of("Converse"), **exceptions_of("ConverseStream"), **exceptions_of("CountTokens")}
    assert {name: STATUSES[name] for name in modelled} == modelled


# Before the answer


@pytest.mark.parametrize("name", sorted(STATUSES))
async def test_error_is_the_exception_with_its_status(wire: WireClient, simulator: Simulator, name: str) -> None:
    for reply in (
        await wire.stream(f"[[say:a]][[error:{name} in these words]]"),
        await wire.whole(f"[[error:{name} in these words]]"),
    ):
        assert (reply.status, reply.message) == (STATUSES[name], "in these words")
        assert reply.headers["x-amzn-errortype"].startswith(f"{name}:http://")
    assert {exchange.outcome for exchange in simulator.exchanges} == {"refused"}


async def test_an_error_without_words_has_the_usual_ones(wire: WireClient) -> None:
    reply = await wire.stream("[[error:throttlingException]]")
    assert (reply.status, reply.message) == (429, "Too many tokens, please wait before trying again.")


async def test_throttle_refuses_the_first_requests(wire: WireClient) -> None:
    prompt = "[[throttle:2]][[say:at last]]"
    assert [(await wire.stream(prompt)).status for _ in range(4)] == [429, 429, 200, 200]


async def test_fail_does_it_with_any_exception(wire: WireClient) -> None:
    prompt = "[[fail:1 ModelNotReadyException not yet]][[say:at last]]"
    first, second = [await wire.stream(prompt) for _ in range(2)]
    assert (first.status, first.message) == (429, "not yet")
    assert second.text == "at last"


async def test_counters_belong_to_the_list_of_markers_not_to_the_words(wire: WireClient) -> None:
    assert (await wire.stream("one way [[throttle:1]][[say:a]]")).status == 429
    assert (await wire.stream("said otherwise [[throttle:1]][[say:a]]")).status == 200
    assert (await wire.stream("[[throttle:1]][[say:b]]")).status == 429


async def test_faults_of_one_script_come_one_after_the_other(wire: WireClient) -> None:
    prompt = "[[throttle:1]][[say:a]][[streamfail:1 InternalServerException]][[cut:1]]"
    replies = [await wire.stream(prompt) for _ in range(4)]
    assert [reply.status for reply in replies] == [429, 200, 200, 200]
    assert replies[1].kinds[-1] == "internalServerException"
    assert isinstance(replies[2].failure, aiohttp.ClientError)
    assert replies[3].stop_reason == "end_turn"


async def test_side_questions_count_nothing(wire: WireClient, bash: dict[str, Any]) -> None:
    prompt = "[[throttle:1]][[tool:Bash {}]]"
    assert (await wire.stream(prompt)).text == "OK"
    assert (await wire.stream(prompt, toolConfig=bash)).status == 429


async def test_an_error_acts_only_in_its_turn(wire: WireClient, bash: dict[str, Any], tool_turn: Any) -> None:
    prompt = "[[tool:Bash {}]][[then]][[error:ThrottlingException]]"
    assert (await wire.stream(prompt, toolConfig=bash)).status == 200
    assert (await wire.stream(tool_turn(prompt), toolConfig=bash)).status == 429


async def test_maxout_refuses_in_bedrocks_words(wire: WireClient) -> None:
    refused = await wire.stream("[[maxout:100]]", inferenceConfig={"maxTokens": 101})
    assert refused.message == (
        "The maximum tokens you requested exceeds the model limit of 100. "
        "Try again with a maximum tokens value that is lower than 100."
    )
    assert (await wire.stream("[[maxout:100]]", inferenceConfig={"maxTokens": 100})).text == "OK"


async def test_the_fronts_of_a_service_can_answer_instead(wire: WireClient, simulator: Simulator) -> None:
    page = await wire.stream("[[html]]")
    assert (page.status, page.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert b"<html>" in page.raw
    wrong = await wire.stream("[[badct]]")
    assert (wrong.status, wrong.headers["content-type"]) == (200, "application/json")
    empty = await wire.stream("[[emptyerror]]")
    assert (empty.status, empty.raw) == (500, b"")
    for status in (200, 403, 503):
        bare = await wire.stream(f"[[status:{status}]]")
        assert (bare.status, bare.raw) == (status, b"")
    redirect = await wire.stream("[[status:307]]")
    assert (redirect.status, redirect.headers["location"]) == (307, "/redirected")
    assert {exchange.outcome for exchange in simulator.exchanges} == {"faulted"}


async def test_reset_ends_the_connection_before_an_answer(wire: WireClient, simulator: Simulator) -> None:
    with pytest.raises(aiohttp.ClientOSError, match="reset by peer"):
        await wire.stream("[[reset]]")
    await simulator.wait_until_idle()
    assert simulator.exchanges[-1].outcome == "faulted"


# Inside it


@pytest.mark.parametrize("marker", ["exc", "streamerror"])
async def test_an_exception_in_the_stream_leaves_the_last_block_open(wire: WireClient, marker: str) -> None:
    reply = await wire.stream(f"[[say:so far]][[{marker}:ThrottlingException too much]][[say:never]]")
    assert reply.text == "so far"
    assert reply.kinds[-1] == "throttlingException"
    assert reply.payload("throttlingException") == {"message": "too much"}
    assert "contentBlockStop" not in reply.kinds
    assert list(reply.frames[-1].headers) == [":exception-type", ":content-type", ":message-type"]
    assert reply.failure is None
    whole = await wire.whole(f"[[say:so far]][[{marker}:ThrottlingException too much]]")
    assert (whole.status, whole.message) == (429, "too much")


async def test_streamfail_fails_the_first_requests(wire: WireClient) -> None:
    prompt = "[[say:a]][[streamfail:1 ServiceUnavailableException]][[say:b]]"
    first, second = [await wire.stream(prompt) for _ in range(2)]
    assert (first.text, first.kinds[-1]) == ("a", "serviceUnavailableException")
    assert second.text == "ab"


async def test_firstexc_is_the_first_frame(wire: WireClient) -> None:
    reply = await wire.stream("[[say:a]][[firstexc:ModelStreamErrorException]]")
    assert (reply.status, reply.kinds) == (200, ["modelStreamErrorException"])


async def test_errormsg_is_the_third_kind_of_message(wire: WireClient) -> None:
    reply = await wire.stream("[[say:a]][[errormsg]][[say:never]]")
    assert reply.text == "a"
    assert reply.frames[-1].headers[":message-type"] == "error"
    assert set(reply.frames[-1].headers) == {":error-code", ":error-message", ":message-type"}


@pytest.mark.parametrize("kind", ["cut", "cut:rst", "cut:fin"])
async def test_a_cut_ends_the_connection_inside_a_frame(wire: WireClient, simulator: Simulator, kind: str) -> None:
    reply = await wire.stream(f"[[say:so far]][[{kind}]]")
    assert reply.text == "so far"
    assert isinstance(reply.failure, aiohttp.ClientPayloadError)
    assert ("reset by peer" in str(reply.failure)) == (kind != "cut:fin")
    whole = await wire.whole(f"[[say:so far]][[{kind}]]")
    assert isinstance(whole.failure, aiohttp.ClientPayloadError)
    await simulator.wait_until_idle()
    assert {exchange.outcome for exchange in simulator.exchanges} == {"faulted"}


async def test_a_counted_cut_passes(wire: WireClient) -> None:
    first, second = [await wire.stream("[[say:a]][[cut:1]]") for _ in range(2)]
    assert first.failure is not None
    assert second.stop_reason == "end_turn"


async def test_a_clean_cut_ends_the_body_tidily_inside_a_frame(wire: WireClient) -> None:
    reply = await wire.stream("[[say:so far]][[cut:clean]]")
    assert reply.text == "so far"
    assert isinstance(reply.failure, FrameError)
    assert "ended inside a frame" in str(reply.failure)


async def test_a_cut_at_the_boundary_only_lacks_the_end(wire: WireClient) -> None:
    reply = await wire.stream("[[say:so far]][[cut:boundary]]")
    assert (reply.text, reply.failure) == ("so far", None)
    assert "messageStop" not in reply.kinds


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("crc", "checksum of a frame does not match"),
        ("crc:prelude", "checksum of a frame's prelude"),
        ("crc:headers", "header"),
        ("garbage:400", "checksum of a frame's prelude"),
        ("hugeframe:1073741824", "announces 1073741824 bytes"),
    ],
)
async def test_damage_is_found_and_the_stream_goes_on_behind_it(
    wire: WireClient, simulator: Simulator, marker: str, complaint: str
) -> None:
    reply = await wire.stream(f"[[say:so far]][[{marker}]][[say:Z]]")
    assert reply.text == "so far"
    assert complaint in str(reply.failure)
    assert b'"text":"Z"' in reply.raw
    assert simulator.exchanges[-1].outcome == "faulted"
    whole = await wire.whole(f"[[say:so far]][[{marker}]]")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        _ = whole.body


async def test_badjson_is_a_sound_frame_with_broken_json(wire: WireClient) -> None:
    reply = await wire.stream("[[say:a]][[badjson]]")
    assert reply.failure is None
    with pytest.raises(ValueError, match="Unterminated"):
        _ = reply.events


async def test_events_can_be_left_out(wire: WireClient) -> None:
    async def kinds(marker: str) -> list[str]:
        return (await wire.stream(f"[[say:a]][[{marker}]]")).kinds

    assert await kinds("nostop") == ["messageStart", "contentBlockDelta", "contentBlockStop", "metadata"]
    assert await kinds("nometa") == ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop"]
    assert await kinds("noblockstop") == ["messageStart", "contentBlockDelta", "messageStop", "metadata"]


async def test_unknown_sends_events_from_the_future(wire: WireClient) -> None:
    reply = await wire.stream("[[say:a]][[unknown]][[say:b]]")
    assert {"contentBlockAnnotation", "heartbeat"} < set(reply.kinds)
    assert reply.text == "ab"


async def test_an_empty_delta_stands_in_the_open_block_or_in_one_of_its_own(wire: WireClient) -> None:
    inside = await wire.stream("[[say:a]][[emptydelta]]")
    assert inside.deltas == [{"text": "a"}, {"text": ""}]
    assert inside.kinds.count("contentBlockStop") == 1
    alone = await wire.stream("[[emptydelta]][[say:a]]")
    assert alone.deltas == [{"text": ""}, {"text": "a"}]
    assert alone.kinds.count("contentBlockStop") == 2


async def test_toolshort_breaks_off_and_says_so(wire: WireClient, bash: dict[str, Any]) -> None:
    for reply in (await wire.stream("[[toolshort]]", toolConfig=bash), await wire.stream("[[toolshort]]")):
        assert reply.tool_input.startswith("{")
        assert not reply.tool_input.endswith("}")
        assert reply.stop_reason == "max_tokens"


# The form


def assert_pieces(reply: Reply, sizes: set[int]) -> None:
    assert b"".join(reply.chunks) == reply.raw
    assert {len(chunk) for chunk in reply.chunks[:-1]} == sizes


async def test_split_sends_pieces_of_so_many_bytes_across_frames(wire: WireClient) -> None:
    one, hundred = await wire.stream("[[split:1]][[say:a]]"), await wire.stream("[[say:some words more]][[split:100]]")
    assert_pieces(one, {1})
    assert_pieces(hundred, {100})
    assert (one.text, hundred.text) == ("a", "some words more")
    starts = set(itertools.accumulate((len(frame.payload) for frame in hundred.frames), initial=PRELUDE_BYTES))
    assert not starts <= {number * 100 for number in range(20)}


async def test_split_can_be_random(wire: WireClient) -> None:
    reply = await wire.stream("[[split:random]][[say:some words more]]")
    assert len({len(chunk) for chunk in reply.chunks}) > 3
    assert reply.text == "some words more"


async def test_a_piece_that_waits_for_more_goes_out_before_a_silence(wire: WireClient) -> None:
    seen: list[bytes] = []
    body = {"messages": [{"role": "user", "content": [{"text": "[[split:100000]][[say:a]][[silence:0.1]][[say:b]]"}]}]}
    await wire.send("converse-stream", body, on_chunk=seen.append)
    assert b"messageStart" in seen[0]
    assert b"messageStop" not in seen[0]
