"""Texts that installers obey: projects, lock files, settings of indexes, packages of the system."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.configuration.requirement_lines import requirement_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.workspace.commands import Command, Setting, command_findings, commands_of
from weighbridge.analyzers.workspace.tree_walk import command_line, items, mapping, nodes, text, texts_of
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.documents.toml_tree import parse_toml
from weighbridge.formats.kinds import Format

_BUILD_CODE, _NAMED_LIKE, _NODE, _SYSTEM = "PKG010", "PKG012", "PKG015", "PKG018"
_QUIET_IN_LOCKS: Final = frozenset({"PKG002", "PKG006", "PKG007"})
_LARGEST: Final = 8 * MIB
_PROJECTS: Final = frozenset(
    {"pyproject.toml", "pipfile", "uv.toml", "pdm.toml", "hatch.toml", "pixi.toml"}
)
_LOCKS: Final = frozenset({"poetry.lock", "uv.lock", "pdm.lock", "pylock.toml"})
_INDEX_FILES: Final = frozenset(
    {
        "pip.conf",
        "pip.ini",
        ".pypirc",
        ".pip.conf",
        "pydistutils.cfg",
        ".pydistutils.cfg",
        ".condarc",
        "condarc",
    }
)
_INDEX_LINE: Final = re.compile(
    r"(?mi)^[ \t]*(index[-_]url|extra[-_]index[-_]url|find[-_]links|trusted[-_]host|index"
    r"|repository)\s*[=:]\s*((?:[^\n]*)(?:\n[ \t]+\S[^\n]*)*)"
)
_CHANNEL: Final = re.compile(
    r"(?m)^[ \t]*(?:-|channel_alias:|custom_channels:|\w[\w-]*:)\s*(https?://\S+)"
)
_NODE_LINE: Final = re.compile(
    r"(?mi)^[ \t]*(?:[@\w.-]+:)?registry\s*[=:]\s*['\"]?(\S+?)['\"]?\s*$"
    r"|^[ \t]*npmRegistryServer:\s*['\"]?(\S+?)['\"]?\s*$"
)
_NODE_PROGRAM: Final = re.compile(
    r"(?mi)^[ \t]*(?:script-shell|node-options|onload-script|git|shell|yarn-path|yarnPath"
    r"|ca)\s*[=: ]\s*(\S[^\n]{0,300})$"
)
_SYSTEM_NAMES: Final = frozenset(
    {
        "pip",
        "pip3",
        "python",
        "python3",
        "sudo",
        "su",
        "ssh",
        "scp",
        "git",
        "ls",
        "cat",
        "cd",
        "bash",
        "sh",
        "zsh",
        "curl",
        "wget",
        "node",
        "npm",
    }
    | {
        "npx",
        "conda",
        "docker",
        "kubectl",
        "aws",
        "gcloud",
        "make",
        "gcc",
        "cmd",
        "powershell",
        "env",
        "tar",
        "vim",
        "code",
        "huggingface-cli",
        "hf",
    }
)
_APT_OPTION: Final = re.compile(r"(?i)^-|[;&|`$<>]|^\.{0,2}/|::")


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that an installer reads by its name."""
    base = PurePosixPath(artifact.name.replace("\\", "/").lower()).name
    if base in _PROJECTS or base in _LOCKS:
        return _toml(artifact, base)
    if base in _INDEX_FILES:
        return _index_settings(artifact, head)
    if base in (".npmrc", ".yarnrc", ".yarnrc.yml"):
        return _node_settings(artifact, head)
    if base in ("setup.cfg", "tox.ini", "pytest.ini", ".coveragerc"):
        return _ini(artifact)
    return _system_packages(artifact) if base == "packages.txt" else None


def _text(artifact: Artifact) -> str:
    return bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST))).decode(
        "utf-8-sig", "replace"
    )


