"""The two tables that are written by hand: where the graph ends, and what it does not follow."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_READ_MODES = frozenset({"r", "rb", "rt", "br", "tr", "U", "rU"})


@dataclass(frozen=True, slots=True)
class Sink:
    """A call that does something. `steering`: the arguments that must come from an attacker."""

    capability: str
    steering: tuple[int | str, ...] | None
    """None: whatever it is called with, even nothing."""
    takes_any: bool = False


def read_sinks() -> dict[str, Sink]:
    """Return the sinks by dotted name."""
    table = {}
    for name, capability, arguments, _ in _rows("sinks.tsv", 4):
        words = [] if arguments in "*-" else arguments.split(",")
        steering = tuple(int(word) if word.isdigit() else word for word in words)
        table[name] = Sink(capability, None if arguments == "-" else steering, arguments == "*")
    return table


def prefixes(sinks: dict[str, Sink]) -> frozenset[str]:
    """Return what must be remembered of a dotted name on the way to a sink."""
    found = set()
    for name in sinks:
        parts = name.split(".")
        found |= {".".join(parts[:cut]) for cut in range(1, len(parts) + 1)}
    return frozenset(found)


class Neutral:
    """Names that are not followed from outside of their own prefix."""

    def __init__(self) -> None:
        rows = [name for name, _ in _rows("neutral.tsv", 2)]
        self._exact = frozenset(name for name in rows if not name.endswith("*"))
        self._prefixes = tuple(name.removesuffix("*") for name in rows if name.endswith("*"))
        self._known: dict[str, str | None] = {}

    def hides(self, callee: str, caller: str) -> bool:
        """Return whether a call from `caller` to `callee` is not followed."""
        if callee not in self._known:
            starts = [prefix for prefix in self._prefixes if callee.startswith(prefix)]
            self._known[callee] = callee if callee in self._exact else (starts or [None])[0]
        prefix = self._known[callee]
        return prefix is not None and not caller.startswith(prefix)


def open_capability(call: ast.Call) -> str:
    """Return what `open` does with the mode that this call names."""
    mode = call.args[1] if len(call.args) > 1 else None
    for keyword in call.keywords:
        mode = keyword.value if keyword.arg == "mode" else mode
    if mode is None or (isinstance(mode, ast.Constant) and mode.value in _READ_MODES):
        return "reads_files"
    return "writes_files"


def _rows(file: str, columns: int) -> list[list[str]]:
    lines = (_HERE / file).read_text(encoding="utf-8").split("\n")
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    wrong = [row for row in rows if len(row) != columns]
    if wrong:
        raise ValueError(f"{file}: {wrong[0]} has not {columns} columns")
    return rows
