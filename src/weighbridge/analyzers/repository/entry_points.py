"""Where loading a repository begins to run its Python: what is named, and files that loaders know."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding

_NAMES_LOCAL, _FLAVOR, _DATASET_SCRIPT = "RMC001", "CFG020", "SCR012"
_INDEX: Final = frozenset({"model_index.json", "modular_model_index.json"})
_ENCODER: Final = "modules.json"
_MOST_FOLDERS_UP: Final = 4


class Starts(Enum):
    """Which functions of a file its loader calls."""

    NAMED = "the class or function that is named, to load it"
    USED = "the function that is named, to use the model"
    ALL = "every function and class of the file"


class Missing(Enum):
    """What it means that the module of a name is not there."""

    IS_BROKEN = "the model can't be loaded with these files"
    IS_A_PACKAGE = "an installed package of that name is taken"


@dataclass(frozen=True, slots=True)
class Entry:
    """One place where Python of the repository begins to run.

    Attributes:
        config: the file that the finding is put on.
        key: where in that file the name stands; "" when the file itself is the entry.
        subject: `module.Class`, or the name of the file.
        files: names of the manifest that its loader tries, in its order.
        name: of the class or function; None when it is not said.
    """

    config: str
    key: str
    subject: str
    files: tuple[str, ...]
    name: str | None
    starts: Starts = Starts.NAMED
    missing: Missing = Missing.IS_BROKEN


def entry_points(view: RepositoryView) -> Iterator[Entry]:
    """Yield the entries of a target, in the order of its listing."""
    for file in view.files:
        for finding in view.findings(file):
            if len(finding.path) == 1:
                yield from _of_finding(finding, file)
        yield from _of_name(file)


def _of_finding(finding: Finding, file: str) -> Iterator[Entry]:
    if finding.rule == _NAMES_LOCAL:
        for reference in finding.related or (f"{finding.subject}.",):
            yield _named(reference, finding, file)
    elif finding.rule == _FLAVOR:
        path = finding.subject.replace(".", "/")
        files = tuple(_joined(file, one) for one in (f"code/{path}.py", f"{path}.py"))
        key = finding.route or "/flavors"
        yield Entry(file, key, finding.subject, files, "_load_pyfunc", missing=Missing.IS_A_PACKAGE)
    elif finding.rule == _DATASET_SCRIPT:
        yield Entry(file, "", posixpath.basename(file), (file,), None, Starts.ALL)


def _named(reference: str, finding: Finding, file: str) -> Entry:
    module, _, name = reference.rpartition(".")
    base = posixpath.basename(file)
    files = [_joined(file, f"{module}.py")]
    folder = posixpath.dirname(file)
    if base in _INDEX:
        part = finding.route.split("/")[1] if finding.route.count("/") else ""
        files.append(_joined(file, f"{part}/{module}.py"))
    for _ in range(_MOST_FOLDERS_UP):
        if not folder:
            break
        folder = posixpath.dirname(folder)
        files.append(posixpath.normpath(posixpath.join(folder, f"{module}.py")))
    is_part = base in _INDEX or base == _ENCODER
    missing = Missing.IS_A_PACKAGE if is_part else Missing.IS_BROKEN
    subject = reference.removesuffix(".")
    return Entry(file, finding.route, subject, tuple(files), name or None, missing=missing)


def _of_name(file: str) -> Iterator[Entry]:
    """Files that torch.hub, an inference endpoint, and `generate` take by their name."""
    base, folder = posixpath.basename(file), posixpath.basename(posixpath.dirname(file))
    if base == "hubconf.py":
        yield Entry(file, "", base, (file,), None, Starts.ALL)
    elif base == "handler.py":
        yield Entry(file, "", f"{base} EndpointHandler", (file,), "EndpointHandler")
    elif base == "generate.py" and folder == "custom_generate":
        yield Entry(file, "", f"{folder}/{base}", (file,), "generate", Starts.USED)


def _joined(file: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), name))
