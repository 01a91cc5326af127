"""Find where literals of a pickle meet what runs them, and say what the programs are for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.pickle.literals import Literals
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import CalleeKind, Callees, registered_extensions
from weighbridge.formats.pickle.decompile import cut, decompile, decompile_call
from weighbridge.formats.pickle.reader import as_indexable, is_plausible, read_one
from weighbridge.formats.pickle.trace import Build, Call, Halt, Stream
from weighbridge.formats.scripts.facts import ScriptFacts
from weighbridge.knowledge.callables import CallableKnowledge, Capability, Judgement, Standing
from weighbridge.knowledge.payload_programs import Blob, Unfolded, unfold
from weighbridge.knowledge.payload_tables import PayloadClass, installed_tables
from weighbridge.knowledge.payloads import Classified, classify_programs

_SITES = 2_000
_PROGRAMS = 100
_SUBJECT_CHARS = 80
_LINES, _LINE_CHARS = 3, 120
_HARMLESS = (Standing.ALLOWED, Standing.RECOGNISED)
_RUNNING = frozenset({Capability.EXECUTES_CODE, Capability.SPAWNS_PROCESS})
_ALONE = frozenset({PayloadClass.DEMONSTRATION, PayloadClass.UNCLASSIFIED, PayloadClass.NETWORK})
"""Classes that say nothing of several calls together."""
_Kind = TypeVar("_Kind")

RULE_OF: dict[PayloadClass, str] = {
    PayloadClass.REVERSE_SHELL: "PAY001",
    PayloadClass.DOWNLOAD_AND_RUN: "PAY002",
    PayloadClass.CREDENTIAL_READ: "PAY003",
    PayloadClass.EXFILTRATION: "PAY004",
    PayloadClass.PERSISTENCE: "PAY005",
    PayloadClass.DESTRUCTIVE: "PAY006",
    PayloadClass.OBFUSCATED: "PAY007",
    PayloadClass.DISCOVERY: "PAY008",
    PayloadClass.DEMONSTRATION: "PAY009",
    PayloadClass.NETWORK: "PAY010",
    PayloadClass.UNCLASSIFIED: "PAY011",
}


@dataclass(frozen=True, slots=True)
class _Site:
    """A call, or a state that is set, with literals among its values."""

    offset: int
    line: str
    programs: tuple[ScriptFacts, ...]
    blobs: tuple[Blob, ...]
    is_direct: bool
    """False when the values only lie beside what would run them: plain words then say nothing."""

    @property
    def is_program(self) -> bool:
        """True when something in it acts; `namedtuple("Point", ...)` is given a name, no program."""
        return self.is_direct and any(facts.calls or facts.imports for facts in self.programs)


@dataclass(slots=True)
class Search:
    """One artifact's programs; what was told is not told again for another reading of the same bytes."""

    artifact: Artifact
    knowledge: CallableKnowledge
    told: set[tuple[str, str]] = field(default_factory=set)
    nested: set[bytes] = field(default_factory=set)
    programs: int = 0
    is_cut: bool = False

    def read(self, stream: Stream, dangerous: dict[int, Judgement]) -> Iterator[Event]:
        """Yield what the programs of one stream are for, call by call, then taken together."""
        tables = installed_tables()
        together: list[Unfolded] = []
        first: _Site | None = None
        seen: set[PayloadClass] = set()
        for site in _Sites(stream, dangerous, self.knowledge, self).found():
            unfolded = _joined([unfold(facts, tables) for facts in site.programs])
            yield from self._pickles(stream, site, (*site.blobs, *unfolded.blobs))
            self.is_cut = self.is_cut or not unfolded.is_complete
            if not unfolded.programs:
                continue
            first = first or site
            together.append(unfolded)
            for classified in classify_programs(unfolded, tables):
                seen.add(classified.kind)
                yield from self._finding(stream, site, classified)
        if first is not None and len(together) > 1:
            for classified in classify_programs(_joined(together), tables):
                if classified.kind not in seen | _ALONE:
                    yield from self._finding(stream, first, classified)

    def take(self, count: int) -> bool:
        """Account for programs; False once they are more than are read of one artifact."""
        self.programs += count
        self.is_cut = self.is_cut or self.programs > _PROGRAMS
        return self.programs <= _PROGRAMS

    def limits(self) -> Iterator[Coverage]:
        if self.is_cut:
            yield Coverage(
                path=self.artifact.path,
                format="pickle",
                outcome=Outcome.LIMITED,
                detail="programs in its calls were read in part: too many, too long or too deep",
            )

    def _finding(self, stream: Stream, site: _Site, classified: Classified) -> Iterator[Finding]:
        if classified.kind is PayloadClass.UNCLASSIFIED and not site.is_program:
            return
        rule = RULE_OF[classified.kind]
        subject = cut(_printable(classified.witness), _SUBJECT_CHARS)
        if (rule, subject) in self.told:
            return
        self.told.add((rule, subject))
        yield Finding(
            rule=rule,
            path=self.artifact.path,
            subject=subject,
            evidence="\n".join(_evidence(site, classified)),
            offset=stream.place(site.offset),
            route=o.OPCODES[stream.opcode(site.offset)].name,
        )

    def _pickles(self, stream: Stream, site: _Site, blobs: Iterable[Blob]) -> Iterator[Artifact]:
        for blob in blobs:
            if blob.data not in self.nested and _is_pickle(blob.data):
                self.nested.add(blob.data)
                name = f"pickle in {' in '.join(reversed(blob.layers))} at {stream.place(site.offset)}"
                yield self.artifact.nested(name, MemorySource(blob.data))


