"""Who may be behind an address in an instruction: a known installer, a stranger, or nobody by name."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from weighbridge.knowledge.text_patterns import Known, TextCheck, known_address

_PIPED, _ANONYMOUS, _KNOWN = "TXT030", "TXT031", "TXT032"
_DOWNLOAD, _NAMELESS_DOWNLOAD, _PACKAGE = "TXT036", "TXT039", "TXT037"
_NUMBER_HOST: Final = re.compile(
    r"(?:\d{1,3}\.){3}\d{1,3}\Z|0x[0-9a-f]+\Z|\d{8,10}\Z|\[?[0-9a-f:]*:[0-9a-f:]+\]?\Z"
)
_OWN_HOST: Final = re.compile(
    r"(?:localhost|127\.|0\.0\.0\.0|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|.*\.(?:example|test|local|localhost|internal)\Z"
    r"|(?:.*\.)?example\.(?:com|org|net)\Z|host\.docker|\W|(?:your|my)[-_.]?(?:host|server|domain|site|org|company|index|bucket|registry|proxy|url|ip)\b)"
)
_VARIABLE: Final = re.compile(r"[${}<>%]")
_NAMELESS: Final = frozenset({Known.EXCHANGE, Known.SHORTENER})
_ANYBODYS_PATHS: Final = re.compile(
    r"(?:https?://)?(?:gist\.github(?:usercontent)?\.com|gist\.)", re.IGNORECASE
)
_PASTED: Final = re.compile(
    r"powershell|mshta|\bcmd(?:\.exe)?\b|\bcurl\b|msiexec|captcha|verif(?:y|ication)|not a robot"
    r"|i am human|\biex\b",
    re.IGNORECASE,
)
_HONEST_SCRIPTS: Final = re.compile(
    r"<script\b[^<>]{0,300}(?:gradio(?:-lite)?(?:@[\w.]+)?(?:/dist/lite)?(?:\.min)?\.js|cdn\.jsdelivr\.net|unpkg\.com|"
    r"cdnjs\.cloudflare\.com|polyfill\.io|mathjax|platform\.twitter\.com|buttons\.github\.io|iframeResizer)",
    re.IGNORECASE,
)
_INERT_SCRIPT: Final = re.compile(
    r"<script\b[^<>]{0,200}type\s{0,2}=\s{0,2}[\"']?(?:text/(?:x-mathjax|template|plain|math|py)|application/(?:ld\+)?json|py)|<script>\s{0,4}</script>",
    re.IGNORECASE,
)


def rule_of(rule: str, check: TextCheck, match: re.Match[str]) -> str | None:
    """Return the rule that fits what is known of the address in a match; None to tell nothing."""
    text = match.group()
    url = match.groupdict().get("url") or _first_url(text)
    match check:
        case TextCheck.FETCHED:
            return _by_host(url, rule, known=Known.INSTALLER)
        case TextCheck.DOWNLOAD | TextCheck.LOCKED:
            return _download(url, rule, is_locked=check is TextCheck.LOCKED)
        case TextCheck.PACKAGE:
            return _package(url, rule)
        case TextCheck.EXCHANGE:
            return rule if known_of(url) & _NAMELESS else None
        case TextCheck.STRANGER:
            return rule if _is_stranger(url) else None
        case TextCheck.CARRIES:
            return rule if not _is_own(url) and not _is_badge(url) else None
        case TextCheck.CLICKFIX:
            return rule if _PASTED.search(text) else None
        case TextCheck.SCRIPT:
            return None if _HONEST_SCRIPTS.match(text) or _INERT_SCRIPT.match(text) else rule
        case TextCheck.NONE | TextCheck.DESCRIPTION:
            return rule


def known_of(url: str) -> frozenset[Known]:
    """What is known of an address."""
    host, path = _split(url)
    return known_address(host, path)


def is_without_name(url: str) -> bool:
    """True for a public number in place of a host, and for places where anybody leaves files.

    What is fetched there and run has no owner who could be asked, in a text or in a build. Shorteners
    are left out: builds have used them for well-known installers.
    """
    host, path = _split(url)
    if _is_address_of_own(host):
        return False
    return _NUMBER_HOST.match(host) is not None or Known.EXCHANGE in known_address(host, path)


def _is_address_of_own(host: str) -> bool:
    return not host or _OWN_HOST.match(host) is not None or _VARIABLE.search(host) is not None


def _first_url(text: str) -> str:
    found = re.search(r"https?://[^\s|\"'<>)`\\]{1,300}", text)
    return found.group() if found is not None else ""


def _split(url: str) -> tuple[str, str]:
    bare = url.removeprefix("git+")
    if bare.startswith("//"):
        bare = "https:" + bare
    try:
        parts = urlsplit(bare if "://" in bare else f"https://{bare}")
        return (parts.hostname or "").lower(), parts.path.lstrip("/")
    except ValueError:
        return "", ""


def _by_host(url: str, rule: str, *, known: Known) -> str | None:
    host, path = _split(url)
    if _is_own(url):
        return None
    what = known_address(host, path)
    if known in what:
        return _KNOWN
    if what & _NAMELESS or _NUMBER_HOST.match(host) or _ANYBODYS_PATHS.match(url):
        return _ANONYMOUS
    return rule


def _download(url: str, rule: str, *, is_locked: bool) -> str | None:
    host, path = _split(url)
    if _is_own(url):
        return None
    what = known_address(host, path)
    if what & _NAMELESS or _NUMBER_HOST.match(host):
        return _NAMELESS_DOWNLOAD
    if is_locked:
        return rule
    return _KNOWN if what & {Known.DOWNLOADS, Known.INSTALLER, Known.PACKAGES} else rule


def _package(url: str, rule: str) -> str | None:
    host, path = _split(url)
    if _is_own(url):
        return None
    what = known_address(host, path)
    if what & _NAMELESS or _NUMBER_HOST.match(host):
        return _ANONYMOUS
    if what & {Known.PACKAGES, Known.DOWNLOADS}:
        return _KNOWN if url.startswith("git+") else None
    return rule


def _is_stranger(url: str) -> bool:
    host, path = _split(url)
    return not _is_own(url) and not known_address(host, path) & {Known.FRAMES, Known.DOWNLOADS}


def _is_own(url: str) -> bool:
    """True for hosts that are the reader's own, or stand for any."""
    host, _ = _split(url)
    return (
        not host
        or "." not in host
        or _OWN_HOST.match(host) is not None
        or _VARIABLE.search(host) is not None
    )


def _is_badge(url: str) -> bool:
    host, _ = _split(url)
    return (
        host.endswith(("shields.io", "badge.fury.io", "badgen.net"))
        or _VARIABLE.search(host) is not None
    )