def _toml(artifact: Artifact, base: str) -> Iterator[Event]:
    try:
        tree = mapping(parse_toml(_text(artifact)))
    except Malformed as error:
        yield Coverage(
            path=artifact.path, format=Format.TEXT, outcome=Outcome.OPAQUE, detail=error.reason
        )
        return
    if base in _LOCKS:
        lines = list(_locked(tree))
        for finding in requirement_findings(artifact, lines, "/package"):
            if isinstance(finding, Finding) and finding.rule not in _QUIET_IN_LOCKS:
                yield finding
        return
    yield from requirement_findings(artifact, list(_declared(tree, base)), "/dependencies")
    yield from _build(artifact, tree)
    yield from _scripts(artifact, tree)
    commands: list[Command] = []
    for place, key, value in nodes(mapping(tree.get("tool"))):
        if key in (
            "cmd",
            "shell",
            "script",
            "command",
            "commands",
            "pre_install_commands",
            "before-build",
            "before-all",
            "test-command",
        ):
            for one in texts_of(value):
                commands += commands_of(one, place)
    yield from command_findings(artifact, commands, Setting())


def _locked(tree: Mapping[str, Json]) -> Iterator[str]:
    packages = items(tree.get("package")) or items(tree.get("packages"))
    for one in packages[:20_000]:
        package = mapping(one)
        name, version = text(package.get("name")), text(package.get("version"))
        if name and version:
            yield f"{name}=={version}"
        source = mapping(package.get("source"))
        for key in ("url", "git", "registry"):
            address = text(source.get(key))
            if address.startswith(("http", "git", "ssh")) and name:
                yield f"{name} @ {address}" if key != "git" else f"git+{address}#egg={name}"


def _declared(tree: Mapping[str, Json], base: str) -> Iterator[str]:
    """Requirements of a project in every spelling that its tools have."""
    project, tool = mapping(tree.get("project")), mapping(tree.get("tool"))
    lists = [project.get("dependencies"), mapping(tree.get("build-system")).get("requires")]
    lists += mapping(project.get("optional-dependencies")).values()
    lists += mapping(tree.get("dependency-groups")).values()
    lists += [
        mapping(tool.get("uv")).get("dev-dependencies"),
        mapping(tool.get("uv")).get("constraint-dependencies"),
    ]
    for one in lists:
        yield from texts_of(one)
    poetry = mapping(tool.get("poetry"))
    tables = [poetry.get("dependencies"), poetry.get("dev-dependencies")]
    tables += [mapping(group).get("dependencies") for group in mapping(poetry.get("group")).values()]
    tables += [tree.get("packages"), tree.get("dev-packages")] if base == "pipfile" else []
    for table in tables:
        for name, wanted in mapping(table).items():
            yield from _from_table(name, wanted)
    for name, wanted in mapping(mapping(tool.get("uv")).get("sources")).items():
        yield from _from_table(name, wanted)
    yield from _indexes(tree, tool)


def _from_table(name: str, wanted: Json) -> Iterator[str]:
    one = mapping(wanted)
    version = text(wanted) or text(one.get("version"))
    if name.lower() == "python":
        return
    if text(one.get("git")):
        yield f"git+{text(one.get('git')).removeprefix('git+')}#egg={name}"
    elif text(one.get("url")) or text(one.get("file")):
        yield f"{name} @ {text(one.get('url')) or text(one.get('file'))}"
    elif not one or version:
        yield name + version if re.match(r"={2,3}[\w.]+\Z", version) else name


def _indexes(tree: Mapping[str, Json], tool: Mapping[str, Json]) -> Iterator[str]:
    uv = mapping(tool.get("uv")) or tree
    for key in ("index-url", "extra-index-url", "find-links"):
        for address in [*texts_of(uv.get(key)), *texts_of(mapping(uv.get("pip")).get(key))]:
            yield f"--{key} {address}"
    sources = (
        items(uv.get("index"))
        + items(tree.get("source"))
        + items(mapping(tool.get("poetry")).get("source"))
    )
    sources += items(mapping(tool.get("pdm")).get("source"))
    for one in sources:
        source = mapping(one)
        is_explicit = source.get("explicit") is True or text(source.get("priority")) == "explicit"
        if text(source.get("url")):
            is_first = is_explicit or source.get("default") is True
            yield f"{'--index-url' if is_first else '--extra-index-url'} {text(source.get('url'))}"
        if source.get("verify_ssl") is False:
            yield f"--trusted-host {text(source.get('url'))}"


