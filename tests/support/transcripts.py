"""Golden transcripts: exchanges for people to read, one folder each under `tests/transcripts` (README.md there).

`make transcripts` writes what the code makes of the inputs. Review that diff like code.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.catalog import NotInGeography, Preferences, Resolution, choose, read_name
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import GatewayError, NotFound
from gateway.protocol.eventstream import encode_event, encode_exception, encode_frame
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.parsing import parse
from gateway.protocol.to_converse import Translation, to_converse
from gateway.request_options import is_strict, read_options
from gateway.settings import Settings
from tests.support.compact_json import compact_json
from tests.support.translation import accumulate, make_translator, translate

FOLDER: Final = Path(__file__).parents[1] / "transcripts"
REQUEST: Final = "request.json"
EVENTS: Final = "events.jsonl"
HEADERS: Final = "headers.json"
ENVIRONMENT: Final = "environment.json"
OUTPUTS: Final = ("converse.json", "reply.sse", "reply.json", "refusal.json")
# In environment.json: the folder of the transcript itself.
OWN_FOLDER: Final = "{folder}"
# In events.jsonl: frames that are not events.
EXCEPTION: Final = "exception"
ERROR: Final = "error"
# Ends reply.sse where the exchange ends in an error; not a part of the stream.
ERROR_LINE: Final = ": then the error "


@dataclass(frozen=True, slots=True)
class Transcript:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.relative_to(FOLDER).as_posix()

    @property
    def request(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / REQUEST).read_text())
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """What Bedrock answers; nothing for a request that never reaches it."""
        path = self.folder / EVENTS
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def written(self) -> dict[str, str]:
        """The outputs as they stand in the repository."""
        paths = (self.folder / name for name in OUTPUTS)
        return {path.name: path.read_text() for path in paths if path.exists()}

    def outputs(self) -> dict[str, str]:
        """File name to content, as the code makes it now."""
        try:
            parsed, translation, converse = self._translated()
        except GatewayError as error:
            return {
                "refusal.json": compact_json({"status": error.status, "type": error.type, "message": error.message})
            }
        return {"converse.json": compact_json(converse), **self._reply(parsed, translation)}

    def _translated(self) -> tuple[MessagesRequest, Translation, dict[str, Any]]:
        """As the gateway's handler does it. Raises `GatewayError`."""
        headers = CIMultiDictProxy(CIMultiDict(self._read(HEADERS)))
        settings = Settings.from_env(
            {name: value.replace(OWN_FOLDER, str(self.folder)) for name, value in self._read(ENVIRONMENT).items()}
        )
        parsed, presence = parse((self.folder / REQUEST).read_bytes())
        resolution = _resolve(parsed, settings)
        disposition = Disposition(strict=is_strict(headers, settings))
        if resolution.substituted:
            disposition.note("model/substituted", "model")
        options = read_options(headers, settings, disposition)
        presence.note(disposition)
        translation = to_converse(parsed, resolution.model, disposition, options)
        converse = {
            "modelId": resolution.model_id,
            "request": orjson.loads(translation.encode().whole),
            "dropped": disposition.dropped,
            "approximated": disposition.approximated,
        }
        return parsed, translation, converse

    def _reply(self, parsed: MessagesRequest, translation: Translation) -> dict[str, str]:
        translator = make_translator(
            model_name=parsed.model,
            tool_names=translation.tool_names,
            tool_use_ids=translation.tool_use_ids,
            stop_sequences=translation.stop_sequences,
            only_1h_cache=translation.only_1h_cache,
            format_tool=translation.format_tool,
            max_tokens=parsed.max_tokens,
        )
        stream, error = translate([b"".join(map(_frame, self.events))], translator)
        if error is None:
            return {"reply.sse": stream.decode(), "reply.json": compact_json(orjson.loads(accumulate(stream)))}
        return {"reply.sse": f"{stream.decode()}{ERROR_LINE}{error.type}: {error.message}\n"}

    def _read(self, name: str) -> Mapping[str, str]:
        path = self.folder / name
        found: Mapping[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return found


def _resolve(request: MessagesRequest, settings: Settings) -> Resolution:
    """With what the gateway knows without asking Bedrock. Raises `NotFound`."""
    preferences = Preferences(settings.inference_geos, settings.model_aliases)
    if request.inference_geo is not None:
        preferences = preferences.narrowed(request.inference_geo)
    try:
        resolution = choose(read_name(request.model, preferences.aliases), settings.region, preferences)
    except NotInGeography as refusal:
        raise NotFound(f"model: {request.model}. {refusal}") from refusal
    assert resolution is not None, f"no model {request.model}"
    return resolution


def _frame(event: dict[str, Any]) -> bytes:
    ((name, payload),) = event.items()
    if name == EXCEPTION:
        ((name, payload),) = payload.items()
        return encode_exception(name, json.dumps(payload).encode())
    if name == ERROR:
        headers = {":message-type": ERROR, ":error-code": payload["code"], ":error-message": payload["message"]}
        return encode_frame(headers, b"")
    return encode_event(name, json.dumps(payload).encode())


def transcripts() -> list[Transcript]:
    return [Transcript(path.parent) for path in sorted(FOLDER.rglob(REQUEST))]


def write_all() -> None:
    for transcript in transcripts():
        outputs = transcript.outputs()
        for name in OUTPUTS:
            (transcript.folder / name).unlink(missing_ok=True)
        for name, content in outputs.items():
            (transcript.folder / name).write_text(content)


if __name__ == "__main__":
    write_all()
