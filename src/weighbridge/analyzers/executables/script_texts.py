"""Shell, batch, PowerShell and other scripts, and files that a desktop or an interpreter runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.addresses import is_without_name
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format
from weighbridge.formats.scripts.kinds import ScriptKind, script_kind

_PRESENT, _BUILD, _PATH_FILE, _HOST, _FETCHES = "SCR014", "SCR015", "SCR016", "SCR017", "SCR018"
_COMMAND: Final = (
    r"(?m)(?:^|[;&|]|\b(?:sudo|nohup|source|(?:ba|z|da)?sh|python\d?|(?i:start|start-process|call|&))\s|\bchmod\s+\S{1,20}\s)"
    r"[ \t]{0,20}[\"']?"
)
_OPENS_SHARE: Final = "SCR019"
_RUNS_FETCHED: Final = "SCR002"
_OF_BUILDS: Final = frozenset({_RUNS_FETCHED, "SCR004", "SCR005"})
_URLS: Final = re.compile(r"(?i)\bhttps?://[^\s\"'|;)]{1,300}")
_LARGEST_BYTES: Final = 2 * MIB
_LINES: Final = 20_000
_LINE_CHARS: Final = 8_192
_SHOWN: Final = 6
_PATHS: Final = 40
_WORTH_A_LOOK: Final = re.compile(
    r"(?i)curl|wget|fetch|/dev/(?:tcp|udp)|\bnc\b|ncat|socat|base64|eval|powershell|pwsh|crontab|authorized_keys|mkfifo"
    r"|bash\s+-[ic]|sh\s+-[ic]|python\d?\s+-c|stratum|certutil|bitsadmin|mshta|rundll32|schtasks|\.bashrc|\.profile|/etc/"
    r"|iex\b|invoke-|downloadstring|systemctl|launchctl|perl\s+-e|ruby\s+-r|xxd|openssl"
)
_ASKS_PORT: Final = re.compile(
    r"""(?:\b(?:echo|printf|true)(?:[ \t]+-n)?(?:[ \t]+(?:""|''))?|:|\bcat[ \t]*<[ \t]*/dev/null)"""
    r"""[ \t]*>[ \t]*["']?/dev/(?:tcp|udp)/[^\s"')]{1,200}["']?"""
    r"""|(?<=[("'])<[ \t]*/dev/tcp/[^\s"')]{1,200}"""
)
"""An empty line to a port only asks whether somebody listens there."""
_ONLY_SHOW: Final = frozenset(
    {"echo", "printf", "cat", "write-host", "write-output", "print", "read", "local", "log", ""}
)
_FETCHED_TO: Final = re.compile(
    r"\b(?:curl|wget)\b[^|;&\n]{0,800}?(?:\s-o\s*|\s-O\s+|\s--output[= ]|>\s*)[\"']?([\w./~${}-]{1,200})"
)
_WINDOWS_FETCHED_TO: Final = re.compile(
    r"(?i)\b(?:(?:Invoke-WebRequest|iwr|Start-BitsTransfer|Invoke-RestMethod|irm|curl(?:\.exe)?)\b[^|;\n]{0,800}?"
    r"\s-(?:OutFile|o|Destination)\s+|DownloadFile\([^,\n]{1,400},\s*)"
    r"[\"']?((?:\$env:|%)(?:te?mp|appdata|localappdata|public)[\w%]{0,12}\\[\w.\\-]{1,120})"
)
_RUNS_VARIABLE: Final = re.compile(
    r"(?im)^[ \t]{0,20}\$(\w{1,40})[ \t]{0,4}=[^\n]{0,200}?"
    r"(?:DownloadString|Invoke-WebRequest|Invoke-RestMethod|\biwr\b|\birm\b)[\s\S]{0,1000}?"
    r"(?:\b(?:IEX|Invoke-Expression)\s{1,4}\(?\$\1\b"
    r"|\$\1[ \t]{0,4}\|[ \t]{0,4}(?:IEX|Invoke-Expression)\b)"
)
_WINDOW_CHARS: Final = 65_536
"""What spans several lines is looked for in the first part of a script."""
_KNOWN_LINE: Final = re.compile(
    r"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os\.environ\.get\(var, '(?:local|stdlib)'\)"
    r" == 'local'; enabled and __import__\('_distutils_hack'\)(?:\.add_shim\(\))?;?"
    r"|import (__editable___\w+_finder); ?\1\.install\(['\w]*\)"
    r"|import _virtualenv|import coverage; coverage\.process_startup\(\)"
)
"""What packaging tools write; the modules that these lines import are judged as source."""
_ADDED: Final = re.compile(r"(?m)^[ \t]{0,20}ADD[ \t]+(https?://\S{1,400})[ \t]+(\S{3,200})[ \t]*$")
_SHARE: Final = re.compile(
    r"(?im)^[ \t]*(?:URL|IconFile|WorkingDirectory|Icon|Path)\s*=\s*(?:file:)?[\\/]{2,}[^\\/\s]"
)
_EXEC: Final = re.compile(r"(?m)^[ \t]*(?:Try)?Exec[ \t]*=[ \t]*(.{1,2000})$")


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is one of these."""
    kind = script_kind(artifact.name, head)
    return _judge(artifact, kind, context) if kind is not None else None


def inspect_path_file(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge a `.pth` file of Python: each line that begins with `import` runs at every start."""
    from weighbridge.analyzers.executables.program_judgement import is_sink, judge_scope
    from weighbridge.formats.scripts.python_scopes import python_scopes
    from weighbridge.formats.scripts.python_source import parse

    lines = [line.strip() for line in _text(artifact).splitlines() if re.match(r"import[ \t]", line)]
    told = []
    lines = [line for line in lines if not _KNOWN_LINE.fullmatch(line)]
    if not lines:
        yield _finding(artifact, _PRESENT, "path file", ["lines of setuptools, virtualenv or coverage"])
        return
    for line in lines[:_SHOWN]:
        tree = parse(line)
        scopes = python_scopes(tree, is_sink).scopes if tree is not None else ()
        told += [one.evidence for scope in scopes for one in judge_scope(scope)]
    shown = [quoted(line[:400]) for line in lines[:_SHOWN]]
    yield _finding(artifact, _PATH_FILE, "import line", [*shown, *told])


def _judge(artifact: Artifact, kind: ScriptKind, context: Context) -> Iterator[Event]:
    text = _text(artifact)
    yield _finding(artifact, _PRESENT, kind.value, [f"a {kind.value} of {artifact.source.size:,} bytes"])
    match kind:
        case ScriptKind.SHELL | ScriptKind.WINDOWS | ScriptKind.REGISTRY:
            yield from _commands(artifact, text, kind, context)
        case ScriptKind.BUILD:
            yield from _build(artifact, text, context)
        case ScriptKind.HOST | ScriptKind.JAVASCRIPT:
            yield from _host(artifact, text, kind)
            yield from _foreign(artifact, text, "javascript")
        case ScriptKind.DESKTOP:
            yield from _commands(artifact, "\n".join(_EXEC.findall(text)), ScriptKind.SHELL, context)
        case ScriptKind.LINK:
            shares = [quoted(line) for line in text.splitlines() if _SHARE.match(line)]
            if shares:
                yield _finding(artifact, _OPENS_SHARE, "network share", shares[:_SHOWN])
        case ScriptKind.OTHER:
            yield from _foreign(artifact, text, "other")
    if artifact.source.size > _LARGEST_BYTES:
        detail = f"a script of {artifact.source.size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        yield Coverage(path=artifact.path, format=Format.TEXT, outcome=Outcome.LIMITED, detail=detail)


def _text(artifact: Artifact) -> str:
    data = bytes(artifact.source.read_at(0, _LARGEST_BYTES))
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "backslashreplace")


def _logical_lines(text: str, kind: ScriptKind) -> Iterator[str]:
    """Lines with their continuations joined, without comments."""
    mark = {ScriptKind.WINDOWS: ("^", "`")}.get(kind, ("\\",))
    joined = ""
    for line in text.splitlines()[:_LINES]:
        stripped = line.strip()
        if not joined and (stripped.startswith("#") or stripped.lower().startswith(("rem ", "::"))):
            continue
        if stripped.endswith(mark) and len(joined) < _LINE_CHARS:
            joined += stripped[:-1] + " "
            continue
        yield (joined + stripped)[:_LINE_CHARS]
        joined = ""
    if joined:
        yield joined[:_LINE_CHARS]


def _commands(artifact: Artifact, text: str, kind: ScriptKind, context: Context) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[str]] = {}
    for number, line in enumerate(_logical_lines(text, kind)):
        if number % 256 == 0:
            context.budget.check_time()
        for rule, word, why in _of_line(line, kind):
            groups.setdefault((rule, word), []).append(f"{quoted(line[:300])}: {why}")
    if kind is ScriptKind.SHELL:
        from weighbridge.analyzers.executables.script_lines import judge_lines

        for told in judge_lines(text):
            groups.setdefault((told.rule, told.kind), []).append(told.evidence)
    for (rule, word), lines in groups.items():
        yield _finding(artifact, rule, word, list(dict.fromkeys(lines))[:_SHOWN])
    if kind is ScriptKind.WINDOWS and (match := _RUNS_VARIABLE.search(text[:_WINDOW_CHARS])):
        lines = [f"{quoted(match[0][:200])}: what is fetched is run"]
        yield _finding(artifact, _RUNS_FETCHED, "runs a fetched text", lines)
    paths = list(dict.fromkeys(_FETCHED_TO.findall(text)))[:_PATHS]
    paths += list(dict.fromkeys(_WINDOWS_FETCHED_TO.findall(text)))[:_PATHS]
    fetched = [path for path in paths if _is_run(path, text)]
    sly = [path for path in fetched[:_SHOWN] if _is_sly(path, text[:_WINDOW_CHARS])]
    if sly:
        lines = [f"fetches {quoted(path)}, hides where it is put, then runs it" for path in sly]
        yield _finding(artifact, _RUNS_FETCHED, sly[0], lines[:_SHOWN])
    if fetched:
        lines = [f"fetches {quoted(path)}, then runs it" for path in dict.fromkeys(fetched)]
        yield _finding(artifact, _FETCHES, fetched[0], lines[:_SHOWN])


