"""Bedrock's control plane, as far as profiles go: ListInferenceProfiles and GetInferenceProfile."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import unquote

from gateway.simulator.inference_profiles import InferenceProfile, ProfileType, known_profiles
from gateway.simulator.refusals import Refusal, invalid
from gateway.simulator.shapes import Text, check_shape

LIST: Final = "ListInferenceProfiles"
GET: Final = "GetInferenceProfile"
PROFILE_OPERATIONS: Final = (LIST, GET)
# The service's largest page; how long one is that nobody asked for is not documented.
MAX_RESULTS: Final = 1_000
DEFAULT_RESULTS: Final = 100
NOT_FOUND: Final = "The requested inference profile does not exist."
_PATH: Final = re.compile(r"/inference-profiles(?:/([^/]+))?")
_IDENTIFIER: Final = Text(
    1,
    2048,
    r"(arn:aws(|-us-gov|-cn|-iso|-iso-b):bedrock:(|[0-9a-z-]{0,20}):(|[0-9]{12}):"
    r"(inference-profile|application-inference-profile)/)?[a-zA-Z0-9-:.]+",
)
_TYPE: Final = Text(choices=get_args(ProfileType))
_TOKEN: Final = re.compile(r"from-(\d+)")


def identify_profile_call(method: str, raw_path: str) -> tuple[str, str | None] | None:
    """The operation, and the profile asked for: an id or an ARN, percent-encoded as one segment."""
    found = _PATH.fullmatch(raw_path)
    if found is None or method != "GET":
        return None
    return (LIST, None) if found[1] is None else (GET, unquote(found[1]))


class ControlPlane:
    """`profiles` may be changed at any time."""

    def __init__(self) -> None:
        self.profiles: list[InferenceProfile] = known_profiles()

    def answer(self, operation: str, identifier: str | None, query: Mapping[str, str]) -> dict[str, Any]:
        """Raises `Refusal`."""
        if operation == LIST:
            return self._list(query)
        check_shape(_IDENTIFIER, identifier, ("inferenceProfileIdentifier",))
        profile = self._find(identifier or "")
        if profile is None:
            raise Refusal("ResourceNotFoundException", NOT_FOUND)
        return profile.summary()

    def base_id(self, model_id: str) -> str | None:
        """The model behind a profile; None when there is no such profile."""
        profile = self._find(model_id)
        return profile.base_id if profile else None

    def _find(self, identifier: str) -> InferenceProfile | None:
        return next((profile for profile in self.profiles if identifier in (profile.profile_id, profile.arn)), None)

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        wanted = query.get("type")
        if wanted is not None:
            check_shape(_TYPE, wanted, ("typeEquals",))
        fitting = [profile for profile in self.profiles if wanted in (None, profile.type)]
        size, start = _page_size(query), _start(query)
        page = {"inferenceProfileSummaries": [profile.summary() for profile in fitting[start : start + size]]}
        return page if start + size >= len(fitting) else page | {"nextToken": _token(start + size)}


def _page_size(query: Mapping[str, str]) -> int:
    text = query.get("maxResults")
    if text is None:
        return DEFAULT_RESULTS
    if not text.isascii() or not text.isdigit():
        raise Refusal("SerializationException", f"'{text}' can not be converted to an Integer")
    size = int(text)
    if not 1 <= size <= MAX_RESULTS:
        bound = "greater than or equal to 1" if size < 1 else f"less than or equal to {MAX_RESULTS}"
        raise invalid(
            f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: "
            f"Member must have value {bound}"
        )
    return size


def _token(start: int) -> str:
    return urlsafe_b64encode(f"from-{start}".encode()).decode()


def _start(query: Mapping[str, str]) -> int:
    token = query.get("nextToken")
    if token is None:
        return 0
    try:
        found = _TOKEN.fullmatch(urlsafe_b64decode(token.encode()).decode())
    except ValueError:
        found = None
    if found is None:
        raise invalid("The provided pagination token is not valid.")
    return int(found[1])
