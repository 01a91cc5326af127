"""Download each library of `libraries.txt` and keep its Python source. Nothing is installed or run.

    python tools/capabilities/fetch.py SOURCES [NAME ...]

writes SOURCES/NAME/ (what the wheel, or the sdist where there is none, puts on the import path) and
SOURCES/NAME.origin (version, file name and SHA-256 of the archive). What is there is kept.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_LIST = Path(__file__).with_name("libraries.txt")
_WHEELS = ("--only-binary", ":all:", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64")
_OLDER = ("--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64")
_PLAIN = ("--platform", "any", "--platform", "linux_x86_64")


Library = tuple[str, tuple[str, ...]]


def libraries() -> tuple[list[Library], list[Library]]:
    """Return (name on the index, packages to read): those above the line, and those below it."""
    parts: tuple[list[Library], list[Library]] = ([], [])
    below = 0
    for line in _LIST.read_text(encoding="utf-8").split("\n"):
        if line == "---":
            below = 1
        elif line and not line.startswith("#"):
            name, *packages = line.split()
            parts[below].append((name, tuple(packages) or (name.replace("-", "_"),)))
    return parts


def fetch(name: str, sources: Path) -> str:
    """Fetch one library and return what was done, in words."""
    target = sources / name
    if target.is_dir():
        return "is there"
    with tempfile.TemporaryDirectory() as folder:
        archive = _download(name, folder)
        if archive is None:
            return "NOT FOUND: neither a wheel nor a source distribution"
        count = _unpack(archive, target)
        version = archive.name.removesuffix(".tar.gz").split("-")[1]
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        (sources / f"{name}.origin").write_text(f"{version} {archive.name} {digest}\n", encoding="utf-8")
        return f"{version}, {count} files"


def _download(name: str, folder: str) -> Path | None:
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
    wheel = [*pip, *_WHEELS, *_OLDER, *_PLAIN, "--implementation", "cp", name]
    if subprocess.run(wheel, check=False, stderr=subprocess.DEVNULL).returncode:
        # pip would run the build of a source distribution to learn its name: so no isolation of
        # ours can help, and the archive is taken from the index by its address instead.
        return _source_distribution(name, Path(folder))
    return next(iter(sorted(Path(folder).iterdir())), None)


def _source_distribution(name: str, folder: Path) -> Path | None:
    import httpx

    answer = httpx.get(f"https://pypi.org/pypi/{name}/json", follow_redirects=True)
    if answer.status_code != 200:
        return None
    for file in answer.json()["urls"]:
        if file["packagetype"] == "sdist" and file["filename"].endswith(".tar.gz"):
            path = folder / PurePosixPath(file["filename"]).name
            path.write_bytes(httpx.get(file["url"], follow_redirects=True).content)
            return path
    return None


def _unpack(archive: Path, target: Path) -> int:
    count = 0
    for name, data in _python_files(archive):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        count += 1
    return count


def _python_files(archive: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.infolist():
                if _is_wanted(member.filename):
                    yield PurePosixPath(member.filename), wheel.read(member)
        return
    with tarfile.open(archive) as sdist:
        for entry in sdist:
            inner = entry.name.partition("/")[2].removeprefix("src/").removeprefix("python/")
            reader = sdist.extractfile(entry) if entry.isfile() and _is_wanted(inner) else None
            if reader is not None:
                yield PurePosixPath(inner), reader.read()


def _is_wanted(name: str) -> bool:
    return name.endswith((".py", ".pyi")) and ".." not in PurePosixPath(name).parts


def main() -> None:
    """Fetch the libraries named, or all."""
    sources = Path(sys.argv[1])
    sources.mkdir(parents=True, exist_ok=True)
    wanted = set(sys.argv[2:])
    shared, alone = libraries()
    for name, _ in (*shared, *alone):
        if not wanted or name in wanted:
            print(f"{name}: {fetch(name, sources)}", flush=True)


if __name__ == "__main__":
    main()
