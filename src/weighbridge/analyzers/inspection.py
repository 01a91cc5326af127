"""What an analyzer is: one artifact in, a stream of events out.

An analyzer is a function `inspect(artifact, context) -> Iterator[Event]`. It yields

- `Finding`: something seen; it stays, whatever happens later (design law 4),
- `Coverage`: only to say that a *part* was opaque, limited, unsupported or failed,
- `Artifact`: a nested member, which the engine identifies and inspects in its turn,
- `Reference`: another file that its loader opens, which the engine looks up at the end,
- `StatedLicence`: what the artifact says of its licence, which the policy may ask for,
- `PackageName`: a package that it asks for, which the engine looks up when the user allows that.

It raises `Malformed` when the bytes are not its format and `LimitReached` when a budget is
spent; the engine writes the artifact's own coverage row from how the stream ends. It opens no
file, fetches nothing, prints nothing, and catches no error that it did not expect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget
from weighbridge.core.package_name import PackageName
from weighbridge.core.reference import Reference
from weighbridge.core.report import Coverage
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.knowledge.callables import CallableKnowledge

Fact = Finding | Coverage | Reference | PackageName | StatedLicence
"""What leaves the worker."""
Event = Fact | Artifact


@dataclass(frozen=True, slots=True)
class Context:
    """What an analyzer may use beside the artifact."""

    budget: Budget
    callables: CallableKnowledge


class Analyzer(Protocol):
    """The shape of every `inspect` function in this package."""

    def __call__(self, artifact: Artifact, context: Context) -> Iterator[Event]: ...
