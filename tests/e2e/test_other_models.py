"""Sessions on models of other makers: the client takes them for a Claude, and nobody has to tell it otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.claude_code import ClaudeCode
from tests.e2e.made_files import make_pdf, make_png

CAT = '[[tool:Bash {"command": "cat poem.txt"}]]'


def write(path: Path, text: str) -> str:
    return f"[[tool:Write {json.dumps({'file_path': str(path), 'content': text})}]][[then]][[say:written]]"


def read(path: Path) -> str:
    return f"[[tool:Read {json.dumps({'file_path': str(path)})}]]"


def blocks(claude: ClaudeCode, kind: str) -> list[Any]:
    """Those of one kind in the history of the latest request, in order."""
    content = [block for message in claude.requests[-1].body["messages"] for block in message["content"]]
    return [block[kind] for block in content if kind in block]


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        pytest.param("nova-pro", "us.amazon.nova-pro-v1:0", id="nova"),
        pytest.param("gpt-oss-120b", "openai.gpt-oss-120b-1:0", id="gpt-oss"),
        pytest.param("deepseek-v3.2", "deepseek.v3.2", id="deepseek"),
        pytest.param("qwen3-coder-480b", "qwen.qwen3-coder-480b-a35b-v1:0", id="qwen"),
        pytest.param("kimi-k2-thinking", "moonshot.kimi-k2-thinking", id="kimi"),
        pytest.param("glm-4.7", "zai.glm-4.7", id="glm"),
        pytest.param("minimax-m2", "minimax.minimax-m2", id="minimax"),
        pytest.param("mistral-large-3", "mistral.mistral-large-3-675b-instruct", id="mistral"),
    ],
)
async def test_a_session_writes_a_file_and_reads_it_on_the_next_turn(
    claude: ClaudeCode, name: str, model_id: str
) -> None:
    path = claude.folder / "poem.txt"
    answer = await claude.converse(write(path, "one line"), CAT, "[[probe]]", model=name)
    assert answer.exit_code == 0
    assert path.read_text() == "one line"
    said = [result["result"] for result in answer.results]
    assert said[0].endswith("written")
    assert said[1].endswith("RESULT<<one line>>")
    assert claude.models == [model_id] * 5
    assert claude.statuses == [200] * 5
    uses, results = blocks(claude, "toolUse"), blocks(claude, "toolResult")
    assert [use["name"] for use in uses] == ["Write", "Bash"]
    assert [use["toolUseId"] for use in uses] == [result["toolUseId"] for result in results]
    assert len({use["toolUseId"] for use in uses}) == 2, "a call is told from every other one by its id"


async def test_thinking_without_a_signature_comes_back_to_a_model_that_takes_it(claude: ClaudeCode) -> None:
    await claude.ask(f"[[think:first I look]]{CAT}[[then]][[say:done]]", "--model", "gpt-oss-120b")
    reasoning = [block["reasoningText"] for block in blocks(claude, "reasoningContent")]
    assert reasoning == [{"text": "first I look"}]


async def test_a_change_to_another_maker_and_back_keeps_the_session(claude: ClaudeCode) -> None:
    path = claude.folder / "poem.txt"
    await claude.ask(f"[[think:my own]]{write(path, 'one line')}", "--model", "claude-sonnet-4-5")
    answer = await claude.ask(CAT, "--continue", "--model", "nova-pro")
    assert (answer.exit_code, path.read_text()) == (0, "one line")
    assert blocks(claude, "reasoningContent") == []
    answer = await claude.ask("[[probe]]", "--continue", "--model", "claude-sonnet-4-5")
    assert answer.probe["reasoning"] == 1
    assert answer.probe["reasoning_bad"] == 0
    assert answer.probe["tool_results"] == 2


async def test_an_image_that_the_model_cannot_see_is_taken_out_and_the_session_goes_on(claude: ClaudeCode) -> None:
    path = claude.folder / "red.png"
    path.write_bytes(make_png())
    answer = await claude.ask(read(path), "--model", "glm-4.7")
    assert answer.exit_code == 0
    assert "Image removed" in answer.text
    assert "the model takes none on Bedrock" in answer.text
    answer = await claude.ask("[[say:and on]]", "--model", "glm-4.7", "--continue")
    assert (answer.exit_code, answer.text) == (0, "and on")


async def test_a_pdf_that_the_model_cannot_read_is_taken_out_and_the_session_goes_on(claude: ClaudeCode) -> None:
    path = claude.folder / "paper.pdf"
    path.write_bytes(make_pdf())
    await claude.ask(read(path), "--model", "gpt-oss-120b")
    answer = await claude.ask("[[say:and on]]", "--model", "gpt-oss-120b", "--continue")
    assert (answer.exit_code, answer.text) == (0, "and on")


async def test_structured_output_comes_back_as_json(claude: ClaudeCode) -> None:
    schema = {"type": "object", "properties": {"bird": {"type": "string"}}, "required": ["bird"]}
    call = '[[tool:StructuredOutput {"bird": "tern"}]]'
    answer = await claude.ask(
        call, "--output-format", "json", "--json-schema", json.dumps(schema), "--model", "gpt-oss-120b"
    )
    assert answer.exit_code == 0
    assert answer.results[0]["structured_output"] == {"bird": "tern"}


@pytest.mark.parametrize("name", ["deepseek-r1", "llama3.3-70b"])
async def test_a_model_that_cannot_use_tools_here_says_so(claude: ClaudeCode, name: str) -> None:
    answer = await claude.ask("[[say:never]]", "--model", name)
    assert answer.exit_code == 1
    assert "Choose another model" in answer.text
    assert claude.requests == []


async def test_context_is_counted(claude: ClaudeCode) -> None:
    answer = await claude.ask("/context", "--model", "nova-pro")
    assert answer.exit_code == 0
    assert "| System tools |" in answer.text
    lines = await claude.gateway.lines(20, "/v1/messages/count_tokens")
    assert {line["status"] for line in lines} == {200}
    assert claude.requests == []
