"""Ask fickling about each file of a folder in one process: its command line takes one file and no zip.

    FICKLING_PYTHON bench/callables/fickling_folder.py FOLDER OUT.json

A torch zip is opened here and its `data.pkl` handed over, which its command line would not do.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

from fickling.analysis import check_safety
from fickling.fickle import Pickled


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    said = {file.name: judge(file) for file in sorted(folder.iterdir())}
    out.write_text(json.dumps(said), encoding="utf-8")


def judge(file: Path) -> str:
    try:
        return check_safety(Pickled.load(io.BytesIO(pickle_of(file)))).severity.name
    except Exception:  # it raises whatever comes up
        return "ERROR"


def pickle_of(file: Path) -> bytes:
    if not zipfile.is_zipfile(file):
        return file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


if __name__ == "__main__":
    main()
