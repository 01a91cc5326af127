"""Read the user's own configuration.

    weighbridge.toml
        fail_on = "high"                 # critical | high | medium | low | info
        allow_incomplete = false
        allow_opaque = true              # false: files of unknown format make it incomplete

        allowed_sources = ["local", "hf://acme/**"]
        signatures_age_days = 30         # of the scanner's own signatures

        [waivers]
        owner = true                     # each suppression must name one
        longest_days = 90                # counted from today

        [severity]
        PKL004 = "high"

        [[source]]                       # every one that fits counts
        from = ["outside"]               # local, outside, a kind of origin, or a pattern
        formats = ["safetensors"]        # beside texts, JSON, images
        licences = ["apache-2.0", "mit"]
        pinned = true                    # the target names its commit
        fail_on = "medium"
        signature = { identity = "release@acme.example", provider = "https://accounts.example" }

        [[suppress]]
        rule = "PKL002"
        artifact = "models/*.pt"         # a file stands for all that is inside it
        sha256 = "9f86d0…"               # optional, of the file; strongly advised
        reason = "trained here, see MLP-311"
        expires = 2027-01-31             # the last day on which it counts
        owner = "ml-platform"            # optional

Law: nothing inside the target lowers a severity or adds a suppression. So a `weighbridge.toml`
found in the current directory is left alone when that directory is part of what is scanned.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from weighbridge.core.finding import Severity
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.errors import UsageError
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.table import Table
from weighbridge.policy.decision import Policy
from weighbridge.policy.source_rule import SourceRule, is_place, known_places
from weighbridge.policy.suppression import Suppression

FILE_NAME = "weighbridge.toml"

_KEYS = frozenset(
    {
        *("fail_on", "allow_incomplete", "allow_opaque", "severity", "suppress"),
        *("source", "allowed_sources", "signatures_age_days", "waivers"),
    }
)
_SOURCE_KEYS = frozenset({"from", "formats", "licences", "pinned", "fail_on", "signature"})
_SIGNATURE_KEYS = frozenset({"key", "certificates", "identity", "provider", "trust_root"})
_WAIVER_KEYS = frozenset({"owner", "longest_days"})
_SUPPRESSION_KEYS = frozenset({"rule", "artifact", "sha256", "reason", "expires", "owner"})
_SHA256 = re.compile(r"[0-9a-f]{64}")


def load_policy(
    explicit: Path | None, *, directory: Path, scanned: Sequence[Path], rules: Collection[str]
) -> Policy:
    """Load the policy file that the user named, else the one of the current directory, if any.

    Args:
        explicit: the file of `--policy`. It counts wherever it lies: the user named it.
        directory: the current directory.
        scanned: local targets. A file of the current directory that lies inside one of them is
            left alone, and the policy's notes say so.
        rules: ids of all rules.

    Raises:
        UsageError: the file is unreadable, or holds a key, a word or a rule that does not exist.
    """
    if explicit is not None:
        return read_policy(explicit, rules=rules)
    found = directory / FILE_NAME
    if not found.is_file():
        return Policy()
    if any(_lies_inside(found, target) for target in scanned):
        return replace(Policy(), notes=(_left_alone(),))
    return read_policy(found, rules=rules)


def read_policy(path: Path, *, rules: Collection[str]) -> Policy:
    """Read one policy file.

    Raises:
        UsageError: see `load_policy`.
    """
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"can't read the policy file {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the policy file {path} is not valid TOML: {error}") from error
    root = Table.of(loaded, str(path))
    root.reject_unknown(_KEYS)
    waivers = root.table("waivers")
    waivers.reject_unknown(_WAIVER_KEYS)
    suppressions = tuple(_suppression(table, rules) for table in root.tables("suppress"))
    if waivers.flag("owner", False):
        _check_owners(suppressions, str(path))
    return Policy(
        fail_on=_severity(root, "fail_on") if "fail_on" in root.values else Severity.HIGH,
        allow_incomplete=root.flag("allow_incomplete", False),
        allow_opaque=root.flag("allow_opaque", True),
        suppressions=suppressions,
        severities=_severities(root.table("severity"), rules),
        sources=tuple(_source(table, path.parent) for table in root.tables("source")),
        allowed_sources=_allowed(root) if "allowed_sources" in root.values else None,
        longest_waiver_days=_days(waivers, "longest_days"),
        signatures_age_days=_days(root, "signatures_age_days"),
    )


def _allowed(root: Table) -> tuple[str, ...]:
    where = root.texts("allowed_sources")
    _check_places(where, f"{root.where}, allowed_sources")
    return where


def _check_owners(suppressions: Sequence[Suppression], where: str) -> None:
    for entry in suppressions:
        if entry.owner is None:
            raise UsageError(
                f"{where}: the suppression of {entry.rule} for {entry.artifact} names no owner, "
                "and waivers.owner asks for one"
            )


def _source(table: Table, folder: Path) -> SourceRule:
    table.reject_unknown(_SOURCE_KEYS)
    where = table.texts("from")
    if not where:
        raise UsageError(f"{table.where}: the key 'from' is missing; it says which targets are meant")
    _check_places(where, table.where)
    return SourceRule(
        where=where,
        formats=_formats(table) if "formats" in table.values else None,
        licences=table.texts("licences") if "licences" in table.values else None,
        signature=_signature(table.table("signature"), folder)
        if "signature" in table.values
        else NOBODY,
        is_pinned=table.flag("pinned", False),
        fail_on=_severity(table, "fail_on") if "fail_on" in table.values else None,
    )


def _check_places(where: Sequence[str], at: str) -> None:
    """A word that never fits would be a rule that never counts, without a sound."""
    for word in where:
        if not is_place(word):
            nearest = difflib.get_close_matches(word.lower(), known_places(), n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise UsageError(
                f"{at}: {word!r} is no pattern such as 'hf://acme/**', and none of "
                f"{', '.join(known_places())}{hint}"
            )


def _formats(table: Table) -> frozenset[str]:
    words = frozenset(table.texts("formats"))
    known = {kind.value for kind in Format}
    for word in sorted(words - known):
        nearest = difflib.get_close_matches(word, known, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise UsageError(f"{table.where}: there is no format {word!r}{hint}")
    return words


def _signature(table: Table, folder: Path) -> Trust:
    """Paths of keys and certificates count from the folder of the policy file."""
    table.reject_unknown(_SIGNATURE_KEYS)
    if not table.values:
        raise UsageError(f"{table.where}: name who must have signed: a key, certificates or an identity")

    def absolute(name: str) -> str:
        return str((folder / name).absolute())

    key, root = table.optional_text("key"), table.optional_text("trust_root")
    try:
        return Trust(
            key=absolute(key) if key is not None else None,
            certificates=tuple(absolute(name) for name in table.texts("certificates")),
            identity=table.optional_text("identity"),
            provider=table.optional_text("provider"),
            trust_root=absolute(root) if root is not None else None,
        )
    except UsageError as error:
        raise UsageError(f"{table.where}: {error}") from None


def _days(table: Table, key: str) -> int | None:
    value = table.values.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 100_000:
        raise UsageError(f"{table.where}: {key!r} must be a number of days, 1 or more")
    return value


def _lies_inside(found: Path, target: Path) -> bool:
    """True by either way of seeing it: where the name stands, and where a link there leads."""
    folder = target.resolve()
    name = found.parent.resolve() / found.name
    return name.is_relative_to(folder) or found.resolve().is_relative_to(folder)


def _left_alone() -> str:
    return (
        f"{FILE_NAME} in the current directory is part of what is scanned, so it was left alone; "
        f"--policy {FILE_NAME} makes it count"
    )


def _severities(table: Table, rules: Collection[str]) -> Mapping[str, Severity]:
    table.reject_unknown(rules)
    return {rule: _severity(table, rule) for rule in table.values}


def _severity(table: Table, key: str) -> Severity:
    word = table.text(key)
    words = {level.word: level for level in reversed(Severity)}
    if word not in words:
        raise UsageError(f"{table.where}: {key!r} must be one of {', '.join(words)}, not {word!r}")
    return words[word]


def _suppression(table: Table, rules: Collection[str]) -> Suppression:
    table.reject_unknown(_SUPPRESSION_KEYS)
    if table.text("rule") not in rules:
        raise UsageError(
            f"{table.where}: there is no rule {table.text('rule')!r}; see: weighbridge rules"
        )
    return Suppression(
        rule=table.text("rule"),
        artifact=table.text("artifact"),
        reason=table.text("reason"),
        expires=table.day("expires"),
        sha256=_sha256(table) if "sha256" in table.values else None,
        owner=table.optional_text("owner"),
    )


def _sha256(table: Table) -> str:
    digest = table.text("sha256").lower()
    if not _SHA256.fullmatch(digest):
        raise UsageError(f"{table.where}: 'sha256' must be 64 hexadecimal digits, not {digest!r}")
    return digest
