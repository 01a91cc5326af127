"""GGUF headers that native loaders have broken on, and bytes that no tensor claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings, malformed_finding, unclaimed_artifacts
from weighbridge.analyzers.carried_texts import carried
from weighbridge.analyzers.configuration.claimed_names import claimed_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.templates.judgement import judge_template
from weighbridge.analyzers.templates.template_findings import Place, Use
from weighbridge.analyzers.tokenizers.gguf_tokens import gguf_token_findings
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Coverage, Outcome
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.errors import Malformed
from weighbridge.formats.kinds import Format
from weighbridge.formats.weights.gguf import GgufArray, GgufEntry, GgufHeader, parse_gguf
from weighbridge.formats.weights.gguf_layout import GgufAnomaly

RULES: Final[Mapping[GgufAnomaly, str]] = {
    GgufAnomaly.ABSURD_COUNT: "GGF002",
    GgufAnomaly.ABSURD_LENGTH: "GGF002",
    GgufAnomaly.UNKNOWN_VALUE_TYPE: "GGF003",
    GgufAnomaly.ABSURD_TENSOR_TYPE: "GGF003",
    GgufAnomaly.DEEP_ARRAY: "GGF003",
    GgufAnomaly.TOO_MANY_DIMS: "GGF004",
    GgufAnomaly.SIZE_OVERFLOW: "GGF004",
    GgufAnomaly.OFFSET_OUTSIDE: "GGF005",
    GgufAnomaly.BAD_ALIGNMENT: "GGF006",
    GgufAnomaly.VOCABULARY_SHORT: "GGF007",
    GgufAnomaly.OVERLAP: "GGF008",
    GgufAnomaly.GAP: "GGF008",
    GgufAnomaly.UNALIGNED: "GGF008",
    GgufAnomaly.BROKEN_ROW: "GGF008",
    GgufAnomaly.DUPLICATE_KEY: "GGF009",
    GgufAnomaly.DUPLICATE_TENSOR: "GGF009",
    GgufAnomaly.MANY_DIMS: "GGF010",
    GgufAnomaly.NESTED_ARRAY: "GGF010",
    GgufAnomaly.EMPTY_KEY: "GGF010",
    GgufAnomaly.INVALID_UTF8: "GGF010",
    GgufAnomaly.VOCABULARY_LONG: "GGF010",
    GgufAnomaly.UNKNOWN_TENSOR_TYPE: "GGF011",
    GgufAnomaly.TRAILING: "GGF012",
    GgufAnomaly.TRUNCATED: "GGF013",
}

_MAGIC_BYTES = 4
_MOST_TEMPLATES = 100
_CARRIED = "GGF015"
_LICENCE = "general.license"
_LONGEST_LICENCE = 100
_OWNERS: Final = (("organization", "name"), ("base_model.0.organization", "base_model.0.name"))
_TEMPLATE = "tokenizer.chat_template"
_OF_THE_TOKENIZER = "tokenizer."
"""Words of a vocabulary are pieces of programs, and templates are programs: judged elsewhere."""


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge header and layout; hand on what lies outside the tensors."""
    try:
        header = parse_gguf(artifact.source, context.budget.limits)
    except Malformed as error:
        yield malformed_finding(artifact, error, "GGF001")
        yield from unclaimed_artifacts(artifact, [(_MAGIC_BYTES, artifact.source.size)])
        raise
    yield from anomaly_findings(artifact, header.anomalies, RULES)
    yield from carried(artifact, _texts(header), rule=_CARRIED)
    yield from claimed_findings(artifact, _sources(header))
    yield from gguf_token_findings(artifact, header)
    yield from _licences(artifact, header)
    yield from _templates(artifact, header, context)
    yield from unclaimed_artifacts(artifact, header.unclaimed)


def _licences(artifact: Artifact, header: GgufHeader) -> Iterator[StatedLicence]:
    for entry in header.metadata:
        if entry.key == _LICENCE and isinstance(entry.value, str) and entry.value.strip():
            licence = entry.value.strip().lower()[:_LONGEST_LICENCE]
            yield StatedLicence(path=artifact.path, licence=licence)


def chat_templates(header: GgufHeader) -> Iterator[GgufEntry]:
    """Yield `tokenizer.chat_template` and the named ones, `tokenizer.chat_template.*`, in file order."""
    for entry in header.metadata:
        if entry.key == _TEMPLATE or entry.key.startswith(_TEMPLATE + "."):
            yield entry


def _templates(artifact: Artifact, header: GgufHeader, context: Context) -> Iterator[Event]:
    for number, entry in enumerate(chat_templates(header)):
        if not isinstance(entry.value, str):
            continue
        if entry.is_cut or number == _MOST_TEMPLATES:
            detail = f"{entry.key}: a chat template of {entry.length:,} bytes was not read"
            yield Coverage(
                path=artifact.path, format=Format.GGUF, outcome=Outcome.LIMITED, detail=detail
            )
            return
        place = Place(artifact, f"metadata {entry.key[:200]}", entry.key[:200], Use.CHAT)
        yield from judge_template(place, entry.value, context)


def _texts(header: GgufHeader) -> Iterator[tuple[str, str]]:
    """Strings that the writer of the file chose, and the elements of short lists."""
    for entry in header.metadata:
        if entry.key.startswith(_OF_THE_TOKENIZER):
            continue
        if isinstance(entry.value, str):
            yield entry.key, entry.value
        elif isinstance(entry.value, GgufArray):
            yield from ((entry.key, text) for text in entry.value.strings)


def _sources(header: GgufHeader) -> Iterator[tuple[str, str]]:
    """Repositories that the file says it was made from, and the names that it goes by."""
    names: dict[str, str] = {}
    for entry in header.metadata:
        if isinstance(entry.value, str) and entry.key.startswith("general."):
            if entry.key.endswith((".repo_url", ".repository", ".url")):
                yield entry.key, entry.value
            names.setdefault(entry.key.removeprefix("general."), entry.value)
    for owner, name in _OWNERS:
        # Those are titles: "Nous Research" is nobody's imitation of NousResearch. Other letters are.
        if owner in names and name in names and not names[owner].isascii():
            yield f"general.{owner}", f"{names[owner]}/{names[name]}".replace(" ", "-")
