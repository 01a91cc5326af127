"""Which tensors a weight file holds: names, types and shapes, never elements.

    safetensors                 the JSON header
    torch (zip, legacy)         the calls of the pickle that rebuild tensors; every dictionary is a group

Other formats name their tensors in their own way (TensorFlow and Flax spell other names, GGUF stores
renamed and rearranged ones), so a comparison across them would say nothing.
"""

from __future__ import annotations

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.readahead import ReadAhead
from weighbridge.formats.archive.zip import parse_zip
from weighbridge.formats.archive.zip_compare import resolve_member
from weighbridge.formats.archive.zip_directory import TAIL_BYTES
from weighbridge.formats.archive.zip_members import open_member
from weighbridge.formats.archive.zip_records import View, ZipMember
from weighbridge.formats.archive.zip_remote import extents, prefetch_pickle
from weighbridge.formats.pickle.contents import read_contents
from weighbridge.formats.pickle.reader import as_indexable, read_one
from weighbridge.formats.pickle.trace import Halt, Stream
from weighbridge.formats.weights.safetensors import SafetensorsHeader, parse_safetensors
from weighbridge.formats.weights.tensor_entry import Tensor, TensorGroup
from weighbridge.formats.weights.torch_storages import LEGACY_PICKLES, is_legacy
from weighbridge.formats.weights.torch_tensors import tensor_groups

LARGEST_PICKLE = 16 * MIB
"""Of the pickle that names the tensors; 100,000 tensors take about this much."""
_MOST_EVENTS = 2_000_000
_ZIP = b"PK\x03\x04"


def safetensors_group(header: SafetensorsHeader) -> TensorGroup:
    """Return the tensors of a header that was parsed."""
    tensors = (Tensor(entry.name, entry.dtype, entry.shape) for entry in header.tensors)
    return TensorGroup((), tuple(tensors))


def read_safetensors(source: ByteSource, limits: Limits) -> TensorGroup:
    """Read the list of a safetensors file.

    Raises:
        Malformed, LimitReached, ReadError: see `parse_safetensors`.
    """
    return safetensors_group(parse_safetensors(source, limits))


def read_torch(source: ByteSource, budget: Budget) -> tuple[TensorGroup, ...]:
    """Read the lists of a file of `torch.save`, one for each dictionary that holds tensors.

    Raises:
        Malformed: no torch file, or one on which readers disagree about where its pickle is.
        LimitReached: the pickle has more than 16 MiB, or the budget is spent.
        ReadError: from the source.
    """
    if bytes(source.read_at(0, len(_ZIP))) == _ZIP:
        stream = _zipped(source, budget)
    else:
        stream = _legacy(source, budget.limits)
    if stream.halt is not Halt.STOP:
        raise Malformed(f"the pickle does not end: {stream.halt.words}", stream.halted_at)
    return tensor_groups(stream)


def _zipped(source: ByteSource, budget: Budget) -> Stream:
    if source.is_remote:
        source = ReadAhead(source)
        source.prefetch(max(0, source.size - TAIL_BYTES), TAIL_BYTES)
    directory = parse_zip(source, budget, compare_local_headers=False)
    members = [member for member in directory.members if f"/{member.name}".endswith("/data.pkl")]
    if len(members) != 1:
        raise Malformed(f"the zip holds {len(members)} pickles named data.pkl")
    if members[0].size > LARGEST_PICKLE:
        raise LimitReached(f"the pickle has {members[0].size:,} bytes; the limit is {LARGEST_PICKLE:,}")
    if isinstance(source, ReadAhead):
        planned = extents(directory.members, source.size)
        if members[0].header_offset in planned:
            prefetch_pickle(source, planned[members[0].header_offset])
    data = b"".join(open_member(source, _resolved(source, members[0]), budget))
    return read_one(as_indexable(data), 0, max_events=_MOST_EVENTS)


def _resolved(source: ByteSource, member: ZipMember) -> ZipMember:
    if member.data_offset is not None and member.view is View.CENTRAL:
        return member
    resolved = resolve_member(source, member)
    if len(resolved.members) != 1 or resolved.members[0].data_offset is None:
        raise Malformed("the two headers of data.pkl differ", member.header_offset)
    return resolved.members[0]


def _legacy(source: ByteSource, limits: Limits) -> Stream:
    streams = read_contents(source, limits).streams
    if not streams:
        raise Malformed("no pickle")
    stream = streams[0]
    if is_legacy(streams) and len(streams) >= LEGACY_PICKLES - 1:
        stream = streams[LEGACY_PICKLES - 2]
    if stream.stop - stream.start > LARGEST_PICKLE:
        raise LimitReached(f"the pickle has more than {LARGEST_PICKLE:,} bytes")
    return stream
