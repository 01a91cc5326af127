"""Archives of the PyTorch family, by their members: TorchScript, torch.export, packages, TorchServe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted

_SCRIPT, _AOTI, _MISPLACED, _PACKAGE, _HANDLER = "TOR009", "TOR020", "TOR021", "TOR030", "TOR040"
_SHOWN = 5
_CODE = re.compile(r"(?:^|/)code/.+\.py\Z", re.DOTALL | re.IGNORECASE)
"""Torch finds members whatever the case of their names."""
_NATIVE = re.compile(r"\.(?:so(?:\.\d+)*|dll|dylib|pyd|exe|o|obj)\Z", re.IGNORECASE)
_AOTI_PLACE = re.compile(r"(?:^|/)data/aotinductor/[^/]+/[^/]+\Z")
_AOTI_CODE = re.compile(
    r"\.(?:so|dll|dylib|pyd|o|obj|cubin|hsaco|fatbin|ptx|spv|cpp|cu)\Z", re.IGNORECASE
)
_MANIFEST = "MAR-INF/MANIFEST.json"


def judge_members(artifact: Artifact, names: Sequence[str], context: Context) -> Iterator[Event] | None:
    """Judge the archive when its members are those of this family."""
    bases = {name.rpartition("/")[2] for name in names}
    if any(name.endswith(_MANIFEST) for name in names):
        return _served(artifact, names)
    if {"archive_format", "serialized_exported_program.json"} & bases or _is_aoti(names):
        return _exported(artifact, names)
    if any(name.endswith((".data/extern_modules", ".data/python_version")) for name in names):
        return _packaged(artifact, names)
    if {"constants.pkl", "bytecode.pkl", "model.json"} & bases and any(map(_CODE.search, names)):
        return _script(artifact, names)
    return None


def _is_aoti(names: Sequence[str]) -> bool:
    return any(_AOTI_PLACE.search(name) for name in names)


def _script(artifact: Artifact, names: Sequence[str]) -> Iterator[Finding]:
    code = [name for name in names if _CODE.search(name)]
    evidence = f"{len(code):,} files of TorchScript: {_list(code)}"
    yield Finding(rule=_SCRIPT, path=artifact.path, subject="torchscript", evidence=evidence)
    yield from _misplaced(artifact, [name for name in names if _NATIVE.search(name)])


def _exported(artifact: Artifact, names: Sequence[str]) -> Iterator[Finding]:
    native = [name for name in names if _AOTI_PLACE.search(name) and _AOTI_CODE.search(name)]
    if native:
        evidence = f"{len(native):,} files of native code: {_list(native)}"
        yield Finding(rule=_AOTI, path=artifact.path, subject="aotinductor", evidence=evidence)
    expected = frozenset(native)
    elsewhere = [name for name in names if _NATIVE.search(name) and name not in expected]
    yield from _misplaced(artifact, elsewhere)


def _misplaced(artifact: Artifact, names: Sequence[str]) -> Iterator[Finding]:
    if names:
        evidence = f"no writer puts native code there: {_list(names)}"
        yield Finding(rule=_MISPLACED, path=artifact.path, subject=names[0][:200], evidence=evidence)


def _packaged(artifact: Artifact, names: Sequence[str]) -> Iterator[Finding]:
    code = [name for name in names if name.endswith(".py")]
    if code:
        evidence = f"{len(code):,} modules of Python: {_list(code)}"
        yield Finding(rule=_PACKAGE, path=artifact.path, subject="torch.package", evidence=evidence)
    yield from _misplaced(artifact, [name for name in names if _NATIVE.search(name)])


def _served(artifact: Artifact, names: Sequence[str]) -> Iterator[Finding]:
    code = [name for name in names if name.endswith(".py")]
    if code:
        evidence = f"{len(code):,} modules of Python: {_list(code)}"
        yield Finding(rule=_HANDLER, path=artifact.path, subject="torchserve handler", evidence=evidence)


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(quoted(name) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown
