"""What Anthropic's own servers put into a conversation is shown to the model as text, the same on every turn."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.errors import InvalidRequest

Translate = Callable[..., Any]
USER = {"role": "user", "content": "Go on."}
MARK = {"cache_control": {"type": "ephemeral"}}


def shown(translate: Translate, *blocks: dict[str, Any]) -> tuple[str, Any]:
    """The text of the one Converse block, and the outcome."""
    outcome = translate([USER, {"role": "assistant", "content": list(blocks)}, USER])
    [block] = outcome.turns[1]["content"]
    return block["text"], outcome


def result(kind: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "tool_use_id": "srvtoolu_1", "content": content, **fields}


def test_a_call_of_a_server_tool(translate: Translate) -> None:
    call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": 'grass "green"'}}
    text, outcome = shown(translate, call)
    assert text == (
        '<server_tool_use name="web_search" id="srvtoolu_1">\n{"query":"grass \\"green\\""}\n</server_tool_use>'
    )
    assert outcome.approximated == ("content.server_tool_use",)


def test_results_of_a_web_search_without_what_is_encrypted(translate: Translate) -> None:
    found = {
        "type": "web_search_result",
        "url": "https://example.org",
        "title": "Colours",
        "encrypted_content": "EqgfC",
    }
    text, outcome = shown(translate, result("web_search_tool_result", [found, {**found, "page_age": "1 day"}]))
    assert text == (
        '<web_search_tool_result tool_use_id="srvtoolu_1">\n'
        "type: web_search_result\nurl: https://example.org\ntitle: Colours\n"
        "encrypted_content: (encrypted: only Anthropic's own servers can read it)\n\n"
        "type: web_search_result\nurl: https://example.org\ntitle: Colours\n"
        "encrypted_content: (encrypted: only Anthropic's own servers can read it)\npage_age: 1 day\n"
        "</web_search_tool_result>"
    )
    assert outcome.approximated == ("content.web_search_tool_result",)


def test_an_error_of_a_server_tool(translate: Translate) -> None:
    error = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    text, _ = shown(translate, result("web_search_tool_result", error))
    assert "error_code: max_uses_exceeded" in text


def test_what_code_has_written(translate: Translate) -> None:
    ran = {"type": "code_execution_result", "stdout": "a\nb\n", "stderr": "", "return_code": 0, "content": []}
    text, _ = shown(translate, result("code_execution_tool_result", ran))
    assert text == (
        '<code_execution_tool_result tool_use_id="srvtoolu_1">\n'
        "type: code_execution_result\nstdout:\na\nb\n\nreturn_code: 0\n</code_execution_tool_result>"
    )


def test_a_fetched_page_keeps_its_text_and_not_its_pdf(translate: Translate) -> None:
    page = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grass is green."}}
    text, _ = shown(
        translate, result("web_fetch_tool_result", {"type": "web_fetch_result", "url": "u", "content": page})
    )
    assert "data: Grass is green." in text
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    text, _ = shown(
        translate, result("web_fetch_tool_result", {"type": "web_fetch_result", "url": "u", "content": pdf})
    )
    assert "JVBERi0=" not in text
    assert "media_type: application/pdf\n" in text
    assert "data: (a file that is not repeated here)" in text


@pytest.mark.parametrize(
    "kind",
    ["advisor_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result"],
)
def test_other_results(translate: Translate, kind: str) -> None:
    text, outcome = shown(translate, result(kind, {"type": f"{kind}_of_some_kind", "text": "Grass is green."}))
    assert "\ntext: Grass is green.\n" in text
    assert outcome.approximated == (f"content.{kind}",)


def test_a_tool_search_names_the_tools_as_they_are_offered(translate: Translate) -> None:
    long = "mcp__server__" + "x" * 60
    references = [{"type": "tool_reference", "tool_name": name} for name in ("Read", long)]
    found = {"type": "tool_search_tool_search_result", "tool_references": references}
    text, outcome = shown(translate, result("tool_search_tool_result", found))
    wire = next(name for name, client in outcome.translation.tool_names.items() if client == long)
    assert f"\nTool Read is now available.\nTool {wire} is now available.\n" in text


def test_calls_and_results_of_mcp_servers(translate: Translate) -> None:
    call = {"type": "mcp_tool_use", "id": "1", "name": "echo", "server_name": "s", "input": {"a": [1]}}
    assert shown(translate, call)[0] == '<mcp_tool_use server_name="s" name="echo" id="1">\n{"a":[1]}\n</mcp_tool_use>'
    given = {
        "type": "mcp_tool_result",
        "tool_use_id": "1",
        "is_error": True,
        "content": [{"type": "text", "text": "hm"}],
    }
    text, outcome = shown(translate, given)
    assert text == '<mcp_tool_result tool_use_id="1" status="error">\nhm\n</mcp_tool_result>'
    assert outcome.approximated == ("content.mcp_tool_result",)


def test_the_tools_of_an_mcp_server(translate: Translate) -> None:
    tool = {"name": "echo", "description": "Says it again.", "input_schema": {"type": "object"}}
    text, _ = shown(translate, {"type": "mcp_tool_listing", "mcp_server_name": "s", "tools": [tool]})
    assert "name: echo\ndescription: Says it again.\ninput_schema: type: object" in text


@pytest.mark.parametrize("content", [None, [], "", " ", {}])
def test_a_result_of_nothing_says_so(translate: Translate, content: Any) -> None:
    assert "(nothing)" in shown(translate, result("code_execution_tool_result", content))[0]


def test_a_summary_is_its_text(translate: Translate) -> None:
    block = {"type": "compaction", "content": " So far:\n...", "signature": "EqQB", "encrypted_content": "EqQB"}
    text, outcome = shown(translate, block)
    assert text == " So far:\n..."
    assert outcome.approximated == ("content.compaction",)
    assert outcome.dropped == ("content.compaction.signature", "content.compaction.encrypted_content")


def test_an_encrypted_summary_leaves_a_mark(translate: Translate) -> None:
    text, outcome = shown(translate, {"type": "compaction", "content": None, "encrypted_content": "EqQB"})
    assert text == "(Here stands a summary of the conversation so far that only Anthropic's servers can read.)"
    assert outcome.dropped == ("content.compaction.encrypted_content",)


def test_a_fallback_is_not_shown_to_the_model_and_is_named(translate: Translate) -> None:
    fallback = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": {"type": "refusal"}}
    text, outcome = shown(translate, fallback, {"type": "text", "text": "Hello."})
    assert text == "Hello."
    assert outcome.dropped == ("content.fallback",)


def test_the_state_of_a_browser_in_a_tool_result(translate: Translate) -> None:
    state = {
        "type": "browser_state",
        "tabs": [{"tab_id": "1", "title": "Colours", "url": "https://example.org", "active": True}],
        "state_changes": [{"type": "tab_opened", "tab_id": "1"}],
    }
    block = {"type": "tool_result", "tool_use_id": "a", "content": [state]}
    outcome = translate([{"role": "user", "content": [block]}])
    [inner] = outcome.turns[0]["content"][0]["toolResult"]["content"]
    assert "url: https://example.org\nactive: true" in inner["text"]
    assert "type: tab_opened" in inner["text"]
    assert "content.browser_state" in outcome.approximated


def test_the_mark_of_such_a_block_is_a_cache_point_behind_it(translate: Translate) -> None:
    content = [{"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}, **MARK}]
    outcome = translate([USER, {"role": "assistant", "content": content}, USER])
    assert [next(iter(block)) for block in outcome.turns[1]["content"]] == ["text", "cachePoint"]


@pytest.mark.parametrize("inner", [{"type": "text", "text": "a"}, {"type": "thing", "b": 1}])
def test_a_mark_inside_such_a_block_is_named_and_changes_nothing(translate: Translate, inner: dict[str, Any]) -> None:
    marked, outcome = shown(translate, result("web_fetch_tool_result", [{**inner, **MARK}]))
    assert outcome.dropped == ("content.cache_control",)
    assert marked == shown(translate, result("web_fetch_tool_result", [inner]))[0]


def test_a_file_for_a_container_is_refused_with_what_to_do_instead(translate_content: Translate) -> None:
    with pytest.raises(
        InvalidRequest, match=r"^messages\.0\.content\.0\.type: 'container_upload': .* send the file as"
    ):
        translate_content({"type": "container_upload", "file_id": "file_1"})


def test_a_deep_result_is_still_text(translate: Translate) -> None:
    deep: Any = "x"
    for _ in range(150):
        deep = [deep]
    assert "x" in shown(translate, result("code_execution_tool_result", deep))[0]
