"""Turn each publicly named dangerous global into four pickles: imported, called, aliased, dotted.

- imported: the global is the value of the pickle, nothing calls it.
- called: REDUCE with one argument that fits what it does (an inert command, path or address).
- aliased: called under another name that a loader resolves to the same thing: its Python 2 name, the
  C twin, `six.moves`, a vendored copy. Left out where there is none that we know.
- dotted: called through an attribute of another module (`random` + `_os.system`, protocol 4); without a
  module that re-exports it, through its package (`xmlrpc` + `server.resolve_dotted_attribute`), and a
  name of a lone module through its own `__call__`.
"""

from __future__ import annotations

import posix
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assembler import MARKER, call, list_of, named, number, pickled, text

FORMS = ("imported", "called", "aliased", "dotted")
_CODE, _COMMAND = f"print({MARKER!r})", f"echo {MARKER}"
_ADDRESS, _PATH = "http://weighbridge.example.invalid/", f"/tmp/{MARKER}"
_ARGUMENTS = {
    "command-exec": _COMMAND,
    "code-exec": _CODE,
    "network": _ADDRESS,
    "file-io": _PATH,
    "nested-deser": _PATH,
    "native-ffi": _PATH,
    "cloud-cred": _ADDRESS,
    "attr-access": "system",
    "import-resolve": "os.system",
}
_GLUE_ARGUMENTS = {
    "attrgetter": (text("__init__.__globals__"),),
    "methodcaller": (text("system"), text(_COMMAND)),
    "reduce": (named("builtins", "getattr", 2), list_of([text(MARKER), text("__init__")])),
    "add_extension": (text("os"), text("system"), number(240)),
    "itemgetter": (text("__builtins__"),),
    "_load_type": (text("CodeType"),),
    "_builtin_type": (text("CodeType"),),
    "encode": (text(MARKER), text("rot13")),
}
"""What an attack gives to callables that need more than one text."""
_TYPES = ("functools.cached_property", "unittest.mock.patch", "sched.scheduler")
"""Classes and the like that are spelled in small letters."""

