"""Requirements, projects, lock files, wheels: names, versions, addresses, and what installing runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.packaging import _wheel as wheel

from tests.analyzers.config_events import context
from tests.analyzers.executable_events import findings, rules
from weighbridge.analyzers.repository.packaging import judge
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.repository import Repository, RepositoryFile
from weighbridge.formats.packaging.install_command import installed_by
from weighbridge.formats.packaging.requirements import LineKind, parse_line, parse_requirements
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.packages import (
    Resemblance,
    flaws,
    is_known_installer,
    known_bad,
    normalised,
    popular,
    release,
    resembles,
)

HOST = "https://example.invalid"
QUIET = {"PKG006", "PKG007", "PKG016"}


def told(name: str, text: str) -> set[str]:
    return rules(name, text) - QUIET


def whole(files: Mapping[str, bytes | str]) -> list[Finding]:
    """What the judge of the target as a whole says."""
    data = {name: one.encode() if isinstance(one, str) else one for name, one in files.items()}
    repository = Repository(
        target="x",
        origin=Origin(kind="local", location="/x"),
        files={name: RepositoryFile(name=name, size_bytes=len(one)) for name, one in data.items()},
        source_of=lambda name: MemorySource(data[name]),
    )
    return [one for one in judge(RepositoryView(repository), context()) if isinstance(one, Finding)]


@pytest.mark.parametrize(
    ("text", "kind", "name", "pin"),
    [
        ("numpy", LineKind.NAME, "numpy", None),
        ("numpy == 2.1.0", LineKind.NAME, "numpy", "2.1.0"),
        ("torch[extra, other]>=2,<3 ; python_version < '4'", LineKind.NAME, "torch", None),
        ("numpy==2.1.0 --hash=sha256:" + "ab" * 32, LineKind.NAME, "numpy", "2.1.0"),
        ("x @ https://a.b/c.whl", LineKind.ADDRESS, "x", None),
        ("git+https://a.b/c@d#egg=x", LineKind.ADDRESS, "x", None),
        ("-e git+ssh://git@a.b/c#egg=x", LineKind.ADDRESS, "x", None),
        ("-e .", LineKind.LOCAL, None, None),
        ("./x.whl", LineKind.LOCAL, None, None),
        ("-r base.txt", LineKind.INCLUDE, None, None),
        ("-rbase.txt", LineKind.INCLUDE, None, None),
        ("--extra-index-url=https://a.b", LineKind.EXTRA_INDEX, None, None),
        ("-i https://a.b", LineKind.INDEX, None, None),
        ("--trusted-host a.b", LineKind.TRUSTED_HOST, None, None),
        ("--no-binary :all:", LineKind.OPTION, None, None),
        ("python=3.12", LineKind.NAME, "python", "3.12"),
        ("?? what", LineKind.UNREADABLE, None, None),
    ],
)
def test_each_line_is_one_thing(text: str, kind: LineKind, name: str | None, pin: str | None) -> None:
    line = parse_line(text)
    assert (line.kind, line.name, line.pin) == (kind, name, pin)


def test_continued_lines_are_one_and_comments_none() -> None:
    lines = list(parse_requirements(["# x", "numpy \\", "  ==2.1.0  # why", "", "torch"]))
    assert [(one.number, one.name, one.pin) for one in lines] == [
        (2, "numpy", "2.1.0"),
        (5, "torch", None),
    ]


@given(st.text(alphabet="abc-_.=<>!~@[];# \\\n:/+", max_size=60))
def test_any_text_gives_lines(text: str) -> None:
    lines = list(parse_requirements(text.splitlines()))
    assert all(one.text and 1 <= one.number <= len(text.splitlines()) for one in lines)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install -q a b==1 -U", ("a", "b==1")),
        ("python -m pip install --target x a", ("a",)),
        ("pip install -r x.txt --index-url https://a.b", ("-r x.txt", "--index-url https://a.b")),
        ("uv pip install 'a>=1' && pip install b", ("a>=1", "b")),
        ("uv add a", ("a",)),
        ("pip install $X .", ()),
        ("apt-get install a", ()),
        ("echo pip", ()),
    ],
)
def test_what_a_command_installs_is_read(command: str, expected: tuple[str, ...]) -> None:
    assert installed_by(command) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torchtriton", {"PKG001"}),
        ("TorchTriton>=1", {"PKG001"}),
        ("ultralytics==8.3.46", {"PKG001"}),
        ("ultralytics==8.3.47", set()),
        ("ultralytics", set()),
        ("reqeusts==1.0", {"PKG002"}),
        ("transfomers==1.0", {"PKG002"}),
        ("scikitlearn==1.0", {"PKG002"}),
        ("t0rch==1.0", {"PKG003"}),
        ("--trusted-host pypi.org", {"PKG004"}),
        ("--index-url http://pypi.org/simple", {"CFG024", "PKG004"}),
        ("torch==2.5.1", {"PKG005"}),
        ("torch==2.6.0", set()),
        (f"--extra-index-url {HOST}/simple", {"CFG024", "PKG008"}),
        ("--extra-index-url https://download.pytorch.org/whl/cu121", set()),
        ("huggingface-cli==0.1", {"PKG009"}),
        (f"x @ {HOST}/x.whl", {"CFG024"}),
        ("git+https://github.com/org/x", {"CFG025"}),
    ],
)
def test_a_line_of_requirements_hits_its_rules(line: str, expected: set[str]) -> None:
    assert told("requirements.txt", f"numpy==2.1.0\n{line}\n") == expected


@pytest.mark.parametrize(
    "name",
    ["requirements-dev.txt", "x/requirements/base.txt", "dev_requirements.txt", "constraints.txt"],
)
def test_requirements_are_known_by_their_names(name: str) -> None:
    assert told(name, "torchtriton\n") == {"PKG001"}


def test_every_popular_name_is_known_and_none_is_taken_for_another() -> None:
    names = sorted(popular())
    assert len(names) > 1000
    assert [name for name in names if resembles(name) is not None] == []


@pytest.mark.parametrize(
    "name",
    [
        "torchx",
        "torch2",
        "dataset",
        "transformers4",
        "pandas-ai",
        "mylib",
        "numpyro",
        "jax",
        "openai2",
        "kerass1",
        "torch-ema",
    ],
)
def test_honest_neighbours_are_not_taken_for_misspellings(name: str) -> None:
    assert resembles(name) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("requesst", ("requests", Resemblance.TRANSPOSED)),
        ("transformrs", ("transformers", Resemblance.EDIT)),
        ("tenserflow", ("tensorflow", Resemblance.EDIT)),
        ("py-torch-lightning", ("pytorch-lightning", Resemblance.SEPARATORS)),
        ("tоrch", ("torch", Resemblance.LOOKALIKE)),
        ("huggingface_hud", ("huggingface-hub", Resemblance.EDIT)),
    ],
)
def test_misspellings_are_found(name: str, expected: tuple[str, Resemblance]) -> None:
    assert resembles(name) == expected


@given(st.text(max_size=30))
def test_any_name_can_be_asked_about(name: str) -> None:
    assert (resembles(name) is None) or normalised(name) not in popular()
    assert known_bad(name, None) is None or normalised(name)


def test_versions_are_compared_by_number() -> None:
    order = ["1.0.dev1", "1.0", "1.0.1", "1.2", "1.10", "2"]
    keys = [release(version) for version in order]
    assert None not in keys
    assert keys == sorted(keys, key=lambda key: key or ())
    assert release("latest") is None
    assert [flaw.identifier for flaw in flaws("torch", "2.5.1+cu121")] == ["CVE-2025-32434"]


def test_known_installers_are_known_by_their_whole_host() -> None:
    assert is_known_installer("https://astral.sh/uv/install.sh")
    assert not is_known_installer("http://astral.sh/uv/install.sh")
    assert not is_known_installer("https://astral.sh.example.invalid/uv/install.sh")
    assert not is_known_installer("https://ollama.com/../x")


def test_the_tables_of_names_are_sorted_by_what_they_are() -> None:
    text = (signatures_dir() / "packages" / "malicious.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert rows
    assert [
        row[0] for row in rows if normalised(row[0]) != row[0] or not row[3].startswith("https://")
    ] == []
    assert [row[0] for row in rows if row[1] == "*" and row[0] in popular()] == []


PROJECT = '[build-system]\nrequires = ["setuptools"]\n[project]\nname = "x"\nversion = "1"\n'


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pyproject.toml", PROJECT, set()),
        ("pyproject.toml", PROJECT + 'dependencies = ["torchtriton"]\n', {"PKG001"}),
        (
            "pyproject.toml",
            PROJECT + '[project.optional-dependencies]\na = ["torchtriton"]\n',
            {"PKG001"},
        ),
        ("pyproject.toml", PROJECT + '[dependency-groups]\na = ["torchtriton"]\n', {"PKG001"}),
        ("pyproject.toml", "[tool.poetry.dependencies]\ntorchtriton = '*'\n", {"PKG001"}),
        ("pyproject.toml", f"[tool.poetry.dependencies]\nx = {{url = '{HOST}/x.whl'}}\n", {"CFG024"}),
        ("pyproject.toml", f"[[tool.uv.index]]\nurl = '{HOST}'\n", {"CFG024", "PKG008"}),
        ("pyproject.toml", f"[[tool.uv.index]]\nurl = '{HOST}'\nexplicit = true\n", {"CFG024"}),
        ("pyproject.toml", "[build-system]\nbackend-path = ['x']\nbuild-backend = 'y'\n", {"PKG010"}),
        ("pyproject.toml", "[tool.poetry.build]\nscript = 'build.py'\n", {"PKG010"}),
        ("pyproject.toml", PROJECT + '[project.scripts]\npip = "x:y"\n', {"PKG012"}),
        ("Pipfile", "[packages]\ntorchtriton = '*'\n", {"PKG001"}),
        ("poetry.lock", "[[package]]\nname = 'ultralytics'\nversion = '8.3.41'\n", {"PKG001"}),
        ("uv.lock", "[[package]]\nname = 'reqeusts'\nversion = '1'\n", set()),
        (
            "uv.lock",
            f"[[package]]\nname = 'x'\nversion = '1'\nsource = {{url = '{HOST}/x.whl'}}\n",
            {"CFG024"},
        ),
        ("pip.conf", f"[global]\nextra-index-url = {HOST}\n", {"CFG024", "PKG008"}),
        ("pip.conf", "[global]\nindex-url = https://pypi.org/simple\n", set()),
        (".npmrc", f"registry={HOST}\n", {"CFG024"}),
        (".npmrc", "script-shell=./x.sh\n", {"PKG015"}),
        ("setup.cfg", "[options]\ninstall_requires =\n    torchtriton\n    numpy\n", {"PKG001"}),
        (
            "environment.yml",
            "dependencies:\n  - python=3.12\n  - pip:\n      - torchtriton\n",
            {"PKG001"},
        ),
        ("packages.txt", "ffmpeg\n", set()),
        ("packages.txt", "-oDPkg::Pre-Invoke::=x\n", {"PKG018"}),
        ("package.json", json.dumps({"scripts": {"build": "vite"}}), set()),
        ("package.json", json.dumps({"scripts": {"postinstall": "node x.js"}}), {"PKG014"}),
        ("package.json", json.dumps({"scripts": {"preinstall": f"curl {HOST}"}}), {"PKG015"}),
        ("package.json", json.dumps({"dependencies": {"x": f"{HOST}/x.tgz"}}), {"CFG024"}),
    ],
)
def test_files_of_installers_hit_their_rules(name: str, text: str, expected: set[str]) -> None:
    assert told(name, text) == expected


def test_python_files_that_tools_run_are_told() -> None:
    assert "PKG011" in rules("sitecustomize.py", "x = 1\n")
    assert "PKG016" in rules("setup.py", "from setuptools import setup\nsetup()\n")
    assert "PKG016" in rules("conftest.py", "x = 1\n")
    assert "DEV041" in rules(".ipython/profile_default/startup/a.py", "x = 1\n")
    assert "DEV041" in rules("ipython_config.py", "c.InteractiveShellApp.exec_lines = ['import x']\n")
    assert "DEV041" not in rules("ipython_config.py", "# c.InteractiveShellApp.exec_lines = []\n")


def test_a_command_class_that_starts_programs_is_told() -> None:
    text = "class A(install):\n    def run(self):\n        {}\nsetup(cmdclass={{'install': A}})\n"
    assert "PKG013" in rules("setup.py", text.format("os.system('make')"))
    assert "PKG013" not in rules("setup.py", text.format("self.run_command('build')"))


def test_a_wheel_with_a_file_that_its_list_lacks_is_told() -> None:
    found = whole({"a.whl": wheel({"x/late.py": "X = 1\n"})})
    assert [(one.rule, one.path) for one in found] == [("PKG017", ("a.whl",))]
    assert "'x/late.py' is not in its list" in found[0].evidence


def test_a_wheel_with_another_digest_is_told() -> None:
    data = wheel().replace(b"print('weighbridge-marker')", b"print('weighbridge-Marker')")
    assert [one.rule for one in whole({"a.whl": data})] == ["PKG017"]


def test_an_honest_wheel_gives_nothing_and_a_broken_one_no_error() -> None:
    data = wheel(scripts="marker = marker:main")
    assert whole({"a.whl": data}) == []
    assert whole({"a.whl": data[: len(data) // 2]}) == []
    assert [one.rule for one in whole({"a.whl": wheel(scripts="pip = x:y")})] == ["PKG012"]


def test_imports_are_held_against_the_requirements_of_their_folder() -> None:
    files = {
        "requirements.txt": "declared-thing\ngit+https://github.com/a/from_git\n",
        "run.py": "import os, torch, cv2, declared_thing, from_git, mine, below.x\nimport "
        "unheard_of_thing\n",
        "mine.py": "",
        "below/x.py": "",
        "other/run.py": "import unheard_of_thing\n",
    }
    found = whole(files)
    assert [(one.rule, one.path, one.evidence) for one in found] == [
        ("PKG019", ("run.py",), "imports 'unheard_of_thing'")
    ]


def test_samples_of_this_family_are_single_files(tmp_path: Path) -> None:
    from samples.recipes.packaging import samples

    names = [name for name, _ in samples()]
    assert names
    assert len(names) == len(set(names))


def test_evidence_says_where_a_requirement_stands() -> None:
    found = [one for one in findings("requirements.txt", "ctx==0.2.2\n") if one.rule == "PKG001"]
    assert [one.subject for one in found] == ["ctx"]
