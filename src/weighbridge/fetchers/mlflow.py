"""Models, runs and artifacts of an MLflow server, read where they are: listed, then byte ranges only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from weighbridge.bytesource.http_settings import TrafficCounter
from weighbridge.core.artifact import Origin
from weighbridge.core.report import Traffic
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.mlflow_servers import (
    MlflowServer,
    MlflowServers,
    extra_certificates,
    server_of_authority,
    servers_of_environment,
)
from weighbridge.fetchers.mlflow_target import (
    SCHEMES,
    ArtifactsTarget,
    MlflowTarget,
    parse_mlflow_target,
)

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import HttpClient
    from weighbridge.fetchers.mlflow_api import MlflowApi
    from weighbridge.fetchers.mlflow_lookup import Found, Lookup, Place
    from weighbridge.fetchers.mlflow_places import Served


class MlflowFetcher:
    """`models:/…`, `runs:/…` and `mlflow-artifacts:/…`."""

    def accepts(self, target: str) -> bool:
        return target.startswith(SCHEMES)

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Pin an alias or a stage to a version, find where its bytes are, and list them.

        Raises:
            UsageError: the target is spelt wrong, or no server is named.
            TargetError: not found, refused, unreachable, or a place that we do not go to.
        """
        parsed = parse_mlflow_target(target)
        connection = MlflowConnection.to(servers_of(parsed), settings)
        try:
            return _fetched(connection.lookup.find(parsed), connection, settings)
        except BaseException:
            connection.close()
            raise


def servers_of(target: MlflowTarget) -> MlflowServers:
    """Return the servers that a target is about.

    Raises:
        UsageError: the environment names none.
    """
    if isinstance(target, ArtifactsTarget) and target.authority is not None:
        server = server_of_authority(target.authority)
        return MlflowServers(tracking=server, registry=server)
    return servers_of_environment()


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowConnection:
    """Clients of both servers; one and the same when they are one."""

    servers: MlflowServers
    tracking: HttpClient
    registry: HttpClient
    api: MlflowApi
    lookup: Lookup
    traffic: TrafficCounter

    @classmethod
    def to(cls, servers: MlflowServers, settings: FetchSettings) -> MlflowConnection:
        """Make the clients; nothing is asked yet."""
        from weighbridge.fetchers.mlflow_api import MlflowApi
        from weighbridge.fetchers.mlflow_lookup import Lookup

        traffic = TrafficCounter()
        tracking = _client(servers.tracking, settings, traffic)
        is_one = servers.registry == servers.tracking
        registry = tracking if is_one else _client(servers.registry, settings, traffic)
        api = MlflowApi(
            registry,
            servers.registry.url,
            tracking=tracking,
            tracking_url=servers.tracking.url,
        )
        return cls(
            servers=servers,
            tracking=tracking,
            registry=registry,
            api=api,
            lookup=Lookup(api, servers),
            traffic=traffic,
        )

    def close(self) -> None:
        self.tracking.close()
        self.registry.close()


