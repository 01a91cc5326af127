"""Native libraries among the files of a model that nothing in the repository names."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Final

from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB
from weighbridge.formats.anomaly import quoted

_UNNAMED: Final = "NAM012"
_LIBRARIES: Final = (".so", ".dll", ".dylib", ".pyd")
_TEXTS: Final = (".py", ".json", ".md", ".toml", ".txt", ".cfg", ".yaml", ".yml", ".sh", ".ipynb")
_WEIGHTS: Final = (".safetensors", ".gguf", ".onnx", ".keras", "pytorch_model.bin")
_INSTALLED: Final = frozenset({"METADATA", "RECORD", "setup.py", "pyproject.toml", "__init__.py"})
_LARGEST_TEXT: Final = 256 * KIB
_MOST_TEXTS: Final = 64
_SHORTEST_NAME: Final = 3


def judge_libraries(view: RepositoryView) -> Iterator[Finding]:
    """Judge each folder that holds libraries by the texts in it and in the folder of the model above."""
    for folder, names in view.folders.items():
        libraries = [name for name in names if name.lower().endswith(_LIBRARIES)]
        model = _model_folder(view, folder) if libraries else None
        if model is None:
            continue
        words = _words(view, dict.fromkeys((*names, *view.folders.get(model, ()))))
        for name in libraries:
            base = posixpath.basename(name)
            stem = base.partition(".")[0].removeprefix("lib")
            if len(stem) >= _SHORTEST_NAME and stem not in words:
                yield Finding(
                    rule=_UNNAMED,
                    path=(name,),
                    subject=base[:200],
                    evidence=f"no text beside the model names {quoted(stem)}",
                )


def _model_folder(view: RepositoryView, folder: str) -> str | None:
    """The folder itself or the nearest above that holds weights; None in a package."""
    while True:
        names = view.folders.get(folder, ())
        if any(posixpath.basename(name) in _INSTALLED for name in names):
            return None
        if any(name.lower().endswith(_WEIGHTS) for name in names):
            return folder
        if not folder:
            return None
        folder = posixpath.dirname(folder)


def _words(view: RepositoryView, names: Sequence[str] | dict[str, None]) -> str:
    texts = [name for name in names if name.lower().endswith(_TEXTS)][:_MOST_TEXTS]
    return "\n".join(view.text(name, _LARGEST_TEXT) or "" for name in texts)
