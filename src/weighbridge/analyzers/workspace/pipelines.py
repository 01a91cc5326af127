"""What servers, hooks and containers are told to run: workflows, compose files, kernels, packages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.workspace.commands import Command, Setting, command_findings, commands_of
from weighbridge.analyzers.workspace.tree_walk import command_line, items, mapping, nodes, text, texts_of
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json

_FETCHES, _INJECTED, _TARGET, _UNPINNED, _SENDS = "DEV020", "DEV021", "DEV022", "DEV023", "DEV024"
_STRANGERS_SHELL: Final = "DEV036"
_TALK: Final = frozenset({"discussion", "discussion_comment", "issues", "issue_comment"})
_LOCAL_HOOK, _HOST, _KERNEL, _INSTALL_SCRIPT = "DEV025", "DEV026", "NBK013", "PKG015"
_PIPELINE: Final = Setting(fetches=_FETCHES, fetched=_FETCHES)
_COMMAND_KEYS: Final = frozenset(
    {
        "run",
        "script",
        "bash",
        "powershell",
        "pwsh",
        "before_script",
        "after_script",
        "before_install",
        "install",
        "commands",
    }
    | {"command", "sh", "before_deploy", "after_success", "entry", "inlinescript", "scriptblock"}
)
_UNTRUSTED: Final = re.compile(
    r"\$\{\{[^}]{0,200}\bgithub\.(?:head_ref|event\.(?:issue\.(?:title|body)"
    r"|pull_request\.(?:title|body|head\.(?:ref|label|repo\.\w+))"
    r"|comment\.body|review\.body|review_comment\.body|discussion\.(?:title|body)"
    r"|pages\b[^}]{0,60}page_name"
    r"|commits\b[^}]{0,60}(?:message|author\.(?:email|name))|head_commit\.(?:message"
    r"|author\.(?:email|name))|workflow_run\.head_branch))"
)
_PRIVILEGED: Final = frozenset({"pull_request_target", "workflow_run", "issue_comment"})
_HEAD: Final = re.compile(
    r"github\.event\.pull_request\.head\.(?:sha|ref|repo)|github\.head_ref"
    r"|refs/pull/\S{0,60}/(?:head|merge)|github\.event\.workflow_run\.head"
)
_SECRET: Final = re.compile(
    r"\$\{\{\s*(?:secrets\.[\w-]+|toJSON\(\s*secrets\s*\)|secrets)\s*\}\}", re.IGNORECASE
)
_ALL_SECRETS: Final = re.compile(r"toJSON\(\s*secrets\s*\)", re.IGNORECASE)
_SENDER: Final = re.compile(r"(?i)\b(?:curl|wget|nc|ncat|invoke-webrequest|iwr)\b")
_ADDRESS: Final = re.compile(r"https?://(?:[^/@\s]*@)?([\w.-]+)")
_OWN_ACTIONS: Final = (
    "actions/",
    "github/",
    "docker://",
    "./",
    "huggingface/",
    "pypa/",
    "docker/",
    "astral-sh/",
)
_DIGEST: Final = re.compile(r"@(?:[0-9a-f]{40}|[0-9a-f]{64}|sha256:[0-9a-f]{64})\b")
_SOCKET: Final = re.compile(r"(?:docker|containerd|podman)(?:\.raw)?\.sock")
_HOST_FOLDER: Final = re.compile(
    r"(?i)^(?:/|/(?:etc|root|var|proc|sys|boot|home)(?:/[^:]*)?|(?:~|\$\{?HOME\}?)(?:/\.(?:ssh"
    r"|aws|kube|gnupg|config)[^:]*|/)?)\Z"
)
_KNOWN_HOOKS: Final = re.compile(
    r"(?i)^https://(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)/"
)


def is_workflow(tree: Mapping[str, Json]) -> bool:
    """True for the keys of GitHub's workflows and composite actions."""
    if isinstance(tree.get("jobs"), Mapping) and ("on" in tree or "True" in tree or "true" in tree):
        return True
    runs = tree.get("runs")
    return isinstance(runs, Mapping) and isinstance(runs.get("steps"), list) and "using" in runs


