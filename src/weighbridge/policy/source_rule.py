"""What a user asks of targets by where they come from, and where a report does not meet it.

Law: a source rule only forbids. Every rule that fits a target counts, so that a further one can
never let in what another keeps out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import PurePosixPath
from urllib.parse import unquote

from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding, Severity
from weighbridge.core.report import OPINION, REPOSITORY, Report
from weighbridge.core.repository import WHOLE
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.policy.suppression import matches_artifact

FORMAT, LICENCE, SIGNATURE, AGE, SOURCE, PIN = (f"POL{number:03}" for number in range(1, 7))
POLICY_RULES = frozenset({FORMAT, LICENCE, SIGNATURE, AGE, SOURCE, PIN})
"""Findings of these rules are the user's own words; see `Policy.decide`."""

LOCAL, OUTSIDE = "local", "outside"
PASSIVE = frozenset({"text", "json", "xml", "json-lines", "image", "audio", "video", "empty"})
"""Formats that no loader of models runs and that carry no weights: never asked about."""

_KINDS = {
    **{"hf": "huggingface", "gs": "gcs", "az": "azure", "http": "https", "oci+http": "oci"},
    **dict.fromkeys(("git+https", "git+http", "git+file", "git+ssh"), "git"),
    **dict.fromkeys(("models", "runs", "mlflow-artifacts"), "mlflow"),
    "jfrog-generic": "jfrog",
}
_VERIFIED = "SIG015"
_ORIGINS = frozenset(
    {
        LOCAL,
        "huggingface",
        "s3",
        "gcs",
        "azure",
        "https",
        "oci",
        "ollama",
        "mlflow",
        "git",
        "github",
        "dvc",
    }
    | {"pypi", "modelscope", "kaggle", "wandb", "jfrog", "ngc"}
)
_REVISION = re.compile(r"@[^/@]*\Z")
_NO_REVISIONS = frozenset({LOCAL, "https", "s3", "gcs", "azure"})
"""Kinds of origin in whose addresses an `@` is a letter like others."""
_HUB = re.compile(
    r"(?:hf://|https?://(?:huggingface\.co|hf\.co)(?::\d+)?/)(?:models/)?"
    r"(?P<name>(?:(?:datasets|spaces)/)?[^/?#@]+(?:/(?!(?:tree|blob|resolve|raw|commit)/)[^/?#@]+)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRule:
    """One `[[source]]` of a policy file.

    Attributes:
        where: `local`, `outside`, the kind of an origin, or a pattern over the target's address.
        formats: the only ones that may come, beside `PASSIVE`; None for any.
        licences: patterns; each stated licence must fit one, and one must be stated. None for any.
        signature: with what the model's signature must verify; `NOBODY` for no such demand.
        is_pinned: the target must name a revision that can't move.
        fail_on: a lower line than the policy's own.
    """

    where: tuple[str, ...]
    formats: frozenset[str] | None = None
    licences: tuple[str, ...] | None = None
    signature: Trust = NOBODY
    is_pinned: bool = False
    fail_on: Severity | None = None

    def applies_to(self, target: str, origin: Origin) -> bool:
        return fits(self.where, target, origin)


def kind_of(target: str) -> str:
    """Return `local`, or another word, for a target that was not fetched yet."""
    scheme, colon, rest = target.partition(":")
    if not colon or not rest.startswith("/") or os.path.lexists(target):
        return LOCAL
    return _KINDS.get(scheme, scheme)


def expected_origin(target: str) -> Origin:
    """Return what is known of where a target comes from before it is fetched."""
    kind, hub = kind_of(target), _HUB.match(target)
    if kind != LOCAL and hub is not None:
        return Origin(kind="huggingface", location=f"hf://{hub['name']}")
    return Origin(kind=kind, location=target)


def without_revision(origin: Origin) -> str:
    """Return the canonical address of what may have several revisions."""
    if origin.revision is not None and origin.location.endswith(f"@{origin.revision}"):
        return origin.location.removesuffix(f"@{origin.revision}")
    return origin.location if origin.kind in _NO_REVISIONS else _REVISION.sub("", origin.location)


def is_place(word: str) -> bool:
    """True for what `fits` may ever find: a word that it knows, or a pattern over addresses."""
    return word == OUTSIDE or word in _ORIGINS or any(mark in word for mark in "/*?:")


def known_places() -> tuple[str, ...]:
    return (LOCAL, OUTSIDE, *sorted(_ORIGINS - {LOCAL}))


def allows(where: Iterable[str], target: str, origin: Origin) -> bool:
    """True when one of the words or patterns lets this target in.

    An address with `..` in it is not held against patterns: it leads elsewhere than it reads.
    """
    is_plain = ".." not in re.split(r"[/\\]", unquote(target))
    return fits(where, target if is_plain else origin.location, origin)


def fits(where: Iterable[str], target: str, origin: Origin) -> bool:
    """True when one of the words or patterns is about this target.

    A pattern is held against the address as it was typed, and against the canonical one with and
    without its revision.
    """
    names = {target, target.rstrip("/"), origin.location, without_revision(origin)}
    for one in where:
        if one == OUTSIDE:
            if origin.kind != LOCAL:
                return True
        elif one == origin.kind or any(matches_artifact(one, (name,)) for name in names):
            return True
    return False


def breaches(rule: SourceRule, report: Report) -> Iterator[Finding]:
    """Yield what the rule forbids in a report that it applies to."""
    if rule.formats is not None:
        yield from _formats(rule.formats, report)
    if rule.licences is not None:
        yield from _licences(rule.licences, report)
    if rule.signature.is_given:
        yield from _signature(rule.signature, report)
    if rule.is_pinned and not _names_its_revision(report):
        yield Finding(rule=PIN, path=(WHOLE,), subject="revision", evidence=_revision(report.origin))


def _formats(allowed: frozenset[str], report: Report) -> Iterator[Finding]:
    """One finding for each file, or for each member of an archive that may come itself."""
    said_of: set[tuple[str, ...]] = set()
    for row in sorted(report.coverage, key=lambda row: len(row.path)):
        if row.format in (OPINION, REPOSITORY) or row.path == (WHOLE,):
            continue
        words = set(row.format.split("+")) - allowed - PASSIVE
        if words and not any(row.path[:depth] in said_of for depth in range(1, len(row.path))):
            said_of.add(row.path)
            said = ", ".join(sorted(words))
            evidence = f"{said}; allowed from here: {', '.join(sorted(allowed))}"
            yield Finding(rule=FORMAT, path=row.path, subject=said, evidence=evidence)


def _licences(allowed: tuple[str, ...], report: Report) -> Iterator[Finding]:
    patterns = [re.compile(translate(one.lower())) for one in allowed]
    for said in report.licences:
        if not any(pattern.match(said.licence) for pattern in patterns):
            evidence = f"{said.licence!r}; allowed from here: {', '.join(allowed)}"
            yield Finding(rule=LICENCE, path=said.path, subject=said.licence, evidence=evidence)
    if not report.licences:
        evidence = f"no licence is stated; allowed from here: {', '.join(allowed)}"
        yield Finding(rule=LICENCE, path=(WHOLE,), subject="none", evidence=evidence)


def _signature(trust: Trust, report: Report) -> Iterator[Finding]:
    """A signature counts for the folder that it lies in; it says nothing of what lies beside that."""
    verified = {PurePosixPath(one.path[0]).parent for one in report.findings if one.rule == _VERIFIED}
    if not verified:
        evidence = f"no signature was verified with {_way(trust)}"
        yield Finding(rule=SIGNATURE, path=(WHOLE,), subject="signature", evidence=evidence)
        return
    for row in report.coverage:
        if len(row.path) > 1 or row.format in (OPINION, REPOSITORY) or row.path == (WHOLE,):
            continue
        is_passive = set(row.format.split("+")) <= PASSIVE
        if not is_passive and verified.isdisjoint(PurePosixPath(row.path[0]).parents):
            evidence = f"no signature that covers it was verified with {_way(trust)}"
            yield Finding(rule=SIGNATURE, path=row.path, subject="signature", evidence=evidence)


def _way(trust: Trust) -> str:
    if trust.identity is not None:
        return f"the identity {trust.identity!r} of {trust.provider!r}"
    return f"the key {trust.key!r}" if trust.key is not None else "the certificates of the policy"


def _names_its_revision(report: Report) -> bool:
    """True when the revision stands in the target as a part of its own."""
    origin = report.origin
    if origin.kind == LOCAL or origin.revision is None:
        return origin.kind == LOCAL
    if origin.kind == "mlflow":  # the version stands as `v3` among our facts, and behind the name there
        return report.target.endswith(f"/{origin.revision.removeprefix('v')}")
    part = rf"(?:[@/:=#]){re.escape(origin.revision)}(?=\Z|[/?&#])"
    return re.search(part, report.target) is not None


def _revision(origin: Origin) -> str:
    if origin.revision is None:
        return f"{origin.kind} gives no revision for this target"
    return f"name the revision that was scanned: {origin.revision}"
