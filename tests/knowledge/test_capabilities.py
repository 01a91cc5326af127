"""Lookups in the computed tables: names, other names, objects, bases, ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import WeighbridgeError
from weighbridge.knowledge.callables import CallableKnowledge, Capability, Condition, Standing
from weighbridge.knowledge.capabilities import ComputedCapabilities
from weighbridge.knowledge.locate import signatures_dir

PYTHON = """\
# tool
# the standard libraries of Python 3.11
[runner]
Timer\t* X>.Timer.__init__
Timer.__init__\tX>builtins.compile
again\tX>.Timer.__init__ w>builtins.open
fixed\tp>posix.system
"""
LIBRARY = """\
# tool
# lib 1.2
[lib]
go\t=lib.inner.run
tool\t:lib.inner.Tool
[lib.inner]
Child\t* <lib.inner.Tool
Quiet\t* X>.Quiet.__init__
Tool\t* W>.Tool.__init__ !D>.Tool.__setstate__
Tool.save\tW>builtins.open
run\tPX>runner.again
loop\t=lib.inner.loop
"""


@pytest.fixture
def computed(tmp_path: Path) -> ComputedCapabilities:
    (tmp_path / "python.txt").write_text(PYTHON)
    (tmp_path / "lib.txt").write_text(LIBRARY)
    return ComputedCapabilities(tmp_path, frozenset({"runner"}))


def test_capital_letters_are_steered_small_ones_are_not(computed: ComputedCapabilities) -> None:
    found = computed.find("runner", "again")
    assert found is not None
    assert (found.steered, found.fixed) == ((Capability.EXECUTES_CODE,), (Capability.WRITES_FILES,))


def test_the_most_telling_capability_stands_first(computed: ComputedCapabilities) -> None:
    found = computed.find("lib.inner", "run")
    assert found is not None
    assert found.steered == (Capability.SPAWNS_PROCESS, Capability.EXECUTES_CODE)


def test_the_way_crosses_libraries(computed: ComputedCapabilities) -> None:
    found = computed.find("lib.inner", "run")
    assert found is not None
    assert computed.witness(found, Capability.EXECUTES_CODE) == (
        "lib.inner.run",
        "runner.again",
        "runner.Timer.__init__",
        "builtins.compile",
    )


def test_another_name_leads_home(computed: ComputedCapabilities) -> None:
    found = computed.find("lib", "go")
    assert found is not None
    assert found.canonical == "lib.inner.run"


def test_the_split_between_module_and_name_does_not_matter(computed: ComputedCapabilities) -> None:
    found = computed.find("lib", "inner.Tool.save")
    assert found is not None
    assert found.canonical == "lib.inner.Tool.save"


def test_a_method_of_an_object_of_the_module_is_that_of_its_class(
    computed: ComputedCapabilities,
) -> None:
    found = computed.find("lib", "tool.save")
    assert found is not None
    assert found.steered == (Capability.WRITES_FILES,)


def test_the_object_itself_is_nothing_that_is_called(computed: ComputedCapabilities) -> None:
    assert computed.find("lib", "tool") is None


def test_an_inherited_method_is_found_in_the_base(computed: ComputedCapabilities) -> None:
    found = computed.find("lib.inner", "Child.save")
    assert found is not None
    assert found.canonical == "lib.inner.Tool.save"


def test_constructing_and_rebuilding_are_told_apart(computed: ComputedCapabilities) -> None:
    found = computed.find("lib.inner", "Tool")
    assert found is not None
    assert found.is_class
    assert (found.steered, found.rebuilding) == ((Capability.WRITES_FILES,), (Capability.DESERIALIZES,))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("lib.inner", "nothing"),
        ("lib", "inner"),
        ("other", "run"),
        ("../python", "x"),
        ("", ""),
        ("lib\n[x", "y"),
        ("lib\udc80", "run"),
        ("a" * 5000, "run"),
        ("é" * 200, "run"),
        ("lib", "run\udc80"),
    ],
)
def test_what_is_not_there_is_none(computed: ComputedCapabilities, module: str, name: str) -> None:
    assert computed.find(module, name) is None


def test_names_that_point_at_each_other_come_to_an_end(computed: ComputedCapabilities) -> None:
    assert computed.find("lib.inner", "loop") is None


def test_tables_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeighbridgeError, match="no capabilities"):
        ComputedCapabilities(tmp_path, frozenset())


def test_a_table_that_cannot_be_read_is_not_taken_for_nothing_known(tmp_path: Path) -> None:
    (tmp_path / "python.txt").write_text(PYTHON)
    (tmp_path / "lib.txt").mkdir()
    with pytest.raises(WeighbridgeError, match="cannot read"):
        ComputedCapabilities(tmp_path, frozenset()).find("lib", "run")


@pytest.fixture(scope="module")
def knowledge() -> CallableKnowledge:
    return CallableKnowledge.load(signatures_dir() / "callables")


def test_an_unlisted_function_is_judged_by_its_source(knowledge: CallableKnowledge) -> None:
    judged = knowledge.judge("optparse", "Values.read_file", protocol=4)
    assert judged.standing is Standing.REACHES
    assert judged.witness == ("optparse.Values.read_file", "builtins.exec")
    assert judged.otherwise is Standing.STDLIB


def test_the_allow_list_stands_before_the_source(knowledge: CallableKnowledge) -> None:
    assert knowledge.judge("collections", "OrderedDict", protocol=4).standing is Standing.ALLOWED


def test_a_class_that_only_its_constructor_makes_harmful_is_so_unless_rebuilt(
    knowledge: CallableKnowledge,
) -> None:
    judged = knowledge.judge("transformers.trainer", "Trainer", protocol=4)
    assert (judged.standing, judged.condition) == (Standing.REACHES, Condition.REBUILT)
