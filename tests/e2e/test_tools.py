"""Claude Code's tools, run for real: what the model asks for happens on the disk, and what came of it goes back."""

import base64
import json
import sys
from pathlib import Path
from typing import Any, Final

from tests.e2e.claude_code import EVENTS, ClaudeCode
from tests.e2e.made_files import make_pdf, make_png

MCP_SERVER: Final = Path(__file__).parent / "mcp_server.py"
LONG_TOOL_NAME: Final = "mcp__birds__" + "x" * 63
BEDROCK_NAME_LIMIT: Final = 64


def tool(name: str, **arguments: Any) -> str:
    """The marker that makes the model use a tool."""
    return f"[[tool:{name} {json.dumps(arguments)}]]"


def read(path: Path) -> str:
    return tool("Read", file_path=str(path))


async def test_bash_runs_a_command(claude: ClaudeCode) -> None:
    answer = await claude.ask(tool("Bash", command="echo $((6 * 7)) > made.txt; cat made.txt"))
    assert (answer.exit_code, answer.text) == (0, "TOOL RESULT<<42>>")
    assert (claude.folder / "made.txt").read_text() == "42\n"


async def test_a_failed_command_is_an_error_to_the_model(claude: ClaudeCode) -> None:
    answer = await claude.ask(tool("Bash", command="echo oh no; exit 3"))
    assert answer.exit_code == 0
    assert answer.text == "TOOL ERROR<<Exit code 3\noh no>>"


async def test_a_command_without_output_has_a_result_bedrock_takes(claude: ClaudeCode) -> None:
    answer = await claude.ask(tool("Bash", command="true"))
    assert answer.exit_code == 0
    assert answer.text.startswith("TOOL RESULT<<")


async def test_text_that_looks_like_json_or_markup_survives_the_way(claude: ClaudeCode) -> None:
    text = '{"a": [1, "é ✓ \\u00fc"]}\n<tag attr=\'x\'>\t\\n "quoted"'
    (claude.folder / "odd.txt").write_text(text)
    answer = await claude.ask(tool("Bash", command="cat odd.txt"))
    assert answer.text == f"TOOL RESULT<<{text}>>"
    assert result_content(claude) == [{"text": text}]


async def test_read_shows_a_file_to_the_model(claude: ClaudeCode) -> None:
    path = claude.folder / "notes.txt"
    path.write_text("alpha\nbeta\n")
    answer = await claude.ask(read(path))
    assert answer.exit_code == 0
    assert "1\talpha\n" in answer.text
    assert "2\tbeta" in answer.text


async def test_write_makes_a_file_to_the_byte(claude: ClaudeCode) -> None:
    path = claude.folder / "new" / "poem.txt"
    text = 'one "two"\n\ttäb \\ ✓ ]] [[ {}\n'
    answer = await claude.ask(tool("Write", file_path=str(path), content=text))
    assert answer.exit_code == 0
    assert "File created successfully" in answer.text
    assert path.read_text() == text


async def test_edit_changes_what_was_read(claude: ClaudeCode) -> None:
    path = claude.folder / "notes.txt"
    path.write_text("alpha\nbeta\n")
    edit = tool("Edit", file_path=str(path), old_string="beta", new_string="gamma")
    answer = await claude.ask(f"{read(path)}[[then]]{edit}[[then]][[say:edited]]")
    assert (answer.exit_code, answer.text) == (0, "edited")
    assert path.read_text() == "alpha\ngamma\n"
    assert len(claude.requests) == 3


async def test_an_image_reaches_the_model(claude: ClaudeCode) -> None:
    path = claude.folder / "red.png"
    path.write_bytes(make_png())
    answer = await claude.ask(f"{read(path)}[[then]][[probe]]")
    assert answer.probe["images"] == 1
    image = next(block["image"] for block in result_content(claude) if "image" in block)
    assert image["format"] == "png"
    assert base64.b64decode(image["source"]["bytes"]).startswith(b"\x89PNG")


async def test_a_pdf_reaches_the_model_unchanged(claude: ClaudeCode) -> None:
    path = claude.folder / "paper.pdf"
    path.write_bytes(make_pdf())
    answer = await claude.ask(f"{read(path)}[[then]][[probe]]")
    assert answer.probe["documents"] == 1
    document = next(block["document"] for block in result_content(claude) if "document" in block)
    assert document["format"] == "pdf"
    assert base64.b64decode(document["source"]["bytes"]) == path.read_bytes()


async def test_two_pdfs_of_one_conversation_do_not_clash(claude: ClaudeCode) -> None:
    paths = [claude.folder / "one.pdf", claude.folder / "two.pdf"]
    for path in paths:
        path.write_bytes(make_pdf())
    answer = await claude.ask(f"{read(paths[0])}[[then]]{read(paths[1])}[[then]][[probe]]")
    assert answer.exit_code == 0
    assert answer.probe["documents"] == 2


async def test_parallel_calls_run_and_all_results_come_back(claude: ClaudeCode) -> None:
    calls = "".join(tool("Bash", command=f"echo result {number}") for number in range(3))
    answer = await claude.ask(f"[[say:three at once]]{calls}")
    results = answer.text.removeprefix("TOOL ").splitlines()
    assert sorted(results) == ["RESULT<<result 0>>", "RESULT<<result 1>>", "RESULT<<result 2>>"]
    assert len(claude.requests) == 2


async def test_a_long_chain_of_calls_goes_through(claude: ClaudeCode) -> None:
    chain = "[[then]]".join(tool("Bash", command=f"echo {number} >> chain.txt") for number in range(6))
    answer = await claude.ask(f"{chain}[[then]][[say:done]]")
    assert (answer.exit_code, answer.text) == (0, "done")
    assert (claude.folder / "chain.txt").read_text().split() == [str(number) for number in range(6)]


