"""Mobile modules as a flatbuffer (`.ptl`, `.ff`): the operators, classes and sources that they name.

    u32 root  "PTMF"  Module flatbuffer; tensors lie in it as vectors of bytes

Source: torch/csrc/jit/serialization/mobile_bytecode.fbs of PyTorch 2.x.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Budget
from weighbridge.errors import LimitReached
from weighbridge.formats.flatbuffer import FlatBuffer, Scalar, Table

IDENTIFIER = b"PTMF"
_FUNCTION = 16
"""Place of Function in the union of values."""
_CHECK_EVERY = 1 << 12
_MOST_FILES = 10_000
_MOST_VALUES, _MOST_NAMES = 4_000_000, 100_000


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """A file in the module: `code/__torch__/net.py`, or an extra file of the publisher."""

    name: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class MobileModule:
    """What a mobile module names.

    Attributes:
        operators: `aten::add.Tensor`, without repeats.
        classes: qualified names of the types of its objects.
        files: extra files and TorchScript sources.
    """

    operators: tuple[str, ...]
    classes: tuple[str, ...]
    files: tuple[CarriedFile, ...]


def parse_mobile(source: ByteSource, budget: Budget) -> MobileModule:
    """Read the tables of a module; tensor bytes are not read.

    Raises:
        Malformed: a table leads nowhere.
        LimitReached: more tables than any module needs, or out of time.
    """
    root = FlatBuffer(source).root()
    operators: dict[str, None] = {}
    for number, value in enumerate(_tables(root, 4)):
        if number % _CHECK_EVERY == 0:
            budget.check_time()
        if number > _MOST_VALUES or len(operators) > _MOST_NAMES:
            raise LimitReached(f"a mobile module of more than {number:,} values")
        function = value.table(1) if value.scalar(0, Scalar.UBYTE) == _FUNCTION else None
        for operator in _tables(function, 2) if function is not None else ():
            name, overload = operator.text(0, 1024) or "", operator.text(1, 1024) or ""
            operators[f"{name}.{overload}" if overload else name] = None
    classes = dict.fromkeys(one.text(0, 1024) or "" for one in _tables(root, 7))
    files = [*_files(root, 1), *_files(root, 8)]
    return MobileModule(tuple(operators), tuple(classes), tuple(files))


def _tables(table: Table, index: int) -> Iterator[Table]:
    vector = table.vector(index, 4)
    yield from vector.tables() if vector is not None else ()


def _files(root: Table, index: int) -> Iterator[CarriedFile]:
    for number, carried in enumerate(_tables(root, index)):
        if number >= _MOST_FILES:
            raise LimitReached(f"a mobile module with more than {_MOST_FILES:,} files in it")
        content = carried.vector(1, 1)
        if content is not None:
            yield CarriedFile(carried.text(0, 1024) or "", content.start, content.count)
