"""The token dance: a registry names a service that gives out tokens, and we decide what it gets.

The address of the service comes from the registry's answer. A password goes there only when it is
the registry's own origin, or a host of the same domain over https, or one that the user has named.
Nothing is sent where a redirect of that registry might not lead either: no private or loopback
address behind a public registry, no http behind https, no further redirect.

Source: https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import msgspec

from weighbridge.bytesource.http_client import Ask, HttpClient, Reply
from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter, WaitCallback
from weighbridge.bytesource.refused import Refused
from weighbridge.core.limits import KIB
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError
from weighbridge.fetchers.oci.credentials import SET_VARIABLES, FoundLogin
from weighbridge.fetchers.oci.reference import OciReference

TOKEN_HOST = "WEIGHBRIDGE_OCI_TOKEN_HOST"
_LONGEST_CHALLENGE = 4 * KIB
_LARGEST_ANSWER = 256 * KIB
_BEARER = re.compile(r'\bbearer\s+((?:[a-z_]+="[^"]*"\s*,?\s*)+)', re.IGNORECASE)
_BASIC = re.compile(r"(?:^|,)\s*basic\b", re.IGNORECASE)
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"', re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
_COUNTRY_SUFFIX = re.compile(r"[a-z]{2,3}\.[a-z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a registry asks for with status 401.

    Attributes:
        realm: the token service; None when the registry takes the password itself.
        service: what the registry calls itself there.
    """

    realm: str | None
    service: str = ""


class _Answer(msgspec.Struct, frozen=True):
    token: str | None = None
    access_token: str | None = None


def parse_challenge(header: str) -> Challenge | None:
    """Read `WWW-Authenticate`; None when it asks for nothing that we have."""
    header = header[:_LONGEST_CHALLENGE]
    bearer = _BEARER.search(header)
    if bearer is not None:
        parameters = {name.lower(): value for name, value in _PARAMETER.findall(bearer[1])}
        if parameters.get("realm"):
            return Challenge(realm=parameters["realm"], service=parameters.get("service", ""))
    return Challenge(realm=None) if _BASIC.search(header) else None


class TokenService:
    """Answers the challenges of one registry, for one repository.

    Args:
        reference: whose registry it is.
        found: the login for it, or why there is none.
        actions: what the token is for: `pull`, or `pull,push`.
    """

    def __init__(
        self,
        reference: OciReference,
        found: FoundLogin,
        *,
        actions: str,
        settings: HttpSettings,
        traffic: TrafficCounter,
        on_wait: WaitCallback,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._reference = reference
        self._found = found
        self._actions = actions
        variables = os.environ if environment is None else environment
        self._trusted_host = variables.get(TOKEN_HOST, "")
        # Its endpoint is the registry: so a service elsewhere is met with the care of a redirect.
        self._client = HttpClient(
            reference.endpoint,
            settings=replace(settings, redirects=0),
            traffic=traffic,
            on_wait=on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )

    def authorization(self, header: str) -> str:
        """Return what to send in `Authorization`, for the challenge in `header`.

        Raises:
            Refused: there is nothing to send, or the service gives no token, in words.
            ReadError: the service can't be asked.
        """
        challenge = parse_challenge(header)
        login = self._found.login
        if challenge is None:
            raise self._refusal("asks for a login in a way that we do not know")
        if challenge.realm is not None:
            return f"Bearer {self._token(challenge.realm, challenge.service)}"
        if login is None:
            raise self._refusal("asks for a login")
        return login.basic

    def _token(self, realm: str, service: str) -> str:
        parts = _realm_parts(realm, self._reference)
        trusted = self._may_have_password(realm)
        login = self._found.login if trusted else None
        query = [
            *parse_qsl(parts.query),
            *([("service", service)] if service else []),
            ("scope", f"repository:{self._reference.repository}:{self._actions}"),
        ]
        ask = Ask(
            url=parts._replace(query=urlencode(query), fragment="").geturl(),
            own_headers={"authorization": login.basic} if login is not None else {},
        )
        answer = self._client.exchange(ask, _read_answer)
        if isinstance(answer, int):
            raise self._no_token(parts.netloc, answer, is_trusted=trusted)
        return answer

    def _may_have_password(self, realm: str) -> bool:
        parts, own = urlsplit(realm), urlsplit(self._reference.endpoint)
        if (parts.scheme, parts.netloc.lower()) == (own.scheme, own.netloc.lower()):
            return True
        host = parts.hostname or ""
        is_named = self._trusted_host.lower() in (host, parts.netloc.lower())
        return parts.scheme == "https" and (is_named or is_of_same_domain(host, own.hostname or ""))

    def _no_token(self, host: str, status: int, *, is_trusted: bool) -> Refused:
        if not is_trusted and self._found.login is not None:
            return self._refusal(
                f"names {host[:200]!r} as its token service, which is not of its own domain, so the "
                f"login was not sent there. If it should have it, set {TOKEN_HOST} to that host"
            )
        if self._found.login is not None:
            return self._refusal(f"has its logins checked at {host[:200]!r}, which answers {status}")
        return self._refusal(f"gives no token without a login (status {status} at {host[:200]!r})")

    def _refusal(self, what: str) -> Refused:
        missing = f"; to log in, {SET_VARIABLES}" if self._found.login is None else ""
        return Refused(
            f"{self._reference.registry} {what}; {self._found.note}{missing}",
            status=401,
            error_code="UNAUTHORIZED",
            from_endpoint=True,
        )

    def close(self) -> None:
        self._client.close()


def is_of_same_domain(host: str, registry: str) -> bool:
    """True when a service belongs to a registry by name: `auth.docker.io`, `gitlab.com`.

    They share a name of two parts or more that is not a country's (`co.uk`).
    """
    if host == registry or host.endswith(f".{registry}"):
        return "." in registry and not registry.replace(".", "").isdigit()
    parent = registry.partition(".")[2]
    if "." not in parent or registry.replace(".", "").isdigit() or _COUNTRY_SUFFIX.fullmatch(parent):
        return False
    return host == parent or host.endswith(f".{parent}")


def _realm_parts(realm: str, reference: OciReference) -> SplitResult:
    try:
        parts = urlsplit(realm)
        parts.port  # noqa: B018  (raises when it is none)
    except ValueError as error:
        raise ReadError(f"{reference.registry} names a token service that is not a URL") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ReadError(f"{reference.registry} names a token service that is not a plain URL")
    if parts.scheme == "http" and not reference.is_plain_http:
        raise ReadError(
            f"{reference.registry} names a token service without TLS, {parts.netloc[:200]!r}; refused"
        )
    return parts


def _read_answer(reply: Reply) -> str | int:
    """Return the token, or the status of a service that gives none."""
    if reply.status != 200:
        return reply.status
    try:
        answer = msgspec.json.decode(reply.read(_LARGEST_ANSWER), type=_Answer)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ReadError(f"the token service {reply.host} sends something else than a token") from error
    token = answer.token or answer.access_token or ""
    if not _TOKEN.fullmatch(token):
        raise ReadError(f"the token service {reply.host} sends something else than a token")
    return token
