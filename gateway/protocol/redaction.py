"""What AWS's texts tell about the account that runs the gateway, taken out before a caller reads them.

Words around it stay: clients recognise sentences. Links to AWS's public documentation stay too.
"""

import re
from typing import Final

MAX_MESSAGE_CHARACTERS: Final = 2000
# The patterns are tried on no more than this, whatever a text quotes of a request.
_MAX_READ_CHARACTERS: Final = 8 * MAX_MESSAGE_CHARACTERS
# What ends a name inside a sentence.
_NAME: Final = r"[^\s\"'`<>,;()\[\]{}]"

_REDACTIONS: Final = (
    (re.compile(rf"arn:aws{_NAME}*", re.IGNORECASE), "(ARN)"),
    (re.compile(rf"s3://{_NAME}+", re.IGNORECASE), "(S3 object)"),
    (re.compile(r"(\bbucket(?: name| named)?\s*+[:=]?\s*+)([\"'`])[^\"'`]*\2", re.IGNORECASE), r"\1(bucket)"),
    (re.compile(rf"(\bbucket(?: name)?\s*+[:=]\s*+){_NAME}+", re.IGNORECASE), r"\1(bucket)"),
    (
        re.compile(
            r"(?<![\w.-])(?!(?:docs\.aws|console\.aws|aws)\.amazon\.com)[\w.-]{1,253}"
            r"\.(?:amazonaws\.com(?:\.cn)?|amazon\.com|api\.aws|on\.aws|aws\.internal|ec2\.internal|compute\.internal)\b",
            re.IGNORECASE,
        ),
        "(host)",
    ),
    (re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"), "(host)"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "(account)"),
    (re.compile(r"(?<!\d)\d{4}-\d{4}-\d{4}(?!\d)"), "(account)"),
    (re.compile(r"(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA|APKA|ABIA|ACCA)[A-Z0-9]{12,}"), "(access key)"),
    (re.compile(rf"(?:ABSK|bedrock-api-key-){_NAME}{{16,}}"), "(access key)"),
    (re.compile(r"\bvpce?-[0-9a-f]{8,17}\b"), "(network)"),
)


def redact(text: str) -> str:
    text = text[:_MAX_READ_CHARACTERS]
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text[:MAX_MESSAGE_CHARACTERS]
