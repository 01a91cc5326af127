"""Audit many small artifacts on a local S3, kill it with `kill -9`, go on, and audit again.

    WEIGHBRIDGE_SERVERS=FOLDER python bench/audit/run.py [-n 20000] [--kills 5] [-o bench/audit.md]

FOLDER is what `tests/servers/build.py FOLDER` has installed. A bucket gets N objects in N/10 models.
It is audited once in peace; once with kills at moments spread over the run, each followed by a new
start; and once more when nothing has changed. The rows of both stores must be the same, one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.audit.stores import EVIL, environment, rows_of  # noqa: E402
from tests.servers.moto import CREDENTIALS, put, running_moto  # noqa: E402

from weighbridge.fetchers.interface import FetchSettings  # noqa: E402
from weighbridge.fetchers.registry import fetch  # noqa: E402

_TARGET = "s3://bench/models"
_EVIL_MODEL = 50
"""Every so many models, one holds a pickle that runs a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One audit that came to its end."""

    seconds: float
    rss_mb: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one benchmark gave."""

    files: int
    first: Timed
    second: Timed
    kills: int
    killed_s: float
    listing_s: float
    is_same: bool
    store_mb: float


def objects(count: int) -> dict[str, bytes]:
    """Make N small artifacts, all different: for each model what lies beside its weights."""
    found: dict[str, bytes] = {}
    for model in range(count // 10):
        folder = f"models/team{model // 100:03}/m{model:06}"
        found.update((f"{folder}/{name}", data) for name, data in model_files(model))
    return found


def model_files(model: int) -> Iterator[tuple[str, bytes]]:
    """Yield ten files, 1 to 25 kB each; one model in fifty has a pickle that runs a command."""
    labels = {"model_type": "bert", "run": model, "labels": _words(model, 100)}
    yield "config.json", json.dumps(labels).encode()
    vocabulary = {word: index for index, word in enumerate(_words(model, 1500))}
    yield "tokenizer.json", json.dumps({"version": "1.0", "model": {"vocab": vocabulary}}).encode()
    yield "README.md", f"# Model {model}\n\n{' '.join(_words(model, 400))}.\n".encode()
    yield "labels.txt", "\n".join(_words(model, 600)).encode()
    lines = (f"    {word} = {index}" for index, word in enumerate(_words(model, 60)))
    yield "features.py", "\n".join([f"class Features{model}:", *lines, ""]).encode()
    for part in range(5):
        body = numbers_pickle(model * 5 + part)
        is_evil = part == 3 and model % _EVIL_MODEL == 0
        yield f"stage{part}.pkl", (EVIL if is_evil else b"") + body


def _words(seed: int, count: int) -> list[str]:
    return [f"w{(seed * 7919 + index * 104_729) % 1_000_003:x}" for index in range(count)]


def numbers_pickle(seed: int) -> bytes:
    """Return a pickle of a list of 1,000 floats, written opcode by opcode."""
    floats = (struct.pack(">d", (seed * 31 + index) / 7) for index in range(1000))
    return b"\x80\x02](" + b"".join(b"G" + one for one in floats) + b"e."


def command(store: Path) -> list[str]:
    return [sys.executable, "-m", "weighbridge", "audit", "run", _TARGET, "--store", str(store)]


def timed(store: Path, settings: Mapping[str, str]) -> Timed:
    """Audit to the end.

    Raises:
        SystemExit: the audit ended otherwise than with the verdict that these objects deserve.
    """
    started = time.monotonic()
    audit = subprocess.Popen(
        command(store), env=dict(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak_kb = 0
    while audit.poll() is None:
        peak_kb = max(peak_kb, _peak_kb(audit.pid))
        time.sleep(0.1)
    said, troubles = audit.communicate()
    seconds = time.monotonic() - started
    if audit.returncode != 1 or not said.startswith("FAIL"):
        sys.exit(f"exit {audit.returncode}: {said}{troubles}")
    return Timed(seconds=seconds, rss_mb=peak_kb / 1000, said=said.splitlines()[1])


def _peak_kb(process: int) -> int:
    """Largest resident size so far; getrusage would count what this process held when it forked."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def scanned(store: Path) -> int:
    """How many artifacts have a result."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(store, timeout=30)) as database:
        statement = "SELECT COUNT(*) FROM scan WHERE state = 'done' AND kind = 'artifact'"
        return int(database.execute(statement).fetchone()[0])
    return 0


def killed(store: Path, settings: Mapping[str, str], *, files: int, kills: int) -> int:
    """Start and kill audits; return how many were alive when they were killed."""
    alive = 0
    for number in range(1, kills + 1):
        audit = subprocess.Popen(
            command(store),
            env=dict(settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while audit.poll() is None and scanned(store) < number * files // (kills + 1):
            time.sleep(0.05)
        alive += audit.poll() is None
        with suppress(ProcessLookupError):
            os.killpg(audit.pid, signal.SIGKILL)
        audit.wait()
    return alive


def listed(settings: Mapping[str, str]) -> float:
    """Return how long the server takes to list the bucket, with nothing done with what it lists."""
    os.environ.update(settings)
    started = time.monotonic()
    with closing(fetch(_TARGET, FetchSettings(max_files=10**9))) as fetched:
        for _ in fetched.items:
            pass
    return time.monotonic() - started


def measure(files: int, kills: int, folder: Path) -> Figures:
    """Run the three audits."""
    with running_moto(folder) as endpoint:
        put(endpoint, "bench", objects(files))
        settings = environment({**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint})
        peaceful, troubled = folder / "peaceful.db", folder / "troubled.db"
        first = timed(peaceful, settings)
        started = time.monotonic()
        alive = killed(troubled, settings, files=files, kills=kills)
        timed(troubled, settings)
        killed_s = time.monotonic() - started
        second = timed(troubled, settings)
        listing_s = listed(settings)
    return Figures(
        files=files,
        first=first,
        second=second,
        kills=alive,
        killed_s=killed_s,
        listing_s=listing_s,
        is_same=rows_of(peaceful) == rows_of(troubled),
        store_mb=troubled.stat().st_size / 1e6,
    )


def _beyond(audit: Timed, figures: Figures) -> float:
    return max(0.1, audit.seconds - figures.listing_s)


def table(figures: Figures, typed: str) -> str:
    """Return the page."""
    first, second = figures.first, figures.second
    rows = (
        ("first audit", f"{first.seconds:.1f} s", first.said),
        (
            f"killed {figures.kills} times, each time started again",
            f"{figures.killed_s:.1f} s",
            f"rows the same as in peace: {'yes' if figures.is_same else 'NO'}",
        ),
        ("second audit", f"{second.seconds:.1f} s", second.said),
        ("of it, the listing", f"{figures.listing_s:.1f} s", "the same pages asked for alone"),
        ("second against first", f"{first.seconds / second.seconds:.0f} times", "wall clock"),
        (
            "the same beyond the listing",
            f"{_beyond(first, figures) / _beyond(second, figures):.0f} times",
            "what is left when the time of the listing is taken from both",
        ),
        (
            "memory of the audit",
            f"{first.rss_mb:.0f} MB",
            "the audit's own process; each worker takes about 40 MB",
        ),
        ("store", f"{figures.store_mb:.0f} MB", f"{figures.files:,} locations"),
    )
    lines = [f"| {what} | {figure} | {words} |" for what, figure, words in rows]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    return "\n".join(
        [
            "## Audit",
            "",
            f"`{typed}` on {machine}: {figures.files:,} small objects in "
            f"{figures.files // 10:,} models on a local S3 (moto, one process on the same machine).",
            "",
            "| | | |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--files", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(asked.files, asked.kills, Path(folder))
    text = table(figures, f"python bench/audit/run.py -n {asked.files} --kills {asked.kills}")
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")
    if not figures.is_same or figures.kills != asked.kills:
        sys.exit("the audits do not agree, or one ended before it was killed")


if __name__ == "__main__":
    main()
