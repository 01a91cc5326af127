"""Which files a signature covers, and whether they are still the ones that were signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath
from typing import Final, Protocol

from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.repository import RepositoryFile
from weighbridge.errors import ReadError
from weighbridge.formats.documents.model_signature import ModelSignature, Signed

_CHUNK: Final = MIB
_LOCAL_BYTES: Final = 16 * MIB
_LOCAL_SUM: Final = 256 * MIB
_REMOTE_BYTES: Final = 256 * KIB
_REMOTE_SUM: Final = 2 * MIB
_ASKED_REMOTE_BYTES: Final = 8 * MIB
_ASKED_REMOTE_SUM: Final = 256 * MIB
_TEXTS: Final = (".json", ".py", ".md", ".txt", ".jinja", ".yaml", ".yml")
_NEVER_SIGNED: Final = (".git/", ".github/", ".cache/huggingface/")
_NEVER_SIGNED_NAMES: Final = frozenset({".gitattributes", ".gitignore"})
_SIGNATURES: Final = (".sig", ".sigstore", ".sigstore.json", ".asc", ".intoto.jsonl")
_RUNS: Final = (
    *(".py", ".pyc", ".pyw", ".ipynb", ".so", ".pyd", ".dll", ".dylib", ".exe", ".sh", ".bat", ".cmd"),
    *(".ps1", ".js", ".jar", ".whl", ".pth", ".pt", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib"),
    *(".dill", ".h5", ".hdf5", ".keras", ".mar", ".nemo", ".t7", ".pb", ".jinja", ".zip", ".tar"),
)
_WEIGHTS: Final = (".safetensors", ".gguf", ".ggml", ".onnx", ".npz", ".npy", ".tflite", ".msgpack")


class Fate(Enum):
    """What became of one signed file."""

    SAME = "same"
    OTHER = "other"
    """Its bytes are not those that were signed."""
    HOLES = "holes"
    """Some of its bytes are in no signed part."""
    MISSING = "missing"
    UNREAD = "unread"
    """Nobody compared it: it is large, far away, or hashed in a way that we have no means for."""


@dataclass(slots=True)
class Comparison:
    """A signature beside the files of a target.

    Attributes:
        root: the folder that the signed names are relative to; "" for the top.
        fates: of each signed file, by its name in the target.
        unsigned: files that the signature should list and does not.
        left_out: files that it leaves out on purpose.
    """

    root: str
    fates: dict[str, Fate] = field(default_factory=dict)
    unsigned: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def with_fate(self, fate: Fate) -> list[str]:
        """Return the files that met it, in order."""
        return sorted(name for name, met in self.fates.items() if met is fate)


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


def compare(view: RepositoryView, name: str, signature: ModelSignature, context: Context) -> Comparison:
    """Compare a signature with the target that the file `name` holding it lies in.

    All that is listed is hashed when the user wants it verified; otherwise only what is cheap: what
    the registry states, and small files.
    """
    by_file: dict[str, list[Signed]] = {}
    for one in signature.signed:
        by_file.setdefault(str(PurePosixPath(one.name)), []).append(one)
    if list(by_file) == ["."] and signature.model:
        # A single file was signed: it goes by the name of the model.
        by_file = {PurePosixPath(signature.model).name: by_file["."]}
    found = Comparison(root=_root(view, name, signature, by_file))
    purse = _Purse(is_asked=view.trust.is_given)
    for listed, parts in by_file.items():
        full = _joined(found.root, listed)
        file = view.files.get(full)
        if file is None:
            found.fates[full] = Fate.MISSING
        else:
            found.fates[full] = _fate(view, file, parts, purse, context)
    if signature.follows_links:
        _follow_links(by_file, found)
    is_folder = all(one.name != "." for one in signature.signed)
    if is_folder and any(fate is not Fate.MISSING for fate in found.fates.values()):
        _sort_out(view, name, signature, found)
    return found


def _follow_links(by_file: Mapping[str, list[Signed]], found: Comparison) -> None:
    """A link to another signed file is signed as that file is, and is no file of the target."""
    known = {
        tuple((one.digest, one.part) for one in parts)
        for name, parts in by_file.items()
        if found.fates[_joined(found.root, name)] is not Fate.MISSING
    }
    for name, parts in by_file.items():
        full = _joined(found.root, name)
        content = tuple((one.digest, one.part) for one in parts)
        if found.fates[full] is Fate.MISSING and content in known:
            del found.fates[full]


def runs_code(name: str) -> bool:
    """Tell by the name whether loading such a file can run code."""
    return name.lower().endswith(_RUNS)


def is_weights(name: str) -> bool:
    """Tell by the name whether a file holds weights, and no code."""
    return name.lower().endswith(_WEIGHTS)


def _root(
    view: RepositoryView, name: str, signature: ModelSignature, by_file: Mapping[str, object]
) -> str:
    """Return the folder from which most of the signed names lead to files.

    That is the signature's own, the one below it that has the model's name, or one above.
    """
    own = str(PurePosixPath(name).parent)
    folders = [own, _joined(own, signature.model), *map(str, PurePosixPath(own).parents)]
    sample = list(by_file)[:50]

    def hits(folder: str) -> int:
        return sum(_joined(folder, listed) in view.files for listed in sample)

    return _plain(max(dict.fromkeys(folders), key=hits))


def _plain(folder: str) -> str:
    return "" if folder == "." else folder


def _joined(folder: str, name: str) -> str:
    return str(PurePosixPath(_plain(folder)) / name)


def _sort_out(view: RepositoryView, name: str, signature: ModelSignature, found: Comparison) -> None:
    prefix = f"{found.root}/" if found.root else ""
    ignored = frozenset(str(PurePosixPath(path)) for path in signature.ignored)
    for full, file in view.files.items():
        below = full.removeprefix(prefix)
        if not full.startswith(prefix) or full in found.fates or full == name:
            continue
        if below.startswith(_NEVER_SIGNED) or below in _NEVER_SIGNED_NAMES:
            continue
        if _is_ignored(below, ignored):
            if not below.lower().endswith(_SIGNATURES):
                found.left_out.append(full)
        elif file.size_bytes != 0 and not below.lower().endswith(_SIGNATURES):
            found.unsigned.append(full)


def _is_ignored(name: str, ignored: frozenset[str]) -> bool:
    path = PurePosixPath(name)
    return any(str(one) in ignored for one in (path, *path.parents))


class _Purse:
    """Bytes that may still be read for comparing."""

    def __init__(self, *, is_asked: bool) -> None:
        self._is_asked = is_asked
        self._left = {True: _ASKED_REMOTE_SUM if is_asked else _REMOTE_SUM, False: _LOCAL_SUM}

    def pays(self, file: RepositoryFile, source: ByteSource) -> bool:
        remote = source.is_remote
        if self._is_asked and not remote:
            return True
        largest = _REMOTE_BYTES if remote else _LOCAL_BYTES
        if self._is_asked:
            largest = _ASKED_REMOTE_BYTES
        elif remote and not file.name.lower().endswith(_TEXTS):
            return False
        if source.size > largest or source.size > self._left[remote]:
            return False
        self._left[remote] -= source.size
        return True


def _fate(
    view: RepositoryView, file: RepositoryFile, parts: Sequence[Signed], purse: _Purse, context: Context
) -> Fate:
    if (size := file.size_bytes) is not None and not _covers(parts, size):
        return Fate.HOLES
    stated = _stated(file, parts)
    if stated is not None:
        return Fate.SAME if stated == parts[0].digest else Fate.OTHER
    try:
        source = view.artifact(file.name).source
        try:
            if not purse.pays(file, source):
                return Fate.UNREAD
            if not _covers(parts, source.size):
                return Fate.HOLES
            return _compared(source, parts, context)
        finally:
            source.close()
    except ReadError:
        return Fate.UNREAD


def _stated(file: RepositoryFile, parts: Sequence[Signed]) -> str | None:
    """Return the digest that the registry states, when it is of what was signed."""
    only = parts[0]
    is_whole = len(parts) == 1 and only.algorithm == "sha256"
    return file.origin.sha256 if is_whole and file.origin is not None else None


def _covers(parts: Sequence[Signed], size: int) -> bool:
    """Tell whether the parts are the whole file, without a hole and without an overlap."""
    if all(one.part is None for one in parts):
        return True
    at = 0
    for begin, end in sorted(one.part for one in parts if one.part is not None):
        if begin != at or end <= begin:
            return False
        at = end
    return at == size


def _compared(source: ByteSource, parts: Sequence[Signed], context: Context) -> Fate:
    for one in parts:
        make = _hash_of(one.algorithm)
        if make is None:
            return Fate.UNREAD
        begin, end = one.part or (0, source.size)
        if _digest(source, make(), begin, end, context) != one.digest:
            return Fate.OTHER
    return Fate.SAME


def _digest(source: ByteSource, state: _Hash, begin: int, end: int, context: Context) -> str:
    for at in range(begin, end, _CHUNK):
        context.budget.check_time()
        state.update(bytes(source.read_at(at, min(_CHUNK, end - at))))
    return state.hexdigest()


def _hash_of(algorithm: str) -> Callable[[], _Hash] | None:
    match algorithm:
        case "sha256":
            return hashlib.sha256
        case "blake2b":
            return hashlib.blake2b
        case "blake3":
            return _blake3()
        case _:
            return None


def _blake3() -> Callable[[], _Hash] | None:
    """It comes with the library that verifies signatures."""
    try:
        from blake3 import blake3
    except ImportError:
        return None
    make: Callable[[], _Hash] = blake3
    return make


def some(names: Sequence[str]) -> Iterator[str]:
    """Yield a few of many names, and how many there are more."""
    yield from names[:8]
    if len(names) > 8:
        yield f"and {len(names) - 8:,} more"
