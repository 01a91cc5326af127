"""What each instruction that matters does to the abstract stack, for every release.

An operation takes the machine and the instruction's argument (0 when it has none).

Source: Python/ceval.c and Python/bytecodes.c of each release.
"""

from __future__ import annotations

from dataclasses import replace

from weighbridge.formats.bytecode import held as h
from weighbridge.formats.bytecode.call_operations import CALLS, Operation
from weighbridge.formats.bytecode.held import NULL, SELF, UNKNOWN, Held
from weighbridge.formats.bytecode.instructions import name_index
from weighbridge.formats.bytecode.machine import Machine, item

_SUBSCRIPT_OPERATION = 26
_ADD_OPERATIONS = (0, 13)
_LIST_TO_TUPLE_INTRINSIC = 6
_IMPORT_STAR_INTRINSIC = 2


# Loading and storing.


def _load_const(machine: Machine, index: int) -> None:
    machine.put(machine.constant_at(index))


def _load_name(machine: Machine, index: int) -> None:
    machine.put(machine.load_global(machine.name_at(index)))


def _load_global(machine: Machine, argument: int) -> None:
    value = machine.load_global(machine.name_at(name_index("LOAD_GLOBAL", argument, machine.version)))
    if machine.version < (3, 11) or not argument & 1:
        machine.put(value)
    else:
        machine.stack += [NULL, value] if machine.version < (3, 13) else [value, NULL]


def _load_from_dict(machine: Machine, index: int) -> None:
    machine.pop()
    _load_name(machine, index)


def _load_attr(machine: Machine, argument: int) -> None:
    name = machine.name_at(name_index("LOAD_ATTR", argument, machine.version))
    machine.put(machine.read(h.attribute(machine.pop(), name)))
    if machine.version >= (3, 12) and argument & 1:
        machine.put(SELF)


def _load_method(machine: Machine, index: int) -> None:
    machine.put(machine.read(h.attribute(machine.pop(), machine.name_at(index))))
    machine.put(SELF)


def _load_super_attr(machine: Machine, argument: int) -> None:
    machine.take(3)
    machine.put(Held(name=f"super().{machine.name_at(argument >> 2)}"))
    if argument & 1:
        machine.put(SELF)


def _load_special(machine: Machine, which: int) -> None:
    """`with`, from 3.14 on: 0 is `__enter__`, 1 is `__exit__`, 2 and 3 their asynchronous twins."""
    owner = machine.pop()
    machine.put(h.attribute(owner, "__enter__") if which == 0 else UNKNOWN)
    machine.put(SELF)


def _load_fast(machine: Machine, index: int) -> None:
    machine.load_local(item(machine.code.local_names, index))


def _load_two(machine: Machine, pair: int) -> None:
    _load_fast(machine, pair >> 4)
    _load_fast(machine, pair & 15)


def _load_deref(machine: Machine, index: int) -> None:
    machine.load_cell(item(machine.code.deref_names, index))


def _load_dict_or_deref(machine: Machine, index: int) -> None:
    machine.pop()
    _load_deref(machine, index)


def _load_small_int(machine: Machine, number: int) -> None:
    machine.put(Held(literal=number))


def _store_name(machine: Machine, index: int) -> None:
    name = machine.name_at(index)
    machine.names[name] = replace(machine.pop(), is_null=False)
    if machine.names[name] == UNKNOWN:
        del machine.names[name]


def _store_global(machine: Machine, index: int) -> None:
    value = machine.pop()
    name = machine.name_at(index)
    if value != UNKNOWN:
        machine.scope.globals[name] = value


def _store_attr(machine: Machine, index: int) -> None:
    owner = machine.pop()
    machine.pop()
    machine.read(h.attribute(owner, machine.name_at(index)))


def _delete_attr(machine: Machine, index: int) -> None:
    machine.read(h.attribute(machine.pop(), machine.name_at(index)))


def _touch(machine: Machine, index: int) -> None:
    machine.name_at(index)


def _store_fast(machine: Machine, index: int) -> None:
    machine.store_local(item(machine.code.local_names, index))


def _store_load(machine: Machine, pair: int) -> None:
    _store_fast(machine, pair >> 4)
    _load_fast(machine, pair & 15)


def _store_two(machine: Machine, pair: int) -> None:
    _store_fast(machine, pair >> 4)
    _store_fast(machine, pair & 15)


def _store_deref(machine: Machine, index: int) -> None:
    machine.store_cell(item(machine.code.deref_names, index))


# Imports.


