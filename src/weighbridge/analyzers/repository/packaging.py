"""What packaging shows only of several files: wheels and their lists, imports and requirements."""

from __future__ import annotations

import ast
import base64
import binascii
import csv
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.analyzers.workspace.package_texts import is_system_name
from weighbridge.core.artifact import ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.zip import parse_zip
from weighbridge.formats.archive.zip_compare import resolve_member
from weighbridge.formats.archive.zip_directory import find_claims
from weighbridge.formats.archive.zip_members import open_member
from weighbridge.formats.archive.zip_records import ZipMember
from weighbridge.formats.packaging.requirements import parse_requirements
from weighbridge.formats.scripts.python_source import parse
from weighbridge.knowledge.packages import distribution_of, is_standard, normalised, popular

_NAMED_LIKE, _OTHER_LIST, _UNDECLARED = "PKG012", "PKG017", "PKG019"
_REQUIREMENTS: Final = re.compile(r"requirements[\w.-]*\.txt\Z")
_LARGEST_MEMBER: Final = 4 * MIB
_DIGESTED_BYTES: Final = 64 * MIB
_MOST_FILES: Final = 40
_LARGEST_SOURCE: Final = 256 * 1024
_SHOWN: Final = 6
_SIGNATURES: Final = (".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge the wheels of the target, then each folder that has requirements."""
    for name in view.ending(".whl"):
        context.budget.check_time()
        try:
            yield from _wheel(view, name, context)
        except (Malformed, ReadError, LimitReached):
            # Its own row says so: the file was inspected as an archive.
            continue
    for folder, names in view.folders.items():
        if any(_REQUIREMENTS.match(posixpath.basename(name).lower()) for name in names):
            context.budget.check_time()
            yield from _imports(view, folder, names)


def _wheel(view: RepositoryView, name: str, context: Context) -> Iterator[Finding]:
    artifact = view.artifact(name)
    try:
        if not find_claims(artifact.source):
            # A wheel without its directory is cut off, which is another finding.
            return
        directory = parse_zip(
            artifact.source, context.budget, compare_local_headers=not artifact.source.is_remote
        )
        members = {member.name: member for member in directory.members}
        record = next((one for one in members if re.fullmatch(r"[^/]+\.dist-info/RECORD", one)), None)
        if record is None:
            return
        listed = _listed(_read(artifact.source, members[record], context))
        odd = [f"{quoted(one)} is not in its list" for one in members if _is_unlisted(one, listed)]
        odd += (
            _digests(artifact.source, members, listed, context) if not artifact.source.is_remote else []
        )
        if odd:
            more = [f"and {len(odd) - _SHOWN} more"] if len(odd) > _SHOWN else []
            evidence = "\n".join([*odd[:_SHOWN], *more])
            yield Finding(rule=_OTHER_LIST, path=(name,), subject="RECORD", evidence=evidence)
        yield from _scripts(name, artifact.source, members, context)
    finally:
        artifact.source.close()


def _is_unlisted(name: str, listed: Mapping[str, str]) -> bool:
    return name not in listed and not name.endswith("/") and not name.endswith(_SIGNATURES)


def _listed(text: str) -> dict[str, str]:
    """Digest by name; "" for files without one."""
    try:
        rows = list(csv.reader(text.splitlines()))
    except csv.Error:
        raise Malformed("the list of the wheel is no table") from None
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows if row}


def _digests(
    source: ByteSource, members: Mapping[str, ZipMember], listed: Mapping[str, str], context: Context
) -> list[str]:
    """Files whose content is not what the list states; the first 64 MiB are compared."""
    odd: list[str] = []
    left = _DIGESTED_BYTES
    for name, member in members.items():
        algorithm, _, stated = listed.get(name, "").partition("=")
        if algorithm != "sha256" or member.size > left:
            continue
        left -= member.size
        digest = hashlib.sha256()
        for block in _opened(source, member, context):
            digest.update(block)
        if digest.digest() != _decoded(stated):
            odd.append(f"{quoted(name)} has another digest than its list states")
    return odd


