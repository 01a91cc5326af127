"""An address as people may see it: what opens a door is left out.

A signed address is a secret as long as it is valid, and so are a name and password in one. They
stay out of reports, of logs and of every message.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

HIDDEN: Final = "***"
_SCHEME: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):/+")
_SIGNED: Final = ("http", "https", "git+http", "git+https")
"""Schemes whose addresses carry signatures behind the question mark."""
_FRAGMENT: Final = re.compile(r"#.+\Z", re.DOTALL)
_LOGIN: Final = re.compile(r"\A[^/@]*:[^@]*@")
_NO_PORT: Final = re.compile(r":[^:\]]*[^0-9:\]][^:\]]*\Z")
_HOSTLESS: Final = ("hf", "models", "runs", "pypi")
"""Schemes that begin with a name: what follows an `@` is a revision, an alias or a version."""


def shown_address(target: str) -> str:
    """Return a target without userinfo and what stands behind `?` and `#`; a path as it is."""
    scheme = _SCHEME.match(target)
    if scheme is None or scheme[1].lower() == "git+file":
        return target
    if scheme[1].lower() in _HOSTLESS:
        return target[: scheme.end()] + _LOGIN.sub(f"{HIDDEN}@", target[scheme.end() :])
    authority, slash, rest = target[scheme.end() :].partition("/")
    head, question, tail = authority.partition("?")
    _, at, host = head.rpartition("@")
    if not at and scheme[1].lower() in _SIGNED and _NO_PORT.search(head) and "@" in slash + rest:
        # A password with a slash in it, which no server was ever asked with.
        return f"{scheme[0]}{HIDDEN}@{rest.rpartition('@')[2]}"
    shown = scheme[0] + (f"{HIDDEN}@" if at else "") + host
    if scheme[1].lower() not in _SIGNED:
        return shown + question + tail + slash + rest
    path, has_query, query = (slash + rest).partition("?") if not question else ("", "?", tail)
    if scheme[1].lower() in ("http", "https"):
        path = _FRAGMENT.sub(f"#{HIDDEN}", path)
    return shown + path + (f"?{_without_values(query)}" if has_query else "")


def _without_values(query: str) -> str:
    """Keep the names of parameters; a part without a name may itself be the key."""
    parts = query.partition("#")[0].split("&")
    return "&".join(_without_value(part) for part in parts)


def _without_value(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={HIDDEN}" if equals else HIDDEN


def is_address(url: str) -> bool:
    """True for http or https with a host that can be asked, and with nobody's name or password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return (
        parts.scheme in ("http", "https")
        and "@" not in parts.netloc
        and port != 0
        and bool(host)
        and ".." not in host
        and url.isascii()
        and url.isprintable()
    )
