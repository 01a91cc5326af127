"""Write real models with frameworks that don't fit into one environment, or into a quick test.

    python tests/zoo/build.py FOLDER [GROUP...]

A group is a folder beside this file:

    requirements.txt   what its writer needs; installed into FOLDER/.venv/GROUP, which goes when
                       the models are written: together these environments take 17 GB
    write.py           `python write.py FOLDER/GROUP`: writes benign models, one file or folder each;
                       what can't be written here goes into FOLDER/GROUP.skipped: what, and why
    incomplete.toml    optional: a glob of files that may end as INCOMPLETE = the reason

A group that is already there, written by the same two files, is left as it is: FOLDER is a cache.
`test_zoo.py` scans what is there.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
_SHOWN = 4000


def groups() -> list[str]:
    """Return the names of all groups."""
    return sorted(path.parent.name for path in HERE.glob("*/write.py"))


def build(folder: Path, group: str) -> bool:
    """Write one group; return False when it was there already.

    What pip and the writer say goes into FOLDER/GROUP.log.

    Raises:
        SystemExit: pip or the writer failed; with the end of the log.
    """
    recipe = HERE / group
    digest = hashlib.sha256()
    for name in ("requirements.txt", "write.py"):
        digest.update((recipe / name).read_bytes())
    stamp = folder / f"{group}.stamp"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest.hexdigest():
        return False
    environment = folder / ".venv" / group
    venv.EnvBuilder(with_pip=True, clear=True).create(environment)
    python = environment / "bin" / "python"
    log = folder / f"{group}.log"
    log.unlink(missing_ok=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "-r", str(recipe / "requirements.txt")], folder, log)
    target = folder / group
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _run([str(python), str(recipe / "write.py"), str(target)], folder, log)
    shutil.rmtree(environment)
    stamp.write_text(digest.hexdigest(), encoding="ascii")
    return True


def _run(command: list[str], folder: Path, log: Path) -> None:
    with log.open("a", encoding="utf-8") as file:
        done = subprocess.run(command, check=False, cwd=folder, stdout=file, stderr=file)
    if done.returncode:
        said = log.read_text(encoding="utf-8", errors="replace")[-_SHOWN:]
        sys.exit(f"{said}\nexit {done.returncode}: {' '.join(command)}")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for group in sys.argv[2:] or groups():
        print(f"{group}: {'written' if build(folder, group) else 'as it was'}", flush=True)


if __name__ == "__main__":
    main()