def _build(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    """Code of the project itself that runs when it is built."""
    tool, system = mapping(tree.get("tool")), mapping(tree.get("build-system"))
    own = [
        f"backend {quoted(text(system.get('build-backend')))} of {quoted(path)}"
        for path in texts_of(system.get("backend-path"))
    ]
    build = mapping(tool.get("poetry")).get("build")
    script = text(build) or text(mapping(build).get("script"))
    if script:
        own.append(f"poetry runs {quoted(script)}")
    hooks = mapping(mapping(mapping(tool.get("hatch")).get("build")).get("hooks"))
    if "custom" in hooks:
        own.append("hatch runs a hook of the project")
    if mapping(mapping(tool.get("setuptools")).get("cmdclass")):
        own.append("setuptools runs command classes of the project")
    if own:
        yield Finding(rule=_BUILD_CODE, path=artifact.path, subject="build", evidence="\n".join(own[:6]))


def _scripts(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    project, poetry = mapping(tree.get("project")), mapping(mapping(tree.get("tool")).get("poetry"))
    named = (text(project.get("name")) or text(poetry.get("name"))).lower()
    scripts = {
        **mapping(project.get("scripts")),
        **mapping(poetry.get("scripts")),
        **mapping(project.get("gui-scripts")),
    }
    odd = [
        f"{name} = {quoted(command_line(value))}"
        for name, value in scripts.items()
        if is_system_name(name, named)
    ]
    if odd:
        yield Finding(
            rule=_NAMED_LIKE, path=artifact.path, subject="scripts", evidence="\n".join(odd[:6])
        )


def is_system_name(script: str, package: str) -> bool:
    """True for a command named as a program of the system is, of another package."""
    name = script.lower().removesuffix(".exe")
    owners = {"hf": "huggingface", "huggingface-cli": "huggingface", "pip3": "pip", "env": "environ"}
    return name in _SYSTEM_NAMES and owners.get(name, name) not in package.replace("_", "-")


def _index_settings(artifact: Artifact, head: str) -> Iterator[Event]:
    lines: list[str] = []
    for match in _INDEX_LINE.finditer(head):
        key = match[1].lower().replace("_", "-")
        option = {"index": "index-url", "repository": "index-url"}.get(key, key)
        lines += [f"--{option} {value}" for value in match[2].split() if not value.startswith("#")]
    if "condarc" in artifact.name.lower():
        lines += [f"--index-url {address}" for address in _CHANNEL.findall(head)]
        if re.search(r"(?mi)^[ \t]*ssl_verify:\s*(?:false|no)\b", head):
            lines.append("--trusted-host every")
    yield from requirement_findings(artifact, lines, "")


def _node_settings(artifact: Artifact, head: str) -> Iterator[Event]:
    registries = [one or two for one, two in _NODE_LINE.findall(head)]
    yield from requirement_findings(artifact, [f"--index-url {one}" for one in registries], "")
    programs = [
        quoted(line) for line in _NODE_PROGRAM.findall(head) if not line.startswith(".yarn/releases/")
    ]
    if programs:
        yield Finding(
            rule=_NODE, path=artifact.path, subject="program", evidence="\n".join(programs[:6])
        )


def _ini(artifact: Artifact) -> Iterator[Event]:
    found = _text(artifact)
    commands: list[Command] = []
    lines: list[str] = []
    for match in re.finditer(
        r"(?m)^(commands\w*|install_command|install_requires|setup_requires|deps"
        r"|cmdclass)\s*=([^\n]*(?:\n[ \t]+[^\n]*)*)",
        found,
    ):
        if match[1].startswith("command") or match[1] == "install_command":
            commands += commands_of(match[2], match[1])
        elif match[1] != "cmdclass":
            lines += [line.rpartition(": ")[2] for line in match[2].splitlines() if "{" not in line]
    yield from command_findings(artifact, commands, Setting())
    yield from requirement_findings(artifact, [line.strip() for line in lines], "")


def _system_packages(artifact: Artifact) -> Iterator[Event]:
    """Spaces hand each word of the file to `apt-get install`, which takes options too."""
    words = [
        word
        for line in _text(artifact).splitlines()[:2_000]
        if not line.lstrip().startswith("#")
        for word in line.split()
    ]
    odd = [quoted(word) for word in words if _APT_OPTION.search(word)]
    if odd:
        yield Finding(rule=_SYSTEM, path=artifact.path, subject="options", evidence="\n".join(odd[:6]))
