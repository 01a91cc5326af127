"""Load `signatures/secrets.toml`, and say of a value whether it is a secret or only looks like one."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import tomllib
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.stems import Stems, read_regex, read_stems
from weighbridge.knowledge.table import Table

_KEYS: Final = frozenset(
    {"name", "rule", "stems", "regex", "check", "reach", "files", "cells", "why", "source"}
)
_REACH: Final = 400
_LONGEST_REACH: Final = 10_000
_LEAST_ENTROPY: Final = 3.0
_ASSIGNED_ENTROPY: Final = 3.7
_WORDS_COUNT_TO: Final = 120
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_REPEATED: Final = re.compile(r"(.)\1{5}")
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F-]+\Z")
_PLAIN_WORDS: Final = re.compile(
    r"(?:[A-Za-z]+|[A-Z]{2,}\d?|\d{1,4})(?:[-_./:+,@][A-Za-z]*\d{0,4})*\Z|[./~]|\w+://|[a-z]+(?:[A-Z][a-z]+)+\d{0,3}\Z"
)
_DULL_PASSWORDS: Final = frozenset(
    {"password", "passwd", "postgres", "postgresql", "mysql", "redis", "admin", "admin123", "root"}
    | {"123456", "12345678", "guest", "mypass", "mypassword", "mongo", "mongodb", "rabbitmq", "secret"}
    | {"string", "letmein", "airflow", "mlflow", "minio123", "minioadmin", "hunter2", "<password>"}
    | {
        "pass123",
        "password123",
        "password1",
        "passw0rd",
        "p@ssw0rd",
        "db_password",
        "token",
        "credentials",
    }
)
_DULL_HOSTS: Final = re.compile(
    r"(?i)(?:localhost|127\.\d|0\.0\.0\.0|(?:[\w-]+\.){0,8}(?:example|test|local|internal)\Z"
    r"|(?:[\w-]+\.){0,8}example\.(?:com|org|net)\Z|[\w-]{1,40}\Z"
    r"|(?:your|my)[-_.]?(?:host|server|domain|site|proxy|db|database|url|org|company)\b)"
)
_DULL_PASSWORD: Final = re.compile(
    r"(?i)pass|pwd|secret|token|your|example|xxx|test|change|\*\*|\.\.\.|%s|%\(|foo|bar|key|auth|1234|user|sample|dummy"
)
_KEY_STARTS: Final = (b"openssh-key-v1\0", b"\x30")
_PGP_STARTS: Final = (b"\x94", b"\x95", b"\x96", b"\xc5")
_LEAST_KEY_BYTES: Final = 40


class Check(StrEnum):
    """What must hold of a secret besides its pattern."""

    ENTROPY = "entropy"
    MIXED = "mixed"
    """Random, with a digit and both cases of letters."""
    MIXED_CASE = "mixed_case"
    HEX = "hex"
    CRC32 = "crc32"
    """The last six digits are the CRC-32 of the thirty before them, in base 62."""
    MACAROON = "macaroon"
    BYTES64 = "bytes64"
    BECH32 = "bech32"
    PRIVATE_KEY = "private_key"
    LOCKED_KEY = "locked_key"
    JWT = "jwt"
    ADDRESS = "address"
    ASSIGNED = "assigned"
    CREDENTIAL = "credential"


@dataclass(frozen=True, slots=True)
class SecretPattern:
    """One kind of secret.

    Attributes:
        files: names of the files that alone are searched for it; empty for all.
        is_in_cells: whether tables are searched for it.
        reach: characters behind a stem that a match may need.
    """

    name: str
    rule: str
    stems: tuple[str, ...]
    regex: re.Pattern[str]
    check: Check
    reach: int
    files: frozenset[str]
    is_in_cells: bool


@dataclass(frozen=True, slots=True)
class Placeholders:
    """What makes a value one of a manual."""

    words: tuple[str, ...] = ()
    published: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretTables:
    """All kinds, and where to look for them."""

    patterns: tuple[SecretPattern, ...]
    stems: Stems
    placeholders: Placeholders


@lru_cache(maxsize=1)
def installed_secrets() -> SecretTables:
    """Those that came with this installation; read once, when first needed."""
    return load_secrets(signatures_dir() / "secrets.toml")


def load_secrets(path: Path) -> SecretTables:
    """Read the file.

    Raises:
        UsageError: it can't be read, or an entry is wrong.
    """
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"can't read the secrets in {path}: {error}") from error
    root = Table.of(loaded, str(path))
    patterns = tuple(_pattern(entry) for entry in root.tables("secret"))
    return SecretTables(
        patterns,
        Stems([pattern.stems for pattern in patterns]),
        Placeholders(root.texts("placeholders"), root.texts("published")),
    )


def _pattern(entry: Table) -> SecretPattern:
    entry.reject_unknown(_KEYS)
    reach = entry.values.get("reach", _REACH)
    if not isinstance(reach, int) or not 0 < reach <= _LONGEST_REACH:
        raise UsageError(f"{entry.where}: 'reach' must be a number up to {_LONGEST_REACH:,}")
    return SecretPattern(
        entry.text("name"),
        entry.text("rule"),
        read_stems(entry),
        read_regex(entry),
        Check(entry.text("check")),
        reach,
        frozenset(entry.texts("files")),
        entry.flag("cells", False),
    )


def secret_of(match: re.Match[str]) -> str:
    """Return the part of a match that is the secret."""
    value = match.groupdict().get("value")
    return value if value is not None else match.group()


def is_secret(value: str, check: Check, placeholders: Placeholders, host: str = "") -> bool:
    """True when the checksum or structure is right, or the value is random and no example of a manual.

    Args:
        value: see `secret_of`.
        check: of the pattern.
        placeholders: of the tables.
        host: that the address names, for passwords in addresses.
    """
    if _is_placeholder(value, placeholders):
        return False
    match check:
        case Check.ENTROPY:
            return _is_random(value)
        case Check.MIXED:
            return _is_random(value) and _is_mixed(value)
        case Check.MIXED_CASE:
            return _is_random(value) and not (value.islower() or value[3:].isupper())
        case Check.HEX:
            return _is_random(value) and not value.isdigit()
        case Check.CRC32:
            return _has_checksum(value)
        case Check.MACAROON:
            return _is_macaroon(value)
        case Check.BYTES64:
            return _is_mixed(value) and len(_decoded(value)) == 64
        case Check.BECH32:
            return _is_bech32(value)
        case Check.PRIVATE_KEY:
            return _is_key(value) and not _is_locked(value)
        case Check.LOCKED_KEY:
            return _is_locked(value)
        case Check.JWT:
            return jwt_header(value) is not None
        case Check.ADDRESS:
            return _is_password(value) and not _DULL_HOSTS.match(host)
        case Check.ASSIGNED:
            return _is_assigned(value)
        case Check.CREDENTIAL:
            return value.lower() not in _DULL_PASSWORDS and len(set(value)) > 3


def _is_placeholder(value: str, placeholders: Placeholders) -> bool:
    if any(known in value for known in placeholders.published):
        return True
    if len(value) > _WORDS_COUNT_TO:
        return False
    lowered = value.lower()
    return any(word in lowered for word in placeholders.words) or _REPEATED.search(value) is not None


def _is_random(value: str) -> bool:
    return _entropy(value[-64:]) >= _LEAST_ENTROPY


def _is_mixed(value: str) -> bool:
    return (
        any(one.isdigit() for one in value)
        and any(one.islower() for one in value)
        and any(one.isupper() for one in value)
    )


def _entropy(value: str) -> float:
    """Bits per character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def _has_checksum(token: str) -> bool:
    """Of GitHub and npm: `ghp_`, thirty characters, six of checksum."""
    secret, stated = token[4:34], token[34:]
    number, digits = zlib.crc32(secret.encode("ascii", "replace")), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0") == stated


