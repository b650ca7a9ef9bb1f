"""Nothing of the account that runs the gateway passes in a message."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.bedrock_errors import BEDROCK_ERRORS, from_bedrock
from gateway.protocol.errors import encode_error
from gateway.protocol.redaction import redact


def test_what_aws_tells_about_the_account_is_taken_out() -> None:
    said = (
        "User: arn:aws:sts::123456789012:assumed-role/prod/fn is not authorized to perform: bedrock:InvokeModel on "
        "resource: arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/x, account 123456789012, "
        "host bedrock-runtime.us-west-2.amazonaws.com, key AKIAIOSFODNN7EXAMPLE"
    )
    told = redact(said)
    for secret in ("123456789012", "assumed-role", "amazonaws", "AKIA", "arn:"):
        assert secret not in told
    assert "is not authorized to perform: bedrock:InvokeModel" in told


def test_a_message_is_bounded() -> None:
    assert len(redact("x" * 100_000)) <= 2000


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("role arn:aws:iam::123456789012:role/x.", "role (ARN)"),
        ("ARN:AWS:bedrock:us-west-2:123456789012:x", "(ARN)"),
        ("(arn:aws-cn:s3:::my-bucket/key)", "((ARN))"),
        ("read s3://my-bucket/a/b.pdf failed", "read (S3 object) failed"),
        ("the bucket 'my-bucket' is not yours", "the bucket (bucket) is not yours"),
        ("bucket: my-bucket", "bucket: (bucket)"),
        ("The specified bucket does not exist", "The specified bucket does not exist"),
        ("account 1234-5678-9012", "account (account)"),
        ("id123456789012x", "id(account)x"),
        ("1234567890123 tokens", "1234567890123 tokens"),
        ("at https://bedrock-runtime.us-west-2.amazonaws.com/model", "at https://(host)/model"),
        ("vpce-0a1b2c3d4e5f.bedrock-runtime.us-east-1.vpce.amazonaws.com", "(host)"),
        ("from 10.0.12.7:443", "from (host):443"),
        ("ip-10-0-0-1.ec2.internal", "(host)"),
        ("http://internal.amazon.com/coral", "http://(host)/coral"),
        ("See https://docs.aws.amazon.com/bedrock/x.", "See https://docs.aws.amazon.com/bedrock/x."),
        ("in vpc-0a1b2c3d", "in (network)"),
        ("key ABSKQmVkcm9ja0FQSUtleS1hYmNkZWY=", "key (access key)"),
        ("To learn: read; warn: no", "To learn: read; warn: no"),
        ("model anthropic.claude-sonnet-4-5-20250929-v1:0", "model anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("messages.1.content.0.type: Expected `thinking`", "messages.1.content.0.type: Expected `thinking`"),
    ],
)
def test_what_is_taken_out_and_what_stays(said: str, told: str) -> None:
    assert redact(said) == told


ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)
SECRETS = st.one_of(
    ACCOUNTS,
    st.builds(
        "arn:aws{}:{}:us-west-2:{}:{}".format,
        st.sampled_from(["", "-cn", "-us-gov"]),
        st.sampled_from(["sts", "bedrock"]),
        ACCOUNTS,
        st.sampled_from(["role/a", "inference-profile/x", "x:0"]),
    ),
    st.from_regex(r"(?:AKIA|ASIA)[A-Z0-9]{16}", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9-]{0,20}\.us-east-1\.amazonaws\.com", fullmatch=True),
    st.from_regex(r"s3://[a-z0-9-]{3,20}/[a-z0-9/]{0,20}", fullmatch=True),
)
# What stands around a secret: anything but more digits, which would make it another number.
AROUND = st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=30)


@given(
    st.sampled_from(sorted(BEDROCK_ERRORS)),
    st.lists(st.tuples(AROUND, SECRETS), min_size=1, max_size=5),
    AROUND,
    st.integers(300, 500) | st.none(),
)
@settings(deadline=None)
def test_no_account_arn_key_or_host_survives_in_any_message(
    name: str, pieces: list[tuple[str, str]], end: str, status: int | None
) -> None:
    said = " ".join(f"{around} {secret}" for around, secret in pieces) + f" {end}"
    error = from_bedrock(name, {"message": said, "originalStatusCode": 400}, status=status, max_tokens=5)
    told = json.loads(encode_error(error, "req_1"))["error"]["message"]
    for pattern in (r"(?<!\d)\d{12}(?!\d)", r"arn:aws", r"(?:AKIA|ASIA)[A-Z0-9]{16}", r"amazonaws\.com", r"s3://"):
        assert not re.search(pattern, told)
