"""GetSecretValue: the current value unless another is asked for, and a rotation in one assignment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from gateway.simulator import Refusal, Simulator, Trouble

if TYPE_CHECKING:
    from tests.simulator.conftest import WireClient

NAME = "prod/chatrix/api-key"


async def test_the_current_value_is_the_default(wire: WireClient) -> None:
    reply = await wire.secret(SecretId=NAME)
    assert reply.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert json.loads(reply.body["SecretString"]) == {"api_key": "chatrix-local-simulator-key"}
    assert (reply.body["Name"], reply.body["VersionStages"]) == (NAME, ["AWSCURRENT"])
    by_arn = await wire.secret(SecretId=reply.body["ARN"], VersionStage="AWSCURRENT")
    assert by_arn.body == reply.body


async def test_a_rotation_makes_the_value_so_far_the_previous_one(wire: WireClient, simulator: Simulator) -> None:
    before = await wire.secret(SecretId=NAME)
    simulator.secret_string = '{"api_key": "new"}'
    assert simulator.secret_string == '{"api_key": "new"}'
    after = await wire.secret(SecretId=NAME)
    previous = await wire.secret(SecretId=NAME, VersionStage="AWSPREVIOUS")
    assert after.body["SecretString"] == '{"api_key": "new"}'
    assert after.body["CreatedDate"] >= before.body["CreatedDate"]
    assert previous.body == {**before.body, "VersionStages": ["AWSPREVIOUS"]}
    by_id = await wire.secret(SecretId=NAME, VersionId=before.body["VersionId"])
    assert by_id.body == previous.body


async def test_what_is_not_there_cannot_be_found(wire: WireClient, simulator: Simulator) -> None:
    unknown = await wire.secret(SecretId="another")
    assert (unknown.status, unknown.body["__type"]) == (400, "ResourceNotFoundException")
    for asked in ({"VersionStage": "AWSPREVIOUS"}, {"VersionStage": "AWSPENDING"}, {"VersionId": "x"}):
        missing = await wire.secret(SecretId=NAME, **asked)
        assert (missing.status, missing.body["__type"]) == (400, "ResourceNotFoundException")
    assert {exchange.outcome for exchange in simulator.exchanges} == {"refused"}


async def test_other_operations_are_not_there(wire: WireClient) -> None:
    assert (await wire.secret("PutSecretValue", SecretId=NAME)).body["__type"] == "UnknownOperationException"
    assert (await wire.secret()).body["__type"] == "InvalidParameterException"


async def test_access_to_the_secret_can_be_denied(simulator: Simulator) -> None:
    simulator.troubles["GetSecretValue"] = Trouble(Refusal("AccessDeniedException", "Not this one."), times=1)
    async with get_session().create_client(
        "secretsmanager",
        endpoint_url=simulator.url,
        region_name="us-west-2",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    ) as client:
        with pytest.raises(ClientError, match=r"\(AccessDeniedException\).*Not this one."):
            await client.get_secret_value(SecretId=NAME)
        assert (await client.get_secret_value(SecretId=NAME))["Name"] == NAME
