"""Where a redirect may lead, and where the token may go: nowhere but to the endpoint itself.

Laws: a redirect never leads from https to http, and never to an address that only this machine
or its network can see, unless the endpoint that the user chose is on the same kind of network.
An address that hands out cloud credentials is refused always.
"""

from __future__ import annotations

import socket
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from weighbridge.errors import ReadError

_CREDENTIAL_ADDRESSES = frozenset(
    # Amazon, Google, Azure, Oracle and others; Amazon's containers, also over IPv6; Tencent; Azure's
    # host agent; Oracle's older one; Alibaba; Amazon, Google and Oracle over IPv6.
    ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::23",
        "169.254.0.23",
        "168.63.129.16",
        "192.0.0.192",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
    )
)
_WRAPPING = (
    # The last 32 bits are an IPv4 address: NAT64, also its local prefixes, and SIIT.
    # Source: RFC 6052 section 2.1, RFC 8215, RFC 2765 section 2.1.
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("::ffff:0:0:0/96"),
)


class Reach(Enum):
    """Who can see an address."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    CREDENTIALS = "cloud metadata"
    RESERVED = "reserved"


def reach_of(address: str) -> Reach:
    """Classify an IP address; one that wraps an IPv4 address is classified by what it wraps.

    Raises:
        ValueError: not an IP address.
    """
    parsed = _unwrapped(ip_address(address.partition("%")[0]))
    if parsed in _CREDENTIAL_ADDRESSES:
        return Reach.CREDENTIALS
    if parsed.is_loopback:
        return Reach.LOOPBACK
    if parsed.is_link_local:
        return Reach.LINK_LOCAL
    if parsed.is_unspecified or parsed.is_multicast or parsed.is_reserved:
        return Reach.RESERVED
    if parsed.is_private:
        return Reach.PRIVATE
    return Reach.PUBLIC if parsed.is_global else Reach.RESERVED


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in _WRAPPING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def origin_of(url: httpx.URL) -> tuple[str, str, int]:
    """Return scheme, host and port: what a token is bound to."""
    port = url.port or {"https": 443, "http": 80}.get(url.scheme, 0)
    return url.scheme, url.host, port


class RedirectPolicy:
    """The rules for one endpoint, the scheme, host and port that the user chose.

    Raises:
        ReadError: it is no address.
    """

    def __init__(self, endpoint: str) -> None:
        try:
            self._endpoint = httpx.URL(endpoint)
        except httpx.InvalidURL:
            # Not its own words: they quote parts, and a password may be one.
            raise ReadError("its address is not a URL that can be asked for") from None
        self._origin = origin_of(self._endpoint)
        self._reaches: frozenset[Reach] | None = None

    def is_endpoint(self, url: httpx.URL) -> bool:
        return origin_of(url) == self._origin

    def check_first(self, url: httpx.URL) -> None:
        """Check an address that an answer of the endpoint named, as if it had redirected there.

        A name is resolved only when it is connected to; `check_peer` sees what it led to.

        Raises:
            ReadError: we do not go there.
        """
        if self.is_endpoint(url):
            return
        if url.scheme not in ("http", "https") or not url.host:
            raise ReadError("the server names an address that is not plain http or https")
        if self._endpoint.scheme == "https" and url.scheme == "http":
            raise ReadError(f"the server leads from https to http at {url.host}; refused")
        for address in _addresses(url.host, socket.AI_NUMERICHOST):
            self._check_address(url.host, address)

    def next_url(self, current: httpx.URL, location: str) -> httpx.URL:
        """Return where a redirect leads.

        Raises:
            ReadError: it leads to where we do not go.
        """
        try:
            url = current.join(location)
        except (httpx.InvalidURL, ValueError) as error:
            raise ReadError(f"{current.host} redirects to something that is not a URL") from error
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise ReadError(f"{current.host} redirects to a URL that is not plain http or https")
        if current.scheme == "https" and url.scheme == "http":
            raise ReadError(f"{current.host} redirects from https to http at {url.host}; refused")
        if not self.is_endpoint(url):
            self._check_host(url.host)
        return url

    def check_peer(self, url: httpx.URL, address: str) -> None:
        """Check the address of a connection before anything is sent over it.

        The name may have been resolved to another address than at the first check. Even the
        endpoint itself may not turn out to be an address that hands out credentials.

        Raises:
            ReadError: the address is not one that a redirect may lead to.
        """
        if not self.is_endpoint(url):
            self._check_address(url.host, address)
        elif reach_of(address) is Reach.CREDENTIALS:
            raise ReadError(f"{url.host} is the cloud metadata address {address}; refused")

    def _check_host(self, host: str) -> None:
        for address in _addresses(host):
            self._check_address(host, address)

    def _check_address(self, host: str, address: str) -> None:
        reach = reach_of(address)
        if reach is Reach.PUBLIC:
            return
        if reach is Reach.CREDENTIALS or reach not in self._endpoint_reaches():
            raise ReadError(f"a redirect leads to the {reach.value} address {address} ({host}); refused")

    def _endpoint_reaches(self) -> frozenset[Reach]:
        if self._reaches is None:
            self._reaches = frozenset(reach_of(address) for address in _addresses(self._endpoint.host))
        return self._reaches


def _addresses(host: str, flags: int = 0) -> tuple[str, ...]:
    """Resolve a host. Nothing when it has no address here: a proxy knows it, or connecting fails.

    The resolver also takes what looks like no address: `2852039166`, `0xa9fea9fe`, `127.1`.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
