"""Weigh command lines that a file gives to an editor, an agent, a notebook or a server to run.

A command that installs something is ordinary where a person starts it and odd where it starts by
itself. So a line gets a weight here, and whoever found it says which rule that weight is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from weighbridge.analyzers.executables.program_judgement import FETCHED, STAYS, malicious_commands
from weighbridge.analyzers.texts.addresses import is_without_name
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.packages import is_known_installer, is_known_place
from weighbridge.knowledge.script_patterns import installed_script_patterns

_LINE_CHARS: Final = 8_192
_MOST_LINES: Final = 5_000
_SHOWN: Final = 6
_URL: Final = re.compile(r"https?://[^\s\"'`)|;<>]{1,400}", re.IGNORECASE)
_REACHES: Final = re.compile(
    r"(?i)(?:^|[\s;&|(\"'`/])(?:curl|wget|iwr|irm|invoke-webrequest|invoke-restmethod|nc|ncat"
    r"|socat|ftp|tftp|scp)(?:\.exe)?\s"
)
_LOOPBACK: Final = re.compile(
    r"(?i)https?://(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0"
    r"|host\.docker\.internal)(?=[:/\s\"'`]|$)"
)
_INLINE: Final = re.compile(
    r"(?i)\b(?:python[\d.]*|node|perl|ruby|php|deno|bun)(?:\.exe)?\s+(?:-\w+\s+)*(?:-[a-z]*[ce]\b"
    r"|--eval\b|eval\b)(.*)"
)
_INLINE_DOUBTS: Final = re.compile(
    r"(?i)https?[:'\"]|base64|\beval\b|\bexec\b|child_process|atob|fromcharcode|\bsocket\b|urllib"
    r"|requests|fetch\(|\bnet\b"
)
_TRICKS: Final = re.compile(
    r"(?i)\bbase64\s+-|\bosascript\b(?!\s+-e\s+.{0,3}\bdisplay (?:notification|alert)\b)"
    r"|\bmshta\b|\brundll32\b|\bcertutil\b"
)
_DISGUISED: Final = re.compile(
    r"(?i)(?:^|[\s;&|(\"'/])(?:node|python[\d.]*|(?:ba|z|da)?sh|perl|ruby|php|deno|bun"
    r"|source)(?:\.exe)?\s+(?:-\w+\s+)*"
    r"[\"']?((?!https?:)[^\s\"';&|<>-][^\s\"';&|<>]{0,300}\."
    r"(?:woff2?|ttf|otf|eot|png|jpe?g|gif|ico|svg|bmp|webp|css|mp[34]|pdf|safetensors|bin|dat|log"
    r"|lock))(?=[\s\"';&|]|$)"
)
_HIDDEN_PLACE: Final = re.compile(
    r"(?i)(?:^|[\s;&|(\"'/])(?:node|python[\d.]*|perl|ruby|php|deno run"
    r"|bun)(?:\.exe)?\s+(?:-\w+\s+)*[\"']?(?:\./)?"
    r"\.(?:vscode|idea|git|github|cursor|devcontainer|fonts?|assets)/(?:[\w-]+/)*[\w-]+(?=[\s\"';&|]|$)"
)
_HIDDEN_FILE: Final = "DEV003"
_SHOWS: Final = re.compile(r"\|\s{0,4}python[\d.]{0,5}\s{1,4}-m\s{1,4}json\.tool\b")
_SENDS_ENVIRONMENT: Final = re.compile(
    r"(?i)\b(?:node|bun|deno)\b(?=.{0,2000}\bJSON\.stringify\(\s*process\.env\s*\))"
    r"(?=.{0,2000}\b(?:https?['\"]?\)?\.(?:get|request)|fetch|axios)\b).{0,2000}https?://(?!localhost|127\.)"
    r"|\bpython[\d.]*\s+-c\b(?=.{0,2000}\b(?:dict|str|repr|dumps|urlencode)\(\s*(?:dict\(\s*)?os\.environ\b)"
    r"(?=.{0,2000}\b(?:urlopen|requests\.\w+|httpx\.\w+)\().{0,2000}https?://(?!localhost|127\.)"
)
_WORTH_READING: Final = re.compile(
    r"(?i)curl|wget|fetch|/dev/(?:tcp|udp)|\bnc\b|ncat|socat|base64|eval|powershell|pwsh|crontab"
    r"|authorized_keys|mkfifo"
    r"|bash\s+-[ic]|sh\s+-[ic]|python\d?\s+-c|stratum|certutil|bitsadmin|mshta|rundll32|schtasks|/etc/"
    r"|iex\b|iwr\b|irm\b|invoke-|downloadstring|systemctl|launchctl|perl\s+-e|ruby\s+-r|node\s+-e"
    r"|xxd|openssl"
)
_FETCHED_TO: Final = re.compile(
    r"\b(?:curl|wget)\b[^|;&\n]{0,800}?(?:\s-o\s*|\s-O\s+|\s--output[= ]|>\s*)[\"']?([\w./~${}-]{1,200})"
)
_FETCHED_AS: Final = re.compile(
    r"\b(?:wget|curl\s[^|;&\n]{0,200}?-\w*O)\b[^|;&\n]{0,400}?/([\w.-]{3,100})(?=[\s\"']|$)"
)


class Weight(IntEnum):
    """What a command line is, from what anybody runs to what nobody honest does. Ordered."""

    ORDINARY = 0
    INSTALLS = 1
    """Fetches and runs the installer of a well-known tool."""
    DOUBTFUL = 2
    """Opens connections, or runs code from its own words."""
    FETCHES = 3
    """Runs what somebody serves from a place of many owners, or from one that is not said."""
    HARMFUL = 4


@dataclass(frozen=True, slots=True)
class Told:
    """Why a line is harmful: the rule, a word for it, and what shows it."""

    rule: str
    kind: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """One command line; `told` is there for harmful ones only."""

    weight: Weight
    told: tuple[Told, ...] = ()
    is_nameless: bool = False
    """What it fetches comes from a bare number or from a place where anybody leaves files."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and where it stands, in words."""

    place: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Rule ids for each weight where a command was found; None says nothing.

    Attributes:
        fetched: for what is fetched from an unknown place and run; None leaves the rule of scripts.
    """

    ordinary: str | None = None
    installs: str | None = None
    doubtful: str | None = None
    fetches: str | None = None
    fetched: str | None = None


def weigh(line: str) -> Weighed:
    """Say what a command line is."""
    line = _SHOWS.sub("", line[:_LINE_CHARS])
    told = list(dict.fromkeys(_harms(line)))
    if told and {one.rule for one in told} == {FETCHED}:
        addresses = _URL.findall(line)
        if addresses and all(map(is_known_installer, addresses)):
            return Weighed(Weight.INSTALLS)
        if all(map(is_known_place, addresses)):
            return Weighed(Weight.FETCHES)
    if told:
        return Weighed(Weight.HARMFUL, tuple(told), any(map(is_without_name, _URL.findall(line))))
    return Weighed(Weight.DOUBTFUL if _is_doubtful(line) else Weight.ORDINARY)


def _is_doubtful(line: str) -> bool:
    inline = _INLINE.search(line)
    if inline is not None and _INLINE_DOUBTS.search(inline[1]):
        return True
    if _TRICKS.search(line):
        return True
    addresses = _URL.findall(line)
    is_local = bool(addresses) and all(_LOOPBACK.match(one) for one in addresses)
    return _REACHES.search(line) is not None and not is_local


def _harms(line: str) -> Iterator[Told]:
    if _DISGUISED.search(line) or _HIDDEN_PLACE.search(line):
        yield Told(_HIDDEN_FILE, "disguised program", "runs a file that is not named as a program")
    if not _WORTH_READING.search(line):
        return
    if _SENDS_ENVIRONMENT.search(line):
        yield Told("SCR003", "sends the environment", "sends all environment variables to another host")
    for pattern in installed_script_patterns():
        if pattern.languages & {"shell", "windows"} and pattern.pattern.search(line):
            yield Told(pattern.rule, pattern.why, pattern.why)
    for one in malicious_commands([line]):
        # Whoever sets a machine up writes its profile; that alone is what such commands are for.
        if one.rule != STAYS:
            yield Told(one.rule, one.kind, one.evidence)


def command_findings(
    artifact: Artifact, commands: Iterable[Command], setting: Setting
) -> Iterator[Finding]:
    """Yield one finding for each rule that the commands hit, with their places."""
    groups: dict[tuple[str, str], list[str]] = {}
    for number, command in enumerate(commands):
        if number >= _MOST_LINES:
            break
        for rule, kind, why in _rules(weigh(command.line), setting):
            shown = f"{command.place}: {quoted(' '.join(command.line.split()))}"
            groups.setdefault((rule, kind), []).append(f"{shown}: {why}" if why else shown)
    for (rule, kind), lines in groups.items():
        lines = list(dict.fromkeys(lines))
        more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        evidence = "\n".join([line[:400] for line in lines[:_SHOWN]] + more)
        yield Finding(rule=rule, path=artifact.path, subject=kind[:200], evidence=evidence)


def _rules(weighed: Weighed, setting: Setting) -> Iterator[tuple[str, str, str]]:
    match weighed.weight:
        case Weight.ORDINARY if setting.ordinary is not None:
            yield setting.ordinary, "command", ""
        case Weight.INSTALLS if setting.installs is not None:
            yield setting.installs, "installer", "fetches and runs the installer of a known tool"
        case Weight.DOUBTFUL if setting.doubtful is not None:
            yield setting.doubtful, "doubtful command", ""
        case Weight.FETCHES if setting.fetches is not None:
            yield setting.fetches, "fetches and runs", "runs what it fetches"
        case Weight.HARMFUL:
            if setting.ordinary is not None:
                yield setting.ordinary, "command", ""
            for one in weighed.told:
                is_placed = one.rule == FETCHED and setting.fetched and not weighed.is_nameless
                rule = setting.fetched if is_placed and setting.fetched else one.rule
                yield rule, one.kind, one.evidence
        case _:
            return


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each command line, continuations joined, comments left out."""
    joined, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not joined:
            first = number
            if not stripped or stripped.startswith(("#", "//", "::", "rem ")):
                continue
        if stripped.endswith("\\") and len(joined) < _LINE_CHARS:
            joined += stripped[:-1] + " "
            continue
        yield first, (joined + stripped)[:_LINE_CHARS]
        joined = ""
    if joined:
        yield first, joined[:_LINE_CHARS]


