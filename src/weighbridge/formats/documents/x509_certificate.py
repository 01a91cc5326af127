"""Names and dates of an X.509 certificate: who a signer says that they are.

Layout (DER, each value is tag, length, content):

    Certificate: tbsCertificate: [0] version, serial, algorithm, issuer, validity, subject, key,
                                 [3] extensions: subjectAltName, Sigstore's issuer, ...

Nothing is verified: a certificate proves something only with its chain.

Source: RFC 5280; Sigstore's OIDs, github.com/sigstore/fulcio/blob/main/docs/oid-info.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from weighbridge.errors import Malformed

_SEQUENCE, _OID, _CONTEXT_0, _CONTEXT_3 = 0x30, 0x06, 0xA0, 0xA3
_COMMON_NAME: Final = bytes.fromhex("550403")
_ORGANISATION: Final = bytes.fromhex("55040a")
_ALTERNATIVE_NAMES: Final = bytes.fromhex("551d11")
_OLD_PROVIDER: Final = bytes.fromhex("2b0601040183bf300101")
_PROVIDER: Final = bytes.fromhex("2b0601040183bf300108")
_NAMES_AS_TEXT: Final = frozenset({0x81, 0x82, 0x86})
_MAX_VALUES: Final = 10_000
_MAX_NAME: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate says of its owner.

    Attributes:
        subject: common name, or organisation; "" when it has none, as those of Sigstore.
        issuer: the same of whoever issued it.
        names: addresses of mail, hosts and URIs that are the owner's.
        provider: the OpenID provider that Sigstore asked; None in others.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    provider: str | None
    not_before: datetime
    not_after: datetime

    @property
    def owner(self) -> str:
        """The name to show."""
        return ", ".join(self.names[:3]) or self.subject or "a certificate without a name"


def parse_certificate(data: bytes) -> Certificate:
    """Read the names and dates of a certificate.

    Raises:
        Malformed: no certificate in DER.
    """
    fields = list(_values(_one(_one(data, _SEQUENCE), _SEQUENCE)))
    if fields and fields[0][0] == _CONTEXT_0:
        del fields[0]
    if len(fields) < 6:
        raise Malformed("the certificate has too few fields")
    issuer, validity, subject = fields[2][1], fields[3][1], fields[4][1]
    dates = [_date(tag, value) for tag, value in _values(validity)]
    if len(dates) != 2:
        raise Malformed("the certificate does not say how long it is valid")
    extensions = dict(_extensions(fields))
    provider = extensions.get(_PROVIDER) or extensions.get(_OLD_PROVIDER)
    return Certificate(
        subject=_name(subject),
        issuer=_name(issuer),
        names=tuple(_alternative_names(extensions.get(_ALTERNATIVE_NAMES))),
        provider=_text(provider) if provider is not None else None,
        not_before=dates[0],
        not_after=dates[1],
    )


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each value of a sequence of them."""
    at = 0
    for _ in range(_MAX_VALUES):
        if at >= len(data):
            return
        if at + 2 > len(data):
            raise Malformed("a value of the certificate is cut", at)
        tag, length, begin = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or begin + size > len(data):
                raise Malformed("a length of the certificate is none", at)
            length, begin = int.from_bytes(data[begin : begin + size], "big"), begin + size
        if begin + length > len(data):
            raise Malformed("a value of the certificate ends behind its end", at)
        yield tag, data[begin : begin + length]
        at = begin + length
    raise Malformed("the certificate has too many values")


def _one(data: bytes, tag: int) -> bytes:
    found = next(_values(data), None)
    if found is None or found[0] != tag:
        raise Malformed("not a certificate")
    return found[1]


def _date(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii", "replace")
    form = "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ"
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        raise Malformed("a date of the certificate is none") from None


def _name(data: bytes) -> str:
    """Return the common name, else the organisation, of a distinguished name."""
    found: dict[bytes, str] = {}
    for _, relative in _values(data):
        for tag, pair in _values(relative):
            parts = list(_values(pair)) if tag == _SEQUENCE else []
            if len(parts) == 2 and parts[0][0] == _OID:
                found.setdefault(parts[0][1], _plain(parts[1][1]))
    return found.get(_COMMON_NAME) or found.get(_ORGANISATION) or ""


def _extensions(fields: list[tuple[int, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    for tag, value in fields[6:]:
        if tag != _CONTEXT_3:
            continue
        for _, extension in _values(_one(value, _SEQUENCE)):
            parts = list(_values(extension))
            if len(parts) >= 2 and parts[0][0] == _OID:
                yield parts[0][1], parts[-1][1]


def _alternative_names(data: bytes | None) -> Iterator[str]:
    if data is None:
        return
    for tag, value in _values(_one(data, _SEQUENCE)):
        if tag in _NAMES_AS_TEXT:
            yield _plain(value)


def _text(value: bytes) -> str:
    """Return a text of Sigstore's: a UTF8String in its newer extensions, bare in the older ones."""
    if value[:1] == b"\x0c":
        return _plain(_one(value, 0x0C))
    return _plain(value)


def _plain(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")[:_MAX_NAME]
