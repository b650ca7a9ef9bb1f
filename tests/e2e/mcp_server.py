"""A small MCP server on standard input and output: one JSON-RPC message a line, one tool with the name it is given.

Usage: `python mcp_server.py TOOL_NAME LOG_FILE`. It writes what it was called with into LOG_FILE and answers with it.
"""

import json
import sys
from pathlib import Path
from typing import Any


def answer(method: str, parameters: dict[str, Any], tool_name: str, log: Path) -> dict[str, Any]:
    match method:
        case "initialize":
            return {
                "protocolVersion": parameters["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "echo", "version": "1"},
            }
        case "tools/list":
            schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
            return {"tools": [{"name": tool_name, "description": "Echoes a kittiwake.", "inputSchema": schema}]}
        case "tools/call":
            log.write_text(json.dumps(parameters))
            return {"content": [{"type": "text", "text": f"echo of {parameters['arguments']['word']}"}]}
        case _:
            return {}


def main(tool_name: str, log: str) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            result = answer(message["method"], message.get("params") or {}, tool_name, Path(log))
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
