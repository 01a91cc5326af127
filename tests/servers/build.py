"""Install the servers that tests talk to, outside of the environment that tests run in.

    python tests/servers/build.py FOLDER

FOLDER/venv gets what comes from PyPI, FOLDER/npm what comes from npm. The Debian packages in
`DEBIAN` are looked for, and installed when they are missing and this user may do that. Tests find
FOLDER through WEIGHBRIDGE_SERVERS; `tests/servers/programs.py` is the way in.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
NPM = ("azurite@3.37.0",)
DEBIAN = {
    "docker-registry": "docker-registry",
    "git": "git",
    "git-lfs": "git-lfs",
    "chromium": "chromium",
}
"""Package -> the program that it brings."""
_SHOWN = 4000


def build(folder: Path) -> None:
    """Install everything; what is there already, from the same lists, is left as it is.

    Raises:
        SystemExit: an installer failed; with the end of what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "stamp"
    lists = (HERE / "requirements.txt").read_bytes() + repr(NPM).encode()
    digest = hashlib.sha256(lists).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != digest:
        _install_python(folder / "venv")
        _run(["npm", "install", "--prefix", str(folder / "npm"), "--no-fund", "--no-audit", *NPM])
        stamp.write_text(digest, encoding="ascii")
    missing = [package for package, program in DEBIAN.items() if shutil.which(program) is None]
    if missing:
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        _run([*as_root, "apt-get", "update", "-q"])
        _run([*as_root, "apt-get", "install", "-y", "--no-install-recommends", *missing])


def _install_python(environment: Path) -> None:
    venv.EnvBuilder(with_pip=True, clear=True).create(environment)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    _run([*pip, "--disable-pip-version-check", "-r", str(HERE / "requirements.txt")])


def _run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{(done.stdout + done.stderr)[-_SHOWN:]}\nexit {done.returncode}: {' '.join(command)}")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(Path(sys.argv[1]).resolve())


if __name__ == "__main__":
    main()
