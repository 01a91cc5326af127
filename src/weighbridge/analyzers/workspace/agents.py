"""Settings of coding agents: hooks that run by themselves, servers of tools, permissions given away."""

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

_HOOK, _SERVER, _PERMITS, _REDIRECTS, _UNKNOWN_SERVER = "DEV010", "DEV011", "DEV012", "DEV013", "DEV014"
_HOOKS: Final = Setting(ordinary=_HOOK, installs=_HOOK, doubtful="DEV002", fetches="DEV002")
_SERVERS: Final = Setting(installs=_SERVER, doubtful="DEV002", fetches="DEV002")
_SERVER_KEYS: Final = ("mcpServers", "servers", "mcp_servers", "context_servers")
_COMMAND_KEYS: Final = (
    "apiKeyHelper",
    "awsAuthRefresh",
    "awsCredentialExport",
    "otelHeadersHelper",
    "toolDiscoveryCommand",
    "toolCallCommand",
    "notify",
)
_ADDRESSES: Final = re.compile(
    r"(?i)\A(?:ANTHROPIC_BASE_URL|OPENAI_(?:BASE_URL|API_BASE)|GOOGLE_GEMINI_BASE_URL"
    r"|GEMINI_BASE_URL|AZURE_OPENAI_ENDPOINT"
    r"|ANTHROPIC_BEDROCK_BASE_URL|ANTHROPIC_VERTEX_BASE_URL|HTTPS?_PROXY|ALL_PROXY|HF_ENDPOINT"
    r"|PIP_INDEX_URL|UV_INDEX_URL|PIP_EXTRA_INDEX_URL"
    r"|UV_EXTRA_INDEX_URL|UV_DEFAULT_INDEX|NPM_CONFIG_REGISTRY)\Z"
)
_OWN_SETTINGS: Final = re.compile(
    r"(?:^|/)(?:\.(?:claude|gemini|qwen|codex)/)?settings(?:\.local)?\.json\Z"
)
_OWNERS: Final = re.compile(
    r"(?i)\Ahttps?://(?:[\w-]+\.)*(?:anthropic\.com|openai\.com|azure\.com|googleapis\.com"
    r"|amazonaws\.com|huggingface\.co|pypi\.org"
    r"|hf-mirror\.com|npmjs\.org|openrouter\.ai|deepseek\.com|moonshot\.(?:cn|ai)|bigmodel\.cn"
    r"|z\.ai|localhost|127\.0\.0\.1)(?:[:/]|\Z)"
)
_RUNS_ALL: Final = re.compile(
    r"(?i)\A(?:Bash|Shell|run_shell_command|ShellTool)(?:\((?:\*|\*:\*|:\*)?\))?\Z|\A\*\Z"
)
_PACKAGE_RUNNERS: Final = frozenset(
    {"npx", "uvx", "bunx", "pnpx", "pipx", "docker", "uv", "pnpm", "yarn"}
)
_PLAIN_ADDRESS: Final = re.compile(r"(?i)\Ahttp://(?!localhost|127\.|0\.0\.0\.0|\[?::1|host\.docker)")


def is_agent_settings(tree: Mapping[str, Json]) -> bool:
    """True for keys that only settings of agents have, in their shape."""
    if any(_is_servers(tree.get(key)) for key in _SERVER_KEYS):
        return True
    return (
        _has_hooks(tree.get("hooks"))
        or bool({"apiKeyHelper", "enableAllProjectMcpServers", "toolDiscoveryCommand"} & tree.keys())
        or (
            isinstance(tree.get("permissions"), Mapping)
            and bool({"allow", "defaultMode"} & mapping(tree["permissions"]).keys())
        )
    )


def redirects_agent(name: str, tree: Mapping[str, Json]) -> bool:
    """True for settings of an agent, by their place, that name the host it is to speak to."""
    return _OWN_SETTINGS.search(name.lower()) is not None and any(
        map(_ADDRESSES.match, mapping(tree.get("env")))
    )


def _is_servers(value: Json) -> bool:
    return isinstance(value, Mapping) and any(
        {"command", "url", "serverUrl", "httpUrl"} & mapping(one).keys() for one in value.values()
    )


