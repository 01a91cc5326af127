"""The gate of an MLflow registry: scan a model version, mark it, promote it only when it passes.

Laws: an alias moves only to a version that this very run scanned and that passed, and only while
the registry still says of it what it said to the scan. Tags say the verdict, rules and counts; never
evidence, which may hold a secret. What a tag says is believed for nothing but leaving work out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from weighbridge.core.report import Verdict
from weighbridge.errors import ReadError, TargetError, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.mlflow import MlflowConnection
from weighbridge.fetchers.mlflow_answers import ModelVersion
from weighbridge.fetchers.mlflow_api import ApiRefused
from weighbridge.fetchers.mlflow_servers import servers_of_environment
from weighbridge.fetchers.mlflow_target import RegisteredTarget, is_alias, parse_registered
from weighbridge.gate.mlflow_recheck import what_changed
from weighbridge.gate.mlflow_tags import SIGNATURES, VERDICT, verdict_tags
from weighbridge.reporters.interface import Scanned, TargetResult, Unreachable

Scan = Callable[[str], TargetResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """What the user asks of the gate.

    Attributes:
        models: `name`, `name/3`, `name@alias`, `name/Staging`; with or without `models:/`. None, with
            `is_all_new`, means every model of the registry.
        alias: to be moved to what passes; None moves none.
        is_tagging: write the verdict to the version.
        is_all_new: scan every version of the models that has no verdict of these signatures.
        is_rehearsal: write nothing to the registry, and say what would be written.
        signatures_version: goes into the tags.
    """

    models: Sequence[str]
    signatures_version: str
    alias: str | None = None
    is_tagging: bool = True
    is_all_new: bool = False
    is_rehearsal: bool = False


class StepKind(Enum):
    """What a step at the registry means for the exit code."""

    DONE = 0
    CHANGED = 3
    """What was scanned is not what is there now."""
    FAILED = 2
    """The registry did not take it."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something done, or left, at the registry: a sentence for people."""

    words: str
    kind: StepKind = StepKind.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What came of it: a result for each version, and the steps in the order they were taken."""

    results: Sequence[TargetResult]
    steps: Sequence[Step]

    def exit_code(self, scanned: int) -> int:
        """Put the exit code of the scans and the steps together: 1 beats 2 beats 3 beats 0."""
        codes = {scanned, *(step.kind.value for step in self.steps)}
        return next(code for code in (1, 2, 3, 0) if code in codes)


def run_gate(request: GateRequest, scan: Scan, settings: FetchSettings) -> Gated:
    """Scan versions one by one, tag each, and move the alias in the end.

    Raises:
        UsageError: a model is spelt wrong, no server is named, or two versions compete for an alias.
        TargetError: every model was asked for, and the registry does not list them.
    """
    targets = _parsed(request)
    connection = MlflowConnection.to(servers_of_environment(), settings)
    try:
        return _Gate(request, scan, settings, connection).run(targets)
    finally:
        connection.close()


def _parsed(request: GateRequest) -> Sequence[RegisteredTarget]:
    if not request.models and not request.is_all_new:
        raise UsageError("name a model, or give --all-new for every model of the registry")
    targets = [parse_registered(model) for model in request.models]
    if request.alias is not None and not is_alias(request.alias):
        raise UsageError(f"{request.alias[:80]!r} is not a name that MLflow gives to an alias")
    names = [target.name for target in targets]
    if request.is_all_new and any(one.version or one.alias or one.stage for one in targets):
        raise UsageError("--all-new takes the names of models, without a version or alias")
    if len(names) != len(set(names)) and (request.alias or request.is_all_new):
        raise UsageError("each model may be named once here: an alias belongs to one version")
    return targets


class _Gate:
    """One run: what its steps share."""

    def __init__(
        self, request: GateRequest, scan: Scan, settings: FetchSettings, connection: MlflowConnection
    ) -> None:
        self._request = request
        self._scan = scan
        self._settings = settings
        self._api = connection.api
        self._lookup = connection.lookup
        self._results: list[TargetResult] = []
        self._steps: list[Step] = []

    def run(self, targets: Sequence[RegisteredTarget]) -> Gated:
        if not targets:
            targets = [RegisteredTarget(name=name) for name in self._lookup.registered_models()]
        for target in targets:
            passed: list[ModelVersion] = []
            judged = 0
            for version in self._versions(target):
                judged += 1
                if self._is_let_through(version):
                    passed.append(version)
            if self._request.alias is not None and judged:
                self._promote(target.name, passed, self._request.alias)
        return Gated(results=self._results, steps=self._steps)

    def _versions(self, target: RegisteredTarget) -> Iterator[ModelVersion]:
        """Find what to scan, oldest first; what can't be found is a result of its own."""
        try:
            if not self._request.is_all_new:
                yield self._lookup.pinned(target)
                return
            versions = sorted(self._lookup.versions(target.name), key=lambda one: one.number)
        except TargetError as error:
            self._results.append(Unreachable(target=_shown(target), error=str(error)))
            return
        new = [one for one in versions if not self._is_known(one)]
        if len(new) < len(versions):
            known = len(versions) - len(new)
            self._note(
                f"Left out {known:,} of {len(versions):,} versions of {target.name}: "
                "their tags hold a verdict of these signatures."
            )
        yield from new

    def _is_known(self, version: ModelVersion) -> bool:
        tags = version.tag_values
        return tags.get(SIGNATURES) == self._request.signatures_version and tags.get(
            VERDICT
        ) in frozenset(Verdict)

    def _is_let_through(self, version: ModelVersion) -> bool:
        """Scan and tag one version; True when it may be promoted."""
        name = f"models:/{version.name}/{version.version}"
        try:
            result = self._scan(name)
        except UsageError as error:
            # The registry has spelt it, not the user: the other models are scanned all the same.
            result = Unreachable(target=name, error=f"Named by the registry, and not read: {error}")
        self._results.append(result)
        if not isinstance(result, Scanned):
            self._note(f"Wrote nothing to {name}: it could not be scanned.")
            return False
        changed = what_changed(result.report, self._settings)
        if changed is not None:
            self._note(f"{name} is not what was scanned any more: {changed}", StepKind.CHANGED)
        is_tagged = self._tag(version, result, changed)
        return result.verdict is Verdict.PASS and changed is None and is_tagged

    def _tag(self, version: ModelVersion, result: Scanned, changed: str | None) -> bool:
        """Write the tags; False when the registry did not take them."""
        if not self._request.is_tagging:
            return True
        tags = verdict_tags(
            result,
            signatures_version=self._request.signatures_version,
            now=datetime.now(UTC),
            changed=changed,
        )
        name = f"models:/{version.name}/{version.version}"
        words = f"{name}: {VERDICT} = {tags[VERDICT]}, findings: {tags['weighbridge.findings']}"
        if self._request.is_rehearsal:
            self._note(f"Would tag {words}.")
            return True
        if (error := self._written(version, tags)) is not None:
            self._note(f"Could not tag {name}, so it is not promoted: {error}", StepKind.FAILED)
            return False
        self._note(f"Tagged {words}.")
        return True

    def _written(self, version: ModelVersion, tags: Mapping[str, str]) -> ReadError | None:
        try:
            for key, value in tags.items():
                self._api.set_tag(version, key, value)
        except ReadError as error:
            return error
        return None

    def _promote(self, name: str, passed: Sequence[ModelVersion], alias: str) -> None:
        try:
            holder = self._holder(name, alias)
        except ReadError as error:
            self._note(f"Could not read the alias {alias} of {name}: {error}", StepKind.FAILED)
            return
        best = max(passed, key=lambda one: one.number, default=None)
        if best is None:
            self._note(f"Left the alias {alias} of {name} {_where(holder)}: nothing passed.")
            self._warn_of(holder, alias)
        elif holder is not None and holder.number == best.number:
            self._note(f"The alias {alias} of {name} is at version {best.version} already.")
        elif holder is not None and self._request.is_all_new and holder.number > best.number:
            self._note(f"Left the alias {alias} of {name} {_where(holder)}, which is newer.")
            self._warn_of(holder, alias)
        else:
            self._move(best, holder, alias)

    def _move(self, best: ModelVersion, holder: ModelVersion | None, alias: str) -> None:
        origin = f" from version {holder.version}" if holder is not None else ""
        way = f"the alias {alias} of {best.name}{origin} to version {best.version}"
        if self._request.is_rehearsal:
            self._note(f"Would move {way}.")
            return
        try:
            self._api.set_alias(best, alias)
        except ReadError as error:
            self._note(f"Could not move {way}: {error}", StepKind.FAILED)
        else:
            self._note(f"Moved {way}.")

    def _holder(self, name: str, alias: str) -> ModelVersion | None:
        try:
            return self._api.version_of_alias(name, alias)
        except ApiRefused as refusal:
            if refusal.status in (400, 404):
                return None
            raise

    def _warn_of(self, holder: ModelVersion | None, alias: str) -> None:
        """Say so when the alias is at a version that this run did not let pass."""
        if holder is None:
            return
        name = f"models:/{holder.name}/{holder.version}"
        for result in self._results:
            if result.target == name and result.verdict is Verdict.FAIL:
                self._note(
                    f"The alias {alias} is at {name}, which fails, and whoever loads it by that alias "
                    "runs it. Move the alias to another version, or delete it."
                )

    def _note(self, words: str, kind: StepKind = StepKind.DONE) -> None:
        self._steps.append(Step(words, kind))


def _shown(target: RegisteredTarget) -> str:
    from weighbridge.fetchers.mlflow_lookup import shown_registered

    return shown_registered(target)


def _where(holder: ModelVersion | None) -> str:
    return f"at version {holder.version}" if holder is not None else "unset"
