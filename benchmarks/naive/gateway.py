"""The yardstick: a gateway as aiohttp and aiobotocore document themselves, without tricks and without sabotage.

Fixed before chatrix was tuned, and never changed after: a test pins this file's hash. It has no keys, no logs and no
limits, and it translates only what a plain conversation with tools needs.
"""

import argparse
import base64
import json
import uuid
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import web

STOP_REASONS = {
    "end_turn": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
}


def to_block(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "image":
        source = block["source"]
        data = base64.b64decode(source["data"])
        return {"image": {"format": source["media_type"].split("/")[1], "source": {"bytes": data}}}
    if block["type"] == "tool_use":
        return {"toolUse": {"toolUseId": block["id"], "name": block["name"], "input": block["input"]}}
    if block["type"] == "tool_result":
        content = block.get("content", "")
        texts = [content] if isinstance(content, str) else [part["text"] for part in content]
        return {"toolResult": {"toolUseId": block["tool_use_id"], "content": [{"text": text} for text in texts]}}
    return {"text": block["text"]}


def to_blocks(content: Any) -> list[dict[str, Any]]:
    return [{"text": content}] if isinstance(content, str) else [to_block(block) for block in content]


def to_converse(body: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "modelId": body["model"],
        "messages": [{"role": turn["role"], "content": to_blocks(turn["content"])} for turn in body["messages"]],
        "inferenceConfig": {"maxTokens": body["max_tokens"]},
    }
    if body.get("system"):
        request["system"] = to_blocks(body["system"])
    if body.get("tools"):
        specifications = [
            {
                "toolSpec": {
                    "name": tool["name"],
                    "description": tool["description"],
                    "inputSchema": {"json": tool["input_schema"]},
                }
            }
            for tool in body["tools"]
        ]
        request["toolConfig"] = {"tools": specifications}
    return request


def start_of(block: dict[str, Any]) -> dict[str, Any]:
    if "toolUse" in block:
        return {"type": "tool_use", "id": block["toolUse"]["toolUseId"], "name": block["toolUse"]["name"], "input": {}}
    return {"type": "text", "text": ""}


def to_events(event: dict[str, Any], model: str, opened: set[int]) -> list[dict[str, Any]]:
    if "messageStart" in event:
        message = {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
        }
        usage = {"input_tokens": 0, "output_tokens": 0}
        return [
            {
                "type": "message_start",
                "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage},
            }
        ]
    if "contentBlockStart" in event:
        index = event["contentBlockStart"]["contentBlockIndex"]
        opened.add(index)
        block = start_of(event["contentBlockStart"]["start"])
        return [{"type": "content_block_start", "index": index, "content_block": block}]
    if "contentBlockDelta" in event:
        events = []
        index, delta = event["contentBlockDelta"]["contentBlockIndex"], event["contentBlockDelta"]["delta"]
        if index not in opened:
            opened.add(index)
            events.append(
                {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
            )
        if "toolUse" in delta:
            translated = {"type": "input_json_delta", "partial_json": delta["toolUse"]["input"]}
        else:
            translated = {"type": "text_delta", "text": delta["text"]}
        return [*events, {"type": "content_block_delta", "index": index, "delta": translated}]
    if "contentBlockStop" in event:
        return [{"type": "content_block_stop", "index": event["contentBlockStop"]["contentBlockIndex"]}]
    if "metadata" in event:
        usage = event["metadata"]["usage"]
        counts = {"input_tokens": usage["inputTokens"], "output_tokens": usage["outputTokens"]}
        return [{"type": "message_delta", "delta": {}, "usage": counts}, {"type": "message_stop"}]
    if "messageStop" in event:
        reason = STOP_REASONS.get(event["messageStop"]["stopReason"], "end_turn")
        return [
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": 0},
            }
        ]
    return []


async def messages(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    result = await request.app["bedrock"].converse_stream(**to_converse(body))
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
    await response.prepare(request)
    opened: set[int] = set()
    async for event in result["stream"]:
        for translated in to_events(event, body["model"], opened):
            data = json.dumps(translated)
            await response.write(f"event: {translated['type']}\ndata: {data}\n\n".encode())
    await response.write_eof()
    return response


async def health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def bedrock(app: web.Application) -> Any:
    config = AioConfig(read_timeout=900, max_pool_connections=2000)
    async with get_session().create_client("bedrock-runtime", config=config) as client:
        app["bedrock"] = client
        yield


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.cleanup_ctx.append(bedrock)
    app.router.add_post("/v1/messages", messages)
    app.router.add_get("/health", health)
    web.run_app(app, host="127.0.0.1", port=parser.parse_args().port, access_log=None, print=None)


if __name__ == "__main__":
    main()
