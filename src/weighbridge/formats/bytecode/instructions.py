"""A bounded disassembler: bytes of instructions in, instructions out, for each release that has a table.

    2.7        opcode 1 [, argument 2 when the opcode takes one]
    3.6 on     opcode 1, argument 1; EXTENDED_ARG puts 8 more bits in front
    3.11 on    words of inline cache follow some instructions; they are zero in files

Source: Lib/dis.py and Python/ceval.c of each release.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.errors import Malformed
from weighbridge.formats.bytecode.opcode_tables import VERSIONS, Opcodes, opcodes
from weighbridge.formats.bytecode.values import CodeObject, Version, is_layout_of

MAX_INSTRUCTIONS = 200_000
"""In one code object; the longest functions that people write have some thousands."""
_JUDGED_CODES = 20
_JUDGED_INSTRUCTIONS = 2_000
_ENDS = frozenset(
    {
        "RETURN_VALUE",
        "RETURN_CONST",
        "RERAISE",
        "RAISE_VARARGS",
        "JUMP_ABSOLUTE",
        "JUMP_BACKWARD",
        "JUMP_BACKWARD_NO_INTERRUPT",
        "JUMP_FORWARD",
        "INTERPRETER_EXIT",
        "END_FINALLY",
    }
)
_BY_NAME = frozenset(
    {
        "LOAD_NAME",
        "STORE_NAME",
        "DELETE_NAME",
        "LOAD_GLOBAL",
        "STORE_GLOBAL",
        "DELETE_GLOBAL",
        "LOAD_ATTR",
        "STORE_ATTR",
        "DELETE_ATTR",
        "LOAD_METHOD",
        "IMPORT_NAME",
        "IMPORT_FROM",
        "LOAD_FROM_DICT_OR_GLOBALS",
        "LOAD_SUPER_ATTR",
    }
)
_BY_LOCAL = frozenset(
    {
        "LOAD_FAST",
        "STORE_FAST",
        "DELETE_FAST",
        "LOAD_FAST_CHECK",
        "LOAD_FAST_AND_CLEAR",
        "LOAD_FAST_BORROW",
    }
)
_BY_CELL = frozenset(
    {"LOAD_CLOSURE", "LOAD_DEREF", "STORE_DEREF", "DELETE_DEREF", "LOAD_CLASSDEREF", "MAKE_CELL"}
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction; EXTENDED_ARG and cache words are folded in.

    Attributes:
        offset: of its opcode, in bytes.
        argument: None for instructions that take none.
        stop: offset behind its argument and caches: jumps count from there.
    """

    offset: int
    name: str
    argument: int | None
    stop: int


def disassemble(code: CodeObject, version: Version) -> Iterator[Instruction]:
    """Yield the instructions as that release would run them.

    Raises:
        Malformed: no table for the release, a byte that is no instruction, a cut-off, or too many.
    """
    if version not in VERSIONS:
        raise Malformed(f"no table of instructions for Python {version[0]}.{version[1]}")
    table = opcodes(version)
    walk = _bytes_walk(code.code, table) if version < (3, 0) else _words_walk(code.code, table)
    for count, instruction in enumerate(walk):
        if count >= MAX_INSTRUCTIONS:
            raise Malformed(f"more than {MAX_INSTRUCTIONS:,} instructions", instruction.offset)
        yield instruction


def _bytes_walk(data: bytes, table: Opcodes) -> Iterator[Instruction]:
    at = extended = 0
    while at < len(data):
        number = data[at]
        name = _name(table, number, at)
        if number < table.first_with_argument:
            at += 1
            yield Instruction(at - 1, name, None, at)
            continue
        if at + 3 > len(data):
            raise Malformed("an instruction is cut off", at)
        argument = extended << 16 | data[at + 1] | data[at + 2] << 8
        at += 3
        if number == table.extended_argument:
            extended = argument & 0xFFFF
            continue
        extended = 0
        yield Instruction(at - 3, name, argument, at)


