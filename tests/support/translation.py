"""Runs the answer's half of the gateway on bytes: decoder, translator, accumulator, as the server chains them."""

from collections.abc import Iterable

from gateway.protocol.accumulate import MessageAccumulator
from gateway.protocol.errors import GatewayError, UpstreamProtocolError
from gateway.protocol.eventstream import FrameDecoder, FrameError
from gateway.protocol.from_converse import StreamTranslator

MESSAGE_ID = "msg_test"
MODEL_NAME = "claude-test"


def make_translator(**arguments: object) -> StreamTranslator:
    return StreamTranslator(**{"message_id": MESSAGE_ID, "model_name": MODEL_NAME} | arguments)  # type: ignore[arg-type]  # free keywords


def translate(chunks: Iterable[bytes], translator: StreamTranslator | None = None) -> tuple[bytes, GatewayError | None]:
    """The Anthropic bytes, and the error that ended them, if one did."""
    translator = translator or make_translator()
    decoder = FrameDecoder()
    stream: list[bytes] = []
    try:
        for chunk in chunks:
            for frame in decoder.feed(chunk):
                stream.append(translator.feed(frame))
        if not translator.done:
            decoder.finish()
        stream.append(translator.finish())
    except FrameError as error:
        return b"".join(stream), UpstreamProtocolError(str(error))
    except GatewayError as error:
        return b"".join(stream), error
    return b"".join(stream), None


def accumulate(stream: bytes) -> bytes:
    accumulator = MessageAccumulator()
    accumulator.feed(stream)
    return accumulator.encode()
