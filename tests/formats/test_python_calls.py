"""Which functions of a few Python files lead to which."""

from __future__ import annotations

import ast
from dataclasses import replace

from weighbridge.formats.scripts.python_calls import CallGraph, ModuleParts, Place, module_parts


def parts(text: str) -> ModuleParts:
    return module_parts(ast.parse(text))


def reached(text: str, start: str, receiver: str | None = None) -> set[str]:
    """What one function of a file leads to, itself included."""
    graph = CallGraph({"m": parts(text)})
    place = Place("m", start, ("m", receiver) if receiver else None)
    return {one.function for one in graph.reach([place]).came_from}


def linked(**texts: str) -> CallGraph:
    """Files of one folder, each imported by the name of its module."""
    modules = {name: parts(text) for name, text in texts.items()}
    for one in modules.values():
        one.imports = {
            local: imported if imported.module in modules else replace(imported, module=None)
            for local, imported in one.imports.items()
        }
    return CallGraph(modules)


def test_a_function_leads_to_those_that_it_calls_or_hands_on() -> None:
    text = "def a():\n b()\n go(target=c)\ndef b(): pass\ndef c(): pass\ndef d(): pass\n"
    assert reached(text, "a") == {"a", "b", "c"}


def test_self_is_looked_up_in_the_class_that_was_named() -> None:
    text = (
        "class Base:\n def start(self): self.step()\n def step(self): pass\n"
        "class Named(Base):\n def step(self): bad()\ndef bad(): pass\n"
    )
    assert reached(text, "Base.start", "Named") == {"Base.start", "Named.step", "bad"}


def test_super_is_looked_up_in_the_bases() -> None:
    text = (
        "class Base:\n def __init__(self): bad()\n"
        "class Named(Base):\n def __init__(self): super().__init__()\ndef bad(): pass\n"
    )
    assert "bad" in reached(text, "Named.__init__", "Named")


def test_making_an_object_runs_its_constructor_and_what_its_class_names() -> None:
    text = "def a(): Made()\nclass Made:\n part = Other\nclass Other:\n def __init__(self): pass\n"
    assert "Other.__init__" in reached(text, "a")


def test_a_table_of_classes_is_followed() -> None:
    text = "KINDS = {'x': Made}\ndef a(k): return KINDS[k]()\nclass Made:\n def __init__(self): pass\n"
    assert "Made.__init__" in reached(text, "a")


def test_a_method_of_an_object_in_a_variable_is_reached() -> None:
    text = (
        "def a():\n made = Made()\n made.work()\n"
        "class Made:\n def work(self): pass\n def rest(self): pass\n"
    )
    assert reached(text, "a") == {"a", "Made.work"}


def test_a_name_that_only_says_a_type_is_not_made() -> None:
    text = "def a(x: Made) -> Made: return x\nclass Made:\n def __init__(self): pass\n"
    assert reached(text, "a") == {"a"}


def test_an_import_is_followed_through_a_file_that_passes_it_on() -> None:
    graph = linked(
        a="from .b import work\ndef start(): work()\n",
        b="from .c import inner as work\n",
        c="def inner(): pass\n",
    )
    found = graph.reach([Place("a", "start")])
    assert Place("c", "inner") in found.came_from


def test_files_that_import_each_other_end() -> None:
    graph = linked(a="from .b import x\ndef start(): x()\n", b="from .a import x\ndef other(): x()\n")
    assert set(graph.reach([Place("a", "start")]).came_from) == {Place("a", "start")}


def test_classes_that_derive_from_each_other_end() -> None:
    text = "class A(B):\n def go(self): self.x()\nclass B(A):\n def x(self): pass\n"
    assert reached(text, "A.go", "A") == {"A.go", "B.x"}


def test_the_way_names_each_function_from_the_start() -> None:
    graph = CallGraph({"m": parts("def a(): b()\ndef b(): c()\ndef c(): pass\n")})
    found = graph.reach([Place("m", "a")])
    assert found.way(Place("m", "c")) == ("a", "b", "c")


def test_more_places_than_the_limit_are_said_to_be_cut() -> None:
    count = 10_100
    text = "\n".join(f"def f{n}(): f{n + 1}()" for n in range(count))
    graph = CallGraph({"m": parts(text)})
    assert graph.reach([Place("m", "f0")]).is_cut
