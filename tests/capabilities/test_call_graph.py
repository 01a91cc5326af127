"""The call graph on small programs: what it follows, what it does not, and what steers what."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

Build = Callable[..., dict[str, str]]
TOOL = Path(__file__).resolve().parents[2] / "tools" / "capabilities"


@pytest.fixture
def reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Write modules, build the graph, and give the rows of one module."""
    monkeypatch.syspath_prepend(str(TOOL))
    program, solve, table = (importlib.import_module(name) for name in ("program", "solve", "table"))

    def build(**sources: str) -> dict[str, str]:
        for name, source in sources.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(source))
        graph = program.Program()
        files = [
            (name.replace("__", "."), False, tmp_path / (name.replace("__", "/") + ".py"))
            for name in sources
        ]
        names = graph.add_library("sample", iter(files))
        solver = solve.Solver(graph)
        solver.solve(names)
        modules = list(graph.modules)
        rows = table.rows(graph, modules, solver.sink_names, kept=table.ALL)
        return {
            f"{module}.{name}": words for module, part in rows.items() for name, words in part.items()
        }

    yield build
    for name in ("program", "solve", "table", "flow", "calls", "state", "binding", "values", "sinks"):
        sys.modules.pop(name, None)


def test_an_argument_that_reaches_exec_steers_it(reached: Build) -> None:
    rows = reached(m="def f(text):\n    exec(text)\n")
    assert rows["m.f"] == "X>builtins.exec"


def test_a_constant_that_reaches_exec_steers_nothing(reached: Build) -> None:
    rows = reached(m="def f(text):\n    exec('pass')\n")
    assert rows["m.f"] == "x>builtins.exec"


def test_the_way_goes_through_other_functions(reached: Build) -> None:
    rows = reached(m="def f(text):\n    return g(text)\ndef g(code):\n    eval(code)\n")
    assert rows["m.f"] == "X>.g"


def test_text_built_from_an_argument_is_still_the_argument(reached: Build) -> None:
    rows = reached(
        m="def f(a):\n    exec('x = {}'.format(a) + '\\n')\ndef g(a):\n    exec(f'y = {a}')\n"
    )
    assert (rows["m.f"], rows["m.g"]) == ("X>builtins.exec", "X>builtins.exec")


def test_an_import_under_another_name_is_followed(reached: Build) -> None:
    rows = reached(
        m="import posix as p\nfrom posix import system as s\ndef f(c): p.system(c)\ndef g(c): s(c)\n"
    )
    assert (rows["m.f"], rows["m.g"]) == ("P>posix.system", "P>posix.system")


def test_an_instance_in_a_variable_is_followed(reached: Build) -> None:
    rows = reached(
        m="""
        class Runner:
            def __init__(self, code): self.code = code
            def run(self): exec(self.code)
        def f(code):
            runner = Runner(code)
            runner.run()
        """
    )
    assert rows["m.f"] == "X>.Runner.run"


def test_a_callable_in_an_attribute_is_followed(reached: Build) -> None:
    rows = reached(
        m="""
        import posix
        class Shell:
            def __init__(self): self.call = posix.system
            def run(self, command): self.call(command)
        """
    )
    assert rows["m.Shell.run"] == "P>posix.system"


def test_a_callable_in_a_dictionary_is_followed(reached: Build) -> None:
    rows = reached(m="TABLE = {'run': exec}\ndef f(name, code):\n    TABLE[name](code)\n")
    assert "X>builtins.exec" in rows["m.f"]


def test_an_inherited_method_is_followed(reached: Build) -> None:
    rows = reached(
        base="class Base:\n    def go(self, c):\n        eval(c)\n",
        m="from base import Base\nclass Child(Base): pass\ndef f(c):\n    Child().go(c)\n",
    )
    assert rows["m.f"] == "X>base.Base.go"


def test_a_base_class_that_calls_what_its_child_defines_is_followed(reached: Build) -> None:
    rows = reached(
        m="""
        class Base:
            def __init__(self, c): self.hook(c)
            def hook(self, c): pass
        class Child(Base):
            def hook(self, c): exec(c)
        def f(c): Child(c)
        """
    )
    assert "X>.Child.hook" in rows["m.f"]
    assert "m.Base" not in rows


def test_super_goes_to_the_base(reached: Build) -> None:
    rows = reached(
        m="""
        class Base:
            def go(self, c): exec(c)
        class Child(Base):
            def go(self, c): super().go(c)
        """
    )
    assert rows["m.Child.go"] == "X>.Base.go"


def test_the_constructor_counts_for_the_class_and_setstate_for_rebuilding_it(reached: Build) -> None:
    rows = reached(
        m="""
        class Loud:
            def __init__(self, c): exec(c)
            def __setstate__(self, state): open(state['path'], 'w')
        """
    )
    assert rows["m.Loud"].split() == ["*", "X>.Loud.__init__", "!W>.Loud.__setstate__"]


