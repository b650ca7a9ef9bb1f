"""The golden transcripts say what the code does."""

import pytest

from tests.support.anthropic_stream import read_stream
from tests.support.transcripts import Transcript, transcripts

each_transcript = pytest.mark.parametrize("transcript", transcripts(), ids=lambda transcript: transcript.folder.name)


@each_transcript
def test_a_transcript_is_what_the_code_makes(transcript: Transcript) -> None:
    """After a change that is meant: `make transcripts`, and review the diff like code."""
    outputs = transcript.outputs()
    written = {path.name: path.read_text() for path in transcript.folder.iterdir()}
    del written["request.json"], written["events.jsonl"]
    assert written == outputs


@each_transcript
def test_a_transcripts_reply_is_a_legal_stream(transcript: Transcript) -> None:
    stream, _, failure = transcript.outputs()["reply.sse"].partition(": then the error ")
    assert read_stream(stream.encode()).whole != bool(failure)
