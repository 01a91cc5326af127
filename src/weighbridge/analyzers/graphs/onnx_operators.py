"""Operators of an ONNX model: those that run Python or native code, and functions without an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.configuration.named_targets import judge_target
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB
from weighbridge.core.reference import Reference
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.graphs.file_reference import reference_hazard
from weighbridge.formats.graphs.onnx_parts import Attribute, Content, Function, IrVersion, Node, Opset
from weighbridge.knowledge.onnx_tables import STANDARD_DOMAIN, OnnxTables, Standing

PYTHON_OPERATORS: Final = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "PyCustomOp"})
"""Operators that call into a Python interpreter, whatever their domain."""
_CONTEXT = "EPContext"
_MOST_KINDS = 100_000
_MOST_PYTHON = 200
_MOST_CONTEXTS = 200
_TOLD = 200
_EXAMPLES = 6
_NEWEST_IR = 40
_NEWEST_OPSET = 200

_Key = tuple[str, str]


@dataclass(slots=True)
class _Use:
    """Nodes of one (domain, operator)."""

    at: int
    route: str
    count: int = 0


class Operators:
    """Judges nodes one by one; `summary` tells of domains, unknown operators and functions."""

    def __init__(self, artifact: Artifact, context: Context, tables: OnnxTables) -> None:
        self._artifact = artifact
        self._context = context
        self._tables = tables
        self._uses: dict[_Key, _Use] = {}
        self._functions: dict[_Key, Function] = {}
        self._calls: dict[int, set[_Key]] = {}
        self._of_function: dict[_Key, set[_Key]] = {}
        self._told: Counter[str] = Counter()

    def judge(self, node: Node) -> Iterator[Event]:
        """Yield what a node runs by itself."""
        key = (node.domain, node.op_type)
        use = self._uses.get(key)
        if use is None:
            if len(self._uses) >= _MOST_KINDS:
                raise LimitReached(f"more than {_MOST_KINDS:,} kinds of operators")
            use = self._uses[key] = _Use(node.at, node.scope.route)
        use.count += 1
        self._note_call(node, key)
        if node.op_type in PYTHON_OPERATORS:
            yield from self._python(node)
        elif node.op_type == _CONTEXT:
            yield from self._compiled(node)

    def function(self, function: Function) -> None:
        """Remember a function of the model; its nodes have been judged before."""
        key = (function.domain, function.name)
        self._functions[key] = function
        calls = self._of_function.setdefault(key, set())
        calls |= self._calls.pop(function.number, set())

    def opset(self, opset: Opset) -> Iterator[Finding]:
        """Judge the version of a domain."""
        version = opset.version
        standard = opset.domain in ("", STANDARD_DOMAIN)
        if version is None or (1 <= version <= (_NEWEST_OPSET if standard else 2**31)):
            return
        line = f"domain {quoted(opset.domain or STANDARD_DOMAIN)} has version {version}"
        yield self._finding("ONX013", f"version of {opset.domain or STANDARD_DOMAIN}", line, opset.at)

    def ir_version(self, found: IrVersion) -> Iterator[Finding]:
        """Judge the version of the file format."""
        if not 1 <= found.version <= _NEWEST_IR:
            line = f"ir_version is {found.version}"
            yield self._finding("ONX013", "ir_version", line, found.at)

    def summary(self) -> Iterator[Finding]:
        """Yield what only the whole model shows."""
        yield from self._domains()
        yield from self._unknown_operators()
        yield from self._shadows()
        cycle = find_cycle(self._of_function)
        if cycle:
            path = " -> ".join(quoted(f"{domain}::{name}") for domain, name in cycle[:_EXAMPLES])
            yield self._finding("ONX011", f"cycle of {cycle[0][1]}", f"{path} -> ...", None)

    def _note_call(self, node: Node, key: _Key) -> None:
        if node.function is not None:
            self._calls.setdefault(node.function, set()).add(key)

    def _python(self, node: Node) -> Iterator[Finding]:
        self._told["python"] += 1
        if self._told["python"] > _MOST_PYTHON:
            return
        words = {one.name: self._text(one.strings[0]) for one in node.attributes if one.strings}
        module = words.get("module", "")
        name = words.get("class_name") or words.get("func_name") or words.get("name") or ""
        target = ".".join(filter(None, (module, name)))
        lines = [f"operator {quoted(node.op_type)} of domain {quoted(node.domain)}"]
        if target:
            judged = judge_target(target, self._context.callables)
            lines.append(f"names {quoted(target)} ({judged.standing.value}: {judged.why[:200]})")
        subject = " ".join(filter(None, (node.op_type, target[:160])))
        yield self._finding("ONX007", subject, "\n".join(lines), node.at, node.scope.route)

    def _compiled(self, node: Node) -> Iterator[Event]:
        self._told["compiled"] += 1
        if self._told["compiled"] > _MOST_CONTEXTS:
            raise LimitReached(f"more than {_MOST_CONTEXTS} compiled parts (EPContext)")
        by_name = {one.name: one for one in node.attributes}
        source = self._first_text(by_name.get("source"))
        line = f"compiled for {quoted(source)}" if source else "compiled for an accelerator"
        yield self._finding("ONX008", f"EPContext {source[:80]}", line, node.at, node.scope.route)
        cache = by_name.get("ep_cache_context")
        if cache is None or not cache.strings:
            return
        mode = by_name.get("embed_mode")
        if mode is None or mode.number != 0:
            content = cache.strings[0]
            blob = SliceSource(self._artifact.source, content.at, content.length)
            yield self._artifact.nested(f"ep_cache_context at {content.at}", blob)
        else:
            yield from self._context_path(node, self._text(cache.strings[0]))

    def _context_path(self, node: Node, path: str) -> Iterator[Event]:
        hazard = reference_hazard(path)
        if hazard is None:
            what = f"a compiled part, node {quoted(node.name)}"
            yield Reference(path=self._artifact.path, name=path, what=what)
        if hazard is not None:
            line = f"ep_cache_context {quoted(path)} {hazard.value}"
            yield self._finding("ONX009", path[:200], line, node.at, node.scope.route)

    def _first_text(self, attribute: Attribute | None) -> str:
        return self._text(attribute.strings[0]) if attribute is not None and attribute.strings else ""

    def _text(self, content: Content) -> str:
        data = self._artifact.source.read_at(content.at, min(content.length, 4 * KIB))
        return bytes(data).decode("utf-8", "backslashreplace")

    def _domains(self) -> Iterator[Finding]:
        groups: dict[str, list[_Key]] = {}
        for key in self._uses:
            if key not in self._functions:
                groups.setdefault(key[0], []).append(key)
        for domain, keys in groups.items():
            known = self._tables.domain(domain)
            if known is not None and known.standing is Standing.BUILT_IN:
                continue
            needs = f"it needs {known.needs}" if known is not None else "no library that we know has it"
            rule = "ONX005" if known is None else "ONX006"
            names = ", ".join(quoted(name) for _, name in keys[:_EXAMPLES])
            more = f" and {len(keys) - _EXAMPLES:,} more" if len(keys) > _EXAMPLES else ""
            line = f"domain {quoted(domain)}, operators {names}{more}: {needs}"
            first = self._uses[keys[0]]
            if self._may_tell(rule):
                yield self._finding(rule, f"domain {domain[:200]}", line, first.at, first.route)

    def _unknown_operators(self) -> Iterator[Finding]:
        for key, use in self._uses.items():
            domain, name = key
            if key in self._functions or name in PYTHON_OPERATORS or self._tables.knows(domain, name):
                continue
            if self._may_tell("ONX010"):
                line = f"operator {quoted(name)} in {use.count:,} nodes"
                yield self._finding("ONX010", f"operator {name[:200]}", line, use.at, use.route)

    def _shadows(self) -> Iterator[Finding]:
        for (domain, name), function in self._functions.items():
            known = self._tables.domain(domain)
            is_standard = known is not None and known.standing is Standing.BUILT_IN
            has_name = domain in self._tables.operators or domain == ""
            if (
                is_standard
                and has_name
                and self._tables.knows(domain, name)
                and self._may_tell("ONX020")
            ):
                line = f"function {quoted(name)} of domain {quoted(domain or STANDARD_DOMAIN)}"
                yield self._finding("ONX020", f"function {name[:200]}", line, function.at)

    def _may_tell(self, rule: str) -> bool:
        self._told[rule] += 1
        return self._told[rule] <= _TOLD

    def _finding(
        self, rule: str, subject: str, evidence: str, at: int | None, route: str = ""
    ) -> Finding:
        return Finding(
            rule=rule,
            path=self._artifact.path,
            subject=subject,
            evidence=evidence,
            offset=at,
            route=route,
        )


def find_cycle(calls: dict[_Key, set[_Key]]) -> list[_Key]:
    """Return functions that call each other in a circle, in order; empty when there is none."""
    done: set[_Key] = set()
    for start in calls:
        path: dict[_Key, Iterator[_Key]] = {start: iter(sorted(calls[start]))}
        while path and start not in done:
            here = next(reversed(path))
            callee = next(path[here], None)
            if callee is None:
                done.add(here)
                del path[here]
            elif callee in path:
                names = list(path)
                return names[names.index(callee) :]
            elif callee in calls and callee not in done:
                path[callee] = iter(sorted(calls[callee]))
    return []
