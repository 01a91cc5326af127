"""Instructions, held against `dis` of the running interpreter and against each release's own code."""

from __future__ import annotations

import dis
import marshal
import sys
from dataclasses import replace

import pytest

from tests.formats.bytecode.compiled import RELEASES, Compiled, all_compiled, compiled
from weighbridge.errors import Malformed
from weighbridge.formats.bytecode import instructions
from weighbridge.formats.bytecode.instructions import disassemble, jump_target, readings
from weighbridge.formats.bytecode.marshal_reader import read_marshal
from weighbridge.formats.bytecode.opcode_tables import VERSIONS, opcodes
from weighbridge.formats.bytecode.values import CodeObject

RUNNING = sys.version_info[:2]
SOURCES = (
    "import os; os.system('echo weighbridge-marker')",
    "def f(a, *b, c=1, **d):\n    return [x for x in b if x] + [lambda: a, *b]",
    "async def g(x):\n    async with x as y:\n        await y\n    async for z in y:\n        yield z",
    "try:\n    x = 1\nexcept* ValueError as e:\n    raise KeyError from e\nfinally:\n    del x",
    "match x:\n    case {'a': 1, **r}: pass\n    case C(y=2): pass\n    case [1, *_]: pass",
    "class A(B, metaclass=M):\n    def f(self):\n        super().__init__()\n        k = __class__",
    "with a as b, c: print(f'{b!r:>{c}}', *b, **c)",
    "\n".join(f"name_{i} = name_{i + 1}.attribute_{i}({i})" for i in range(400)),
    "x[1:2] = y[::2]; a, *b = c; d = e if f else g; h @= i; not j; -k",
)


def code_of(data: bytes) -> CodeObject:
    value = read_marshal(data).value
    assert isinstance(value, CodeObject)
    return value


@pytest.mark.skipif(RUNNING not in VERSIONS, reason="no table for the running interpreter")
@pytest.mark.parametrize("source", SOURCES)
def test_same_instructions_as_dis(source: str) -> None:
    code = compile(source, "model.py", "exec")
    pairs = [(code, code_of(marshal.dumps(code)))]
    for theirs, ours in pairs:
        pairs += zip(
            (each for each in theirs.co_consts if hasattr(each, "co_code")),
            (each for each in ours.constants if isinstance(each, CodeObject)),
            strict=True,
        )

    expected = [
        [(i.offset, i.opname, i.arg) for i in dis.get_instructions(theirs) if i.opname != "EXTENDED_ARG"]
        for theirs, _ in pairs
    ]

    found = [[(i.offset, i.name, i.argument) for i in disassemble(ours, RUNNING)] for _, ours in pairs]
    assert found == expected


@pytest.mark.skipif(RUNNING not in VERSIONS, reason="no table for the running interpreter")
def test_same_jump_targets_as_dis() -> None:
    source = (
        "while a:\n    for b in c:\n        if d and b or e is None: break\n    else: continue\n"
        "f = g if h else i"
    )
    code = compile(source, "model.py", "exec")

    expected = {each.offset for each in dis.get_instructions(code) if each.is_jump_target}

    targets = {jump_target(each, RUNNING) for each in disassemble(code_of(marshal.dumps(code)), RUNNING)}
    assert targets - {None} == expected


@pytest.mark.parametrize("each", [each for each in all_compiled() if each.kind != "pyc"], ids=str)
def test_the_release_that_compiled_it_reads_it_without_a_flaw(each: Compiled) -> None:
    code = code_of(each.data)

    flawless = {reading.version for reading in readings(code) if reading.flaws == 0}

    assert each.version in flawless


@pytest.mark.parametrize("release", ["2.7", "3.7", "3.11", "3.12", "3.13"])
def test_instructions_alone_tell_the_release_of_a_long_program(release: str) -> None:
    code = code_of(compiled("branches", release))
    nested = tuple(each for each in code.constants if isinstance(each, CodeObject))

    first = readings(code, nested)[0]

    assert f"{first.version[0]}.{first.version[1]}" == release


@pytest.mark.parametrize("release", RELEASES)
def test_every_prefix_of_the_instructions_ends_or_is_malformed(release: str) -> None:
    code = code_of(compiled("branches", release))
    version = next(each.version for each in all_compiled() if each.release == release)

    endings = [
        ending(replace(code, code=code.code[:length]), version) for length in range(len(code.code))
    ]

    assert set(endings) <= {"end", "malformed"}
    assert endings[0] == "end"


def ending(code: CodeObject, version: tuple[int, int]) -> str:
    try:
        list(disassemble(code, version))
    except Malformed:
        return "malformed"
    return "end"


def test_number_of_instructions_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "MAX_INSTRUCTIONS", 3)

    with pytest.raises(Malformed, match="more than 3 instructions"):
        list(disassemble(code_of(compiled("plain", "3.10")), (3, 10)))


def test_a_release_without_a_table_is_said_not_guessed() -> None:
    code = replace(code_of(compiled("plain", "3.7")), version=(3, 5))

    assert readings(code) == ()
    with pytest.raises(Malformed, match=r"no table of instructions for Python 3\.5"):
        list(disassemble(code, (3, 5)))


@pytest.mark.parametrize("version", VERSIONS)
def test_tables_hold_what_every_release_has(version: tuple[int, int]) -> None:
    table = opcodes(version)

    assert {"LOAD_CONST", "IMPORT_NAME", "RETURN_VALUE", "EXTENDED_ARG"} <= set(table.names.values())
    assert len(table.names) == len(set(table.names.values()))
