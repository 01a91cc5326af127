"""Follow values through one function: what it reaches, and which of its parameters steer it there.

An abstract interpretation without branches: every statement counts, in order, and a second time
where there are loops or nested functions. Nested functions and lambdas share the
variables of the function around them and count as run.
"""

from __future__ import annotations

import ast

from binding import defaults
from calls import FEW_CLASSES, Calls
from values import NO_REFERENCES, NOTHING, Value, join, one


class Flow(Calls):
    """The evaluation of one unit. `run` brings its summary up to date."""

    def run(self) -> bool:
        """Evaluate; return whether anything that callers rest on has changed."""
        for node in self._unit.nodes:
            if isinstance(node, ast.Module):
                self._module_body(node)
                continue
            self._env = self._entry(node)
            if isinstance(node, ast.Lambda):
                self._returns(self.value(node.body))
                continue
            self._run(node.body)
            if self._goes_round:
                self._unresolved = 0
                self._run(node.body)
        self._unit.unresolved = self._unresolved
        return self._is_changed

    def _module_body(self, node: ast.Module) -> None:
        self._run(node.body)

    def _entry(self, node: ast.FunctionDef | ast.Lambda) -> dict[str, Value]:
        """The parameters: bits, and what their annotations say."""
        env: dict[str, Value] = {}
        arguments = node.args
        listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        listed += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        names = self._unit.parameters
        for index, argument in enumerate(listed):
            bit = names.index(argument.arg) if argument.arg in names else min(index, len(names))
            env[argument.arg] = join(self._instance_of(argument.annotation), (NO_REFERENCES, 1 << bit))
        self._read(("p", self._unit.name))
        for index, classes in self._unit.given.items():
            if len(classes) <= FEW_CLASSES and index < len(names) and names[index] in env:
                env[names[index]] = join(env[names[index]], (classes, 0))
        if self._class is not None and listed and self._unit.kind != "static":
            self._self_name = listed[0].arg
            kind = "c" if self._unit.kind == "class" or self._unit.name.endswith("__new__") else "i"
            env[self._self_name] = one(kind, self._class, 1)
        for parameter, default in defaults(arguments):
            value = self.value(default)
            env[parameter] = join(env[parameter], (value[0], 0))
        return env

    def _instance_of(self, annotation: ast.expr | None) -> Value:
        if annotation is None:
            return NOTHING
        if isinstance(annotation, ast.Subscript):
            name = getattr(annotation.value, "id", getattr(annotation.value, "attr", ""))
            return self._instance_of(annotation.slice) if name == "Optional" else NOTHING
        found = self._program.evaluate_name(self._unit.module, annotation)
        return (frozenset(("i", name) for kind, name in found[0] if kind == "c"), 0)

    # Statements.

    def _run(self, body: list[ast.stmt]) -> None:
        for node in body:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=value):
                self.value(value)
            case ast.Assign(targets=targets, value=value):
                self._assign_all(targets, value)
            case ast.AugAssign(target=target, value=value):
                self._assign(target, self.value(value))
            case ast.AnnAssign(target=target, value=value, annotation=annotation):
                found = self._instance_of(annotation)
                self._assign(target, join(found, self.value(value)) if value is not None else found)
            case ast.Return(value=value):
                self._returns(self.value(value) if value is not None else NOTHING)
            case (
                ast.If(test=test, body=body, orelse=orelse)
                | ast.While(test=test, body=body, orelse=orelse)
            ):
                self._goes_round |= isinstance(node, ast.While)
                self.value(test)
                self._run(body)
                self._run(orelse)
            case ast.For() | ast.AsyncFor():
                self._goes_round = True
                self._assign(node.target, self._items(self.value(node.iter)))
                self._run(node.body)
                self._run(node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    entered = self._entered(self.value(item.context_expr))
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, entered)
                self._run(node.body)
            case ast.Try() | ast.TryStar():
                for part in (node.body, *(handler.body for handler in node.handlers)):
                    self._run(part)
                self._run(node.orelse)
                self._run(node.finalbody)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._define(node)
            case ast.ClassDef():
                self._define_class(node)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.Match():
                subject = self.value(node.subject)
                for case in node.cases:
                    self._bind_pattern(case.pattern, subject)
                    self._run(case.body)
            case ast.Raise() | ast.Assert() | ast.Delete():
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.value(child)

    def _assign_all(self, targets: list[ast.expr], node: ast.expr) -> None:
        value = self.value(node)
        for target in targets:
            if (
                isinstance(target, (ast.Tuple, ast.List))
                and isinstance(node, (ast.Tuple, ast.List))
                and len(target.elts) == len(node.elts)
            ):
                for inner, part in zip(target.elts, node.elts, strict=True):
                    self._assign(inner, self.value(part))
            else:
                self._assign(target, value)

    def _assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                self._store(name, value)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part in parts:
                    self._assign(part, value)
            case ast.Starred(value=inner):
                self._assign(inner, value)
            case ast.Attribute(value=owner, attr=name):
                holder = self.value(owner)
                self._store_attribute(holder, name, value)
                if isinstance(owner, ast.Name) and owner.id == self._self_name and value[1]:
                    self._unit.stores[name] = self._unit.stores.get(name, 0) | value[1]
                self._taint(owner, value)
            case ast.Subscript(value=owner):
                self.value(target.slice)
                if isinstance(owner, ast.Name):
                    self._store(owner.id, value)
                elif isinstance(owner, ast.Attribute):
                    self._store_attribute(self.value(owner.value), owner.attr, value)

    def _define(self, node: ast.FunctionDef) -> None:
        """A nested function: its body is run here, with the variables of this one."""
        if self._unit.kind == "module":
            return  # declared, and a unit of its own
        self._goes_round = True
        self._store(node.name, one("n", node.name))
        self._nested[node.name] = node
        self._run_nested(node.body)

    def _run_nested(self, body: list[ast.stmt]) -> None:
        self._nested_depth += 1
        self._run(body)
        self._nested_depth -= 1

    def _define_class(self, node: ast.ClassDef) -> None:
        name = self._class_name(node)
        if name is None:
            for inner in node.body:  # a class made inside of a function
                if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    self._run_nested(inner.body)
            return
        for inner in node.body:
            if isinstance(inner, ast.Assign):
                value = self.value(inner.value)
                for target in inner.targets:
                    if isinstance(target, ast.Name):
                        self._keep(
                            self._program.classes[name].env, target.id, value, ("a", name, target.id)
                        )
            elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                value = self._instance_of(inner.annotation)
                if inner.value is not None:
                    value = join(value, self.value(inner.value))
                self._keep(
                    self._program.classes[name].env, inner.target.id, value, ("a", name, inner.target.id)
                )
            elif isinstance(inner, ast.ClassDef):
                self._define_class(inner)

    def _class_name(self, node: ast.ClassDef) -> str | None:
        """The declared class that a definition in a module's body belongs to."""
        return self._program.class_names.get(id(node)) if self._unit.kind == "module" else None

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if self._unit.kind != "module":
            self._program.bind_import(self._module, node, self._env)

    def _bind_pattern(self, pattern: ast.pattern, value: Value) -> None:
        for part in ast.walk(pattern):
            name = getattr(part, "name", None) or getattr(part, "rest", None)
            if isinstance(name, str):
                self._store(name, value)

    # Expressions.

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant():
                return NOTHING
            case ast.Name(id=name):
                return self._name(name)
            case ast.Attribute(value=owner, attr=name):
                return self._attribute(self.value(owner), name)
            case ast.Call():
                return self._call(node)
            case ast.Subscript(value=owner, slice=index):
                self.value(index)
                return self._items(self.value(owner), "__getitem__")
            case ast.Lambda(body=body):
                self.value(body)
                name = f"<lambda {node.lineno}:{node.col_offset}>"
                self._nested[name] = node
                return one("n", name)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.value(test)
                return join(self.value(body), self.value(orelse))
            case ast.NamedExpr(target=target, value=inner):
                value = self.value(inner)
                self._assign(target, value)
                return value
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                self._generators(node.generators)
                return self.value(node.elt)
            case ast.DictComp():
                self._generators(node.generators)
                return join(self.value(node.key), self.value(node.value))
            case ast.Dict(keys=keys, values=values):
                found = NOTHING
                for key in keys:
                    found = join(found, (NO_REFERENCES, self.value(key)[1] if key is not None else 0))
                for inner in values:
                    found = join(found, self.value(inner))
                return found
            case ast.Compare(left=left, comparators=others):
                for inner in (left, *others):
                    self.value(inner)
                return NOTHING
            case ast.Await(value=inner) | ast.Starred(value=inner) | ast.FormattedValue(value=inner):
                return self.value(inner)
            case ast.Yield(value=inner) | ast.YieldFrom(value=inner):
                if inner is not None:
                    self._returns(self.value(inner))
                return NOTHING
            case _:
                found = NOTHING
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        found = join(found, self.value(child))
                return found

    def _generators(self, generators: list[ast.comprehension]) -> None:
        for part in generators:
            self._assign(part.target, self._items(self.value(part.iter)))
            for test in part.ifs:
                self.value(test)

    def _name(self, name: str) -> Value:
        if name in self._env:
            return self._program.resolved(self._env[name])
        self._read(("g", self._module.name, name))
        return self._program.global_name(self._module, name)
