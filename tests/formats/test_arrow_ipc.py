"""Arrow messages: schemas and their extension types, and buffers that lie elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.dataset_bytes import (
    arrow_field,
    arrow_schema,
    arrow_stream,
    arrow_texts,
    extension,
    flatbuffer,
)

from weighbridge.bytesource.memory import MemorySource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.datasets.arrow_ipc import (
    IpcAnomaly,
    IpcContents,
    is_ipc_stream,
    schema_of_message,
    walk_ipc,
)

SCHEMA = arrow_schema([arrow_field("text", extension("own", b"\x80\x04N.")), arrow_field("b")])
STREAM = arrow_stream(arrow_schema([arrow_field("text")]), arrow_texts([b"one", b"two"]))


def _walk(data: bytes) -> IpcContents:
    return walk_ipc(MemorySource(data))


def _file(batch: bytes, *, at: int | None = None) -> bytes:
    """A file of one batch whose footer says that it begins at `at`."""
    schema = {1: ("tables", [arrow_field("text")])}
    start = 8
    block = (start if at is None else at).to_bytes(8, "little", signed=True)
    block += (8).to_bytes(4, "little") + bytes(4) + (16).to_bytes(8, "little")
    footer = flatbuffer({0: ("h", 4), 1: ("table", schema), 3: ("structs", (block, 1))})
    return b"ARROW1\0\0" + batch + footer + len(footer).to_bytes(4, "little") + b"ARROW1"


def test_fields_keep_their_extension_type_and_its_bytes() -> None:
    schema = schema_of_message(SCHEMA)
    shown = [(one.path, one.extension, one.extension_metadata) for one in schema.fields]
    assert shown == [("text", "own", b"\x80\x04N."), ("b", None, b"")]


def test_a_stream_is_walked_to_its_end() -> None:
    contents = _walk(STREAM)
    assert (contents.batches, contents.rows, contents.anomalies) == (1, 2, ())


def test_a_file_is_walked_by_its_footer() -> None:
    contents = _walk(_file(arrow_texts([b"one", b"two", b"three"])))
    assert (contents.rows, contents.anomalies, len(contents.schemas)) == (3, (), 1)


def test_a_block_outside_of_the_file_is_noted() -> None:
    kinds = [one.kind for one in _walk(_file(arrow_texts([b"a"]), at=1 << 40)).anomalies]
    assert kinds == [IpcAnomaly.BLOCK_OUTSIDE]


def test_a_file_without_a_footer_is_walked_from_message_to_message() -> None:
    contents = _walk(b"ARROW1\0\0" + STREAM)
    assert [one.kind for one in contents.anomalies] == [IpcAnomaly.NO_FOOTER]
    assert contents.rows == 2


@pytest.mark.parametrize("moved", [9, 1 << 20, 1 << 62])
def test_a_buffer_outside_of_its_body_is_noted(moved: int) -> None:
    data = arrow_stream(arrow_schema([arrow_field("t")]), arrow_texts([b"abc"], moved=moved))
    assert [one.kind for one in _walk(data).anomalies] == [IpcAnomaly.BUFFER_OUTSIDE]


def test_a_negative_offset_is_noted() -> None:
    data = arrow_stream(arrow_schema([arrow_field("t")]), arrow_texts([b"abc"], moved=-1000))
    assert [one.kind for one in _walk(data).anomalies] == [IpcAnomaly.NEGATIVE]


def test_fields_that_share_one_vector_of_children_do_not_explode() -> None:
    inner = arrow_field("a" * 200)
    for _ in range(70):
        inner = {0: ("text", "x"), 2: ("B", 13), 3: ("table", {}), 5: ("tables", [inner])}
    with pytest.raises(Malformed, match="nest too deeply"):
        schema_of_message(arrow_schema([inner]))


@pytest.mark.parametrize("head", [b"\xff\xff\xff\xff", b"\xff\xff\xff\xff\x10\0\0\0", b"text", b""])
def test_what_has_no_schema_is_no_stream(head: bytes) -> None:
    assert not is_ipc_stream(head)


def test_a_stream_is_known_by_its_schema() -> None:
    assert is_ipc_stream(STREAM[:4096])


@pytest.mark.parametrize("length", range(0, len(STREAM), 3))
def test_a_cut_stream_is_malformed_or_noted(length: int) -> None:
    try:
        contents = _walk(STREAM[:length])
    except Malformed:
        return
    assert contents.rows <= 2
    assert len(contents.schemas) == 1


@given(st.integers(0, len(STREAM) - 1), st.binary(min_size=1, max_size=8))
def test_any_change_gives_an_answer(at: int, patch: bytes) -> None:
    data = STREAM[:at] + patch + STREAM[at + len(patch) :]
    try:
        contents = _walk(data)
    except (Malformed, LimitReached):
        return
    assert contents.schemas