def _is_run(path: str, text: str) -> bool:
    """True when a path that something was fetched to is a command of the script."""
    if not path.strip("./"):
        return False
    if len(path) < 3:
        return (
            re.search(r"(?m)(?:^|[;&|])[ \t]{0,20}\./" + re.escape(path) + r"(?=[\s;&|]|$)", text)
            is not None
        )
    return re.search(_COMMAND + re.escape(path) + r"(?=[\"'\s;&|]|$)", text) is not None


def _is_sly(path: str, text: str) -> bool:
    """True when a fetched program lies where nobody looks, comes unprotected, or is left running."""
    name = path.rpartition("/")[2] or path
    ends = re.escape(name)
    if re.search(r"\\", path) or path.lower().endswith((".exe", ".scr", ".dll")):
        return True
    is_program = (
        re.search(r"\bchmod\s+(?:\S{0,8}\+\S{0,4}x|[0-7]{3,4})\s+\S{0,80}" + ends, text) is not None
    )
    hides = (
        name.startswith(".") or path.startswith(("/tmp/", "/dev/shm/", "/var/tmp/")) or "cd /tmp" in text
    )
    is_left = (
        re.search(r"(?m)(?:^|[;&|])[^\n]{0,80}" + ends + r"[^\n&|;]{0,80}&[ \t]*(?:$|disown)", text)
        is not None
    )
    is_plain = re.search(r"http://[^\s\"']{1,200}", text) is not None
    return is_program and (hides or is_left) and (is_left or is_plain or name.startswith("."))


