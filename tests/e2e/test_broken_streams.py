"""Streams that break: the client gets an error it acts on, and no half of an answer is ever taken for the whole."""

import json

import pytest

from tests.e2e.claude_code import EVENTS, ClaudeCode

RESUME = "Your response above was cut off mid-stream"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("[[cut:1]]", id="reset at once"),
        pytest.param("[[say:half of]][[cut:1]]", id="reset inside a text"),
        pytest.param("[[think:half of]][[cut:1]]", id="reset inside thinking"),
        pytest.param("[[streamfail:1 ModelStreamErrorException broken]]", id="exception at once"),
        pytest.param("[[say:half of]][[streamfail:1 InternalServerException broken]]", id="exception inside a text"),
        pytest.param("[[say:half of]][[streamfail:1 ThrottlingException slow down]]", id="throttled inside a text"),
    ],
)
async def test_a_stream_that_breaks_before_a_block_is_whole_is_asked_again(claude: ClaudeCode, fault: str) -> None:
    answer = await claude.ask(f"{fault}[[say:, and the rest]]")
    assert answer.exit_code == 0
    assert answer.text.endswith(", and the rest")
    streamed = [line["streamed"] for line in await claude.gateway.lines(2)]
    assert streamed == [True, False], "the client asks again for the answer in one piece"


async def test_the_repeated_answer_has_no_remains_of_the_broken_one(claude: ClaudeCode) -> None:
    await claude.ask("[[say:half of]][[cut:1]][[say: it]]")
    await claude.ask("[[say:next]]", "--continue")
    said = [block["text"] for block in claude.requests[-1].body["messages"][1]["content"]]
    assert "".join(said) == "half of it"


async def test_an_overload_inside_the_stream_is_retried_as_a_stream(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[streamfail:1 ServiceUnavailableException busy]][[say:through]]")
    assert (answer.exit_code, answer.text) == (0, "through")
    assert [line["streamed"] for line in await claude.gateway.lines(2)] == [True, True]


async def test_a_text_that_was_whole_is_kept_when_the_next_block_breaks(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:the first part]][[think:more]][[cut:1]]", *EVENTS)
    assert answer.exit_code == 0
    assert "the first part" in [block["text"] for block in answer.blocks("text")]
    history = claude.requests[-1].body["messages"]
    assert history[1]["content"][0]["text"] == "the first part"
    assert RESUME in json.dumps(history[2])


async def test_a_call_cut_inside_its_input_runs_exactly_once(claude: ClaudeCode) -> None:
    call = '[[tool:Bash {"command": "echo ran >> ran.txt"}]]'
    answer = await claude.ask(f"{call}[[cut:1]][[then]][[say:done]]")
    assert (answer.exit_code, answer.text) == (0, "done")
    assert (claude.folder / "ran.txt").read_text() == "ran\n"


@pytest.mark.parametrize("fault", ["[[crc]]", "[[cut:fin]]", "[[cut:clean]]", "[[cut:boundary]]"])
async def test_a_stream_that_stays_broken_is_an_error_and_never_a_short_answer(claude: ClaudeCode, fault: str) -> None:
    answer = await claude.ask(f"[[say:half of it]]{fault}", CLAUDE_CODE_MAX_RETRIES="0")
    assert "API Error" in answer.text
    assert answer.text != "half of it"


async def test_an_answer_without_its_end_is_resumed(claude: ClaudeCode) -> None:
    answer = await claude.ask("[[say:the first part]][[nostop]]")
    assert answer.exit_code == 0
    history = claude.requests[-1].body["messages"]
    assert history[1]["content"][0]["text"] == "the first part"
    assert RESUME in json.dumps(history[2])
