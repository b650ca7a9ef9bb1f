"""AWS's side of a deployment: the registry, the secret and the function's versions, by botocore.

It is in the environment anyway, below aiobotocore; the AWS command line is not needed. Credentials come from where they
do for every AWS tool. No account number and no key is printed from here.
"""

import base64
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from deploy.programs import DeployError
from gateway.key_ring import MalformedSecretError, parse_secret

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
KEY_PREFIX: Final = "ck_"
KEY_BYTES: Final = 32
SIGN_IN: Final = "Sign in first: `aws sso login`, AWS_PROFILE, or the variables AWS_ACCESS_KEY_ID and so on."


@dataclass(frozen=True, slots=True)
class Aws:
    session: Session
    region: str

    @classmethod
    def sign_in(cls, region: str) -> "Aws":
        """Raises DeployError when the credentials are missing or no longer good."""
        aws = cls(Session(), region)
        try:
            aws.client("sts").get_caller_identity()
        except BotoCoreError as error:
            raise DeployError(
                f"There are no AWS credentials that can be used ({type(error).__name__}). {SIGN_IN}"
            ) from None
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise DeployError(f"AWS does not accept the credentials ({code}). {SIGN_IN}") from None
        return aws

    def client(self, service: str) -> Any:
        return self.session.create_client(service, region_name=self.region)

    # --- the registry

    def registry_login(self) -> tuple[str, str]:
        """User and password for the registry, good for twelve hours."""
        answer = self.client("ecr").get_authorization_token()
        token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        user, _, password = token.partition(":")
        return user, password

    def digest_of(self, repository: str, tag: str) -> str | None:
        """None: nothing has been pushed under this tag."""
        try:
            found = self.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ImageNotFoundException":
                return None
            raise
        return str(found["imageDetails"][0]["imageDigest"])

    # --- the secret

    def stored_secret(self, secret_id: str) -> str | None:
        """None: it has no value yet."""
        try:
            return str(self.client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise

    def make_first_key(self, secret_id: str) -> str:
        """A key that nobody else knows, put into the secret."""
        key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
        self.client("secretsmanager").put_secret_value(SecretId=secret_id, SecretString=json.dumps({"api_key": key}))
        return key

    # --- the function

    def earlier_digests(self, function: str) -> Iterator[str]:
        """The images of the versions before the live one, newest first, each once, and not the live one's."""
        client = self.client("lambda")
        live = client.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
        versions = [
            each["Version"]
            for page in client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
            for each in page["Versions"]
            if each["Version"].isdecimal() and int(each["Version"]) < int(live)
        ]
        seen = {self._digest(client, function, live)}
        for version in sorted(versions, key=int, reverse=True):
            digest = self._digest(client, function, version)
            if digest not in seen:
                seen.add(digest)
                yield digest

    def _digest(self, client: Any, function: str, version: str) -> str:
        code = client.get_function(FunctionName=function, Qualifier=version)["Code"]
        # The first one is what was deployed, by its digest; the second what a tag would have meant.
        found = DIGEST.search(f"{code['ImageUri']} {code.get('ResolvedImageUri', '')}")
        return found[0] if found else ""


def a_key_of(secret: str) -> str | None:
    """A key in clear text, to try the gateway with. None: only hashes are stored. Raises DeployError for nonsense."""
    try:
        parse_secret(secret)
    except MalformedSecretError as error:
        raise DeployError(f"The secret's value cannot be used: {error}. docs/keys.md has its forms.") from None
    value = json.loads(secret)
    keys = [value.get("api_key"), *(entry.get("key") for entry in value.get("api_keys", []) if isinstance(entry, dict))]
    return next((key for key in keys if isinstance(key, str)), None)
