"""Hold the two headers of a zip member against each other.

A difference counts when no ordinary writer makes it. Extra fields, versions, times, and sizes
that are left to a data descriptor or to a Zip64 field differ in healthy archives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weighbridge.core.artifact import ByteSource
from weighbridge.formats.archive.zip_anomalies import ZipAnomaly, ZipAnomalyKind
from weighbridge.formats.archive.zip_gaps import read_local
from weighbridge.formats.archive.zip_records import (
    EVASION_FLAGS,
    FLAG_DESCRIPTOR,
    FLAG_ENCRYPTED,
    METHOD_STORED,
    ZipMember,
)

_MASK32 = 0xFFFFFFFF
_ZIPCRYPTO_HEADER_BYTES = 12
_TWO_READINGS = frozenset(
    {ZipAnomalyKind.NAMES_DIFFER, ZipAnomalyKind.METHODS_DIFFER, ZipAnomalyKind.SIZES_DIFFER}
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A central header held against its local header."""

    members: tuple[ZipMember, ...]
    anomalies: tuple[ZipAnomaly, ...]


def resolve_member(source: ByteSource, member: ZipMember) -> Resolved:
    """Find the data of a member of the directory, and compare its two headers.

    Returns:
        One member with its data offset; two when the local header describes other data or
        another name; none when there is no local header.
    """
    if not 0 <= member.header_offset < source.size:
        return Resolved((), (about(member, ZipAnomalyKind.OFFSET_OUTSIDE),))
    local = read_local(source, member.header_offset, name_bytes=len(member.raw_name))
    if local is None:
        return Resolved((), (about(member, ZipAnomalyKind.NO_LOCAL_HEADER),))
    anomalies = tuple(_differences(member, local))
    central = replace(member, data_offset=local.data_offset)
    if any(anomaly.kind in _TWO_READINGS for anomaly in anomalies):
        return Resolved((central, _completed(local, central)), anomalies)
    return Resolved((central,), anomalies)


def about(member: ZipMember, kind: ZipAnomalyKind, detail: str = "") -> ZipAnomaly:
    """Return an anomaly of this member."""
    return ZipAnomaly(kind=kind, offset=max(0, member.header_offset), member=member.name, detail=detail)


def name_oddities(member: ZipMember) -> Iterator[ZipAnomaly]:
    """Yield what is odd about the name alone."""
    if b"\0" in member.raw_name:
        yield about(member, ZipAnomalyKind.NUL_IN_NAME)
    if b"\\" in member.raw_name:
        yield about(member, ZipAnomalyKind.BACKSLASH_IN_NAME)
    if member.raw_name.endswith(b"/") and not member.is_directory:
        detail = f"{member.size} bytes"
        yield about(member, ZipAnomalyKind.FILE_NAMED_AS_DIRECTORY, detail)
    unicode_name = member.unicode_name
    # Info-ZIP writes the field for names that are not ASCII; an ASCII one is never needed.
    if unicode_name is not None and unicode_name.isascii() and unicode_name != member.name:
        yield about(member, ZipAnomalyKind.UNICODE_NAME_DIFFERS, f"as {unicode_name!r}")


def _differences(central: ZipMember, local: ZipMember) -> Iterator[ZipAnomaly]:
    if central.raw_name != local.raw_name:
        yield about(central, ZipAnomalyKind.NAMES_DIFFER, f"as {local.name!r}")
    if central.method != local.method:
        detail = f"{local.method} instead of {central.method}"
        yield about(central, ZipAnomalyKind.METHODS_DIFFER, detail)
    if (central.flags ^ local.flags) & EVASION_FLAGS:
        detail = f"{central.flags:#06x} in the directory, {local.flags:#06x} in the local header"
        yield about(central, ZipAnomalyKind.FLAGS_DIFFER, detail)
    if _sizes_differ(central, local):
        detail = f"{central.compressed_size}/{central.size} in the directory, "
        detail += f"{local.compressed_size}/{local.size} in the local header"
        yield about(central, ZipAnomalyKind.SIZES_DIFFER, detail)
    if central.crc != local.crc and not (local.crc == 0 and local.flags & FLAG_DESCRIPTOR):
        detail = f"{central.crc:08x} in the directory, {local.crc:08x} in the local header"
        yield about(central, ZipAnomalyKind.CRCS_DIFFER, detail)
    if _stored_sizes_differ(central):
        detail = f"stored, but {central.compressed_size} and {central.size} bytes"
        yield about(central, ZipAnomalyKind.SIZES_DIFFER, detail)


def _sizes_differ(central: ZipMember, local: ZipMember) -> bool:
    """Zeros before a data descriptor, and masks without a Zip64 field, state nothing."""
    unstated = {_MASK32} | ({0} if local.flags & FLAG_DESCRIPTOR else set())
    return any(
        here != there and there not in unstated
        for here, there in (
            (central.compressed_size, local.compressed_size),
            (central.size, local.size),
        )
    )


def _stored_sizes_differ(member: ZipMember) -> bool:
    if member.method != METHOD_STORED:
        return False
    overhead = _ZIPCRYPTO_HEADER_BYTES if member.flags & FLAG_ENCRYPTED else 0
    return member.compressed_size - member.size not in (0, overhead)


def _completed(local: ZipMember, central: ZipMember) -> ZipMember:
    """Fill in what the local header leaves to a data descriptor."""
    if not local.flags & FLAG_DESCRIPTOR:
        return local
    return replace(
        local,
        crc=local.crc or central.crc,
        compressed_size=local.compressed_size or central.compressed_size,
        size=local.size or central.size,
    )