def _of_line(line: str, kind: ScriptKind) -> Iterator[tuple[str, str, str]]:
    """Rule, word and reason of what a line does that no honest script does."""
    if not line:
        return
    language = "shell" if kind in (ScriptKind.SHELL, ScriptKind.BUILD) else "windows"
    from weighbridge.knowledge.script_patterns import installed_script_patterns

    for pattern in installed_script_patterns():
        if language in pattern.languages and pattern.pattern.search(line):
            yield pattern.rule, pattern.why, pattern.why
    if not _WORTH_A_LOOK.search(line):
        return
    from weighbridge.analyzers.executables.program_judgement import STAYS, judge_commands
    from weighbridge.formats.scripts.shell import read_shell

    facts = read_shell(_ASKS_PORT.sub("true", line))
    if {call.name for call in facts.calls} <= _ONLY_SHOW and not facts.nested:
        return
    from weighbridge.analyzers.executables.script_lines import judge_nested

    for told in (*judge_commands(facts), *judge_nested(facts)):
        # Whoever sets a machine up registers services; that alone is what scripts are for.
        if told.rule != STAYS:
            yield told.rule, told.kind, told.evidence


def _build(artifact: Artifact, text: str, context: Context) -> Iterator[Finding]:
    """The same lines in a build file, where they run on the machine of whoever builds."""
    text = re.sub(r"(?m)^\s*(?:RUN|CMD|ENTRYPOINT)\s+|^\t[@-]*", "", text)
    groups: dict[tuple[str, str], list[str]] = {}
    for number, line in enumerate(_logical_lines(text, ScriptKind.BUILD)):
        if number % 256 == 0:
            context.budget.check_time()
        for rule, word, why in _of_line(line, ScriptKind.BUILD):
            # Installers are fetched and run in builds every day; nothing else of this is.
            is_ordinary = rule in _OF_BUILDS and not any(map(is_without_name, _URLS.findall(line)))
            key = (_BUILD, "fetches and runs") if is_ordinary else (rule, word)
            groups.setdefault(key, []).append(f"{quoted(line[:300])}: {why}")
    for url, path in _ADDED.findall(text)[:_PATHS]:
        if _is_run(path, text):
            words = f"fetches {quoted(url)} to {quoted(path)}, then runs it"
            groups.setdefault((_BUILD, "fetches and runs"), []).append(words)
    for (rule, word), found in groups.items():
        yield _finding(artifact, rule, word, list(dict.fromkeys(found))[:_SHOWN])


