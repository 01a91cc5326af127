"""Streams of Java's serialization and .NET's BinaryFormatter: the classes that reading them makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.languages.java_serialization import JavaStream, scan_names, walk_java
from weighbridge.knowledge.language_tables import Strength, java_meaning

_RUNS, _CHAIN, _UNKNOWN, _KNOWN, _ADDRESS = "JAV001", "JAV002", "JAV003", "JAV004", "JAV005"
_DOTNET, _DOTNET_RUNS = "JAV006", "JAV007"
_RULE_OF: Final = {Strength.RUNS: _RUNS, Strength.CHAIN: _CHAIN}
_LOOKUP = re.compile(r"\b(?:ldaps?|rmi|iiop|corba(?:name|loc)|jndi):(?://)?[^\s]{1,200}", re.IGNORECASE)
_PRIMITIVE = re.compile(r"\[+[BCDFIJSZ]")
_MODIFIED = re.compile(r"\[+L(.+);")
_HASH_TABLES: Final = frozenset(
    {"java.util.HashMap", "java.util.Hashtable", "java.util.HashSet", "java.util.LinkedHashMap"}
)
_ADDRESS_CLASS: Final = "java.net.URL"
_BARE: Final = 3
"""A table of addresses and nothing else; a model has classes of its own."""
_SHOWN = 12
_SCANNED_BYTES = 64 * MIB
_STEP = 1 * MIB
_DOTNET_TYPES: Final = (
    b"System.Diagnostics.Process",
    b"System.Windows.Data.ObjectDataProvider",
    b"System.Windows.Markup.XamlReader",
    b"System.Workflow.ComponentModel.Serialization.ActivitySurrogateSelector",
    b"Microsoft.VisualStudio.Text.Formatting.TextFormattingRunProperties",
    b"System.Security.Claims.ClaimsIdentity",
    b"System.Security.Claims.ClaimsPrincipal",
    b"System.Security.Principal.WindowsIdentity",
    b"System.Security.Principal.WindowsPrincipal",
    b"System.Web.Security.RolePrincipal",
    b"System.Windows.Forms.AxHost+State",
    b"System.DelegateSerializationHolder",
    b"System.Data.DataSet",
    b"System.IdentityModel.Tokens.SessionSecurityToken",
    b"System.Resources.ResourceSet",
    b"System.CodeDom.Compiler.TempFileCollection",
    b"System.Reflection.Assembly",
)
"""Types that do what the stream says while BinaryFormatter reads it. Source: ysoserial.net."""


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Walk the stream; what can't be followed is searched for names of classes."""
    found = JavaStream()
    trouble: Malformed | LimitReached | None = None
    try:
        walk_java(artifact.source, context.budget, found)
    except (Malformed, LimitReached) as error:
        trouble = error
        for name, offset in scan_names(artifact.source):
            found.classes.setdefault(name, offset)
    yield from _class_findings(artifact, found.classes)
    yield from _lookup_findings(artifact, found.classes)
    yield from _address_findings(artifact, found.strings)
    for begin, length in found.carried:
        yield artifact.nested(f"bytes at {begin}", SliceSource(artifact.source, begin, length))
    if trouble is not None:
        raise trouble


def _class_findings(artifact: Artifact, classes: dict[str, int]) -> Iterator[Finding]:
    unknown: list[str] = []
    known: list[str] = []
    for spelled, offset in classes.items():
        name = _plain(spelled)
        meaning = java_meaning(name) if name else None
        if meaning is not None and meaning.strength in _RULE_OF:
            evidence = f"{quoted(name)}: {meaning.what}"
            rule = _RULE_OF[meaning.strength]
            yield Finding(
                rule=rule, path=artifact.path, subject=name[:200], evidence=evidence, offset=offset
            )
        elif meaning is not None:
            known.append(name)
        elif name:
            unknown.append(name)
    if unknown:
        yield _list_finding(artifact, _UNKNOWN, unknown)
    elif known:
        yield _list_finding(artifact, _KNOWN, known)


def _lookup_findings(artifact: Artifact, classes: dict[str, int]) -> Iterator[Finding]:
    """URLDNS: a hash table that is read asks its keys for their hash, and an address asks a server."""
    first = next(iter(classes), "")
    if first in _HASH_TABLES and _ADDRESS_CLASS in classes and len(classes) <= _BARE:
        evidence = f"{first} of {_ADDRESS_CLASS}: reading it looks up the host"
        at = classes[_ADDRESS_CLASS]
        yield Finding(
            rule=_CHAIN, path=artifact.path, subject=_ADDRESS_CLASS, evidence=evidence, offset=at
        )


def _plain(name: str) -> str:
    """The class of an array's elements; "" for numbers."""
    if _PRIMITIVE.fullmatch(name):
        return ""
    match = _MODIFIED.fullmatch(name)
    return match[1] if match else name


def _list_finding(artifact: Artifact, rule: str, names: list[str]) -> Finding:
    shown = ", ".join(quoted(name) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    subject = names[0][:200]
    evidence = f"classes: {shown}{more}"
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence, offset=0)


def _address_findings(artifact: Artifact, strings: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for text in strings:
        match = _LOOKUP.search(text)
        if match is not None and match[0] not in seen and len(seen) < _SHOWN:
            seen.add(match[0])
            evidence = f"the text {quoted(text)}"
            yield Finding(rule=_ADDRESS, path=artifact.path, subject=match[0][:200], evidence=evidence)


def inspect_dotnet(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Say what BinaryFormatter is, and look for types that run something."""
    evidence = "a stream of BinaryFormatter; reading it makes whatever objects it names"
    yield Finding(rule=_DOTNET, path=artifact.path, subject="stream", evidence=evidence, offset=0)
    size = min(artifact.source.size, _SCANNED_BYTES)
    seen: set[bytes] = set()
    for start in range(0, size, _STEP):
        context.budget.check_time()
        window = bytes(artifact.source.read_at(start, _STEP + KIB))
        for name in _DOTNET_TYPES:
            at = window.find(name)
            if at >= 0 and name not in seen:
                seen.add(name)
                text = name.decode("ascii")
                yield Finding(
                    rule=_DOTNET_RUNS, path=artifact.path, subject=text, evidence=text, offset=start + at
                )
    if artifact.source.size > size:
        raise LimitReached(f"names of types were looked for in the first {size:,} bytes")
