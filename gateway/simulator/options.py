"""What a simulator can be told when it starts."""

from dataclasses import dataclass
from typing import Final

LOCAL_API_KEY: Final = "chatrix-local-simulator-key"
DEFAULT_TOKENS_PER_SECOND: Final = 60.0
DEFAULT_SECRET_NAME: Final = "prod/chatrix/api-key"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """`tokens_per_second` 0: as fast as the client takes them. `secret_string`: the JSON in Secrets Manager."""

    tokens_per_second: float = DEFAULT_TOKENS_PER_SECOND
    secret_name: str = DEFAULT_SECRET_NAME
    secret_string: str = f'{{"api_key": "{LOCAL_API_KEY}"}}'


DEFAULT_OPTIONS: Final = SimulatorOptions()
