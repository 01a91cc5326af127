"""Settings of editors: tasks that run at opening, containers, programs that are trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.workspace.commands import Command, Setting, command_findings
from weighbridge.analyzers.workspace.tree_walk import (
    command_line,
    commands_at,
    items,
    mapping,
    text,
    texts_of,
)
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json

OPENED: Final = Setting(ordinary="DEV001", installs="DEV001", doubtful="DEV002", fetches="DEV002")
"""What runs when the folder is opened."""
_UNSEEN: Final = Setting(ordinary="DEV002", installs="DEV002", doubtful="DEV002", fetches="DEV002")
_TASK: Final = Setting(installs="DEV004", fetches="DEV020")
_CONTAINER: Final = Setting(installs="DEV004", doubtful="DEV004", fetches="DEV020")
_ON_HOST, _REACHES_HOST, _OWN_PROGRAM, _APPROVES = "DEV005", "DEV006", "DEV007", "DEV008"
_INSIDE: Final = (
    "onCreateCommand",
    "updateContentCommand",
    "postCreateCommand",
    "postStartCommand",
    "postAttachCommand",
)
_DEVCONTAINER_KEYS: Final = frozenset({*_INSIDE, "initializeCommand"})
_PROGRAM_KEYS: Final = re.compile(
    r"(?i)(?:\.(?:path|executable|interpreter|interpreterPath|defaultInterpreterPath|pythonPath"
    r"|executablePath|command|server|binary|cmd)"
    r"|Path|\.serverPath|\.alternateTools)\Z"
)
_IN_FOLDER: Final = re.compile(
    r"(?:\$\{workspaceFolder[^}]*\}|\$\{workspaceRoot\}|\.{1,2})[\\/]|\.vscode[\\/]"
)
_ENVIRONMENT: Final = re.compile(
    r"(?:^|[\\/])\.?(?:v?env|venv\w*|conda|node_modules|\.pixi|target|build|bin|out)[\\/]", re.I
)
_TERMINAL: Final = re.compile(
    r"terminal\.(?:integrated|external)\.(?:profiles|env|shell|shellArgs|automationProfile"
    r"|automationShell)\b"
)
_LOADER_VARIABLES: Final = re.compile(
    r"(?i)\A(?:LD_PRELOAD|LD_LIBRARY_PATH|LD_AUDIT|DYLD_INSERT_LIBRARIES|PYTHONSTARTUP|PYTHONPATH"
    r"|PYTHONHOME|NODE_OPTIONS|BASH_ENV|ENV|PROMPT_COMMAND"
    r"|PERL5OPT|RUBYOPT|GIT_SSH_COMMAND|GIT_EXTERNAL_DIFF|PATH)\Z"
)
_APPROVALS: Final = {
    "chat.tools.autoApprove": True,
    "chat.tools.global.autoApprove": True,
    "github.copilot.chat.agent.autoApprove": True,
    "task.allowAutomaticTasks": "on",
    "security.workspace.trust.enabled": False,
}
_HIDDEN_FOLDER: Final = re.compile(
    r"(?i)docker\.sock|^source=/,|source=(?:/|\$\{localEnv:HOME\}|~)/?(?:,|$)|^/:|(?:^|[=:])(?:~"
    r"|/root|/home/[\w-]+)/\.(?:ssh|aws|kube|gnupg|config)"
)


def vscode_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    """Judge tasks, settings and launch configurations, in files of their own or in a workspace file."""
    yield from _tasks(
        artifact, mapping(tree.get("tasks")) if isinstance(tree.get("tasks"), Mapping) else tree
    )
    yield from _settings(artifact, mapping(tree.get("settings")) or tree)
    launch = mapping(tree.get("launch")) or tree
    yield from command_findings(artifact, _launches(items(launch.get("configurations"))), _TASK)


def _tasks(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    opened: list[Command] = []
    unseen: list[Command] = []
    others: list[Command] = []
    for number, one in enumerate(items(tree.get("tasks"))):
        task = mapping(one)
        options = mapping(task.get("runOptions"))
        is_opened = text(options.get("runOn")).lower() == "folderopen"
        place = f"task {quoted(text(task.get('label')) or str(number))}"
        out_of_sight = is_opened and _is_out_of_sight(task)
        place += ", out of sight" if out_of_sight else ""
        found = list(_of_task(task, place))
        for system in ("windows", "linux", "osx"):
            found += _of_task(mapping(task.get(system)), f"{place} on {system}")
        if is_opened and not found:
            found = [Command(place, text(task.get("script")) or text(task.get("type")) or "a task")]
        (unseen if out_of_sight else opened if is_opened else others).extend(found)
    yield from command_findings(artifact, opened, OPENED)
    yield from command_findings(artifact, unseen, _UNSEEN)
    yield from command_findings(artifact, others, _TASK)


def _is_out_of_sight(task: Mapping[str, Json]) -> bool:
    """In no list of tasks, without a panel, without an echo: all three at once."""
    shown = mapping(task.get("presentation"))
    return (
        task.get("hide") is True
        and text(shown.get("reveal")) in ("never", "silent")
        and shown.get("echo") is False
    )


def _of_task(task: Mapping[str, Json], place: str) -> Iterator[Command]:
    line = command_line(task.get("command"))
    command = task.get("command")
    if isinstance(command, Mapping):
        line = command_line(command.get("value"))
    if line:
        words = [
            text(mapping(one).get("value")) if isinstance(one, Mapping) else text(one)
            for one in items(task.get("args"))
        ]
        yield Command(place, " ".join([line, *words]))


def _launches(configurations: list[Json]) -> Iterator[Command]:
    for one in configurations:
        launch = mapping(one)
        program = text(launch.get("runtimeExecutable")) or text(launch.get("program"))
        line = " ".join([program, *texts_of(launch.get("runtimeArgs")), *texts_of(launch.get("args"))])
        if line.strip():
            yield Command(f"launch {quoted(text(launch.get('name')))}", line)


def _settings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    own: list[str] = []
    approved: list[str] = []
    for key, value in tree.items():
        if key in _APPROVALS and value == _APPROVALS[key] and type(value) is type(_APPROVALS[key]):
            approved.append(f"{key}: {value}")
        elif _TERMINAL.match(key):
            own += _terminal(key, value)
        elif "." in key and _PROGRAM_KEYS.search(key):
            own += [f"{key}: {quoted(path)}" for path in texts_of(value) if _is_in_folder(path)]
    if own:
        yield _finding(artifact, _OWN_PROGRAM, "program of the folder", own)
    if approved:
        yield _finding(artifact, _APPROVES, approved[0].partition(":")[0], approved)


def _terminal(key: str, value: Json) -> Iterator[str]:
    """Profiles that are programs of the folder, or variables that make every program load one."""
    if ".env." in key:
        for name, given in mapping(value).items():
            if _LOADER_VARIABLES.match(name) and isinstance(given, str) and _is_loaded(name, given):
                yield f"{key}: {name}={quoted(given)}"
        return
    for name, profile in mapping(value).items():
        one = mapping(profile)
        words = [*texts_of(one.get("path")), *texts_of(one.get("args"))]
        line = " ".join(words)
        if _is_in_folder(line) or re.search(r"\s-\w*c\b", f" {line}"):
            yield f"{key}: {quoted(name)} starts {quoted(line)}"
    for path in texts_of(value):
        if _is_in_folder(path):
            yield f"{key}: {quoted(path)}"


def _is_loaded(name: str, given: str) -> bool:
    """PYTHONPATH and PATH with a folder of the project are ordinary; what names a program is not."""
    return (
        name.upper() not in ("PYTHONPATH", "PATH", "LD_LIBRARY_PATH", "NODE_OPTIONS")
        or "--require" in given
    )


def _is_in_folder(path: str) -> bool:
    return _IN_FOLDER.search(path) is not None and _ENVIRONMENT.search(path) is None


def is_devcontainer(tree: Mapping[str, Json]) -> bool:
    """True for the keys that only a development container has."""
    return bool(_DEVCONTAINER_KEYS & tree.keys())


def devcontainer_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    """Judge what a development container runs, on which side, and what it is given of its host."""
    first = list(commands_at(tree.get("initializeCommand"), "initializeCommand"))
    yield from command_findings(
        artifact,
        first,
        Setting(ordinary=_ON_HOST, installs=_ON_HOST, doubtful="DEV002", fetches="DEV002"),
    )
    inside = [one for key in _INSIDE for one in commands_at(tree.get(key), key)]
    yield from command_findings(artifact, inside, _CONTAINER)
    reached = [f"mounts {quoted(one)}" for one in _mounts(tree) if _HIDDEN_FOLDER.search(one)]
    arguments = texts_of(tree.get("runArgs"))
    reached += [
        f"runArgs has {quoted(one)}"
        for one in arguments
        if re.match(r"--(?:privileged|pid=host|cap-add=(?:ALL|SYS_ADMIN))", one)
    ]
    if tree.get("privileged") is True:
        reached.append("is privileged")
    if reached:
        yield _finding(artifact, _REACHES_HOST, "host", reached)
    custom = mapping(tree.get("customizations"))
    yield from _settings(artifact, mapping(mapping(custom.get("vscode")).get("settings")))


def _mounts(tree: Mapping[str, Json]) -> Iterator[str]:
    for one in [*items(tree.get("mounts")), *items(tree.get("runArgs"))]:
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            yield f"source={text(one.get('source'))},"


def _finding(artifact: Artifact, rule: str, subject: str, lines: list[str]) -> Finding:
    evidence = "\n".join(line[:400] for line in lines[:6])
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence)
