"""Golden transcripts: exchanges for people to read, one folder each under `tests/transcripts`.

`request.json` (what a client sends) and `events.jsonl` (what Bedrock answers, one event a line) are written by hand or
taken from a recording. `make transcripts` writes the rest: `converse.json` (what Bedrock is sent, with what was dropped
and approximated), `reply.sse` and `reply.json` (the streamed and the whole reply). Review that diff like code.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.catalog import resolve
from gateway.protocol.disposition import Disposition
from gateway.protocol.eventstream import encode_event
from gateway.protocol.parsing import parse
from gateway.protocol.to_converse import encode, to_converse
from tests.support.translation import accumulate, make_translator, translate

FOLDER: Final = Path(__file__).parents[1] / "transcripts"
REGION: Final = "us-west-2"


@dataclass(frozen=True, slots=True)
class Transcript:
    folder: Path

    def outputs(self) -> dict[str, str]:
        """File name to content, as the code makes it now."""
        parsed, unknown_fields = parse((self.folder / "request.json").read_bytes())
        resolution = resolve(parsed.model, REGION)
        assert resolution is not None
        disposition = Disposition()
        for name in unknown_fields:
            disposition.drop(name)
        translation = to_converse(parsed, resolution.model, disposition)
        converse = {
            "modelId": resolution.model_id,
            "request": json.loads(encode(translation.request)),
            "dropped": disposition.dropped,
            "approximated": disposition.approximated,
        }
        stream, error = translate(
            [self._wire()],
            make_translator(
                model_name=parsed.model,
                tool_names=translation.tool_names,
                stop_sequences=translation.stop_sequences,
                max_tokens=parsed.max_tokens,
            ),
        )
        outputs = {"converse.json": readable(converse), "reply.sse": stream.decode()}
        if error is None:
            outputs["reply.json"] = readable(orjson.loads(accumulate(stream)))
        else:
            outputs["reply.sse"] += f": then the error {error.type}: {error.message}\n"
        return outputs

    def _wire(self) -> bytes:
        events = [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]
        return b"".join(
            encode_event(name, json.dumps(payload).encode()) for event in events for name, payload in event.items()
        )


def transcripts() -> list[Transcript]:
    return [Transcript(path.parent) for path in sorted(FOLDER.glob("*/request.json"))]


def readable(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_all() -> None:
    for transcript in transcripts():
        for name in ("converse.json", "reply.sse", "reply.json"):
            (transcript.folder / name).unlink(missing_ok=True)
        for name, content in transcript.outputs().items():
            (transcript.folder / name).write_text(content)


if __name__ == "__main__":
    write_all()
