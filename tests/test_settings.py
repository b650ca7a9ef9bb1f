"""What the environment may say, and what is said about an environment that is wrong."""

from pathlib import Path

import pytest
from msgspec import structs

from gateway.catalog import Alias
from gateway.protocol.options import Guardrail
from gateway.settings import Settings, SettingsError, settings_by_field


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_the_defaults_are_those_of_the_design() -> None:
    assert structs.asdict(Settings()) == {
        "host": "127.0.0.1",
        "port": 3000,
        "region": "us-west-2",
        "inference_geos": (),
        "model_aliases": (),
        "secret_name": "prod/chatrix/api-key",
        "secret_ttl_seconds": 300,
        "secret_max_stale_seconds": 0,
        "previous_grace_seconds": 86_400,
        "allow_unsafe_start": (),
        "log_level": "INFO",
        "commit_seconds": 10,
        "ping_seconds": 10,
        "max_body_bytes": 33_554_432,
        "max_bodies_bytes": 536_870_912,
        "body_timeout_seconds": 30,
        "max_streams": 256,
        "max_connections": 2_048,
        "connect_timeout_seconds": 3,
        "first_event_timeout_seconds": 300,
        "idle_timeout_seconds": 600,
        "total_timeout_seconds": 7_200,
        "send_timeout_seconds": 300,
        "secret_timeout_seconds": 2,
        "keepalive_seconds": 75,
        "grace_seconds": 30,
        "behind_adapter": False,
        "deadline_margin_seconds": 5,
        "metrics": False,
        "service": "chatrix",
        "strict": False,
        "system_prompt": "",
        "guardrail": None,
        "guardrail_trace": None,
        "service_tier": None,
    }


