"""What compiled code can do, by the functions that it takes from its platform: `signatures/native/`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.table import Table


class NativeCapability(StrEnum):
    """A group of functions of an operating system."""

    PROCESS = "process"
    NETWORK = "network"
    DOWNLOAD = "download"
    INJECTION = "injection"
    SPYING = "spying"
    PERSISTENCE = "persistence"
    LOADING = "loading"
    DESERIALIZING = "deserializing"


@dataclass(frozen=True, slots=True)
class NativeImports:
    """Capabilities by the name of the function, and in words."""

    by_name: Mapping[str, NativeCapability]
    why: Mapping[NativeCapability, str]

    @classmethod
    def load(cls, path: Path) -> NativeImports:
        """Raises UsageError when the table is unreadable or wrong."""
        try:
            table = Table.of(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: not a table of imports: {error}; reinstall") from error
        by_name: dict[str, NativeCapability] = {}
        why: dict[NativeCapability, str] = {}
        for row in table.tables("capability"):
            row.reject_unknown({"capability", "names", "why", "source"})
            capability = NativeCapability(row.text("capability"))
            why[capability] = row.text("why")
            by_name |= dict.fromkeys(row.texts("names"), capability)
        return cls(by_name, why)

    def capabilities(self, imports: frozenset[str]) -> Mapping[NativeCapability, tuple[str, ...]]:
        """The functions of each capability that are imported, by name."""
        found: dict[NativeCapability, list[str]] = {}
        for name in sorted(imports):
            capability = self.by_name.get(name) or self.by_name.get(_plain(name))
            if capability is not None:
                found.setdefault(capability, []).append(name)
        return {capability: tuple(names) for capability, names in found.items()}


def _plain(name: str) -> str:
    """`CreateProcess` for `CreateProcessW`, `connect` for `connect@GLIBC_2.2.5`."""
    name = name.partition("@")[0]
    return name[:-1] if len(name) > 3 and name[-1] in "AW" and name[0].isupper() else name


@lru_cache(maxsize=1)
def installed_imports() -> NativeImports:
    """The table that came with this installation; read once, when first needed."""
    return NativeImports.load(signatures_dir() / "native" / "imports.toml")


@lru_cache(maxsize=1)
def installed_java_members() -> NativeImports:
    """The same for members of Java's class library."""
    return NativeImports.load(signatures_dir() / "native" / "java.toml")
