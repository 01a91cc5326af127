"""Samples of origin: Git LFS pointers. Symlinks and registry data need more than one file."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

_CONTENT = b"the model that the pointer stands for"


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    yield "origin/pointer.safetensors", _pointer()
    yield "origin/pointer-crlf.bin", _pointer().replace(b"\n", b"\r\n")
    yield "origin/pointer-with-blank-line.bin", _pointer() + b"\n"
    yield "origin/pointer-with-script.sh", _pointer() + b"echo weighbridge-marker\n"
    yield "origin/pointer-with-archive.pt", _pointer() + _archive()
    yield "origin/about-pointers.txt", b"# Pointers\n\n" + _pointer()


def _pointer() -> bytes:
    oid = hashlib.sha256(_CONTENT).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(_CONTENT)}\n".encode()
    )


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("notes/readme.txt", (1980, 1, 1, 0, 0, 0)), b"nothing here")
    return buffer.getvalue()
