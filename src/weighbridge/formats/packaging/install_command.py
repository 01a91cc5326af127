"""What a command line makes pip or uv install, as requirement lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_LINE_CHARS: Final = 8_192
_INSTALLS: Final = re.compile(
    r"(?:^|[\s;&|('\"/])(?:pip3?(?:\.\d+)?|python[\d.]*\s+-m\s+pip|uv\s+pip|uv\s+tool|pipx|uv)\s+(?:-\S+\s+)*(?:install|add)\s+([^;&|\n`)]*)"
)
_WORD: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_VALUED: Final = frozenset(
    {
        "-t",
        "--target",
        "--prefix",
        "--root",
        "--python-version",
        "--platform",
        "--no-binary",
        "--only-binary",
        "--src",
    }
    | {
        "--upgrade-strategy",
        "--progress-bar",
        "--timeout",
        "--default-timeout",
        "--retries",
        "--proxy",
        "--cache-dir",
    }
    | {
        "--log",
        "--implementation",
        "--abi",
        "--python",
        "-p",
        "--group",
        "--extra",
        "--cert",
        "--client-cert",
        "-C",
    }
    | {
        "--config-settings",
        "--global-option",
        "--install-option",
        "--build-option",
        "--root-user-action",
        "--exists-action",
    }
    | {"--torch-backend", "--index-strategy", "--prerelease", "--resolution", "--report", "--spec"}
)
_LEADING: Final = frozenset(
    {
        "-r",
        "--requirement",
        "-c",
        "--constraint",
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
    }
    | {"--trusted-host", "-e", "--editable", "--index", "--default-index"}
)


def installed_by(command: str) -> tuple[str, ...]:
    """Return requirement lines for what the installs of a command line ask for."""
    found: list[str] = []
    for match in _INSTALLS.finditer(command[:_LINE_CHARS]):
        found += _lines([one or two or three for one, two, three in _WORD.findall(match[1])])
    return tuple(found)


def _lines(words: list[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        word = words[at]
        option, equals, _ = word.partition("=")
        if word.startswith("#"):
            return
        if option in _LEADING and not equals:
            if at + 1 < len(words):
                yield f"{word} {words[at + 1]}"
            at += 2
        elif option in _LEADING:
            yield word
            at += 1
        elif word in _VALUED:
            at += 2
        elif (
            word.startswith("-")
            or word in (">", "2>", "1>", "\\")
            or word.startswith((">", "2>", "&>", "/dev/null"))
        ):
            at += 1
        else:
            if not set(word) & set("${}") and word not in (".", "/dev/null"):
                yield word
            at += 1
