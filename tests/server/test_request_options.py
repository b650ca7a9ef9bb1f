"""What headers and the operator's settings add to a request: guardrail, service tier, strictness, a system prompt."""

from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.protocol.options import Guardrail
from tests.support.gateway import Gateway, asking, run_both

GUARDRAIL = {"X-Amzn-Bedrock-GuardrailIdentifier": "abc123", "X-Amzn-Bedrock-GuardrailVersion": "1"}


async def ask(gateway: Gateway, headers: Mapping[str, str], **fields: Any) -> tuple[Any, Mapping[str, str]]:
    """The Converse request that reached Bedrock, and the reply's headers."""
    async with gateway.post(asking("Hello.", **fields), headers=headers) as response:
        assert response.status == 200, await response.text()
        return gateway.calls()[-1].body, response.headers


async def refusal(gateway: Gateway, headers: Mapping[str, str], **fields: Any) -> str:
    calls = len(gateway.calls())
    async with gateway.post(asking("Hello.", **fields), headers=headers) as response:
        assert response.status == 400
        assert len(gateway.calls()) == calls
        message: str = (await response.json())["error"]["message"]
        return message


async def test_a_guardrail_of_the_headers_goes_to_bedrock(gateway: Gateway) -> None:
    converse, _ = await ask(gateway, GUARDRAIL | {"X-Amzn-Bedrock-Trace": "ENABLED"})
    assert converse["guardrailConfig"] == {
        "guardrailIdentifier": "abc123",
        "guardrailVersion": "1",
        "trace": "enabled",
    }


async def test_without_the_headers_there_is_no_guardrail(gateway: Gateway) -> None:
    converse, _ = await ask(gateway, {"X-Amzn-Bedrock-Trace": "ENABLED"})
    assert "guardrailConfig" not in converse


async def test_a_caller_cannot_leave_the_operators_guardrail() -> None:
    async with run_both(guardrail=Guardrail("ours", "DRAFT"), guardrail_trace="disabled") as gateway:
        converse, headers = await ask(gateway, GUARDRAIL)
        assert converse["guardrailConfig"] == {
            "guardrailIdentifier": "ours",
            "guardrailVersion": "DRAFT",
            "trace": "disabled",
        }
        assert headers["x-chatrix-dropped"] == "header:x-amzn-bedrock-guardrailidentifier"


async def test_a_caller_hears_that_the_operators_guardrail_keeps_its_version() -> None:
    version = {"X-Amzn-Bedrock-GuardrailVersion": "7"}
    async with run_both(guardrail=Guardrail("ours", "DRAFT")) as gateway:
        converse, headers = await ask(gateway, version)
        assert converse["guardrailConfig"] == {"guardrailIdentifier": "ours", "guardrailVersion": "DRAFT"}
        assert headers["x-chatrix-dropped"] == "header:x-amzn-bedrock-guardrailidentifier"
        message = await refusal(gateway, version | {"x-chatrix-strict": "1"})
        assert message.startswith("x-amzn-bedrock-guardrailversion: strict mode is on")


async def test_a_caller_hears_that_no_latency_is_asked_for(gateway: Gateway) -> None:
    latency = {"X-Amzn-Bedrock-PerformanceConfig-Latency": "optimized"}
    converse, headers = await ask(gateway, latency)
    assert "performanceConfig" not in converse
    assert headers["x-chatrix-dropped"] == "header:x-amzn-bedrock-performanceconfig-latency"


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"X-Amzn-Bedrock-GuardrailIdentifier": "abc"}, "x-amzn-bedrock-guardrailversion: must be DRAFT or a number"),
        ({"X-Amzn-Bedrock-GuardrailVersion": "1"}, "x-amzn-bedrock-guardrailidentifier: must be the id or the ARN"),
        ({"x-chatrix-strict": "true"}, "x-chatrix-strict: must be one of 1, 0"),
        (GUARDRAIL | {"X-Amzn-Bedrock-GuardrailIdentifier": "a/b"}, "x-amzn-bedrock-guardrailidentifier: must be"),
        (GUARDRAIL | {"X-Amzn-Bedrock-Trace": "loud"}, "x-amzn-bedrock-trace: must be one of enabled, disabled"),
        ({"X-Amzn-Bedrock-Service-Tier": "gold"}, "x-amzn-bedrock-service-tier: must be one of priority, default"),
    ],
)
async def test_a_header_that_cannot_be_passed_on_is_refused(
    gateway: Gateway, headers: dict[str, str], named: str
) -> None:
    assert (await refusal(gateway, headers)).startswith(named)


async def test_a_service_tier_goes_to_bedrock(gateway: Gateway) -> None:
    converse, _ = await ask(gateway, {"X-Amzn-Bedrock-Service-Tier": "Flex"})
    assert converse["serviceTier"] == {"type": "flex"}


async def test_the_callers_service_tier_outranks_the_operators() -> None:
    async with run_both(service_tier="priority") as gateway:
        assert (await ask(gateway, {}))[0]["serviceTier"] == {"type": "priority"}
        assert (await ask(gateway, {"X-Amzn-Bedrock-Service-Tier": "default"}))[0]["serviceTier"] == {"type": "default"}


async def test_a_strict_request_is_refused_instead_of_losing_something(gateway: Gateway) -> None:
    message = await refusal(gateway, {"x-chatrix-strict": "1"}, speed="fast")
    assert message.startswith("speed: strict mode is on, and this would be dropped.")


@pytest.mark.parametrize("value", ["0", ""])
async def test_only_1_makes_a_request_strict(gateway: Gateway, value: str) -> None:
    _, headers = await ask(gateway, {"x-chatrix-strict": value}, speed="fast")
    assert headers["x-chatrix-dropped"] == "speed"


@pytest.mark.parametrize("values", [("0", "1"), ("1", "0"), ("0, 1",), ("", "1")])
async def test_one_wish_among_several_makes_a_request_strict(gateway: Gateway, values: tuple[str, ...]) -> None:
    headers = [("x-api-key", gateway.key), *(("x-chatrix-strict", value) for value in values)]
    async with (
        ClientSession() as session,
        session.post(f"{gateway.url}/v1/messages", headers=headers, json=asking("Hello.", speed="fast")) as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"]["message"].startswith("speed: strict mode is on")


async def test_a_strict_request_keeps_what_is_harmless(gateway: Gateway) -> None:
    _, headers = await ask(gateway, {"x-chatrix-strict": "1"}, metadata={"user_id": "u"})
    assert headers["x-chatrix-dropped"] == "metadata"


async def test_a_strict_gateway_is_strict_to_everyone() -> None:
    async with run_both(strict=True) as gateway:
        assert (await refusal(gateway, {"x-chatrix-strict": "0"}, unheard_of=1)).startswith("unheard_of: strict mode")


async def test_the_operators_text_is_the_last_system_block_on_every_turn() -> None:
    async with run_both(system_prompt="Answer in Latin.") as gateway:
        first, headers = await ask(gateway, {}, system="Be brief.")
        second, _ = await ask(gateway, {})
        assert first["system"] == [{"text": "Be brief."}, {"text": "Answer in Latin."}]
        assert second["system"] == [{"text": "Answer in Latin."}]
        assert headers["x-chatrix-approximated"] == "system"


async def test_the_operators_text_is_no_offence_to_strict_mode() -> None:
    async with run_both(system_prompt="Answer in Latin.", strict=True) as gateway:
        _, headers = await ask(gateway, {})
        assert headers["x-chatrix-approximated"] == "system"