def _client(server: MlflowServer, settings: FetchSettings, traffic: TrafficCounter) -> HttpClient:
    from weighbridge.bytesource.http_client import HttpClient

    certificates = extra_certificates()
    http = settings.http
    if certificates is not None:
        http = replace(http, ca_bundle=certificates)
    return HttpClient(
        server.url,
        credentials=lambda: server.secret,
        settings=http,
        traffic=traffic,
        on_wait=settings.on_wait,
        user_agent=f"weighbridge/{VERSION}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one place holds."""

    items: Iterator[Entry | Problem]
    traffic: TrafficCounter | None = None
    close: Callable[[], None] | None = None


def _fetched(found: Found, connection: MlflowConnection, settings: FetchSettings) -> Fetched:
    parts: list[_Part] = []
    for place in found.places:
        # Files of a second place can bear the names of those of the first.
        prefix = f"logged-model-{len(parts)}/" if parts else ""
        part = _part(place, found.name, connection, settings=settings, prefix=prefix)
        if part is not None:
            parts.append(part)
    if not parts:
        raise TargetNotFound(
            f"There is nothing at {found.name}: {connection.servers.tracking.url} lists no files there"
        )
    return Fetched(
        display_name=found.name,
        origin=Origin(
            kind="mlflow",
            location=found.name,
            revision=found.revision,
            facts={"server": connection.servers.registry.url, **found.facts},
        ),
        items=_bounded(chain.from_iterable(part.items for part in parts), settings.max_files),
        traffic=_Together((connection.traffic, *(one.traffic for one in parts if one.traffic))),
        close=partial(_close, (connection.close, *(one.close for one in parts if one.close))),
    )


def _part(
    place: Place, shown: str, connection: MlflowConnection, *, settings: FetchSettings, prefix: str
) -> _Part | None:
    from weighbridge.fetchers.mlflow_places import Served

    if isinstance(place, Served):
        items = _served(place, shown, connection, prefix)
        return _Part(items=items) if items is not None else None
    from weighbridge.fetchers.registry import fetch

    try:
        stored = fetch(place.target, settings)
    except UsageError as error:
        # The registry has spelt it, not the user.
        raise TargetUnavailable(f"The registry says where {shown} lies, but {error}") from error
    items = (replace(item, name=f"{prefix}{item.name}") for item in stored.items)
    return _Part(items=items, traffic=stored.traffic, close=stored.close)


def _served(
    place: Served, shown: str, connection: MlflowConnection, prefix: str
) -> Iterator[Entry | Problem] | None:
    """List a folder, or take a file; None when the server knows neither."""
    from weighbridge.fetchers.mlflow_api import ArtifactApi
    from weighbridge.fetchers.mlflow_artifacts import ArtifactFolder, single_file
    from weighbridge.fetchers.mlflow_errors import target_error
    from weighbridge.fetchers.mlflow_source import ServedFiles

    server = connection.servers.tracking
    if place.url is not None:
        server = _elsewhere(place.url, shown, server)
    files = ServedFiles(ArtifactApi(connection.tracking, server.url))
    try:
        rows = files.api.listing(place.path)
        if rows:
            return ArtifactFolder(files=files, path=place.path, rows=rows, prefix=prefix).items()
        entry = single_file(files, place.path, prefix)
    except ReadError as error:
        raise target_error(error, shown, server) from error
    return iter((entry,)) if entry is not None else None


def _elsewhere(url: str, shown: str, tracking: MlflowServer) -> MlflowServer:
    """Hold an address that the registry names against the rules for redirects, before anything is sent.

    Raises:
        TargetUnavailable: it leads where a redirect of the tracking server might not lead.
    """
    import httpx

    from weighbridge.bytesource.http_redirect import RedirectPolicy

    try:
        RedirectPolicy(tracking.url).next_url(httpx.URL(tracking.url), url)
    except ReadError as error:
        raise TargetUnavailable(
            f"Not followed: the registry says that {shown} lies at {url[:200]!r}. "
            f"To us that is as if {tracking.url} had redirected there: {error}"
        ) from error
    return MlflowServer(url=url)


def _bounded(items: Iterator[Entry | Problem], max_files: int) -> Iterator[Entry | Problem]:
    for count, item in enumerate(items):
        if count == max_files:
            detail = f"the target has more than {max_files:,} files; the rest was not looked at"
            yield Problem(name="...", kind=ProblemKind.TOO_MANY_FILES, detail=detail)
            return
        yield item


class _Together(TrafficCounter):
    """Counts of several clients, as one."""

    def __init__(self, counters: Sequence[TrafficCounter]) -> None:
        super().__init__()
        self._counters = counters

    def snapshot(self) -> Traffic:
        found = [super().snapshot(), *(one.snapshot() for one in self._counters)]
        return Traffic(
            requests=sum(one.requests for one in found),
            bytes_received=sum(one.bytes_received for one in found),
        )


def _close(closers: Sequence[Callable[[], None]]) -> None:
    for close in closers:
        close()
