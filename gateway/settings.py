"""Everything that can be set from outside, read once at start.

The only reader of the environment in the project, and it reads the mapping it is given, never `os.environ` itself.
Endpoints, credentials and profiles (`AWS_ENDPOINT_URL_*`, `AWS_PROFILE` ...) are botocore's own and not read here.
A variable that is set but empty counts as not set: `make` and container runtimes pass such variables on.
"""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from gateway.catalog import Alias, parse_aliases, parse_geographies
from gateway.protocol.options import (
    GUARDRAIL_IDENTIFIER,
    GUARDRAIL_TRACES,
    GUARDRAIL_VERSION,
    SERVICE_TIERS,
    Guardrail,
)

T = TypeVar("T")
Parse = Callable[[str], T]

MIB: Final = 1024 * 1024
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Enough to recognise a mistyped value by, and too little for a pasted file.
SHOWN_CHARACTERS: Final = 40
UNSAFE_STARTS: Final = ("pth", "parser", "optimize")
SWITCHES: Final[Mapping[str, bool]] = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}


class SettingsError(Exception):
    """A variable holds what it must not. The message names the variable, the problem and what is allowed."""


class Setting(msgspec.Struct, frozen=True):
    """How one field is read: the first of `variables` that is set counts; `parse` raises ValueError with the reason.

    `behind_adapter` is the default on Lambda, where it differs.
    """

    variables: tuple[str, ...]
    parse: Callable[[str], object]
    behind_adapter: object = None


# One for each field of `Settings`, in their order: its class body runs once, from top to bottom.
_RULES: Final[list[Setting]] = []


def setting(variables: str, default: T, parse: Parse[T], *, behind_adapter: T | None = None) -> T:
    """A field of `Settings` with its variables (several: in order of precedence, separated by a space)."""
    _RULES.append(Setting(tuple(variables.split()), parse, behind_adapter))
    return default


def whole(low: int, high: int) -> Parse[int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"is {_shown(text)}, allowed is a whole number from {low} to {high}")
        return int(text)

    return parse


def seconds(low: float, high: float) -> Parse[float]:
    def parse(text: str) -> float:
        number = float(text) if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", text) else math.nan
        if not low <= number <= high:
            raise ValueError(f"is {_shown(text)}, allowed are seconds from {low:g} to {high:.15g}")
        return number

    return parse


def pattern(expression: str, allowed: str) -> Parse[str]:
    def parse(text: str) -> str:
        if not re.fullmatch(expression, text):
            raise ValueError(f"is {_shown(text)}, allowed is {allowed}")
        return text

    return parse


def switch(text: str) -> bool:
    if text.lower() not in SWITCHES:
        raise ValueError(f"is {_shown(text)}, allowed is 1 or 0")
    return SWITCHES[text.lower()]


def presence(_: str) -> bool:
    """Lambda's own variables: that they are there is what counts."""
    return True


def text_file(path: str) -> str:
    """The file's text. Read once, at start: the same bytes in every request."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"names a file that cannot be read as UTF-8 text ({type(error).__name__})") from None
    if not text:
        raise ValueError("names a file that is empty")
    return text


def guardrail_reference(text: str) -> Guardrail:
    """`identifier:version`; the identifier may be an ARN. Patterns: botocore's GuardrailConfiguration."""
    match = re.fullmatch(rf"({GUARDRAIL_IDENTIFIER}):({GUARDRAIL_VERSION})", text)
    if match is None:
        raise ValueError("is no guardrail, allowed is its id or ARN, a colon, and its version (DRAFT or a number)")
    return Guardrail(match[1], match[2])


def one_of(choices: tuple[str, ...]) -> Parse[str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"is {_shown(text)}, allowed is one of {', '.join(choices)}")
        return text.lower()

    return parse


def some_of(choices: tuple[str, ...]) -> Parse[tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(word.strip().lower() for word in text.split(","))
        if not set(chosen) <= set(choices):
            raise ValueError(f"is {_shown(text)}, allowed are {', '.join(choices)}, separated by commas")
        return chosen

    return parse


def geographies(text: str) -> tuple[str, ...]:
    try:
        return parse_geographies(text)
    except ValueError as error:
        raise ValueError(f"is {_shown(text)}, {error}") from None


def secret_identifier(text: str) -> str:
    # The value is not shown: the likeliest mistake is the key itself in place of the name of its secret.
    if not re.fullmatch(r"[A-Za-z0-9/_+=.@!:-]{1,2048}", text):
        raise ValueError("is no name of a secret, allowed are letters, digits and /_+=.@!- (or the secret's ARN)")
    return text


def log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"is {_shown(text)}, allowed is one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")


