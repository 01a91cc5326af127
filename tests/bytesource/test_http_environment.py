"""Proxies and certificates, as the environment around us sets them: real ones, on loopback."""

from __future__ import annotations

import datetime
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.faulty import METADATA, FaultyServer, RedirectTo, running_faulty
from weighbridge.bytesource.http_client import HttpClient
from weighbridge.bytesource.http_range import RangeSource, RemoteFile
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.errors import ReadError, UsageError

HUB = "hub.example.invalid"
TOKEN = "weighbridge-test-token"
CONTENT = b"0123456789"
VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@dataclass(slots=True)
class Proxy:
    """What a proxy was asked, and where it leads: names that only it can resolve."""

    routes: dict[str, tuple[str, int]] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    refusal: bytes = b""
    url: str = ""


class _ProxyHandler(socketserver.BaseRequestHandler):
    proxy: ClassVar[Proxy]

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (part := self.request.recv(65536)):
                return
            head += part
        self.proxy.asked.append(head)
        if self.proxy.refusal:
            self.request.sendall(b"HTTP/1.1 " + self.proxy.refusal + b"\r\ncontent-length: 0\r\n\r\n")
            return
        method, target, _ = head.split(b" ", 2)
        name = urlsplit(target.decode() if b"://" in target else f"//{target.decode()}").hostname
        with socket.create_connection(self.proxy.routes[name or ""]) as upstream:
            if method == b"CONNECT":
                self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                upstream.sendall(head)
            self._pass_on(upstream)

    def _pass_on(self, upstream: socket.socket) -> None:
        other = {self.request: upstream, upstream: self.request}
        while True:
            for ready in select.select(list(other), [], [], 5)[0]:
                if not (data := ready.recv(65536)):
                    return
                other[ready].sendall(data)


