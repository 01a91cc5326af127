"""What a target is called in a bill of materials: its type, name, package URL and licences.

Source: the package URL specification (ECMA-427) and its types `huggingface`, `mlflow`, `oci`, `generic`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from weighbridge.core.artifact import Origin
from weighbridge.core.report import Report
from weighbridge.reporters.words import printable, shortened

_CHARACTERS = 300
_LICENCES = 10
_HUB = "https://huggingface.co/"
_OCI = re.compile(r"(?:oci|oci\+http|ollama)://(?P<place>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def component_type(report: Report) -> str:
    """A model, unless the place where it lies holds data sets or applications."""
    location = report.origin.location
    if location.startswith(("hf://datasets/", "kaggle://datasets/")):
        return "data"
    return "application" if location.startswith("hf://spaces/") else "machine-learning-model"


def title(report: Report) -> str:
    """The name for people, never blank: the target as it was typed."""
    return printable(shortened(report.target, _CHARACTERS)).strip() or "target"


def licences(report: Report) -> tuple[str, ...]:
    """What the files, and else the registry, say of the licence, in their words."""
    said = [one.licence for one in report.licences]
    said = said or report.origin.facts.get("license", "").split(",")
    return tuple(dict.fromkeys(one.strip() for one in said if one.strip()))[:_LICENCES]


def package_url(report: Report) -> str:
    """Return the package URL; every part of it is percent-encoded."""
    origin = report.origin
    match origin.kind:
        case "huggingface":
            return _of_the_hub(origin)
        case "mlflow" if origin.location.startswith("models:/"):
            return _of_mlflow(origin)
        case "oci" | "ollama" if found := _OCI.fullmatch(origin.location):
            return _of_oci(found["place"], found["digest"])
        case _:
            return _generic(report)


def is_sha256(text: str | None) -> bool:
    """True for 64 hexadecimal digits in lower case."""
    return text is not None and _DIGEST.fullmatch(text) is not None


def _of_the_hub(origin: Origin) -> str:
    """Only models have a type of their own."""
    repository = origin.location.removeprefix("hf://").removesuffix(f"@{origin.revision}")
    version = _version(origin.revision)
    if repository.startswith(("datasets/", "spaces/")):
        kept = repository.partition("/")[2]
        address = _HUB + quote(repository, safe="/")
        return f"pkg:generic/{_path(kept)}{version}{_qualifiers({'download_url': address})}"
    return f"pkg:huggingface/{_path(repository)}{version}"


def _of_mlflow(origin: Origin) -> str:
    name = re.split("[/@]", origin.location.removeprefix("models:/"), maxsplit=1)[0]
    version = _version(origin.revision.removeprefix("v") if origin.revision else None)
    server = origin.facts.get("server", "")
    return f"pkg:mlflow/{_part(name)}{version}{_qualifiers({'repository_url': server})}"


def _of_oci(place: str, digest: str) -> str:
    """The digest is the version; where it lies is a qualifier."""
    name = place.rpartition("/")[2].lower()
    return f"pkg:oci/{_part(name)}{_version(digest)}{_qualifiers({'repository_url': place})}"


def _generic(report: Report) -> str:
    origin = report.origin
    name = origin.location.rstrip("/").rpartition("/")[2] or "target"
    only = report.files[0].sha256 if len(report.files) == 1 else None
    checksum = f"sha256:{only}" if only is not None and is_sha256(only) else ""
    address = origin.location if origin.location.startswith(("https://", "http://")) else ""
    wanted = {"checksum": checksum, "download_url": shortened(address, _CHARACTERS)}
    return f"pkg:generic/{_part(name)}{_version(origin.revision)}{_qualifiers(wanted)}"


def _version(revision: str | None) -> str:
    return f"@{_part(revision)}" if revision else ""


def _qualifiers(values: Mapping[str, str]) -> str:
    told = [f"{key}={_part(value)}" for key, value in sorted(values.items()) if value]
    return f"?{'&'.join(told)}" if told else ""


def _path(text: str) -> str:
    return "/".join(_part(part) for part in text.split("/") if part)


def _part(text: str) -> str:
    r"""Percent-encode; what is no Unicode, and what can't be seen, is spelled out first (`\udcff`)."""
    return quote(printable(shortened(text.strip(), _CHARACTERS)), safe=":") or "target"
