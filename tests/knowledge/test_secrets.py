"""What is a secret and what only looks like one, kind by kind."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.secrets import checked, drawn, hub_token, macaroon, private_key, web_token

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.secrets import (
    Check,
    Placeholders,
    installed_secrets,
    is_secret,
    jwt_header,
    load_secrets,
)
from weighbridge.knowledge.stems import Stems, factored, lowered, windows

NONE = Placeholders()
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def body(pem: str) -> str:
    """What stands between the first and the last line."""
    return "".join(pem.splitlines(keepends=True)[1:-1])


@pytest.mark.parametrize("prefix", ["ghp_", "gho_", "npm_"])
def test_a_checksum_decides(prefix: str) -> None:
    token = checked(prefix)
    assert is_secret(token, Check.CRC32, NONE)
    assert not is_secret(token[:-1] + ("0" if token[-1] != "0" else "1"), Check.CRC32, NONE)


def test_a_macaroon_must_decode_to_its_end() -> None:
    value = macaroon().removeprefix("pypi-")
    assert is_secret(value, Check.MACAROON, NONE)
    assert not is_secret(value[:-20], Check.MACAROON, NONE)


def test_a_key_must_decode_and_a_locked_one_is_told_apart() -> None:
    plain, locked = body(private_key()), body(private_key(is_locked=True))
    assert (is_secret(plain, Check.PRIVATE_KEY, NONE), is_secret(plain, Check.LOCKED_KEY, NONE)) == (
        True,
        False,
    )
    assert (is_secret(locked, Check.PRIVATE_KEY, NONE), is_secret(locked, Check.LOCKED_KEY, NONE)) == (
        False,
        True,
    )
    assert not is_secret(plain[:200], Check.PRIVATE_KEY, NONE)
    assert is_secret(plain.replace("\n", "\\n"), Check.PRIVATE_KEY, NONE)


def test_the_checksum_of_an_age_key_decides() -> None:
    key = _with_checksum("age-secret-key-1" + drawn("age", BECH32, 52))
    assert is_secret(key.upper(), Check.BECH32, NONE)
    assert not is_secret(key[:-1] + ("q" if key[-1] != "q" else "p"), Check.BECH32, NONE)


def _with_checksum(text: str) -> str:
    """The text with the six symbols that make its checksum right (BIP 173)."""
    prefix, _, digits = text.rpartition("1")
    values = [ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix]
    total = 1
    for value in values + [BECH32.index(one) for one in digits] + [0] * 6:
        top, total = total >> 25, (total & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            total ^= generator if top >> bit & 1 else 0
    return text + "".join(BECH32[((total ^ 1) >> 5 * (5 - place)) & 31] for place in range(6))


def test_a_web_token_says_its_algorithm_and_its_end() -> None:
    said = jwt_header(web_token({"alg": "none"}, {"exp": 7}))
    assert said is not None
    assert (said["alg"], said["exp"]) == ("none", 7)
    assert jwt_header("eyJh.eyJh.x") is None


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("Tr4inRuns9", "localhost"),
        ("Tr4inRuns9", "db"),
        ("password", "db.example.invalid"),
        ("postgres", "db.example.invalid"),
        ("my_password1", "db.example.invalid"),
        ("Tr4inRuns9", "db.example.com"),
    ],
)
def test_dull_passwords_and_dull_hosts_are_no_secrets(value: str, host: str) -> None:
    assert not is_secret(value, Check.ADDRESS, NONE, host)


def test_a_password_for_a_real_host_is_a_secret() -> None:
    assert is_secret("Tr4inRuns9", Check.ADDRESS, NONE, "db.example.invalid")


@pytest.mark.parametrize(
    "value",
    [
        "a" * 32,
        "0123456789abcdef0123456789abcdef",
        "7b0c1c1e-9f0c-4c4e-8c0a-0b5e8f3c2d1a",
        "some/path/to/file_v2.txt",
        "BearerTokenWithLongName123",
        "config.model.hidden_size_1",
        "https://example.invalid/a1b2",
        "${SECRET_VALUE_1}",
    ],
)
def test_hashes_names_and_paths_are_not_random(value: str) -> None:
    assert not is_secret(value, Check.ASSIGNED, NONE)


def test_a_random_value_is_assigned() -> None:
    assert is_secret(drawn("x", BASE62 + "%+", 28), Check.ASSIGNED, NONE)


@pytest.mark.parametrize(
    "value", ["AKIAIOSFODNN7EXAMPLE", "hf_" + "x" * 34, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzz"]
)
def test_values_of_manuals_are_placeholders(value: str) -> None:
    assert not is_secret(value, Check.ENTROPY, installed_secrets().placeholders)


def test_a_hub_token_has_both_cases() -> None:
    assert is_secret(hub_token(), Check.MIXED_CASE, NONE)
    assert not is_secret(hub_token().lower(), Check.MIXED_CASE, NONE)


@pytest.mark.parametrize("pattern", installed_secrets().patterns, ids=lambda one: one.name)
def test_a_stem_of_every_pattern_is_found_alone(pattern: object) -> None:
    tables = installed_secrets()
    number = next(at for at, one in enumerate(tables.patterns) if one is pattern)
    found = [tables.stems.places(f" {stem} ") for stem in tables.patterns[number].stems]
    assert found
    assert all(number in places for places in found)


@pytest.mark.parametrize("name", ["secrets.toml", "texts.toml"])
def test_every_entry_says_why_and_where_from(name: str) -> None:
    loaded = tomllib.loads((signatures_dir() / name).read_text(encoding="utf-8"))
    (entries,) = (value for value in loaded.values() if isinstance(value[0], dict))
    assert entries
    assert all(entry["why"] and entry["source"].startswith("https://") for entry in entries)


def test_a_wrong_table_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    path.write_text(
        '[[secret]]\nname = "x"\nrule = "SEC001"\nstems = ["X"]\nregex = "x"\ncheck = "entropy"\n'
    )
    with pytest.raises(UsageError, match="lower-case"):
        load_secrets(path)


@given(st.text(), st.sampled_from(Check))
def test_any_value_gives_an_answer(value: str, check: Check) -> None:
    assert is_secret(value, check, NONE) in (True, False)


@given(st.text())
def test_lower_case_keeps_every_place(text: str) -> None:
    assert len(lowered(text)) == len(text)


@given(
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=8), st.text("abc", max_size=30)
)
def test_stems_are_found_where_a_plain_search_finds_one(words: list[str], text: str) -> None:
    found = Stems([(word,) for word in words]).places(text)
    assert bool(found) == any(word in text for word in words)


@given(st.lists(st.integers(0, 400)), st.integers(1, 50))
def test_windows_cover_each_place_and_do_not_touch(places: list[int], reach: int) -> None:
    found = list(windows(sorted(places), 500, reach, 10))
    assert all(any(start <= place < stop for start, stop in found) for place in places)
    assert all(first[1] < second[0] for first, second in pairwise(found))


def test_of_two_words_the_longer_is_tried_first() -> None:
    assert re.findall(factored(frozenset({"hf_", "hf_token"})), "hf_token hf_x") == ["hf_token", "hf_"]