class Settings(msgspec.Struct, frozen=True):
    # The address to listen on. Loopback, because the gateway speaks plain HTTP; containers set 0.0.0.0.
    host: str = setting("HOST", "127.0.0.1", pattern(r"[A-Za-z0-9.:_%-]{1,255}", "a host name or an IP address"))
    # The port to listen on; 0 lets the system choose a free one.
    port: int = setting("PORT", 3000, whole(0, 65_535))
    # The region of Bedrock and of the secret. The default is a region that has every Claude model.
    region: str = setting("AWS_REGION AWS_DEFAULT_REGION", "us-west-2", pattern(r"[a-z0-9-]{1,63}", "a region's name"))
    # Where requests may be answered, most wanted first; a hard rule once it is set (docs/models.md).
    inference_geos: tuple[str, ...] = setting("CHATRIX_INFERENCE_GEOS", (), geographies)
    # The operator's own names for models, profiles and ARNs; they win over the catalog (docs/models.md).
    model_aliases: tuple[Alias, ...] = setting("CHATRIX_MODEL_ALIASES", (), parse_aliases)
    # The Secrets Manager secret with the API keys (docs/keys.md). Written like this because deployments set it so.
    secret_name: str = setting("SecretName", "prod/chatrix/api-key", secret_identifier)
    # How long a read secret counts, which is how long a revoked key lives while Secrets Manager answers.
    secret_ttl_seconds: float = setting("CHATRIX_SECRET_TTL_SECONDS", 300.0, seconds(0, 86_400))
    # How long keys count that cannot be read anew. 0: as long as Secrets Manager is out of reach, so that its outage is
    # not ours; a limit is for those to whom a revoked key is worse than an outage.
    secret_max_stale_seconds: float = setting("CHATRIX_SECRET_MAX_STALE_SECONDS", 0.0, seconds(0, 31_536_000))
    # How long the previous key works after a rotation (single-key form only): a day to change it on every machine.
    previous_grace_seconds: float = setting("CHATRIX_PREVIOUS_GRACE_SECONDS", 86_400.0, seconds(0, 31_536_000))
    # What start-up checks are told to let pass, with a warning: `pth`, `parser`, `optimize` (SECURITY.md).
    allow_unsafe_start: tuple[str, ...] = setting("CHATRIX_ALLOW_UNSAFE_START", (), some_of(UNSAFE_STARTS))
    # INFO writes one line a request.
    log_level: str = setting("LOG_LEVEL", "INFO", log_level)
    # How long the status line waits for Bedrock's first event, so that a throttled request is a 429. After it, 200
    # and pings: clients give up on a silent connection.
    commit_seconds: float = setting("CHATRIX_COMMIT_SECONDS", 10.0, seconds(0, 300))
    # A `ping` event after so much silence. Proxies cut at 30 to 60 s, Claude Code shows a banner after 20.
    ping_seconds: float = setting("CHATRIX_PING_SECONDS", 10.0, seconds(0.01, 300))
    # The largest request body. 32 MiB is the Messages API's own limit; Lambda refuses more than about 6 MB before us.
    max_body_bytes: int = setting("CHATRIX_MAX_BODY_BYTES", 32 * MIB, whole(1, 1024 * MIB))
    # What the bodies that Bedrock has not taken yet may be together; lowered at start to what memory allows. One more
    # is a 529. Whoever is alone always gets in.
    max_bodies_bytes: int = setting("CHATRIX_MAX_BODIES_BYTES", 512 * MIB, whole(1, 1024 * 1024 * MIB))
    # How long a body may take to arrive: aiohttp has no deadline of its own for one that stalls.
    body_timeout_seconds: float = setting("CHATRIX_BODY_TIMEOUT_SECONDS", 30.0, seconds(0.01, 3_600))
    # Requests answered at once, and the size of the connection pool to Bedrock; one more is a 529 at once.
    max_streams: int = setting("CHATRIX_MAX_STREAMS", 256, whole(1, 65_535))
    # Connections of clients at once, busy or idle; one more is refused. Lowered at start to the open files allowed.
    max_connections: int = setting("CHATRIX_MAX_CONNECTIONS", 2048, whole(1, 65_535))
    # How long connecting to Bedrock may take. Small, so that a dead endpoint is an error and not a wait.
    connect_timeout_seconds: float = setting("CHATRIX_CONNECT_TIMEOUT_SECONDS", 3.0, seconds(0.01, 60))
    # How long Bedrock may take to its first event. A long prompt without a cache is read for minutes; the caller
    # is told by pings meanwhile that it goes on.
    first_event_timeout_seconds: float = setting("CHATRIX_FIRST_EVENT_TIMEOUT_SECONDS", 300.0, seconds(0.01, 86_400))
    # The longest silence of Bedrock inside an answer. Models think for minutes; botocore's 60 s cut them off.
    idle_timeout_seconds: float = setting("CHATRIX_IDLE_TIMEOUT_SECONDS", 600.0, seconds(0.01, 86_400))
    # How long a whole answer may take. 128,000 tokens at 30 a second are 71 minutes: what takes two hours has run away.
    total_timeout_seconds: float = setting("CHATRIX_TOTAL_TIMEOUT_SECONDS", 7_200.0, seconds(0.01, 86_400))
    # How long a client may take nothing of its answer. Then its connection is reset, and its place is free.
    send_timeout_seconds: float = setting("CHATRIX_SEND_TIMEOUT_SECONDS", 300.0, seconds(0.01, 86_400))
    # How long one request waits for Secrets Manager before the last good keys are used.
    secret_timeout_seconds: float = setting("CHATRIX_SECRET_TIMEOUT_SECONDS", 2.0, seconds(0.01, 30))
    # How long an idle client connection stays open, and a client may take to send its headers. Behind the Lambda Web
    # Adapter an hour: it must not be us who closes first.
    keepalive_seconds: float = setting("CHATRIX_KEEPALIVE_SECONDS", 75.0, seconds(0, 86_400), behind_adapter=3_600.0)
    # How long open streams may go on after SIGTERM. Below the usual 120 s limit of container platforms; Lambda kills
    # after 2 s.
    grace_seconds: float = setting("CHATRIX_GRACE_SECONDS", 30.0, seconds(0, 3_600), behind_adapter=1.5)

    # Set by Lambda in each of its processes. Requests come through the Lambda Web Adapter then, and its header about
    # the invocation is true.
    behind_adapter: bool = setting("AWS_LAMBDA_RUNTIME_API", default=False, parse=presence)
    # How long before Lambda's deadline an answer must have ended, be it with an error: what Lambda cuts looks whole.
    deadline_margin_seconds: float = setting("CHATRIX_DEADLINE_MARGIN_SECONDS", 5.0, seconds(0, 600))
    # One record for CloudWatch's metrics (EMF) a request, on standard output beside the log line.
    metrics: bool = setting("CHATRIX_METRICS", default=False, parse=switch, behind_adapter=True)
    # The one dimension of these metrics: what tells two deployments in one account apart.
    service: str = setting(
        "CHATRIX_SERVICE AWS_LAMBDA_FUNCTION_NAME",
        "chatrix",
        pattern(r"[A-Za-z0-9._/-]{1,140}", "up to 140 of A-Z a-z 0-9 . _ / -"),
    )

    # Refuse with 400 what would be approximated or dropped (docs/compatibility.md), for every request.
    strict: bool = setting("CHATRIX_STRICT", default=False, parse=switch)
    # A file whose text becomes the last block of every system prompt; disclosed in x-chatrix-approximated.
    system_prompt: str = setting("CHATRIX_SYSTEM_PROMPT_FILE", "", text_file)
    # A guardrail for every request, `id:version`. Callers cannot choose another one then.
    guardrail: Guardrail | None = setting("CHATRIX_GUARDRAIL", None, guardrail_reference)  # a field, as the others
    # Whether Bedrock is asked to trace the guardrail: in its own invocation log, in no reply and no log of ours.
    guardrail_trace: str | None = setting("CHATRIX_GUARDRAIL_TRACE", None, one_of(GUARDRAIL_TRACES))
    # Bedrock's service tier for every request that does not name one itself (header X-Amzn-Bedrock-Service-Tier).
    service_tier: str | None = setting("CHATRIX_SERVICE_TIER", None, one_of(SERVICE_TIERS))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingsError at the first variable that holds what it must not."""
        found = {name: _read(rule, environ) for name, rule in settings_by_field().items()}
        if found["behind_adapter"]:
            for name, rule in settings_by_field().items():
                found[name] = rule.behind_adapter if found[name] is None else found[name]
        return cls(**{name: value for name, value in found.items() if value is not None})  # type: ignore[arg-type]  # each value comes from the parser beside its field


def settings_by_field() -> dict[str, Setting]:
    return dict(zip(Settings.__struct_fields__, _RULES, strict=True))


def _read(rule: Setting, environ: Mapping[str, str]) -> object | None:
    for variable in rule.variables:
        text = environ.get(variable, "").strip()
        if not text:
            continue
        try:
            return rule.parse(text)
        except ValueError as error:
            raise SettingsError(f"{variable} {error}.") from None
    return None
