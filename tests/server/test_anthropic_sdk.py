"""The public Anthropic Python SDK against the gateway: what works there works for every program that uses it."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

from tests.support.gateway import Gateway

MODEL = "claude-sonnet-4-6"
BASH: dict[str, Any] = {
    "name": "Bash",
    "description": "Runs a command.",
    "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
}
PDF = base64.b64encode(b"%PDF-1.4 a small document").decode()
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
async def claude(gateway: Gateway) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        yield client


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 2000, "messages": [{"role": "user", "content": text}], **more}


def said(message: Any) -> list[dict[str, Any]]:
    """The content as it would be sent back in the next turn."""
    return [block.model_dump(exclude_none=True) for block in message.content]


def without_ids(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tool calls get a new id every time."""
    return [{name: value for name, value in block.items() if name != "id"} for block in content]


async def test_text_streams_in_pieces_that_add_up(claude: AsyncAnthropic) -> None:
    async with claude.messages.stream(**ask("[[say:Hello out there, how are you?]]")) as stream:
        pieces = [piece async for piece in stream.text_stream]
        message = await stream.get_final_message()
    assert "".join(pieces) == "Hello out there, how are you?"
    assert len(pieces) > 1
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0
    assert message.usage.input_tokens > 0
    assert message.id.startswith("msg_")


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("[[say:hello]]", {}),
        ("[[think:hm]][[say:hello]]", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("[[redacted:EtkEone]][[say:hello]]", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ('[[say:now]][[tool:Bash {"command": "ls", "deep": [{"a": 1.5}]}]]', {"tools": [BASH]}),
        ("[[say:a b c]][[stop:max_tokens]]", {}),
        ("[[say:a]][[stop:stop_sequence]]", {"stop_sequences": ["X", "Y"]}),
    ],
)
async def test_streamed_equals_not_streamed(claude: AsyncAnthropic, text: str, more: dict[str, Any]) -> None:
    whole = await claude.messages.create(**ask(text, **more))
    async with claude.messages.stream(**ask(text, **more)) as stream:
        streamed = await stream.get_final_message()
    assert without_ids(said(whole)) == without_ids(said(streamed))
    assert (whole.stop_reason, whole.stop_sequence) == (streamed.stop_reason, streamed.stop_sequence)
    assert whole.usage.output_tokens == streamed.usage.output_tokens
    assert whole.model == streamed.model == MODEL


async def test_a_tool_loop_with_thinking_goes_round(claude: AsyncAnthropic) -> None:
    text = '[[think:first I look]][[say:I look.]][[tool:Bash {"command": "ls"}]][[then]][[probe]]'
    more = {"tools": [BASH], "thinking": {"type": "enabled", "budget_tokens": 1024}}
    request = ask(text, **more)
    async with claude.messages.stream(**request) as stream:
        first = await stream.get_final_message()
    assert first.stop_reason == "tool_use"
    call = next(block for block in first.content if block.type == "tool_use")
    assert call.input == {"command": "ls"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "a.txt"}]}
    request["messages"] += [{"role": "assistant", "content": said(first)}, {"role": "user", "content": [result]}]
    second = await claude.messages.create(**request)
    (block,) = second.content
    assert block.type == "text"
    assert '"reasoning": 1' in block.text
    assert '"reasoning_bad": 0' in block.text
    assert '"tool_results": 1' in block.text


async def test_an_image_and_documents_arrive(claude: AsyncAnthropic) -> None:
    content: list[Any] = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
        {"type": "text", "text": "[[probe]]"},
    ]
    request = ask("")
    request["messages"][0]["content"] = content
    (block,) = (await claude.messages.create(**request)).content
    assert block.type == "text"
    assert '"images": 1' in block.text
    assert '"documents": 2' in block.text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[[error:ValidationException no]]", anthropic.BadRequestError),
        ("[[error:AccessDeniedException no]]", anthropic.PermissionDeniedError),
        ("[[error:ResourceNotFoundException no]]", anthropic.NotFoundError),
        ("[[error:ThrottlingException no]]", anthropic.RateLimitError),
        ("[[error:InternalServerException no]]", anthropic.InternalServerError),
        ("[[error:ServiceUnavailableException no]]", anthropic.InternalServerError),
        ("[[error:ExpiredTokenException no]]", anthropic.InternalServerError),
    ],
)
async def test_an_error_raises_its_class(
    claude: AsyncAnthropic, text: str, kind: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(kind) as caught:
        await claude.messages.create(**ask(text))
    assert caught.value.request_id is not None
    with pytest.raises(kind):
        async with claude.messages.stream(**ask(text)) as stream:
            await stream.get_final_message()


async def test_a_wrong_key_is_an_authentication_error(gateway: Gateway) -> None:
    async with AsyncAnthropic(base_url=gateway.url, api_key="a-key-nobody-gave-out", max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(**ask("hello"))


async def test_a_bearer_token_is_as_good(gateway: Gateway) -> None:
    async with AsyncAnthropic(base_url=gateway.url, auth_token=gateway.key, max_retries=0) as client:
        assert (await client.messages.create(**ask("[[say:hi]]"))).content


@pytest.mark.parametrize(
    "marker", ["[[streamerror:ThrottlingException no]]", "[[cut]]", "[[cut:boundary]]", "[[nostop]]"]
)
async def test_a_broken_stream_raises_and_is_never_a_short_message(claude: AsyncAnthropic, marker: str) -> None:
    with pytest.raises(anthropic.APIError):
        async with claude.messages.stream(**ask(f"[[say:some of it]]{marker}")) as stream:
            await stream.get_final_message()


async def test_the_sdks_own_retry_gets_through_a_throttle(gateway: Gateway) -> None:
    async with AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=2) as client:
        message = await client.messages.create(**ask("[[throttle:1]][[say:through]]"))
    assert said(message) == [{"type": "text", "text": "through"}]


async def test_tokens_are_counted_and_models_listed(claude: AsyncAnthropic) -> None:
    request = ask("how many tokens is this?")
    del request["max_tokens"]
    assert (await claude.messages.count_tokens(**request)).input_tokens > 3
    assert "claude-opus-5-5" in [model.id async for model in claude.models.list()]
