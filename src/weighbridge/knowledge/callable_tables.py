"""Parse the tables of callables: simple lines that a person can review and a dictionary can hold.

`allow/*.txt`: exact names, in groups. A group begins with `@ STANDING [CONDITION] | WHY`; each line
after it is `module qualname`, one space between. `#` begins a comment.
`dangerous.tsv`: module, name or `*`, capabilities, why; module `*` means any recognised class.
`python2.tsv`: renames of old unpicklers.
`twins.tsv`: other names of modules. `stdlib.txt`: one top-level module a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from weighbridge.errors import WeighbridgeError


class Standing(StrEnum):
    """What the tables say of one callable."""

    ALLOWED = "allowed"
    """A function or type that a known writer emits; harmless with any arguments."""
    RECOGNISED = "recognised"
    """A class of a known library, rebuilt by the ordinary protocol."""
    CONDITIONAL = "conditional"
    """Harmless only under `Judgement.condition`; otherwise as its capabilities say."""
    DANGEROUS = "dangerous"
    """It has the capabilities named."""
    REACHES = "reaches"
    """On no list; the source of its library shows how its arguments get to what does harm."""
    STDLIB = "stdlib"
    """Of the standard library and on no list: no known writer emits it."""
    UNKNOWN = "unknown"
    """Of some other library, or not a name at all."""
    MAIN = "main"
    """Of `__main__`: its code is in whatever program loads the file."""


class Capability(StrEnum):
    """What a call of it can do to whoever makes the call."""

    EXECUTES_CODE = "executes_code"
    SPAWNS_PROCESS = "spawns_process"
    LOADS_NATIVE_CODE = "loads_native_code"
    IMPORTS_BY_NAME = "imports_by_name"
    READS_FILES = "reads_files"
    WRITES_FILES = "writes_files"
    NETWORK = "network"
    DESERIALIZES = "deserializes"
    ATTRIBUTE_ACCESS = "attribute_access"
    PROCESS_CONTROL = "process_control"
    INSTALLS_PACKAGES = "installs_packages"
    TAMPERS_WITH_SCANNER = "tampers_with_scanner"
    USES_CREDENTIALS = "uses_credentials"
    GLUE = "glue"
    """Makes another callable run, or computes the name of one."""

    @property
    def words(self) -> str:
        """What follows "it can"."""
        return _WORDS[self]


_WORDS = {
    Capability.EXECUTES_CODE: "run code",
    Capability.SPAWNS_PROCESS: "start programs",
    Capability.LOADS_NATIVE_CODE: "load native code",
    Capability.IMPORTS_BY_NAME: "import by name",
    Capability.READS_FILES: "read files",
    Capability.WRITES_FILES: "write files",
    Capability.NETWORK: "use the network",
    Capability.DESERIALIZES: "load other pickles",
    Capability.ATTRIBUTE_ACCESS: "reach any attribute",
    Capability.PROCESS_CONTROL: "control the process",
    Capability.INSTALLS_PACKAGES: "install packages",
    Capability.TAMPERS_WITH_SCANNER: "disable a scanner",
    Capability.USES_CREDENTIALS: "use credentials",
    Capability.GLUE: "make another callable run",
}


class Condition(StrEnum):
    """When a callable is harmless. Whoever knows the arguments decides; unmet means dangerous."""

    REBUILT = "rebuilt"
    """Made without its constructor: NEWOBJ, NEWOBJ_EX, OBJ or INST without arguments,
    or through `REBUILDS_FIRST_ARGUMENT`; or merely named. Not REDUCE."""
    LITERAL_ARGUMENTS = "literal-arguments"
    """Every argument is data: literals, or containers of them, and no integer above 2**24 (a size)."""
    WRAPS_FIRST_ARGUMENT = "wraps-first-argument"
    """As harmless as the callable given first, called with what follows; None counts as harmless,
    and so does a class of condition `REBUILT` while the result is only stored. For
    `functools.partial` the state that BUILD sets replaces the first argument."""
    REBUILDS_FIRST_ARGUMENT = "rebuilds-first-argument"
    """Makes an instance of the class given first without its constructor: harmless when that class
    is allowed or recognised, and `REBUILT` counts as met."""
    ALLOWED_CLASS_ATTRIBUTE = "allowed-class-attribute"
    """`getattr(object, "name")`: the object is an allowed or recognised class, or an instance rebuilt
    from one, and the name a literal without dots or leading double underscores. The result may be
    stored; to call it, `judge(module, "Class.name")` must allow that."""
    STORED_RESULT = "stored-result"
    """Arguments are literals; the result is stored, never called, never given to a call that calls."""
    NAMED_ONLY = "named-only"
    """It is named (stored, or an argument of an allowed call) and never called."""
    NESTED_PICKLE = "nested-pickle"
    """The first argument is literal bytes; they are scanned as an artifact of their own."""
    EMBEDDED_CODE = "embedded-code"
    """It makes a code object of what it is given. Code is read and judged for itself (rules COD...)."""
    FUNCTION_OF_CODE = "function-of-code"
    """It makes a function of a code object that this file makes; the function is stored, not called."""
    OWN_FUNCTION_OR_CLASS = "own-function-or-class"
    """It sets the state of its first argument: a function, class or cell that this file makes."""
    CELL_OF_FUNCTION = "cell-of-function"
    """It makes a cell of a closure: harmless where the file makes functions."""
    KEEPS_OWN_FUNCTIONS = "keeps-own-functions"
    """It keeps callables without calling them: harmless ones, or functions that this file makes."""
    PLAIN_METACLASS = "plain-metaclass"
    """It makes a class; its first argument is `type`, `abc.ABCMeta` or the metaclass of enumerations,
    or the harmless bases of an enumeration."""
    TYPE_BY_NAME = "type-by-name"
    """It returns a type of Python for a literal name; the type is judged under its own name."""
    METHOD_OF_DATA = "method-of-data"
    """It fetches a method, given a type, a name and what `repr` says of it: harmless for types of
    plain data. (dill evaluates a part of the third.)"""
    KNOWN_MODULE = "known-module"
    """It imports a module by a literal name: of the standard library or of a known library."""
    TORCHSCRIPT_TYPE = "torchscript-type"
    """The pickle is `data.pkl`, `constants.pkl` or the like of a TorchScript archive, whose loader
    takes the name for a type of the archive's own code and imports nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a group of `allow/` says of each of its names."""

    standing: Standing
    condition: Condition | None
    why: str


