"""Signatures of models beside the files that they are about: changed, missing and unsigned files.

What one signature file shows by itself is told with that file. A signature that nobody verifies can
still be wrong about the files: whoever exchanged one of them may have had no key.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.documents.signature_bundles import signer_words
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.signed_files import (
    Comparison,
    Fate,
    compare,
    is_weights,
    runs_code,
    some,
)
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import REPOSITORY, Coverage, Outcome
from weighbridge.core.repository import WHOLE
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.documents.model_signature import ModelSignature, is_bundle, parse_bundle

_CHANGED, _UNSIGNED_CODE, _UNSIGNED, _MISSING = "SIG006", "SIG007", "SIG008", "SIG009"
_HIDES_CODE, _HIDES_WEIGHTS, _HOLES = "SIG010", "SIG011", "SIG012"
_INVALID, _STRANGER, _VALID, _NONE = "SIG013", "SIG014", "SIG015", "SIG016"
_OTHER_SET = "SIG017"
_NO_BUNDLE = "SIG003"
_SIGNATURE_NAME: Final = "model.sig"
_SIGNATURE: Final = "SIG001"
"""What the file that is a signature of a model was found to be, by its content."""
_LARGEST: Final = 96 * MIB
_MOST: Final = 50
_SMALLEST: Final = 40
"""No signature of any kind is as short, a bare one included."""


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge each signature of a model, with the files that it lists and those that it does not."""
    seen = 0
    strangers: list[tuple[str, Finding]] = []
    valid: list[str] = []
    for name in view.files:
        if not any(one.rule == _SIGNATURE and len(one.path) == 1 for one in view.findings(name)):
            yield from _empty(view, name)
            continue
        signature = _signature(view, name)
        if signature is None:
            continue
        seen += 1
        if seen > _MOST:
            yield _row(name, Outcome.LIMITED, f"more than {_MOST} signatures; the rest was not compared")
            return
        for event in _judged(view, name, signature, context):
            folder = str(PurePosixPath(name).parent)
            if isinstance(event, Finding) and event.rule == _STRANGER:
                strangers.append((folder, event))
                continue
            if isinstance(event, Finding) and event.rule == _VALID:
                valid.append(folder)
            yield event
    # Somebody else may sign as well where whom you trust has signed.
    yield from (event for folder, event in strangers if folder not in valid)
    if seen == 0 and view.trust.is_given:
        yield Finding(
            rule=_NONE,
            path=(WHOLE,),
            subject="no signature",
            evidence="you gave something to verify signatures with, and no file of the target is one",
        )


def _empty(view: RepositoryView, name: str) -> Iterator[Finding]:
    """A file that goes by the name of a signature, and that nothing was seen in."""
    size = view.files[name].size_bytes
    if PurePosixPath(name).name != _SIGNATURE_NAME or size is None or size > _SMALLEST:
        return
    if not view.findings(name):
        yield _finding(_NO_BUNDLE, name, "no signature", f"{size:,} bytes that are no signature")


def _signature(view: RepositoryView, name: str) -> ModelSignature | None:
    size = view.files[name].size_bytes
    tree = view.tree(name) if size is not None and size <= _LARGEST else None
    if not is_bundle(tree):
        return None
    try:
        bundle = parse_bundle(tree)
    except (Malformed, LimitReached):
        return None  # its own row says so
    return bundle if isinstance(bundle, ModelSignature) else None


def _judged(
    view: RepositoryView, name: str, signature: ModelSignature, context: Context
) -> Iterator[Event]:
    found = compare(view, name, signature, context)
    yield from _told(name, found)
    yield from _other_set(view, name, found)
    if view.trust.is_given:
        yield from _verified(view, name, signature, found)


def _told(name: str, found: Comparison) -> Iterator[Event]:
    for changed in found.with_fate(Fate.OTHER):
        yield _finding(_CHANGED, changed, changed, f"its digest is not the one that {name!r} lists")
    for hollow in found.with_fate(Fate.HOLES):
        evidence = f"the parts that {name!r} lists are not the whole file"
        yield _finding(_HOLES, hollow, hollow, evidence)
    missing = found.with_fate(Fate.MISSING)
    if missing:
        yield _finding(_MISSING, name, "missing", _names(missing))
    code = [one for one in found.unsigned if runs_code(one)]
    for one in islice(code, 100):
        yield _finding(_UNSIGNED_CODE, one, one, f"{name!r} lists the files around it, and not this one")
    others = [one for one in found.unsigned if not runs_code(one)]
    if others:
        yield _finding(_UNSIGNED, name, "unsigned", _names(others))
    for rule, left_out in (
        (_HIDES_CODE, [one for one in found.left_out if runs_code(one)]),
        (_HIDES_WEIGHTS, [one for one in found.left_out if is_weights(one)]),
    ):
        if left_out:
            yield _finding(rule, name, ", ".join(left_out[:3]), _names(left_out))


def _other_set(view: RepositoryView, name: str, found: Comparison) -> Iterator[Finding]:
    """A valid list of other files than these proves nothing of these."""
    missing = found.with_fate(Fate.MISSING)
    if missing and len(missing) == len(found.fates):
        prefix = f"{found.root}/" if found.root else ""
        beside = [
            one for one in view.files if one.startswith(prefix) and (runs_code(one) or is_weights(one))
        ]
        if beside:
            words = f"none of the {len(missing):,} files that it lists is here, and these are:"
            yield _finding(_OTHER_SET, name, "other model", f"{words}\n{_names(beside)}")
    elif view.trust.is_given:
        weights = [one for one in found.unsigned if is_weights(one)]
        if weights:
            yield _finding(_OTHER_SET, name, "more weights", f"it does not list\n{_names(weights)}")
        if missing:
            yield _finding(_OTHER_SET, name, "fewer files", f"not here\n{_names(missing)}")


def _verified(
    view: RepositoryView, name: str, signature: ModelSignature, found: Comparison
) -> Iterator[Event]:
    from weighbridge.analyzers.repository.signature_verification import Verdict, verify

    try:
        source = view.artifact(name).source
        bundle = bytes(source.read_at(0, source.size))
        source.close()
    except ReadError as error:
        yield _row(name, Outcome.FAILED, f"the signature was not verified: {error}")
        return
    verification = verify(bundle, signature, view.trust)
    match verification.verdict:
        case Verdict.IMPOSSIBLE:
            detail = f"the signature was not verified: {verification.words}"
            yield _row(name, Outcome.UNSUPPORTED, detail)
            return
        case Verdict.INVALID:
            yield _finding(_INVALID, name, "signature", verification.words)
        case Verdict.SOMEBODY_ELSE:
            yield _finding(_STRANGER, name, "signer", verification.words)
        case Verdict.VALID:
            same = len(found.with_fate(Fate.SAME))
            evidence = f"by {signer_words(signature.signer)}; {same:,} files are as they were signed"
            yield _finding(_VALID, name, signature.root or "signature", evidence)
    unread = found.with_fate(Fate.UNREAD)
    if unread:
        detail = f"signed, but not compared with their digests: {', '.join(some(unread))}; "
        yield _row(name, Outcome.LIMITED, detail + "download the files and scan the folder")


def _names(names: list[str]) -> str:
    return "\n".join(repr(one[:200]) if one in names else one for one in some(names))


def _finding(rule: str, name: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=(name,), subject=subject[:200], evidence=evidence)


def _row(name: str, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=(name,), format=REPOSITORY, outcome=outcome, detail=detail)