def _import_name(machine: Machine, index: int) -> None:
    level, wanted = machine.take(2)
    name = machine.name_at(index)
    if isinstance(level.literal, int) and 0 < level.literal < 100:
        name = "." * level.literal + name
    machine.record.imported(name)
    machine.put(Held(name=name if wanted.items else name.partition(".")[0] or name))


def _import_from(machine: Machine, index: int) -> None:
    module = machine.stack[-1] if machine.stack else UNKNOWN
    found = h.attribute(module, machine.name_at(index))
    machine.record.imported(found.name or "")
    machine.put(found)


def _import_all(machine: Machine) -> None:
    module = machine.pop().name
    if module is not None:
        machine.record.imported(f"{module}.*")


def _intrinsic(machine: Machine, which: int) -> None:
    if which == _IMPORT_STAR_INTRINSIC:
        _import_all(machine)
        machine.put(UNKNOWN)
    elif which != _LIST_TO_TUPLE_INTRINSIC:
        machine.pop()
        machine.put(UNKNOWN)


# Shuffling.


def _rotate(count: int) -> Operation:
    def rotate(machine: Machine, _: int) -> None:
        values = machine.take(count)
        machine.stack += [values[-1], *values[:-1]]

    return rotate


def _rotate_n(machine: Machine, count: int) -> None:
    if count > 0:
        values = machine.take(count)
        machine.stack += [values[-1], *values[:-1]]


def _copies(count: int) -> Operation:
    def copy(machine: Machine, _: int) -> None:
        machine.stack += 2 * machine.take(count)

    return copy


def _copy(machine: Machine, depth: int) -> None:
    machine.put(machine.stack[-depth] if 0 < depth <= len(machine.stack) else UNKNOWN)


def _swap(machine: Machine, depth: int) -> None:
    if depth < 1:
        return
    values = list(machine.take(depth))
    values[0], values[-1] = values[-1], values[0]
    machine.stack += values


# Building.


def _build(machine: Machine, count: int) -> None:
    machine.put(Held(items=machine.take(count)))


def _build_set(machine: Machine, count: int) -> None:
    machine.take(count)
    machine.put(UNKNOWN)


def _build_map(machine: Machine, count: int) -> None:
    if machine.version < (3, 0):
        machine.put(UNKNOWN)
        return
    values = machine.take(2 * count)
    machine.put(h.mapping(values[::2], values[1::2]))


def _build_const_key_map(machine: Machine, count: int) -> None:
    keys = machine.pop().items or ()
    machine.put(h.mapping(keys, machine.take(count)))


def _build_interpolation(machine: Machine, flags: int) -> None:
    _build_set(machine, 2 + (flags & 1))


def _format_value(machine: Machine, flags: int) -> None:
    _build_set(machine, 2 if flags & 4 else 1)


def _concatenate(machine: Machine, count: int) -> None:
    """`f(*a, *b)` and `f(**a, **b)` up to 3.8."""
    whole = UNKNOWN
    for index, part in enumerate(machine.take(count)):
        whole = part if index == 0 else h.extended(whole, part)
        machine.spend(h.weight(whole))
    machine.put(whole)


def _extend(machine: Machine, depth: int) -> None:
    more = machine.pop()
    if 0 < depth <= len(machine.stack):
        machine.stack[-depth] = h.extended(machine.stack[-depth], more)
        machine.spend(h.weight(machine.stack[-depth]))


def _add(machine: Machine, _: int = 0) -> None:
    left, right = machine.take(2)
    whole = h.added(left, right)
    machine.spend(h.weight(whole))
    machine.put(whole)


def _subscript(machine: Machine, _: int = 0) -> None:
    owner, key = machine.take(2)
    machine.put(machine.read(h.subscript(owner, key)))


def _binary(machine: Machine, operation: int) -> None:
    if operation in _ADD_OPERATIONS:
        _add(machine)
    elif operation == _SUBSCRIPT_OPERATION:
        _subscript(machine)
    else:
        _build_set(machine, 2)


def _unpack(machine: Machine, count: int) -> None:
    items = machine.pop().items
    if items is not None and len(items) == count:
        machine.stack += reversed(items)
    else:
        machine.put_unknown(count)


def _unpack_ex(machine: Machine, counts: int) -> None:
    machine.pop()
    machine.put_unknown((counts & 0xFF) + 1 + (counts >> 8))


def _enter(machine: Machine, _: int) -> None:
    """`with`: the exit function, then what the context manager gives; mostly that is itself."""
    manager = machine.pop()
    machine.stack += [UNKNOWN, manager]