@dataclass(frozen=True, slots=True)
class Danger:
    """What a row of `dangerous.tsv` says."""

    capabilities: tuple[Capability, ...]
    why: str


_CLASSES = ".classes.txt"
_ALLOWING = (Standing.ALLOWED, Standing.RECOGNISED, Standing.CONDITIONAL)


@dataclass(slots=True)
class AllowList:
    """Exact names, each with its entry.

    `LIBRARY.classes.txt` holds classes of that one library, thousands of them, and is parsed when
    the first name of that library is asked for. Every other file is written by hand, parsed at
    once, and wins over those lists.
    """

    _table: dict[str, Entry]
    _unparsed: dict[str, str]
    libraries: frozenset[str]
    """Top-level packages that the list names something of."""

    @classmethod
    def load(cls, directory: Path) -> AllowList:
        """Read `directory/*.txt`.

        Raises:
            WeighbridgeError: there is none, or one breaks the format.
        """
        table: dict[str, Entry] = {}
        unparsed: dict[str, str] = {}
        for file in sorted(directory.glob("*.txt")):
            if file.name.endswith(_CLASSES):
                unparsed[file.name.removesuffix(_CLASSES)] = _read(file)
            else:
                table |= _parse(_read(file), file.name)
        if not table:
            raise WeighbridgeError(f"no allow-list in {str(directory)!r}; reinstall weighbridge")
        libraries = {line.partition(" ")[0].partition(".")[0] for line in table}
        return cls(table, unparsed, frozenset(libraries | unparsed.keys()))

    def find(self, module: str, name: str) -> Entry | None:
        """Return the entry of exactly this pair."""
        library = module.partition(".")[0]
        if library in self._unparsed:
            self._parse_library(library)
        return self._table.get(f"{module} {name}")

    def everything(self) -> Mapping[str, Entry]:
        """Return the entry of each `module qualname`, every list parsed."""
        for library in list(self._unparsed):
            self._parse_library(library)
        return self._table

    def _parse_library(self, library: str) -> None:
        text = self._unparsed.pop(library)
        self._table = _parse(text, library + _CLASSES) | self._table


def read_dangerous(file: Path) -> dict[str, Danger]:
    """Return the danger of each dotted path; a path covers whatever lies below it.

    Raises:
        WeighbridgeError: the file is missing or breaks the format.
    """
    table: dict[str, Danger] = {}
    capabilities: dict[str, tuple[Capability, ...]] = {}
    for row in read_rows(file, columns=4):
        module, name, words, why = row
        if words not in capabilities:
            capabilities[words] = _capabilities(words, file)
        table[module if name == "*" else f"{module}.{name}"] = Danger(capabilities[words], why)
    return table


def read_rows(file: Path, *, columns: int) -> Iterator[list[str]]:
    """Yield the rows of a tab-separated table.

    Raises:
        WeighbridgeError: the file is missing or a row has another number of columns.
    """
    for line in _read(file).split("\n"):
        if not line or line.startswith("#"):
            continue
        row = line.split("\t")
        if len(row) != columns:
            raise WeighbridgeError(f"{file.name}: {line[:80]!r} has {len(row)} columns, not {columns}")
        yield row


def read_names(file: Path) -> frozenset[str]:
    """Return the lines of a list of names.

    Raises:
        WeighbridgeError: the file is missing.
    """
    return frozenset(line for line in _read(file).split("\n") if line and not line.startswith("#"))


def _parse(text: str, file: str) -> dict[str, Entry]:
    table: dict[str, Entry] = {}
    preamble, *groups = ("\n" + text).split("\n@ ")
    if any(line and not line.startswith("#") for line in preamble.split("\n")):
        raise WeighbridgeError(f"{file}: a name stands before the first group")
    for group in groups:
        header, *lines = group.split("\n")
        names = [line for line in lines if line and not line.startswith("#")]
        table |= dict.fromkeys(names, _entry(header, file))
    return table


def _entry(header: str, file: str) -> Entry:
    words, bar, why = header.partition(" | ")
    standing, _, condition = words.partition(" ")
    try:
        entry = Entry(Standing(standing), Condition(condition) if condition else None, why)
    except ValueError as error:
        raise WeighbridgeError(f"{file}: group {header[:80]!r}: {error}") from None
    if not bar or not why or entry.standing not in _ALLOWING:
        raise WeighbridgeError(f"{file}: group {header[:80]!r} needs an allowing standing and a reason")
    return entry


def _capabilities(words: str, file: Path) -> tuple[Capability, ...]:
    try:
        return tuple(Capability(word) for word in words.split(","))
    except ValueError as error:
        raise WeighbridgeError(f"{file.name}: {error}") from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise WeighbridgeError(
            f"cannot read {str(file)!r}: {error.strerror}; reinstall weighbridge"
        ) from None
