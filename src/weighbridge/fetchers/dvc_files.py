"""What DVC's own files say of the data that they stand for: `.dvc`, `dvc.lock`, and listings of folders.

    outs:                        stages:                      [{"md5": "...", "relpath": "a/b.pkl"},
    - md5: 0cc1...               train:                        ...]
      size: 14                     outs:
      hash: md5                    - path: model.pkl
      path: model.pkl                md5: 0cc1...

A digest that ends in `.dir` is that of a listing, the third form. Version 3 of DVC writes
`hash: md5`; data without it is that of version 2, kept elsewhere and hashed with other line ends.

Source: https://dvc.org/doc/user-guide/project-structure
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.documents.yaml_tree import LARGEST_BYTES, decode_yaml_bytes, parse_yaml

LISTING_BYTES: Final = 64 * MIB
_DIGEST: Final = re.compile(r"([0-9a-f]{32})(\.dir)?")
_LONGEST_NAME: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Out:
    """Data that is kept elsewhere.

    Attributes:
        name: where it belongs, relative to the folder of the file that names it.
        md5: hex digest of the content, or of a folder's listing.
        size_bytes: as the file states it.
        is_version_3: hashed and laid out as version 3 does it.
        remote: the name of the remote that keeps it; None for the default one.
    """

    name: str
    md5: str
    is_folder: bool
    size_bytes: int | None
    is_version_3: bool
    remote: str | None


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that can't be read, by its name, and why."""

    name: str
    why: str


class _Member(msgspec.Struct, frozen=True):
    relpath: str
    md5: str


def outs_of(data: bytes, *, is_lock: bool) -> Iterator[Out | Oddity]:
    """Yield what a `.dvc` file or a `dvc.lock` stands for.

    Raises:
        Malformed, LimitReached: not such a file, or one without bounds.
    """
    if len(data) > LARGEST_BYTES:
        raise LimitReached(f"{len(data):,} bytes; DVC's files are read up to {LARGEST_BYTES:,}")
    stream = parse_yaml(decode_yaml_bytes(data))
    if stream.broken is not None:
        raise stream.broken
    document = stream.documents[0] if stream.documents else None
    if not isinstance(document, Mapping):
        raise Malformed("not a mapping, as DVC's files are")
    if is_lock:
        yield from _of_lock(document)
    else:
        yield from _of_dvc(document)


def _of_dvc(document: Mapping[str, Json]) -> Iterator[Out | Oddity]:
    wdir = document.get("wdir")
    imported = any(isinstance(dep, Mapping) and "repo" in dep for dep in _list(document.get("deps")))
    for out in _list(document.get("outs")):
        found = _out(out, wdir if isinstance(wdir, str) else ".")
        if imported and isinstance(found, Out):
            yield Oddity(found.name, "imported from another repository of DVC, which was not looked at")
        else:
            yield found


def _of_lock(document: Mapping[str, Json]) -> Iterator[Out | Oddity]:
    stages = document.get("stages", document)
    for stage in stages.values() if isinstance(stages, Mapping) else ():
        if isinstance(stage, Mapping):
            for out in _list(stage.get("outs")):
                yield _out(out, ".")


def _list(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else []


def _out(out: Json, folder: str) -> Out | Oddity:
    if not isinstance(out, Mapping) or not isinstance(out.get("path"), str):
        return Oddity("outs", "holds an entry without a path")
    name = inside(folder, str(out["path"]))
    if name is None:
        return Oddity(str(out["path"])[:200], "lies outside of the folder that names it")
    digest = _DIGEST.fullmatch(str(out.get("md5") or ""))
    if digest is None:
        return Oddity(name, "kept without a digest that DVC's remotes are read by")
    size, remote = out.get("size"), out.get("remote")
    return Out(
        name=name,
        md5=digest[1],
        is_folder=digest[2] is not None,
        size_bytes=size if isinstance(size, int) and size >= 0 and digest[2] is None else None,
        is_version_3=out.get("hash") == "md5",
        remote=remote if isinstance(remote, str) else None,
    )


def inside(folder: str, name: str) -> str | None:
    """Join two relative paths; None when that leads out of where it starts."""
    joined = posixpath.normpath(posixpath.join(folder, name))
    is_out = joined in ("..", ".") or joined.startswith(("../", "/"))
    return None if is_out or len(joined) > _LONGEST_NAME or "\0" in joined else joined


def members_of(folder: Out, listing: bytes) -> Iterator[Out | Oddity]:
    """Yield the files of a folder.

    Raises:
        Malformed: not a listing.
    """
    try:
        members = msgspec.json.decode(listing, type=list[_Member])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"not a listing of DVC: {str(error)[:100]}") from error
    for member in members:
        name, digest = inside(".", member.relpath), _DIGEST.fullmatch(member.md5)
        if name is None or digest is None or digest[2] is not None:
            yield Oddity(
                f"{folder.name}/{member.relpath[:200]}", "listed with no name or digest of a file"
            )
            continue
        yield Out(
            name=f"{folder.name}/{name}",
            md5=digest[1],
            is_folder=False,
            size_bytes=None,
            is_version_3=folder.is_version_3,
            remote=folder.remote,
        )
