"""Hold files against attestations: who signed, what was stated, and is it about these bytes?

Laws: what is not signed by whom the user trusts counts for nothing, and is said. A pass counts only
for files whose digests the signed statement names; a file that it does not name was never attested.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.attestation.signing import INSTALL, PAYLOAD_TYPE
from weighbridge.attestation.statements import (
    COMPLETE_PROPERTY,
    FOUND,
    PASS_PROPERTY,
    PASSED,
    STATEMENT,
    model_root,
)
from weighbridge.core.limits import MIB
from weighbridge.core.report import ScannedFile
from weighbridge.core.trust import Trust
from weighbridge.errors import LimitReached, Malformed, UsageError
from weighbridge.formats.documents.strict_json import Json, decode_json

_LARGEST_BYTES = 256 * MIB
_MOST_LINES = 1_000
_MOST_SIGNATURES = 20
_MOST_SUBJECTS = 1_000_000
_SHA256 = re.compile("[0-9a-f]{64}")

Check = Callable[[str], bytes]
"""Gives the signed payload of one line, or raises Unsigned."""


class Unsigned(Exception):
    """A line is not signed by whom the user trusts; the words say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """What holds of the files.

    Attributes:
        is_passed: a signed statement says that exactly these files passed.
        is_complete: the one that says so tells that nothing was left unread.
        signed: statements that verified, and of how many lines.
        findings: rule ids that signed statements on these files tell of, each once.
        when: the moment of the newest pass of these files, as stated; None without one.
        objections: sentences on what does not fit; none when all is well.
    """

    is_passed: bool
    is_complete: bool
    signed: int
    lines: int
    findings: tuple[str, ...]
    when: str | None
    objections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stated:
    """One signed statement, narrowed to what we ask of it."""

    kind: str
    digests: Mapping[str, str]
    properties: tuple[str, ...]
    when: str | None
    findings: tuple[str, ...]


def verify(attestation: Path, files: Sequence[ScannedFile], trust: Trust) -> Attested:
    """Hold files against a file of attestations, one on each line.

    Args:
        attestation: what `weighbridge attest` wrote.
        files: all files, each with its sha256.
        trust: the key, or the identity, that must have signed.

    Raises:
        UsageError: the file is unreadable, or what verifies signatures is not installed.
    """
    lines = _lines(attestation)
    check = _check(trust)
    objections: list[str] = []
    stated: list[_Stated] = []
    for number, line in enumerate(lines, start=1):
        try:
            stated.append(_narrowed(check(line)))
        except Unsigned as error:
            objections.append(f"line {number}: {error}")
        except Malformed as error:
            objections.append(f"line {number}: {error.reason}")
    passes = [one for one in stated if one.kind == PASSED and PASS_PROPERTY in one.properties]
    differences = {id(one): tuple(_differences(one, files)) for one in stated}
    fitting = [one for one in passes if not differences[id(one)]]
    if not passes:
        objections.append("no statement that you trust says that the policy passed")
    elif not fitting:
        objections.extend(sorted((differences[id(one)] for one in passes), key=len)[0])
    newest = max(fitting, key=lambda one: one.when or "", default=None)
    told = (rule for one in stated if not differences[id(one)] for rule in one.findings)
    return Attested(
        is_passed=newest is not None,
        is_complete=newest is not None and COMPLETE_PROPERTY in newest.properties,
        signed=len(stated),
        lines=len(lines),
        findings=tuple(dict.fromkeys(told)),
        when=newest.when if newest is not None else None,
        objections=() if newest is not None else tuple(objections),
    )


