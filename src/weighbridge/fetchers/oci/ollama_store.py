"""Models that Ollama has pulled: manifests by name, blobs by digest, in a folder on this machine.

    models/manifests/registry.ollama.ai/library/llama3/latest      a manifest
    models/manifests-v2/...                                        newer: a link to a blob that is one
    models/blobs/sha256-<64 hex digits>                            what manifests name

Law: what is opened is a regular file of `blobs`, or one below the folders of manifests.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError, TargetUnavailable
from weighbridge.fetchers.interface import Problem, ProblemKind
from weighbridge.fetchers.oci.client import OtherBytes, Pinned
from weighbridge.fetchers.oci.listing import Blob
from weighbridge.fetchers.oci.manifest import digest_of, is_content
from weighbridge.fetchers.oci.reference import OciReference

_LARGEST_MANIFEST = 4 * MIB
_MANIFESTS = ("manifests-v2", "manifests")
_BLOB_NAME = re.compile(r"sha256-[0-9a-f]{64}")


def store_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return where Ollama keeps its models, whether or not it is there."""
    variables = os.environ if environment is None else environment
    folder = variables.get("OLLAMA_MODELS")
    return Path(
        folder or os.path.join(variables.get("HOME") or os.path.expanduser("~"), ".ollama/models")
    )


class OllamaStore:
    """One folder of models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest_file(self, reference: OciReference) -> Path | None:
        """Return the manifest of a model; None when the store has not got it."""
        parts = (reference.registry, *reference.repository.split("/"), reference.tag or "latest")
        for home in _MANIFESTS:
            # Newer versions write all names in lower case.
            for spelt in (parts, tuple(part.lower() for part in parts)):
                file = self.folder.joinpath(home, *spelt)
                if file.is_file():
                    return file
        return None

    def manifest(self, file: Path) -> Pinned:
        """Read the manifest of a model.

        Raises:
            TargetUnavailable: it can't be read, or is a link to something that is no blob of it.
        """
        stated = None
        if file.is_symlink():
            blob = Path(os.path.realpath(file))
            if not _BLOB_NAME.fullmatch(blob.name) or blob.parent != self._blobs():
                raise TargetUnavailable(
                    f"Can't read {str(file)!r}: it is a link to {str(blob)!r}, "
                    "which is no blob of the store"
                )
            stated = blob.name.replace("-", ":")
        try:
            content = _read(file)
        except OSError as error:
            raise TargetUnavailable(f"Can't read {str(file)!r}: {error.strerror}") from error
        if stated is not None and not is_content(content, stated):
            raise TargetUnavailable(
                f"Can't trust {str(file)!r}: its bytes are not those of {stated}; nothing was scanned"
            )
        return Pinned(content=content, digest=digest_of(content), media_type="")

    def document(self, digest: str) -> Pinned:
        """Read a manifest that a list names.

        Raises:
            OtherBytes: the blob's bytes are not those of its name.
            ReadError: it can't be read.
        """
        try:
            content = _read(self._blobs() / digest.replace(":", "-"))
        except OSError as error:
            raise ReadError(f"the store has no blob {digest}: {error.strerror}") from error
        if not is_content(content, digest):
            raise OtherBytes(f"the blob {digest} of the store holds other bytes")
        return Pinned(content=content, digest=digest, media_type="")

    def blob_file(self, blob: Blob) -> Path | Problem:
        """Find the regular file of a blob, or say why there is none."""
        path = self._blobs() / blob.descriptor.digest.replace(":", "-")
        try:
            mode = os.lstat(path).st_mode
        except OSError as error:
            detail = f"the store has no blob {blob.descriptor.digest}: {error.strerror}"
            return Problem(name=blob.name, kind=ProblemKind.UNREADABLE, detail=detail)
        if stat.S_ISREG(mode):
            return path
        if stat.S_ISLNK(mode):
            detail = f"{path.name} is a link; the store writes none, and it was not followed"
            return Problem(name=blob.name, kind=ProblemKind.SYMLINK_OUTSIDE, detail=detail)
        detail = f"{path.name} is no regular file; it is never opened"
        return Problem(name=blob.name, kind=ProblemKind.SPECIAL_FILE, detail=detail)

    def _blobs(self) -> Path:
        return Path(os.path.realpath(self.folder / "blobs"))


def _read(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "no regular file")
        content = stream.read(_LARGEST_MANIFEST + 1)
    if len(content) > _LARGEST_MANIFEST:
        raise OSError(0, f"larger than {_LARGEST_MANIFEST:,} bytes")
    return content
