"""Cells of Parquet and Arrow, read by pyarrow in bounded batches, in the worker.

Only columns of text and bytes are decoded. pyarrow sees a file object over our bytes, so a remote
table costs what is decoded. Columns whose dictionary repeats few values are read as dictionaries: a
bomb of a million equal cells is one cell then. Values of Arrow files are looked at only after
`validate(full=True)`: their reader checks no offset by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from weighbridge.analyzers.datasets.cells import Cell, Kind, inspect_cells
from weighbridge.analyzers.datasets.tables import LOCAL_BYTES, REMOTE_BYTES, rest_row
from weighbridge.analyzers.datasets.url_lists import UrlColumns
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.datasets.parquet import BYTE_ARRAY, ParquetFooter
from weighbridge.formats.kinds import Format
from weighbridge.formats.source_file import SourceFile

if TYPE_CHECKING:
    import pyarrow

_INSTALL: Final = "its cells were not read: pip install 'weighbridge[datasets]'"
_BATCH_BYTES: Final = 8 * MIB
_BATCH_ROWS: Final = 4_096
_PAGE_BUFFER: Final = 64 * KIB
_MAX_DEPTH: Final = 32
_BAD_OFFSETS: Final = "DST010"


@dataclass(slots=True)
class _Reading:
    """How far the cells of one table were read, and why no further."""

    left: int
    rows: int = 0
    bad_offsets: str = ""
    is_cut: bool = False
    has_columns: bool = False
    dictionaries: set[tuple[str, int, int]] = field(default_factory=set)
    """Name, address and length of those that were searched: batches share them."""


def inspect_parquet_cells(
    artifact: Artifact, footer: ParquetFooter, repeating: Sequence[str], context: Context
) -> Iterator[Event]:
    """Search the text and bytes of a Parquet file.

    Args:
        artifact: the file.
        footer: what its footer says.
        repeating: columns to be read as dictionaries; of those each value is searched once.
        context: as for analyzers.
    """
    names = [column.path for column in footer.columns if column.physical_type == BYTE_ARRAY]
    if not names:
        return
    if not has_pyarrow():
        yield _row(artifact, Format.PARQUET, Outcome.UNSUPPORTED, _INSTALL)
        return
    reading, urls = _Reading(_most(artifact)), UrlColumns()
    cells = urls.watch(_parquet_cells(artifact, footer, repeating, reading))
    has_pickles = yield from inspect_cells(artifact, cells, context, Kind.RECORDS)
    yield from urls.findings(artifact, [column.path for column in footer.columns])
    if reading.has_columns and not reading.is_cut and reading.rows < footer.num_rows:
        detail = f"{reading.rows:,} of {footer.num_rows:,} rows could be decoded"
        yield _row(artifact, Format.PARQUET, Outcome.FAILED, detail)
    yield from _rest(artifact, Format.PARQUET, reading, footer.num_rows, has_pickles=has_pickles)


def inspect_arrow_cells(artifact: Artifact, rows: int, context: Context) -> Iterator[Event]:
    """Validate each batch of an Arrow file or stream, then search its text and bytes."""
    if not has_pyarrow():
        yield _row(artifact, Format.ARROW, Outcome.UNSUPPORTED, _INSTALL)
        return
    reading = _Reading(_most(artifact))
    cells = _arrow_cells(artifact, reading)
    has_pickles = yield from inspect_cells(artifact, cells, context, Kind.RECORDS)
    if reading.bad_offsets:
        yield Finding(
            rule=_BAD_OFFSETS,
            path=artifact.path,
            subject="values outside of their buffers",
            evidence=reading.bad_offsets[:500],
        )
        yield _row(artifact, Format.ARROW, Outcome.FAILED, "its values can't be read safely")
    yield from _rest(artifact, Format.ARROW, reading, rows, has_pickles=has_pickles)


def has_pyarrow() -> bool:
    """True when the extra is installed."""
    try:
        import pyarrow.ipc
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        return False
    return True


def _most(artifact: Artifact) -> int:
    return REMOTE_BYTES if artifact.source.is_remote else LOCAL_BYTES


def _rest(
    artifact: Artifact, kind: Format, reading: _Reading, rows: int, *, has_pickles: bool
) -> Iterator[Coverage]:
    if reading.is_cut:
        read = f"the text of the first {reading.rows:,} of {rows:,} rows"
        yield rest_row(artifact, kind, read, has_pickles=has_pickles)


def _row(artifact: Artifact, kind: Format, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=kind, outcome=outcome, detail=detail)


def _parquet_cells(
    artifact: Artifact, footer: ParquetFooter, repeating: Sequence[str], reading: _Reading
) -> Iterator[Cell]:
    import pyarrow
    from pyarrow import parquet

    source = pyarrow.PythonFile(SourceFile(artifact.source), mode="r")
    try:
        table = parquet.ParquetFile(
            source,
            read_dictionary=list(repeating),
            buffer_size=_PAGE_BUFFER,
            pre_buffer=False,
        )
        columns = _text_columns(table)
        reading.has_columns = bool(columns)
        size = sum(max(0, one.uncompressed_bytes) for one in footer.columns)
        rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * max(1, footer.num_rows) // max(1, size)))
        batches = table.iter_batches(batch_size=rows, columns=columns, use_threads=False)
        for batch in batches if columns else ():
            yield from _batch_cells(batch, [(one, False) for one in batch.columns], reading)
            if reading.is_cut:
                return
    except pyarrow.ArrowNotImplementedError as error:
        raise Malformed(f"pyarrow can't read its pages: {_first_line(error)}") from None
    except (pyarrow.ArrowException, OSError, OverflowError, KeyError, ValueError) as error:
        raise Malformed(f"its pages can't be read: {_first_line(error)}") from None


def _text_columns(table: pyarrow.parquet.ParquetFile) -> list[str]:
    """Leaves that are stored as byte arrays and are no decimals."""
    leaves = (table.schema.column(index) for index in range(len(table.schema)))
    return [
        leaf.path
        for leaf in leaves
        if leaf.physical_type == "BYTE_ARRAY" and leaf.logical_type.type != "DECIMAL"
    ]


def _arrow_cells(artifact: Artifact, reading: _Reading) -> Iterator[Cell]:
    import pyarrow
    from pyarrow import ipc

    source = pyarrow.PythonFile(SourceFile(artifact.source), mode="r")
    is_file = bytes(artifact.source.read_at(0, 6)) == b"ARROW1"
    try:
        for batch in _batches(ipc.open_file(source) if is_file else ipc.open_stream(source)):
            try:
                columns = [_checked(column) for column in batch.columns]
            except pyarrow.ArrowInvalid as error:
                reading.bad_offsets = _first_line(error)
                return
            yield from _batch_cells(batch, columns, reading)
            if reading.is_cut:
                return
    except (pyarrow.ArrowException, OSError, OverflowError, KeyError, ValueError) as error:
        raise Malformed(f"its batches can't be read: {_first_line(error)}") from None


def _batches(
    reader: pyarrow.ipc.RecordBatchFileReader | pyarrow.ipc.RecordBatchStreamReader,
) -> Iterator[pyarrow.RecordBatch]:
    if hasattr(reader, "num_record_batches"):
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)
    else:
        yield from reader


def _checked(array: pyarrow.Array) -> tuple[pyarrow.Array, bool]:
    """Return a column whose offsets are safe to follow, and whether its bytes are meant as text.

    Validation stops at the first fault. Text that is no UTF-8 is none that matters here, but it must
    not hide a wrong offset behind it: such a column is validated again as plain bytes.

    Raises:
        Malformed: text that is no UTF-8 within a nested column: what else is wrong there is not known.
        pyarrow.ArrowInvalid: values lie outside of their buffers.
    """
    import pyarrow

    try:
        array.validate(full=True)
    except pyarrow.ArrowInvalid as error:
        plain = _as_bytes(array)
        if plain is None and "UTF8" in str(error):
            raise Malformed("a nested column holds text that is no UTF-8") from None
        if plain is None:
            raise
        plain.validate(full=True)
        return plain, True
    return array, False


def _as_bytes(array: pyarrow.Array) -> pyarrow.Array | None:
    """The same buffers without the claim to be UTF-8; None for what is no plain text."""
    import pyarrow
    from pyarrow import types

    for is_kind, plain in (
        (types.is_string, pyarrow.binary()),
        (types.is_large_string, pyarrow.large_binary()),
    ):
        if is_kind(array.type):
            return pyarrow.Array.from_buffers(
                plain, len(array), array.buffers(), array.null_count, array.offset
            )
    return None


def _batch_cells(
    batch: pyarrow.RecordBatch, columns: Sequence[tuple[pyarrow.Array, bool]], reading: _Reading
) -> Iterator[Cell]:
    first = reading.rows + 1
    for name, (array, is_text) in zip(batch.schema.names, columns, strict=True):
        for path, leaf in _leaves(array, name, 0, reading):
            for index, value in enumerate(_values(leaf, is_text=is_text)):
                if value:
                    reading.left -= len(value)
                    yield path, first + index, value
                    if reading.left < 0:
                        reading.is_cut = True
                        return
    reading.rows += batch.num_rows


def _leaves(
    array: pyarrow.Array, name: str, depth: int, reading: _Reading
) -> Iterator[tuple[str, pyarrow.Array]]:
    """Yield the arrays of text and bytes below an array, with their names."""
    from pyarrow import types

    kind = array.type
    if depth > _MAX_DEPTH:
        raise Malformed("columns nest too deeply")
    if _is_extension(array):
        yield from _leaves(array.storage, name, depth + 1, reading)
    elif types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from _leaves(
                array.field(index), f"{name}.{kind.field(index).name}", depth + 1, reading
            )
    elif types.is_map(kind):
        yield from _leaves(array.keys, f"{name}.key", depth + 1, reading)
        yield from _leaves(array.items, f"{name}.value", depth + 1, reading)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        yield from _leaves(array.flatten(), name, depth + 1, reading)
    elif types.is_dictionary(kind):
        buffer = array.dictionary.buffers()[-1]
        known = (name, buffer.address if buffer is not None else 0, len(array.dictionary))
        if known not in reading.dictionaries:
            reading.dictionaries.add(known)
            yield from _leaves(array.dictionary, name, depth + 1, reading)
    elif _is_text(kind):
        yield name, array


def _is_extension(array: pyarrow.Array) -> bool:
    import pyarrow

    return isinstance(array, pyarrow.ExtensionArray)


def _is_text(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )


def _values(array: pyarrow.Array, *, is_text: bool) -> Iterator[str | bytes | None]:
    from pyarrow import types

    kind = array.type
    is_text |= types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    for scalar in array:
        buffer = scalar.as_buffer()
        if buffer is None:
            yield None
            continue
        data = buffer.to_pybytes()
        yield data.decode("utf-8", "backslashreplace") if is_text else data


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300]
