"""MLflow and BentoML manifests: which code they make a server import, and from where.

An `MLmodel` names for each flavour what loads it; `python_function.loader_module` is imported by name,
after the folder `code` was put before everything else on the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.configuration.config_trees import items_of, nodes, text_of
from weighbridge.analyzers.configuration.requirement_lines import requirement_findings
from weighbridge.analyzers.configuration.target_weights import Weight, weigh_target
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json

_LOADER, _CODE, _OUTSIDE, _SCRIPT, _BUILD, _SERVICE, _DANGEROUS = (
    "CFG020", "CFG021", "CFG022", "CFG023", "CFG026", "CFG027", "CFG028"
)  # fmt: skip
_OWN_LOADER = re.compile(r"mlflow(?:\.[a-z_0-9]+){1,3}\Z")
# Of model_code_path, the path on the machine that wrote the model, only the last part is used.
_PATH_KEYS: Final = frozenset(
    {"data", "code", "model_path", "python_model", "pickled_model", "model_data", "env", "config"}
    | {"path", "artifact_path", "tokenizer", "model"}
)
_SCRIPT_TEXT = re.compile(r"<script\b|\bon(?:error|load|click|mouseover)\s*=|javascript:", re.IGNORECASE)
_BENTO_BUILD: Final = ("setup_script", "dockerfile_template")
_BENTO_NAMES: Final = frozenset({"bentofile.yaml", "bentofile.yml", "bento.yaml"})
_MOST = 50


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge an MLmodel, an environment of conda or pip, or a manifest of BentoML."""
    if not isinstance(tree, Mapping):
        return None
    flavors = tree.get("flavors")
    if isinstance(flavors, Mapping) and (_is_mlmodel(tree) or _base(artifact) == "mlmodel"):
        return _mlmodel(artifact, tree, flavors, context)
    if isinstance(tree.get("service"), str) and _is_bento(artifact, tree):
        return _bento(artifact, tree)
    lines = tuple(_requirements(tree))
    return requirement_findings(artifact, lines, "/dependencies") if lines else None


def _base(artifact: Artifact) -> str:
    return PurePosixPath(artifact.name.lower()).name


def _is_mlmodel(tree: Mapping[str, Json]) -> bool:
    known = {"artifact_path", "mlflow_version", "model_uuid", "run_id", "utc_time_created", "model_id"}
    return bool(known & set(tree)) or "python_function" in dict.fromkeys(_keys(tree.get("flavors")))


def _keys(value: Json) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, Mapping) else ()


def _mlmodel(
    artifact: Artifact, tree: Mapping[str, Json], flavors: Mapping[str, Json], context: Context
) -> Iterator[Event]:
    for name, flavor in flavors.items():
        if isinstance(flavor, Mapping):
            yield from _flavor(artifact, name, flavor, context)
    yield from _paths(artifact, flavors)
    yield from _scripts(artifact, tree)


def _flavor(
    artifact: Artifact, name: str, flavor: Mapping[str, Json], context: Context
) -> Iterator[Finding]:
    loader = text_of(flavor, "loader_module")
    if loader and not _OWN_LOADER.match(loader):
        weighed = weigh_target(f"{loader}._load_pyfunc", context.callables)
        is_python = loader.partition(".")[0] in context.callables.stdlib
        rule = _DANGEROUS if is_python or weighed.weight >= Weight.REACHES else _LOADER
        why = f"{quoted(loader)} is imported and its _load_pyfunc is called"
        if weighed.weight >= Weight.REACHES:
            why += f"; it {weighed.why}"
        yield _finding(artifact, rule, loader[:200], why, f"/flavors/{name}/loader_module")
    carried = [key for key in ("code", "model_code_path") if text_of(flavor, key)]
    if carried:
        evidence = ", ".join(f"{key}: {quoted(text_of(flavor, key) or '')}" for key in carried)
        yield _finding(artifact, _CODE, name[:200], evidence, f"/flavors/{name}/{carried[0]}")


def _paths(artifact: Artifact, flavors: Mapping[str, Json]) -> Iterator[Finding]:
    count = 0
    for route, value in nodes(flavors):
        key = route.rpartition("/")[2]
        if not isinstance(value, str) or (key not in _PATH_KEYS and "/env/" not in f"{route}/"):
            continue
        if _leaves(value) and count < _MOST:
            count += 1
            evidence = f"{key}: {quoted(value)}"
            yield _finding(artifact, _OUTSIDE, value[:200], evidence, f"/flavors{route}")


def _leaves(path: str) -> bool:
    parts = path.replace("\\", "/").split("/")
    return ".." in parts or path.startswith(("/", "\\\\", "~")) or path[1:3] == ":\\"


def _scripts(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    for route, value in nodes(tree):
        found = _SCRIPT_TEXT.search(value[:100_000]) if isinstance(value, str) else None
        if found is not None and isinstance(value, str):
            evidence = quoted(value[found.start() :])
            yield _finding(artifact, _SCRIPT, route[:200], evidence, route)
            return


def _is_bento(artifact: Artifact, tree: Mapping[str, Json]) -> bool:
    return _base(artifact) in _BENTO_NAMES or "bentoml_version" in tree or "bento" in _keys(tree)


def _bento(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    service = text_of(tree, "service") or ""
    yield _finding(artifact, _SERVICE, service[:200], f"service: {quoted(service)}", "/service")
    docker = tree.get("docker")
    for key in _BENTO_BUILD if isinstance(docker, Mapping) else ():
        value = text_of(docker, key) if isinstance(docker, Mapping) else None
        if value:
            evidence = f"docker.{key}: {quoted(value)}"
            yield _finding(artifact, _BUILD, f"{key} {value}"[:200], evidence, f"/docker/{key}")
    python = tree.get("python")
    if isinstance(python, Mapping):
        yield from requirement_findings(artifact, _python_lines(python), "/python")


def _python_lines(python: Mapping[str, Json]) -> Iterator[str]:
    for key, option in (("index_url", "-i"), ("find_links", "-f"), ("extra_index_url", "-i")):
        value = python.get(key)
        for one in (value,) if isinstance(value, str) else items_of(value):
            if isinstance(one, str):
                yield f"{option} {one}"
    arguments = text_of(python, "pip_args")
    if arguments:
        yield arguments
    yield from (one for one in items_of(python.get("packages")) if isinstance(one, str))


def _requirements(tree: Mapping[str, Json]) -> Iterator[str]:
    """Yield the lines of an environment of conda, or of MLflow's `python_env.yaml`."""
    for one in items_of(tree.get("channels")):
        if isinstance(one, str) and "://" in one:
            yield f"--index-url {one}"
    for one in items_of(tree.get("dependencies")):
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            yield from (line for line in items_of(one.get("pip")) if isinstance(line, str))
    if "python" in tree or "build_dependencies" in tree:
        yield from (one for one in items_of(tree.get("build_dependencies")) if isinstance(one, str))


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence, route=route)
