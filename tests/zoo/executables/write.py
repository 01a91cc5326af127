"""Write what honest projects ship beside models: libraries, caches, scripts, figures, reports.

python write.py FOLDER
"""

from __future__ import annotations

import py_compile
import shutil
import sys
import sysconfig
import venv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import docx
import fpdf
import jpype
import matplotlib.pyplot as plt
import openpyxl
import pptx
import wasmtime
import xlwt
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

STDLIB = Path(sysconfig.get_path("stdlib"))
SITE = Path(sysconfig.get_path("purelib"))
MODULES = (
    *(
        "subprocess",
        "socket",
        "ssl",
        "pickle",
        "base64",
        "ctypes.util",
        "code",
        "pdb",
        "runpy",
        "smtplib",
        "webbrowser",
    ),
    *(
        "urllib.request",
        "http.server",
        "shutil",
        "tarfile",
        "zipfile",
        "site",
        "platform",
        "getpass",
        "netrc",
        "pty",
    ),
    *(
        "multiprocessing.forkserver",
        "multiprocessing.resource_sharer",
        "asyncio.subprocess",
        "logging.config",
        "timeit",
    ),
)
PACKAGES = (
    "numpy",
    "matplotlib",
    "reportlab",
    "docx",
    "openpyxl",
    "fpdf",
    "py4j",
    "jpype",
    "pip",
    "xlwt",
)
WAT = """(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
 (memory (export "memory") 1) (func (export "add") (param i32 i32) (result i32)
 local.get 0 local.get 1 i32.add))"""


def main(folder: Path) -> None:
    for write in (native, bytecode, sources, shells, figures, reports, tables):
        target = folder / write.__name__
        target.mkdir()
        write(target)


def native(folder: Path) -> None:
    for path in sorted(SITE.glob("numpy/**/*.so"))[:12] + sorted(SITE.glob("matplotlib/*.so"))[:4]:
        shutil.copy(path, folder / path.name)
    shutil.copy(Path(sys.executable).resolve(), folder / "python3")
    shared = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDLIBRARY") or "")
    if shared.is_file():
        shutil.copy(shared, folder / shared.name)
    for path in sorted((STDLIB / "lib-dynload").glob("*.so")):
        shutil.copy(path, folder / path.name)
    for path in sorted(SITE.glob("pip/_vendor/distlib/*.exe")):
        shutil.copy(path, folder / path.name)


def bytecode(folder: Path) -> None:
    for name in MODULES:
        source = _source(name)
        cache = folder / "__pycache__" / f"{name}.cpython.pyc"
        py_compile.compile(str(source), cfile=str(cache), dfile=f"{name}.py", doraise=True)
    (folder / "add.wasm").write_bytes(wasmtime.wat2wasm(WAT))
    jars = [*Path(jpype.__file__).parents[1].glob("*.jar"), *Path(sys.prefix).glob("share/py4j/*.jar")]
    for path in jars:
        shutil.copy(path, folder / path.name)


def _source(name: str) -> Path:
    """A module of the standard library."""
    return STDLIB.joinpath(*name.split(".")).with_suffix(".py")


def sources(folder: Path) -> None:
    for package in PACKAGES:
        for path in sorted((SITE / package).rglob("*.py")):
            target = folder / path.relative_to(SITE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for name in MODULES:
        shutil.copy(_source(name), folder / f"{name}.py")


def shells(folder: Path) -> None:
    venv.EnvBuilder(with_pip=False).create(folder / "environment")
    for path in sorted((folder / "environment").rglob("*")):
        if path.is_symlink() and not path.is_dir():
            path.unlink()
    for path in sorted(STDLIB.glob("config-*/*")):
        if path.name in ("Makefile", "install-sh", "makesetup", "python-config.py"):
            shutil.copy(path, folder / path.name)
    (folder / "train.sh").write_text(
        "#!/usr/bin/env bash\nset -euo pipefail\npip install -r requirements.txt\n"
        "wget -q https://example.invalid/data.tar.gz -O data.tar.gz\ntar xf data.tar.gz\n"
        'export HF_TOKEN="${HF_TOKEN:-}"\ntorchrun --nproc_per_node 8 train.py "$@" | tee train.log\n'
    )
    (folder / "Dockerfile").write_text(
        "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y git curl\n"
        'COPY . /app\nRUN pip install /app\nCMD ["python", "/app/serve.py"]\n'
    )


def figures(folder: Path) -> None:
    for number in range(3):
        figure, axes = plt.subplots(subplot_kw={"polar": number == 2})
        axes.plot([1, 2, 3], [3, number, 1], label="loss")
        axes.legend()
        axes.set_title("https://example.invalid/")
        for suffix in ("svg", "pdf", "png"):
            figure.savefig(folder / f"figure{number}.{suffix}", metadata=None)
        plt.close(figure)


def reports(folder: Path) -> None:
    page = canvas.Canvas(str(folder / "report.pdf"), pagesize=A4, invariant=1)
    page.drawString(72, 720, "A model")
    page.linkURL("https://example.invalid/", (72, 700, 200, 720))
    page.bookmarkPage("top")
    page.acroForm.textfield(name="name", x=72, y=600, width=200, height=20)
    page.showPage()
    page.save()
    sheet = fpdf.FPDF()
    sheet.add_page()
    sheet.set_font("helvetica", size=12)
    sheet.cell(text="An attachment comes with it", link="https://example.invalid/")
    attached = folder / "attached.csv"
    attached.write_text("a,b\n1,2\n")
    sheet.embed_file(attached)
    sheet.output(str(folder / "attachment.pdf"))
    locked = fpdf.FPDF()
    locked.set_encryption(owner_password="owner", user_password="user")
    locked.add_page()
    locked.output(str(folder / "locked.pdf"))
    text = docx.Document()
    text.add_heading("A model")
    text.add_paragraph("What it does. DDE is a word, cmd as well.")
    text.add_table(2, 2)
    text.part.relate_to(
        "https://example.invalid/",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink",
        is_external=True,
    )
    text.save(str(folder / "report.docx"))
    slides = pptx.Presentation()
    slides.slides.add_slide(slides.slide_layouts[0]).shapes.title.text = "A model"
    slides.save(str(folder / "report.pptx"))


def tables(folder: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["loss", 0.5, "=SUM(B1:B1)", '=HYPERLINK("https://example.invalid/","more")'])
    book.active["A2"].hyperlink = "https://example.invalid/"
    book.save(folder / "metrics.xlsx")
    old = xlwt.Workbook()
    old.add_sheet("metrics").write(0, 0, "loss")
    old.save(str(folder / "metrics.xls"))
    (folder / "model.pmml").write_text(
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"'
        ' xmlns:data="http://jpmml.org/jpmml-model/InlineTable">\n'
        '<Header><Application name="SkLearn2PMML package" version="0.133.1"/></Header>'
        '<MiningBuildTask><Extension name="repr">PMMLPipeline(steps=[(&apos;classifier&apos;, '
        "DecisionTreeClassifier(max_depth=3))])</Extension></MiningBuildTask><DataDictionary/></PMML>\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
