"""A whole stream of Bedrock's, read below the gateway."""

from gateway.protocol.eventstream import Frame
from gateway.upstreams.stream import BedrockStream


async def all_frames(stream: BedrockStream) -> list[Frame]:
    """What is left of it."""
    frames: list[Frame] = []
    while more := await stream.read():
        frames += more
    return frames
