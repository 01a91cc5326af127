"""What the source of a library says that a callable can do, computed beforehand.

`signatures/callables/computed/PACKAGE.txt` is written by `tools/capabilities/` from the source of
one top-level package (`python.txt`: the standard library). A file is read when a name of its package
is first asked for, and searched as it is: a lookup parses one line.

    [package.module]
    function<TAB>XP>hop w>hop          what calling it reaches, and the next hop on the way there
    Class<TAB>* X>hop !X>hop <base     constructor, rebuilding (!), bases with methods of their own
    alias<TAB>=package.module.name     another name of the same thing; `:` an object of that class

A capital letter: an argument steers the call that matters; a small one: it is reached as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weighbridge.errors import WeighbridgeError
from weighbridge.knowledge.callable_tables import Capability

_LETTERS = {
    "P": Capability.SPAWNS_PROCESS,
    "X": Capability.EXECUTES_CODE,
    "N": Capability.LOADS_NATIVE_CODE,
    "I": Capability.IMPORTS_BY_NAME,
    "D": Capability.DESERIALIZES,
    "T": Capability.NETWORK,
    "W": Capability.WRITES_FILES,
    "R": Capability.READS_FILES,
    "C": Capability.PROCESS_CONTROL,
    "A": Capability.ATTRIBUTE_ACCESS,
    "G": Capability.GLUE,
}
"""The most telling first."""
_PYTHON = "python"
_GIVEN = "a_callable_that_it_is_given"
"""What stands for a hop where glue runs whatever its caller hands in."""
_LONGEST_PACKAGE = 100
_LONGEST_WITNESS = 12
_LONGEST_WAY = 8
"""Other names and bases that are followed from one name to its row."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What calling something reaches.

    Attributes:
        canonical: where it is defined, whatever it was asked for as.
        steered: capabilities that an argument steers, the most telling first.
        fixed: capabilities that it reaches whatever the arguments.
        rebuilding: for a class, what NEWOBJ and BUILD reach by themselves, steered.
        is_class: it is called to make an instance.
        origin: the library, version and archive whose source was read.
    """

    canonical: str
    steered: tuple[Capability, ...]
    fixed: tuple[Capability, ...]
    rebuilding: tuple[Capability, ...]
    is_class: bool
    origin: str


@dataclass(frozen=True, slots=True)
class _Row:
    module: str
    name: str
    words: tuple[str, ...]

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}"

    def letters(self, *, rebuilding: bool) -> str:
        wanted = [word.lstrip("!") for word in self.words if word.startswith("!") is rebuilding]
        return "".join(word.partition(">")[0] for word in wanted if ">" in word)

    def other_name(self) -> str | None:
        return self.words[0][1:] if self.words[0][:1] in "=:" else None

    def bases(self) -> list[str]:
        return [base for word in self.words if word[:1] == "<" for base in word[1:].split(",")]

    def hop(self, letter: str) -> str | None:
        for word in self.words:
            letters, arrow, hop = word.lstrip("!").partition(">")
            if arrow and letter in letters.upper():
                return self.module + hop if hop.startswith(".") else hop
        return None


class ComputedCapabilities:
    """The computed tables of one directory.

    Raises:
        WeighbridgeError: there is none of the standard library.
    """

    def __init__(self, directory: Path, stdlib: frozenset[str]) -> None:
        if not (directory / f"{_PYTHON}.txt").is_file():
            raise WeighbridgeError(f"no capabilities in {str(directory)!r}; reinstall weighbridge")
        self._directory = directory
        self._stdlib = stdlib
        self._texts: dict[str, bytes] = {}
        self._found: dict[str, Reached | None] = {}

    def find(self, module: str, name: str) -> Reached | None:
        """Return what `module.name` reaches; None when nothing is known of it."""
        dotted = f"{module}.{name}"
        if dotted not in self._found:
            row = self._row(dotted, _LONGEST_WAY)
            self._found[dotted] = None if row is None else self._reached(row)
        return self._found[dotted]

    def witness(self, reached: Reached, capability: Capability) -> tuple[str, ...]:
        """Return the shortest known way from the callable to the call that has the capability."""
        letter = next(letter for letter, meant in _LETTERS.items() if meant is capability)
        way = [reached.canonical]
        while len(way) < _LONGEST_WITNESS:
            row = self._row(way[-1], _LONGEST_WAY)
            hop = row.hop(letter) if row is not None else None
            if hop is None or hop in way:
                break
            way.append(hop.replace("_", " ") if hop == _GIVEN else hop)
        return tuple(way)

    def has_module(self, module: str) -> bool:
        """Return whether anything is known of a module of exactly this name."""
        return self._section(module) is not None

    def libraries(self) -> Iterator[str]:
        """Yield the packages that there is a table of."""
        yield from sorted(file.stem for file in self._directory.glob("*.txt"))

    def _reached(self, row: _Row) -> Reached | None:
        letters = row.letters(rebuilding=False)
        hooks = row.letters(rebuilding=True)
        if not letters and not hooks:
            return None
        return Reached(
            row.dotted,
            _capabilities(letters, steered=True),
            _capabilities(letters, steered=False),
            _capabilities(hooks, steered=True),
            is_class=row.words[0] == "*",
            origin=self._origin(row.module),
        )

    def _row(self, dotted: str, ways: int) -> _Row | None:
        """Return the row of a dotted name, through other names, objects and bases."""
        if ways == 0:
            return None
        parts = dotted.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:cut])
            section = self._section(module)
            if section is not None:
                found = self._in_module(module, parts[cut:], section, ways)
                if found is not None:
                    return found
        return None

    def _in_module(
        self, module: str, parts: list[str], section: tuple[bytes, int, int], ways: int
    ) -> _Row | None:
        for cut in range(len(parts), 0, -1):
            row = _line(module, ".".join(parts[:cut]), section)
            if row is None:
                continue
            rest = parts[cut:]
            other = row.other_name()
            if other is not None:
                if rest or row.words[0][0] == "=":
                    return self._row(".".join([other, *rest]), ways - 1)
                return None  # the object itself, which nobody calls
            if not rest:
                return row
            for base in row.bases():
                found = self._row(".".join([base, *rest]), ways - 1)
                if found is not None:
                    return found
        return None

    def _section(self, module: str) -> tuple[bytes, int, int] | None:
        text = self._text(module.partition(".")[0])
        start = text.find(_bytes(f"\n[{module}]\n"))
        if start < 0:
            return None
        start = text.index(b"]", start)
        stop = text.find(b"\n[", start)
        return text, start, len(text) if stop < 0 else stop + 1

    def _text(self, package: str) -> bytes:
        name = _PYTHON if package in self._stdlib else package
        if name not in self._texts:
            self._texts[name] = _read(self._directory, name)
        return self._texts[name]

    def _origin(self, module: str) -> str:
        lines = self._text(module.partition(".")[0]).split(b"\n", 2)
        return lines[1].decode().removeprefix("# ") if len(lines) > 1 else ""


def _read(directory: Path, name: str) -> bytes:
    """Return a table, empty where there is none of that package.

    Raises:
        WeighbridgeError: there is one, and it can't be read: not the same as nothing known.
    """
    if not (name.isascii() and name.isidentifier() and len(name) <= _LONGEST_PACKAGE):
        return b""  # a name from the file that is scanned: never a path, never too long for one
    file = directory / f"{name}.txt"
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise WeighbridgeError(f"cannot read {str(file)!r}: {error.strerror}") from error


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _line(module: str, name: str, section: tuple[bytes, int, int]) -> _Row | None:
    text, start, stop = section
    needle = _bytes(f"\n{name}\t")
    found = text.find(needle, start, stop)
    if found < 0:
        return None
    end = text.index(b"\n", found + 1)
    words = text[found + len(needle) : end].decode().split(" ")
    return _Row(module, name, tuple(words))


def _capabilities(letters: str, *, steered: bool) -> tuple[Capability, ...]:
    wanted = {letter.upper() for letter in letters if letter.isupper() is steered}
    return tuple(capability for letter, capability in _LETTERS.items() if letter in wanted)
