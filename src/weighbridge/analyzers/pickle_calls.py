"""Judge what a pickle imports, calls and sets, callable by callable."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.pickle_conditions import Conditions, may_be_kept
from weighbridge.analyzers.pickle_order import out_of_order
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import Callee, CalleeKind, Callees, registered_extensions, text
from weighbridge.formats.pickle.decompile import cut, decompile_call, spell
from weighbridge.formats.pickle.reader import is_plausible, is_proper
from weighbridge.formats.pickle.trace import Build, Call, Import, Reading, Resolution, Stream
from weighbridge.knowledge.callables import CallableKnowledge, Capability, Condition, Judgement, Standing

_SHOWN_CALLS = 3
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
_TENSOR_BUILDERS = ("torch._utils._rebuild_", "torch._tensor._rebuild_", "numpy.")

RULE_OF: dict[Capability, str] = {
    Capability.TAMPERS_WITH_SCANNER: "PKL011",
    Capability.INSTALLS_PACKAGES: "PKL010",
    Capability.USES_CREDENTIALS: "PKL012",
    Capability.SPAWNS_PROCESS: "PKL002",
    Capability.EXECUTES_CODE: "PKL001",
    Capability.LOADS_NATIVE_CODE: "PKL003",
    Capability.IMPORTS_BY_NAME: "PKL006",
    Capability.ATTRIBUTE_ACCESS: "PKL008",
    Capability.DESERIALIZES: "PKL007",
    Capability.NETWORK: "PKL004",
    Capability.WRITES_FILES: "PKL005",
    Capability.READS_FILES: "PKL005",
    Capability.PROCESS_CONTROL: "PKL009",
    Capability.GLUE: "PKL013",
}
"""The first capability in this order names the finding."""
_CAN: dict[Capability, str] = {
    Capability.EXECUTES_CODE: "run code",
    Capability.SPAWNS_PROCESS: "start programs",
    Capability.LOADS_NATIVE_CODE: "load native code",
    Capability.IMPORTS_BY_NAME: "import by name",
    Capability.READS_FILES: "read files",
    Capability.WRITES_FILES: "write files",
    Capability.NETWORK: "use the network",
    Capability.DESERIALIZES: "load other pickles",
    Capability.ATTRIBUTE_ACCESS: "reach any attribute",
    Capability.PROCESS_CONTROL: "control the process",
    Capability.INSTALLS_PACKAGES: "install packages",
    Capability.TAMPERS_WITH_SCANNER: "disable a scanner",
    Capability.USES_CREDENTIALS: "use credentials",
    Capability.GLUE: "make another callable run",
}


@dataclass(slots=True)
class Use:
    """How one callable is used in one artifact."""

    judgement: Judgement
    first: Import
    stream: Stream
    calls: list[tuple[Stream, Call]] = field(default_factory=list)
    """The first few, each with the reading that it is part of: offsets mean nothing elsewhere."""
    call_count: int = 0
    objections: dict[int, str] = field(default_factory=dict)
    """Offset of a call -> why its arguments are not harmless."""
    harmless_calls: int = 0
    """Calls of a dangerous callable that were looked into and told by another rule."""

    def show(self, stream: Stream, call: Call) -> None:
        """Keep a call as evidence."""
        if len(self.calls) < _SHOWN_CALLS:
            self.calls.append((stream, call))


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
        self._read_calls(stream, callees)
        self._read_state(stream, callees)
        self._read_travellers(stream)

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
        module, name, *code = [text(stream, value) for value in callees.arguments(call) or ()] or [
            "",
            "",
        ]
        if module is None or name is None or len(code) != 1:
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

    def _read_calls(self, stream: Stream, callees: Callees) -> None:
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
        conditions = Conditions(stream, callees, self._knowledge, in_archive=self._artifact.depth > 0)
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
        match callee.kind:
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

    def _read_state(self, stream: Stream, callees: Callees) -> None:
        """BUILD and item assignment on what was imported, not built, changes the loading process."""
        for build in stream.builds():
            self._state_target(stream, build.offset, build.target, "sets the state of")
            self._partial_state(stream, callees, build)
        for mutation in stream.mutations():
            self._state_target(stream, mutation.offset, mutation.target, f"{mutation.opcode} on")
            self._tensor_items(stream, mutation.offset, mutation.target)
        for offset, words in out_of_order(stream, callees):
            self._report("PKL034", stream, offset, words, words)

    def _partial_state(self, stream: Stream, callees: Callees, build: Build) -> None:
        """The state of a `functools.partial` is (function, arguments, ...): it replaces the first."""
        call = stream.call_at(build.target)
        if call is None or callees.of(call).name != "partial":
            return
        stream.record([build.state])
        items = stream.items(build.state)
        if items and items[:1] == (callees.arguments(call) or ())[:1]:
            return  # the same function again, as every honest file has it: judged at the call
        function = callees.value(items[0]) if items else None
        if function is not None and self._may_be_kept(function):
            return
        words = "sets the function of a partial to something that is on no list"
        self._report("PKL032", stream, build.offset, "functools.partial", words)

    def _may_be_kept(self, callee: Callee) -> bool:
        if callee.kind is not CalleeKind.IMPORT:
            return False
        return may_be_kept(self._judge(callee.module, callee.name, callee.protocol))

    def _read_travellers(self, stream: Stream) -> None:
        """A callable that is harmless only as we see it called must not travel on as a value."""
        watched = {found.offset: found for found in stream.imports() if self._is_watched(found)}
        if not watched:
            return
        stream.record_all()
        for value in {item for items in stream.children.values() for item in items} & watched.keys():
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

    def _state_target(self, stream: Stream, offset: int, target: int, verb: str) -> None:
        found = stream.import_at(target)
        if found is not None:
            evidence = f"{verb} {spell(found)} itself, not of an object that this pickle made"
            self._report("PKL032", stream, offset, spell(found), evidence)

    def _tensor_items(self, stream: Stream, offset: int, target: int) -> None:
        call = stream.call_at(target)
        found = stream.import_at(call.callee) if call is not None else None
        if found is None or stream.opcode(offset) not in (o.SETITEM, o.SETITEMS):
            return
        if spell(found).startswith(_TENSOR_BUILDERS):
            self._report(
                "PKL053", stream, offset, spell(found), "assigns items to a tensor while it loads"
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
            rule = _rule(use)
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
            evidence="\n".join(_evidence(use)),
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


def _is_junk(stream: Stream, module: str, name: str) -> bool:
    """True for names that nothing has, in bytes behind the first pickle: they only look like opcodes."""
    return stream.start > 0 and stream.flattened is None and not is_proper(module, name)


def _rule(use: Use) -> str | None:
    called = bool(use.calls)
    match use.judgement.standing:
        case Standing.ALLOWED:
            return None
        case Standing.RECOGNISED:
            return "PKL022" if use.objections else None
        case Standing.CONDITIONAL:
            return _capability_rule(use.judgement) if use.objections else None
        case Standing.DANGEROUS:
            if called or not use.harmless_calls:
                return _capability_rule(use.judgement) if called else "PKL020"
            return None
        case Standing.STDLIB:
            return "PKL021"
        case Standing.UNKNOWN:
            return "PKL022" if use.call_count else "PKL023"
        case Standing.MAIN:
            return "PKL024"


def _capability_rule(judgement: Judgement) -> str:
    return next(
        (rule for capability, rule in RULE_OF.items() if capability in judgement.capabilities), "PKL022"
    )


def _evidence(use: Use) -> Iterator[str]:
    for stream, call in use.calls:
        yield decompile_call(stream, call)
    if not use.calls:
        yield f"imports {use.judgement.canonical}"
    elif use.call_count > len(use.calls):
        yield f"and {use.call_count - len(use.calls):,} more calls of it"
    yield from list(dict.fromkeys(use.objections.values()))[:_SHOWN_CALLS]
    yield _abilities(use.judgement)


def _abilities(judgement: Judgement) -> str:
    """What the callable can do, or what we know of it, in words."""
    words = [_CAN[capability] for capability in judgement.capabilities]
    if not words:
        return f"{judgement.canonical}: {judgement.why}"
    return f"{judgement.canonical} can {', '.join(words)}"
