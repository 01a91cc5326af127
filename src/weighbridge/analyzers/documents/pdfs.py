"""PDF documents: scripts and actions that need no click, and files inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.pdf import PdfDocument, PdfObject, read_pdf
from weighbridge.formats.kinds import Format

_RUNS, _SCRIPT, _FILES, _REACHES, _ENCRYPTED = "DOC030", "DOC031", "DOC032", "DOC033", "DOC034"
_LARGEST_BYTES: Final = 256 * MIB
_SHOWN: Final = 6
_NESTED: Final = 64
_FAR: Final = re.compile(rb"/(?:URI|SubmitForm|ImportData|GoToR|GoToE)\b")
_SHARE: Final = re.compile(rb"/(?:F|UF|URI)\s*\(\s*(?:\\\\\\\\|file:|//)")
_ACTIVE: Final = re.compile(
    r"\b(?:launchURL|getURL|submitForm|exportDataObject|mailMsg|mailDoc|importDataObject|importTextData|openDoc)\s*\("
    r"|\b(?:eval|unescape)\s*\(|fromCharCode|\bSOAP\b|Net\.HTTP|\bcollab\w*\.|customDictionaryOpen|newPlayer"
    r"|\btrustedFunction|\bgetAnnots?\b.{0,200}\beval|(?:%u[0-9a-fA-F]{4}){8}",
    re.IGNORECASE,
)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge actions and scripts; hand on the files that the document carries."""
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        yield _row(
            artifact, Outcome.LIMITED, f"a PDF of {size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        )
        return
    document = read_pdf(bytes(artifact.source.read_at(0, size)))
    context.budget.check_time()
    yield from _scripts(artifact, document)
    yield from _actions(artifact, document)
    if document.is_encrypted:
        yield _finding(artifact, _ENCRYPTED, "encryption", ["strings and streams are encrypted"])
    yield from _files(artifact, document)
    if not document.is_complete and not document.is_encrypted:
        yield _row(artifact, Outcome.LIMITED, "some of its objects could not be read")


def _scripts(artifact: Artifact, document: PdfDocument) -> Iterator[Finding]:
    scripts = list(document.scripts())
    if not scripts:
        return
    acts = [text for text in scripts if _ACTIVE.search(text)]
    starts = any(b"OpenAction" in each.names() or b"AA" in each.names() for each in document.all())
    starts = starts or any({b"Names", b"JavaScript"} <= each.names() for each in document.all())
    shown = [quoted(" ".join(text.split())) for text in (acts or scripts)[:_SHOWN]]
    if acts and starts:
        yield _finding(
            artifact, _RUNS, "script", ["a script that runs when the document is opened", *shown]
        )
    else:
        yield _finding(artifact, _SCRIPT, "script", shown)


def _actions(artifact: Artifact, document: PdfDocument) -> Iterator[Finding]:
    launches = [each for each in document.all() if _starts(each)]
    if launches:
        yield _finding(artifact, _RUNS, "launch action", [_shown(each) for each in launches[:_SHOWN]])
    far = [each for each in document.opening() if _FAR.search(each.body)]
    far += [each for each in document.all() if _SHARE.search(each.body) and _FAR.search(each.body)]
    if far:
        yield _finding(artifact, _REACHES, "action", [_shown(each) for each in far[:_SHOWN]])


def _starts(each: PdfObject) -> bool:
    return re.search(rb"/S\s*/Launch\b", each.body) is not None


def _shown(each: PdfObject) -> str:
    text = each.body[:300].decode("latin-1")
    return f"object {each.number}: {quoted(' '.join(text.split()))}"


def _files(artifact: Artifact, document: PdfDocument) -> Iterator[Event]:
    files = list(document.files())
    if not files:
        return
    yield _finding(artifact, _FILES, "embedded files", [f"{len(files):,} files inside"])
    unread = len(files[_NESTED:])
    for one in files[:_NESTED]:
        content = document.content_of(one)
        if content is not None:
            yield artifact.nested(f"file of object {one.number}", MemorySource(content))
        else:
            unread += 1
    if unread:
        yield _row(artifact, Outcome.LIMITED, f"{unread:,} of its files could not be taken out")


def _finding(artifact: Artifact, rule: str, subject: str, lines: list[str]) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence="\n".join(lines))


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.PDF, outcome=outcome, detail=detail)
