r"""What the supervisor and a worker say to each other: lines of JSON, and raw bytes for reads.

A worker parses hostile input, so nothing that it sends is trusted: no pickle, no types beyond
text and integers, and every message is checked as it is read. JSON escapes lone surrogates, so
file names that are not UTF-8 survive the way.

    supervisor -> worker   {"do": "inspect", ...}\n           one file, or
                           {"do": "judge", ...}\n + a line for each file and finding; then, to its reads:
                           {"size": n}\n + n raw bytes   or   {"error": "..."}\n
    worker -> supervisor   {"finding": {...}}  {"coverage": {...}}  {"reference": {...}}
                           {"package": {...}}  {"licence": {...}}  {"opinion": {...}}
                           {"read": [file, offset, length]}  {"done": true}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, assert_never

from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Limits
from weighbridge.core.package_name import PackageName
from weighbridge.core.reference import Reference
from weighbridge.core.report import Coverage, Outcome
from weighbridge.core.repository import WHOLE
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.opinions.interface import (
    EngineName,
    Examination,
    Objection,
    OpinionResult,
    OpinionSettings,
    Stance,
)

_LINE_BYTES = 8 << 20
_T = TypeVar("_T")


class Broken(Exception):
    """The other side said something that is not in the protocol, or nothing more."""


@dataclass(frozen=True, slots=True)
class Job:
    """One top-level artifact to inspect. Without a local path the bytes are asked for by `read`."""

    name: str
    size_bytes: int
    local_path: str | None
    origin: Origin | None
    limits: Limits
    opinions: OpinionSettings | None = None
    """Set when other engines are asked in place of our own analyzers."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One line of a manifest."""

    name: str
    size_bytes: int | None
    local_path: str | None
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """All files of a target, as a worker is told of them."""

    target: str
    origin: Origin
    files: tuple[ListedFile, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class RepositoryJob:
    """A target to judge as a whole. Bytes of files without a local path are asked for by `read`."""

    manifest: Manifest
    base: Manifest | None
    limits: Limits
    trust: Trust = NOBODY

    @property
    def name(self) -> str:
        return WHOLE


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes that a worker asks for.

    Attributes:
        file: number of a file in the manifest, those of the base after those of the target; 0 in a
            job on one file.
    """

    file: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of a file that a worker asks for: the true one, not what a registry states.

    Attributes:
        file: see `Read`.
    """

    file: int


@dataclass(frozen=True, slots=True)
class Done:
    pass


Event = Finding | Coverage | Reference | PackageName | StatedLicence | Examination
Message = Event | Read | Measure | Done


def send(stream: IO[bytes], message: object) -> None:
    stream.write(json.dumps(message).encode() + b"\n")
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any]:
    """Read one line.

    Raises:
        Broken: end of stream, an endless line, or no JSON object.
    """
    line = stream.readline(_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise Broken("ended" if not line else "sent a line without an end")
    try:
        message = json.loads(line)
    except ValueError as error:
        raise Broken("sent no JSON") from error
    if not isinstance(message, dict):
        raise Broken("sent no message")
    return message


def send_job(stream: IO[bytes], job: Job | RepositoryJob) -> None:
    match job:
        case Job():
            send(stream, encode_job(job))
        case RepositoryJob():
            _send_repository(stream, job)


def _send_repository(stream: IO[bytes], job: RepositoryJob) -> None:
    manifests = [job.manifest, *([job.base] if job.base is not None else [])]
    heads = [
        {
            "target": one.target,
            "origin": _encode_origin(one.origin),
            "files": len(one.files),
            "findings": len(one.findings),
        }
        for one in manifests
    ]
    common = {"limits": asdict(job.limits), "trust": asdict(job.trust)}
    send(stream, {"do": "judge", **common, "manifests": heads})
    for one in manifests:
        for file in one.files:
            line = [file.name, file.size_bytes, file.local_path, _encode_origin(file.origin)]
            stream.write(json.dumps(line).encode() + b"\n")
        for finding in one.findings:
            stream.write(json.dumps(asdict(finding)).encode() + b"\n")
    stream.flush()


def receive_job(stream: IO[bytes]) -> Job | RepositoryJob:
    """Read the next job.

    Raises:
        Broken: the supervisor closed the pipe.
    """
    message = receive(stream)
    if message["do"] == "inspect":
        return decode_job(message)
    manifests = [_receive_manifest(stream, head) for head in message["manifests"]]
    base = manifests[1] if len(manifests) > 1 else None
    trust = message["trust"]
    trust = Trust(**{**trust, "certificates": tuple(trust["certificates"])})
    return RepositoryJob(manifests[0], base, Limits(**message["limits"]), trust)


def _receive_manifest(stream: IO[bytes], head: dict[str, Any]) -> Manifest:
    files = tuple(_listed_file(stream) for _ in range(head["files"]))
    findings = tuple(_finding(receive(stream)) for _ in range(head["findings"]))
    return Manifest(head["target"], Origin(**head["origin"]), files, findings)


def _listed_file(stream: IO[bytes]) -> ListedFile:
    name, size_bytes, local_path, origin = json.loads(stream.readline())
    return ListedFile(name, size_bytes, local_path, Origin(**origin) if origin is not None else None)


def _encode_origin(origin: Origin | None) -> dict[str, object] | None:
    if origin is None:
        return None
    return {
        "kind": origin.kind,
        "location": origin.location,
        "revision": origin.revision,
        "sha256": origin.sha256,
        "size_bytes": origin.size_bytes,
        "registry_verdicts": dict(origin.registry_verdicts),
        "facts": dict(origin.facts),
    }


def encode_job(job: Job) -> dict[str, object]:
    return {
        "do": "inspect",
        "name": job.name,
        "size_bytes": job.size_bytes,
        "local_path": job.local_path,
        "origin": _encode_origin(job.origin),
        "limits": asdict(job.limits),
        "opinions": _encode_opinions(job.opinions),
    }


def _encode_opinions(settings: OpinionSettings | None) -> dict[str, object] | None:
    if settings is None:
        return None
    folder = str(settings.yara_rules) if settings.yara_rules is not None else None
    return {"engines": list(settings.engines), "yara_rules": folder}


def decode_job(message: dict[str, Any]) -> Job:
    origin = message["origin"]
    return Job(
        name=message["name"],
        size_bytes=message["size_bytes"],
        local_path=message["local_path"],
        origin=Origin(**origin) if origin is not None else None,
        limits=Limits(**message["limits"]),
        opinions=_decode_opinions(message["opinions"]),
    )


def _decode_opinions(fields: dict[str, Any] | None) -> OpinionSettings | None:
    if fields is None:
        return None
    folder = fields["yara_rules"]
    return OpinionSettings(
        engines=tuple(EngineName(name) for name in fields["engines"]),
        yara_rules=Path(folder) if folder is not None else None,
    )


def encode_event(event: Event) -> dict[str, object]:
    match event:
        case Finding():
            return {"finding": asdict(event)}
        case Coverage():
            return {"coverage": asdict(event)}
        case Reference():
            return {"reference": asdict(event)}
        case PackageName():
            return {"package": asdict(event)}
        case StatedLicence():
            return {"licence": asdict(event)}
        case Examination():
            return {"opinion": asdict(event)}
        case _:
            assert_never(event)


def decode_message(message: dict[str, Any]) -> Message:
    """Raises Broken when a field is missing or has another type."""
    try:
        if "finding" in message:
            return _finding(message["finding"])
        if "coverage" in message:
            return _coverage(message["coverage"])
        if "reference" in message:
            return _reference(message["reference"])
        if "package" in message:
            return _package(message["package"])
        if "licence" in message:
            return _licence(message["licence"])
        if "opinion" in message:
            return _examination(message["opinion"])
        if "read" in message:
            file, offset, length = message["read"]
            return Read(_typed(file, int), _typed(offset, int), _typed(length, int))
        if "measure" in message:
            return Measure(_typed(message["measure"], int))
        if message.get("done") is True:
            return Done()
    except (KeyError, TypeError, ValueError) as error:
        raise Broken("sent a message that is not in the protocol") from error
    raise Broken("sent a message that is not in the protocol")


def _finding(fields: dict[str, Any]) -> Finding:
    offset = fields["offset"]
    return Finding(
        rule=_typed(fields["rule"], str),
        path=_texts(fields["path"]),
        subject=_typed(fields["subject"], str),
        evidence=_typed(fields["evidence"], str),
        offset=None if offset is None else _typed(offset, int),
        length=_typed(fields["length"], int),
        route=_typed(fields["route"], str),
        related=_texts(fields["related"]),
    )


def _coverage(fields: dict[str, Any]) -> Coverage:
    size = fields["size_bytes"]
    return Coverage(
        path=_texts(fields["path"]),
        format=_typed(fields["format"], str),
        outcome=Outcome(_typed(fields["outcome"], str)),
        size_bytes=None if size is None else _typed(size, int),
        bytes_read=_typed(fields["bytes_read"], int),
        detail=_typed(fields["detail"], str),
    )


def _reference(fields: dict[str, Any]) -> Reference:
    return Reference(
        path=_texts(fields["path"]),
        name=_typed(fields["name"], str),
        end=_typed(fields["end"], int),
        what=_typed(fields["what"], str),
    )


def _package(fields: dict[str, Any]) -> PackageName:
    return PackageName(
        path=_texts(fields["path"]),
        name=_typed(fields["name"], str),
        route=_typed(fields["route"], str),
        is_told=_typed(fields["is_told"], bool),
    )


def _licence(fields: dict[str, Any]) -> StatedLicence:
    return StatedLicence(path=_texts(fields["path"]), licence=_typed(fields["licence"], str))


def _examination(fields: dict[str, Any]) -> Examination:
    result = fields["result"]
    return Examination(
        engine=EngineName(_typed(fields["engine"], str)),
        path=_texts(fields["path"]),
        result=OpinionResult(
            stance=Stance(_typed(result["stance"], str)),
            reason=_typed(result["reason"], str),
            objections=tuple(_objection(entry) for entry in _typed(result["objections"], list)),
            evidence=_typed(result["evidence"], str),
        ),
    )


def _objection(fields: dict[str, Any]) -> Objection:
    offset = fields["offset"]
    return Objection(
        rule=_typed(fields["rule"], str),
        subject=_typed(fields["subject"], str),
        evidence=_typed(fields["evidence"], str),
        offset=None if offset is None else _typed(offset, int),
        length=_typed(fields["length"], int),
    )


def _texts(values: object) -> tuple[str, ...]:
    return tuple(_typed(value, str) for value in _typed(values, list))


def _typed(value: object, kind: type[_T]) -> _T:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}")
    return value
