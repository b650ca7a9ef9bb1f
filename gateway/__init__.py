"""chatrix: the Anthropic Messages API, answered by Amazon Bedrock ConverseStream."""

__version__ = "0.1.0"