def _host(artifact: Artifact, text: str, kind: ScriptKind) -> Iterator[Finding]:
    from weighbridge.knowledge.script_patterns import installed_script_patterns

    language = "javascript" if kind is ScriptKind.JAVASCRIPT else "host"
    patterns = [
        one for one in installed_script_patterns() if language in one.languages and one.rule == _HOST
    ]
    lines = []
    for line in text.splitlines()[:_LINES]:
        for pattern in patterns:
            if match := pattern.pattern.search(line[:_LINE_CHARS]):
                shown = line[max(0, match.start() - 40) : match.end() + 120]
                lines.append(f"{quoted(' '.join(shown.split()))}: {pattern.why}")
    if lines or artifact.name.lower().endswith((".hta", ".vbe", ".jse")):
        lines = lines or ["a file that the Windows script host runs when it is opened"]
        yield _finding(artifact, _HOST, kind.value, list(dict.fromkeys(lines))[:_SHOWN])


def _foreign(artifact: Artifact, text: str, language: str) -> Iterator[Finding]:
    """Lines that give a language away which is not read otherwise."""
    from weighbridge.knowledge.script_patterns import installed_script_patterns

    patterns = [one for one in installed_script_patterns() if language in one.languages]
    groups: dict[str, list[str]] = {}
    for line in text.splitlines()[:_LINES]:
        for pattern in patterns:
            if pattern.rule != _HOST and (match := pattern.pattern.search(line[:_LINE_CHARS])):
                shown = line[max(0, match.start() - 40) : match.end() + 120]
                groups.setdefault(pattern.rule, []).append(f"{quoted(shown[:300])}: {pattern.why}")
    for rule, lines in groups.items():
        yield _finding(artifact, rule, f"line of {language}", list(dict.fromkeys(lines))[:_SHOWN])


def _finding(artifact: Artifact, rule: str, subject: str, lines: list[str]) -> Finding:
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=subject[:200],
        evidence="\n".join(line[:500] for line in lines),
    )
