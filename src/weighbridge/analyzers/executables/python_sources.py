"""Python source: what runs when it is imported, and what its functions would do."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.executables.program_judgement import DECODED, STARTS, is_sink, judge_scope
from weighbridge.analyzers.executables.python_behaviour import POWERS, judge_behaviour, judge_escape
from weighbridge.analyzers.executables.python_inner import inner_programs
from weighbridge.analyzers.executables.told import Told
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.any_text import TextKind, look_at_text
from weighbridge.analyzers.workspace.python_files import by_name
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.kinds import Format
from weighbridge.formats.scripts.python_scopes import PythonScope, RunsWhen, python_scopes
from weighbridge.formats.scripts.python_source import is_beyond_limits, parse, read_python
from weighbridge.knowledge.payload_programs import unfold
from weighbridge.knowledge.payload_tables import installed_tables

_ENCODING, _LOADING_SCRIPT = "SCR011", "SCR012"
_LARGEST_BYTES: Final = 2 * MIB
_SHOWN: Final = 6
_COOKIE: Final = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_PLAIN_CODECS: Final = re.compile(
    r"(?i)^(?:utf[-_]?8(?:[-_]sig)?|(?:us[-_])?ascii|latin[-_]?\d+|iso[-_]?8859[-_]\d+(?:-unix)?|l1|cp\d+|windows[-_]\d+"
    r"|gbk|gb2312|gb18030|big5\w*|euc[-_]\w+|shift[-_]?jis\w*|sjis|koi8[-_]\w|mac\w+|iso2022\w+|hz|johab|mbcs)$"
)
_BUILDERS: Final = (
    "datasets.GeneratorBasedBuilder",
    "datasets.ArrowBasedBuilder",
    "datasets.BeamBasedBuilder",
)
_SPAWNS: Final = (
    "os.system",
    "os.popen",
    "subprocess.",
    "os.exec",
    "os.spawn",
    "pty.spawn",
    "os.startfile",
)
_RUNS_TEXT: Final = ("exec", "eval", "compile", "getattr", "__import__", "importlib.")
_UNPICKLES: Final = ("pickle.load", "cPickle.load", "_pickle.load", "dill.load", "cloudpickle.load")
_MAX_PICKLES: Final = 8
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/\s]{16,}={0,2}\s*")
_TEXT_PICKLE: Final = re.compile(rb"\(*[ci][\w.]{1,100}\n[\w.]{1,100}\n")
_HARMLESS_SPAWNS: Final = ("subprocess.CalledProcessError", "subprocess.PIPE", "subprocess.list2cmdline")


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge each part of the file for itself."""
    size = artifact.source.size
    data = bytes(artifact.source.read_at(0, min(size, _LARGEST_BYTES)))
    codec = _codec(data)
    if codec is not None and not _PLAIN_CODECS.match(codec):
        yield _finding(artifact, _ENCODING, codec, [f"the source says that it is in {codec!r}"])
    text = decoded(data, codec)
    context.budget.check_time()
    yield from judge_python(artifact, text, context)
    yield from by_name(artifact, text)
    yield from look_at_text(artifact, text, TextKind.CODE, context)
    if size > _LARGEST_BYTES:
        detail = f"Python source of {size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        yield _row(artifact, Outcome.LIMITED, detail)


def judge_source(artifact: Artifact, data: bytes, context: Context) -> Iterator[Event]:
    """Judge the bytes of a file of Python, by what its first lines say that they are."""
    codec = _codec(data)
    if codec is not None and not _PLAIN_CODECS.match(codec):
        yield _finding(artifact, _ENCODING, codec, [f"the source says that it is in {codec!r}"])
    yield from judge_python(artifact, decoded(data, codec), context)


def judge_python(artifact: Artifact, text: str, context: Context) -> Iterator[Event]:
    """Judge Python source, wherever it was found."""
    tree = parse(text)
    if tree is None:
        yield from _unparsed(artifact, text)
        return
    parts = python_scopes(tree, is_sink)
    scopes = parts.scopes
    told: list[Told] = []
    for scope in scopes:
        context.budget.check_time()
        told += judge_scope(scope)
    told += judge_behaviour(scopes)
    told += judge_escape(tree, text)
    told += inner_programs(scopes)
    told += _carried(scopes)
    grave = {one.line for one in told if one.rule not in POWERS}
    told = [one for one in told if one.rule not in POWERS or one.line not in grave]
    yield from findings_of(artifact, told)
    yield from _pickles(artifact, scopes)
    yield from _starts(artifact, scopes, grave)
    builder = next(
        (name for scope in scopes for name in scope.facts.references if name in _BUILDERS), None
    )
    if builder is not None:
        yield _finding(artifact, _LOADING_SCRIPT, builder, [f"a class derived from {builder}"])
    if not parts.is_read or not (parts.is_valued or _needs_no_values(scopes)):
        yield _row(artifact, Outcome.LIMITED, "the source is larger than what is read of it")


