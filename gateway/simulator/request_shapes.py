"""The members of the Converse, ConverseStream and CountTokens requests, as botocore's service model has them.

Written out, not read from botocore: starting the simulator must not load the SDK. A test compares every structure here
with `service-2.json`. One difference on purpose: the `system` role is in the model but no Claude takes it yet.
"""

from collections.abc import Mapping
from typing import Final

from gateway.simulator.shapes import Blob, Document, Flag, ListOf, MapOf, Number, Shape, Structure, Text

ANY_TEXT: Final = Text()
SOME_TEXT: Final = Text(minimum=1)
INDEX: Final = Number(minimum=0, whole=True)

TOOL_NAME: Final = Text(1, 64, "[a-zA-Z0-9_-]+")
TOOL_USE_ID: Final = Text(1, 64, "[a-zA-Z0-9_.:-]+")
S3_LOCATION: Final = Structure({"uri": Text(1, 1024, r"s3://[a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9](/.*)?"),
                                "bucketOwner": Text(pattern="[0-9]{12}")}, ("uri",))  # fmt: skip
ERROR_BLOCK: Final = Structure({"message": ANY_TEXT})
CACHE_POINT: Final = Structure({"type": Text(choices=("default",)), "ttl": Text(choices=("5m", "1h"))}, ("type",))
CITATIONS_SWITCH: Final = Structure({"enabled": Flag()}, ("enabled",))

