"""Which tool obeys a tree of settings: by its shape, and by its name where the tool goes by that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.configuration.requirement_lines import requirement_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.workspace import agents, editors, pipelines
from weighbridge.analyzers.workspace.tree_walk import items, mapping, text, texts_of
from weighbridge.core.artifact import Artifact
from weighbridge.formats.documents.strict_json import Json

_PIPELINE_NAMES: Final = re.compile(
    r"(?i)(?:^|/)(?:\.gitlab-ci[\w.-]*\.ya?ml|\.gitlab/.*\.ya?ml|\.circleci/.*\.ya?ml|azure-pipelines[\w.-]*\.ya?ml|\.azure-pipelines/.*\.ya?ml"
    r"|\.travis\.ya?ml|\.drone\.ya?ml|\.woodpecker(?:/.*)?\.ya?ml|bitbucket-pipelines\.ya?ml|appveyor\.ya?ml|\.appveyor\.ya?ml|cloudbuild\.ya?ml"
    r"|\.cirrus\.ya?ml|\.buildkite/.*\.ya?ml|buildspec\.ya?ml|codefresh\.ya?ml|\.semaphore/.*\.ya?ml|taskfile\.ya?ml|lefthook\.ya?ml|\.?gitpod\.ya?ml)\Z"
)
_VSCODE_BASES: Final = frozenset({"tasks.json", "settings.json", "launch.json"})


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge a tree that an editor, an agent, a server or an installer obeys."""
    if not isinstance(tree, Mapping):
        return None
    judges = list(_judges(artifact, tree))
    if not judges:
        return None
    return (event for events in judges for event in events)


def _judges(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Iterator[Event]]:
    name = artifact.name.lower()
    base = PurePosixPath(name).name
    if _is_vscode(name, base, tree):
        yield editors.vscode_findings(artifact, tree)
    if editors.is_devcontainer(tree) or base in ("devcontainer.json", ".devcontainer.json"):
        yield editors.devcontainer_findings(artifact, tree)
    if agents.is_agent_settings(tree) or agents.redirects_agent(name, tree):
        yield agents.agent_findings(artifact, tree)
    if pipelines.is_workflow(tree):
        yield pipelines.workflow_findings(artifact, tree)
    elif _PIPELINE_NAMES.search(name):
        yield pipelines.pipeline_findings(artifact, tree)
    if isinstance(tree.get("repos"), list) and any(
        "hooks" in mapping(one) for one in items(tree["repos"])
    ):
        yield pipelines.precommit_findings(artifact, tree)
    if _is_compose(base, tree):
        yield pipelines.compose_findings(artifact, tree)
    if isinstance(tree.get("argv"), list) and ("display_name" in tree or "language" in tree):
        yield pipelines.kernel_findings(artifact, tree)
    yield from _packages(artifact, base, tree)


def _packages(artifact: Artifact, base: str, tree: Mapping[str, Json]) -> Iterator[Iterator[Event]]:
    if base == "package.json":
        yield pipelines.package_json_findings(artifact, tree)
    if (
        base.endswith((".yml", ".yaml"))
        and isinstance(tree.get("dependencies"), list)
        and base != "conda.yaml"
    ):
        lines = _conda_lines(items(tree["dependencies"]))
        lines += [
            f"--index-url {channel}" for channel in texts_of(tree.get("channels")) if "://" in channel
        ]
        yield requirement_findings(artifact, lines, "/dependencies")
    elif base in (".condarc", "condarc"):
        yield requirement_findings(
            artifact,
            [f"--index-url {one}" for one in texts_of(tree.get("channels")) if "://" in one],
            "/channels",
        )
    if base == "pipfile.lock":
        sources = [
            text(mapping(one).get("url")) for one in items(mapping(tree.get("_meta")).get("sources"))
        ]
        yield requirement_findings(
            artifact, [f"--index-url {one}" for one in sources if one], "/_meta/sources"
        )


def _conda_lines(dependencies: list[Json]) -> list[str]:
    """The `pip` lists of an environment; the names of conda are another index's."""
    return [line for one in dependencies for line in texts_of(mapping(one).get("pip"))]


def _is_vscode(name: str, base: str, tree: Mapping[str, Json]) -> bool:
    if name.endswith(".code-workspace") or "/.vscode/" in f"/{name}":
        return True
    if base not in _VSCODE_BASES:
        return False
    is_tasks = any(
        "runOptions" in mapping(one) or {"label", "command"} <= mapping(one).keys()
        for one in items(tree.get("tasks"))
    )
    return is_tasks or isinstance(tree.get("configurations"), list) or any("." in key for key in tree)


def _is_compose(base: str, tree: Mapping[str, Json]) -> bool:
    if not isinstance(tree.get("services"), Mapping) or isinstance(tree.get("jobs"), Mapping):
        return False
    named = re.match(r"(?:docker-)?compose[\w.-]*\.ya?ml\Z", base) is not None
    return named or any(
        {"image", "build"} & mapping(one).keys() for one in mapping(tree["services"]).values()
    )
