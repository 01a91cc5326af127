"""Write what a Keras configuration may name: signatures/keras/{classes,functions,hub_classes}.txt.

Run by maintainers, with a folder that holds the wheels:  python tools/keras/build_names.py FOLDER
Sources are read as syntax trees and nothing is imported; the same wheels give the same bytes.
tensorflow_modules.txt beside them is kept by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from model_parts import Names, classes, functions
from wheels import Release, read_releases

PAGES = Path(__file__).resolve().parents[2] / "signatures" / "keras"
KERAS = ("keras", "tf_keras")
HUB = ("keras_hub", "keras_nlp", "keras_cv")
WRITTEN_ALONE: Names = {"Tokenizer": set()}
"""No part of a model, but `to_json` of keras.preprocessing.text writes it, without a module."""


def build(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each file's name and content."""
    keras, hub = read_releases(folder, KERAS), read_releases(folder, HUB)
    yield (
        "classes.txt",
        _page(
            "Classes of Keras itself that a configuration may name",
            "A name without a module is from a release that wrote none.",
            releases=keras,
            names=_of(("keras",), classes(keras)) | WRITTEN_ALONE,
        ),
    )
    yield (
        "functions.txt",
        _page(
            "Functions of Keras that are part of models",
            "Activations, losses, metrics, operations, and the functional form of merging layers;"
            " nothing that opens a file.",
            releases=keras,
            names=_of(("keras",), functions(keras)),
        ),
    )
    yield (
        "hub_classes.txt",
        _page(
            "Classes of the Keras libraries of models that a configuration may name",
            "Keras imports these libraries by name.",
            releases=hub,
            names=_of(HUB, classes(hub)),
        ),
    )


def _of(libraries: tuple[str, ...], names: Names) -> Names:
    """Leave out the modules of other libraries: some layers are exported as TensorFlow's too."""
    return {
        name: {module for module in modules if module.partition(".")[0] in libraries}
        for name, modules in names.items()
    }


def _page(what: str, remark: str, *, releases: list[Release], names: Names) -> str:
    lines = [
        f"# {what}: `Name module module ...`; the modules that may be given for it.",
        "# Read from the sources (decorators of exported names, and the base classes) of"
        f" {_versions(releases)}; nothing was imported.",
        f"# `tf_keras` and `tensorflow.keras` stand here as `keras`. {remark}",
        *(" ".join([name, *sorted(modules)]) for name, modules in sorted(names.items())),
    ]
    return "\n".join(lines) + "\n"


def _versions(releases: list[Release]) -> str:
    """Return `keras 3.0.5, 3.15.1 and tf_keras 2.21.0`."""
    groups = [
        f"{library} " + ", ".join(".".join(map(str, release.version)) for release in group)
        for library, group in groupby(releases, key=lambda release: release.library)
    ]
    return " and ".join(filter(None, [", ".join(groups[:-1]), groups[-1]]))


if __name__ == "__main__":
    for file, content in build(Path(sys.argv[1])):
        (PAGES / file).write_text(content, encoding="utf-8")