def _has_hooks(value: Json) -> bool:
    """`hooks` by event, each a list of mappings that have commands (those of pre-commit are a list)."""
    return isinstance(value, Mapping) and any(
        isinstance(entries, list) and any(isinstance(one, Mapping) for one in entries)
        for entries in value.values()
    )


def agent_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    """Judge hooks, servers, permissions and addresses."""
    hooks = [*_hooks(mapping(tree.get("hooks")))]
    for key in _COMMAND_KEYS:
        hooks += commands_at(tree.get(key), key)
    hooks += commands_at(mapping(tree.get("statusLine")).get("command"), "statusLine")
    yield from command_findings(artifact, hooks, _HOOKS)
    for key in _SERVER_KEYS:
        if _is_servers(tree.get(key)):
            yield from _servers(artifact, mapping(tree[key]))
    permits = list(_permits(tree))
    if permits:
        yield _finding(artifact, _PERMITS, "permissions", permits)
    redirected = [
        f"{name}={quoted(text(value))}"
        for name, value in mapping(tree.get("env")).items()
        if _ADDRESSES.match(name) and text(value).startswith("http") and not _OWNERS.match(text(value))
    ]
    if redirected:
        yield _finding(artifact, _REDIRECTS, redirected[0].partition("=")[0], redirected)


def _hooks(hooks: Mapping[str, Json]) -> Iterator[Command]:
    for event, entries in hooks.items():
        for entry in items(entries)[:200]:
            one = mapping(entry)
            for action in [one, *map(mapping, items(one.get("hooks")))]:
                for key in ("command", "bash", "powershell"):
                    yield from commands_at(action.get(key), f"hook {event}")


def _servers(artifact: Artifact, servers: Mapping[str, Json]) -> Iterator[Finding]:
    commands: list[Command] = []
    packages: list[str] = []
    odd: list[str] = []
    for name, one in list(servers.items())[:500]:
        server = mapping(one)
        line = command_line([*texts_of(server.get("command")), *texts_of(server.get("args"))])
        if line:
            commands.append(Command(f"server {quoted(name)}", line))
            program = line.split()[0].rpartition("/")[2].lower()
            if program in _PACKAGE_RUNNERS:
                packages.append(f"{quoted(name)}: {quoted(line)}")
        given = [word for word in texts_of(server.get("args")) if _PLAIN_ADDRESS.match(word)]
        for address in [*(text(server.get(key)) for key in ("url", "serverUrl", "httpUrl")), *given]:
            if address:
                (odd if _PLAIN_ADDRESS.match(address) else packages).append(
                    f"{quoted(name)}: {quoted(address)}"
                )
    yield from command_findings(artifact, commands, _SERVERS)
    if packages or commands:
        shown = packages or [f"{one.place}: {quoted(one.line)}" for one in commands]
        yield _finding(artifact, _SERVER, "servers of tools", shown)
    if odd:
        yield _finding(artifact, _UNKNOWN_SERVER, "unprotected", odd)


def _permits(tree: Mapping[str, Json]) -> Iterator[str]:
    permissions = mapping(tree.get("permissions"))
    if text(permissions.get("defaultMode")) in ("bypassPermissions", "acceptEdits"):
        yield f"defaultMode is {text(permissions.get('defaultMode'))!r}"
    for allowed in texts_of(permissions.get("allow")):
        if _RUNS_ALL.match(allowed.strip()):
            yield f"allows {quoted(allowed)} without asking"
    for key in (
        "enableAllProjectMcpServers",
        "autoAccept",
        "yolo",
        "autoApprove",
        "dangerouslySkipPermissions",
    ):
        if tree.get(key) is True:
            yield f"{key} is true"
    for key in _SERVER_KEYS:
        for name, one in mapping(tree.get(key)).items():
            if mapping(one).get("trust") is True or "*" in texts_of(mapping(one).get("alwaysAllow")):
                yield f"server {quoted(name)} is trusted without asking"


def _finding(artifact: Artifact, rule: str, subject: str, lines: list[str]) -> Finding:
    evidence = "\n".join(line[:400] for line in lines[:6])
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence)
