"""Frames to the Anthropic stream: any sequence of them.

The translator may raise `GatewayError` and nothing else. What it wrote obeys the grammar of the stream after every
frame, `message_stop` comes only behind a messageStop, and the text is the text that the frames brought.

An input is lines: the first one chooses the translator's arguments by letters (`ARGUMENTS`), each other one is a frame:
its kind, its name, its payload, with a space between.
"""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.protocol.errors import GatewayError, encode_error
from gateway.protocol.eventstream import Frame
from gateway.protocol.from_converse import StreamTranslator
from tests.faults.fuzz.json_mutation import ACCOUNT, Vocabulary, dumps, mutate_json
from tests.faults.fuzz.target import MutateBytes, Target
from tests.support.anthropic_stream import read_stream
from tests.support.recordings import recordings
from tests.support.translation import accumulate, make_translator

MAX_BYTES: Final = 4096
TRANSCRIPTS: Final = Path(__file__).parents[2] / "transcripts"
ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "f": {"format_tool": "answer"},
    "n": {"tool_names": {"wire_name": "The caller's own name"}},
    "i": {"tool_use_ids": ("tooluse_1",)},
    "s": {"stop_sequences": ("STOP",)},
    "t": {"stop_sequences": ("STOP", "HALT")},
    "m": {"max_tokens": 100},
    "z": {"max_tokens": 0},
    "h": {"only_1h_cache": True},
}
NAME_HEADERS: Final = {"event": ":event-type", "exception": ":exception-type", "error": ":error-code"}
EVENTS: Final = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
)
EXCEPTIONS: Final = (
    "throttlingException",
    "validationException",
    "modelStreamErrorException",
    "expiredToken",
    "x",
    f"arn:aws:{ACCOUNT}",
)
ACCOUNT_TOLD: Final = re.compile(rf"(?<!\d){ACCOUNT}(?!\d)")


@dataclass(slots=True)
class Progress:
    """What was fed and what came of it."""

    stream: bytes = b""
    fed: int = 0
    error: GatewayError | None = None


def check(data: bytes) -> None:
    letters, frames = parse(data)
    translator = translator_for(letters)
    progress = run(translator, frames)
    reply = read_stream(progress.stream)
    fed = frames[: progress.fed]
    if reply.whole:
        assert progress.error is None, "an answer that is whole ended in an error"
        assert any(is_stop(frame) for frame in fed), "message_stop without a messageStop"
    else:
        assert progress.error is not None, "an answer that is not whole was passed off as one"
    if progress.error is not None:
        check_error(progress.error)
    elif "f" not in letters and "z" not in letters:
        check_text(reply.text, reply.message, fed)
    if reply.whole:
        check_whole(progress.stream)


def parse(data: bytes) -> tuple[str, list[Frame]]:
    first, *lines = data.split(b"\n")
    return first.decode("ascii", "ignore"), [frame_of(line) for line in lines]


def frame_of(line: bytes) -> Frame:
    kind, _, rest = line.partition(b" ")
    name, _, payload = rest.partition(b" ")
    message_type = kind.decode("utf-8", "replace")
    headers = {":message-type": message_type} if message_type else {}
    if name:
        headers[NAME_HEADERS.get(message_type, ":event-type")] = name.decode("utf-8", "replace")
    return Frame(headers, payload)


def translator_for(letters: str) -> StreamTranslator:
    arguments: dict[str, Any] = {}
    for letter in letters:
        arguments |= ARGUMENTS.get(letter, {})
    return make_translator(**arguments)


def run(translator: StreamTranslator, frames: Sequence[Frame]) -> Progress:
    progress = Progress()
    try:
        for frame in frames:
            progress.fed += 1
            piece = translator.feed(frame)
            assert piece == b"" or piece.endswith(b"\n\n"), "a piece of an event"
            progress.stream += piece
        progress.stream += translator.finish()
    except GatewayError as error:
        progress.error = error
    return progress


def is_stop(frame: Frame) -> bool:
    return frame.headers == {":message-type": "event", ":event-type": "messageStop"}


def check_error(error: GatewayError) -> None:
    assert 0 < len(error.message) <= 2600, f"{len(error.message)} characters"
    assert 400 <= error.status <= 599
    assert not ACCOUNT_TOLD.search(error.message), f"tells the account: {error.message}"
    told = orjson.loads(encode_error(error, "req_1"))
    assert told["error"]["message"] == error.message


