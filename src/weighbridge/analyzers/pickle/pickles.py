"""Pickles: what loading this would do, and what no honest pickler would have written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.pickle.calls import Judged, judge
from weighbridge.analyzers.pickle.code_traces import may_make_code
from weighbridge.analyzers.pickle.payloads import embedded_pickles
from weighbridge.analyzers.pickle.scripts import scripts
from weighbridge.analyzers.pickle.structure import structure_findings
from weighbridge.analyzers.texts.pickled_secrets import pickled_secrets
from weighbridge.analyzers.torch.operators import bytecode_findings
from weighbridge.analyzers.torch.preconditions import load_preconditions
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.formats.pickle.contents import Contents, read_contents
from weighbridge.formats.pickle.literals import memo_index
from weighbridge.formats.pickle.reader import Gap
from weighbridge.formats.pickle.trace import AnomalyKind, Halt, Stream

_WEIGHTS = (
    ".safetensors",
    ".gguf",
    ".npy",
    ".onnx",
    ".h5",
    ".hdf5",
    ".keras",
    ".tflite",
    ".pb",
    ".parquet",
)
_TEXTS = (".json", ".yaml", ".yml", ".toml", ".txt", ".md", ".csv", ".py", ".html", ".svg")
_MEDIA = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".wav", ".mp3")
_OTHER_NAMES = frozenset({*_WEIGHTS, *_TEXTS, *_MEDIA})
_LARGEST_MEMO_INDEX = 1 << 24
_ARCHIVES = frozenset({Format.ZIP, Format.TAR, Format.SEVENZIP})
_WORTH_A_LOOK = 64
_PADDING = b"\0\n\r\t "


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge every pickle in the artifact, then hand on what is nested in it or hidden behind it."""
    contents = read_contents(artifact.source, context.budget.limits)
    judged = judge(artifact, contents.streams, context)
    yield from judged.findings
    yield from _code(artifact, contents, context)
    yield from bytecode_findings(artifact)
    if judged.runs_code:
        yield from load_preconditions(artifact, contents.streams)
        yield from scripts(artifact, contents.streams, context)
    yield from structure_findings(artifact, contents)
    yield from pickled_secrets(artifact, contents.streams)
    yield from _disguise(artifact)
    yield from judged.nested
    yield from embedded_pickles(artifact, contents, judged)
    yield from _gaps(artifact, contents)
    yield from _storages(artifact, contents)
    yield from _damage(artifact, contents, judged)
    yield from _limits(artifact, contents, context)


def _code(artifact: Artifact, contents: Contents, context: Context) -> Iterator[Event]:
    if any(may_make_code(stream) for stream in contents.streams):
        from weighbridge.analyzers.pickle.bytecode import code_objects  # slow to load, rarely needed

        yield from code_objects(artifact, contents.streams, context)


def _disguise(artifact: Artifact) -> Iterator[Finding]:
    suffix = PurePosixPath(artifact.name.lower()).suffix
    if suffix in _OTHER_NAMES:
        evidence = f"the name says {suffix}, the content is a pickle"
        yield Finding(rule="PKL060", path=artifact.path, subject=suffix, evidence=evidence, offset=0)


def _gaps(artifact: Artifact, contents: Contents) -> Iterator[Event]:
    """Bytes that no pickle accounts for: said, and identified like any file."""
    # What follows a break is the rest of the broken pickle: the damage says it.
    breaks = {
        max(stream.halted_at, stream.start + 1)
        for stream in contents.streams
        if stream.halt is not Halt.STOP and stream.flattened is None
    }
    for gap in contents.gaps:
        if gap.start == 0:
            continue  # no pickle at all: the damage says it
        if _broken(contents) is not None and gap.stop - gap.start < _WORTH_A_LOOK:
            continue  # the rest of what broke
        data = artifact.source.read_at(gap.start, min(gap.stop - gap.start, 4096))
        if not bytes(data).strip(_PADDING):
            continue
        if gap.start not in breaks and not _is_tar_layout(artifact):
            yield _behind(artifact, gap)
        if _begins_archive(artifact, gap.start):
            yield from _archive(artifact, gap.start)
            return
        length = gap.stop - gap.start
        yield artifact.nested(
            f"bytes {gap.start}-{gap.stop}", SliceSource(artifact.source, gap.start, length)
        )


