"""Write what was computed: one text file for each top-level package.

    # header: tool, library, version, archive and its hash, what stayed unresolved
    [package.module]
    function<TAB>XP>hop w>hop          what calling it reaches
    Class<TAB>* X>hop !X>hop <base     what its constructor, and (!) rebuilding it, reach; its bases
    alias<TAB>=package.module.name     the same thing under another name
    object<TAB>:package.module.Class   an object of the module, for names that go on behind it

A letter is a capability (see `LETTERS`): a capital when an argument steers it there, small when it
gets there whatever it is called with. The hop is the next function on the shortest way, with a
leading dot when it is of the same module. A module or name that is not there reaches nothing that
the graph found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from program import Program, Unit

LETTERS = {
    "executes_code": "X",
    "spawns_process": "P",
    "loads_native_code": "N",
    "imports_by_name": "I",
    "reads_files": "R",
    "writes_files": "W",
    "network": "T",
    "deserializes": "D",
    "attribute_access": "A",
    "process_control": "C",
    "glue": "G",
}
ALL = frozenset(LETTERS)
HARMFUL = ALL - {"glue", "attribute_access"}
"""What a library's table keeps: the others harm only together with a second callable."""
_WITHOUT_STEERING = frozenset({"executes_code", "spawns_process"})
"""What is told of a function even when its arguments have no say in it."""
_REBUILDING = ("__new__", "__setstate__", "__del__", "__setattr__", "__setitem__", "__hash__", "__eq__")
_REBUILDING_LISTS = ("append", "extend", "add", "__reduce_ex__")
_CONSTRUCTING = ("__new__", "__init__", "__post_init__")

Reached = dict[tuple[str, bool], tuple[int, str]]


Kept = frozenset[str]
"""Capabilities that are written."""


def rows(
    program: Program, modules: list[str], sinks: frozenset[str], *, kept: Kept
) -> dict[str, dict[str, str]]:
    """Return, for each module, the lines of its names."""
    table: dict[str, dict[str, str]] = defaultdict(dict)
    wanted = set(modules)
    for unit in program.units.values():
        if unit.module in wanted and unit.kind != "module":
            _add(table, unit.module, unit.name, _words(_kept(unit, kept), unit.module))
    for found in program.classes.values():
        if found.module in wanted:
            _add(table, found.module, found.name, _class_words(program, found.name, kept))
    for name in modules:
        for alias, target in _aliases(program, name, sinks, kept):
            table[name].setdefault(alias, target)
    return table


def render(header: list[str], table: dict[str, dict[str, str]]) -> str:
    """Return the text of one file."""
    lines = [f"# {line}" for line in header]
    for module in sorted(table):
        if table[module]:
            lines.append(f"[{module}]")
            lines += [f"{name}\t{words}" for name, words in sorted(table[module].items())]
    return "\n".join(lines) + "\n"


def _add(table: dict[str, dict[str, str]], module: str, name: str, words: str) -> None:
    if words:
        table[module][name.removeprefix(module + ".")] = words


def _kept(unit: Unit, kept: Kept) -> Reached:
    return {
        (capability, is_steered): (distance, hop)
        for (capability, is_steered), (distance, hop, _) in unit.reaches.items()
        if capability in kept and (is_steered or capability in _WITHOUT_STEERING)
    }


def _words(reached: Reached, module: str, sigil: str = "") -> str:
    by_hop: dict[str, str] = defaultdict(str)
    for (capability, is_steered), (_, hop) in sorted(reached.items()):
        letter = LETTERS[capability]
        spelled = hop[len(module) :] if hop.startswith(module + ".") else hop
        by_hop[spelled] += letter if is_steered else letter.lower()
    return " ".join(f"{sigil}{letters}>{hop.replace(' ', '_')}" for hop, letters in by_hop.items())


def _class_words(program: Program, name: str, kept: Kept) -> str:
    found = program.classes[name]
    words = [
        _words(_through(program, name, _CONSTRUCTING, kept), found.module),
        _words(_through(program, name, _hooks(program, name), kept), found.module, "!"),
    ]
    bases = [base for base in program.lineage(name)[1:] if _has_rows(program, base, kept)]
    if bases:
        words.append("<" + ",".join(bases))
    known = [word for word in words if word]
    return " ".join(["*", *known]) if known else ""


def _hooks(program: Program, name: str) -> tuple[str, ...]:
    holds_items = any("append" in program.classes[base].env for base in program.lineage(name))
    return _REBUILDING + (_REBUILDING_LISTS if holds_items else ())


def _has_rows(program: Program, name: str, kept: Kept) -> bool:
    units = (u for v in program.classes[name].env.values() for k, u in v[0] if k == "f")
    return any(_kept(program.units[unit], kept) for unit in units if unit in program.units)


def _through(program: Program, name: str, methods: tuple[str, ...], kept: Kept) -> Reached:
    """What a class reaches through methods that run by themselves."""
    found: Reached = {}
    for method in methods:
        for kind, target in program.class_attribute(name, method)[0]:
            if kind == "f" and target in program.units:
                for key, (distance, _) in _kept(program.units[target], kept).items():
                    if key not in found or distance + 1 < found[key][0]:
                        found[key] = (distance + 1, target)
    return {k: v for k, v in found.items() if k[1] or (k[0], True) not in found}


def _aliases(
    program: Program, name: str, sinks: frozenset[str], kept: Kept
) -> Iterator[tuple[str, str]]:
    """Names of a module that stand for something elsewhere that reaches something."""
    module = program.modules[name]
    for alias in module.env:
        for kind, target in program.module_attribute(name, alias)[0]:
            if kind == "x" and target in sinks and not target.startswith("builtins."):
                yield alias, f"={target}"
            elif kind in "fb":
                unit = program.units[target[0] if kind == "b" else target]
                if unit.name != f"{name}.{alias}" and _kept(unit, kept):
                    yield alias, f"={unit.name}"
            elif kind in "ci" and target != f"{name}.{alias}" and _is_known(program, target, kept):
                yield alias, f"{'=' if kind == 'c' else ':'}{target}"


def _is_known(program: Program, name: str, kept: Kept) -> bool:
    if name not in program.classes:
        return False
    return bool(_class_words(program, name, kept)) or _has_rows(program, name, kept)
