"""The gate of an OCI registry: scan an artifact, attach the report, tag it only when it passes.

Laws: a tag is given to the very bytes that this run scanned, found by their digest and compared with
it, whatever the tag that the user named has moved to meanwhile. Only PASS gives it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from weighbridge.bytesource.refused import Refused
from weighbridge.core.report import Verdict
from weighbridge.errors import Malformed, ReadError, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.oci.client import Pinned, RegistryClient
from weighbridge.fetchers.oci.credentials import SET_VARIABLES, FoundLogin, find_login
from weighbridge.fetchers.oci.manifest import MANIFEST, parse_document
from weighbridge.fetchers.oci.reference import TAG, is_oci_target, parse_oci_target
from weighbridge.gate.oci_push import Attachment, Subject, attach, put_manifest
from weighbridge.reporters import json_report, sarif
from weighbridge.reporters.interface import Run, Scanned

ARTIFACT_TYPE = "application/vnd.weighbridge.report.v1+json"
_SHOWN = len("sha256:") + 12
_SARIF_TYPE = "application/sarif+json"

Scan = Callable[[str], Run]
"""Scans one target and judges it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """What the user asks of the gate.

    Attributes:
        target: `oci://registry/repository:tag` or one with a digest.
        promote: the tag to give to what passes; None gives none.
        is_attaching: push the report as a referrer, whatever the verdict.
        is_rehearsal: write nothing to the registry, and say what would be written.
    """

    target: str
    promote: str | None = None
    is_attaching: bool = False
    is_rehearsal: bool = False


class StepKind(Enum):
    """What a step at the registry means for the exit code."""

    DONE = 0
    FAILED = 2


@dataclass(frozen=True, slots=True)
class Step:
    """Something done, or left, at the registry: a sentence for people."""

    words: str
    kind: StepKind = StepKind.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What came of it, with the steps in the order in which they were taken."""

    run: Run
    steps: tuple[Step, ...]

    @property
    def exit_code(self) -> int:
        """Of scan and steps together: 1 beats 2 beats 3 beats 0."""
        codes = {self.run.exit_code, *(step.kind.value for step in self.steps)}
        return next(code for code in (1, 2, 3, 0) if code in codes)


def gate_oci(request: GateRequest, scan: Scan, settings: FetchSettings) -> Gated:
    """Scan an artifact, then attach the report and give the tag, as asked.

    Raises:
        UsageError: the target is no artifact of a registry, or the tag is none.
    """
    if not is_oci_target(request.target):
        raise UsageError(
            f"can't gate {request.target[:200]!r}: give an artifact of a registry, oci://registry/name:tag"
        )
    reference = parse_oci_target(request.target)
    if request.promote is not None and not TAG.fullmatch(request.promote):
        raise UsageError(f"{request.promote[:200]!r} is not a tag")
    run = scan(request.target)
    result = run.results[0]
    if not isinstance(result, Scanned):
        return Gated(run=run, steps=(Step("Wrote nothing to the registry: nothing was scanned."),))
    found = find_login(reference.registry)
    is_writing = (request.promote or request.is_attaching) and not request.is_rehearsal
    client = RegistryClient(reference, found, settings, actions="pull,push" if is_writing else "pull")
    try:
        return Gated(run=run, steps=tuple(_Gate(request, client, found, run, result).steps()))
    finally:
        client.close()


class _Gate:
    """One run: what its steps share."""

    def __init__(
        self, request: GateRequest, client: RegistryClient, found: FoundLogin, run: Run, result: Scanned
    ) -> None:
        self._request = request
        self._client = client
        self._found = found
        self._run = run
        self._result = result
        self._digest = result.report.origin.revision or ""
        where = client.reference
        self._name = f"{where.registry}/{where.repository}@{_shown(self._digest)}"

    def steps(self) -> Iterator[Step]:
        """Take the steps; after one that failed there is no other."""
        for failure, step in self._wanted():
            try:
                yield Step(step())
            except ReadError as error:
                yield Step(f"{failure} {self._name}: {self._why(error)}", StepKind.FAILED)
                return

    def _wanted(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """The steps, each with what to say when it fails."""
        if self._request.is_attaching:
            promoted = ", and gave it no tag," if self._request.promote else ""
            yield f"Could not attach the report{promoted} to", self._attach
        if self._request.promote is not None:
            yield f"Could not give the tag {self._request.promote} to", self._promote

    def _attach(self) -> str:
        if self._request.is_rehearsal:
            return f"Would attach the report to {self._name}."
        pinned = self._client.document(self._digest)
        attached = attach(
            self._client,
            Subject(digest=self._digest, media_type=_media_type(pinned), size_bytes=len(pinned.content)),
            self._files(),
            artifact_type=ARTIFACT_TYPE,
            annotations={
                "org.opencontainers.image.created": self._run.started.isoformat(timespec="seconds"),
                "weighbridge.verdict": self._result.verdict.value,
                "weighbridge.signatures": self._run.signatures_version,
                "weighbridge.version": self._run.tool_version,
            },
        )
        listed = "" if attached.tag is None else f", listed under the tag {_shown(attached.tag)}"
        return f"Attached the report to {self._name} as {attached.digest}{listed}."

    def _files(self) -> tuple[Attachment, ...]:
        # Where this machine keeps its files is nobody's business at the registry.
        run = dataclasses.replace(self._run, working_directory=None)
        return (
            Attachment(
                name="report.json", media_type=ARTIFACT_TYPE, content=json_report.render(run).encode()
            ),
            Attachment(name="report.sarif", media_type=_SARIF_TYPE, content=sarif.render(run).encode()),
        )

    def _promote(self) -> str:
        tag = self._request.promote or ""
        verdict = self._result.verdict
        if verdict is not Verdict.PASS:
            said = verdict.value.upper()
            return f"Left the tag {tag} where it is: the verdict on {self._name} is {said}."
        if self._request.is_rehearsal:
            return f"Would give the tag {tag} to {self._name}."
        pinned = self._client.document(self._digest)
        put_manifest(self._client, tag, pinned.content, _media_type(pinned))
        return f"Gave the tag {tag} to {self._name}."

    def _why(self, error: ReadError) -> str:
        if isinstance(error, Refused) and error.status in (401, 403):
            advice = self._found.note if self._found.login is not None else SET_VARIABLES
            return f"{error}. The login may not write to this repository, or there is none: {advice}"
        return str(error)


def _shown(digest: str) -> str:
    """Cut a digest, or the tag that is made from one, to what tells it from others."""
    return digest[:_SHOWN] + "…"


def _media_type(pinned: Pinned) -> str:
    """The type under which a manifest was pushed, for pushing the same bytes again."""
    try:
        return parse_document(pinned.content).media_type or pinned.media_type or MANIFEST
    except Malformed:
        return pinned.media_type or MANIFEST
