"""Members of ConverseStream that chatrix neither writes nor reads, and why: the other side of the feature table.

Names are botocore's, shape and member. Tests compare them with its `bedrock-runtime` model, so that an upgrade which
adds a member fails with its name.
"""

from collections.abc import Mapping
from typing import Final

_NO_S3: Final = "Claude refuses S3 sources, and the Messages API has none."
_NO_WORD: Final = "The Messages API has no word for it."
_OPERATOR: Final = "Bedrock's guardrail judges the whole conversation; parts of it cannot be named in the Messages API."
_OWN_WORDS: Final = "For the log: the caller is told in the gateway's own words, which name no account."
_NOT_FROM_MODELS: Final = "Models that are asked through the Messages API answer with no images: it would be an error."

UNUSED_CONVERSE: Final[Mapping[str, str]] = {
    # The request.
    "ConverseStreamRequest.promptVariables": "For prompts that are stored on Bedrock.",
    "ConverseStreamRequest.requestMetadata": (
        "For filtering invocation logs. A user's id is no business of theirs, and its characters do not fit."
    ),
    "ConverseStreamRequest.performanceConfig": "No current Claude has `optimized`.",
    "ContentBlock.video": _NO_WORD,
    "ContentBlock.audio": _NO_WORD,
    "ContentBlock.guardContent": _OPERATOR,
    "ContentBlock.toolAddition": "Models have refused it so far: the tools of the request say the same.",
    "ContentBlock.toolRemoval": "Models have refused it so far: the tools of the request say the same.",
    "ImageBlock.error": "Of images that Bedrock's models make.",
    "ImageSource.s3Location": _NO_S3,
    "DocumentSource.s3Location": _NO_S3,
    "ToolUseBlock.type": "Of tools that Bedrock itself runs.",
    "ToolResultBlock.type": "Of tools that Bedrock itself runs.",
    "ToolResultContentBlock.json": "Text says the same, and some models invent results from it.",
    "ToolResultContentBlock.video": _NO_WORD,
    "Citation.source": "Of search results, whose citations Bedrock does not take back.",
    "CitationLocation.web": "It has no place for the encrypted index that belongs to it.",
    "CitationLocation.searchResultLocation": "Bedrock loses its type on the way, and Claude then refuses all.",
    "SystemContentBlock.guardContent": _OPERATOR,
    "Tool.systemTool": "Tools that Bedrock itself runs (Nova): the Messages API has others.",
    "GuardrailStreamConfiguration.streamProcessingMode": (
        "`sync`, Bedrock's default: nothing reaches the client before the guardrail has seen it."
    ),
    "JsonSchemaDefinition.description": _NO_WORD,
    "OutputConfig.effort": "New, and unproven beside Claude's own `output_config.effort`, which is recorded to work.",
    # The stream.
    "MessageStartEvent.role": "It is always the assistant.",
    "ToolResultBlockStart.toolUseId": "The result is told as text behind its call.",
    "ToolResultBlockStart.type": "The result is told as text behind its call.",
    "ToolResultBlockStart.status": "The result is told as text behind its call.",
    "ContentBlockStart.image": _NOT_FROM_MODELS,
    "ContentBlockDelta.image": _NOT_FROM_MODELS,
    "TokenUsage.totalTokens": "The sum of the others.",
    "ConverseStreamMetadataEvent.metrics": "The gateway has its own clock.",
    "ConverseStreamMetadataEvent.trace": "For the operator, in Bedrock's own logs: it may quote what was filtered.",
    "ConverseStreamMetadataEvent.performanceConfig": "Never asked for.",
    "InternalServerException.message": _OWN_WORDS,
    "ServiceUnavailableException.message": _OWN_WORDS,
}
