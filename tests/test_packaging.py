"""What users install: the signatures come along, the program runs far from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import weighbridge

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("src", "signatures", "samples", "tests", "pyproject.toml", "setup.py", "MANIFEST.in")
TEXTS = ("README.md", "LICENSE", "CHANGELOG.md")
LEFT_BEHIND = shutil.ignore_patterns("*.so", "*.c", "*.egg-info", "__pycache__", "out")


def _run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel built from it without a compiler."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in (*SOURCES, *TEXTS):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=LEFT_BEHIND)
        else:
            shutil.copy(source, checkout / name)
    folder = tmp_path_factory.mktemp("dist")
    done = _run(
        *(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)),
        cwd=checkout,
        CC="false",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _signatures() -> set[str]:
    folder = ROOT / "signatures"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_wheel_carries_every_signature(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    prefix = "weighbridge/signatures/"
    assert {name.removeprefix(prefix) for name in names if name.startswith(prefix)} == _signatures()


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    metadata = f"weighbridge-{weighbridge.__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"weighbridge", metadata}
    needed = {
        "weighbridge/py.typed",
        *(f"weighbridge/reporters/assets/report.{end}" for end in ("css", "js")),
    }
    assert needed - set(names) == set()
    assert [name for name in names if name.endswith((".c", ".so"))] == []


@pytest.mark.slow
def test_the_source_distribution_can_build_and_test(distributions: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers()}
    assert {f"signatures/{name}" for name in _signatures()} <= names
    needed = {
        "LICENSE",
        "setup.py",
        "samples/build.py",
        "src/weighbridge/formats/pickle/machine.pxd",
        "tests/test_packaging.py",
    }
    assert needed <= names
    assert [name for name in names if name.endswith((".so", ".pyc"))] == []


@pytest.mark.slow
def test_a_wheel_built_without_a_compiler_scans_from_anywhere(
    distributions: Path, tmp_path: Path
) -> None:
    (wheel,) = distributions.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    build = _run(sys.executable, str(ROOT / "samples" / "build.py"), str(tmp_path / "out"), cwd=tmp_path)
    assert build.returncode == 0, build.stderr

    codes = {
        name: _run(
            *(sys.executable, "-m", "weighbridge", "scan", str(tmp_path / "out" / "demo" / name)),
            cwd=tmp_path,
            PYTHONPATH=str(site),
        ).returncode
        for name in ("sentiment.pt", "sentiment-clean.pt", "sentiment.safetensors")
    }

    assert codes == {"sentiment.pt": 1, "sentiment-clean.pt": 0, "sentiment.safetensors": 0}


def test_what_scanning_needs_holds_no_machine_learning_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {requirement.split(">")[0].split("=")[0].strip() for requirement in project["dependencies"]}
    assert "click" in names
    assert names & {"torch", "tensorflow", "scikit-learn", "keras", "transformers", "xgboost"} == set()
