"""How artifacts of a registry are spelt: `oci://registry[:port]/repository[:tag][@digest]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from weighbridge.errors import UsageError

SCHEMES = ("oci://", "oci+http://")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*")
_LONGEST_REPOSITORY = 255
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_DOCKER_HUB_API = "registry-1.docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class OciReference:
    """One artifact of one repository.

    Attributes:
        registry: host, and port when it is not the usual one, as the user typed them.
        repository: path within the registry.
        tag: None when there is only a digest.
        digest: `sha256:…`; it wins over the tag.
        is_plain_http: the registry is asked without TLS.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None
    is_plain_http: bool = False

    @property
    def wanted(self) -> str:
        """What to ask the registry for."""
        return self.digest or self.tag or "latest"

    @property
    def endpoint(self) -> str:
        """Where the registry's API is, without a slash at the end."""
        host = _DOCKER_HUB_API if self.registry in _DOCKER_HUB else self.registry
        return f"{'http' if self.is_plain_http else 'https'}://{host}"

    @property
    def api(self) -> str:
        """The address that the repository's manifests, blobs and tags lie below."""
        return f"{self.endpoint}/v2/{self.repository}"

    @property
    def display_name(self) -> str:
        if self.digest is not None:
            return f"{self.registry}/{self.repository}@{self.digest}"
        return f"{self.registry}/{self.repository}:{self.wanted}"

    def pinned(self, digest: str) -> str:
        """Return the address of the artifact that has this digest, whatever tags say later."""
        scheme = "oci+http" if self.is_plain_http and not is_loopback(self.registry) else "oci"
        return f"{scheme}://{self.registry}/{self.repository}@{digest}"


def is_oci_target(target: str) -> bool:
    return target.startswith(SCHEMES)


def parse_oci_target(target: str) -> OciReference:
    """Take a target apart.

    Raises:
        UsageError: it is not the address of an artifact.
    """
    scheme, _, rest = target.partition("://")
    registry, slash, path = rest.partition("/")
    if "@" in registry:
        # The target is not quoted: what stands before the @ is a secret.
        raise UsageError(
            "a user name or password does not belong into a target: log in with docker login or "
            "oras login, or set WEIGHBRIDGE_OCI_REGISTRY, _USERNAME and _PASSWORD"
        )
    if not is_host(registry):
        raise _misspelt(target, "the registry is not a host name")
    if not slash or not path:
        raise _misspelt(target, "it names a registry, and no repository in it")
    repository, tag, digest = _taken_apart(target, path)
    if registry in _DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if not _REPOSITORY.fullmatch(repository) or len(repository) > _LONGEST_REPOSITORY:
        raise _misspelt(target, "the repository is not a path in lower-case letters and digits")
    return OciReference(
        registry=registry,
        repository=repository,
        tag=tag,
        digest=digest,
        is_plain_http=scheme == "oci+http" or is_loopback(registry),
    )


def _taken_apart(target: str, path: str) -> tuple[str, str | None, str | None]:
    path, at, digest = path.partition("@")
    repository, colon, tag = path.partition(":")
    if colon and not TAG.fullmatch(tag):
        raise _misspelt(target, "what follows the colon is not a tag")
    if at and not DIGEST.fullmatch(digest):
        raise _misspelt(target, "what follows the @ is not a digest such as sha256: and 64 hex digits")
    return repository, tag if colon else None, digest if at else None


def is_host(registry: str) -> bool:
    """True for a host name or address, with or without a port."""
    if not _HOST.fullmatch(registry):
        return False
    try:
        parts = urlsplit(f"//{registry}")
        if registry.startswith("["):
            IPv6Address(parts.hostname or "")
        return parts.port != 0
    except ValueError:
        return False


def is_loopback(registry: str) -> bool:
    """True for a registry on this machine, which may be asked without TLS."""
    host = urlsplit(f"//{registry}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _misspelt(target: str, why: str) -> UsageError:
    return UsageError(
        f"can't read {target[:200]!r}: {why}; write oci://registry/repository:tag or "
        "oci://registry/repository@sha256:…"
    )
