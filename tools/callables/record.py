"""Record which callables a writer names while it pickles, and what the pickle does with each.

The pure-Python pickler is asked, not the bytes: `save_reduce` says which callable a reduction
calls, `save_global` says which name is written. Nothing is unpickled.
"""

from __future__ import annotations

import io
import pickle
import types
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class Use(StrEnum):
    """What the pickle does with a name."""

    CALL = "call"
    """REDUCE: its constructor or function runs with arguments."""
    NEW = "new"
    """NEWOBJ, or `copyreg._reconstructor`: an instance without its constructor."""
    NAME = "name"
    """Only written: an argument, a dtype, a stored class."""


Key = tuple[str, str]


@dataclass
class Record:
    """Callables seen so far: `uses[(module, qualname)]` holds each use and who wrote it."""

    uses: dict[Key, dict[Use, str]] = field(default_factory=lambda: defaultdict(dict))
    failures: list[str] = field(default_factory=list)

    def note(self, module: str, name: str, use: Use, *, writer: str) -> None:
        """Keep the first writer of each use."""
        self.uses[module, name].setdefault(use, writer)

    def dump(self, value: object, writer: str, protocols: tuple[int, ...] = (2, 4)) -> None:
        """Pickle `value` and note what is named; a value that cannot be pickled is a failure."""
        for protocol in protocols:
            try:
                _RecordingPickler(self, writer, protocol).dump(value)
            except Exception as error:  # any library may refuse in any way
                self.failures.append(f"{writer}: {type(error).__name__}: {str(error)[:80]}")

    def pickle_module(self, writer: str) -> Any:
        """Return what `torch.save(pickle_module=...)` wants."""
        record = self

        class Module:
            """The two names that torch.save takes from a pickle module."""

            class Pickler(_RecordingPickler):
                """Constructed as pickle.Pickler is."""

                def __init__(self, file: Any, protocol: int = 2) -> None:
                    super().__init__(record, writer, protocol, file)

            @staticmethod
            def dump(value: object, file: Any, protocol: int = 2) -> None:
                _RecordingPickler(record, writer, protocol, file).dump(value)

        return Module


class _RecordingPickler(pickle._Pickler):  # type: ignore[name-defined, misc]
    def __init__(self, record: Record, writer: str, protocol: int, file: Any = None) -> None:
        super().__init__(file or io.BytesIO(), protocol)
        self._record = record
        self._writer = writer
        self._uses: list[tuple[object, Use]] = []

    def save_reduce(self, func: Callable[..., Any], args: Any, *rest: Any, **more: Any) -> None:
        constructs = getattr(func, "__name__", "") in ("__newobj__", "__newobj_ex__", "_reconstructor")
        if constructs and args:
            self._uses.append((args[0], Use.NEW))
        self._uses.append((func, Use.CALL))
        self._note_uses()
        super().save_reduce(func, args, *rest, **more)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        module = pickle.whichmodule(obj, name)
        self._record.note(module, name, Use.NAME, writer=self._writer)
        super().save_global(obj, name)

    dispatch: ClassVar[dict[type, Any]] = {**pickle._Pickler.dispatch, types.FunctionType: save_global}  # type: ignore[attr-defined]

    def _note_uses(self) -> None:
        while self._uses:
            obj, use = self._uses.pop()
            name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
            if name is not None and "__newobj" not in name:
                self._record.note(pickle.whichmodule(obj, name), name, use, writer=self._writer)