def _is_macaroon(value: str) -> bool:
    """Version 2: location, identifier, caveats, and 32 bytes of signature at the end."""
    data = _decoded(value)
    signature = data.find(b"\x00\x00\x06\x20")
    return data[:2] == b"\x02\x01" and 0 < signature <= len(data) - 36


def _is_bech32(value: str) -> bool:
    prefix, _, digits = value.lower().rpartition("1")
    symbols = [_BECH32.find(one) for one in digits]
    if min(symbols, default=-1) < 0:
        return False
    polynomial = 1
    for symbol in (*(ord(one) >> 5 for one in prefix), 0, *(ord(one) & 31 for one in prefix), *symbols):
        top = polynomial >> 25
        polynomial = (polynomial & 0x1FFFFFF) << 5 ^ symbol
        for bit, generator in enumerate(_BECH32_GENERATOR):
            polynomial ^= generator if top >> bit & 1 else 0
    return polynomial == 1


def _is_key(value: str) -> bool:
    """True for the body of a PEM that decodes to a key: DER of a matching length, OpenSSH, PGP."""
    data = _key_bytes(value)
    if len(data) < _LEAST_KEY_BYTES or len(set(data)) < 16 or "EXAMPLE" in value:
        return False
    if data[:1] == b"\x30":
        return _der_length(data) <= len(data)
    return data.startswith((*_KEY_STARTS, *_PGP_STARTS))


