"""The control plane: which inference profiles there are, and which model is behind one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from aiobotocore.session import get_session

from gateway.simulator import InferenceProfile, Refusal, Simulator, Trouble
from tests.simulator.conftest import SONNET_4_6

if TYPE_CHECKING:
    from tests.simulator.conftest import Reply, WireClient

TEAM_ARN = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/simulatedteam"


def ids(reply: Reply) -> list[str]:
    return [summary["inferenceProfileId"] for summary in reply.body["inferenceProfileSummaries"]]


async def test_the_aws_client_lists_profiles_of_the_system(simulator: Simulator) -> None:
    session = get_session()
    async with session.create_client(
        "bedrock",
        endpoint_url=simulator.url,
        region_name="us-west-2",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    ) as client:
        pages = client.get_paginator("list_inference_profiles").paginate(
            typeEquals="SYSTEM_DEFINED", PaginationConfig={"PageSize": 20}
        )
        found = [summary async for page in pages for summary in page["inferenceProfileSummaries"]]
        profile = await client.get_inference_profile(inferenceProfileIdentifier=SONNET_4_6)
    assert {summary["type"] for summary in found} == {"SYSTEM_DEFINED"}
    assert len(found) == len({summary["inferenceProfileId"] for summary in found}) > 20
    assert SONNET_4_6 in [summary["inferenceProfileId"] for summary in found]
    assert profile["models"][0]["modelArn"].endswith("::foundation-model/anthropic.claude-sonnet-4-6")
    assert (profile["status"], profile["inferenceProfileId"]) == ("ACTIVE", SONNET_4_6)


async def test_pages_come_one_after_the_other(wire: WireClient) -> None:
    everything = ids(await wire.profiles(maxResults="1000"))
    first = await wire.profiles(maxResults="7")
    second = await wire.profiles(maxResults="1000", nextToken=first.body["nextToken"])
    assert ids(first) + ids(second) == everything
    assert len(ids(first)) == 7
    assert "nextToken" not in second.body


async def test_some_profiles_are_in_no_catalog(wire: WireClient) -> None:
    assert "global.anthropic.claude-opus-6" in ids(await wire.profiles(type="SYSTEM_DEFINED", maxResults="1000"))
    reply = await wire.stream("[[say:new]]", "global.anthropic.claude-opus-6")
    assert reply.text == "new"


async def test_application_profiles_are_found_by_arn_and_by_id(wire: WireClient) -> None:
    assert ids(await wire.profiles(type="APPLICATION")) == ["simulatedteam", "simulatednews"]
    for identifier in (quote(TEAM_ARN, safe=""), "simulatedteam"):
        found = (await wire.profiles(f"/{identifier}")).body
        assert (found["inferenceProfileArn"], found["type"]) == (TEAM_ARN, "APPLICATION")
        assert found["models"][0]["modelArn"].endswith("/anthropic.claude-sonnet-4-6")


async def test_the_model_behind_an_application_profile_sets_the_rules(wire: WireClient) -> None:
    for kind, status in (("adaptive", 200), ("between_tools", 400)):
        fields = {"thinking": {"type": kind}}
        assert (await wire.stream("hi", TEAM_ARN, additionalModelRequestFields=fields)).status == status


async def test_a_test_adds_and_removes_profiles(simulator: Simulator, wire: WireClient) -> None:
    simulator.profiles[:] = [InferenceProfile("eu.anthropic.claude-x-1", "anthropic.claude-x-1", "EU X 1")]
    assert ids(await wire.profiles()) == ["eu.anthropic.claude-x-1"]
    assert simulator.exchanges[-1].operation == "ListInferenceProfiles"
    gone = await wire.profiles(f"/{SONNET_4_6}")
    assert (gone.status, gone.headers["x-amzn-errortype"].partition(":")[0]) == (404, "ResourceNotFoundException")
    assert (simulator.exchanges[-1].operation, simulator.exchanges[-1].model_id) == ("GetInferenceProfile", SONNET_4_6)


BAD_QUERIES: list[tuple[dict[str, str], str]] = [
    ({"maxResults": "0"}, "Value '0' at 'maxResults'"),
    ({"maxResults": "1001"}, "Member must have value less than or equal to 1000"),
    ({"maxResults": "many"}, "'many' can not be converted to an Integer"),
    ({"type": "MINE"}, "Member must satisfy enum value set: [SYSTEM_DEFINED, APPLICATION]"),
    ({"nextToken": "x"}, "The provided pagination token is not valid."),
]


@pytest.mark.parametrize(("query", "message"), BAD_QUERIES)
async def test_a_list_is_asked_for_in_the_right_form(wire: WireClient, query: dict[str, str], message: str) -> None:
    reply = await wire.profiles(**query)
    assert reply.status == 400
    assert message in reply.message


async def test_an_identifier_has_its_alphabet(wire: WireClient) -> None:
    reply = await wire.profiles("/" + quote("a b", safe=""))
    assert "Value 'a b' at 'inferenceProfileIdentifier'" in reply.message


@pytest.mark.parametrize("operation", ["ListInferenceProfiles", "GetInferenceProfile"])
async def test_access_can_be_denied(simulator: Simulator, wire: WireClient, operation: str) -> None:
    denied = Refusal("AccessDeniedException", "You are not allowed to do this.")
    simulator.troubles[operation] = Trouble(denied, times=1)
    path = "" if operation == "ListInferenceProfiles" else f"/{SONNET_4_6}"
    reply = await wire.profiles(path)
    assert (reply.status, reply.message) == (403, "You are not allowed to do this.")
    assert (await wire.profiles(path)).status == 200
    assert simulator.exchanges[-2].outcome == "refused"


async def test_other_calls_of_the_control_plane_are_unknown(simulator: Simulator, wire: WireClient) -> None:
    reply: Any = await wire.profiles("/a/b")
    assert reply.headers["x-amzn-errortype"].startswith("UnknownOperationException")