def _is_tar_layout(artifact: Artifact) -> bool:
    """In the tar layout of torch before 0.1.10 numbers stand between the pickles of two members."""
    return artifact.depth > 0 and artifact.name in ("storages", "tensors")


def _begins_archive(artifact: Artifact, start: int) -> bool:
    rest = SliceSource(artifact.source, start, artifact.source.size - start)
    return bool(_ARCHIVES & set(identify(rest, "")))


def _archive(artifact: Artifact, start: int) -> Iterator[Artifact]:
    """An archive behind the pickle, whole: pickles that lie in it have cut the gap into pieces."""
    size = artifact.source.size
    if Format.ZIP not in identify(artifact.source, artifact.name):  # else inspected as a zip as well
        source = SliceSource(artifact.source, start, size - start)
        yield artifact.nested(f"bytes {start}-{size}", source)


def _behind(artifact: Artifact, gap: Gap) -> Finding:
    return Finding(
        rule="PKL042",
        path=artifact.path,
        subject="bytes behind a pickle",
        evidence=f"{gap.stop - gap.start:,} bytes at {gap.start:,} belong to no pickle",
        offset=gap.start,
        length=gap.stop - gap.start,
    )


def _storages(artifact: Artifact, contents: Contents) -> Iterator[Coverage]:
    if contents.storages is not None:
        size = contents.storages.stop - contents.storages.start
        yield Coverage(
            path=(*artifact.path, "storages"),
            format="tensor-bytes",
            outcome=Outcome.OPAQUE,
            size_bytes=size,
            detail=f"{contents.storages.count} tensor storages of a legacy torch file, not read",
        )


def _damage(artifact: Artifact, contents: Contents, judged: Judged) -> Iterator[Event]:
    broken = _broken(contents)
    if broken is None:
        return
    at = broken.place(broken.halted_at)
    where = f"{broken.halt.words} at byte {at:,}"
    rule = "PKL040" if judged.runs_code else "PKL041"
    evidence = where if rule == "PKL041" else f"{where}, behind opcodes that have run by then"
    yield Finding(
        rule=rule, path=artifact.path, subject=broken.halt.name.lower(), evidence=evidence, offset=at
    )
    yield Coverage(
        path=artifact.path, format="pickle", outcome=Outcome.FAILED, detail=f"damaged pickle: {where}"
    )


def _broken(contents: Contents) -> Stream | None:
    """The first pickle, if no reading of it comes to its end; what a search found may well be broken."""
    if contents.is_cut or not contents.streams:
        return None
    first = contents.streams[0]
    return first if first.halt not in (Halt.STOP, Halt.EVENT_LIMIT) else None


def _limits(artifact: Artifact, contents: Contents, context: Context) -> Iterator[Coverage]:
    limits = context.budget.limits
    details = []
    if contents.is_cut:
        details.append(
            f"a pickle longer than {limits.pickle_bytes:,} bytes; --max-pickle raises the limit"
        )
    if any(stream.halt is Halt.EVENT_LIMIT for stream in contents.streams):
        details.append(f"more than {limits.pickle_events:,} imports and calls")
    if any(not gap.searched for gap in contents.gaps) and contents.storages is None:
        details.append("bytes behind the pickle were searched in part")
    details += _memo_bombs(contents)
    for detail in details:
        yield Coverage(path=artifact.path, format="pickle", outcome=Outcome.LIMITED, detail=detail)


def _memo_bombs(contents: Contents) -> Iterator[str]:
    """A memo index makes C unpicklers reserve 16 bytes for each index below it."""
    for stream in contents.streams:
        for anomaly in stream.anomalies():
            index = memo_index(stream.data, anomaly.offset, stream.end)
            if anomaly.kind is AnomalyKind.MEMO_SPARSE and index > _LARGEST_MEMO_INDEX:
                where = f"at byte {stream.place(anomaly.offset):,}"
                yield f"a memo index of {index:,} {where}: loading it exhausts memory"
                return