async def test_a_subagent_works_and_reports(claude: ClaudeCode) -> None:
    task = tool("Bash", command="echo from the agent > agent.txt") + "[[then]][[say:the agent is done]]"
    answer = await claude.ask(agent(task))
    assert answer.exit_code == 0
    assert "the agent is done" in answer.text
    assert (claude.folder / "agent.txt").read_text() == "from the agent\n"
    assert len(claude.requests) == 4


async def test_two_subagents_work_at_once_on_different_models(claude: ClaudeCode) -> None:
    answer = await claude.ask(agent("[[say:first agent]]") + agent("[[say:second agent]]", model="haiku"))
    assert answer.exit_code == 0
    assert "first agent" in answer.text
    assert "second agent" in answer.text
    assert sorted(set(claude.models)) == ["us.anthropic.claude-haiku-5-5", "us.anthropic.claude-opus-5-5"]


async def test_a_deferred_tool_is_searched_loaded_and_offered(claude: ClaudeCode) -> None:
    search = tool("ToolSearch", query="select:NotebookEdit")
    answer = await claude.ask(f"{search}[[then]][[probe]]")
    assert answer.exit_code == 0
    first, second = (offered(claude, index) for index in range(2))
    assert "NotebookEdit" not in first
    assert set(second) - set(first) == {"NotebookEdit"}
    assert "DeferredToolPlaceholder" not in second


async def test_an_mcp_tool_with_75_characters_is_called_under_its_full_name(claude: ClaudeCode) -> None:
    call = '[[tooldesc:kittiwake {"word": "gull"}]]'
    answer = await claude.ask(call, *mcp_server(claude), *EVENTS, ENABLE_TOOL_SEARCH="false")
    assert answer.exit_code == 0
    assert answer.results[0]["result"] == "TOOL RESULT<<echo of gull>>"
    assert [block["name"] for block in answer.blocks("tool_use")] == [LONG_TOOL_NAME]
    assert_called(claude)


async def test_an_mcp_tool_with_75_characters_is_searched_and_called(claude: ClaudeCode) -> None:
    search = tool("ToolSearch", query=f"select:{LONG_TOOL_NAME}")
    answer = await claude.ask(f'{search}[[then]][[tooldesc:kittiwake {{"word": "gull"}}]]', *mcp_server(claude))
    assert (answer.exit_code, answer.text) == (0, "TOOL RESULT<<echo of gull>>")
    assert_called(claude)


async def test_a_web_search_is_refused_with_the_reason_and_the_session_goes_on(claude: ClaudeCode) -> None:
    search = tool("ToolSearch", query="select:WebSearch")
    answer = await claude.ask(f"{search}[[then]]{tool('WebSearch', query='tide tables')}")
    assert answer.exit_code == 0
    assert answer.text.startswith("TOOL ERROR<<API Error: 400 ")
    assert "'web_search'" in answer.text
    assert "Amazon Bedrock has no such tool" in answer.text
    assert "MCP server" in answer.text, "what to do instead"
    answer = await claude.ask("[[say:and on]]", "--continue")
    assert (answer.exit_code, answer.text) == (0, "and on")


async def test_auto_mode_lets_the_model_judge_a_command_before_it_runs(claude: ClaudeCode) -> None:
    """The judgement is a request of its own. The client's other form of it, by the server, Bedrock does not have."""
    answer = await claude.ask(
        "run: cat missing.txt | sh; echo judged > judged.txt",
        permissions="--permission-mode=auto",
        CLAUDE_CODE_AUTO_MODE_SERVER="0",
        # With it the question has another form.
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="",
    )
    assert answer.exit_code == 0
    assert (claude.folder / "judged.txt").exists()
    lines = await claude.gateway.lines(3)
    assert [line["streamed"] for line in lines] == [True, False, True]
    assert claude.models[1] == "us.anthropic.claude-sonnet-5"


def agent(task: str, **more: str) -> str:
    """A subagent that is waited for."""
    kind = {"subagent_type": "general-purpose", "run_in_background": False}
    return tool("Agent", description="a task", prompt=task, **kind, **more)


def mcp_server(claude: ClaudeCode) -> tuple[str, ...]:
    """A server `birds` with one tool; what the tool is called with goes to call.json."""
    own_name = LONG_TOOL_NAME.removeprefix("mcp__birds__")
    command = [str(MCP_SERVER), own_name, str(claude.folder / "call.json")]
    servers = {"mcpServers": {"birds": {"command": sys.executable, "args": command}}}
    return ("--strict-mcp-config", "--mcp-config", json.dumps(servers))


def assert_called(claude: ClaudeCode) -> None:
    called = json.loads((claude.folder / "call.json").read_text())
    assert called["name"] == LONG_TOOL_NAME.removeprefix("mcp__birds__")
    assert called["arguments"] == {"word": "gull"}
    assert len(LONG_TOOL_NAME) == 75
    for index in range(len(claude.requests)):
        assert max(map(len, offered(claude, index))) <= BEDROCK_NAME_LIMIT


def offered(claude: ClaudeCode, index: int) -> list[str]:
    """The names of the tools in one request to Bedrock."""
    entries = claude.requests[index].body["toolConfig"]["tools"]
    return [entry["toolSpec"]["name"] for entry in entries if "toolSpec" in entry]


def result_content(claude: ClaudeCode) -> list[dict[str, Any]]:
    """What the tool result of the latest request holds."""
    content: list[dict[str, Any]] = claude.requests[-1].body["messages"][-1]["content"][0]["toolResult"]["content"]
    return content