IMAGE: Final = Structure(
    {
        "format": Text(choices=("png", "jpeg", "gif", "webp")),
        "source": Structure({"bytes": Blob(1), "s3Location": S3_LOCATION}, union_name="ImageSource"),
        "error": ERROR_BLOCK,
    },
    ("format", "source"),
)
DOCUMENT: Final = Structure(
    {
        "format": Text(choices=("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")),
        "name": Text(1, 200),
        "source": Structure(
            {
                "bytes": Blob(1),
                "s3Location": S3_LOCATION,
                "text": ANY_TEXT,
                "content": ListOf(Structure({"text": ANY_TEXT}, union_name="DocumentContentBlock")),
            },
            union_name="DocumentSource",
        ),
        "context": ANY_TEXT,
        "citations": CITATIONS_SWITCH,
    },
    ("name", "source"),
)
VIDEO: Final = Structure(
    {
        "format": Text(choices=("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp")),
        "source": Structure({"bytes": Blob(1), "s3Location": S3_LOCATION}, union_name="VideoSource"),
    },
    ("format", "source"),
)
AUDIO_FORMATS: Final = (
    "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm",
)  # fmt: skip
AUDIO: Final = Structure(
    {
        "format": Text(choices=AUDIO_FORMATS),
        "source": Structure({"bytes": Blob(1), "s3Location": S3_LOCATION}, union_name="AudioSource"),
        "error": ERROR_BLOCK,
    },
    ("format", "source"),
)
SEARCH_RESULT: Final = Structure(
    {
        "source": ANY_TEXT,
        "title": ANY_TEXT,
        "content": ListOf(Structure({"text": ANY_TEXT}, ("text",))),
        "citations": CITATIONS_SWITCH,
    },
    ("source", "title", "content"),
)
TOOL_USE: Final = Structure(
    {"toolUseId": TOOL_USE_ID, "name": TOOL_NAME, "input": Document(), "type": Text(choices=("server_tool_use",))},
    ("toolUseId", "name", "input"),
)
TOOL_RESULT: Final = Structure(
    {
        "toolUseId": TOOL_USE_ID,
        "content": ListOf(
            Structure(
                {
                    "json": Document(),
                    "text": ANY_TEXT,
                    "image": IMAGE,
                    "document": DOCUMENT,
                    "video": VIDEO,
                    "searchResult": SEARCH_RESULT,
                },
                union_name="ToolResultContentBlock",
            )
        ),
        "status": Text(choices=("success", "error")),
        "type": ANY_TEXT,
    },
    ("toolUseId", "content"),
)
GUARD_CONTENT: Final = Structure(
    {
        "text": Structure(
            {"text": ANY_TEXT, "qualifiers": ListOf(Text(choices=("grounding_source", "query", "guard_content")))},
            ("text",),
        ),
        "image": Structure(
            {
                "format": Text(choices=("png", "jpeg")),
                "source": Structure({"bytes": Blob(1)}, union_name="GuardrailConverseImageSource"),
            },
            ("format", "source"),
        ),
    },
    union_name="GuardrailConverseContentBlock",
)
REASONING: Final = Structure(
    {
        "reasoningText": Structure({"text": ANY_TEXT, "signature": ANY_TEXT}, ("text",)),
        "redactedContent": Blob(),
    },
    union_name="ReasoningContentBlock",
)
SPAN_IN_DOCUMENT: Final = Structure({"documentIndex": INDEX, "start": INDEX, "end": INDEX})
CITATION_LOCATION: Final = Structure(
    {
        "web": Structure({"url": ANY_TEXT, "domain": ANY_TEXT}),
        "documentChar": SPAN_IN_DOCUMENT,
        "documentPage": SPAN_IN_DOCUMENT,
        "documentChunk": SPAN_IN_DOCUMENT,
        "searchResultLocation": Structure({"searchResultIndex": INDEX, "start": INDEX, "end": INDEX}),
    },
    union_name="CitationLocation",
)
CITATIONS_CONTENT: Final = Structure(
    {
        "content": ListOf(Structure({"text": ANY_TEXT}, union_name="CitationGeneratedContent")),
        "citations": ListOf(
            Structure(
                {
                    "title": ANY_TEXT,
                    "source": ANY_TEXT,
                    "sourceContent": ListOf(Structure({"text": ANY_TEXT}, union_name="CitationSourceContent")),
                    "location": CITATION_LOCATION,
                }
            )
        ),
    }
)
TOOL_CHANGE: Final = Structure(
    {"tool": Structure({"type": Text(1, 64), "name": Text(1, 128), "serverName": Text(1, 128)})}, ("tool",)
)
CONTENT_BLOCK: Final = Structure(
    {
        "text": ANY_TEXT,
        "image": IMAGE,
        "document": DOCUMENT,
        "video": VIDEO,
        "audio": AUDIO,
        "toolUse": TOOL_USE,
        "toolResult": TOOL_RESULT,
        "guardContent": GUARD_CONTENT,
        "cachePoint": CACHE_POINT,
        "reasoningContent": REASONING,
        "citationsContent": CITATIONS_CONTENT,
        "searchResult": SEARCH_RESULT,
        "toolAddition": TOOL_CHANGE,
        "toolRemoval": TOOL_CHANGE,
    },
    union_name="ContentBlock",
)
MESSAGES: Final = ListOf(
    Structure({"role": Text(choices=("user", "assistant")), "content": ListOf(CONTENT_BLOCK)}, ("role", "content"))
)
SYSTEM: Final = ListOf(
    Structure(
        {"text": SOME_TEXT, "guardContent": GUARD_CONTENT, "cachePoint": CACHE_POINT}, union_name="SystemContentBlock"
    )
)
TOOL_SPEC: Final = Structure(
    {
        "name": TOOL_NAME,
        "description": SOME_TEXT,
        "inputSchema": Structure({"json": Document()}, union_name="ToolInputSchema"),
        "strict": Flag(),
    },
    ("name", "inputSchema"),
)
TOOL_CONFIG: Final = Structure(
    {
        "tools": ListOf(
            Structure(
                {
                    "toolSpec": TOOL_SPEC,
                    "systemTool": Structure({"name": TOOL_NAME}, ("name",)),
                    "cachePoint": CACHE_POINT,
                },
                union_name="Tool",
            ),
            minimum=1,
        ),
        "toolChoice": Structure(
            {"auto": Structure({}), "any": Structure({}), "tool": Structure({"name": TOOL_NAME}, ("name",))},
            union_name="ToolChoice",
        ),
    },
    ("tools",),
)
INFERENCE_CONFIG: Final = Structure(
    {
        "maxTokens": Number(1, whole=True),
        "temperature": Number(0, 1),
        "topP": Number(0, 1),
        "stopSequences": ListOf(SOME_TEXT, maximum=2500),
    }
)
GUARDRAIL_MEMBERS: Final = {
    "guardrailIdentifier": Text(
        0, 2048, r"(|([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+))"
    ),
    "guardrailVersion": Text(pattern=r"(|([1-9][0-9]{0,7})|(DRAFT))"),
    "trace": Text(choices=("enabled", "disabled", "enabled_full")),
}
STREAM_GUARDRAIL_MEMBERS: Final = {**GUARDRAIL_MEMBERS, "streamProcessingMode": Text(choices=("sync", "async"))}
OUTPUT_CONFIG: Final = Structure(
    {
        "textFormat": Structure(
            {
                "type": Text(choices=("json_schema",)),
                "structure": Structure(
                    {
                        "jsonSchema": Structure(
                            {"schema": ANY_TEXT, "name": ANY_TEXT, "description": ANY_TEXT}, ("schema",)
                        )
                    },
                    union_name="OutputFormatStructure",
                ),
            },
            ("type", "structure"),
        ),
        "effort": Text(0, 16),
    }
)
COMMON_MEMBERS: Final[Mapping[str, Shape]] = {
    "messages": MESSAGES,
    "system": SYSTEM,
    "inferenceConfig": INFERENCE_CONFIG,
    "toolConfig": TOOL_CONFIG,
    "additionalModelRequestFields": Document(),
    "promptVariables": MapOf(ANY_TEXT, Structure({"text": ANY_TEXT}, union_name="PromptVariableValues")),
    "additionalModelResponseFieldPaths": ListOf(Text(1, 256), maximum=10),
    "requestMetadata": MapOf(
        Text(1, 256, r"[a-zA-Z0-9\s:_@$#=/+,-.]{1,256}"), Text(0, 256, r"[a-zA-Z0-9\s:_@$#=/+,-.]{0,256}"), 1, 16
    ),
    "performanceConfig": Structure({"latency": Text(choices=("standard", "optimized"))}),
    "serviceTier": Structure({"type": Text(choices=("priority", "default", "flex", "reserved"))}, ("type",)),
    "outputConfig": OUTPUT_CONFIG,
}
CONVERSE: Final = Structure({**COMMON_MEMBERS, "guardrailConfig": Structure(GUARDRAIL_MEMBERS)})
CONVERSE_STREAM: Final = Structure({**COMMON_MEMBERS, "guardrailConfig": Structure(STREAM_GUARDRAIL_MEMBERS)})
COUNT_TOKENS: Final = Structure(
    {
        "input": Structure(
            {
                "converse": Structure(
                    {
                        "messages": MESSAGES,
                        "system": SYSTEM,
                        "toolConfig": TOOL_CONFIG,
                        "additionalModelRequestFields": Document(),
                    }
                ),
                "invokeModel": Structure({"body": Blob()}, ("body",)),
            },
            union_name="CountTokensInput",
        )
    },
    ("input",),
)
