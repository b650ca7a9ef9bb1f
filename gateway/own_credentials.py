"""The gateway's own AWS credentials, asked for before each call that they are for.

botocore asks for them within the call. There a role that STS refuses looks like a refusal by the service that was
called, and an STS out of reach like that service out of reach: it would be called again, and the wrong alarm rings.
"""

from typing import Any, Final

from botocore.exceptions import ClientError, NoCredentialsError

from gateway.protocol.redaction import redact

MAX_NAME_CHARACTERS: Final = 80


class CredentialsFailed(Exception):
    """There are none that could be used. `name` is botocore's or STS's; `detail` their words, redacted: log only."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.name = name_of(error)
        self.detail = redact(str(error))


class OwnCredentials:
    """A session's, which renew themselves. None: botocore has found no source of them."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider

    async def current(self) -> Any:
        """botocore's frozen credentials: `access_key`, `secret_key`, `token`. Raises CredentialsFailed."""
        if self.provider is None:
            raise CredentialsFailed(NoCredentialsError())
        try:
            return await self.provider.get_frozen_credentials()
        except Exception as error:
            # The source may be a service, a program or a file: it fails in the ways of all of them.
            raise CredentialsFailed(error) from error


def name_of(error: Exception) -> str:
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
    if isinstance(code, str) and code.isascii() and code.isalpha():
        return code[:MAX_NAME_CHARACTERS]
    return type(error).__name__
