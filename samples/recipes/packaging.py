"""What installers read: one hit for each PKG rule, and benign twins."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator

HOST = "https://example.invalid"


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for name, text in (*_requirements(), *_nameless(), *_projects(), *_python(), *_others()):
        yield f"packaging/{name}", text.encode()
    yield "packaging/wheel-changed/marker-1.0-py3-none-any.whl", _wheel({"marker/late.py": "X = 1\n"})
    yield "packaging/wheel-script/marker-1.0-py3-none-any.whl", _wheel(scripts="pip = marker:main")
    yield "packaging/wheel.twin/marker-1.0-py3-none-any.whl", _wheel(scripts="marker = marker:main")


def _requirements() -> Iterator[tuple[str, str]]:
    yield "malicious/requirements.txt", "numpy==2.1.0\ntorchtriton\n"
    yield "hijacked/requirements.txt", "ultralytics==8.3.41\n"
    yield "ultralytics.twin/requirements.txt", "ultralytics==8.3.50\n"
    yield "misspelled/requirements.txt", "reqeusts==2.32.0\n"
    yield "lookalike/requirements.txt", "t0rch==2.7.0\n"
    yield "unprotected/requirements.txt", "numpy==2.1.0\n--trusted-host pypi.org\n"
    yield "flawed/requirements.txt", "torch==2.5.1\n"
    yield "second-index/requirements.txt", f"--extra-index-url {HOST}/simple\nour-own-models==1.0\n"
    yield "invented/requirements.txt", "huggingface-cli==0.1\n"
    yield (
        "plain.twin/requirements.txt",
        (
            "# what it needs\n--extra-index-url "
            "https://download.pytorch.org/whl/cu121\ntorch>=2.6\ntransformers[torch]~=4.50 \\\n"
            "    ; python_version >= '3.10'\naccelerate\nnumpy==2.1.0 --hash=sha256:"
            + "ab" * 32
            + "\n-r base.txt\n"
        ),
    )
    yield (
        "environment/environment.yml",
        "name: x\ndependencies:\n  - python=3.12\n  - pip:\n      - torchtriton\n",
    )


_PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "marker"
version = "1.0"
dependencies = ["numpy>=2", "torch>=2.6"]

[project.scripts]
marker = "marker:main"
"""


def _nameless() -> Iterator[tuple[str, str]]:
    yield "nameless/requirements.txt", "--index-url https://203.0.113.5/simple\nnumpy==2.2.0\n"
    yield "nameless.twin/requirements.txt", "--index-url https://192.168.1.5/simple\nnumpy==2.2.0\n"
    yield "hijacked-token/requirements.txt", "litellm==1.82.8\n"


def _projects() -> Iterator[tuple[str, str]]:
    yield "project.twin/pyproject.toml", _PROJECT
    yield (
        "own-backend/pyproject.toml",
        _PROJECT.replace(
            'build-backend = "setuptools.build_meta"', 'build-backend = "own"\nbackend-path = ["_build"]'
        ),
    )
    yield "named-like/pyproject.toml", _PROJECT.replace('marker = "marker:main"', 'pip = "marker:main"')
    yield "project-malicious/pyproject.toml", _PROJECT.replace("numpy>=2", "colourama")
    yield "locked/uv.lock", 'version = 1\n[[package]]\nname = "ultralytics"\nversion = "8.3.42"\n'
    yield "pip-settings/pip.conf", f"[global]\nextra-index-url = {HOST}/simple\n"


def _python() -> Iterator[tuple[str, str]]:
    yield "every-start/sitecustomize.py", "MARKER = 'weighbridge-marker'\n"
    yield "every-start-acts/sitecustomize.py", "import os\nos.system('echo weighbridge-marker')\n"
    yield (
        "installing/setup.py",
        (
            "import os\nfrom setuptools import setup\nfrom setuptools.command.install import install\n\n"
            "class Install(install):\n    def run(self):\n        os.system('echo weighbridge-marker')\n"
            "        install.run(self)\n\nsetup(name='marker', cmdclass={'install': Install})\n"
        ),
    )
    yield (
        "setup.twin/setup.py",
        (
            "from setuptools import find_packages, setup\n\nsetup(name='marker', "
            "packages=find_packages(),\n"
            "      install_requires=['torch', 'numpy'])\n"
        ),
    )
    yield "tests.twin/conftest.py", "import pytest\n\n@pytest.fixture\ndef seed():\n    return 0\n"
    yield "imports/requirements.txt", "torch==2.7.0\n"
    yield "imports/run.py", "import json\nimport torch\nimport weighbridge_marker_helpers\n"


def _others() -> Iterator[tuple[str, str]]:
    yield (
        "node-runs/package.json",
        json.dumps({"name": "x", "scripts": {"postinstall": "node build.js"}}),
    )
    yield (
        "node-reaches/package.json",
        json.dumps(
            {
                "name": "x",
                "scripts": {
                    "preinstall": f"node -e \"require('https').get('{HOST}/weighbridge-marker')\""
                },
            }
        ),
    )
    yield (
        "node.twin/package.json",
        json.dumps(
            {
                "name": "x",
                "scripts": {"build": "vite build", "test": "vitest"},
                "dependencies": {"vue": "^3.5.0"},
            }
        ),
    )
    yield "system/packages.txt", "ffmpeg\n-oAPT::Update::Pre-Invoke::=weighbridge-marker\n"
    yield "system.twin/packages.txt", "ffmpeg\nlibsm6 libxext6\nbuild-essential\n"


def _wheel(late: dict[str, str] | None = None, scripts: str = "") -> bytes:
    """A wheel, with files that its list does not name."""
    info = "marker-1.0.dist-info"
    files = {
        "marker/__init__.py": "def main():\n    print('weighbridge-marker')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: marker\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: weighbridge\nRoot-Is-Purelib: "
        "true\nTag: py3-none-any\n",
    }
    if scripts:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n"
    rows = [f"{name},sha256={_digest(text)},{len(text)}" for name, text in files.items()]
    record = "\n".join([*rows, f"{info}/RECORD,,", ""])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, text in {**files, **(late or {}), f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return data.getvalue()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
