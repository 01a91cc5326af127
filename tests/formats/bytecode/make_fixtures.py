"""Compile the same few programs with many Pythons; print base64 lines for `compiled.txt`.

    for python in python2.7 python3.6 ... python3.13; do $python make_fixtures.py; done > compiled.txt

Runs under every CPython from 2.7 on. Nothing that it compiles is run. Each line: release, name of the
program, what it is (`pyc`, or `marshal` and the version of marshal), base64 of zlib.
"""

# mypy: ignore-errors
# ruff: noqa: N806, UP031

import base64
import marshal
import struct
import sys
import zlib

PROGRAMS = (
    ("plain", "import os; os.system('echo weighbridge-marker')"),
    ("alias", "import socket as s\nc = s.socket()\nc.connect(('host.example.invalid', 80))\n"),
    ("from", "from os import system as run\nrun('echo weighbridge-marker')\n"),
    (
        "nested",
        "import os.path\n"
        "class Layer(object):\n"
        "    def call(self, x):\n"
        "        import subprocess\n"
        "        def inner(y):\n"
        "            return subprocess.call('echo weighbridge-marker', shell=True)\n"
        "        return inner(x)\n",
    ),
    ("lookup", "getattr(__import__('os'), 'sys' + 'tem')('echo weighbridge-marker')"),
    (
        "keywords",
        "import subprocess\nsubprocess.Popen('echo weighbridge-marker', -1, shell=True, cwd='/')\n",
    ),
    (
        "starred",
        "import subprocess\n"
        "def f(**more):\n"
        "    return subprocess.call(*('echo weighbridge-marker',), **more)\n",
    ),
    (
        "branches",
        "import os\n"
        "def f(x, y=None):\n"
        "    for i in range(3):\n"
        "        if x and (y or i):\n"
        "            os.popen('echo one' if x else 'echo two', 'r')\n"
        "    try:\n"
        "        with open('/dev/null', 'w') as sink:\n"
        "            sink.write('weighbridge-marker')\n"
        "    except (OSError, IOError) as error:\n"
        "        os.remove('/nowhere/weighbridge-marker')\n"
        "    finally:\n"
        "        x = [os.getcwd() for _ in (1, 2)]\n"
        "    return eval('1 + 1')\n",
    ),
    ("harmless", "def scale(x, factor=255.0):\n    return [each / factor for each in x]\n"),
    (
        "constants",
        "x = (1, -2, 2**70, 1.5, 2j, 'text', b'bytes', u'\\u20ac', None, True, (1, (2,)))\ny = ...\n",
    ),
    ("eval", "x + 1"),
)


def header():
    try:
        from importlib.util import MAGIC_NUMBER
    except ImportError:
        import imp

        MAGIC_NUMBER = imp.get_magic()
    rest = 4 if sys.version_info < (3, 3) else 8 if sys.version_info < (3, 7) else 12
    return MAGIC_NUMBER + struct.pack("<I", 0) + b"\0" * (rest - 4)


def emit(name, kind, data):
    release = "%d.%d" % sys.version_info[:2]
    text = base64.b64encode(zlib.compress(data, 9)).decode("ascii")
    print("%s %s %s %s" % (release, name, kind, text))


for name, source in PROGRAMS:
    if name == "constants" and sys.version_info < (3,):
        source = source.replace("y = ...\n", "")
    mode = "eval" if name == "eval" else "exec"
    code = compile(source, "model.py", mode)
    emit(name, "marshal-%d" % marshal.version, marshal.dumps(code))
    if name == "plain":
        emit(name, "pyc", header() + marshal.dumps(code))
        emit(name, "marshal-0", marshal.dumps(code, 0))
