"""The PyTorch family beyond pickles and zips: known by their bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe
from weighbridge.formats.torch.torch7 import looks_like_torch7
from weighbridge.formats.torch.torchscript import AS_PYTHON_BYTES, looks_like_torchscript

_PROGRAM = re.compile(rb"(?:ET|BP)\d\d")
_TENSORS = re.compile(rb"FT\d\dFH\d\d")
_MOBILE = b"PTMF"
_CODE = re.compile(r"(?:^|/)code/.+\.py\Z", re.DOTALL | re.IGNORECASE)


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    if _PROGRAM.match(head, 4):
        yield Format.EXECUTORCH
    elif _TENSORS.match(head, 4):
        yield Format.EXECUTORCH_DATA
    elif head[4:8] == _MOBILE:
        yield Format.TORCH_MOBILE
    # The loader finds code by its name and nothing else; but `code/train.py` is Python.
    if _CODE.search(probe.name) and looks_like_torchscript(head.decode("utf-8", "backslashreplace")):
        yield Format.TORCHSCRIPT
        if probe.size <= AS_PYTHON_BYTES:
            yield Format.PYTHON  # a torch.package may have a module of that name
    if looks_like_torch7(head, probe.size, is_named=probe.suffix in (".t7", ".th7")):
        yield Format.TORCH7