def workflow_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    """Judge a workflow of GitHub: whose words it runs, with which rights, from where."""
    events = _events(tree.get("on", tree.get("True", tree.get("true"))))
    steps = list(_steps(tree))
    yield from _list(
        artifact,
        _INJECTED,
        "words of strangers",
        (
            f"{place}: {quoted(match[0] + '}}')}"
            for place, step in steps
            for match in _UNTRUSTED.finditer(_script(step))
        ),
    )
    if events & _TALK:
        yield from _list(artifact, _STRANGERS_SHELL, "words of strangers", _on_own_machine(tree))
    if events & _PRIVILEGED:
        yield from _list(artifact, _TARGET, "code of strangers", _checked_out(steps))
    loose = sorted({uses for _, step in steps if (uses := text(step.get("uses"))) and _is_loose(uses)})
    yield from _list(artifact, _UNPINNED, "actions without a digest", map(quoted, loose))
    yield from pipeline_findings(artifact, tree)


def _events(on: Json) -> frozenset[str]:
    return frozenset(on if isinstance(on, Mapping) else texts_of(on))


def _steps(tree: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for name, job in mapping(tree.get("jobs")).items():
        for number, step in enumerate(items(mapping(job).get("steps")), start=1):
            yield f"job {name[:60]}, step {number}", mapping(step)
    for number, step in enumerate(items(mapping(tree.get("runs")).get("steps")), start=1):
        yield f"step {number}", mapping(step)


def _script(step: Mapping[str, Json]) -> str:
    with_ = mapping(step.get("with"))
    return f"{text(step.get('run'))}\n{text(with_.get('script'))}"


def _checked_out(steps: list[tuple[str, Mapping[str, Json]]]) -> Iterator[str]:
    """Steps that take the code of the pull request, and the first one after them that runs something."""
    taken = next(
        (
            at
            for at, (_, step) in enumerate(steps)
            if (
                text(step.get("uses")).startswith("actions/checkout")
                and _HEAD.search(text(mapping(step.get("with")).get("ref")))
            )
            or re.search(
                r"\bgh\s+pr\s+checkout\b|git\s+(?:checkout|fetch)\b[^\n]{0,100}(?:head_ref"
                r"|head\.(?:sha|ref)|refs/pull)",
                text(step.get("run")),
            )
        ),
        None,
    )
    if taken is None:
        return
    runs = next(
        (
            place
            for place, step in steps[taken + 1 :]
            if text(step.get("run")) or text(step.get("uses")).startswith("./")
        ),
        None,
    )
    if runs is not None:
        yield f"{steps[taken][0]} takes the code of the pull request with the rights of the repository"
        yield f"{runs} runs after it"


def _on_own_machine(tree: Mapping[str, Json]) -> Iterator[str]:
    """Steps that run words of strangers on a machine of the owner, where nothing asks who they are."""
    for name, one in mapping(tree.get("jobs")).items():
        job = mapping(one)
        if "self-hosted" not in texts_of(job.get("runs-on")) or job.get("if") is not None:
            continue
        for number, step in enumerate(map(mapping, items(job.get("steps"))), start=1):
            match = _UNTRUSTED.search(_script(step))
            if match is not None and step.get("if") is None:
                where = f"job {name[:60]}, step {number}, on a machine of its owner"
                yield f"{where}: {quoted(match[0] + '}}')}"


def _is_loose(uses: str) -> bool:
    return not uses.lower().startswith(_OWN_ACTIONS) and _DIGEST.search(uses) is None


def pipeline_findings(artifact: Artifact, tree: Json) -> Iterator[Event]:
    """Judge the commands of any pipeline, wherever its tool expects them."""
    commands: list[Command] = []
    for place, key, value in nodes(tree):
        if key.lower() in _COMMAND_KEYS:
            for one in _texts(value):
                commands += commands_of(one, place)
    yield from command_findings(artifact, commands, _PIPELINE)
    yield from _list(
        artifact,
        _SENDS,
        "secrets",
        (f"{one.place}: {quoted(one.line)}" for one in commands if _sends_secret(one.line)),
    )


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in items(value):
        yield from _texts(one) if isinstance(one, list) else texts_of(one)


def _sends_secret(line: str) -> bool:
    """All secrets at once, or one as the content of what goes to a bare address or a drop."""
    if not _SENDER.search(line):
        return False
    if _ALL_SECRETS.search(line):
        return True
    if not _SECRET.search(line):
        return False
    is_content = (
        re.search(r"\s(?:-d|--data(?:-\w+)?|-F|--form|-T)[ =][^|;]{0,200}\$\{\{\s*secrets", line)
        is not None
    )
    hosts = _ADDRESS.findall(line)
    return is_content and any(re.fullmatch(r"[\d.]+", host) or _is_drop(host) for host in hosts)


def _is_drop(host: str) -> bool:
    return (
        re.search(
            r"webhook\.site|requestbin|pipedream\.net|oast\.|interact\.sh|ngrok|burpcollaborator", host
        )
        is not None
    )


def precommit_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    """Judge hooks that run at each commit: the commands of local ones, the places of the others."""
    commands: list[Command] = []
    elsewhere: list[str] = []
    for one in items(tree.get("repos"))[:500]:
        repository = mapping(one)
        place = text(repository.get("repo"))
        for hook in map(mapping, items(repository.get("hooks"))):
            line = " ".join([command_line(hook.get("entry")), *texts_of(hook.get("args"))])
            if (
                place == "local"
                and text(hook.get("language"))
                in ("system", "script", "unsupported", "unsupported_script")
                and line.strip()
            ):
                commands.append(Command(f"hook {quoted(text(hook.get('id')))}", line))
        if place and place not in ("local", "meta", "builtin") and not _KNOWN_HOOKS.match(place):
            elsewhere.append(quoted(place))
    yield from command_findings(
        artifact, commands, Setting(installs=_LOCAL_HOOK, doubtful=_LOCAL_HOOK, fetches=_FETCHES)
    )
    yield from _list(artifact, _LOCAL_HOOK, "hooks of an unusual place", elsewhere)


def compose_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    """Judge services that reach their host."""
    reached: list[str] = []
    commands: list[Command] = []
    for name, one in list(mapping(tree.get("services")).items())[:500]:
        service = mapping(one)
        place = f"service {name[:60]}"
        if service.get("privileged") is True:
            reached.append(f"{place} is privileged")
        reached += [
            f"{place}: {key} is host"
            for key in ("pid", "userns_mode")
            if text(service.get(key)) == "host"
        ]
        for volume in items(service.get("volumes")):
            source = text(mapping(volume).get("source")) or text(volume).partition(":")[0]
            if _SOCKET.search(source) or _HOST_FOLDER.match(source):
                reached.append(f"{place} mounts {quoted(source)}")
        for key in ("command", "entrypoint"):
            line = command_line(service.get(key))
            if line:
                commands.append(Command(place, line))
    yield from _list(artifact, _HOST, "host", reached)
    yield from command_findings(artifact, commands, _PIPELINE)


def kernel_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    """Judge a kernel of Jupyter: the program that is started for every notebook that names it."""
    words = texts_of(tree.get("argv"))
    line = command_line(list(words))
    program = words[0].replace("\\", "/").rpartition("/")[2].lower() if words else ""
    is_shell = program in (
        "sh",
        "bash",
        "zsh",
        "cmd",
        "cmd.exe",
        "powershell",
        "pwsh",
        "env",
        "curl",
        "wget",
    )
    is_inline = (
        any(word in ("-c", "-e", "--eval") for word in words[1:3])
        and "IRkernel" not in line
        and "ijulia" not in line.lower()
    )
    if is_shell or is_inline:
        yield Finding(rule=_KERNEL, path=artifact.path, subject="argv", evidence=quoted(line))
    yield from command_findings(artifact, [Command("argv", line)] if line else [], Setting())


def package_json_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    """Judge what an installation of a Node.js package runs, and addresses in place of versions."""
    scripts = mapping(tree.get("scripts"))
    own = [
        Command(key, text(scripts.get(key)))
        for key in ("preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare")
        if text(scripts.get(key)).strip()
    ]
    others = [Command(key, text(value)) for key, value in scripts.items() if text(value).strip()]
    yield from command_findings(
        artifact,
        own,
        Setting(
            ordinary="PKG014",
            installs=_INSTALL_SCRIPT,
            doubtful=_INSTALL_SCRIPT,
            fetches=_INSTALL_SCRIPT,
        ),
    )
    named = {one.place for one in own}
    yield from command_findings(artifact, [one for one in others if one.place not in named], Setting())
    addresses = [
        f"{key}: {quoted(name)} is {quoted(text(value))}"
        for key in ("dependencies", "devDependencies", "optionalDependencies")
        for name, value in mapping(tree.get(key)).items()
        if re.match(
            r"(?i)(?:http:|https://(?!(?:codeload\.)?github\.com|registry\.npmjs\.org))", text(value)
        )
    ]
    yield from _list(artifact, "CFG024", "address of a package", addresses)


def _list(
    artifact: Artifact, rule: str, subject: str, lines: Iterator[str] | list[str]
) -> Iterator[Finding]:
    shown = list(dict.fromkeys(lines))
    if shown:
        more = [f"and {len(shown) - 6} more"] if len(shown) > 6 else []
        evidence = "\n".join([line[:400] for line in shown[:6]] + more)
        yield Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)
