"""Follow attributes and calls: what they may be, what they reach, what comes back."""

from __future__ import annotations

import ast

from binding import Arguments, Keywords, bind, bits, literal_start, mask_of, through
from program import Unit, set_parameters
from sinks import Sink, open_capability
from state import RESULT, State
from values import NO_REFERENCES, NOTHING, Value, join, one

_DEPTH = 5
_CONSTRUCTORS = ("__new__", "__init__", "__post_init__")
_GLUE = "glue"
FEW_CLASSES = 4
_METHODS_OF_DATA = frozenset(
    name for kind in (str, bytes, dict, list, set, int, memoryview) for name in dir(kind)
)
"""Their names say nothing about the class of the object."""
_LESS_COMMON = ("_winapi.", "nt.", "winreg.")
"""Sinks that are shown only when there is no other."""


class Calls(State):
    """Attributes and calls of a unit."""

    def value(self, node: ast.expr) -> Value:
        """Return what an expression may be."""
        raise NotImplementedError

    def _attribute(self, owner: Value, name: str) -> Value:
        found: Value = (NO_REFERENCES, owner[1]) if owner[1] else NOTHING
        for kind, target in owner[0]:
            if kind == "m":
                self._read(("g", target, name))
                found = join(found, self._known(self._program.module_attribute(target, name)))
            elif kind == "x":
                found = join(found, self._known(one("x", f"{target}.{name}")))
            elif kind in "ics" and (target[0] if kind == "s" else target) in self._program.classes:
                found = join(found, self._member(kind, target, name, owner[1]))
        return found

    def _known(self, value: Value) -> Value:
        """Without names that lead to no sink: there is nothing to learn from them."""
        if any(kind == "x" and name not in self._kept for kind, name in value[0]):
            return (frozenset(r for r in value[0] if r[0] != "x" or r[1] in self._kept), value[1])
        return value

    def _member(self, kind: str, target: object, name: str, mask: int) -> Value:
        owner, behind = target if kind == "s" else (target, None)
        for base in self._program.lineage(owner):
            self._read(("a", base, name))
        raw = self._program.class_attribute(owner, name, behind=behind)
        if raw is NOTHING and kind == "i" and name != "__getattr__":
            return self._computed_attribute(owner, mask)
        found: Value = (NO_REFERENCES, mask) if mask else NOTHING
        for reference in raw[0]:
            found = join(found, self._bound(kind, owner, name, reference, mask))
        return self._known(found)

    def _bound(self, kind: str, owner: str, name: str, reference: tuple, mask: int) -> Value:
        unit = self._program.units.get(reference[1]) if reference[0] == "f" else None
        if unit is None or unit.kind == "static":
            return (frozenset((reference,)), 0)
        if unit.kind == "property" and kind != "c":
            return self._apply(unit, {0: one("i", owner, mask)}, owner, is_self=False)
        if unit.kind == "class" or kind != "c":
            return one("b", (unit.name, owner), mask)
        return one("f", unit.name)

    def _computed_attribute(self, owner: str, mask: int, name_mask: int = 0) -> Value:
        """What `__getattr__` gives for a name that is no attribute."""
        found: Value = (NO_REFERENCES, mask | name_mask)
        for kind, name in self._program.class_attribute(owner, "__getattr__")[0]:
            if kind == "f":
                bound = {0: one("i", owner, mask), 1: (NO_REFERENCES, name_mask)}
                found = join(found, self._apply(self._program.units[name], bound, owner, is_self=False))
        return found

    def _items(self, value: Value, method: str = "__iter__") -> Value:
        """What comes out of a container, or of an object that acts as one."""
        found = value
        for kind, name in value[0]:
            if kind == "i" and name in self._program.classes:
                found = join(
                    found, self._invoke(self._member("i", name, method, value[1]), [], [], None)
                )
        return found

    def _entered(self, value: Value) -> Value:
        found = value
        for kind, name in value[0]:
            if kind == "i" and name in self._program.classes:
                for method in ("__enter__", "__exit__"):
                    entered = self._invoke(self._member("i", name, method, value[1]), [], [], None)
                    found = join(found, entered if method == "__enter__" else NOTHING)
        return found

    # Calls.

    def _call(self, node: ast.Call) -> Value:
        special = self._special(node)
        if special is not None:
            return special
        callee = self.value(node.func)
        arguments: Arguments = [
            (self.value(a.value), True) if isinstance(a, ast.Starred) else (self.value(a), False)
            for a in node.args
        ]
        keywords: Keywords = [(k.arg, self.value(k.value)) for k in node.keywords]
        self._note_self_call(node, callee, arguments, keywords)
        result = self._invoke(callee, arguments, keywords, node)
        if isinstance(node.func, ast.Attribute) and not callee[0]:
            result = join(result, self._by_method_name(node.func.attr, callee, arguments, keywords))
            if arguments:
                self._taint(node.func.value, (NO_REFERENCES, mask_of(arguments, keywords)))
        return result

    def _special(self, node: ast.Call) -> Value | None:
        """Calls whose meaning is in their syntax."""
        match node:
            case ast.Call(func=ast.Name(id="super")) if self._class is not None:
                return one(
                    "s", (self._class, self._class), self._env.get(self._self_name or "", NOTHING)[1]
                )
            case ast.Call(
                func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name)), *rest]
            ):
                found = self._attribute(self.value(owner), name)
                return join(found, self.value(rest[0])) if rest else found
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, name, *_]):
                return self._any_attribute(owner, name)
            case ast.Call(
                func=ast.Name(id="setattr"), args=[owner, ast.Constant(value=str(name)), value]
            ):
                self._store_attribute(self.value(owner), name, self.value(value))
                return NOTHING
            case ast.Call(func=ast.Name(id="type"), args=[inner]):
                found = self.value(inner)
                return (frozenset(("c", name) for kind, name in found[0] if kind == "i"), found[1])
            case ast.Call(
                func=ast.Name(id="isinstance" | "issubclass" | "len" | "hasattr" | "callable" | "id")
            ):
                for argument in node.args:
                    self.value(argument)
                return NOTHING
        return None

    def _any_attribute(self, owner: ast.expr, name: ast.expr) -> Value:
        """`getattr(owner, computed)`: methods that begin like the literal beginning of the name."""
        holder, chosen = self.value(owner), self.value(name)
        if chosen[1]:
            self._reach("attribute_access", chosen[1], 1, "getattr")
        found: Value = (NO_REFERENCES, holder[1] | chosen[1])
        for kind, target in holder[0]:
            if kind == "i" and target in self._program.classes:
                found = join(found, self._computed_attribute(target, holder[1], chosen[1]))
        start = literal_start(name)
        for kind, target in holder[0]:
            if start and kind in "ic" and target in self._program.classes:
                for base in self._program.lineage(target):
                    for method in [m for m in self._program.classes[base].env if m.startswith(start)]:
                        found = join(found, self._member(kind, target, method, holder[1] | chosen[1]))
        return found

    def _note_self_call(
        self, node: ast.Call, callee: Value, arguments: Arguments, keywords: Keywords
    ) -> None:
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr=method) if name == self._self_name:
                mask = self._unit.self_calls.get(method, 0) | mask_of(arguments, keywords) | 1
                if self._unit.self_calls.get(method) != mask:
                    self._unit.self_calls[method] = mask
                    self._is_changed = True

    def _invoke(
        self, callee: Value, arguments: Arguments, keywords: Keywords, node: ast.Call | None
    ) -> Value:
        """Call a value: everything that it may be."""
        handed = mask_of(arguments, keywords)
        found: Value = (NO_REFERENCES, callee[1] | handed) if not callee[0] else NOTHING
        if self._depth >= _DEPTH:
            return (NO_REFERENCES, callee[1] | handed)
        self._depth += 1
        for kind, name in callee[0]:
            found = join(found, self._invoke_one(kind, name, callee[1], arguments, keywords, node))
        self._depth -= 1
        if not callee[0]:
            self._unknown(callee, arguments, keywords, node)
        return found

    def _invoke_one(
        self,
        kind: str,
        name: object,
        mask: int,
        arguments: Arguments,
        keywords: Keywords,
        node: ast.Call | None,
    ) -> Value:
        program = self._program
        match kind:
            case "f" if name in program.units:
                unit = program.units[name]
                if name in self._sinks:
                    self._sink(name, self._sinks[name], mask, arguments, keywords, node)
                return self._apply(
                    unit, bind(unit, None, arguments, keywords), unit.owner, is_self=False
                )
            case "b":
                unit, owner = program.units[name[0]], name[1]
                receiver = one("c" if unit.kind == "class" else "i", owner, mask)
                is_self = owner == self._class and mask & 1 == 1
                return self._apply(
                    unit, bind(unit, receiver, arguments, keywords), owner, is_self=is_self
                )
            case "c" if name in program.classes:
                return self._construct(name, mask, arguments, keywords, node)
            case "i" if name in program.classes:
                return self._invoke(self._member("i", name, "__call__", mask), arguments, keywords, node)
            case "x":
                return self._external(name, mask, arguments, keywords, node)
            case "n":
                return self._invoke_nested(name, arguments, keywords)
            case "m":
                return NOTHING
        return (NO_REFERENCES, mask | mask_of(arguments, keywords))

    def _construct(
        self, name: str, mask: int, arguments: Arguments, keywords: Keywords, node: ast.Call | None
    ) -> Value:
        if name in self._sinks:
            self._sink(name, self._sinks[name], mask, arguments, keywords, node)
        made = one("i", name, mask | mask_of(arguments, keywords))
        for constructor in _CONSTRUCTORS:
            for base in self._program.lineage(name):
                self._read(("a", base, constructor))
            for kind, target in self._program.class_attribute(name, constructor)[0]:
                if kind == "f":
                    unit = self._program.units[target]
                    bound = bind(
                        unit, made, [] if constructor == "__post_init__" else arguments, keywords
                    )
                    self._apply(unit, bound, name, is_self=False)
                    self._fields(name, unit, bound)
                elif kind == "x" and constructor != "__post_init__":
                    self._external(target, mask, arguments, keywords, node)
        self._hand_on(arguments, keywords)
        return made

    def _fields(self, name: str, unit: Unit, bound: dict[int, Value]) -> None:
        """Classes that a constructor is given and keeps: its methods will make instances of them."""
        for attribute, mask in unit.stores.items():
            for index in bits(mask & ~1):
                classes = frozenset(r for r in bound.get(index, NOTHING)[0] if r[0] == "c")
                if classes:
                    env = self._program.classes[name].env
                    self._keep(env, attribute, (classes, 0), ("a", name, attribute))

    def _apply(self, unit: Unit, bound: dict[int, Value], owner: str | None, *, is_self: bool) -> Value:
        """Use the summary of a function for one call of it."""
        self._read(unit.name)
        everything = 0
        for value in bound.values():
            everything |= value[1]
        if self._neutral.hides(unit.name, self._unit.name):
            return (unit.result[0], everything)
        self._hand_classes(unit, bound)
        for (capability, _), (distance, _, steered_by) in unit.reaches.items():
            self._reach(capability, through(steered_by, bound), distance + 1, unit.name)
        self._call_parameters(unit, bound, everything)
        self._overridden(unit, bound, owner, is_self=is_self)
        references = unit.result[0]
        for index in bits(unit.result[1]):
            references |= bound.get(index, NOTHING)[0]
        return (references, through(unit.result[1], bound)) if references or unit.result[1] else NOTHING

    def _hand_classes(self, unit: Unit, bound: dict[int, Value]) -> None:
        """`load(stream, Loader)`: which class a parameter is, where few are ever handed in."""
        if self._program.modules[unit.module].library != self._module.library or not unit.nodes:
            return
        for index, value in bound.items():
            classes = frozenset(r for r in value[0] if r[0] == "c")
            known = unit.given.get(index, NO_REFERENCES)
            if classes - known and len(known) <= FEW_CLASSES:
                unit.given[index] = known | classes
                self._program.note_change(("p", unit.name))

    def _call_parameters(self, unit: Unit, bound: dict[int, Value], everything: int) -> None:
        for index in bits(unit.called):
            value = bound.get(index, NOTHING)
            if value[1] & ~self._unit.called:
                self._unit.called |= value[1]
                self._is_changed = True
            if value[0] and self._depth < _DEPTH:
                self._invoke(value, [((NO_REFERENCES, everything), True)], [], None)

    def _overridden(
        self, unit: Unit, bound: dict[int, Value], owner: str | None, *, is_self: bool
    ) -> None:
        """Methods that a base class calls on itself, where the object's own class has others."""
        for name, mask in unit.self_calls.items():
            steered = through(mask, bound)
            if is_self and self._unit.self_calls.get(name, 0) | steered != self._unit.self_calls.get(
                name
            ):
                self._unit.self_calls[name] = self._unit.self_calls.get(name, 0) | steered
                self._is_changed = True
            if owner is None or owner == unit.owner or owner not in self._program.classes:
                continue
            own = self._program.class_attribute(owner, name)
            if unit.owner in self._program.classes and own == self._program.class_attribute(
                unit.owner, name
            ):
                continue
            for kind, target in own[0]:
                if kind == "f" and target != unit.name and self._depth < _DEPTH:
                    self._depth += 1
                    method = self._program.units[target]
                    everything = dict.fromkeys(range(len(method.parameters)), (NO_REFERENCES, steered))
                    self._apply(method, everything, owner, is_self=False)
                    self._depth -= 1

    def _invoke_nested(self, name: str, arguments: Arguments, keywords: Keywords) -> Value:
        node = self._nested.get(name)
        if node is None:
            return NOTHING
        shape = Unit("", "", None, [])
        set_parameters(shape, node.args)
        for index, value in bind(shape, None, arguments, keywords).items():
            if index < len(shape.parameters):
                self._store(shape.parameters[index], value)
        if isinstance(node, ast.Lambda):
            return self.value(node.body)
        return self._env.get(RESULT, NOTHING)

    def _external(
        self, name: str, mask: int, arguments: Arguments, keywords: Keywords, node: ast.Call | None
    ) -> Value:
        """A call that leaves what has source."""
        for suffix in (".__init__", ".__new__", ".__call__"):
            name = name.removesuffix(suffix)
        handed = mask_of(arguments, keywords)
        sink = self._sinks.get(name)
        if sink is not None:
            self._sink(name, sink, mask, arguments, keywords, node)
        self._hand_on(arguments, keywords)
        if name in ("functools.partial", "_functools.partial") and arguments:
            return join(arguments[0][0], (NO_REFERENCES, handed))
        has_methods = name in self._kept and name not in self._functions
        references = frozenset((("x", name),)) if has_methods else NO_REFERENCES
        return (references, mask | handed) if references or mask | handed else NOTHING

    def _sink(
        self,
        name: str,
        sink: Sink,
        mask: int,
        arguments: Arguments,
        keywords: Keywords,
        node: ast.Call | None,
    ) -> None:
        capability = sink.capability
        if name in ("builtins.open", "_io.open") and node is not None:
            capability = open_capability(node)
        if sink.steering is None or sink.takes_any:
            steered = mask | mask_of(arguments, keywords)
        else:
            steered = 0
            for index, (value, is_starred) in enumerate(arguments):
                if index in sink.steering or is_starred:
                    steered |= value[1]
            for keyword, value in keywords:
                if keyword is None or keyword in sink.steering:
                    steered |= value[1]
        self._reach(capability, steered, 2 if name.startswith(_LESS_COMMON) else 1, name)

    def _unknown(
        self, callee: Value, arguments: Arguments, keywords: Keywords, node: ast.Call | None
    ) -> None:
        """A call of something that only the caller knows, or that nobody knows."""
        self._unresolved += node is not None
        self._hand_on(arguments, keywords)
        if callee[1] and (node is None or not isinstance(node.func, ast.Attribute)):
            self._reach(_GLUE, callee[1], 1, "a callable that it is given")
            if self._unit.called | callee[1] != self._unit.called:
                self._unit.called |= callee[1]
                self._is_changed = True

    def _hand_on(self, arguments: Arguments, keywords: Keywords) -> None:
        """Functions handed to something that we do not follow are taken to be called by it."""
        if self._depth >= _DEPTH - 1:
            return
        handed = mask_of(arguments, keywords)
        for value in (*(v for v, _ in arguments), *(v for _, v in keywords)):
            runnable = frozenset(r for r in value[0] if r[0] in "fbn")
            if runnable:
                self._invoke((runnable, value[1]), [((NO_REFERENCES, handed), True)], [], None)

    def _by_method_name(
        self, name: str, callee: Value, arguments: Arguments, keywords: Keywords
    ) -> Value:
        """A method of an object of unknown class: the one class of this module that has it."""
        if name in _METHODS_OF_DATA or len(name) < 4:
            return NOTHING
        known = [
            (c, u)
            for c, u in self._program.methods.get(name, ())
            if c.startswith(self._module.name + ".")
        ]
        if len(known) != 1 or (known[0][1] == self._unit.name):
            return NOTHING
        return self._invoke(one("b", (known[0][1], known[0][0]), callee[1]), arguments, keywords, None)