def _words_walk(data: bytes, table: Opcodes) -> Iterator[Instruction]:
    at = extended = 0
    while at < len(data):
        if at + 2 > len(data):
            raise Malformed("an instruction is cut off", at)
        number, low = data[at], data[at + 1]
        name = _name(table, number, at)
        argument = (extended << 8 | low) & 0xFFFFFFFF
        offset, at = at, at + 2
        if number == table.extended_argument:
            extended = argument
            continue
        extended = 0
        at += 2 * table.caches.get(number, 0)
        if name != "CACHE":
            has_argument = number >= table.first_with_argument
            yield Instruction(offset, name, argument if has_argument else None, at)


def _name(table: Opcodes, number: int, at: int) -> str:
    name = table.names.get(number)
    if name is None:
        raise Malformed(f"{number} is no instruction of this release", at)
    return name


def jump_target(instruction: Instruction, version: Version) -> int | None:
    """The offset that an instruction may jump to; for SETUP_* that of the handler."""
    name, argument = instruction.name, instruction.argument
    if argument is None:
        return None
    unit = 1 if version < (3, 10) else 2
    if "BACKWARD" in name:
        return instruction.stop - unit * argument
    if name in ("FOR_ITER", "JUMP_FORWARD", "SEND", "CALL_FINALLY") or name.startswith("SETUP_"):
        return instruction.stop + unit * argument
    if "JUMP" in name or name == "CONTINUE_LOOP":
        return unit * argument if version < (3, 11) else instruction.stop + unit * argument
    return None


@dataclass(frozen=True, slots=True)
class Reading:
    """How well the instructions of one release fit a code object. Greater is better."""

    version: Version
    flaws: int
    """Out of place: an instruction that does not exist, an index beyond its table, a filled cache."""


def readings(code: CodeObject, nested: tuple[CodeObject, ...] = ()) -> tuple[Reading, ...]:
    """The releases whose layout the object has, best first; the newest first among equals.

    An object whose release is known has that reading alone, or none where there is no table.

    Args:
        code: the object to read.
        nested: code objects inside it, which come from the same compiler and are weighed with it.
    """
    if code.version is not None:
        candidates = tuple(version for version in VERSIONS if version == code.version)
    else:
        candidates = tuple(version for version in VERSIONS if is_layout_of(code.layout, version))
    weighed = [
        Reading(version, sum(_flaws(each, version) for each in (code, *nested[:_JUDGED_CODES])))
        for version in reversed(candidates)
    ]
    return tuple(sorted(weighed, key=lambda reading: reading.flaws))


def _flaws(code: CodeObject, version: Version) -> int:
    table = opcodes(version)
    flaws = 0
    last = ""
    names = set()
    try:
        for count, instruction in enumerate(disassemble(code, version)):
            last = instruction.name
            names.add(last)
            flaws += not _is_in_range(code, instruction, version)
            cache = code.code[
                instruction.stop
                - 2 * table.caches.get(code.code[instruction.offset], 0) : instruction.stop
            ]
            flaws += version >= (3, 11) and any(cache)
            if count >= _JUDGED_INSTRUCTIONS:
                break
        else:
            flaws += last not in _ENDS
    except Malformed:
        flaws += 10
    return flaws + (version >= (3, 11) and "RESUME" not in names)


def _has_filled_cache(data: bytes, instruction: Instruction, table: Opcodes) -> bool:
    words = table.caches.get(data[instruction.offset], 0)
    return any(data[instruction.stop - 2 * words : instruction.stop])


def _is_in_range(code: CodeObject, instruction: Instruction, version: Version) -> bool:
    name, argument = instruction.name, instruction.argument
    target = jump_target(instruction, version)
    if target is not None:
        return 0 <= target <= len(code.code)
    if argument is None:
        return name != "CACHE"
    if name in _BY_NAME:
        return name_index(name, argument, version) < len(code.names)
    if name in ("LOAD_CONST", "RETURN_CONST"):
        return argument < len(code.constants)
    if name in _BY_LOCAL:
        return argument < len(code.local_names)
    return name not in _BY_CELL or argument < len(code.deref_names)


def name_index(name: str, argument: int, version: Version) -> int:
    """The index into `names` that the argument of an instruction holds, without its flags."""
    if name == "LOAD_GLOBAL" and version >= (3, 11):
        return argument >> 1
    if name == "LOAD_ATTR" and version >= (3, 12):
        return argument >> 1
    return argument >> 2 if name == "LOAD_SUPER_ATTR" else argument
