"""`weighbridge pull`: a target in, and on disk only when the policy lets it pass."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.outputs import FORMATS, plan_outputs, write_outputs
from weighbridge.cli.progress import Watcher, progress
from weighbridge.cli.running import told
from weighbridge.cli.scan_options import PolicyOptions, policy_options, scan_options
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import GateClosed, UsageError
from weighbridge.knowledge.signatures import Signatures

if TYPE_CHECKING:
    from weighbridge.pull.destination import Destination
    from weighbridge.pull.pulling import Pulled, PullRequest


@click.command(short_help="Download a target if it passes.")
@click.argument("target", metavar="TARGET")
@click.argument("folder", required=False, metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--hf-cache", is_flag=True, help="Put it where from_pretrained finds it, in place of a DIR."
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The cache for --hf-cache. Default: $HF_HUB_CACHE, else $HF_HOME/hub.",
)
@click.option("--include", multiple=True, metavar="PATTERN", help="Only files that match one of these.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="No files that match one of these.")
@click.option("--update", is_flag=True, help="DIR holds an older pull of this target: exchange it.")
@click.option("-f", "--format", "formats", multiple=True, type=click.Choice(FORMATS))
@click.option(
    "-o", "--output", "outputs", multiple=True, type=click.Path(dir_okay=False), metavar="FILE"
)
@policy_options
@scan_options
@click.option("-v", "--verbose", is_flag=True, help="Also show low and info findings.")
def command(
    *,
    target: str,
    folder: Path | None,
    hf_cache: bool,
    cache: Path | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    update: bool,
    formats: tuple[str, ...],
    outputs: tuple[str, ...],
    verbose: bool,
    policy: PolicyOptions,
    settings: ScanSettings,
) -> None:
    """Scan TARGET, and download it into DIR only if the policy lets it pass.

    It is scanned by range first, then brought into a quarantine beside DIR, checked against the digests
    of its registry, scanned again in full, and moved into place in one step, with a weighbridge.lock.

    Exit codes: 0 in place, 1 the policy fails it, 2 it can't be done, 3 not all of it could be read.
    """
    from weighbridge.pull.pulling import PullRequest, pull
    from weighbridge.pull.selection import Selection

    planned = plan_outputs(formats, outputs)
    signatures = Signatures.installed()
    request = PullRequest(
        target=target,
        destination=_destination(target, folder, cache, hf_cache=hf_cache, update=update),
        policy=policy.load(signatures, [target]),
        scan=settings,
        selection=Selection(include=include or None, exclude=exclude),
    )

    try:
        with progress(sys.stderr) as watcher:
            pulled = pull(_watched(request, watcher), signatures)
    except GateClosed as closed:
        if closed.report is not None and closed.decision is not None:
            write_outputs(told(closed.report, closed.decision, signatures), planned, verbose=verbose)
        raise
    write_outputs(told(pulled.report, pulled.decision, signatures), planned, verbose=verbose)
    is_printed = any(output.file is None and output.format != "human" for output in planned)
    click.echo(_words(pulled), nl=False, err=is_printed)


def _watched(request: PullRequest, watcher: Watcher) -> PullRequest:
    fetch = replace(request.scan.fetch, on_wait=watcher.waiting)
    scan = replace(request.scan, progress=watcher.advance, fetch=fetch)
    return replace(request, scan=scan, brought=watcher.brought)


def _destination(
    target: str, folder: Path | None, cache: Path | None, *, hf_cache: bool, update: bool
) -> Destination:
    from weighbridge.pull.folder import FolderDestination
    from weighbridge.pull.hub_cache import HubCacheDestination

    if hf_cache or cache is not None:
        if folder is not None or update:
            raise UsageError("--hf-cache and --cache take the place of DIR and --update; give one")
        return HubCacheDestination(target, cache)
    if folder is None:
        raise UsageError("say where to put it: weighbridge pull TARGET DIR, or --hf-cache")
    return FolderDestination(folder, update=update)


def _words(pulled: Pulled) -> str:
    from weighbridge.pull.pulled_text import render

    return "\n" + render(pulled)