def check_text(text: str, message: Any, fed: Sequence[Frame]) -> None:
    """Only where nothing else is told as text: the words of tools that Bedrock runs itself."""
    if message is None or any(b"server_tool_use" in payload or b"toolResult" in payload for _, payload in fed):
        return
    expected = ""
    for headers, payload in fed:
        if headers.get(":event-type") == "messageStop":
            break
        if headers.get(":event-type") == "contentBlockDelta":
            said = orjson.loads(payload)["delta"].get("text")
            expected += said if isinstance(said, str) else ""
    assert text == expected, f"Bedrock said {expected!r}, the caller is told {text!r}"


def check_whole(stream: bytes) -> None:
    """A reply that is not streamed is the same one, gathered; a tool's broken input is its only way to fail."""
    try:
        message = json.loads(accumulate(stream))
    except GatewayError as error:
        check_error(error)
        return
    assert [block["type"] for block in message["content"]] == [block["type"] for block in read_stream(stream).blocks]


# --- mutations: of lines, whose payloads stay JSON


def mutate(data: bytes, chance: random.Random, mutate_bytes: MutateBytes) -> bytes:
    if chance.random() < 0.05:
        return mutate_bytes(data, MAX_BYTES)
    first, *lines = data.split(b"\n")
    if chance.random() < 0.05:
        return b"\n".join((chance.choice([*ARGUMENTS, "fm", "in", ""]).encode(), *lines))
    place = chance.randint(0, len(lines))
    match chance.randrange(8):
        case 0:
            del lines[place : place + 1]
        case 1:
            lines[place:place] = [chance.choice(LINES)]
        case 2:
            lines[place:place] = lines[max(0, place - 1) : place]
        case 3:
            lines[place : place + 2] = lines[place : place + 2][::-1]
        case 4:
            del lines[place:]
        case _:
            lines[place : place + 1] = [change(line, chance, mutate_bytes) for line in lines[place : place + 1]]
    return b"\n".join((first, *lines))


def change(line: bytes, chance: random.Random, mutate_bytes: MutateBytes) -> bytes:
    kind, _, rest = line.partition(b" ")
    name, _, payload = rest.partition(b" ")
    match chance.randrange(12):
        case 0:
            kind = chance.choice((b"event", b"exception", b"error", b"", b"other"))
        case 1:
            name = chance.choice((*EVENTS, *EXCEPTIONS, "fromTheFuture", "")).encode()
        case 2:
            payload = mutate_bytes(payload, MAX_BYTES)
        case _:
            payload = change_payload(payload, chance, mutate_bytes)
    return b" ".join((kind, name, payload)).replace(b"\n", b"")


def change_payload(payload: bytes, chance: random.Random, mutate_bytes: MutateBytes) -> bytes:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return b"{}"
    return dumps(mutate_json(value, chance, WORDS, mutate_bytes))


def recorded_events() -> list[list[dict[str, Any]]]:
    """Without the padding, and without most of the many deltas that are alike."""
    answers = [
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(TRANSCRIPTS.rglob("events.jsonl"))
    ]
    for recording in recordings():
        frames = [{frame["headers"][":event-type"]: frame["payload"]} for frame in recording.frames]
        answers.append([*frames[:8], *frames[-4:]] if len(frames) > 12 else frames)
    return [[_without_padding(event) for event in answer] for answer in answers]


def _without_padding(event: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {member: value for member, value in payload.items() if member != "p"}
        if isinstance(payload, dict)
        else payload
        for name, payload in event.items()
    }


def line_of(event: dict[str, Any]) -> bytes:
    ((name, payload),) = event.items()
    if name in NAME_HEADERS:
        # As the transcripts write frames that are not events.
        return f"{name} {payload.get('type', payload.get('code', 'x'))} ".encode() + dumps(payload)
    return f"event {name} ".encode() + dumps(payload)


def seeds() -> list[bytes]:
    answers = [b"\n".join((b"", *(line_of(event) for event in events))) for events in recorded_events()]
    return sorted({answer for answer in answers if len(answer) <= MAX_BYTES})


WORDS: Final = Vocabulary([payload for events in recorded_events() for event in events for payload in event.values()])
LINES: Final = sorted({line for seed in seeds() for line in seed.split(b"\n")[1:]})
TARGET: Final = Target("translator", check, mutate, seeds, MAX_BYTES)
