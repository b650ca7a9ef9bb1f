"""Fuzzing: three targets, two engines, one corpus.

    python -m tests.faults.fuzz decoder --seconds 60        the frame decoder
    python -m tests.faults.fuzz translator --seconds 60     frames to the Anthropic stream
    python -m tests.faults.fuzz request --seconds 60        bodies to what Bedrock is sent

Nothing of the gateway may be imported here: atheris watches only modules that are imported after it was told to.
"""
