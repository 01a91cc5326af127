"""HDF5: what the walk tells, what it never does, and that any bytes end as they should."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.hdf5_writer import (
    BYTE,
    FLOAT,
    ROWS,
    Dataset,
    Group,
    Link,
    attribute,
    external,
    opaque_type,
    soft,
    text_type,
    write,
)

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB, Limits
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.identify import identify
from weighbridge.formats.keras.hdf5 import walk_hdf5
from weighbridge.formats.keras.hdf5_file import Superblock, find_superblock
from weighbridge.formats.keras.hdf5_types import (
    Hdf5Attribute,
    Hdf5Dataset,
    Hdf5Event,
    Hdf5Link,
    Hdf5Unread,
    LinkKind,
    TypeKind,
)
from weighbridge.formats.kinds import Format

LIMITS = Limits()
ARRAY = Dataset(FLOAT, (4,), bytes(16))
RICH = write(
    Group(
        {
            "array": ARRAY,
            "soft": soft("/array"),
            "rows": Dataset(ROWS, (2,), rows=[b"one", b"two"], attributes=[attribute("a", b"text")]),
            "virtual": Dataset(FLOAT, (4,), source="/tmp/other.h5"),
            "stored": Dataset(BYTE, (16,), external="/etc/passwd"),
            "inner": Group({"x": Dataset(text_type(5), (), b"hello")}),
        }
    )
)


def events(data: bytes, limits: Limits = LIMITS) -> list[Hdf5Event]:
    return list(walk_hdf5(MemorySource(data), limits))


def datasets(data: bytes) -> dict[str, Hdf5Dataset]:
    return {one.place: one for one in events(data) if isinstance(one, Hdf5Dataset)}


@pytest.fixture(autouse=True)
def _walks() -> Iterator[None]:
    """Keep walks open while a test reads content, and close them behind it."""
    yield
    while OPEN:
        OPEN.pop().close()


OPEN: list[Generator[Hdf5Event, None, None]] = []


def first(data: bytes) -> Hdf5Dataset:
    """The first dataset of a file, readable until the test ends."""
    walk = walk_hdf5(MemorySource(data), LIMITS)
    OPEN.append(cast(Generator[Hdf5Event, None, None], walk))
    return next(event for event in walk if isinstance(event, Hdf5Dataset))


class TestWalk:
    def test_links_are_told_and_not_followed(self) -> None:
        links = {"s": soft("/x"), "e": external("/etc/other.h5", "/y"), "u": Link(187, b"abc")}

        assert events(write(Group(links))) == [
            Hdf5Link("/e", LinkKind.EXTERNAL, "/etc/other.h5", "/y"),
            Hdf5Link("/s", LinkKind.SOFT, "", "/x"),
            Hdf5Link("/u", LinkKind.USER_DEFINED, "", "class 187"),
        ]

    def test_an_array_is_told_by_its_shape_and_type(self) -> None:
        found = datasets(write(Group({"g": Group({"x": ARRAY})})))["/g/x"]

        assert (found.shape, found.item_bytes, found.kind) == ((4,), 4, TypeKind.OTHER)
        assert found.declared_bytes == 16

    def test_external_storage_names_its_file(self) -> None:
        found = first(write(Group({"x": Dataset(BYTE, (16,), external="/etc/passwd")})))

        assert found.external == ("/etc/passwd",)
        assert found.content.head() == b""

    def test_a_virtual_dataset_names_its_sources_and_is_not_asked_for_its_shape(self) -> None:
        found = datasets(write(Group({"x": Dataset(FLOAT, (4,), source="/tmp/other.h5")})))["/x"]

        assert (found.sources, found.shape) == (("/tmp/other.h5",), None)

    def test_filters_are_told_by_number_and_name(self) -> None:
        found = datasets(write(Group({"x": Dataset(FLOAT, (4,), filters=[(4711, b"odd")])})))["/x"]

        assert [(one.number, one.name) for one in found.filters] == [(4711, "odd")]

    def test_attributes_of_text_and_bytes_are_read_and_numbers_are_not(self) -> None:
        numbers = attribute("n", bytes(4), FLOAT)
        raw = attribute("b", b"\x01\x02", BYTE, (2,))
        data = write(Group({}, [attribute("t", b"text"), numbers, raw]))

        assert events(data) == [
            Hdf5Attribute("/", "b", (b"\x01\x02",)),
            Hdf5Attribute("/", "t", (b"text",)),
        ]

    def test_a_link_whose_name_is_a_path_is_not_followed(self) -> None:
        (found, _) = events(write(Group({"e/x": ARRAY, "e": external("/etc/other.h5", "/y")})))[::-1]

        assert isinstance(found, Hdf5Unread)
        assert "not followed" in found.reason

    def test_a_group_inside_itself_is_walked_once(self) -> None:
        inner = Group({"x": ARRAY})
        data = bytearray(write(Group({"loop": inner})))
        # The only hard link of the inner group leads back to that group.
        target = data.index(b"\x01\x00\x04loop") + 7
        own = data[target : target + 8]
        back = data.index(b"\x01\x00\x01x") + 4
        data[back : back + 8] = own

        assert events(bytes(data)) == []


class TestContent:
    def test_bytes_in_one_piece_are_told_by_their_place(self) -> None:
        data = write(Group({"x": Dataset(opaque_type(12), (), b"weighbridge!")}))

        found = datasets(data)["/x"]

        assert found.offset is not None
        assert data[found.offset : found.offset + found.stored_bytes] == b"weighbridge!"

    def test_the_first_bytes_are_read_on_demand(self) -> None:
        found = first(write(Group({"x": Dataset(BYTE, (200,), bytes(range(200)))})))

        assert found.content.head() == bytes(range(64))
        assert found.content.whole() == bytes(range(200))

    def test_rows_are_read_one_by_one(self) -> None:
        found = first(write(Group({"x": Dataset(ROWS, (2,), rows=[b"one", b"three"])})))

        assert list(found.content.rows()) == [b"one", b"three"]

    def test_of_many_rows_a_thousand_are_read(self) -> None:
        found = first(write(Group({"x": Dataset(ROWS, (1001,), rows=[b"r"] * 1001)})))
        rows = found.content.rows()

        assert [next(rows) for _ in range(1000)] == [b"r"] * 1000
        with pytest.raises(LimitReached, match="1,001 rows"):
            next(rows)

    def test_what_a_plugin_filtered_is_not_read(self) -> None:
        found = first(write(Group({"x": Dataset(BYTE, (4,), filters=[(4711, b"odd")])})))

        assert found.content.head() == b""
        with pytest.raises(LimitReached):
            found.content.whole()

    def test_an_array_of_gigabytes_is_not_read(self) -> None:
        found = first(write(Group({"x": Dataset(BYTE, (100_000, 100_000), filters=[(1, b"deflate")])})))

        with pytest.raises(LimitReached):
            found.content.whole()


class TestSuperblock:
    def test_the_end_of_the_file_is_known(self) -> None:
        data = write(Group({"x": ARRAY}))

        assert find_superblock(MemorySource(data + b"more")) == Superblock(0, len(data))

    def test_a_user_block_moves_it(self) -> None:
        data = write(Group({"x": ARRAY}), bytes(1024))

        assert find_superblock(MemorySource(data)) == Superblock(1024, len(data))

    def test_a_file_that_was_put_behind_something_keeps_its_end(self) -> None:
        data = bytes(512) + write(Group({"x": ARRAY}))

        assert find_superblock(MemorySource(data)) == Superblock(512, len(data))

    def test_without_a_signature_there_is_none(self) -> None:
        assert find_superblock(MemorySource(bytes(5000))) is None


class TestRecognition:
    @pytest.mark.parametrize("size", [0, 512, 1024, 2048, 4096, 65536])
    def test_hdf5_is_known_behind_any_user_block(self, size: int) -> None:
        data = write(Group({"x": ARRAY}), bytes(size))

        assert Format.HDF5 in identify(MemorySource(data), "model")

    def test_the_first_member_of_a_tar_is_no_user_block(self) -> None:
        import io
        import tarfile

        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as made:
            data = write(Group({"x": ARRAY}))
            member = tarfile.TarInfo("model.h5")
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))

        assert identify(MemorySource(buffer.getvalue()), "model.tar") == (Format.TAR,)


class TestBounds:
    def test_more_objects_than_the_limit_end_the_walk(self) -> None:
        data = write(Group({f"x{number}": ARRAY for number in range(20)}))

        with pytest.raises(LimitReached, match="objects"):
            events(data, Limits(entries=10))

    def test_attributes_beyond_the_limit_end_the_walk(self) -> None:
        data = write(Group({}, [attribute("t", b"x" * 2000)]))

        with pytest.raises(LimitReached, match="attributes"):
            events(data, Limits(header_bytes=1000))

    def test_groups_nested_too_deeply_end_the_walk(self) -> None:
        group = Group({"x": ARRAY})
        for _ in range(250):
            group = Group({"g": group})

        with pytest.raises(LimitReached, match="nested"):
            events(write(group))

    def test_an_array_of_two_gigabytes_costs_kilobytes(self) -> None:
        data = write(Group({"x": Dataset(FLOAT, (1 << 29,), b"")}))
        # The layout says two gigabytes from the end of the metadata on.
        at = (
            data.rindex(b"\x08\x00")
            if b"\x08\x00\x18\x00" not in data
            else data.index(b"\x08\x00\x18\x00")
        )
        patched = bytearray(data)
        patched[at + 18 : at + 26] = (2 * GIB).to_bytes(8, "little")
        size = len(data) + 2 * GIB
        patched[40:48] = size.to_bytes(8, "little")
        source = SparseSource(size, {0: bytes(patched)})

        found = list(walk_hdf5(source, LIMITS))

        assert [one.place for one in found if isinstance(one, Hdf5Dataset)] == ["/x"]
        assert source.bytes_read < 64 * KIB

    def test_a_source_that_fails_is_a_read_error(self) -> None:
        class Failing(MemorySource):
            def read_at(self, offset: int, length: int) -> bytes | memoryview:
                if offset > 100:
                    raise ReadError("the connection broke")
                return super().read_at(offset, length)

        with pytest.raises(ReadError, match="connection"):
            list(walk_hdf5(Failing(RICH), LIMITS))


class TestHeaps:
    """A heap that the library would walk in place is refused before the library sees it."""

    DATA = write(Group({"x": Dataset(ROWS, (1,), rows=[b"one"])}))

    def test_free_space_without_a_size_is_refused(self) -> None:
        data = bytearray(self.DATA)
        free = data.index(b"GCOL") + 16 + 16 + 8
        data[free + 8 : free + 16] = bytes(8)

        found = first(bytes(data))

        with pytest.raises(Malformed, match="no end"):
            list(found.content.rows())

    def test_a_heap_beyond_the_file_is_refused(self) -> None:
        data = bytearray(self.DATA)
        size = data.index(b"GCOL") + 8
        data[size : size + 8] = (1 << 40).to_bytes(8, "little")

        found = first(bytes(data))

        with pytest.raises(Malformed):
            list(found.content.rows())

    def test_the_word_in_a_text_is_no_heap(self) -> None:
        data = write(Group({}, [attribute("t", b"GCOL is a word; \xff\xff\xff\xff and so on")]))

        assert len(events(data)) == 1


_WATCHED = """
import sys
sys.path[:0] = [{src!r}, {root!r}]
import h5py, weighbridge.formats.keras.hdf5 as hdf5
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import Limits
import ctypes, os
data = open({file!r}, "rb").read()
os.chdir({folder!r})
before = os.listdir("/proc/self/fd")
opened = []
sys.addaudithook(lambda name, given: opened.append(given[0]) if name == "open" else None)
found = [one for one in hdf5.walk_hdf5(MemorySource(data), Limits())]
print(len(found), opened, len(os.listdir("/proc/self/fd")) - len(before), h5py.h5pl.size())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_no_other_file_is_opened_and_no_plugin_is_left(tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    other.write_bytes(write(Group({"x": ARRAY})))
    links: dict[str, Group | Dataset | Link] = {
        "link": external(str(other), "/x"),
        "virtual": Dataset(FLOAT, (4,), source=str(other)),
        "stored": Dataset(BYTE, (16,), external=str(other)),
    }
    file = tmp_path / "model.h5"
    file.write_bytes(write(Group(links)))
    os.utime(other, (1, 1))
    root = Path(__file__).resolve().parents[2]
    program = _WATCHED.format(
        src=str(root / "src"), root=str(root), file=str(file), folder=str(tmp_path)
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "3 [] 0 0"


@pytest.mark.parametrize("length", range(0, len(RICH), 13))
def test_a_file_that_was_cut_off_ends_as_malformed(length: int) -> None:
    with pytest.raises((Malformed, LimitReached)):
        events(RICH[:length])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(RICH) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_bytes_give_events_or_malformed(changes: list[tuple[int, int]]) -> None:
    data = bytearray(RICH)
    for at, value in changes:
        data[at] = value
    found: list[Hdf5Event] = []
    try:
        for event in walk_hdf5(MemorySource(bytes(data)), LIMITS):
            found.append(event)
            if isinstance(event, Hdf5Dataset):
                event.content.head()
    except (Malformed, LimitReached):
        pass

    assert all(isinstance(event, Hdf5Event) for event in found)
