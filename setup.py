"""Compile the pickle machine when the build can, and carry signatures/ into the package.

Everything else is in pyproject.toml. Without a C compiler, or with WEIGHBRIDGE_PURE=1, the machine
stays plain Python: slower, the same results.
"""

import os
import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CCompilerError, ExecError, PlatformError

ROOT = Path(__file__).parent
COMPILED = ("store", "machine")


class BuildWithSignatures(build_py):
    """Copies the top-level signatures/ to weighbridge/signatures in wheels.

    Editable installs find it in the repository, see weighbridge.knowledge.locate.
    """

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "weighbridge", "signatures")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(ROOT / "signatures", target)


class CompileAllOrNone(build_ext):
    """Goes on without the extensions when one of them can't be compiled.

    Never with some of them: the interpreted machine can't reach into a compiled store.
    """

    def run(self) -> None:
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError) as error:
            self.warn(f"the pickle machine is not compiled and stays plain Python: {error}")
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []


def extensions() -> list[Extension]:
    if os.environ.get("WEIGHBRIDGE_PURE") == "1":
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    modules = [
        Extension(f"weighbridge.formats.pickle.{name}", [f"src/weighbridge/formats/pickle/{name}.py"])
        for name in COMPILED
    ]
    directives = {
        "language_level": 3,
        "boundscheck": True,
        "wraparound": False,
        "initializedcheck": False,
        "annotation_typing": False,
    }
    return cythonize(
        modules, compiler_directives=directives, include_path=["src"], build_dir="build/cython"
    )


setup(
    cmdclass={"build_ext": CompileAllOrNone, "build_py": BuildWithSignatures}, ext_modules=extensions()
)