class _Sites:
    """The places of one stream where literals meet something dangerous."""

    def __init__(
        self,
        stream: Stream,
        dangerous: dict[int, Judgement],
        knowledge: CallableKnowledge,
        search: Search,
    ) -> None:
        self._stream = stream
        self._dangerous = dangerous
        self._knowledge = knowledge
        self._search = search
        self._callees = Callees(stream, registered_extensions(stream))
        self._literals = Literals(stream)
        self._harmless: dict[tuple[str, str], bool] = {}

    def found(self) -> Iterator[_Site]:
        calls = self._first(call for call in self._stream.calls() if self._may_matter(call))
        builds = self._first(self._stream.builds())
        self._stream.record(
            value
            for call in calls
            for value in (call.callee, call.arguments, call.keywords)
            if value is not None
        )
        self._stream.record(build.state for build in builds)
        # The outer call comes later in the stream, and says more of what is inside than the inner one.
        for call in reversed(calls):
            yield from self._call(call)
        for build in builds:
            yield from self._build(build)

    def _first(self, found: Iterator[_Kind]) -> list[_Kind]:
        first = list(islice(found, _SITES))
        if next(found, None) is not None:
            self._search.is_cut = True
        return first

    def _may_matter(self, call: Call) -> bool:
        """False for a callee that is harmless whatever it is given: most calls of most files."""
        found = self._stream.inst_import(call) or self._stream.import_at(call.callee)
        if found is None or found.module is None or found.name is None:
            return True
        pair = (found.module, found.name)
        if pair not in self._harmless:
            judgement = self._knowledge.judge(*pair, protocol=found.protocol)
            self._harmless[pair] = judgement.standing in _HARMLESS and judgement.condition is None
        return not self._harmless[pair]

    def _call(self, call: Call) -> Iterator[_Site]:
        values = tuple(value for value in (call.arguments, call.keywords) if value is not None)
        callee = self._callees.of(call)
        judged = None
        if callee.kind is CalleeKind.IMPORT:
            judged = self._knowledge.judge(callee.module, callee.name, protocol=callee.protocol)
        line = decompile_call(self._stream, call)
        carried = self._carried(values)
        if judged is not None and judged.standing is Standing.DANGEROUS and not carried:
            programs, blobs = self._literals.given(call, frozenset(judged.capabilities))
            yield from self._site(_Site(call.offset, line, programs, blobs, is_direct=True))
        elif carried or judged is None or judged.capabilities:
            programs, blobs = self._literals.buried(values, _capabilities(carried))
            yield from self._site(_Site(call.offset, line, programs, blobs, is_direct=False))

    def _build(self, build: Build) -> Iterator[_Site]:
        """The state of a partial names another function and its arguments."""
        carried = self._carried((build.state,))
        if carried:
            programs, blobs = self._literals.buried((build.state,), _capabilities(carried))
            line = f"state {decompile(self._stream, build.state)}"
            yield from self._site(_Site(build.offset, line, programs, blobs, is_direct=False))

    def _site(self, site: _Site) -> Iterator[_Site]:
        self._search.is_cut = self._search.is_cut or self._literals.is_cut
        if (site.programs or site.blobs) and self._search.take(len(site.programs)):
            yield site

    def _carried(self, values: tuple[int, ...]) -> list[Judgement]:
        """What runs code or programs among the values: `partial(os.system, ...)`, `map(exec, [...])`."""
        inside = self._literals.reachable(values)
        found = [self._dangerous[value] for value in inside if value in self._dangerous]
        return [judgement for judgement in found if _RUNNING & set(judgement.capabilities)]


def _capabilities(judgements: Iterable[Judgement]) -> frozenset[Capability]:
    return frozenset(one for judgement in judgements for one in judgement.capabilities)


def _joined(parts: Sequence[Unfolded]) -> Unfolded:
    return Unfolded(
        tuple(program for part in parts for program in part.programs),
        tuple(blob for part in parts for blob in part.blobs),
        all(part.is_complete for part in parts),
    )


def _is_pickle(data: bytes) -> bool:
    if data[:1] != b"\x80":
        return False
    found = read_one(as_indexable(data), 0, max_events=10_000)
    return found.halt is Halt.STOP and is_plausible(found) and any(True for _ in found.imports())


def _evidence(site: _Site, classified: Classified) -> Iterator[str]:
    yield site.line
    if classified.layers:
        yield f"decoded: {', '.join(classified.layers)}"
    if classified.why:
        yield f"{classified.why}: {_printable(classified.witness)}"
    lines = [line for line in classified.text.splitlines() if line.strip()]
    for line in lines[:_LINES]:
        yield f"| {cut(_printable(line.rstrip()), _LINE_CHARS)}"
    if len(lines) > _LINES:
        yield f"| and {len(lines) - _LINES:,} more lines"


def _printable(text: str) -> str:
    """Escape what a terminal would act on."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
