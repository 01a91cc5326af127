"""Who we are to a registry: from our own variables, or from what `docker login` wrote down.

Laws: credentials are for one registry, by its name; those of another are never tried. No program
is run to get any: a credential helper is named in words instead.

Source: https://docs.docker.com/reference/cli/docker/login/
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from weighbridge.core.limits import MIB

_PREFIX = "WEIGHBRIDGE_OCI_"
_LARGEST_FILE = 1 * MIB
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
SET_VARIABLES = (
    "set WEIGHBRIDGE_OCI_REGISTRY to its host, and WEIGHBRIDGE_OCI_USERNAME and WEIGHBRIDGE_OCI_PASSWORD"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A name and a password; neither is ever shown."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLogin:
    """What was found for a registry, and a sentence on where, or why not."""

    login: Login | None
    note: str


class _Auth(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _DockerConfig(
    msgspec.Struct,
    frozen=True,
    rename={"creds_store": "credsStore", "cred_helpers": "credHelpers"},
):
    auths: Mapping[str, _Auth] = {}
    creds_store: str = ""
    cred_helpers: Mapping[str, str] = {}


def find_login(registry: str, environment: Mapping[str, str] | None = None) -> FoundLogin:
    """Look for a login for this registry, and for no other.

    Args:
        registry: as the user typed it.
        environment: by default that of the process.
    """
    variables = os.environ if environment is None else environment
    names = _DOCKER_HUB if registry in _DOCKER_HUB else (registry,)
    password = variables.get(f"{_PREFIX}PASSWORD", "")
    if password and variables.get(f"{_PREFIX}REGISTRY") in names:
        login = Login(username=variables.get(f"{_PREFIX}USERNAME", ""), password=password)
        return FoundLogin(login=login, note=f"the login came from {_PREFIX}PASSWORD")
    found = _of_docker(names, _docker_file(variables))
    if found.login is None and password:
        note = f"{_PREFIX}PASSWORD is for another registry: {_PREFIX}REGISTRY is not {registry}"
        return FoundLogin(login=None, note=note)
    return found


def _docker_file(variables: Mapping[str, str]) -> Path:
    folder = variables.get("DOCKER_CONFIG") or os.path.join(variables.get("HOME") or "~", ".docker")
    return Path(os.path.expanduser(folder), "config.json")


def _of_docker(names: tuple[str, ...], file: Path) -> FoundLogin:
    shown = f"{str(file)!r}"
    try:
        with file.open("rb") as stream:
            config = msgspec.json.decode(stream.read(_LARGEST_FILE), type=_DockerConfig)
    except FileNotFoundError:
        return FoundLogin(login=None, note=f"no login is known: {shown} does not exist")
    except (OSError, msgspec.MsgspecError, RecursionError):
        return FoundLogin(login=None, note=f"no login is known: {shown} can't be read")
    helper = next((config.cred_helpers[name] for name in names if name in config.cred_helpers), None)
    entry = next((entry for key, entry in config.auths.items() if _host_of(key) in names), None)
    login = _login(entry) if entry is not None else None
    if login is not None:
        return FoundLogin(login=login, note=f"the login came from {shown}")
    helper = helper or config.creds_store
    if helper:
        note = (
            f"{shown} leaves the login to the program docker-credential-{helper[:60]}, "
            "and we run no programs"
        )
    elif entry is not None:
        note = f"{shown} has no user name and password for it (identity tokens are not used)"
    else:
        note = f"{shown} holds no login for it"
    return FoundLogin(login=None, note=note)


def _host_of(key: str) -> str:
    """Docker writes `registry.example`, `https://registry.example` or `https://index.docker.io/v1/`."""
    host, _, path = key.removeprefix("https://").removeprefix("http://").partition("/")
    return host if path.strip("/") in ("", "v1", "v2") else ""


def _login(entry: _Auth) -> Login | None:
    if entry.identitytoken:
        return None
    if entry.username and entry.password:
        return Login(username=entry.username, password=entry.password)
    try:
        decoded = base64.b64decode(entry.auth, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    username, colon, password = decoded.partition(":")
    return Login(username=username, password=password.rstrip("\0")) if colon and password else None
