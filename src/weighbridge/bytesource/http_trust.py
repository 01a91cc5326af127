"""Whose certificates are believed: the user's file, the usual variables, or the ones that come with us.

A file or folder of the user replaces the built-in authorities, as it does for curl and for every
client that honours SSL_CERT_FILE. Verification itself can't be switched off.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Final

import httpx

from weighbridge.errors import UsageError

_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""In this order; the first that is set counts. Each may name a file or a folder."""


def tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """Return the context for all connections that believe the same authorities.

    Args:
        ca_bundle: a PEM file, or a folder as `openssl rehash` makes it; None for the environment's.

    Raises:
        UsageError: there are no certificates to be read.
    """
    chosen = chosen_bundle(ca_bundle)
    return _loaded(*chosen) if chosen is not None else _built_in()


def chosen_bundle(ca_bundle: Path | None) -> tuple[str, str] | None:
    """Return the file or folder that counts and what named it; None when nothing does."""
    if ca_bundle is not None:
        return str(ca_bundle), "--ca-bundle"
    return next(((path, name) for name in _VARIABLES if (path := os.environ.get(name))), None)


@lru_cache(maxsize=1)
def _built_in() -> ssl.SSLContext:
    """Loading the certificates takes longer than a request; all clients share them."""
    return httpx.create_ssl_context(trust_env=False)


@lru_cache(maxsize=8)
def _loaded(path: str, named_by: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise UsageError(f"{named_by} names {path!r}, which holds no certificates in PEM") from error
    except OSError as error:
        raise UsageError(f"{named_by} names {path!r}, which can't be read: {error.strerror}") from error
    return context
