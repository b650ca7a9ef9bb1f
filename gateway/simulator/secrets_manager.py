"""Secrets Manager with one secret: GetSecretValue, with a current and, after a rotation, a previous version."""

import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from gateway.simulator.refusals import Refusal, json_response

TARGET_PREFIX: Final = "secretsmanager."
CONTENT_TYPE: Final = "application/x-amz-json-1.1"
CURRENT: Final = "AWSCURRENT"
PREVIOUS: Final = "AWSPREVIOUS"
# Made up, like the account.
ARN_PREFIX: Final = "arn:aws:secretsmanager:us-west-2:000000000000:secret:"
ARN_SUFFIX: Final = "-SimLtr"


@dataclass(frozen=True, slots=True)
class _Version:
    """`created` is wall-clock time: callers date a rotation by it."""

    string: str
    id: str = field(default_factory=lambda: str(uuid4()))
    created: float = field(default_factory=time.time)


class SimulatedSecret:
    """Setting `string` is a rotation: what was current becomes previous."""

    def __init__(self, name: str, string: str) -> None:
        self.name = name
        self.arn = f"{ARN_PREFIX}{name}{ARN_SUFFIX}"
        self._versions = {CURRENT: _Version(string)}

    @property
    def string(self) -> str:
        return self._versions[CURRENT].string

    @string.setter
    def string(self, value: str) -> None:
        self._versions[PREVIOUS] = self._versions[CURRENT]
        self._versions[CURRENT] = _Version(value)

    @staticmethod
    def refuse(refusal: Refusal) -> web.Response:
        return _error(refusal.name, refusal.message)

    def answer(self, operation: str, body: Any) -> web.Response:
        if operation != "GetSecretValue":
            return _error("UnknownOperationException", f"{operation} is not simulated")
        if not isinstance(body, dict) or not isinstance(body.get("SecretId"), str):
            return _error("InvalidParameterException", "You must provide a value for the SecretId parameter.")
        if body["SecretId"] not in (self.name, self.arn):
            return _error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        stage = self._stage(body)
        if stage is None:
            return _error(
                "ResourceNotFoundException", f"Secrets Manager can't find the specified secret {_asked(body)}"
            )
        version = self._versions[stage]
        value = {
            "ARN": self.arn,
            "CreatedDate": version.created,
            "Name": self.name,
            "SecretString": version.string,
            "VersionId": version.id,
            "VersionStages": [stage],
        }
        return json_response(value, content_type=CONTENT_TYPE)

    def _stage(self, body: dict[str, Any]) -> str | None:
        wanted_id, wanted_stage = body.get("VersionId"), body.get("VersionStage")
        if wanted_id is None:
            stage = wanted_stage or CURRENT
            return stage if stage in self._versions else None
        return next(
            (
                stage
                for stage, version in self._versions.items()
                if version.id == wanted_id and wanted_stage in (None, stage)
            ),
            None,
        )


def _asked(body: dict[str, Any]) -> str:
    if body.get("VersionId"):
        return f"value for VersionId: {body['VersionId']}"
    return f"value for staging label: {body.get('VersionStage')}"


def _error(name: str, message: str) -> web.Response:
    return json_response({"__type": name, "Message": message}, status=400, content_type=CONTENT_TYPE)
