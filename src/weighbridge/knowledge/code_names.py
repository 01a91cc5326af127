"""What names mean in ordinary code, where they mean less than in a pickle.

A pickle that imports `os.getcwd` is odd; a function that calls it is not. `signatures/code/everyday.tsv`
says which parts of such modules can do harm, all others are everyday.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.callable_tables import Capability
from weighbridge.knowledge.locate import signatures_dir

_EVERY = "*"
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a row says of a name; `capability` is None for a harmless one."""

    capability: Capability | None
    why: str


@dataclass(frozen=True, slots=True)
class CodeNames:
    """Rows by module and name; the name `*` stands for all that have no row."""

    rows: dict[tuple[str, str], Meaning]

    @classmethod
    def load(cls, path: Path) -> CodeNames:
        """Read a table: modules, names or `*`, capability or `-`, why.

        Raises:
            UsageError: the file is unreadable or a line is wrong.
        """
        rows: dict[tuple[str, str], Meaning] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            for line in lines:
                if not line or line.startswith("#"):
                    continue
                modules, names, capability, why = line.split("\t")
                meaning = Meaning(None if capability == _NOTHING else Capability(capability), why)
                for module in modules.split(","):
                    for name in names.split(","):
                        rows.setdefault((module, name), meaning)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: not a table of names in code: {error}; reinstall") from error
        return cls(rows)

    def find(self, dotted: str) -> Meaning | None:
        """What the table says of a dotted name, by its longest module that has a row that fits."""
        parts = dotted.split(".")
        for cut in range(len(parts), 0, -1):
            module = ".".join(parts[:cut])
            name = parts[cut] if cut < len(parts) else _EVERY
            meaning = self.rows.get((module, name)) or self.rows.get((module, _EVERY))
            if meaning is not None:
                return meaning
        return None


@lru_cache(maxsize=1)
def installed_code_names() -> CodeNames:
    """The table that came with this installation; read once, when first needed."""
    return CodeNames.load(signatures_dir() / "code" / "everyday.tsv")
