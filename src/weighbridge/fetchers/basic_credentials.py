"""A name and a password that stood in an address, as the header that they are sent in."""

from __future__ import annotations

import base64
from urllib.parse import unquote


def basic_authorization(userinfo: str) -> str:
    """Return the value of `Authorization` for `name:password` as an address spells it.

    Source: RFC 7617; RFC 3986 section 3.2.1 for the percent-encoding.
    """
    name, _, password = userinfo.partition(":")
    secret = f"{unquote(name)}:{unquote(password)}".encode("utf-8", "surrogatepass")
    return "Basic " + base64.b64encode(secret).decode("ascii")