_TWINS = {
    "builtins": "__builtin__",
    "__builtin__": "builtins",
    "io": "_io",
    "_io": "io",
    "operator": "_operator",
    "_operator": "operator",
    "pickle": "_pickle",
    "_pickle": "cPickle",
    "cPickle": "_pickle",
    "signal": "_signal",
    "_signal": "signal",
    "thread": "_thread",
    "_thread": "thread",
    "ctypes": "_ctypes",
    "codecs": "_codecs",
    "_codecs": "codecs",
    "imp": "_imp",
    "importlib": "importlib._bootstrap",
    "importlib.machinery": "importlib._bootstrap_external",
    "_frozen_importlib": "importlib._bootstrap",
    "_frozen_importlib_external": "importlib._bootstrap_external",
    "sqlite3": "_sqlite3",
    "_sqlite3": "sqlite3.dbapi2",
    "posixpath": "os.path",
    "ntpath": "os.path",
    "_interpreters": "_xxsubinterpreters",
    "_xxsubinterpreters": "_interpreters",
    "tracemalloc": "_tracemalloc",
    "winreg": "_winreg",
    "multiprocessing": "multiprocessing.context",
    "pathlib": "pathlib._local",
    "requests": "pip._vendor.requests",
    "requests.api": "pip._vendor.requests.api",
    "urllib3": "pip._vendor.urllib3",
    "distutils": "setuptools._distutils",
    "distutils.file_util": "setuptools._distutils.file_util",
    "distutils.spawn": "setuptools._distutils.spawn",
    "cloudpickle": "joblib.externals.cloudpickle",
    "cloudpickle.cloudpickle": "joblib.externals.cloudpickle.cloudpickle",
    "torch.serialization": "torch",
    "joblib": "sklearn.externals.joblib",
    "yaml.loader": "yaml",
    "yaml.cyaml": "yaml",
    "pip._internal.cli.main": "pip._internal",
    "urllib.request": "six.moves.urllib.request",
    "configparser": "six.moves.configparser",
    "copyreg": "copy_reg",
    "copy_reg": "six.moves.copyreg",
    "xmlrpc.client": "xmlrpclib",
    "xmlrpclib": "six.moves.xmlrpc_client",
    "http.client": "six.moves.http_client",
    "httplib": "six.moves.http_client",
    "socketserver": "SocketServer",
    "SocketServer": "six.moves.socketserver",
}
_NAMES = {
    ("subprocess", "getoutput"): ("commands", "getoutput"),
    ("subprocess", "getstatusoutput"): ("commands", "getstatusoutput"),
    ("importlib", "import_module"): ("importlib._bootstrap", "_gcd_import"),
    ("numpy", "load"): ("numpy.lib.npyio", "load"),
    ("torch", "load"): ("torch.serialization", "load"),
    ("urllib", "urlretrieve"): ("six.moves.urllib.request", "urlretrieve"),
    ("pandas", "read_pickle"): ("pandas.io.pickle", "read_pickle"),
    ("functools", "partial"): ("_functools", "partial"),
    ("dotenv", "set_key"): ("dotenv.main", "set_key"),
    ("socket", "create_connection"): ("pip._vendor.urllib3.util.connection", "create_connection"),
    ("builtins", "getattr"): ("six.moves.builtins", "getattr"),
    ("types", "FunctionType"): ("types", "LambdaType"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One pickle of the set."""

    row: str
    form: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Sources:
    """What the set is made of.

    Attributes:
        rows: listed name -> category.
        attributes: module listed whole -> (module, name).
        reexports: module -> dotted prefixes under which others bind it.
        python2: modules and (module, name) pairs that unpicklers rename below protocol 3, new to old.
        old: Python 2 modules.
        modern: Python 2 module -> its name in Python 3.
    """

    rows: dict[str, str]
    attributes: dict[str, tuple[str, str]]
    reexports: dict[str, list[str]]
    python2: dict[tuple[str, str], tuple[str, str]]
    old: frozenset[str]
    modern: dict[str, str]


def read_sources(dangerous: Path, reexports: Path, signatures: Path) -> Sources:
    """Read the tables; `signatures` holds `python2.tsv`."""
    rows = {row[0]: row[1] for row in _rows(dangerous)}
    attributes = {row[0]: (row[1], row[2]) for row in _rows(Path(__file__).parent / "attributes.tsv")}
    bound: dict[str, list[str]] = {}
    for prefix, module in _rows(reexports):
        bound.setdefault(module, []).append(prefix)
    python2: dict[tuple[str, str], tuple[str, str]] = {}
    old = set()
    modern = {}
    for old_module, old_name, module, name in _rows(signatures / "python2.tsv"):
        python2.setdefault((module, name), (old_module, old_name))
        old.add(old_module)
        if old_name == "*":
            modern[old_module] = module
    return Sources(rows, attributes, bound, python2, frozenset(old), modern)


def recall_samples(sources: Sources) -> Iterator[Sample]:
    """Yield the pickles of every listed name, form by form."""
    for row, category in sources.rows.items():
        module, name = _split(row, sources.attributes)
        arguments = _GLUE_ARGUMENTS.get(name) or (text(_ARGUMENTS.get(category, MARKER)),)
        protocol = 2 if module.partition(".")[0] in sources.old or "." not in name else 4
        yield Sample(row, "imported", _imported(module, name, sources.old))
        yield Sample(row, "called", _called(module, name, arguments, protocol))
        alias = _alias(module, name, sources)
        if alias is not None:
            yield Sample(row, "aliased", _called(*alias, arguments, 4 if "." in alias[1] else 2))
        yield Sample(row, "dotted", _called(*_dotted(module, name, sources.reexports), arguments, 4))


def _imported(module: str, name: str, old: frozenset[str]) -> bytes:
    protocol = 2 if module in old else 4
    return pickled(named(module, name, protocol), protocol)


def _called(module: str, name: str, arguments: tuple[bytes, ...], protocol: int) -> bytes:
    return pickled(call(named(module, name, protocol), *arguments), protocol)


def _split(row: str, attributes: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    module, _, name = row.rpartition(".")
    whole = module or row
    if name == "*" or not module:
        return attributes[whole]
    if row == "pathlib.os.system":
        return "pathlib", "os.system"
    owner = next((kind for kind in _TYPES if row.startswith(f"{kind}.") or row == kind), None)
    if owner is not None:
        module = owner.rpartition(".")[0]
        return module, row.removeprefix(f"{module}.")
    return _split_at_class(row)


def _split_at_class(row: str) -> tuple[str, str]:
    """`bdb.Bdb.run` is `Bdb.run` of `bdb`: a component with a capital begins the name."""
    parts = row.split(".")
    for at, part in enumerate(parts[1:-1], start=1):
        if re.match(r"_?[A-Z]", part):
            return ".".join(parts[:at]), ".".join(parts[at:])
    return ".".join(parts[:-1]), parts[-1]


def _alias(module: str, name: str, sources: Sources) -> tuple[str, str] | None:
    if (module, name) in _NAMES:
        return _NAMES[module, name]
    if module in ("os", "posix", "nt"):
        return _alias_of_os(module, name)
    for pair in ((module, name), (module, "*")):
        if pair in sources.python2:
            old_module, old_name = sources.python2[pair]
            return old_module, name if old_name == "*" else old_name
    twin = _TWINS.get(module) or sources.modern.get(module)
    return (twin, name) if twin is not None else None


def _alias_of_os(module: str, name: str) -> tuple[str, str] | None:
    """`posix` holds only some of what `os` does, which this Python's own `posix` tells."""
    if not hasattr(posix, name):
        return None
    return ("posix" if module != "posix" else "nt"), name


def _dotted(module: str, name: str, reexports: Mapping[str, list[str]]) -> tuple[str, str]:
    top, _, rest = module.partition(".")
    if module in reexports:
        carrier, _, bound = reexports[module][0].partition(".")
        return carrier, f"{bound}.{name}"
    if rest:
        return top, f"{rest}.{name}"
    return module, f"{name}.__call__"


def _rows(file: Path) -> Iterator[list[str]]:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")