def _lines(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            raise UsageError(f"{file} is larger than {_LARGEST_BYTES // MIB} MiB")
        lines = [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    except OSError as error:
        raise UsageError(f"can't read the attestation {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} holds no attestations: it is not text") from error
    if len(lines) > _MOST_LINES:
        raise UsageError(f"{file} holds more than {_MOST_LINES:,} attestations")
    return lines


def _differences(stated: _Stated, files: Sequence[ScannedFile]) -> Iterator[str]:
    """Say in what the files are not those of a statement."""
    present = {file.name: file.sha256 for file in files}
    for name, digest in stated.digests.items():
        if name not in present:
            yield f"{name!r} was attested and is not here"
        elif present[name] != digest:
            yield f"{name!r} is not the file that was attested"
    for name in present.keys() - stated.digests.keys():
        yield f"{name!r} was never attested"


def _narrowed(payload: bytes) -> _Stated:
    """Raises Malformed unless this is a statement with subjects that have a sha256."""
    try:
        text = payload.decode()
        document = decode_json(text)
    except UnicodeDecodeError as error:
        raise Malformed("what was signed is no text") from error
    except LimitReached as error:
        raise Malformed("what was signed holds more than any statement does") from error
    if document.duplicate_keys or text[document.end :].strip():
        raise Malformed("what was signed is not read alike by all: two equal keys, or a second value")
    tree = document.value
    if not isinstance(tree, Mapping) or tree.get("_type") != STATEMENT:
        raise Malformed("what was signed is no in-toto statement")
    kind, predicate = tree.get("predicateType"), tree.get("predicate")
    if kind not in (FOUND, PASSED) or not isinstance(predicate, Mapping):
        raise Malformed("what was signed states nothing that weighbridge knows")
    properties = predicate.get("properties")
    when = predicate.get("timeCreated")
    return _Stated(
        kind=str(kind),
        digests=_about(tree.get("subject"), predicate.get("files")),
        properties=tuple(str(one) for one in properties) if isinstance(properties, list) else (),
        when=when if isinstance(when, str) else None,
        findings=tuple(_found(predicate)),
    )


def _about(subjects: Json, files: Json) -> Mapping[str, str]:
    """Return the digests by name; of a statement on a whole model, those that its root is made of."""
    about = dict(_digests(subjects))
    if files is None:
        return about
    listed = dict(_digests(files))
    names = [ScannedFile(name=name, sha256=digest) for name, digest in listed.items()]
    if list(about.values()) != [model_root(names)]:
        raise Malformed("the digest of the model is not that of the files that the statement lists")
    return listed


def _digests(subjects: Json) -> Iterator[tuple[str, str]]:
    if not isinstance(subjects, list) or not 0 < len(subjects) <= _MOST_SUBJECTS:
        raise Malformed("the statement names no subject")
    seen: set[str] = set()
    for one in subjects:
        digest = one.get("digest") if isinstance(one, Mapping) else None
        name = one.get("name") if isinstance(one, Mapping) else None
        sha256 = digest.get("sha256") if isinstance(digest, Mapping) else None
        if not isinstance(name, str) or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise Malformed("a subject of the statement has no name or no sha256")
        if name in seen:
            raise Malformed("a subject stands twice in the statement")
        seen.add(name)
        yield name, sha256


def _found(predicate: Mapping[str, Json]) -> Iterator[str]:
    scanner = predicate.get("scanner")
    results = scanner.get("result") if isinstance(scanner, Mapping) else None
    for one in results if isinstance(results, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("id"), str):
            yield str(one["id"])


def _check(trust: Trust) -> Check:
    if trust.key is not None:
        return _by_key(Path(trust.key))
    if trust.identity is not None:
        return _by_identity(trust)
    raise UsageError(
        "say who must have signed: --signing-key FILE, or --signing-identity with --signing-provider"
    )


def _by_key(file: Path) -> Check:
    try:
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from securesystemslib.dsse import Envelope
        from securesystemslib.exceptions import Error
        from securesystemslib.signer import SSlibKey
    except ImportError as error:
        raise UsageError(f"to verify attestations, run: {INSTALL} ({error})") from None
    try:
        loaded: Any = load_pem_public_key(file.read_bytes())
        key = SSlibKey.from_crypto(loaded)
    except OSError as error:
        raise UsageError(f"can't read the key {file}: {error.strerror}") from error
    except (ValueError, Error) as error:
        raise UsageError(f"{file} is no public key in PEM: {error}") from error

    def check(line: str) -> bytes:
        try:
            envelope = Envelope.from_dict(_with_numbered_keys(json.loads(line)))
            if envelope.payload_type != PAYLOAD_TYPE:
                raise Unsigned(f"signs {envelope.payload_type[:60]!r}, no statement")
            _verify(envelope, key)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Unsigned("is no signed statement (DSSE)") from error
        except Error as error:
            raise Unsigned("is not signed with the key that you trust") from error
        return bytes(envelope.payload)

    return check


def _with_numbered_keys(envelope: Any) -> Any:
    """The library wants each signature to name its key, and each another one; DSSE 1.0 wants neither."""
    for number, signature in enumerate(envelope["signatures"]):
        signature["keyid"] = str(number)
    return envelope


def _verify(envelope: Any, key: Any) -> None:
    """Try the key on each signature: what an envelope calls its key is only a hint (DSSE 1.0).

    Raises:
        Error: it fits none of them, or there is none.
    """
    from securesystemslib.exceptions import Error, VerificationError

    refused: Error = VerificationError("no signature")
    for signature in list(envelope.signatures.values())[:_MOST_SIGNATURES]:
        signature.keyid = key.keyid
        envelope.signatures = {key.keyid: signature}
        try:
            envelope.verify([key], 1)
        except Error as error:
            refused = error
        else:
            return
    raise refused


def _by_identity(trust: Trust) -> Check:
    try:
        from sigstore.errors import Error
        from sigstore.models import Bundle, InvalidBundle
        from sigstore.verify import Verifier, policy
    except ImportError as error:
        raise UsageError(f"to verify attestations, run: {INSTALL} ({error})") from None
    verifier = Verifier(trusted_root=_trusted_root(trust))
    signer = policy.Identity(identity=str(trust.identity), issuer=trust.provider)

    def check(line: str) -> bytes:
        try:
            kind, payload = verifier.verify_dsse(Bundle.from_json(line), signer)
        except (InvalidBundle, ValueError, TypeError, KeyError, RecursionError) as error:
            raise Unsigned("is no bundle of Sigstore with a signed statement") from error
        except Error as error:
            raise Unsigned(f"is not signed by whom you trust: {error}") from error
        if kind != PAYLOAD_TYPE:
            raise Unsigned(f"signs {kind[:60]!r}, no statement")
        return bytes(payload)

    return check


def _trusted_root(trust: Trust) -> Any:
    """The user's, or the one that comes with the library: nothing is asked of the network."""
    from importlib.resources import files

    from sigstore.errors import Error
    from sigstore.models import TrustedRoot

    own = files("sigstore") / "_store" / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev" / "trusted_root.json"
    try:
        return TrustedRoot.from_file(trust.trust_root or str(own))
    except (OSError, ValueError, Error) as error:
        raise UsageError(f"can't use Sigstore's trust root: {error}") from error