def commands_of(text: str, place: str) -> Iterator[Command]:
    """Yield the lines of a script, each with its place."""
    for number, line in logical_lines(text):
        yield Command(f"{place}, line {number}" if number > 1 or "\n" in text.strip() else place, line)


def fetched_then_run(commands: Iterable[Command]) -> tuple[str, ...]:
    """Return files that one command fetches, from no known place, and a later one runs."""
    fetched: dict[str, str] = {}
    found: list[str] = []
    for command in list(commands)[:_MOST_LINES]:
        line = command.line[:_LINE_CHARS]
        for name in [name for name in fetched if name.rpartition("/")[2] in line]:
            ending = re.escape(name.rpartition("/")[2])
            runs = (
                rf"(?:^|[;&|]|\b(?:sudo|source|(?:ba|z|da)?sh|python[\d.]*|perl"
                rf"|node)\s)\s*[\"']?(?:[\w.~$-]*/)*{ending}(?=[\s\"';&|]|$)"
            )
            if re.search(runs, line):
                found.append(fetched.pop(name))
        addresses = _URL.findall(line)
        if addresses and not all(map(is_known_installer, addresses)) and len(fetched) < 200:
            for name in (*_FETCHED_TO.findall(line), *_FETCHED_AS.findall(line)):
                if len(name.strip("./")) >= 2:
                    fetched.setdefault(
                        name,
                        f"{command.place}: {quoted(line)} fetches {quoted(name)}, which is run later",
                    )
    return tuple(found)
