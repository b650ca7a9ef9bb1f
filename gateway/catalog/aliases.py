"""The operator's own names for models, as they are typed into an environment variable.

    fast=haiku, best=us.anthropic.claude-opus-5-5, team=arn:aws:bedrock:...:application-inference-profile/abc=sonnet

`alias=target`, separated by commas; behind an ARN of an application inference profile a third part may name its model.
"""

import re
from typing import Final

from gateway.catalog.names import Alias, Application, kin_of_base, read_name

# A name that begins as an ARN would be read as one.
_ALIAS: Final = r"(?!arn:)[a-z0-9][a-z0-9._:-]{0,127}"


def parse_aliases(text: str) -> tuple[Alias, ...]:
    """Raises ValueError with the reason. ARNs are not quoted in it: they hold the account's number."""
    aliases = tuple(_parse_alias(pair.strip()) for pair in text.split(",") if pair.strip())
    names = [alias.name for alias in aliases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"gives {twice!r} twice")
    return aliases


def _parse_alias(pair: str) -> Alias:
    name, *rest = (part.strip() for part in pair.split("="))
    name = name.lower()
    if re.fullmatch(_ALIAS, name) is None:
        raise ValueError(f"has a name that cannot be one, {name[:40]!r}: allowed are letters, digits and ._:-")
    if len(rest) not in (1, 2) or not all(rest):
        raise ValueError(f"must say {name}=TARGET, or {name}=ARN=MODEL")
    target, base = rest[0], rest[1] if len(rest) > 1 else None
    wanted = read_name(target)
    if wanted is None:
        raise ValueError(f"gives {name!r} a target that is no model's name, profile id or ARN")
    if base is not None and (not isinstance(wanted, Application) or kin_of_base(base) is None):
        raise ValueError(
            f"names a model behind {name!r} that is unknown, or whose target is no application profile's ARN"
        )
    return Alias(name, target, base)
