"""What a model takes through Converse, as columns. Translator, simulator and docs read them; no code asks for a name.

The defaults are those of a current Claude where Claude models agree, so that a row names only what is special. Sources:
Anthropic's and Amazon's pages on the models, recorded answers of Bedrock, and what public clients of Converse do.
"""

from typing import Final, Literal

import msgspec

LOW_TO_HIGH: Final = ("low", "medium", "high")
# Anthropic documents `max` for 4.7 and later too, but Bedrock is reported to stop at `xhigh` there.
LOW_TO_XHIGH: Final = (*LOW_TO_HIGH, "xhigh")
ALL_EFFORTS: Final = (*LOW_TO_XHIGH, "max")

CachePlace = Literal["tools", "system", "messages"]
EVERYWHERE: Final[tuple[CachePlace, ...]] = ("tools", "system", "messages")


class Capabilities(msgspec.Struct, frozen=True):
    """What a generation of models accepts through Converse, and how densely it tokenises."""

    thinking: tuple[str, ...]
    """Accepted `thinking.type`s. A Claude without `disabled` always thinks; empty for models without the field."""
    effort: tuple[str, ...] = ()
    """Accepted `output_config.effort` levels, lowest first."""
    effort_needs_beta: bool = False
    betas: tuple[str, ...] = ()
    """The `anthropic-beta` values that may be sent to this model; one it does not know fails the whole request."""
    sampling: bool = False
    """`temperature`, `top_p` and `top_k` exist."""
    sampling_together: bool = False
    """`temperature` and `top_p` may come in one request."""
    top_k: Literal["top_k", "inferenceConfig.topK", "no"] = "top_k"
    """Where it stands in `additionalModelRequestFields`."""
    stop_sequences: bool = True
    min_max_tokens: int = 1
    """The smallest `maxTokens` that is not refused."""
    tools: bool = True
    tools_in_streams: bool = True
    """Tools may be offered in ConverseStream, which is all that chatrix calls."""
    tool_choices: tuple[str, ...] = ("auto", "any", "tool")
    """Accepted members of `toolChoice`; with none of them the field must be left out."""
    native_tool_choice: bool = True
    """Claude's own `tool_choice` (`none`, `disable_parallel_tool_use`) works in `additionalModelRequestFields`."""
    prefill: bool = False
    """The conversation may end with an assistant's turn."""
    assistant_first: bool = True
    """It may begin with one."""
    strict_tools: bool = False
    native_format: Literal["yes", "no", "unreliable", "opt_in"] = "no"
    """`outputConfig.textFormat`."""
    cache_points: tuple[CachePlace, ...] = EVERYWHERE
    cache_ttl_1h: bool = True
    images: bool = True
    images_in_tool_results: bool = True
    documents: bool = True
    citations: bool = True
    """Documents with citations, search results, and cited text in the history."""
    tool_result_status: bool = True
    """`toolResult.status` is accepted."""
    empty_tool_result: bool = True
    results_with_text: bool = True
    """A tool's result and text may share a user's turn."""
    reasoning_history: Literal["signed", "unsigned", "none"] = "signed"
    """Which of the model's earlier reasoning may be sent back."""
    reasoning_effort: Literal["no", "reasoning_effort", "reasoning.effort", "reasoningConfig"] = "no"
    """Where a model that is not a Claude takes its effort in `additionalModelRequestFields`."""
    always_reasons: bool = False
    """It thinks by itself, and there is no way to tell it not to. Of a Claude `thinking` says so."""
    response_field_paths: bool = True
    """`additionalModelResponseFieldPaths` may be asked for."""
    counts_tokens: bool = False
    """Bedrock's CountTokens knows it (by its base id)."""
    token_density: float = 1.0
    """Tokens for the same text, relative to Claude's 4.x generation."""
