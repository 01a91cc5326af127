"""The kinds of target that we can fetch, by what they are spelt with."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from weighbridge.core.address import shown_address
from weighbridge.errors import TargetUnavailable, UsageError
from weighbridge.fetchers.interface import Fetched, Fetcher, FetchSettings

_BY_SCHEME = {
    "s3": ("objectstore", "ObjectStoreFetcher"),
    "gs": ("objectstore", "ObjectStoreFetcher"),
    "az": ("objectstore", "ObjectStoreFetcher"),
    "oci": ("oci.fetcher", "OciFetcher"),
    "oci+http": ("oci.fetcher", "OciFetcher"),
    "ollama": ("oci.ollama", "OllamaFetcher"),
    "models": ("mlflow", "MlflowFetcher"),
    "runs": ("mlflow", "MlflowFetcher"),
    "mlflow-artifacts": ("mlflow", "MlflowFetcher"),
    "git+https": ("git", "GitFetcher"),
    "git+http": ("git", "GitFetcher"),
    "git+file": ("git", "GitFetcher"),
    "git+ssh": ("git", "GitFetcher"),
    "github": ("github", "GithubReleaseFetcher"),
    "dvc": ("dvc", "DvcFetcher"),
    "pypi": ("pypi", "PypiFetcher"),
    "modelscope": ("modelscope", "ModelScopeFetcher"),
    "kaggle": ("kaggle", "KaggleFetcher"),
    "wandb": ("wandb", "WandbFetcher"),
    "jfrog": ("jfrog", "JfrogFetcher"),
    "jfrog-generic": ("jfrog", "JfrogFetcher"),
    "ngc": ("ngc", "NgcFetcher"),
}
"""Scheme -> module in this package, and the class in it. Imported when a target needs it."""

_WEB = (
    ("huggingface", "HuggingFaceFetcher"),
    ("github", "GithubReleaseFetcher"),
    ("web", "WebFetcher"),
)
"""In this order for `hf:`, `https:` and `http:`; an address of the hub is a repository first."""


def _load(home: tuple[str, str]) -> Fetcher:
    module, name = home
    fetcher: Fetcher = getattr(import_module(f"weighbridge.fetchers.{module}"), name)()
    return fetcher


def _fetchers(target: str) -> Iterator[Fetcher]:
    """Every fetcher that may take this, imported when it is asked: a local scan needs no HTTP client."""
    scheme, colon, rest = target.partition(":")
    if colon and scheme in _BY_SCHEME and rest.startswith("/"):
        yield _load(_BY_SCHEME[scheme])
    elif "://" in target:
        yield from map(_load, _WEB)
    from weighbridge.fetchers.local import LocalFetcher

    yield LocalFetcher()


def resolve(target: str) -> Fetcher:
    """Return the fetcher of a target.

    Raises:
        UsageError: nothing fetches such a target.
    """
    for fetcher in _fetchers(target):
        if fetcher.accepts(target):
            return fetcher
    raise UsageError(
        f"can't fetch {shown_address(target)[:200]!r}: give a path, hf://org/name, an https:// address, "
        f"or one that begins with {', '.join(f'{scheme}:' for scheme in _BY_SCHEME)}"
    )


def fetch(target: str, settings: FetchSettings) -> Fetched:
    """Reach a target and list it, whatever it is.

    Raises:
        UsageError: nothing fetches such a target, or it is spelt wrong.
        TargetError: it can't be reached at all; or it is not on this machine, and the user wants
            nothing else to be asked.
    """
    fetcher = resolve(target)
    if settings.is_offline and not fetcher.is_local(target):
        raise TargetUnavailable(
            f"{shown_address(target)[:200]!r} is not on this machine, and --offline "
            "(or WEIGHBRIDGE_OFFLINE) is set"
        )
    return fetcher.fetch(target, settings)
