"""What a key secret may look like, and what each mistake in it costs."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.key_ring import KeyRing, MalformedSecretError, hash_key, parse_secret

KEY = "ck_0123456789abcdef"
OTHER_KEY = "ck_fedcba9876543210"


def parse_list(*entries: Any) -> KeyRing:
    return parse_secret(json.dumps({"api_keys": entries}))


def expiry_of(expires: object) -> float | None:
    ring = parse_list({"key": KEY, "expires": expires})
    assert ring.problems == ()
    return ring.entries[0].expires


def problem_with(entry: Any) -> str:
    """Of an entry beside a good one; the good one stays."""
    ring = parse_list({"name": "good", "key": OTHER_KEY}, entry)
    assert [each.name for each in ring.entries] == ["good"]
    [problem] = ring.problems
    assert problem.startswith("api_keys[1] ")
    return problem


def test_the_single_form_is_one_caller_named_default() -> None:
    ring = parse_secret(json.dumps({"api_key": KEY}))
    assert [(entry.name, entry.key_hash) for entry in ring.entries] == [("default", hash_key(KEY))]
    assert ring.is_single


def test_the_list_form_names_its_callers_and_numbers_the_nameless() -> None:
    ring = parse_list({"name": "laptop", "key": KEY}, {"key": OTHER_KEY})
    assert [entry.name for entry in ring.entries] == ["laptop", "key-2"]
    assert not ring.is_single


@pytest.mark.parametrize("write", [str.lower, str.upper])
def test_a_hash_in_either_case_stands_for_its_key(write: Any) -> None:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    assert parse_list({"key_sha256": write(digest)}).entries[0].key_hash == hash_key(KEY)


@pytest.mark.parametrize(
    ("expires", "instant"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59, 999999, UTC)),
        ("2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31 12:00", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31T12:00:00+02:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
        ("9999-12-31", datetime.max.replace(tzinfo=UTC)),
        ("0001-01-01T00:00+23:00", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_is_good_until_its_end_and_times_are_utc(expires: str, instant: datetime) -> None:
    assert expiry_of(expires) == instant.timestamp()


def test_no_expiry_is_no_expiry() -> None:
    assert expiry_of(None) is None


@pytest.mark.parametrize("expires", ["", "soon", "2027-02-30", "31.01.2027", 1830297600, True, [], {}])
def test_an_expiry_that_cannot_be_read_shuts_the_key_out_and_not_in(expires: object) -> None:
    assert "expires" in problem_with({"key": KEY, "expires": expires})


@pytest.mark.parametrize("models", [[], "claude-*", ["claude-*", 5], [""], {"claude-*": 1}])
def test_models_that_cannot_be_read_shut_the_key_out(models: object) -> None:
    assert "models" in problem_with({"key": KEY, "models": models})


@pytest.mark.parametrize(
    "key", ["", " ", "short", "x" * 15, "x" * 4097, None, 1234567890123456, [KEY], "ck_with a space in it", f"{KEY}\n",
            "ck_schlüssel_öäü_0123", "\x00" * 20]
)  # fmt: skip
def test_a_key_that_could_not_be_sent_or_could_be_guessed_never_becomes_valid(key: object) -> None:
    assert "is no key of 16 to 4096" in problem_with({"key": key})
    with pytest.raises(MalformedSecretError):
        parse_secret(json.dumps({"api_key": key}))


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "g" * 64, None, 0])
def test_a_hash_that_is_none_never_becomes_valid(digest: object) -> None:
    assert "key_sha256" in problem_with({"key_sha256": digest})


def test_an_entry_needs_exactly_one_of_key_and_hash() -> None:
    assert "either" in problem_with({"name": "keyless"})
    assert "either" in problem_with({"key": KEY, "key_sha256": "0" * 64})


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "line\nbreak", 7, ["laptop"]])
def test_a_name_that_would_not_fit_a_log_line_shuts_the_key_out(name: object) -> None:
    assert "name" in problem_with({"name": name, "key": KEY})


def test_names_and_keys_are_unique_and_the_first_one_counts() -> None:
    assert "name" in problem_with({"name": "good", "key": KEY})
    assert "key" in problem_with({"name": "twin", "key": OTHER_KEY})
    assert "key" in problem_with({"name": "twin", "key_sha256": hash_key(OTHER_KEY).hex()})


@pytest.mark.parametrize("entry", [None, KEY, 5, [KEY]])
def test_an_entry_that_is_no_object_is_left_out(entry: object) -> None:
    assert "is not an object" in problem_with(entry)


@pytest.mark.parametrize(
    "text",
    ["", " ", KEY, "null", "true", "5", f'"{KEY}"', "[]", "{}", f'["{KEY}"]', '{"key": "x"}', '{"api_keys": {}}',
     '{"api_keys": []}', '{"api_keys": "ck_0123456789abcdef"}', '{"api_keys": [{"key": ""}]}', "{", "[" * 100_000,
     f'{{"api_key": "{KEY}", "api_keys": []}}', "\ud800"],
)  # fmt: skip
def test_a_secret_without_a_usable_key_is_refused_whole(text: str) -> None:
    with pytest.raises(MalformedSecretError) as refusal:
        parse_secret(text)
    assert KEY not in str(refusal.value)


def test_fields_without_effect_are_named_by_their_place() -> None:
    entries = [{"key": KEY, "budget_usd": 50, "period": "month"}, {"key": OTHER_KEY, "requests_per_minute": 60}]
    ring = parse_secret(json.dumps({"api_keys": entries, "comment": "ours"}))
    assert ring.ignored_fields == (
        "comment",
        "api_keys[0].budget_usd",
        "api_keys[0].period",
        "api_keys[1].requests_per_minute",
    )


@pytest.mark.parametrize("misplaced", [KEY, "x" * 33, "abc1", "a_b_c_d_e_f", "Ünter"])
def test_a_field_name_that_might_be_a_key_is_not_shown(misplaced: str) -> None:
    ring = parse_secret(json.dumps({"api_key": KEY, misplaced: "laptop"}))
    assert ring.ignored_fields == ("(a name not shown)",)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.just(KEY),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["api_key", "api_keys", "name", "key", "key_sha256", "expires", "models", "other"]), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON_VALUES | st.fixed_dictionaries({"api_keys": st.lists(JSON_VALUES, max_size=4)}))
def test_any_json_is_a_ring_of_usable_keys_or_a_refusal_and_never_shows_a_key(value: Any) -> None:
    text = json.dumps(value)
    try:
        ring = parse_secret(text)
    except MalformedSecretError:
        with pytest.raises(MalformedSecretError) as refusal:
            parse_secret(text)
        assert KEY not in str(refusal.value)
        return
    assert ring.entries
    assert all(len(entry.key_hash) == 32 and entry.name for entry in ring.entries)
    assert len({entry.name for entry in ring.entries}) == len(ring.entries)
    assert KEY not in repr((ring.problems, ring.ignored_fields))