def _der_length(data: bytes) -> int:
    first = data[1]
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    return 2 + count + int.from_bytes(data[2 : 2 + count], "big")


def _is_locked(value: str) -> bool:
    """True for a key behind a passphrase: PBES2 in DER, a cipher in OpenSSH, or so it says."""
    if "Proc-Type" in value:
        return True
    data = _key_bytes(value)
    pbes2 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d" in data[:64]
    ssh = data.startswith(b"openssh-key-v1\0") and data[19:23] != b"none"
    return _is_key_shaped(data) and (pbes2 or ssh)


def _is_key_shaped(data: bytes) -> bool:
    return len(data) >= _LEAST_KEY_BYTES and data.startswith(_KEY_STARTS)


def _key_bytes(value: str) -> bytes:
    body = re.sub(r"\\[rn]|[^A-Za-z0-9+/=]", "", value)
    return _decoded(body[: len(body) - len(body) % 4] if "=" not in body else body)


def _decoded(value: str) -> bytes:
    core = value.split("=", 1)[0].translate(str.maketrans("-_", "+/"))
    core = core[:-1] if len(core) % 4 == 1 else core
    try:
        return base64.b64decode(core + "=" * (-len(core) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def jwt_header(token: str) -> Mapping[str, object] | None:
    """Return what the first two parts of a token say, `alg` and `exp` among it; None when it is none."""
    parts = token.split(".")
    said: dict[str, object] = {}
    for part in parts[:2]:
        try:
            decoded = json.loads(_decoded(part))
        except (ValueError, RecursionError):
            return None
        if not isinstance(decoded, dict):
            return None
        said |= decoded
    return said if isinstance(said.get("alg"), str) else None


def _is_password(value: str) -> bool:
    lowered = value.lower()
    return (
        lowered not in _DULL_PASSWORDS
        and _DULL_PASSWORD.search(value) is None
        and len(set(value)) > 4
        and not lowered.isalpha()
    )


def _is_assigned(value: str) -> bool:
    """Random: no hash, no name, no path, no sentence."""
    return (
        _entropy(value) >= _ASSIGNED_ENTROPY
        and any(one.isdigit() for one in value)
        and any(one.isalpha() for one in value)
        and _HEX.match(value) is None
        and _PLAIN_WORDS.match(value) is None
        and _DULL_PASSWORD.search(value) is None
    )