def decoded(data: bytes, codec: str | None) -> str:
    """The text, as Python decodes it; what can't be decoded as escapes."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "backslashreplace")
    try:
        return data.decode(codec or "utf-8-sig", "backslashreplace")
    except (LookupError, ValueError, TypeError):
        return data.decode("utf-8-sig", "backslashreplace")


def _codec(data: bytes) -> str | None:
    """The encoding that the first two lines state (PEP 263)."""
    for line in data[:1000].split(b"\n")[:2]:
        match = _COOKIE.match(line)
        if match is not None:
            return match.group(1).decode("ascii", "replace")
        if line.strip() and not line.lstrip().startswith((b"#", b"\xef\xbb\xbf")):
            return None
    return None


def _unparsed(artifact: Artifact, text: str) -> Iterator[Event]:
    """No Python of today runs it; what it names is judged as one part."""
    facts = read_python(text)
    scope = PythonScope("file", 1, RunsWhen.IMPORTED, facts, ())
    yield from findings_of(artifact, list(judge_scope(scope)))
    if is_beyond_limits(text):
        detail = "the source is longer or nested deeper than what is read; it was read word by word"
        yield _row(artifact, Outcome.LIMITED, detail)
    else:
        yield _row(artifact, Outcome.OPAQUE, "does not parse as Python 3; it was read word by word")


def _carried(scopes: tuple[PythonScope, ...]) -> list[Told]:
    """Programs in an encoded literal, in a file that runs text."""
    tables = installed_tables()
    runs = [call for scope in scopes for call in scope.facts.calls if call.name in ("exec", "eval")]
    if not runs:
        return []
    found = []
    for scope in scopes:
        for program in unfold(scope.facts, tables).programs:
            if program.layers:
                layers = ", in ".join(reversed(program.layers))
                words = f"a program in {layers}: {program.facts.text[:120]!r}"
                found.append(Told(DECODED, "decoded code", f"line {scope.line}: {words}", scope.line))
    return found[:1]


def _pickles(artifact: Artifact, scopes: tuple[PythonScope, ...]) -> Iterator[Artifact]:
    """Literals that are pickles, plain or in base64, where a part that runs by itself unpickles.

    A function that nobody has called may well be a test of old pickles.
    """
    running = [scope for scope in scopes if scope.runs is not RunsWhen.CALLED]
    calls = (call.name for scope in running for call in scope.facts.calls)
    if not any(name.startswith(_UNPICKLES) for name in calls):
        return
    literals = dict.fromkeys(text for scope in running for text in scope.facts.strings)
    found = (payload for text in literals if (payload := _pickle(text)) is not None)
    payloads = list(dict.fromkeys(found))
    for number, payload in enumerate(payloads[:_MAX_PICKLES]):
        yield artifact.nested(f"literal#{number}", MemorySource(payload))


def _pickle(literal: str | bytes) -> bytes | None:
    """The pickle that a literal is; None for any other."""
    data = literal if isinstance(literal, bytes) else literal.encode("latin-1", "replace")
    if _BASE64.fullmatch(data):
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error:
            return None
    is_binary = data[:1] == b"\x80" and b"\x01" <= data[1:2] <= b"\x05"
    begins = is_binary or _TEXT_PICKLE.match(data) is not None
    return data if begins and data.endswith(b".") else None


def _needs_no_values(scopes: tuple[PythonScope, ...]) -> bool:
    """True when nothing in the file runs a text or a command: what its literals are does not matter."""
    calls = (call.name for scope in scopes for call in scope.facts.calls)
    return not any(name.startswith((*_SPAWNS, *_RUNS_TEXT)) for name in calls)


def _starts(artifact: Artifact, scopes: tuple[PythonScope, ...], told: set[int]) -> Iterator[Finding]:
    """Programs that are started by importing the file."""
    lines = [
        f"line {call.place}: {call.name}"
        for scope in scopes
        if scope.runs is RunsWhen.IMPORTED
        for call in scope.facts.calls
        if call.name.startswith(_SPAWNS) and call.name not in _HARMLESS_SPAWNS and call.place not in told
    ]
    if lines:
        yield _finding(artifact, STARTS, lines[0].partition(": ")[2], lines[:_SHOWN])


def findings_of(artifact: Artifact, told: list[Told]) -> Iterator[Finding]:
    """Yield one finding for each rule and kind, with its places."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in told:
        groups.setdefault((one.rule, one.kind), []).append(one.evidence)
    for (rule, kind), lines in groups.items():
        yield _finding(artifact, rule, kind, list(dict.fromkeys(lines))[:_SHOWN])


def _finding(artifact: Artifact, rule: str, subject: str, lines: list[str]) -> Finding:
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=subject[:200],
        evidence="\n".join(line[:400] for line in lines),
    )


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.PYTHON, outcome=outcome, detail=detail)