def _end_for(machine: Machine, _: int) -> None:
    machine.take(2 if machine.version < (3, 13) else 1)


def _raise(machine: Machine, count: int) -> None:
    machine.take(count)


def _make_function(machine: Machine, argument: int) -> None:
    if machine.version < (3, 0):
        machine.take(1 + argument)
    elif machine.version >= (3, 13):
        machine.take(1)
    else:
        machine.take((2 if machine.version < (3, 11) else 1) + (argument & 15).bit_count())
    machine.put(UNKNOWN)


def _make_closure(machine: Machine, defaults: int) -> None:
    machine.take(2 + defaults)
    machine.put(UNKNOWN)


OPERATIONS: dict[str, Operation] = {
    "LOAD_CONST": _load_const,
    "LOAD_NAME": _load_name,
    "LOAD_GLOBAL": _load_global,
    "LOAD_FROM_DICT_OR_GLOBALS": _load_from_dict,
    "LOAD_ATTR": _load_attr,
    "LOAD_METHOD": _load_method,
    "LOAD_SUPER_ATTR": _load_super_attr,
    "LOAD_SPECIAL": _load_special,
    "LOAD_FAST": _load_fast,
    "LOAD_FAST_CHECK": _load_fast,
    "LOAD_FAST_AND_CLEAR": _load_fast,
    "LOAD_FAST_BORROW": _load_fast,
    "LOAD_FAST_LOAD_FAST": _load_two,
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": _load_two,
    "LOAD_DEREF": _load_deref,
    "LOAD_CLASSDEREF": _load_deref,
    "LOAD_FROM_DICT_OR_DEREF": _load_dict_or_deref,
    "LOAD_SMALL_INT": _load_small_int,
    "STORE_NAME": _store_name,
    "STORE_GLOBAL": _store_global,
    "STORE_ATTR": _store_attr,
    "DELETE_ATTR": _delete_attr,
    "DELETE_NAME": _touch,
    "DELETE_GLOBAL": _touch,
    "STORE_FAST": _store_fast,
    "STORE_FAST_LOAD_FAST": _store_load,
    "STORE_FAST_STORE_FAST": _store_two,
    "STORE_DEREF": _store_deref,
    "IMPORT_NAME": _import_name,
    "IMPORT_FROM": _import_from,
    "IMPORT_STAR": lambda machine, _: _import_all(machine),
    "CALL_INTRINSIC_1": _intrinsic,
    "LIST_TO_TUPLE": lambda machine, _: None,
    "ROT_TWO": _rotate(2),
    "ROT_THREE": _rotate(3),
    "ROT_FOUR": _rotate(4),
    "ROT_N": _rotate_n,
    "DUP_TOP": _copies(1),
    "DUP_TOP_TWO": _copies(2),
    "DUP_TOPX": lambda machine, count: _copies(count)(machine, 0),
    "COPY": _copy,
    "SWAP": _swap,
    "PUSH_NULL": lambda machine, _: machine.put(NULL),
    "BUILD_TUPLE": _build,
    "BUILD_LIST": _build,
    "BUILD_SET": _build_set,
    "BUILD_STRING": _build_set,
    "BUILD_SLICE": _build_set,
    "BUILD_MAP": _build_map,
    "BUILD_CONST_KEY_MAP": _build_const_key_map,
    "BUILD_INTERPOLATION": _build_interpolation,
    "BUILD_TUPLE_UNPACK": _concatenate,
    "BUILD_LIST_UNPACK": _concatenate,
    "BUILD_TUPLE_UNPACK_WITH_CALL": _concatenate,
    "BUILD_MAP_UNPACK_WITH_CALL": _concatenate,
    "BUILD_MAP_UNPACK": _concatenate,
    "BUILD_SET_UNPACK": _build_set,
    "LIST_EXTEND": _extend,
    "DICT_UPDATE": _extend,
    "DICT_MERGE": _extend,
    "FORMAT_VALUE": _format_value,
    "BINARY_ADD": _add,
    "INPLACE_ADD": _add,
    "BINARY_SUBSCR": _subscript,
    "BINARY_OP": _binary,
    "UNPACK_SEQUENCE": _unpack,
    "UNPACK_EX": _unpack_ex,
    "SETUP_WITH": _enter,
    "BEFORE_WITH": _enter,
    "END_FOR": _end_for,
    "RAISE_VARARGS": _raise,
    "RETURN_CONST": lambda machine, index: None,
    "MAKE_FUNCTION": _make_function,
    "MAKE_CLOSURE": _make_closure,
    **CALLS,
}
