"""docs/openapi.yaml says what is served: schemathesis looks for a difference, and so do the gateway's own answers."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway.handlers import ROUTES
from gateway.simulator import LOCAL_API_KEY
from tests.faults.openapi.description import STATUSES
from tests.faults.openapi.render import DOCUMENT, rendered
from tests.faults.openapi.replies import error_types
from tests.faults.openapi.requests import EXAMPLES
from tests.support.anthropic_stream import split_events
from tests.support.gateway import Gateway, asking, run_both
from tests.support.tool_environment import tool_environment

HERE: Final = Path(__file__).parent / "openapi"
DESCRIBED: Final[dict[str, Any]] = yaml.safe_load(DOCUMENT.read_text())
# Each kind of block that an answer can have, and each kind of end.
ANSWERS: Final = [
    "[[say:hello]]",
    "[[think:hm]][[say:hello]]",
    "[[redacted:hm]][[say:hello]]",
    '[[say:a]][[tool:look {"where": "here"}]]',
    "[[long:300]][[stop:max_tokens]]",
    "[[say:a]][[stop:content_filtered]]",
    "[[say:a]][[nometa]]",
    "",
]
LOOK: Final = {"name": "look", "input_schema": {"type": "object"}}


@pytest.fixture(scope="module")
async def gateway() -> AsyncIterator[Gateway]:
    async with run_both() as running:
        yield running


def validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": DESCRIBED["components"]})


def test_the_document_is_what_make_openapi_writes_and_is_valid() -> None:
    assert DOCUMENT.read_text() == rendered(), "run `make openapi`"
    validate(DESCRIBED)


def test_every_route_is_described_and_nothing_else() -> None:
    described = {path: {method.upper() for method in operations} for path, operations in DESCRIBED["paths"].items()}
    assert described == {path: set(methods) for path, methods in ROUTES.items()}


def test_every_kind_of_error_is_described() -> None:
    assert (
        DESCRIBED["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["type"]["enum"]
        == error_types()
    )
    assert set(DESCRIBED["components"]["responses"]) == {f"Error{status}" for status in STATUSES}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_every_example_is_valid_and_answered(gateway: Gateway, name: str) -> None:
    body = EXAMPLES[name]["value"]
    validator("MessagesRequest").validate(body)
    async with gateway.post(body) as response:
        assert response.status == 200, await response.text()
    async with gateway.post(body, "/v1/messages/count_tokens") as response:
        assert response.status == 200
        validator("TokenCount").validate(await response.json())


@pytest.mark.parametrize("script", ANSWERS)
async def test_every_answer_is_as_described(gateway: Gateway, script: str) -> None:
    async with gateway.post(asking(script or "hi", tools=[LOOK])) as response:
        validator("MessageReply").validate(await response.json())
    async with gateway.post(asking(script or "hi", tools=[LOOK], stream=True)) as response:
        for name, event in split_events(await response.read()):
            validator("StreamEvent").validate(event)
            assert event["type"] == name


async def test_every_refusal_is_as_described(gateway: Gateway) -> None:
    for script in ("[[error:ThrottlingException x]]", "[[error:AccessDeniedException x]]", "[[html]]", "[[reset]]"):
        async with gateway.post(asking(script)) as response:
            assert str(response.status) in STATUSES
            validator("Error").validate(await response.json())
    async with gateway.post(asking("[[say:a]][[exc:ModelStreamErrorException x]]", stream=True)) as response:
        name, event = split_events(await response.read())[-1]
    assert name == "error"
    validator("Error").validate(event)


async def test_models_are_as_described(gateway: Gateway) -> None:
    async with aiohttp.ClientSession(headers={"x-api-key": gateway.key}) as session:
        async with session.get(f"{gateway.url}/v1/models?limit=1000") as response:
            models = await response.json()
            validator("ModelList").validate(models)
        async with session.get(f"{gateway.url}/v1/models/{models['data'][0]['id']}") as response:
            validator("Model").validate(await response.json())


@pytest.fixture
def served() -> Iterator[str]:
    """The URL of `serve --simulate`, as a user has it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--simulate", "--tokens-per-second", "0"],
        env={**os.environ, "PORT": "0", "LOG_LEVEL": "ERROR"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        yield first.partition(" on ")[2].partition(",")[0]
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.mark.timeout(1800)
def test_schemathesis_finds_no_difference(served: str, long_mode: bool, tmp_path: Path) -> None:
    """All checks of all phases: positive and negative data, headers, methods, keys that are missing or wrong."""
    command = [
        tool_environment("schemathesis", HERE / "requirements.txt") / "st",
        *("--config-file", HERE / "schemathesis.toml", "run", DOCUMENT, "--url", served),
        *("--header", f"x-api-key: {LOCAL_API_KEY}", "--checks", "all", "--request-timeout", "30"),
        *("--max-examples", "500" if long_mode else "8", "--seed", "1", "--no-shrink", "--warnings", "off"),
    ]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=1700)
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout
