"""What an archive is by the names of its members: a Keras model, a TorchServe archive, a package.

Members are judged one by one, each by its own format. What only the list of names can tell is judged
here: that a `.so` stands in an archive that should hold a configuration and weights.

To add a kind: a module of this package with

    def judge_members(
        artifact: Artifact, names: Sequence[str], context: Context
    ) -> Iterator[Event] | None

and a row in `JUDGES_OF_MEMBERS`. `names` are those of the files in a zip or a tar, as the archive
spells them, folders left out. The answer is None for an archive of another kind.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, cast

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact

JUDGES_OF_MEMBERS: Final[tuple[tuple[frozenset[str], str], ...]] = (
    (frozenset({"config.json", "metadata.json", "model.weights.h5"}), "keras.archives"),
    (frozenset({"[Content_Types].xml"}), "documents.office"),
    (
        frozenset({"constants.pkl", "bytecode.pkl", "model.json", "version", "serialization_id"})
        | {"archive_format", "serialized_exported_program.json", "extern_modules", "python_version"}
        | {"MANIFEST.json"},
        "torch.archives",
    ),
)
"""Base names, of which the archive must hold one at least, and the module that is asked then."""


class MembersJudge(Protocol):
    """`judge_members` of a module in `JUDGES_OF_MEMBERS`."""

    def __call__(
        self, artifact: Artifact, names: Sequence[str], context: Context
    ) -> Iterator[Event] | None:
        """Return the events of an archive of this judge's kind; None for any other."""
        ...


def judge_members(artifact: Artifact, names: Sequence[str], context: Context) -> Iterator[Event]:
    """Yield what each judge says of the archive as a whole."""
    bases = {name.rpartition("/")[2] for name in names}
    for markers, module in JUDGES_OF_MEMBERS:
        if markers & bases:
            judge = cast(
                MembersJudge, importlib.import_module(f"weighbridge.analyzers.{module}").judge_members
            )
            yield from judge(artifact, names, context) or ()