@contextmanager
def running_proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    handler: Any = type("Bound", (_ProxyHandler,), {"proxy": proxy})
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield proxy
        server.shutdown()


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of this test, and a server's context with a certificate from it."""

    bundle: Path
    folder: Path
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    place = tmp_path_factory.mktemp("authority")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate("weighbridge test authority", ca_key, None)
    leaf = certificate(HUB, key, (ca, ca_key))
    pem = serialization.Encoding.PEM
    (place / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (place / "server.pem").write_bytes(private + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server.pem")
    return Authority(place / "ca.pem", hashed_folder(place, ca), context)


def certificate(name: str, key: Any, issuer: tuple[Any, Any] | None) -> Any:
    """Make a certificate for a name: of an authority, or one that an authority issued."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False
        )
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())


def hashed_folder(place: Path, ca: Any) -> Path:
    """Make what `openssl rehash` makes."""
    from OpenSSL.crypto import X509

    folder = place / "hashed"
    folder.mkdir()
    name = f"{X509.from_cryptography(ca).subject_name_hash():08x}.0"
    (folder / name).write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    return folder


@pytest.fixture
def secure(authority: Authority) -> Iterator[FaultyServer]:
    with running_faulty({"/f": CONTENT}, tls=authority.server) as server:
        yield server


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with running_proxy() as running:
        monkeypatch.setenv("HTTPS_PROXY", running.url)
        monkeypatch.setenv("HTTP_PROXY", running.url)
        yield running


def lead(proxy: Proxy, server: FaultyServer) -> str:
    """Have the proxy lead to a server under the name of the hub, and return the hub's origin."""
    parts = urlsplit(server.origin)
    proxy.routes[HUB] = ("127.0.0.1", parts.port or 0)
    return f"{parts.scheme}://{HUB}"


def read(origin: str, settings: HttpSettings | None = None) -> bytes:
    client = HttpClient(origin, token=TOKEN, settings=settings, sleep=lambda _: None)
    try:
        file = RemoteFile(url=f"{origin}/f", expected_bytes=len(CONTENT))
        return bytes(RangeSource(client, file).read_at(0, 100))
    finally:
        client.close()


class TestProxies:
    """The proxy resolves names and sets rules; our secrets are not for it."""

    def test_https_goes_through_a_tunnel_and_the_token_only_inside_of_it(
        self, proxy: Proxy, secure: FaultyServer, authority: Authority
    ) -> None:
        origin = lead(proxy, secure)

        assert read(origin, HttpSettings(ca_bundle=authority.bundle)) == CONTENT
        assert [head.split(b"\r\n")[0] for head in proxy.asked] == [
            b"CONNECT hub.example.invalid:443 HTTP/1.1"
        ]
        assert b"authorization" not in proxy.asked[0].lower()
        assert TOKEN.encode() not in b"".join(proxy.asked)
        assert [seen.authorization for seen in secure.requests] == [f"Bearer {TOKEN}"]

    def test_plain_http_is_asked_of_the_proxy_with_the_whole_address(self, proxy: Proxy) -> None:
        with running_faulty({"/f": CONTENT}) as server:
            assert read(lead(proxy, server)) == CONTENT

        assert proxy.asked[0].startswith(b"GET http://hub.example.invalid/f HTTP/1.1")
        assert len(proxy.asked) == 1

    @pytest.mark.parametrize(
        "location", [METADATA, "http://127.0.0.1/", "http://10.0.0.1/", "http://0x7f.1/"]
    )
    def test_a_redirect_into_the_network_around_us_is_refused_before_the_proxy_is_asked(
        self, proxy: Proxy, location: str
    ) -> None:
        with running_faulty({"/f": CONTENT}) as server:
            origin = lead(proxy, server)
            server.fault("/f", RedirectTo(location))

            with pytest.raises(ReadError, match="refused"):
                read(origin)

        assert len(proxy.asked) == 1

    def test_a_host_that_no_proxy_names_is_asked_itself(
        self, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with running_faulty({"/f": CONTENT}) as server:
            assert read(server.origin) == CONTENT
        assert proxy.asked == []

    @pytest.mark.parametrize("refusal", [b"407 Proxy Authentication Required", b"403 Forbidden"])
    def test_a_proxy_that_refuses_is_said_at_once(self, proxy: Proxy, refusal: bytes) -> None:
        proxy.refusal = refusal

        with pytest.raises(
            ReadError, match=f"the proxy refuses to connect to {HUB}: {refusal.decode()}"
        ):
            read(f"https://{HUB}")
        assert len(proxy.asked) == 1

    def test_a_proxy_that_is_not_one_is_said_without_its_password(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "ftp://user:secret@proxy.example.invalid")

        with pytest.raises(ReadError, match="proxy that HTTPS_PROXY") as caught:
            read(f"https://{HUB}")
        assert "secret" not in str(caught.value)


class TestCertificates:
    """Verification is always on; the user says whom to believe."""

    def test_an_unknown_authority_is_refused_with_what_to_do(
        self, proxy: Proxy, secure: FaultyServer
    ) -> None:
        with pytest.raises(
            ReadError, match=r"certificate of hub\.example\.invalid is not believed.*--ca-bundle"
        ):
            read(lead(proxy, secure))
        assert secure.requests == []
        assert len(proxy.asked) == 1

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_a_file_that_the_environment_names_is_believed(
        self,
        proxy: Proxy,
        secure: FaultyServer,
        authority: Authority,
        monkeypatch: pytest.MonkeyPatch,
        variable: str,
    ) -> None:
        monkeypatch.setenv(variable, str(authority.bundle))

        assert read(lead(proxy, secure)) == CONTENT

    def test_a_folder_that_the_environment_names_is_believed(
        self,
        proxy: Proxy,
        secure: FaultyServer,
        authority: Authority,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder))

        assert read(lead(proxy, secure)) == CONTENT

    def test_the_name_in_the_certificate_counts_too(
        self, secure: FaultyServer, authority: Authority
    ) -> None:
        with pytest.raises(ReadError, match=r"certificate of 127\.0\.0\.1 is not believed"):
            read(secure.origin, HttpSettings(ca_bundle=authority.bundle))

    def test_a_file_without_certificates_is_a_usage_error(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("no certificates here")

        with pytest.raises(UsageError, match=r"--ca-bundle names .*holds no certificates"):
            HttpClient(
                "https://hub.example.invalid", settings=HttpSettings(ca_bundle=tmp_path / "ca.pem")
            )

    def test_a_missing_file_is_a_usage_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")

        with pytest.raises(UsageError, match=r"SSL_CERT_FILE names '/nowhere/ca.pem'.*No such file"):
            HttpClient("https://hub.example.invalid")
