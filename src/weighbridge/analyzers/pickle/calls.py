"""Judge what a pickle imports, calls and sets, callable by callable."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.pickle.conditions import Conditions, may_be_kept
from weighbridge.analyzers.pickle.state import odd_states
from weighbridge.analyzers.pickle.uses import Use, evidence, rule_of
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import Callee, CalleeKind, Callees, registered_extensions, text
from weighbridge.formats.pickle.decompile import cut, decompile_call, spell
from weighbridge.formats.pickle.reader import is_plausible, is_proper
from weighbridge.formats.pickle.trace import Call, Import, Reading, Resolution, Stream
from weighbridge.knowledge.callables import CallableKnowledge, Condition, Judgement, Standing

_UNPROVEN = frozenset({"PKL022", "PKL023", "PKL024", "PKL025", "PKL035"})
_LISTED_NAMES = 40
_HARMLESS = (Standing.ALLOWED, Standing.RECOGNISED)
_MAY_TRAVEL = (
    Condition.LITERAL_ARGUMENTS,
    Condition.NAMED_ONLY,
    Condition.REBUILT,
    Condition.TORCHSCRIPT_TYPE,
)
"""Conditions of callables that may lie about as values: they need no watching until called."""


@dataclass(slots=True)
class Judged:
    """The outcome for one artifact."""

    findings: list[Finding]
    nested: list[Artifact]
    runs_code: bool
    """True when something runs that no honest file runs; not for code that we merely do not know."""


def judge(artifact: Artifact, streams: Sequence[Stream], context: Context) -> Judged:
    """Judge every reading of every stream; one finding for each callable and way of use."""
    judgement = _Judgement(artifact, context.callables)
    for stream in streams:
        judgement.read(stream)
    findings = list(judgement.findings())
    runs_code = any(finding.rule not in _UNPROVEN for finding in findings)
    return Judged(findings, judgement.nested, runs_code)


class _Judgement:
    def __init__(self, artifact: Artifact, knowledge: CallableKnowledge) -> None:
        self._artifact = artifact
        self._knowledge = knowledge
        self._uses: dict[str, Use] = {}
        self._direct: list[Finding] = []
        self._extensions: dict[int, tuple[str, str]] = {}
        self._first_array = 0
        self.nested: list[Artifact] = []

    def read(self, stream: Stream) -> None:
        if stream.start > 0 and stream.flattened is None and not is_plausible(stream):
            return  # bytes behind a pickle that only look like opcodes
        if stream.skips:
            self._first_array = stream.skips[0][0]
        self._extensions |= registered_extensions(stream)
        self._read_imports(stream)
        callees = Callees(stream, self._extensions)
        conditions = Conditions(stream, callees, self._knowledge, in_archive=self._artifact.depth > 0)
        self._read_calls(stream, callees, conditions)
        if any(use.makes_functions for use in self._uses.values()):
            for use in self._uses.values():
                use.may_be_global = True
        for odd in odd_states(stream, callees, self._knowledge):
            self._report(odd.rule, stream, odd.offset, odd.subject, odd.evidence)
        self._read_travellers(stream, conditions.watched)

    def _read_imports(self, stream: Stream) -> None:
        for found in stream.imports():
            if found.resolution is Resolution.EXTENSION:
                rule = "PKL035" if self._is_harmless_code(found) else "PKL031"
                self._report(rule, stream, found.offset, spell(found), self._extension(found))
                if found.code in self._extensions:
                    module, name = self._extensions[found.code]
                    found = Import(
                        found.offset, found.opcode, module, name, found.protocol, found.resolution
                    )
            if found.module is None or found.name is None:
                if found.resolution is Resolution.COMPUTED:
                    words = f"imports {spell(found)}: part of the name is the result of a call"
                    self._report("PKL030", stream, found.offset, spell(found), words)
                continue
            if not _is_junk(stream, found.module, found.name) and not self._is_misread(stream, found):
                self._use(self._judge(found.module, found.name, found.protocol), found, stream)

    def _is_misread(self, stream: Stream, found: Import | None) -> bool:
        """True for a name that nothing has, half of it from before the array that joblib pickled.

        `pickle.load` on a file of joblib takes the nested GETs from the outer memo. What it then
        imports is an accident, unless somebody has arranged it: then the name is known.
        """
        if stream.reading is not Reading.PLAIN or found is None or found.opcode != "STACK_GLOBAL":
            return False
        if (
            self._judge(found.module or "", found.name or "", found.protocol).standing
            is not Standing.UNKNOWN
        ):
            return False
        row = 4 * bisect_left(stream.offsets, found.offset)
        return min(stream.events[row + 1 : row + 3]) < self._first_array

    def _is_harmless_code(self, found: Import) -> bool:
        module, name = self._extensions.get(found.code or 0, ("", ""))
        return self._judge(module, name, found.protocol).standing in _HARMLESS

    def _registers_harmless(self, stream: Stream, callees: Callees, call: Call) -> bool:
        """True for `copyreg.add_extension` of a class that the file could as well have named."""
        given = callees.arguments(call) or ()
        if len(given) != 3:
            return False
        module, name = text(stream, given[0]), text(stream, given[1])
        if module is None or name is None:
            return False
        return self._judge(module, name, callees.of(call).protocol).standing in _HARMLESS

    def _extension(self, found: Import) -> str:
        if found.code in self._extensions:
            name = ".".join(self._extensions[found.code])
            return f"extension code {found.code}, registered in this file as {name}"
        return f"extension code {found.code}: what it stands for is decided by the loading process"

    def _use(self, judgement: Judgement, found: Import, stream: Stream) -> Use:
        use = self._uses.get(judgement.canonical)
        if use is None:
            use = self._uses[judgement.canonical] = Use(judgement, found, stream)
        return use

    def _judge(self, module: str, name: str, protocol: int) -> Judgement:
        return self._knowledge.judge(module, name, protocol=protocol)

    def _read_calls(self, stream: Stream, callees: Callees, conditions: Conditions) -> None:
        plain: dict[tuple[int, str], Use] = {}
        interesting: list[Call] = []
        for call in stream.calls():
            use = plain.get((call.callee, call.opcode))
            if use is None:
                use = self._plain_use(stream, callees, call)
                if use is None:
                    interesting.append(call)
                    continue
                plain[call.callee, call.opcode] = use
            use.call_count += 1
        wanted = {
            value
            for call in interesting
            for value in (call.arguments, call.keywords, call.callee)
            if value
        }
        stream.record(wanted)
        for call in interesting:
            self._judge_call(stream, callees, conditions, call)

    def _plain_use(self, stream: Stream, callees: Callees, call: Call) -> Use | None:
        """The use of a callee that needs no look at the arguments; None for all others."""
        found = stream.inst_import(call) or stream.import_at(call.callee)
        if found is None or found.module is None or found.name is None:
            return None
        judgement = self._judge(found.module, found.name, found.protocol)
        if judgement.condition is Condition.REBUILT and call.opcode in ("NEWOBJ", "NEWOBJ_EX"):
            return self._use(judgement, found, stream)
        if judgement.condition is None and judgement.standing in _HARMLESS:
            return self._use(judgement, found, stream)
        return None

    def _judge_call(self, stream: Stream, callees: Callees, conditions: Conditions, call: Call) -> None:
        callee = callees.of(call)
        detour = conditions.partial(call)
        if detour.handed is not None:
            self._called(stream, call, detour.handed)
        if detour.objection is not None:
            line = decompile_call(stream, call)
            self._report("PKL033", stream, call.offset, cut(line, 120), f"{line}\n{detour.objection}")
        match callee.kind:
            case CalleeKind.COMPUTED if _fails(stream, call) or conditions.makes_instance(call):
                pass
            case CalleeKind.COMPUTED:
                line = decompile_call(stream, call)
                self._report("PKL033", stream, call.offset, cut(line, 120), line)
            case CalleeKind.METHOD:
                self._judge_method(stream, call, callee)
            case CalleeKind.IMPORT:
                if callee.name == "add_extension" and self._registers_harmless(stream, callees, call):
                    self._called(stream, call, callee).harmless_calls += 1
                else:
                    self._judge_import_call(stream, conditions, call, callee)

    def _judge_method(self, stream: Stream, call: Call, callee: Callee) -> None:
        line = decompile_call(stream, call)
        rule = "PKL008" if callee.name.startswith("__") else "PKL022"
        self._report(rule, stream, call.offset, f"{callee.module}().{callee.name}", line)

    def _judge_import_call(
        self, stream: Stream, conditions: Conditions, call: Call, callee: Callee
    ) -> None:
        found = stream.import_at(call.callee)
        if _is_junk(stream, callee.module, callee.name) or self._is_misread(stream, found):
            return
        use = self._called(stream, call, callee)
        condition = use.judgement.condition
        if condition is not None:
            checked = conditions.check(call, condition)
            if checked.payload is not None:
                name = f"payload at {stream.place(call.offset)}"
                self.nested.append(self._artifact.nested(name, checked.payload))
            if checked.handed is not None:
                handed = self._called(stream, call, checked.handed)
                handed.show(stream, call)
            if checked.named is not None:
                self._named(stream, call, checked.named)
            if checked.kept is not None:
                self._named(stream, call, checked.kept).harmless_calls += 1
            if checked.objection is None:
                return
            use.objections[call.offset] = checked.objection
        use.show(stream, call)

    def _called(self, stream: Stream, call: Call, callee: Callee) -> Use:
        use = self._named(stream, call, callee)
        use.call_count += 1
        return use

    def _named(self, stream: Stream, call: Call, callee: Callee) -> Use:
        judgement = self._judge(callee.module, callee.name, callee.protocol)
        found = Import(call.offset, "", callee.module, callee.name, callee.protocol, Resolution.LITERAL)
        return self._use(judgement, found, stream)

    def _read_travellers(self, stream: Stream, seen: set[int]) -> None:
        """A callable that is harmless only as we see it called must not travel on as a value.

        `seen` are the tuples that a partial was made of, each looked into already.
        """
        watched = {found.offset: found for found in stream.imports() if self._is_watched(found)}
        if not watched:
            return
        stream.record_all()
        items = (items for holder, items in stream.children.items() if holder not in seen)
        for value in set(chain.from_iterable(items)) & watched.keys():
            found = watched[value]
            judgement = self._judge(found.module or "", found.name or "", found.protocol)
            words = f"{spell(found)} is handed on as a value: what it is called with can't be seen"
            self._report("PKL020", stream, value, judgement.canonical, words)

    def _is_watched(self, found: Import) -> bool:
        if found.module is None or found.name is None:
            return False
        judgement = self._judge(found.module, found.name, found.protocol)
        return (
            judgement.standing is Standing.CONDITIONAL
            and judgement.condition not in _MAY_TRAVEL
            and not may_be_kept(judgement)
        )

    def _report(self, rule: str, stream: Stream, offset: int, subject: str, evidence: str) -> None:
        self._direct.append(
            Finding(
                rule=rule,
                path=self._artifact.path,
                subject=subject,
                evidence=evidence,
                offset=stream.place(offset),
                route=o.OPCODES[stream.opcode(offset)].name,
            )
        )

    def findings(self) -> Iterator[Finding]:
        seen: set[tuple[str, str]] = set()
        for finding in self._direct:
            if (finding.rule, finding.subject) not in seen:
                seen.add((finding.rule, finding.subject))
                yield finding
        for use in self._uses.values():
            rule = rule_of(use)
            if rule is not None:
                yield self._finding(rule, use)
        recognised = sorted(
            name for name, use in self._uses.items() if use.judgement.standing is Standing.RECOGNISED
        )
        if recognised:
            yield self._recognised(recognised)

    def _finding(self, rule: str, use: Use) -> Finding:
        name = use.judgement.canonical
        stream, at = use.stream, use.first.offset
        if use.calls:
            stream, at = use.calls[0][0], use.calls[0][1].offset
        return Finding(
            rule=rule,
            path=self._artifact.path,
            subject=name,
            evidence="\n".join(evidence(use)),
            offset=stream.place(at),
            route=o.OPCODES[stream.opcode(at)].name,
        )

    def _recognised(self, names: list[str]) -> Finding:
        listed = ", ".join(names[:_LISTED_NAMES]) + (", ..." if len(names) > _LISTED_NAMES else "")
        return Finding(
            rule="PKL025",
            path=self._artifact.path,
            subject=f"{len(names)} known classes",
            evidence=f"rebuilds objects of {listed}",
        )


def _fails(stream: Stream, call: Call) -> bool:
    """True where `pickle.load` on a file of joblib stops: what it calls there is text or a number."""
    is_made = stream.opcode(call.callee) in o.CALLS | o.EXTENSIONS | {o.PERSID, o.BINPERSID}
    return stream.reading is Reading.PLAIN and not is_made and stream.import_at(call.callee) is None


def _is_junk(stream: Stream, module: str, name: str) -> bool:
    """True for names that nothing has, in bytes behind the first pickle: they only look like opcodes."""
    return stream.start > 0 and stream.flattened is None and not is_proper(module, name)