def test_reading_and_writing_are_told_apart_by_the_mode(reached: Build) -> None:
    rows = reached(m="def r(p):\n    open(p, 'rb')\ndef w(p):\n    open(p, mode='a')\n")
    assert (rows["m.r"], rows["m.w"]) == ("R>builtins.open", "W>builtins.open")


def test_compiling_alone_runs_nothing(reached: Build) -> None:
    rows = reached(
        m="def f(t):\n    compile(t, 'n', 'exec')\ndef g(t):\n    exec(compile(t, 'n', 'exec'))\n"
    )
    assert "m.f" not in rows
    assert rows["m.g"] == "X>builtins.exec"


def test_a_property_runs_when_it_is_read(reached: Build) -> None:
    rows = reached(
        m="""
        class Lazy:
            def __init__(self, c): self.c = c
            @property
            def value(self): return eval(self.c)
        def f(c): return Lazy(c).value
        """
    )
    assert rows["m.f"] == "X>.Lazy.value"


def test_getattr_with_a_known_beginning_reaches_the_methods_that_begin_so(reached: Build) -> None:
    rows = reached(
        m="""
        class Commands:
            def do_run(self, line): exec(line)
            def dispatch(self, name, line): getattr(self, 'do_' + name)(line)
        """
    )
    assert "X>" in rows["m.Commands.dispatch"]


def test_a_function_that_is_handed_on_counts_as_run(reached: Build) -> None:
    rows = reached(m="def work(c):\n    exec(c)\ndef f(c):\n    return list(map(work, [c]))\n")
    assert rows["m.f"] == "X>.work"


def test_a_nested_function_and_a_lambda_count_as_run(reached: Build) -> None:
    rows = reached(
        m="def f(c):\n    def inner():\n        exec(c)\n    return inner\ng = lambda c: eval(c)\n"
    )
    assert (rows["m.f"], rows["m.g"]) == ("X>builtins.exec", "X>builtins.eval")


def test_calling_what_one_is_given_is_glue(reached: Build) -> None:
    rows = reached(m="def f(callback, value):\n    return callback(value)\n")
    assert rows["m.f"].startswith("G>")


def test_another_name_in_another_module_points_home(reached: Build) -> None:
    rows = reached(
        home="def f(c):\n    exec(c)\n", m="from home import f as run\n", star="from home import *\n"
    )
    assert rows["m.run"] == "=home.f"


def test_names_through_a_star_import_are_found(reached: Build) -> None:
    rows = reached(home="def f(c):\n    exec(c)\n", m="from home import *\ndef g(c):\n    f(c)\n")
    assert rows["m.g"] == "X>home.f"


def test_recursion_comes_to_an_end(reached: Build) -> None:
    rows = reached(m="def f(c):\n    g(c)\n    exec(c)\ndef g(c):\n    f(c)\n")
    assert (rows["m.f"], rows["m.g"]) == ("X>builtins.exec", "X>.f")


def test_what_cannot_be_parsed_is_left_out_and_the_rest_is_read(reached: Build) -> None:
    rows = reached(broken="def f(:\n", m="def f(c):\n    exec(c)\n")
    assert list(rows) == ["m.f"]


def test_a_neutral_call_is_not_followed(reached: Build) -> None:
    rows = reached(
        warnings="def warn(text):\n    open(text)\n",
        m="import warnings\ndef f(path):\n    warnings.warn(path)\n",
    )
    assert rows["warnings.warn"] == "R>builtins.open"
    assert "m.f" not in rows


def test_a_class_that_arrives_through_a_parameter_is_followed(reached: Build) -> None:
    rows = reached(
        m="""
        class Loader:
            def __init__(self, text): self.text = text
            def construct(self): return eval(self.text)
        def load(text, kind):
            return kind(text).construct()
        def unsafe_load(text):
            return load(text, Loader)
        """
    )
    assert rows["m.unsafe_load"].split()[0] == "X>.load"


def test_getattr_with_a_computed_name_runs_the_objects_own_lookup(reached: Build) -> None:
    rows = reached(
        m="""
        class Libraries:
            def __getattr__(self, name): exec(name)
        def f(name):
            getattr(Libraries(), name)
        """
    )
    assert "X>.Libraries.__getattr__" in rows["m.f"]


def test_calling_what_eval_returned_is_not_calling_eval(reached: Build) -> None:
    rows = reached(m="TABLE = eval('dict()')\ndef f(name):\n    return TABLE(name)\n")
    assert "m.f" not in rows


def test_what_a_socket_does_is_remembered_of_a_socket(reached: Build) -> None:
    rows = reached(m="import _socket\ndef f(where):\n    s = _socket.socket()\n    s.connect(where)\n")
    assert "T>_socket.socket.connect" in rows["m.f"]
