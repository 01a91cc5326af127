"""Print the top-level module names of several standard libraries, for signatures/callables/stdlib.txt.

Run by a maintainer, with one interpreter of each minor version that unpicklers in the field use:

    python tools/callables/stdlib_names.py python2.7 python3.6 ... python3.13 \
        > signatures/callables/stdlib.txt

Each interpreter is asked for its own names; the union is printed, sorted. Nothing but those
interpreters is run. Names of releases that are not at hand stand in `_LATER` with their source.
"""

from __future__ import annotations

import subprocess
import sys

# https://docs.python.org/3.14/whatsnew/3.14.html and Lib/ of the 3.14 branch.
_LATER = frozenset(
    {"annotationlib", "compression", "_ast_unparse", "_hmac", "_py_warnings", "_remote_debugging"}
    | {"_types", "_zstd", "_apple_support", "_interpreters", "_interpchannels", "_interpqueues"}
)

# Modules that only exist on other platforms than the one that this runs on, and `__builtins__`,
# which is no module but is named as one by pickles made by hand.
_ELSEWHERE = frozenset(
    {
        "__builtins__",
        "_msi",
        "_overlapped",
        "_scproxy",
        "_winapi",
        "_winreg",
        "_wmi",
        "msilib",
        "msvcrt",
        "nt",
    }
    | {"winreg", "winsound", "_android_support", "_ios_support", "ce", "os2", "riscos"}
)

_NOT_MODULES = frozenset({"__main__", "site-packages", "lib-dynload", "__pycache__"})

# Runs under Python 2.7 and 3.6+ alike.
_ASK = r"""
import os, sys
names = set(sys.builtin_module_names) | set(getattr(sys, "stdlib_module_names", ()))
library = os.path.dirname(os.__file__)
for folder in (library, os.path.join(library, "lib-dynload")):
    for entry in (os.listdir(folder) if os.path.isdir(folder) else ()):
        stem = entry.split(".")[0]
        path = os.path.join(folder, entry)
        if os.path.isdir(path):
            if os.path.exists(os.path.join(path, "__init__.py")):
                names.add(stem)
        elif entry.endswith((".py", ".so")):
            names.add(stem[:-6] if stem.endswith("module") and entry.endswith(".so") else stem)
print("\n".join(sorted(names)))
"""


def names_of(interpreter: str) -> set[str]:
    """Return what one interpreter calls its standard library."""
    answer = subprocess.run(
        [interpreter, "-S", "-E", "-c", _ASK], check=True, capture_output=True, text=True
    )
    return set(answer.stdout.split())


def main() -> None:
    """Print the union, one name a line."""
    names = set(_LATER | _ELSEWHERE)
    for interpreter in sys.argv[1:]:
        names |= names_of(interpreter)
    kept = sorted(name for name in names - _NOT_MODULES if name.isidentifier())
    print("# Top-level modules of the standard libraries of CPython 2.7 and 3.6 to 3.14.")
    print("# Written by tools/callables/stdlib_names.py; a name outside the allow-list is STDLIB.")
    print("\n".join(kept))


if __name__ == "__main__":
    main()
