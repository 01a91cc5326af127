"""spaCy pipelines (`config.cfg`, `meta.json`) and logging configurations: INI that names functions.

`@architectures = "spacy.Tagger.v2"` is looked up in a registry. Packages that are installed put their
functions there, so a name that is not spaCy's own asks for a package that the user has to trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from weighbridge.analyzers.configuration.config_expressions import harmful_names
from weighbridge.analyzers.configuration.config_trees import child, mappings, text_of
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.ini_tree import parse_ini
from weighbridge.formats.documents.strict_json import Json

_FUNCTION, _CALLBACK, _EXPRESSION = "CFG040", "CFG041", "CFG008"
_HINT = re.compile(
    r"^\[(?:nlp|components[.\]]|training[.\]]|loggers\]|handlers\])|^@[a-z_]+\s*=", re.MULTILINE
)
_NAMES = frozenset({".cfg", ".ini", ".conf"})
_OWN = re.compile(
    r"(?:spacy|spacy[-_](?:legacy|loggers|transformers|curated[-_]transformers|llm))\.|[A-Za-z_]\w*\.v\d+\Z"
)
_FACTORIES = re.compile(
    r"(?:tok2vec|tagger|parser|ner|senter|sentencizer|attribute_ruler|lemmatizer|trainable_lemmatizer"
    r"|morphologizer|textcat|textcat_multilabel|entity_linker|entity_ruler|span_ruler|spancat"
    r"|spancat_singlelabel|span_finder|merge_\w+|transformer|curated_transformer|token_splitter"
    r"|future_entity_ruler|doc_cleaner|beam_ner|beam_parser|experimental_\w+|llm\w*|en|[a-z]{2,3}\.\w+)\Z"
)
_LARGEST = 4 * MIB
_MOST = 100


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that is a pipeline of spaCy or a logging configuration."""
    is_named = PurePosixPath(artifact.name.lower()).name == "config.cfg"
    has_hint = _HINT.search(head) is not None
    if not has_hint and not is_named:
        return None
    size = artifact.source.size
    if size > _LARGEST:
        if is_named:
            raise LimitReached(f"a configuration of {size:,} bytes; up to {_LARGEST:,} are read")
        return None
    try:
        tree = parse_ini(bytes(artifact.source.read_at(0, size)).decode("utf-8-sig", "replace"))
    except (Malformed, LimitReached):
        if is_named and has_hint:
            raise
        return None
    if "nlp" in tree or "components" in tree:
        return _pipeline(artifact, tree)
    return _logging(artifact, tree, context) if "handlers" in tree or "loggers" in tree else None


def _pipeline(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    functions: dict[str, str] = {}
    for route, mapping in mappings(tree):
        for key in mapping:
            name = text_of(mapping, key) if key.startswith("@") else None
            if name is None or _OWN.match(name):
                continue
            if key == "@callbacks":
                evidence = f"{key} = {quoted(name)}"
                yield _finding(artifact, _CALLBACK, name, evidence, route)
            else:
                functions.setdefault(f"{key} = {name}", route)
    components = tree.get("components")
    for key in components if isinstance(components, Mapping) else ():
        factory = child(components, key, "factory")
        if isinstance(factory, str) and not _FACTORIES.match(factory):
            functions.setdefault(f"factory = {factory}", f"/components/{key}")
    if functions:
        first, route = next(iter(functions.items()))
        evidence = "\n".join(quoted(one) for one in list(functions)[:10])
        yield _finding(artifact, _FUNCTION, first, evidence, route)


def _logging(artifact: Artifact, tree: Mapping[str, Json], context: Context) -> Iterator[Event]:
    """`logging.config.fileConfig` evaluates `class`, `args` and `kwargs` as Python."""
    count = 0
    for section, values in tree.items():
        for key in ("class", "args", "kwargs") if isinstance(values, Mapping) else ():
            text = text_of(values, key) if isinstance(values, Mapping) else None
            for name in harmful_names(text, context.callables) if text else ():
                count += 1
                if count <= _MOST:
                    evidence = f"{key} = {quoted(text or '')} uses {name}"
                    yield _finding(artifact, _EXPRESSION, name, evidence, f"/{section}/{key}")


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, route=route)
