"""Files of rules that coding agents read and follow: what they tell the agent, seen or unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.workspace.commands import Command, Setting, command_findings, commands_of
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.hidden_text import Hidden, find_hidden, has_invisible
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.packages import is_known_place
from weighbridge.knowledge.script_patterns import ScriptPattern, load_script_patterns

_HIDDEN, _RUNS, _EACH = "DEV017", "DEV018", "DEV038"
_BEHIND: Final = "DEV037"
_URL: Final = re.compile(r"https?://[^\s|`\"'<>)]{1,300}")
_BASES: Final = frozenset(
    {
        "claude.md",
        "claude.local.md",
        "agents.md",
        "agent.md",
        "gemini.md",
        "qwen.md",
        "crush.md",
        "warp.md",
        "skill.md",
    }
    | {
        ".cursorrules",
        ".windsurfrules",
        ".clinerules",
        ".roorules",
        ".rules",
        ".goosehints",
        "copilot-instructions.md",
    }
    | {"conventions.md", ".aider.conf.yml", "agents.override.md"}
)
_ENDINGS: Final = (".mdc", ".instructions.md", ".prompt.md", ".chatmode.md", ".agent.md")
_FOLDERS: Final = re.compile(
    r"(?:^|/)(?:\.cursor/(?:rules|commands)|\.claude/(?:commands|agents|skills|rules)"
    r"|\.windsurf/(?:rules|workflows)|\.clinerules|\.roo/rules[\w-]*"
    r"|\.gemini/commands|\.github/(?:instructions|prompts|chatmodes|agents)|\.kiro/steering"
    r"|\.amazonq/rules|\.continue/rules)/"
)
_LARGEST: Final = MIB
_FENCE: Final = re.compile(
    r"```(?:bash|sh|shell|console|zsh|powershell)?[ \t]*\n(.{1,8000}?)```", re.DOTALL
)
_INLINE: Final = re.compile(r"`([^`\n]{4,400})`")
_OBEYED_AT_ONCE: Final = re.compile(r"(?m)^[ \t]*!`([^`\n]{1,400})`|!`([^`\n]{1,400})`")
_SEARCHED: Final = 300_000
_ABOUT: Final = re.compile(
    r"(?i)[\"“”'‘`]\s*$|\b(?:injections?|attempts?|such as|e\.g|for example|like|never|do not"
    r"|don't|must not|cannot|refuse|reject|detect"
    r"|attacks?|untrusted|malicious|says?|claims?|asks? you|tries|trying|adversar\w+|jailbreaks?"
    r"|block\w*|patterns?)\b[^.!?]{0,80}$"
)
_EACH_TIME: Final = re.compile(
    r"(?i)\b(?:always|every (?:time|session|task|commit)|whenever|when the user asks"
    r"|before (?:each|every|any|answering|responding)"
    r"|at the (?:start|beginning) of (?:each|every|any))\b"
    r"[^\x00]{0,200}?`?\b(?:curl|wget|iwr|irm)\b[^|\n]{0,120}?(?P<url>https?://(?!localhost|127\.|0\.0\.0\.0)[^\s|`\"']{1,300})"
    r"[^|\n`]{0,60}\|\s{0,4}(?:sudo\s+)?(?:(?:ba|z|da)?sh|python[\d.]*(?!\s+-m)|node|perl|iex)\b"
)
_ORDERS: Final = re.compile(
    r"(?i)\b(?:you must|always|never|when (?:asked|generating|writing)|the (?:assistant|agent"
    r"|model) (?:must|should)|add (?:the|a) (?:following )?script)\b"
)


def is_agent_rules(name: str) -> bool:
    """True for a name that agents read by themselves."""
    path = PurePosixPath(name.lower())
    return (
        path.name in _BASES or path.name.endswith(_ENDINGS) or _FOLDERS.search(name.lower()) is not None
    )


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that agents read by its name."""
    return _judged(artifact, context) if is_agent_rules(artifact.name) else None


@lru_cache(maxsize=1)
def _patterns() -> tuple[ScriptPattern, ...]:
    return load_script_patterns(signatures_dir() / "workspace" / "agent_rules.toml")


def _judged(artifact: Artifact, context: Context) -> Iterator[Event]:
    data = bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST)))
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if is_wide else "utf-8-sig", "backslashreplace")
    if has_invisible(text):
        hidden = [one for one in find_hidden(text) if one.kind is not Hidden.STRAY]
        if hidden:
            lines = [
                f"{one.kind.value}{f': {quoted(one.text)}' if one.text else ''}" for one in hidden[:5]
            ]
            yield _finding(artifact, _HIDDEN, "hidden text", lines)
    flat = " ".join(text.split())[:_SEARCHED]
    groups: dict[tuple[str, str], list[str]] = {}
    for pattern in _patterns():
        context.budget.check_time()
        match = next(
            (
                one
                for one in pattern.pattern.finditer(flat)
                if not _is_about(flat, one.start())
                and not (pattern.rule == _BEHIND and _is_of_known(one[0]))
            ),
            None,
        )
        if match is not None:
            groups.setdefault((pattern.rule, pattern.why), []).append(quoted(match[0]))
    for (rule, why), shown in groups.items():
        yield _finding(artifact, rule, why, [f"{why}: {one}" for one in shown])
    secret = [quoted(" ".join(one.split())) for one in _comments(text) if _ORDERS.search(one)]
    if secret:
        yield _finding(
            artifact,
            "DEV019",
            "comment",
            [f"an order in a comment that is not shown: {one}" for one in secret[:5]],
        )
    each_time = [
        quoted(match[0])
        for match in _EACH_TIME.finditer(flat)
        if not _is_about(flat, match.start()) and not is_known_place(match["url"])
    ]
    if each_time:
        yield _finding(artifact, _EACH, "fetched and run each time", each_time[:5])
    commands = list(_commands(text))
    yield from command_findings(artifact, commands, Setting(fetches=_RUNS, fetched=_RUNS))


def _comments(text: str) -> Iterator[str]:
    """What stands in comments of Markdown, which are those of HTML."""
    at = text.find("<!--")
    while at >= 0:
        end = text.find("-->", at)
        if end < 0:
            return
        yield text[at + 4 : min(end, at + 4_000)]
        at = text.find("<!--", end)


def _is_of_known(text: str) -> bool:
    """True when every address in a text belongs to somebody who can be named."""
    return all(map(is_known_place, _URL.findall(text)))


def _is_about(text: str, start: int) -> bool:
    """True when the words before speak about such an order, or forbid it."""
    return _ABOUT.search(text[max(0, start - 120) : start]) is not None


def _commands(text: str) -> Iterator[Command]:
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield from commands_of(match[1], f"block at line {line}")
    for match in _OBEYED_AT_ONCE.finditer(text):
        yield Command("run before the agent reads on", match[1] or match[2])
    for match in _INLINE.finditer(text):
        yield Command("named", match[1])


def _finding(artifact: Artifact, rule: str, subject: str, lines: list[str]) -> Finding:
    evidence = "\n".join(line[:400] for line in lines)
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence)