def _opened(source: ByteSource, member: ZipMember, context: Context) -> Iterator[bytes]:
    """The content of a member; of two readings, the directory's."""
    found = resolve_member(source, member).members
    if not found:
        raise Malformed("a member of the wheel has no header of its own", max(0, member.header_offset))
    return open_member(source, found[0], context.budget)


def _decoded(stated: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(stated + "=" * (-len(stated) % 4))
    except (binascii.Error, ValueError):
        return b""


def _read(source: ByteSource, member: ZipMember, context: Context) -> str:
    found = bytearray()
    for block in _opened(source, member, context):
        found += block
        if len(found) > _LARGEST_MEMBER:
            raise LimitReached(f"a list of more than {_LARGEST_MEMBER:,} bytes in a wheel")
    return found.decode("utf-8", "replace")


def _scripts(
    name: str, source: ByteSource, members: Mapping[str, ZipMember], context: Context
) -> Iterator[Finding]:
    """Commands that take the place of programs of the system."""
    package = posixpath.basename(name).partition("-")[0].lower()
    named = [one.rpartition("/")[2] for one in members if re.match(r"[^/]+\.data/scripts/[^/]+\Z", one)]
    entries = next((one for one in members if one.endswith(".dist-info/entry_points.txt")), None)
    if entries is not None:
        text = _read(source, members[entries], context)
        section = ""
        for line in text.splitlines()[:5_000]:
            if line.strip().startswith("["):
                section = line.strip()
            elif section in ("[console_scripts]", "[gui_scripts]") and "=" in line:
                named.append(line.partition("=")[0].strip())
    odd = sorted({one for one in named if is_system_name(one, package)})
    if odd:
        evidence = "brings the commands " + ", ".join(map(quoted, odd[:_SHOWN]))
        yield Finding(rule=_NAMED_LIKE, path=(name,), subject="scripts", evidence=evidence)


def _imports(view: RepositoryView, folder: str, names: tuple[str, ...]) -> Iterator[Finding]:
    """Imports that neither the requirements beside the code nor any table accounts for."""
    declared = _declared(view, names)
    own = {posixpath.basename(name).removesuffix(".py") for name in names}
    own |= {
        below[len(folder) + bool(folder) :].partition("/")[0]
        for below in view.folders
        if below != folder and below.startswith(f"{folder}/" if folder else "")
    }
    unknown: dict[str, str] = {}
    sources = [name for name in names if name.endswith(".py")][:_MOST_FILES]
    for name in sources:
        for module in _imported(view.text(name, _LARGEST_SOURCE) or ""):
            if not (module in own or is_standard(module) or _is_known(module, declared)):
                unknown.setdefault(module, name)
    for name in dict.fromkeys(unknown.values()):
        modules = sorted(module for module, where in unknown.items() if where == name)
        evidence = "imports " + ", ".join(map(quoted, modules[:20]))
        yield Finding(rule=_UNDECLARED, path=(name,), subject="imports", evidence=evidence)


def _declared(view: RepositoryView, names: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for name in names:
        if _REQUIREMENTS.match(posixpath.basename(name).lower()):
            for line in parse_requirements((view.text(name, MIB) or "").splitlines()):
                text = line.name or line.value or ""
                found.add(normalised(text.rpartition("/")[2].partition(".git")[0]))
    return frozenset(found)


def _is_known(module: str, declared: frozenset[str]) -> bool:
    return (
        distribution_of(module) is not None
        or normalised(module) in declared
        or normalised(module) in popular()
    )


def _imported(text: str) -> frozenset[str]:
    """Top-level names that the module level imports; guarded and later ones are somebody's choice."""
    tree = parse(text)
    if tree is None:
        return frozenset()
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return frozenset(found)