def test_every_variable_is_read_into_its_field(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Answer in Latin.\n")
    values: dict[str, tuple[str, object]] = {
        "CHATRIX_STRICT": ("1", True),
        "CHATRIX_SYSTEM_PROMPT_FILE": (str(prompt), "Answer in Latin."),
        "CHATRIX_GUARDRAIL": ("abc123:DRAFT", Guardrail("abc123", "DRAFT")),
        "CHATRIX_GUARDRAIL_TRACE": ("ENABLED", "enabled"),
        "CHATRIX_SERVICE_TIER": ("Priority", "priority"),
        "HOST": ("::1", "::1"),
        "PORT": ("0", 0),
        "AWS_REGION": ("eu-central-1", "eu-central-1"),
        "CHATRIX_INFERENCE_GEOS": ("EU, global", ("eu", "global")),
        "CHATRIX_MODEL_ALIASES": ("fast=haiku", (Alias("fast", "haiku"),)),
        "SecretName": ("team/key", "team/key"),
        "LOG_LEVEL": ("debug", "DEBUG"),
        "CHATRIX_METRICS": ("on", True),
        "CHATRIX_ALLOW_UNSAFE_START": ("pth, Parser", ("pth", "parser")),
        "CHATRIX_SERVICE": ("team/chatrix", "team/chatrix"),
    }
    on_lambda = {"AWS_LAMBDA_RUNTIME_API"}
    for name, rule in settings_by_field().items():
        if rule.variables[0] in on_lambda:
            continue
        text, expected = values.get(rule.variables[0], ("7", 7))
        settings = Settings.from_env({rule.variables[0]: text})
        assert getattr(settings, name) == expected
        assert structs.replace(settings, **{name: getattr(Settings(), name)}) == Settings()


def test_on_lambda_some_defaults_are_other_ones() -> None:
    """Lambda sets both variables in each of its processes. The address is of no interest here."""
    settings = Settings.from_env({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "AWS_LAMBDA_FUNCTION_NAME": "chatrix-1"})
    assert settings == structs.replace(
        Settings(), behind_adapter=True, keepalive_seconds=3_600, grace_seconds=1.5, metrics=True, service="chatrix-1"
    )


def test_what_is_set_wins_over_the_defaults_of_lambda() -> None:
    chosen = {"CHATRIX_GRACE_SECONDS": "0", "CHATRIX_METRICS": "0", "CHATRIX_KEEPALIVE_SECONDS": "60"}
    settings = Settings.from_env({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", **chosen})
    assert (settings.grace_seconds, settings.metrics, settings.keepalive_seconds) == (0, False, 60)


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_variable_counts_as_not_set(empty: str) -> None:
    assert Settings.from_env({"PORT": empty, "HOST": empty, "SecretName": empty}) == Settings()


def test_white_space_around_a_value_is_not_part_of_it() -> None:
    assert Settings.from_env({"PORT": " 4000\n"}).port == 4000


def test_the_default_region_of_the_aws_command_line_counts_after_the_region() -> None:
    assert Settings.from_env({"AWS_DEFAULT_REGION": "eu-west-1"}).region == "eu-west-1"
    both = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "us-east-1"}
    assert Settings.from_env(both).region == "us-east-1"


def test_seconds_may_have_a_fraction() -> None:
    assert Settings.from_env({"CHATRIX_PING_SECONDS": "0.25"}).ping_seconds == 0.25


def test_a_secret_may_be_named_by_its_arn() -> None:
    arn = "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/key-AbCdEf"
    assert Settings.from_env({"SecretName": arn}).secret_name == arn


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("PORT", "70000", "from 0 to 65535"),
        ("PORT", "-1", "from 0 to 65535"),
        ("PORT", "3000.0", "whole number"),
        ("PORT", "३०००", "whole number"),
        ("PORT", "9" * 5000, "whole number"),
        ("CHATRIX_MAX_STREAMS", "0", "from 1 to"),
        ("CHATRIX_MAX_BODY_BYTES", "32MiB", "whole number"),
        ("CHATRIX_PING_SECONDS", "0", "from 0.01 to 300"),
        ("CHATRIX_PING_SECONDS", "nan", "seconds"),
        ("CHATRIX_IDLE_TIMEOUT_SECONDS", "inf", "seconds"),
        ("CHATRIX_SECRET_TTL_SECONDS", "1e3", "seconds"),
        ("CHATRIX_SECRET_TTL_SECONDS", "-5", "seconds"),
        ("LOG_LEVEL", "loud", "DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("AWS_REGION", "us west 2", "a region's name"),
        ("AWS_DEFAULT_REGION", "EU", "a region's name"),
        ("HOST", "not a host", "host name"),
    ],
)
def test_a_wrong_value_is_refused_with_the_variable_the_value_and_what_is_allowed(
    variable: str, text: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env({variable: text})
    message = str(refusal.value)
    assert message.startswith(f"{variable} is {text[:40]!r}"[:-1])
    assert allowed in message
    assert len(message) < 200


def test_a_key_in_the_place_of_the_secrets_name_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError, match="SecretName is no name of a secret") as refusal:
        Settings.from_env({"SecretName": "ck_my key with spaces"})
    assert "ck_my" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Settings().port = 1  # type: ignore[misc]  # that is what is tried


@pytest.mark.parametrize("text", ["yes", "2", "strict"])
def test_a_switch_is_on_or_off(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^CHATRIX_STRICT is '.*', allowed is 1 or 0\.$"):
        Settings.from_env({"CHATRIX_STRICT": text})


@pytest.mark.parametrize(
    "text", ["abc", "abc:", ":1", "abc:0", "ABC:1", "arn:aws:bedrock:us-west-2:123456789012:model/abc:1"]
)
def test_a_guardrail_needs_its_version(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^CHATRIX_GUARDRAIL is no guardrail, allowed is its id or ARN"):
        Settings.from_env({"CHATRIX_GUARDRAIL": text})


def test_a_guardrail_may_be_an_arn() -> None:
    arn = "arn:aws:bedrock:us-west-2:123456789012:guardrail/abc123"
    assert Settings.from_env({"CHATRIX_GUARDRAIL": f"{arn}:7"}).guardrail == Guardrail(arn, "7")


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read"), (b" \n", "is empty"), (b"\xff", "cannot be read")]
)
def test_a_system_prompt_file_must_hold_text(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "prompt.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^CHATRIX_SYSTEM_PROMPT_FILE names a file that {reason}"):
        Settings.from_env({"CHATRIX_SYSTEM_PROMPT_FILE": str(path)})
