"""Names of classes in configurations of the hub: `module.Class`, or `owner/repository--module.Class`.

transformers, diffusers, sentence-transformers and vLLM take such a text apart, fetch `module.py` from
the repository that it names, or from the model's own, and import it.

    [owner/repository--][folder/]module.Class
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_LONGEST = 500
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9_][\w.-]{0,95})?\Z", re.ASCII)
_MODULE = re.compile(r"[\w-]+(?:/[\w-]+)*\Z")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|[^/]*@[^/]*:", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_DUNDER = re.compile(r"__\w+__\Z")


class Oddity(StrEnum):
    """How a reference differs from what any writer gives."""

    ADDRESS = "is an address"
    LEAVES = "is a path that leads out of the repository"
    INNER = "names an inner part of a module and not a class"
    SHAPE = "is not of the form module.Class"


@dataclass(frozen=True, slots=True)
class ClassReference:
    """One such text, taken apart.

    Attributes:
        text: as the file spells it, cut.
        repository: whose code it is; None for the repository of the file itself.
        module: path of the module without `.py`, its parts joined by `/`.
        name: of the class.
    """

    text: str
    repository: str | None
    module: str
    name: str
    oddity: Oddity | None

    @property
    def local(self) -> str:
        """The reference without its repository."""
        return f"{self.module}.{self.name}"


def parse_reference(text: str) -> ClassReference:
    """Take a reference apart; whatever the text, it gives one.

    Source: transformers `dynamic_module_utils.get_class_from_dynamic_module`.
    """
    cut = text.strip()[:_LONGEST]
    repository, dashes, rest = cut.partition("--")
    if not dashes:
        repository, rest = "", cut
    module, _, name = rest.rpartition(".")
    oddity = _oddity(cut, repository, module, name)
    if oddity is None and dashes and not _REPOSITORY.match(repository):
        oddity = Oddity.SHAPE
    return ClassReference(cut, repository if dashes else None, module, name, oddity)


def is_repository(text: str) -> bool:
    """True for `owner/name` as the hub spells it."""
    return "/" in text and _REPOSITORY.match(text) is not None and ".." not in text and "--" not in text


def leads_out(path: str) -> bool:
    """True for a path that does not stay below the folder that it is given for."""
    parts = path.replace("\\", "/").split("/")
    return path.startswith(("/", "\\", "~")) or ".." in parts or _DRIVE.match(path) is not None


def _oddity(text: str, repository: str, module: str, name: str) -> Oddity | None:
    if _ADDRESS.match(text):
        return Oddity.ADDRESS
    if leads_out(repository) or leads_out(module) or "\\" in text or "\0" in text:
        return Oddity.LEAVES
    if _DUNDER.match(name):
        return Oddity.INNER
    is_plain = _MODULE.match(module) is not None and "--" not in module and name.isidentifier()
    return None if is_plain and not _DUNDER.match(module) else Oddity.SHAPE
